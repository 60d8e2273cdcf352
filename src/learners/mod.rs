//! The learners: fitting with progress and cancel, probabilities, importances, open model files.
//!
//! One enum of settings ([`LearnerSpec`]) and one of fitted models ([`Model`]); the set is ours,
//! so every `match` is exhaustive. Learners see a matrix and class codes, never a table, a file
//! or a terminal. The same seed gives the same bytes at any number of threads.

mod fit;
pub mod histogram_tree;
mod json_number;
pub mod linfa_baselines;
pub mod logistic_regression;
mod model;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod oracle_tests;
mod params;
pub mod plain_tree;
mod scaling;
#[cfg(feature = "xgboost")]
pub mod xgboost;

pub use fit::{FitControl, FitError, FitRequest, Progress, ProgressSink, StopRequest, Weights};
pub use model::{Model, ModelBody, ModelError};
pub use params::{
    AdaboostParams, Criterion, DecisionTreeParams, LearnerId, LearnerSpec, LinfaLogisticParams,
    LinfaTreeParams, LogisticRegressionParams, MaxFeatures, RandomForestParams, XgboostParams,
};
