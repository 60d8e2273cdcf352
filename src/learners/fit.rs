//! What every learner is given for a fit, and how it talks back while it works.

use std::sync::atomic::{AtomicU8, Ordering};

use thiserror::Error;

use crate::dataset::{Labels, Matrix};
use crate::error::CommandError;

/// What the operator wants of the fit at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopRequest {
    /// Nothing: go on.
    None,
    /// Finish this round and keep what there is.
    AfterRound,
    /// End now; the fit returns [`FitError::Cancelled`].
    Now,
}

/// A flag shared between the worker and the fits it runs. Learners look at it at least every
/// round (tree, boosting round, optimiser iteration) and in any case within a second.
#[derive(Debug, Default)]
pub struct FitControl(AtomicU8);

impl FitControl {
    /// A control nobody has touched.
    pub fn new() -> Self {
        Self::default()
    }
    /// Asks for a stop; a stronger request is never weakened.
    pub fn request(&self, stop: StopRequest) {
        let level = match stop {
            StopRequest::None => 0,
            StopRequest::AfterRound => 1,
            StopRequest::Now => 2,
        };
        self.0.fetch_max(level, Ordering::SeqCst);
    }
    /// What is wanted now.
    pub fn stop(&self) -> StopRequest {
        match self.0.load(Ordering::Relaxed) {
            0 => StopRequest::None,
            1 => StopRequest::AfterRound,
            _ => StopRequest::Now,
        }
    }
}

/// A report from within a fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Rounds, trees or iterations done.
    pub round: u32,
    /// Rounds, trees or iterations at most.
    pub of: u32,
    /// Metrics at this round, if the learner has them: (key, value) on the rows it fits,
    /// then on the watched rows.
    pub train: Vec<(&'static str, f64)>,
    /// Metrics on the watched (validation) rows.
    pub valid: Vec<(&'static str, f64)>,
}

/// Where progress goes. Called from any thread, often; it must be cheap.
pub type ProgressSink<'a> = dyn Fn(Progress) + Sync + 'a;

/// Weights of a fit. Row weight and class weight multiply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// One weight a row, or none for all 1.
    pub rows: Option<Vec<f32>>,
    /// One weight a class, or none for all 1.
    pub classes: Option<Vec<f32>>,
}

impl Weights {
    /// The effective weight of every row.
    pub fn effective(&self, labels: &Labels) -> Option<Vec<f32>> {
        if self.rows.is_none() && self.classes.is_none() {
            return None;
        }
        Some(
            labels
                .codes
                .iter()
                .enumerate()
                .map(|(row, &code)| {
                    let row_weight = self.rows.as_ref().map_or(1.0, |w| w[row]);
                    let class_weight = self.classes.as_ref().map_or(1.0, |w| w[code as usize]);
                    row_weight * class_weight
                })
                .collect(),
        )
    }
}

/// Everything a fit needs besides its settings.
pub struct FitRequest<'a> {
    /// Features.
    pub x: &'a Matrix,
    /// Classes; every class index below `y.classes.len()`, though a class may have no rows.
    pub y: &'a Labels,
    /// Weights.
    pub weights: &'a Weights,
    /// Rows to watch while fitting, for curves; never used to fit or to stop.
    pub watch: Option<(&'a Matrix, &'a Labels)>,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads the learner may use. Rayon learners run inside the caller's pool and ignore it.
    pub threads: usize,
    /// The operator's wish.
    pub control: &'a FitControl,
    /// Where progress goes.
    pub progress: &'a ProgressSink<'a>,
}

impl FitRequest<'_> {
    /// Checks what every learner relies on, so that none has to look again: rows and features
    /// exist, lengths agree, codes name classes, at least two classes have rows, weights are
    /// finite, not negative and not all zero, watched rows have the same features.
    ///
    /// # Errors
    /// [`FitError::Data`] with the first thing that is wrong.
    pub fn check(&self, learner: &'static str) -> Result<(), FitError> {
        match self.first_problem() {
            None => Ok(()),
            Some(reason) => Err(FitError::Data { learner, reason }),
        }
    }

    fn first_problem(&self) -> Option<String> {
        let (rows, classes) = (self.x.rows(), self.y.classes.len());
        if rows == 0 {
            return Some("there are no rows".into());
        }
        if self.x.features() == 0 {
            return Some("there are no features".into());
        }
        if self.y.rows() != rows {
            return Some(format!("{rows} rows, but {} labels", self.y.rows()));
        }
        if let Some(code) = self.y.codes.iter().find(|c| **c as usize >= classes) {
            return Some(format!("a row has class {code} of {classes}"));
        }
        let counts = self.y.counts();
        if counts.iter().filter(|n| **n > 0).count() < 2 {
            let only = counts.iter().position(|n| *n > 0).unwrap_or(0);
            return Some(format!(
                "all {rows} rows have the label `{}`; at least two classes need rows",
                self.y.classes[only]
            ));
        }
        let lists = [
            ("row", &self.weights.rows, rows),
            ("class", &self.weights.classes, classes),
        ];
        for (of, list, length) in lists {
            let Some(list) = list else { continue };
            if list.len() != length {
                return Some(format!("{} {of} weights for {length}", list.len()));
            }
            if let Some(bad) = list.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
                return Some(format!("a {of} weight is {bad}; it must be at least 0"));
            }
        }
        if let Some(weights) = self.weights.effective(self.y)
            && weights.iter().all(|w| *w == 0.0)
        {
            return Some("every row has weight 0".into());
        }
        if let Some((x, y)) = self.watch {
            if x.names() != self.x.names() {
                return Some("the watched rows have other features".into());
            }
            if x.rows() != y.rows() || y.classes != self.y.classes {
                return Some("the watched rows have other labels".into());
            }
        }
        None
    }
}

/// Why a fit gave no model.
#[derive(Debug, Error)]
pub enum FitError {
    /// The operator cancelled.
    #[error("the fit was cancelled")]
    Cancelled,
    /// The data cannot be fitted.
    #[error("{learner} cannot be fitted: {reason}")]
    Data {
        /// Learner id.
        learner: &'static str,
        /// Why.
        reason: String,
    },
    /// A setting is out of range.
    #[error("[training.{learner}] {reason}")]
    Setting {
        /// Learner id.
        learner: &'static str,
        /// Which setting, what it is and what it may be.
        reason: String,
    },
    /// The library behind the learner failed.
    #[error("{learner} failed: {reason}")]
    Library {
        /// Learner id.
        learner: &'static str,
        /// What it said.
        reason: String,
    },
}

impl From<FitError> for CommandError {
    fn from(e: FitError) -> Self {
        match e {
            FitError::Cancelled => CommandError::cancelled(e.to_string()),
            FitError::Data { .. } => CommandError::data(e.to_string()),
            FitError::Setting { .. } => CommandError::config(e.to_string()),
            FitError::Library { .. } => CommandError::internal(e.to_string()),
        }
    }
}
