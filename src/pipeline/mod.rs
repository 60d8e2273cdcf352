//! The retraining pipeline: six stages in running order, one folder each.
//!
//! `data_ingestion` -> `data_validation` -> `data_transformation` -> `model_trainer` ->
//! `model_evaluation` -> `model_pusher`. A stage takes the typed artifacts of the stages before
//! it, works in a folder of its own that is renamed into place when complete, and records events.
//! It knows no terminal, no command line and no tracking server.

pub mod batch_prediction;
pub mod data_ingestion;
pub mod data_transformation;
pub mod data_validation;
pub mod model_evaluation;
pub mod model_pusher;
pub mod model_trainer;
pub mod runner;
mod stage;

pub use stage::{Recorder, StageContext, StageOutput};
