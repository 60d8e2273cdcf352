//! The push itself: repeatable steps between two journal records.

use super::decide::{evidence, subject};
use super::plan::{self, PushPlan};
use crate::approval::{Decision, Journal, JournalRecord};
use crate::error::CommandError;
use crate::events::{Actor, StageName};
use crate::hash;
use crate::storage::{self, Manifest};
use crate::workspace::Workspace;

/// Name of the train snapshot in `data_ingestion/`.
const TRAIN_FILE: &str = "train.parquet";

/// Checks that the run's files are still the ones the plan names.
pub(super) fn check_files(workspace: &Workspace, plan: &PushPlan) -> Result<(), CommandError> {
    for (_, path, expected) in plan.sources(workspace) {
        let found = hash::sha256_file(&path).map_err(|e| plan::file_error(&path, e))?;
        if found != expected {
            return Err(CommandError::refused(format!(
                "{} has changed since plan {} was made: it hashes to {found}, not {expected}",
                path.display(),
                plan.plan_id
            ))
            .hint("Retrain; the former files of a run are never pushed in altered form."));
        }
    }
    Ok(())
}

/// Orders and executes the push of a plan that has its approvals. Returns what was done.
pub(super) fn push(
    workspace: &Workspace,
    journal: &mut Journal,
    plan: &PushPlan,
    by: Actor,
    reason: &str,
) -> Result<Vec<String>, CommandError> {
    let order = journal
        .append(Decision::Push, by, reason, subject(plan), evidence(plan))?
        .clone();
    execute(workspace, journal, plan, &order)
}

/// Executes an ordered push; every step may have been done before.
fn execute(
    workspace: &Workspace,
    journal: &mut Journal,
    plan: &PushPlan,
    order: &JournalRecord,
) -> Result<Vec<String>, CommandError> {
    let manifest = manifest(plan, order, journal.records());
    let sources = plan.sources(workspace).map(|(name, path, _)| (name, path));
    let train = workspace
        .run_dir(&plan.run_id)
        .join(StageName::DataIngestion.as_str())
        .join(TRAIN_FILE);
    storage::keep_version(
        workspace,
        &manifest,
        &sources,
        train.exists().then_some(&train),
    )?;
    let mut lines = vec![format!("kept {} in Artifacts/versions/{0}/", plan.version)];
    storage::put_in_production(workspace, &plan.version)?;
    lines.push(format!("final_model/ is {}", plan.version));
    let record = journal.append(
        Decision::Pushed,
        order.by.clone(),
        &order.reason,
        order.subject.clone(),
        order.evidence.clone(),
    )?;
    lines.push(format!("receipt journalled as record {}", record.seq));
    Ok(lines)
}

/// Finishes a push or rollback that was ordered and not completed. Returns what was done.
pub(super) fn finish_interrupted(
    workspace: &Workspace,
    journal: &mut Journal,
) -> Result<Vec<String>, CommandError> {
    let open = journal
        .records()
        .iter()
        .rev()
        .find(|r| !matches!(r.decision, Decision::Approve | Decision::Reject))
        .filter(|r| matches!(r.decision, Decision::Push | Decision::Rollback))
        .cloned();
    let Some(order) = open else {
        return Ok(Vec::new());
    };
    let mut lines = vec![format!(
        "finishing the {} of {} ordered by {}",
        order.decision.as_str(),
        order.subject.version,
        order.by.name
    )];
    match (order.decision, &order.subject.plan_id) {
        (Decision::Push, Some(plan_id)) => {
            let plan = plan::find_plan(workspace, plan_id)?;
            lines.extend(execute(workspace, journal, &plan, &order)?);
        }
        _ => lines.extend(super::rollback::execute(workspace, journal, &order)?),
    }
    Ok(lines)
}

/// The manifest of the version; its bytes depend on the plan and the journal alone.
fn manifest(plan: &PushPlan, order: &JournalRecord, records: &[JournalRecord]) -> Manifest {
    Manifest {
        format: Manifest::FORMAT.to_owned(),
        format_version: Manifest::FORMAT_VERSION,
        version: plan.version.clone(),
        run_id: plan.run_id.to_string(),
        plan_id: plan.plan_id.clone(),
        learner: plan.selected.to_string(),
        classes: plan.classes.clone(),
        threshold: plan.threshold,
        files: [
            (storage::MODEL_FILE, &plan.model_sha256),
            (storage::PREPROCESSOR_FILE, &plan.preprocessor_sha256),
            (storage::SCHEMA_FILE, &plan.schema_sha256),
        ]
        .into_iter()
        .map(|(name, sha)| (name.to_owned(), sha.clone()))
        .collect(),
        data_digest: plan.data_digest.clone(),
        f1: plan.evidence.f1,
        approvals: records
            .iter()
            .filter(|r| {
                r.decision == Decision::Approve
                    && r.subject.plan_id.as_deref() == Some(&plan.plan_id)
            })
            .map(|r| storage::Approval {
                by: r.by.clone(),
                reason: r.reason.clone(),
            })
            .collect(),
        champion_before: plan.champion_before.clone(),
        journal_hash: order.hash.clone(),
        pushed_at: order.at,
    }
}
