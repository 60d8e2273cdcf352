//! What was scored in production, and what analysts said about it.
//!
//! The service writes every prediction, or a sample (`prediction_log`), into Parquet segments
//! (`segments`) or a MongoDB collection (`mongo_log`), one behind the other (`store`). Analysts'
//! verdicts come later and are joined to them (`feedback`), and the errors they show feed the
//! concept-drift detectors of `drift::concept`. Recent traffic can be scored again by a candidate
//! before it is pushed (`replay`) and compared with what the champion was trained on
//! (`scored_features`). Knows neither HTTP nor the terminal.

mod feedback;
mod log_writer;
mod logged_rows;
mod mongo_log;
mod prediction_id;
mod prediction_log;
mod replay;
mod scored_drift;
mod scored_features;
mod segments;
mod shadow;
mod store;
#[cfg(test)]
mod tests;
mod traffic_frames;

pub use feedback::{
    ConceptReader, ConceptStatus, DetectorStatus, Feedback, FeedbackError, FeedbackRecord, Logged,
    Outcome, Scored, Verdict,
};
pub use mongo_log::MongoLog;
pub use prediction_id::{BatchId, PredictionId};
pub use prediction_log::{FeatureCells, LogCounters, LogSettings, PredictionLog, ScoredBatch};
pub use replay::{AlertDifference, ChangedRow, replay};
pub use scored_drift::{Recent, scored_drift};
pub use scored_features::scored_features;
pub use segments::{LogError, Segments, remove_older};
pub use shadow::{Candidate, Shadow, ShadowCounts};
pub use store::LogStore;

use std::path::PathBuf;

use crate::workspace::Workspace;

/// Where the prediction log lies: `Artifacts/predictions/`.
pub fn predictions_dir(workspace: &Workspace) -> PathBuf {
    workspace.artifacts().join("predictions")
}

/// Where verdicts are kept: `Artifacts/feedback.jsonl`.
pub fn feedback_file(workspace: &Workspace) -> PathBuf {
    workspace.artifacts().join("feedback.jsonl")
}
