//! Cross-validates, selects and fits the learners on the train split.

use serde::{Deserialize, Serialize};

use super::data_ingestion::DataIngestionArtifact;
use super::data_transformation::DataTransformationArtifact;
use super::{StageContext, StageOutput};
use crate::error::CommandError;

/// The artifact of the stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelTrainerArtifact {
    /// Learners fitted, each with `<learner>.json` beside the artifact.
    pub learners: Vec<String>,
    /// The selected learner.
    pub selected: String,
    /// Its operating point (binary tasks).
    pub threshold: Option<f64>,
}

/// Runs the stage.
pub fn run(
    ctx: &StageContext<'_>,
    _ingestion: &DataIngestionArtifact,
    _transformation: &DataTransformationArtifact,
) -> Result<StageOutput<ModelTrainerArtifact>, CommandError> {
    let _ = ctx;
    Err(CommandError::internal("model_trainer is not built yet"))
}
