//! Measures on the untouched test split, compares with the champion, decides.
//!
//! Selection is over when this stage begins: what is measured here changes no choice, it only
//! opens or shuts the gate. Every learner is measured, so that a reader can see what selection
//! by cross-validation cost or gained.

mod comparison;
mod contender;
mod document;
pub mod gate;
#[cfg(test)]
mod real_data_tests;
mod report;
mod slices;
#[cfg(test)]
mod tests;
mod two_runs;

pub use comparison::{Comparison, ComparisonError, MIN_ROWS, ScoredRows};
pub use contender::{Contender, NotComparable};
pub use document::{CompareDocument, Disagreement, Origin, Setting, Side, compare};
pub use report::{
    AtThreshold, ChampionReport, ClassCurves, EvaluationReport, GateReport, Importance, curves,
};

pub use slices::{Slice, SliceReport, slices};
pub use two_runs::{CHAMPION, compare_runs};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::data_ingestion::{self, DataIngestionArtifact};
use super::data_transformation::DataTransformationArtifact;
use super::model_trainer::{ModelTrainerArtifact, Partial, load_preprocessor, with_classes};
use super::{StageContext, StageOutput};
use crate::dataset::{Frame, Labels};
use crate::error::CommandError;
use crate::events::{CheckVerdict, Event, GateVerdict, LearnerTest, RuleResult, StageName};
use crate::files;
use crate::learners::{Model, StopRequest};
use crate::metrics::{Resampling, TestMetrics};
use crate::schema;
use crate::storage::Champion;

/// Name of the stage's report.
pub const EVALUATION_FILE: &str = "evaluation.json";

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
    /// The part of the test rows on which the model is worse than the champion beyond chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse_slice: Option<String>,
}

/// A model, its probabilities of the test rows, and their figures.
type Measured = (Model, Vec<f64>, TestMetrics);

/// Runs the stage.
pub fn run(
    ctx: &StageContext<'_>,
    ingestion: &DataIngestionArtifact,
    trainer: &ModelTrainerArtifact,
    champion: Option<&Champion>,
) -> Result<StageOutput<ModelEvaluationArtifact>, CommandError> {
    // Training is in place: what it kept for its own resume is not needed any more.
    Partial::of_run(ctx.run_dir).remove();
    let ingestion_dir = ctx.stage_dir(StageName::DataIngestion);
    let test = data_ingestion::load_test(&ingestion_dir)?.0;
    let schema = with_classes(ctx.schema, &ingestion.classes);
    let labels = schema::labels(&schema, &test)?;
    let transformation: DataTransformationArtifact =
        read_artifact(ctx, StageName::DataTransformation)?;
    let preprocessor = load_preprocessor(ctx, &transformation.preprocessor_sha256)?;
    let x = preprocessor.transform(&test)?;
    go_on(ctx)?;
    let resampling = Resampling {
        resamples: ctx.config.gate.resamples,
        seed: ctx.config.training.seed,
    };
    let trainer_dir = ctx.stage_dir(StageName::ModelTrainer);
    let mut selected: Option<(Model, Vec<f64>)> = None;
    let mut learners = Vec::new();
    let measured: Vec<Result<Measured, CommandError>> = trainer
        .learners
        .par_iter()
        .map(|learner| {
            go_on(ctx)?;
            let model = Model::load(&trainer_dir.join(format!("{learner}.json")))?;
            let probabilities = model.predict_proba(&x)?;
            let test = TestMetrics::measure_with_intervals(&labels, &probabilities, resampling)?;
            Ok((model, probabilities, test))
        })
        .collect();
    for (learner, measured) in trainer.learners.iter().zip(measured) {
        let (model, probabilities, test) = measured?;
        let measured = LearnerTest {
            learner: learner.clone(),
            test,
        };
        record(ctx, Event::TestMeasured(measured.clone()));
        learners.push(measured);
        if *learner == trainer.selected {
            selected = Some((model, probabilities));
        }
    }
    let (model, probabilities) = selected.ok_or_else(|| {
        CommandError::internal(format!(
            "the selected learner `{}` is not among the trained ones",
            trainer.selected
        ))
    })?;
    let figures = learners
        .iter()
        .find(|l| l.learner == trainer.selected)
        .map(|l| l.test.clone())
        .ok_or_else(|| CommandError::internal("the selected learner was not measured"))?;
    go_on(ctx)?;
    let challenger = Contender {
        name: run_name(ctx),
        model,
        preprocessor,
        schema,
        threshold: trainer.threshold,
        train: None,
    };
    let champion_report = match champion {
        None => None,
        Some(champion) => Some(compare_with_champion(
            ctx,
            challenger.clone(),
            champion,
            &test,
            resampling,
        )?),
    };
    let rules = judge(ctx, &challenger.name, &figures, champion_report.as_ref());
    let worse_slice = champion_report.as_ref().and_then(worse_slice);
    if let (Some(slice), Some(champion)) = (&worse_slice, champion) {
        record(
            ctx,
            Event::Warning {
                code: "worse_slice".to_owned(),
                text: format!("worse than {} on {slice}", champion.version),
            },
        );
    }
    let (verdict, reason) = gate::decide(&rules);
    for rule in &rules {
        record(ctx, Event::GateEvaluated(rule.clone()));
    }
    record(
        ctx,
        Event::GateDecided {
            verdict,
            reason: reason.clone(),
        },
    );
    let f1 = figures.f1;
    let summary = format!(
        "{}: F1 {} on {} test rows; {}",
        trainer.selected,
        f1.map_or_else(|| "undefined".to_owned(), |f| format!("{f:.4}")),
        figures.n,
        match verdict {
            GateVerdict::Accept => format!("the gate accepts: {reason}"),
            GateVerdict::Refuse => format!("the gate refuses: {reason}"),
            GateVerdict::CannotTell => format!("the gate cannot tell: {reason}"),
        }
    );
    let report = evaluation_report(
        trainer,
        &labels,
        &probabilities,
        &challenger.model,
        learners,
        champion_report,
        GateReport {
            verdict,
            reason,
            rules: rules.clone(),
        },
    );
    let path = ctx.work_dir.join(EVALUATION_FILE);
    files::write_json(&path, &report).map_err(|e| {
        CommandError::backend(format!("{} cannot be written", path.display())).because(e)
    })?;
    Ok(StageOutput {
        artifact: ModelEvaluationArtifact {
            verdict,
            f1,
            rules,
            champion: champion.map(|c| c.version.clone()),
            worse_slice,
        },
        verdict: match verdict {
            GateVerdict::Accept => CheckVerdict::Ok,
            GateVerdict::Refuse | GateVerdict::CannotTell => CheckVerdict::Warn,
        },
        summary,
    })
}

fn evaluation_report(
    trainer: &ModelTrainerArtifact,
    labels: &Labels,
    probabilities: &[f64],
    model: &Model,
    learners: Vec<LearnerTest>,
    champion: Option<ChampionReport>,
    gate: GateReport,
) -> EvaluationReport {
    let binary = labels.classes.len() == 2;
    EvaluationReport {
        format: "netsec-evaluation",
        version: 1,
        rows: labels.rows() as u64,
        classes: labels.classes.clone(),
        selected: trainer.selected.clone(),
        at_threshold: trainer
            .threshold
            .filter(|_| binary)
            .map(|t| report::figures_at(labels, probabilities, t)),
        curves: report::curves(labels, probabilities),
        importances: report::importances(model),
        learners,
        champion,
        gate,
    }
}

/// Compares the challenger with the champion on the test rows. A champion that cannot be
/// compared is a finding, not an error.
fn compare_with_champion(
    ctx: &StageContext<'_>,
    mut challenger: Contender,
    champion: &Champion,
    test: &Frame,
    resampling: Resampling,
) -> Result<ChampionReport, CommandError> {
    challenger.train =
        Some(data_ingestion::load_train(&ctx.stage_dir(StageName::DataIngestion))?.0);
    let contender = Contender::of_champion(champion);
    let mut report = ChampionReport {
        version: champion.version.clone(),
        run_id: champion.run_id.to_string(),
        comparison: None,
        not_comparable: None,
        slices: None,
    };
    match Comparison::measure_rows(&challenger, &contender, test, resampling) {
        Ok((comparison, scored)) => {
            report.slices = Some(slices(&scored, &challenger.schema, resampling)?);
            if comparison.seen_by_second.is_none_or(|n| n > 0) {
                record(
                    ctx,
                    Event::Warning {
                        code: "champion_saw_test_rows".to_owned(),
                        text: comparison.rows_in_words("the challenger", &champion.version),
                    },
                );
            }
            report.comparison = Some(comparison);
        }
        Err(ComparisonError::NotComparable(NotComparable(reason))) => {
            record(
                ctx,
                Event::Warning {
                    code: "champion_not_comparable".to_owned(),
                    text: reason.clone(),
                },
            );
            report.not_comparable = Some(reason);
        }
        Err(ComparisonError::Failed(e)) => return Err(e),
    }
    Ok(report)
}

/// The slice on which the challenger is worse beyond chance, in words.
fn worse_slice(report: &ChampionReport) -> Option<String> {
    let slices = report.slices.as_ref()?;
    let worst = slices.worst.as_ref()?;
    Some(worst.words(slices.metric))
}

/// All rules of the gate.
fn judge(
    ctx: &StageContext<'_>,
    challenger: &str,
    figures: &TestMetrics,
    champion: Option<&ChampionReport>,
) -> Vec<RuleResult> {
    let config = &ctx.config.gate;
    let mut rules = gate::floors(figures, config);
    if let Some(champion) = champion {
        let evidence = match (&champion.comparison, &champion.not_comparable) {
            (Some(comparison), _) => gate::ChampionEvidence::Compared(comparison),
            (None, Some(reason)) => gate::ChampionEvidence::NotComparable(reason),
            (None, None) => gate::ChampionEvidence::NotComparable("it was not compared"),
        };
        rules.push(gate::champion(
            challenger,
            &champion.version,
            evidence,
            config,
        ));
    }
    rules
}

/// The challenger's name for people: the run's short id.
fn run_name(ctx: &StageContext<'_>) -> String {
    ctx.run_dir
        .file_name()
        .and_then(|n| n.to_str())
        .and_then(|n| n.rsplit('-').next())
        .map_or_else(
            || "the challenger".to_owned(),
            |short| format!("run {short}"),
        )
}

fn read_artifact<T: serde::de::DeserializeOwned>(
    ctx: &StageContext<'_>,
    stage: StageName,
) -> Result<T, CommandError> {
    let path = ctx.stage_dir(stage).join("artifact.json");
    let bytes = std::fs::read(&path).map_err(|e| {
        CommandError::backend(format!("{} cannot be read", path.display())).because(e)
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|e| CommandError::data(format!("{} is damaged: {e}", path.display())))
}

fn record(ctx: &StageContext<'_>, event: Event) {
    ctx.recorder.record(StageName::ModelEvaluation, event);
}

fn go_on(ctx: &StageContext<'_>) -> Result<(), CommandError> {
    match ctx.control.stop() {
        StopRequest::Now => Err(CommandError::cancelled(
            "the run was cancelled during model evaluation",
        )),
        StopRequest::None | StopRequest::AfterRound => Ok(()),
    }
}
