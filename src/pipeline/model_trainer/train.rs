//! Runs the fits: every learner in every fold and on the whole train split, in parallel.
//!
//! Fits are jobs in one queue, learner by learner, folds before the final fit. As many loops as
//! there are cores take from it, inside the caller's rayon pool, where the learners' own
//! parallelism lives too. Nothing that is written depends on which job ends first.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::announcer::{Announcer, RowCounts};
use super::cross_validation::{self, FoldFigures};
use super::inputs::TrainingData;
use super::partial::{Kept, Partial};
use crate::config::TrainingConfig;
use crate::error::CommandError;
use crate::events::{Event, FitPhase, StageName, Summary};
use crate::files;
use crate::hash;
use crate::learners::{
    FitControl, FitError, FitRequest, LearnerId, LearnerSpec, Model, Progress, StopRequest,
};
use crate::pipeline::Recorder;

/// Fits one model; [`Model::fit`] except in tests.
pub type FitFn<'a> = dyn Fn(&LearnerSpec, &FitRequest<'_>) -> Result<Model, FitError> + Sync + 'a;

/// Everything the fits need.
pub struct Task<'a> {
    /// The train split.
    pub data: &'a TrainingData,
    /// The settings.
    pub training: &'a TrainingConfig,
    /// Where events go.
    pub recorder: &'a dyn Recorder,
    /// The operator's wish.
    pub control: &'a FitControl,
    /// Where model files are written.
    pub work_dir: &'a Path,
    /// Where results of finished learners are kept for a resume.
    pub partial: &'a Partial,
    /// Cores to use.
    pub cores: usize,
    /// How a model is fitted.
    pub fit: &'a FitFn<'a>,
}

/// A learner with its model in place.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Which learner.
    pub learner: LearnerId,
    /// Its settings, as they were used.
    pub params: serde_json::Value,
    /// Probabilities of every train row from the fit that did not see it, row-major; NaN in folds
    /// that were not fitted.
    pub out_of_fold: Vec<f64>,
    /// Its figures in each fold.
    pub figures: FoldFigures,
    /// Their summary.
    pub cv: BTreeMap<String, Summary>,
    /// SHA-256 of `<learner>.json`.
    pub model_sha256: String,
    /// Whether a stop cut one of its fits short.
    pub cut_short: bool,
}

/// What became of a learner.
#[derive(Debug)]
pub enum Outcome {
    /// It has a model.
    Trained(Box<Trained>),
    /// It could not be fitted.
    Failed(LearnerId, CommandError),
    /// A stop came before its final fit.
    Skipped(LearnerId),
}

/// One learner's work while it goes on.
struct Slot<'a> {
    spec: LearnerSpec,
    key: String,
    announcer: Announcer<'a>,
    state: Mutex<State>,
}

struct State {
    out_of_fold: Vec<f64>,
    measured: Vec<bool>,
    model: Option<(Model, f64)>,
    cut_short: bool,
    error: Option<CommandError>,
    jobs_left: usize,
    done: Option<Trained>,
}

#[derive(Clone, Copy)]
struct Job {
    slot: usize,
    phase: FitPhase,
}

/// Trains the configured learners. Outcomes stand in the order of the configuration.
///
/// # Errors
/// `cancelled` when the operator cancelled, or stopped before any fit was done; what the file
/// system says when a model cannot be written. A learner that fails is an outcome, not an error.
pub fn train(task: &Task<'_>) -> Result<Vec<Outcome>, CommandError> {
    let mut learners: Vec<LearnerId> = Vec::new();
    for &learner in &task.training.learners {
        if !learners.contains(&learner) {
            learners.push(learner);
        }
    }
    let slots: Vec<Slot<'_>> = learners.iter().map(|&l| slot(task, l)).collect();
    let mut jobs = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        if take_over(task, slot)? {
            continue;
        }
        let folds = task.data.folds.count;
        let held = |fold: u32| task.data.folds.of.contains(&(fold - 1));
        let phases: Vec<FitPhase> = (1..=folds)
            .filter(|&fold| held(fold))
            .map(|fold| FitPhase::Fold { fold, folds })
            .chain([FitPhase::Final])
            .collect();
        lock(slot).jobs_left = phases.len();
        jobs.extend(phases.into_iter().map(|phase| Job { slot: index, phase }));
    }
    let fatal: Mutex<Option<CommandError>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    // XGBoost's threads come on top of the loops: give each fit its share of the cores. All fits
    // of the stage count, also those taken over, so that a resumed stage fits as an undisturbed
    // one does.
    let fits = slots.len() * (task.data.folds.count as usize + 1);
    let threads = (task.cores / fits.max(1)).max(1);
    let take_jobs = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(e) = run_job(task, &slots[job.slot], job.phase, threads) {
                let mut fatal = fatal.lock().unwrap_or_else(PoisonError::into_inner);
                fatal.get_or_insert(e);
                return;
            }
        }
    };
    rayon::scope(|scope| {
        for _ in 0..task.cores.min(jobs.len()) {
            scope.spawn(|_| take_jobs());
        }
    });
    if task.control.stop() == StopRequest::Now {
        return Err(cancelled());
    }
    if let Some(e) = fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(e);
    }
    if task.control.stop() == StopRequest::AfterRound {
        keep_something(task, &slots, threads)?;
    }
    Ok(slots.into_iter().map(outcome).collect())
}

fn cancelled() -> CommandError {
    CommandError::cancelled("the run was cancelled during model training")
}

fn slot<'a>(task: &Task<'a>, learner: LearnerId) -> Slot<'a> {
    let spec = task.training.spec(learner);
    // Everything the result depends on; the data's digest covers matrix, labels, weights, folds.
    let key = hash::sha256_json(&json!({
        "program": env!("CARGO_PKG_VERSION"),
        "learner": learner,
        "params": spec,
        "seed": task.training.seed,
        "class_weight": task.training.class_weight,
        "data": task.data.digest,
    }));
    let values = task.data.y.rows() * task.data.y.classes.len();
    Slot {
        spec,
        key,
        announcer: Announcer::new(task.recorder, learner),
        state: Mutex::new(State {
            out_of_fold: vec![f64::NAN; values],
            measured: vec![false; task.data.folds.count as usize],
            model: None,
            cut_short: false,
            error: None,
            jobs_left: 0,
            done: None,
        }),
    }
}

fn lock<'s>(slot: &'s Slot<'_>) -> std::sync::MutexGuard<'s, State> {
    slot.state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over what an earlier attempt of this run kept; whether there was something.
fn take_over(task: &Task<'_>, slot: &Slot<'_>) -> Result<bool, CommandError> {
    let learner = slot.spec.id();
    let values = task.data.y.rows() * task.data.y.classes.len();
    let Some(kept) = task.partial.take(learner, &slot.key, values) else {
        return Ok(false);
    };
    let path = task.work_dir.join(format!("{learner}.json"));
    files::write_atomic(&path, &kept.model).map_err(|e| file_error(&path, e))?;
    let mut state = lock(slot);
    // Only complete results are kept: every fold that holds rows was measured.
    for (fold, measured) in state.measured.iter_mut().enumerate() {
        *measured = task.data.folds.of.contains(&(fold as u32));
    }
    state.out_of_fold = kept.out_of_fold;
    finish(
        task,
        slot,
        &mut state,
        hash::sha256(&kept.model),
        kept.fit_seconds,
    )?;
    Ok(true)
}

/// Runs one job, or drops it when its learner failed or a stop came; finishes the learner after
/// its last job. An error here ends the stage.
fn run_job(
    task: &Task<'_>,
    slot: &Slot<'_>,
    phase: FitPhase,
    threads: usize,
) -> Result<(), CommandError> {
    let wanted = match task.control.stop() {
        StopRequest::Now => return Err(cancelled()),
        StopRequest::AfterRound => false,
        StopRequest::None => lock(slot).error.is_none(),
    };
    if wanted {
        fit(task, slot, phase, threads)?;
    }
    let mut state = lock(slot);
    state.jobs_left -= 1;
    if state.jobs_left == 0 {
        complete(task, slot, &mut state)?;
    }
    Ok(())
}

/// Fits one model and stores what came of it.
fn fit(
    task: &Task<'_>,
    slot: &Slot<'_>,
    phase: FitPhase,
    threads: usize,
) -> Result<(), CommandError> {
    let data = task.data;
    let of = slot.spec.rounds();
    let class_weight = task.training.class_weight;
    slot.announcer.started(phase, of);
    let last_round = AtomicU32::new(0);
    let fit = |x: &_, y: &_, weights: &_, watch: Option<(&_, &_)>, rows: RowCounts| {
        let progress = |progress: Progress| {
            last_round.fetch_max(progress.round, Ordering::Relaxed);
            slot.announcer.progress(phase, &progress, rows);
        };
        (task.fit)(
            &slot.spec,
            &FitRequest {
                x,
                y,
                weights,
                watch,
                seed: task.training.seed,
                threads,
                control: task.control,
                progress: &progress,
            },
        )
    };
    let fitted: Result<(), CommandError> = match phase {
        FitPhase::Fold { fold, .. } => {
            let rows = data.folds.fitted(fold - 1);
            let held_out = data.folds.held_out(fold - 1);
            let (x, y) = (data.x.take(&rows), data.y.take(&rows));
            let (held_x, held_y) = (data.x.take(&held_out), data.y.take(&held_out));
            let counts = RowCounts {
                train: rows.len() as u64,
                valid: held_out.len() as u64,
            };
            // Watching costs a prediction a round, and only the first fold's curve is drawn.
            let watch = (fold == 1).then_some((&held_x, &held_y));
            let weights = data.weights(class_weight, Some(&rows));
            fit(&x, &y, &weights, watch, counts)
                .map_err(CommandError::from)
                .and_then(|model| Ok(model.predict_proba(&held_x)?))
                .map(|probabilities| {
                    let mut state = lock(slot);
                    let classes = data.y.classes.len();
                    for (row, p) in held_out.iter().zip(probabilities.chunks_exact(classes)) {
                        state.out_of_fold[row * classes..(row + 1) * classes].copy_from_slice(p);
                    }
                    state.measured[fold as usize - 1] = true;
                })
        }
        FitPhase::Final => {
            let started = Instant::now();
            let counts = RowCounts {
                train: data.y.rows() as u64,
                valid: 0,
            };
            let weights = data.weights(class_weight, None);
            fit(&data.x, &data.y, &weights, None, counts)
                .map_err(CommandError::from)
                .map(|model| {
                    lock(slot).model = Some((model, started.elapsed().as_secs_f64()));
                })
        }
    };
    slot.announcer.finished(phase);
    match task.control.stop() {
        StopRequest::Now => return Err(cancelled()),
        StopRequest::AfterRound if last_round.load(Ordering::Relaxed) < of => {
            lock(slot).cut_short = true;
        }
        StopRequest::AfterRound | StopRequest::None => {}
    }
    if let Err(e) = fitted {
        lock(slot).error.get_or_insert(e);
    }
    Ok(())
}

/// All jobs of a learner are over: write its model, keep its results, tell.
fn complete(task: &Task<'_>, slot: &Slot<'_>, state: &mut State) -> Result<(), CommandError> {
    let learner = slot.spec.id();
    if let Some(error) = &state.error {
        task.recorder.record(
            StageName::ModelTrainer,
            Event::LearnerFailed {
                learner: learner.to_string(),
                error: error.report(),
            },
        );
        return Ok(());
    }
    let Some((model, fit_seconds)) = state.model.take() else {
        return Ok(());
    };
    let path = task.work_dir.join(format!("{learner}.json"));
    model.save(&path)?;
    let bytes = fs::read(&path).map_err(|e| file_error(&path, e))?;
    let sha256 = hash::sha256(&bytes);
    let whole = (0..task.data.folds.count)
        .all(|fold| state.measured[fold as usize] || !task.data.folds.of.contains(&fold));
    if whole && !state.cut_short {
        let kept = Kept {
            model: bytes,
            out_of_fold: std::mem::take(&mut state.out_of_fold),
            fit_seconds,
        };
        // A failure here costs time after a crash and nothing else.
        if let Err(e) = task.partial.keep(learner, &slot.key, &kept) {
            tracing::warn!(%learner, error = %e, "results could not be kept for a resume");
        }
        state.out_of_fold = kept.out_of_fold;
    }
    finish(task, slot, state, sha256, fit_seconds)
}

/// Measures the folds and announces the learner.
fn finish(
    task: &Task<'_>,
    slot: &Slot<'_>,
    state: &mut State,
    model_sha256: String,
    fit_seconds: f64,
) -> Result<(), CommandError> {
    let learner = slot.spec.id();
    let out_of_fold = std::mem::take(&mut state.out_of_fold);
    let figures = match cross_validation::measure(task.data, &out_of_fold, &state.measured) {
        Ok(figures) => figures,
        Err(e) => {
            // A learner whose probabilities are none has failed, whatever it says of itself.
            let error = CommandError::from(e);
            task.recorder.record(
                StageName::ModelTrainer,
                Event::LearnerFailed {
                    learner: learner.to_string(),
                    error: error.report(),
                },
            );
            state.error = Some(error);
            return Ok(());
        }
    };
    let cv = cross_validation::summaries(&figures);
    let params = serde_json::to_value(&slot.spec)
        .map_err(|e| CommandError::internal(format!("settings of {learner}: {e}")))?;
    task.recorder.record(
        StageName::ModelTrainer,
        Event::LearnerFinished {
            learner: learner.to_string(),
            params: params.clone(),
            fit_seconds,
            cv: cv.clone(),
        },
    );
    state.done = Some(Trained {
        learner,
        params,
        out_of_fold,
        figures,
        cv,
        model_sha256,
        cut_short: state.cut_short,
    });
    Ok(())
}

/// After a stop: when no learner has a model yet, the first one with a measured fold gets its
/// final fit, which the stop ends after its first round.
fn keep_something(task: &Task<'_>, slots: &[Slot<'_>], threads: usize) -> Result<(), CommandError> {
    if slots.iter().any(|s| lock(s).done.is_some()) {
        return Ok(());
    }
    let begun = slots.iter().find(|s| {
        let state = lock(s);
        state.error.is_none() && state.measured.contains(&true)
    });
    let Some(slot) = begun else {
        return Err(CommandError::cancelled(
            "the run was stopped before any learner had been fitted",
        ));
    };
    fit(task, slot, FitPhase::Final, threads)?;
    complete(task, slot, &mut lock(slot))
}

fn outcome(slot: Slot<'_>) -> Outcome {
    let learner = slot.spec.id();
    let state = slot
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    match (state.done, state.error) {
        (Some(trained), _) => Outcome::Trained(Box::new(trained)),
        (None, Some(error)) => Outcome::Failed(learner, error),
        (None, None) => Outcome::Skipped(learner),
    }
}

pub(super) fn file_error(path: &Path, source: std::io::Error) -> CommandError {
    CommandError::backend(format!("{} cannot be read or written", path.display())).because(source)
}
