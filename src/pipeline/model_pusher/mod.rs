//! Plans the push, executes an approved plan, rolls back.

use serde::{Deserialize, Serialize};

use super::model_evaluation::ModelEvaluationArtifact;
use super::model_trainer::ModelTrainerArtifact;
use super::{StageContext, StageOutput};
use crate::error::CommandError;

/// The artifact of the stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelPusherArtifact {
    /// The plan waiting for approval; `None` when the gate did not accept.
    pub plan_id: Option<String>,
}

/// Runs the stage.
pub fn run(
    ctx: &StageContext<'_>,
    _trainer: &ModelTrainerArtifact,
    _evaluation: &ModelEvaluationArtifact,
) -> Result<StageOutput<ModelPusherArtifact>, CommandError> {
    let _ = ctx;
    Err(CommandError::internal("model_pusher is not built yet"))
}
