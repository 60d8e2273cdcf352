//! A typed client of MLflow's REST interface, as MLflow 3, MLflow 2 and DAGsHub serve it.
//!
//! Knows requests, replies, limits and errors of the server; knows nothing of runs, learners or
//! the run log, keeps no state and sends nothing by itself. Paths come from one table
//! ([`Endpoint`]), never from what a server says; credentials go to the configured address only
//! and stand in no error.

mod artifacts;
mod capabilities;
mod client;
mod credentials;
mod endpoint;
mod error;
mod experiments;
mod ids;
mod lenient;
mod logged_models;
mod registry;
mod reply;
mod retry;
mod runs;
#[cfg(test)]
mod scripted_server_tests;
mod values;

pub use artifacts::{ArtifactEntry, ArtifactPath, ArtifactRoot};
pub use capabilities::{Answer, Capabilities, Capability, Probes, level};
pub use client::{Client, Options};
pub use credentials::{Credentials, Server, SetupError};
pub use endpoint::{Endpoint, Verb};
pub use error::{Class, MlflowError, Problem};
pub use experiments::Experiment;
pub use ids::{ExperimentId, IdError, LoggedModelId, MlflowRunId};
pub use logged_models::{
    LoggedModel, LoggedModelData, LoggedModelInfo, LoggedModelStatus, NewLoggedModel,
};
pub use registry::{ModelVersion, NewModelVersion, RegisteredModel, VersionStatus};
pub use retry::{Breaker, Decision, Policy, retrying};
pub use runs::{
    Dataset, DatasetInput, NewRun, Run, RunData, RunInfo, RunInputs, RunOutputs, RunStatus,
    RunUpdate, tag_filter,
};
pub use values::{
    Change, DATASET_DIGEST, LogBatch, Metric, MetricValue, Param, Tag, batches, clean_key,
    cut_text, dataset_digest, milliseconds, valid_alias,
};
