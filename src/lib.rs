//! netsec: a terminal operator console for retraining network-security threat classifiers.
//!
//! The pipeline, in the order the data takes: [`source`] reads rows, [`schema`] says what they
//! mean, [`dataset`] holds them; [`pipeline`] runs the six stages with [`learners`], [`metrics`]
//! and [`drift`]; [`events`] is the run log, [`runs`] the folders, [`worker`] the detached
//! process; [`presence`] says who is here; [`approval`] journals decisions; [`storage`] swaps and
//! publishes the champion; [`export`] writes it in portable formats; [`findings`] puts together
//! what a run found out about its data; [`monitoring`] tells Prometheus; [`tracking`] tells
//! MLflow; [`serving`] answers requests with the champion; [`console`] and [`cli`] are the two
//! faces.
#![warn(missing_docs)]

pub mod approval;
pub mod browse;
pub mod cli;
pub mod config;
pub mod console;
pub mod dataset;
pub mod drift;
pub mod error;
pub mod events;
pub mod exact_json;
pub mod export;
pub mod files;
pub mod findings;
pub mod hash;
pub mod learners;
pub mod logging;
pub mod metrics;
pub mod monitoring;
pub mod pipeline;
pub mod presence;
pub mod process;
pub mod runs;
pub mod runtime;
pub mod schema;
pub mod secrets;
pub mod serving;
pub mod source;
pub mod storage;
pub mod text;
pub mod tracking;
pub mod traffic;
pub mod worker;
pub mod workspace;
