//! Measures on the untouched test split, compares with the champion, decides.

use serde::{Deserialize, Serialize};

use super::data_ingestion::DataIngestionArtifact;
use super::model_trainer::ModelTrainerArtifact;
use super::{StageContext, StageOutput};
use crate::error::CommandError;
use crate::events::{GateVerdict, RuleResult};
use crate::storage::Champion;

/// The artifact of the stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelEvaluationArtifact {
    /// The gate's verdict.
    pub verdict: GateVerdict,
    /// F1 of the selected model on the test split.
    pub f1: Option<f64>,
    /// The gate's rules and what came of them.
    #[serde(default)]
    pub rules: Vec<RuleResult>,
    /// The champion it was compared with.
    pub champion: Option<String>,
}

/// Runs the stage.
pub fn run(
    ctx: &StageContext<'_>,
    _ingestion: &DataIngestionArtifact,
    _trainer: &ModelTrainerArtifact,
    _champion: Option<&Champion>,
) -> Result<StageOutput<ModelEvaluationArtifact>, CommandError> {
    let _ = ctx;
    Err(CommandError::internal("model_evaluation is not built yet"))
}
