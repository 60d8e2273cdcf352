//! Cross-validates, selects and fits the learners on the train split.
//!
//! Only the train split is read here: selection and operating point rest on cross-validation,
//! and the test split stays untouched for the next stage. Files in `model_trainer/`:
//! `<learner>.json` (the models), `trainer.json` (the leaderboard), `selected.json` (the pointer),
//! `schema.json` (what the columns and classes are),
//! `out_of_fold.parquet` (the selected model's cross-validated probabilities).

mod announcer;
mod cross_validation;
mod folds;
mod inputs;
mod partial;
mod report;
mod selection;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod train;

pub use folds::Folds;
pub use inputs::{TrainingData, with_classes};
pub use partial::Partial;
pub use report::{
    ClassRows, FailedLearner, FoldsReport, LeaderboardRow, SCHEMA_FILE, SELECTED_FILE, Selected,
    TRAINER_FILE, TrainerReport,
};
pub use selection::{Candidate, Selection, select};

pub(crate) use inputs::load_preprocessor;

use serde::{Deserialize, Serialize};

use super::data_ingestion::DataIngestionArtifact;
use super::data_transformation::DataTransformationArtifact;
use super::{StageContext, StageOutput};
use crate::dataset::{self, Frame};
use crate::error::{CommandError, ErrorKind};
use crate::events::{CheckVerdict, Event, StageName};
use crate::files;
use crate::learners::{LearnerId, Model};
use crate::metrics::operating_point::{self, Goal, OperatingPoint};
use crate::metrics::{Metric, Ranking};
use train::{FitFn, Outcome, Task, Trained, file_error, train};

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
    ingestion: &DataIngestionArtifact,
    transformation: &DataTransformationArtifact,
) -> Result<StageOutput<ModelTrainerArtifact>, CommandError> {
    let data = inputs::load(ctx, ingestion, transformation)?;
    train_and_select(ctx, &data, &transformation.preprocessor_sha256, &Model::fit)
}

/// The stage without its reading: fits, selects, writes.
fn train_and_select(
    ctx: &StageContext<'_>,
    data: &TrainingData,
    preprocessor_sha256: &str,
    fit: &FitFn<'_>,
) -> Result<StageOutput<ModelTrainerArtifact>, CommandError> {
    let training = &ctx.config.training;
    if training.learners.iter().all(|l| l.is_baseline()) {
        return Err(CommandError::config(
            "[training] learners names baselines only, and a baseline is never selected",
        )
        .hint("Add one of logistic_regression, decision_tree, random_forest, adaboost, xgboost."));
    }
    let mut warned = warn_of_thin_classes(ctx, data);
    let outcomes = train(&Task {
        data,
        training,
        recorder: ctx.recorder,
        control: ctx.control,
        work_dir: ctx.work_dir,
        partial: &Partial::of_run(ctx.run_dir),
        cores: ctx.cores,
        fit,
    })?;
    let mut trained: Vec<&Trained> = Vec::new();
    let mut failed = Vec::new();
    let mut skipped = Vec::new();
    for outcome in &outcomes {
        match outcome {
            Outcome::Trained(t) => trained.push(t),
            Outcome::Failed(learner, error) => failed.push((*learner, error)),
            Outcome::Skipped(learner) => skipped.push(*learner),
        }
    }
    let candidates: Vec<Candidate<'_>> = trained
        .iter()
        .map(|t| Candidate {
            learner: t.learner,
            figures: &t.figures,
        })
        .collect();
    let Some(selection) = select(&candidates, Metric::from(training.select_by)) else {
        return Err(nothing_selected(&failed));
    };
    let winner = trained
        .iter()
        .find(|t| t.learner == selection.learner)
        .ok_or_else(|| CommandError::internal("the selected learner was not trained"))?;
    warned |= !failed.is_empty();
    warned |= warn_of_the_stop(ctx, &skipped, &trained);
    let operating_point = operating_point(data, winner);
    let threshold = operating_point.map(|p| p.threshold);
    ctx.recorder.record(
        StageName::ModelTrainer,
        Event::ModelSelected {
            learner: selection.learner.to_string(),
            threshold,
            reason: selection.reason.clone(),
        },
    );
    let failed = failed
        .into_iter()
        .map(|(learner, error)| FailedLearner {
            learner,
            error: error.report(),
        })
        .collect();
    let report = TrainerReport::new(
        data,
        training,
        &trained,
        failed,
        skipped,
        &selection,
        operating_point,
    );
    let selected = Selected {
        format: "netsec-selected".to_owned(),
        version: 1,
        learner: selection.learner,
        model: format!("{}.json", selection.learner),
        model_sha256: winner.model_sha256.clone(),
        preprocessor_sha256: preprocessor_sha256.to_owned(),
        threshold,
        classes: data.y.classes.clone(),
    };
    write_out_of_fold(ctx, data, winner)?;
    let path = ctx.work_dir.join(TRAINER_FILE);
    files::write_json(&path, &report).map_err(|e| file_error(&path, e))?;
    let path = ctx.work_dir.join(SCHEMA_FILE);
    let schema = with_classes(ctx.schema, &data.y.classes);
    files::write_json(&path, &schema).map_err(|e| file_error(&path, e))?;
    let path = ctx.work_dir.join(SELECTED_FILE);
    files::write_json(&path, &selected).map_err(|e| file_error(&path, e))?;
    Ok(StageOutput {
        summary: format!(
            "{} selected of {}: cross-validated {} {:.4} over {} folds",
            selection.learner,
            plural(trained.len(), "learner"),
            selection.metric.title(),
            selection.mean,
            data.folds.count
        ),
        artifact: ModelTrainerArtifact {
            learners: trained.iter().map(|t| t.learner.to_string()).collect(),
            selected: selection.learner.to_string(),
            threshold,
        },
        verdict: if warned {
            CheckVerdict::Warn
        } else {
            CheckVerdict::Ok
        },
    })
}

/// The threshold on the threat's probability, chosen on the rows that were held out.
fn operating_point(data: &TrainingData, winner: &Trained) -> Option<OperatingPoint> {
    if data.y.classes.len() != 2 {
        return None;
    }
    let held_out: Vec<usize> = (0..data.y.rows())
        .filter(|&r| !winner.out_of_fold[2 * r + 1].is_nan())
        .collect();
    let ranking = Ranking::new(
        held_out.len(),
        |i| winner.out_of_fold[2 * held_out[i] + 1],
        |i| data.y.codes[held_out[i]] == 1,
    );
    operating_point::choose(&ranking, Goal::default())
}

fn write_out_of_fold(
    ctx: &StageContext<'_>,
    data: &TrainingData,
    winner: &Trained,
) -> Result<(), CommandError> {
    let classes = data.y.classes.len();
    let whole = |values: &mut dyn Iterator<Item = f64>| values.map(Some).collect();
    let mut columns = vec![
        Frame::number_column(
            dataset::ROW_COLUMN,
            whole(&mut data.source_rows.iter().map(|&r| r as f64)),
        ),
        Frame::number_column(
            "fold",
            whole(&mut data.folds.of.iter().map(|&f| f64::from(f + 1))),
        ),
        Frame::number_column(
            "truth",
            whole(&mut data.y.codes.iter().map(|&c| f64::from(c))),
        ),
    ];
    for (class, name) in data.y.classes.iter().enumerate() {
        let values = winner
            .out_of_fold
            .iter()
            .skip(class)
            .step_by(classes)
            .map(|p| (!p.is_nan()).then_some(*p))
            .collect();
        columns.push(Frame::number_column(&format!("p_{name}"), values));
    }
    let frame = Frame::from_columns(columns)?;
    dataset::write_frame(&frame, &ctx.work_dir.join("out_of_fold.parquet"))?;
    Ok(())
}

/// Warns of classes too thin for the folds; whether there was one.
fn warn_of_thin_classes(ctx: &StageContext<'_>, data: &TrainingData) -> bool {
    let folds = data.folds.count;
    let mut warned = false;
    for class in report::class_rows(data) {
        if class.fewest_in_a_fold >= 2 {
            continue;
        }
        warned = true;
        let what = match (class.rows, class.fewest_in_a_fold) {
            (0, _) => "no model can learn it".to_owned(),
            (rows, 0) if rows < u64::from(folds) => {
                format!("fewer than the {folds} folds, so some folds are measured without it")
            }
            (_, 0) => {
                "its equal rows share folds, so some folds are measured without it".to_owned()
            }
            _ => format!("fewer than 2 for each of the {folds} folds, so its figures say little"),
        };
        warn(
            ctx,
            "thin_class",
            format!(
                "class `{}` has {} in the train split: {what}",
                class.class,
                plural(class.rows as usize, "row")
            ),
        );
    }
    if !data.folds.grouped {
        warned = true;
        warn(
            ctx,
            "few_vectors",
            format!(
                "the train split has {}, fewer than the {folds} folds; equal rows stand on both sides of folds, and cross-validation flatters",
                plural(data.folds.distinct as usize, "distinct feature vector")
            ),
        );
    }
    warned
}

/// Warns of what a stop cost; whether it cost something.
fn warn_of_the_stop(ctx: &StageContext<'_>, skipped: &[LearnerId], trained: &[&Trained]) -> bool {
    for learner in skipped {
        warn(
            ctx,
            "learner_skipped",
            format!("{learner} was left out: the stop came before its final fit"),
        );
    }
    let cut: Vec<&&Trained> = trained.iter().filter(|t| t.cut_short).collect();
    for t in &cut {
        warn(
            ctx,
            "fit_cut_short",
            format!(
                "{} keeps what it had when the stop came; its cross-validated figures may belong to longer or shorter fits",
                t.learner
            ),
        );
    }
    !skipped.is_empty() || !cut.is_empty()
}

fn warn(ctx: &StageContext<'_>, code: &str, text: String) {
    ctx.recorder.record(
        StageName::ModelTrainer,
        Event::Warning {
            code: code.to_owned(),
            text,
        },
    );
}

/// The error when no learner may be selected, with every reason.
fn nothing_selected(failed: &[(LearnerId, &CommandError)]) -> CommandError {
    let Some((_, first)) = failed.first() else {
        return CommandError::cancelled("the run was stopped before a model could be selected");
    };
    let reasons: Vec<String> = failed
        .iter()
        .map(|(learner, e)| format!("{learner}: {}", e.full_message()))
        .collect();
    // The kind all share, or a defect of ours.
    let kind = if failed.iter().all(|(_, e)| e.kind == first.kind) {
        first.kind
    } else {
        ErrorKind::Internal
    };
    let mut error = CommandError::new(
        kind,
        format!("no learner could be fitted: {}", reasons.join("; ")),
    );
    error.hints = first.hints.clone();
    error
}

fn plural(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}
