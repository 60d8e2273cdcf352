//! The plan: exactly what a push would do, under an id made from every hash it rests on.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::error::CommandError;
use crate::events::{RuleResult, StageName};
use crate::files;
use crate::hash;
use crate::learners::LearnerId;
use crate::pipeline::StageContext;
use crate::pipeline::data_ingestion::DataIngestionArtifact;
use crate::pipeline::data_validation::DataValidationArtifact;
use crate::pipeline::model_evaluation::ModelEvaluationArtifact;
use crate::pipeline::model_trainer::ModelTrainerArtifact;
use crate::runs::RunId;
use crate::storage;
use crate::workspace::Workspace;

use super::look::{PublishedSeen, look, targets};

/// Name of the plan file in `Artifacts/<run>/model_pusher/`.
const PLAN_FILE: &str = "plan.json";
/// Name of the schema beside it.
const SCHEMA_FILE: &str = "schema.json";
/// Characters of a plan id.
const ID_LENGTH: usize = 12;

/// What the approver should look at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanEvidence {
    /// F1 on the test split.
    pub f1: Option<f64>,
    /// The gate's rules and what came of them.
    pub gate: Vec<RuleResult>,
    /// Columns that drifted against the champion's data; `None` without a champion.
    pub drifted: Option<u64>,
    /// Checks of the data that warn.
    pub warnings: u64,
    /// The part of the test rows on which it is worse than the champion beyond chance, in words.
    /// Left out where there is none: plans of former versions keep their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse_slice: Option<String>,
}

/// What a push would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PushPlan {
    /// Id, from every hash below: anything that changes makes another plan.
    pub plan_id: String,
    /// The run that made the model.
    pub run_id: RunId,
    /// The version the model would become.
    pub version: String,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// SHA-256 of `preprocessor.json`.
    pub preprocessor_sha256: String,
    /// SHA-256 of `schema.json`.
    pub schema_sha256: String,
    /// Digest of the rows behind it.
    pub data_digest: String,
    /// The champion it was compared with; `None` when there was none.
    pub champion_before: Option<String>,
    /// The selected learner.
    pub selected: LearnerId,
    /// Operating point (binary tasks).
    pub threshold: Option<f64>,
    /// Class names.
    pub classes: Vec<String>,
    /// Where the push writes.
    pub targets: Vec<String>,
    /// What the published store named when the plan was made; `None` in plans of former versions
    /// of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedSeen>,
    /// What will happen, in order, for people.
    pub steps: Vec<String>,
    /// What it rests on.
    pub evidence: PlanEvidence,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

impl PushPlan {
    /// The id that follows from the plan's content. Times are left out: the same model on the
    /// same evidence is the same plan.
    pub fn expected_id(&self) -> String {
        let mut content = serde_json::json!({
            "run_id": self.run_id,
            "version": self.version,
            "model_sha256": self.model_sha256,
            "preprocessor_sha256": self.preprocessor_sha256,
            "schema_sha256": self.schema_sha256,
            "data_digest": self.data_digest,
            "champion_before": self.champion_before,
            "selected": self.selected,
            "threshold": self.threshold,
            "classes": self.classes,
            "targets": self.targets,
            "evidence": self.evidence,
        });
        // Left out where there is none: plans of former versions keep their ids.
        if let Some(published) = &self.published {
            content["published"] = serde_json::json!(published);
        }
        let mut id = hash::sha256_json(&content);
        id.truncate(ID_LENGTH);
        id
    }

    /// Where the run's files of this plan lie: (name in the version, path).
    pub fn sources(&self, workspace: &Workspace) -> [(&'static str, PathBuf, &str); 3] {
        let run = workspace.run_dir(&self.run_id);
        let stage = |name: StageName| run.join(name.as_str());
        [
            (
                storage::MODEL_FILE,
                stage(StageName::ModelTrainer).join(model_file(self.selected)),
                &self.model_sha256,
            ),
            (
                storage::PREPROCESSOR_FILE,
                stage(StageName::DataTransformation).join(storage::PREPROCESSOR_FILE),
                &self.preprocessor_sha256,
            ),
            (
                storage::SCHEMA_FILE,
                stage(StageName::ModelPusher).join(SCHEMA_FILE),
                &self.schema_sha256,
            ),
        ]
    }
}

/// Name of a learner's model file in `model_trainer/`.
fn model_file(learner: LearnerId) -> String {
    format!("{learner}.json")
}

/// Makes the plan of this run and writes it into the stage's folder. Returns it with what is to be
/// said about the published store.
pub(super) fn make(
    ctx: &StageContext<'_>,
    trainer: &ModelTrainerArtifact,
    evaluation: &ModelEvaluationArtifact,
) -> Result<(PushPlan, Vec<String>), CommandError> {
    let run_id: RunId = ctx
        .run_dir
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
        .parse()
        .map_err(CommandError::internal)?;
    let selected: LearnerId = trainer.selected.parse().map_err(CommandError::internal)?;
    let ingestion: DataIngestionArtifact = artifact(ctx, StageName::DataIngestion)?;
    let validation: DataValidationArtifact = artifact(ctx, StageName::DataValidation)?;
    let schema_path = ctx.work_dir.join(SCHEMA_FILE);
    files::write_json(&schema_path, ctx.schema).map_err(|e| file_error(&schema_path, e))?;
    let hash_of = |path: &Path| hash::sha256_file(path).map_err(|e| file_error(path, e));
    let seen = look(ctx.workspace, &ctx.config.storage);
    let version = format!(
        "v{}",
        last_version(ctx.workspace)?.max(seen.highest_version) + 1
    );
    let mut warnings = seen.warnings.clone();
    warnings.extend(seen.other_champion(evaluation.champion.as_deref()));
    let created_at = Utc::now();
    let age = i64::try_from(ctx.config.approval.max_plan_age_hours).unwrap_or(i64::MAX);
    let mut plan = PushPlan {
        plan_id: String::new(),
        run_id,
        model_sha256: hash_of(
            &ctx.stage_dir(StageName::ModelTrainer)
                .join(model_file(selected)),
        )?,
        preprocessor_sha256: hash_of(
            &ctx.stage_dir(StageName::DataTransformation)
                .join(storage::PREPROCESSOR_FILE),
        )?,
        schema_sha256: hash_of(&schema_path)?,
        data_digest: ingestion.digest,
        champion_before: evaluation.champion.clone(),
        selected,
        threshold: trainer.threshold,
        classes: ingestion.classes,
        targets: targets(&ctx.config.storage),
        steps: super::look::steps(
            &version,
            evaluation.champion.as_deref(),
            &seen,
            &ctx.config.storage,
            &warnings,
        ),
        published: Some(seen.published),
        version,
        evidence: PlanEvidence {
            f1: evaluation.f1,
            gate: evaluation.rules.clone(),
            drifted: validation.drifted,
            warnings: validation.warnings,
            worse_slice: evaluation.worse_slice.clone(),
        },
        created_at,
        expires_at: Duration::try_hours(age)
            .and_then(|age| created_at.checked_add_signed(age))
            .unwrap_or(DateTime::<Utc>::MAX_UTC),
    };
    plan.plan_id = plan.expected_id();
    let path = ctx.work_dir.join(PLAN_FILE);
    files::write_json(&path, &plan).map_err(|e| file_error(&path, e))?;
    Ok((plan, warnings))
}

fn last_version(workspace: &Workspace) -> Result<u64, CommandError> {
    let kept = storage::versions(workspace)?;
    Ok(kept.last().and_then(|v| storage::number(v)).unwrap_or(0))
}

fn artifact<T: serde::de::DeserializeOwned>(
    ctx: &StageContext<'_>,
    stage: StageName,
) -> Result<T, CommandError> {
    let path = ctx.stage_dir(stage).join("artifact.json");
    let bytes = fs::read(&path).map_err(|e| file_error(&path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| file_error(&path, e.into()))
}

pub(super) fn file_error(path: &Path, source: std::io::Error) -> CommandError {
    CommandError::backend(format!("{} cannot be read or written", path.display())).because(source)
}

/// Every plan there is, newest run first.
pub fn plans(workspace: &Workspace) -> Result<Vec<PushPlan>, CommandError> {
    let dir = workspace.artifacts();
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(file_error(&dir, e)),
    };
    let mut runs: Vec<RunId> = entries
        .flatten()
        .filter_map(|e| e.file_name().to_str().and_then(|n| n.parse().ok()))
        .collect();
    runs.sort_unstable();
    let mut plans = Vec::new();
    for run in runs.iter().rev() {
        if let Some(plan) = plan_of_run(workspace, run)? {
            plans.push(plan);
        }
    }
    Ok(plans)
}

/// The plan of a run, if its gate accepted.
pub fn plan_of_run(workspace: &Workspace, run: &RunId) -> Result<Option<PushPlan>, CommandError> {
    let path = workspace
        .run_dir(run)
        .join(StageName::ModelPusher.as_str())
        .join(PLAN_FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(file_error(&path, e)),
    };
    let plan: PushPlan = serde_json::from_slice(&bytes).map_err(|e| file_error(&path, e.into()))?;
    if plan.plan_id != plan.expected_id() || plan.run_id != *run {
        return Err(CommandError::refused(format!(
            "{} was altered: its content does not match its plan id",
            path.display()
        ))
        .hint("Retrain, or evaluate again: `netsec retrain --from model_evaluation`."));
    }
    Ok(Some(plan))
}

/// The plan with this id, or with this unique beginning of one.
pub fn find_plan(workspace: &Workspace, id: &str) -> Result<PushPlan, CommandError> {
    let mut found: Vec<PushPlan> = plans(workspace)?
        .into_iter()
        .filter(|p| p.plan_id.starts_with(id))
        .collect();
    match found.len() {
        1 if !id.is_empty() => Ok(found.remove(0)),
        0 => Err(CommandError::not_found(format!("there is no plan `{id}`"))
            .hint("`netsec plan latest` shows the plan of the latest run.")),
        n => Err(
            CommandError::not_found(format!("`{id}` is the beginning of {n} plan ids"))
                .hint("Give more characters of it."),
        ),
    }
}
