//! Gradient boosting through the real XGBoost, linked statically: the histogram method with
//! XGBoost's own defaults, two classes by `binary:logistic`, more by `multi:softprob`.
//!
//! The model body is XGBoost's own JSON document, which every XGBoost loads. NaN is a missing
//! value, as in XGBoost; infinite values are refused.
//!
//! The same bytes at any number of threads: XGBoost gives each thread a histogram and adds them in
//! order, so the order of additions does depend on the number. But the terms are `f32` and the
//! sums `f64`, and what is kept is `f32` again: the difference is lost in rounding. Tests hold
//! this on a real table; it is not a proof.
//!
//! Scoring does not go through the library: `scorer` computes the same bits faster.
//!
//! Parallelism of a fit is XGBoost's OpenMP. Its waiting threads spin by default, so the process that
//! starts a worker sets `OMP_WAIT_POLICY=PASSIVE` in its environment; set later it has no effect.

mod booster;
mod ffi;
mod scorer;

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::plain_tree::BoostedTrees;
use super::{FitError, FitRequest, LearnerId, ModelError, Progress, StopRequest, XgboostParams};
use crate::dataset::{Labels, Matrix};
use booster::Document;
pub use ffi::FileFormat;
pub use ffi::XgboostError;
use ffi::{BinnedMatrix, Trainer};
use scorer::Scorer;

const LEARNER: &str = LearnerId::Xgboost.as_str();

/// A fitted booster.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Xgboost {
    document: Document,
    /// Made at the first prediction; copies of the model share it.
    #[serde(skip)]
    scorer: Arc<OnceLock<Result<Scorer, String>>>,
}

impl From<XgboostError> for FitError {
    fn from(e: XgboostError) -> Self {
        FitError::Library {
            learner: LEARNER,
            reason: e.0,
        }
    }
}

impl Xgboost {
    /// Fits the booster: one progress report and one look at the control per round.
    ///
    /// # Errors
    /// When a setting is out of range, a feature is infinite, the fit is cancelled, or XGBoost
    /// fails.
    pub fn fit(params: &XgboostParams, request: &FitRequest<'_>) -> Result<Self, FitError> {
        check_settings(params)?;
        let (x, y) = (request.x, request.y);
        if let Some(at) = x.data().iter().position(|v| v.is_infinite()) {
            return Err(FitError::Data {
                learner: LEARNER,
                reason: format!(
                    "feature `{}` is infinite in row {}",
                    x.names()[at / x.rows()],
                    at % x.rows()
                ),
            });
        }
        let classes = y.classes.len();
        let weights = request.weights.effective(y);
        let threads = request.threads.max(1);
        let bin = |x: &Matrix, y: &Labels, weights: Option<&[f32]>, like| {
            let labels: Vec<f32> = y.codes.iter().map(|&c| c as f32).collect();
            BinnedMatrix::new(x, &labels, weights, like, params.max_bin, threads)
        };
        let train = bin(x, y, weights.as_deref(), None)?;
        let watch = match request.watch {
            Some((x, y)) if x.rows() > 0 => Some(bin(x, y, None, Some(&train))?),
            _ => None,
        };
        let settings = settings(params, classes, request.seed, threads);
        let mut trainer = Trainer::new(&train, watch.as_ref(), &settings)?;
        let measured: Vec<&BinnedMatrix> = std::iter::once(&train).chain(&watch).collect();
        for round in 0..params.rounds {
            match request.control.stop() {
                StopRequest::Now => return Err(FitError::Cancelled),
                StopRequest::AfterRound if round > 0 => break,
                StopRequest::AfterRound | StopRequest::None => {}
            }
            trainer.update(round)?;
            let figures = trainer.evaluate(round, &measured)?;
            let curve = |figure: Option<&f64>| figure.map(|f| ("log_loss", *f));
            (request.progress)(Progress {
                round: round + 1,
                of: params.rounds,
                train: curve(figures.first()).into_iter().collect(),
                valid: curve(figures.get(1)).into_iter().collect(),
            });
        }
        if request.control.stop() == StopRequest::Now {
            return Err(FitError::Cancelled);
        }
        let document: Document = serde_json::from_slice(&trainer.model()?)
            .map_err(|e| XgboostError(format!("its model is not as expected: {e}")))?;
        document
            .check(classes, x.features())
            .map_err(|e| XgboostError(format!("its model is not as expected: {e}")))?;
        Ok(Self {
            document,
            scorer: Arc::default(),
        })
    }

    /// Rounds of boosting in the model.
    pub fn rounds(&self) -> usize {
        self.document.rounds()
    }

    /// Why this cannot be a booster for so many classes and features, if so.
    pub(crate) fn check(&self, classes: usize, features: usize) -> Result<(), String> {
        self.document.check(classes, features)
    }

    /// Class probabilities, row-major; those of XGBoost, which computes them in `f32`.
    pub(crate) fn predict_proba(&self, x: &Matrix, classes: usize) -> Result<Vec<f64>, ModelError> {
        let scorer = self
            .scorer
            .get_or_init(|| self.document.plain().map(|plain| Scorer::new(&plain)));
        match scorer {
            Ok(scorer) => Ok(scorer.probabilities(x, classes)),
            Err(reason) => Err(ModelError::Library {
                learner: LEARNER,
                reason: reason.clone(),
            }),
        }
    }

    /// The booster in plain form.
    ///
    /// # Errors
    /// When the document holds something this program does not know.
    pub fn plain(&self) -> Result<BoostedTrees, String> {
        self.document.plain()
    }

    /// The model file in a format of XGBoost's own, written by XGBoost itself, with attributes
    /// (texts by name, for whoever reads the file) in it.
    ///
    /// # Errors
    /// When XGBoost refuses the model or an attribute.
    pub fn file(
        &self,
        format: FileFormat,
        attributes: &[(&str, String)],
    ) -> Result<Vec<u8>, XgboostError> {
        let json = self.document.to_json().map_err(XgboostError)?;
        ffi::convert(&json, attributes, format)
    }

    /// Total gain per feature, not yet normalised.
    pub(crate) fn total_gain(&self, features: usize) -> Vec<f64> {
        self.document.total_gain(features)
    }
}

/// XGBoost's settings by its own names; what is not named keeps its default.
fn settings(
    params: &XgboostParams,
    classes: usize,
    seed: u64,
    threads: usize,
) -> Vec<(&'static str, String)> {
    let (objective, metric) = if classes == 2 {
        ("binary:logistic", "logloss")
    } else {
        ("multi:softprob", "mlogloss")
    };
    let mut settings = vec![
        ("objective", objective.to_owned()),
        ("eval_metric", metric.to_owned()),
        ("tree_method", "hist".to_owned()),
        ("device", "cpu".to_owned()),
        ("verbosity", "1".to_owned()),
        ("nthread", threads.to_string()),
        // Its seed is a signed number.
        ("seed", (seed & 0x7fff_ffff).to_string()),
        ("learning_rate", params.learning_rate.to_string()),
        ("max_depth", params.max_depth.to_string()),
        ("min_child_weight", params.min_child_weight.to_string()),
        ("subsample", params.subsample.to_string()),
        ("colsample_bytree", params.colsample_bytree.to_string()),
        ("reg_lambda", params.reg_lambda.to_string()),
        ("reg_alpha", params.reg_alpha.to_string()),
        ("gamma", params.gamma.to_string()),
        ("max_bin", params.max_bin.to_string()),
    ];
    if classes > 2 {
        settings.push(("num_class", classes.to_string()));
    }
    settings
}

fn check_settings(params: &XgboostParams) -> Result<(), FitError> {
    let share = |v: f64| v > 0.0 && v <= 1.0;
    let at_least_zero = |v: f64| v.is_finite() && v >= 0.0;
    let checks = [
        (
            params.rounds >= 1,
            "rounds",
            params.rounds.to_string(),
            "at least 1",
        ),
        (
            share(params.learning_rate),
            "learning_rate",
            params.learning_rate.to_string(),
            "above 0 and at most 1",
        ),
        (
            params.max_depth <= 64,
            "max_depth",
            params.max_depth.to_string(),
            "at most 64, or 0 for no limit",
        ),
        (
            at_least_zero(params.min_child_weight),
            "min_child_weight",
            params.min_child_weight.to_string(),
            "at least 0",
        ),
        (
            share(params.subsample),
            "subsample",
            params.subsample.to_string(),
            "above 0 and at most 1",
        ),
        (
            share(params.colsample_bytree),
            "colsample_bytree",
            params.colsample_bytree.to_string(),
            "above 0 and at most 1",
        ),
        (
            at_least_zero(params.reg_lambda),
            "reg_lambda",
            params.reg_lambda.to_string(),
            "at least 0",
        ),
        (
            at_least_zero(params.reg_alpha),
            "reg_alpha",
            params.reg_alpha.to_string(),
            "at least 0",
        ),
        (
            at_least_zero(params.gamma),
            "gamma",
            params.gamma.to_string(),
            "at least 0",
        ),
        (
            (2..=65_536).contains(&params.max_bin),
            "max_bin",
            params.max_bin.to_string(),
            "between 2 and 65536",
        ),
    ];
    for (good, name, value, wanted) in checks {
        if !good {
            return Err(FitError::Setting {
                learner: LEARNER,
                reason: format!("`{name}` is {value}; it must be {wanted}"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
