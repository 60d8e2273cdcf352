//! Plans the push, executes an approved plan, rolls back.
//!
//! The stage only plans. A push happens by decision: plan -> approve (journalled) -> check that
//! nothing has changed -> keep the version -> publish its files, manifest and version object ->
//! move the published pointer -> exchange `final_model/` -> plain copies -> journal the receipt.
//! Every step can be repeated, so a crash between any two is finished by the next decision. When
//! somebody else has moved the pointer, the order is closed in the journal and nothing changes.

mod decide;
mod look;
mod plan;
mod push;
mod rollback;
#[cfg(test)]
mod shared_store_tests;
#[cfg(test)]
mod tests;

pub use decide::{
    PendingPlan, PlanStatus, Receipt, approve, approve_watched, pending, plan_status, reject,
};
pub use look::PublishedSeen;
pub use plan::{PlanEvidence, PushPlan, find_plan, plan_of_run, plans};
pub use push::Watch;
pub use rollback::rollback;

use serde::{Deserialize, Serialize};

use super::model_evaluation::ModelEvaluationArtifact;
use super::model_trainer::ModelTrainerArtifact;
use super::{StageContext, StageOutput};
use crate::error::CommandError;
use crate::events::{CheckVerdict, Event, GateVerdict, StageName};

/// The artifact of the stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelPusherArtifact {
    /// The plan waiting for approval; `None` when the gate did not accept.
    pub plan_id: Option<String>,
}

/// Runs the stage: writes `plan.json` when the gate accepted, pushes nothing.
pub fn run(
    ctx: &StageContext<'_>,
    trainer: &ModelTrainerArtifact,
    evaluation: &ModelEvaluationArtifact,
) -> Result<StageOutput<ModelPusherArtifact>, CommandError> {
    if evaluation.verdict != GateVerdict::Accept {
        return Ok(StageOutput {
            artifact: ModelPusherArtifact { plan_id: None },
            verdict: CheckVerdict::Ok,
            summary: "no plan: the gate did not accept".to_owned(),
        });
    }
    let (plan, warnings) = plan::make(ctx, trainer, evaluation)?;
    ctx.recorder.record(
        StageName::ModelPusher,
        Event::ApprovalRequested {
            plan_id: plan.plan_id.clone(),
            version: plan.version.clone(),
        },
    );
    for warning in &warnings {
        tracing::warn!(plan = %plan.plan_id, "{warning}");
    }
    let mut summary = format!(
        "plan {} waits for approval as {}",
        plan.plan_id, plan.version
    );
    for warning in &warnings {
        summary.push_str("; ");
        summary.push_str(warning);
    }
    Ok(StageOutput {
        summary,
        artifact: ModelPusherArtifact {
            plan_id: Some(plan.plan_id),
        },
        verdict: if warnings.is_empty() {
            CheckVerdict::Ok
        } else {
            CheckVerdict::Warn
        },
    })
}
