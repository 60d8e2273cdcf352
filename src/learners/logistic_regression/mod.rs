//! Logistic and softmax regression with an L2 penalty, fitted by L-BFGS.
//!
//! Minimises `C * sum of weighted log losses + |w|^2 / 2` over standardised features, intercepts
//! free: scikit-learn's `LogisticRegression` behind a `StandardScaler`. Like scikit-learn it works
//! on the mean loss (everything divided by `C * sum of weights`), and stops when no component of
//! that gradient exceeds `tolerance`, or when an iteration lowers it by less than 64 units in the
//! last place. Two classes share one weight vector; more have one each. A class without rows
//! takes no part and gets probability 0.
//!
//! Sums are formed in an order that does not depend on the number of threads.

mod design;
mod lbfgs;

use std::cell::Cell;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::histogram_tree::in_blocks;
use super::json_number::json_exact;
use super::plain_tree::LinearParts;
use super::scaling::{Scaling, not_finite};
use super::{FitError, FitRequest, LearnerId, LogisticRegressionParams, Progress, StopRequest};
use crate::dataset::{Labels, Matrix};
use design::Design;
use lbfgs::Settings;

/// Rows whose margins are formed together.
const BLOCK: usize = 2048;
const LEARNER: &str = LearnerId::LogisticRegression.as_str();
/// The watched rows are looked at once in so many iterations: a look costs half an iteration.
const WATCH_EVERY: u32 = 5;
/// The loss of a class the model calls impossible, as scikit-learn clips it.
const IMPOSSIBLE: f64 = 36.043_653_389_117_15;

/// Weights of a fitted regression, on standardised features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegression {
    /// Indices of the classes that had rows, ascending; two of them share one output.
    classes: Vec<usize>,
    scaling: Scaling,
    /// One weight vector per output.
    coefficients: Vec<Vec<f64>>,
    /// One intercept per output.
    intercepts: Vec<f64>,
    /// Iterations the fit took.
    iterations: u32,
    /// Whether the stop rule was met before the iterations ran out.
    converged: bool,
}

impl LogisticRegression {
    /// Fits the regression.
    ///
    /// # Errors
    /// When a setting is out of range, a feature is not a finite number, or the fit is cancelled.
    pub fn fit(
        params: &LogisticRegressionParams,
        request: &FitRequest<'_>,
    ) -> Result<Self, FitError> {
        check_settings(params)?;
        if let Some(reason) = not_finite(request.x) {
            return Err(FitError::Data {
                learner: LEARNER,
                reason,
            });
        }
        let scaling = Scaling::fit(request.x);
        let counts = request.y.counts();
        let classes: Vec<usize> = (0..counts.len()).filter(|&c| counts[c] > 0).collect();
        let train = Task::new(request.x, request.y, &classes, &scaling)
            .with_weights(request.weights.effective(request.y));
        let watch = request
            .watch
            .map(|(x, y)| Task::new(x, y, &classes, &scaling));

        let (features, outputs) = (request.x.features(), train.outputs);
        let penalised = features * outputs;
        // A constant feature stays out, exactly: its gradient is rounding noise.
        let constant: Vec<usize> = (0..features)
            .filter(|&f| request.x.column(f).windows(2).all(|w| w[0] == w[1]))
            .collect();
        let penalty = 1.0 / (params.c * train.total_weight);
        // The loss at the latest evaluation, which is the one an accepted step ends with.
        let latest = Cell::new(0.0);
        let minimum = lbfgs::minimise(
            vec![0.0; penalised + outputs],
            Settings {
                max_iterations: params.max_iterations,
                gradient_tolerance: params.tolerance,
                relative_reduction: 64.0 * f64::EPSILON,
            },
            |theta, gradient| {
                if request.control.stop() == StopRequest::Now {
                    return Err(FitError::Cancelled);
                }
                let loss = train.mean_loss(theta, Some(gradient));
                latest.set(loss);
                let mut squares = 0.0;
                for (g, w) in gradient[..penalised].iter_mut().zip(theta) {
                    *g += penalty * w;
                    squares += w * w;
                }
                for feature in &constant {
                    for output in 0..outputs {
                        gradient[output * features + feature] = 0.0;
                    }
                }
                Ok(loss + penalty * squares / 2.0)
            },
            |iteration, theta| {
                let valid = watch
                    .iter()
                    .filter(|_| iteration == 1 || iteration % WATCH_EVERY == 0)
                    .map(|watch| ("log_loss", watch.mean_loss(theta, None)))
                    .collect();
                (request.progress)(Progress {
                    round: iteration,
                    of: params.max_iterations,
                    train: vec![("log_loss", latest.get())],
                    valid,
                });
                request.control.stop() == StopRequest::None
            },
        )?;
        if request.control.stop() == StopRequest::Now {
            return Err(FitError::Cancelled);
        }
        let point: Vec<f64> = minimum.point.into_iter().map(json_exact).collect();
        if !point.iter().all(|v| v.is_finite()) {
            return Err(FitError::Data {
                learner: LEARNER,
                reason: "the weights ran away; lower `c`".into(),
            });
        }
        Ok(Self {
            classes,
            coefficients: (0..outputs)
                .map(|o| point[o * features..(o + 1) * features].to_vec())
                .collect(),
            intercepts: point[penalised..].to_vec(),
            iterations: minimum.iterations,
            converged: matches!(
                minimum.ending,
                lbfgs::Ending::Converged | lbfgs::Ending::Stalled
            ),
            scaling,
        })
    }

    /// Whether the stop rule was met before the iterations ran out.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// Why this cannot be a regression for so many classes and features, if so.
    pub(crate) fn check(&self, classes: usize, features: usize) -> Result<(), String> {
        self.scaling.check(features)?;
        let ascending = self.classes.windows(2).all(|w| w[0] < w[1]);
        if !ascending || self.classes.len() < 2 || self.classes.iter().any(|&c| c >= classes) {
            return Err(format!(
                "the fitted classes {:?} are not among {classes}",
                self.classes
            ));
        }
        let outputs = outputs(self.classes.len());
        if self.intercepts.len() != outputs
            || self.coefficients.len() != outputs
            || self.coefficients.iter().any(|c| c.len() != features)
        {
            return Err(format!(
                "the weights are not {outputs} times {features} with an intercept each"
            ));
        }
        let all = self.coefficients.iter().flatten().chain(&self.intercepts);
        if !all.into_iter().all(|v| v.is_finite()) {
            return Err("a weight is not a finite number".into());
        }
        Ok(())
    }

    /// The regression in plain form, the scaling folded into the weights as prediction does it.
    pub fn plain(&self) -> LinearParts {
        let mut parts = LinearParts {
            classes: self.classes.clone(),
            scaling: None,
            weights: self.coefficients.clone(),
            intercepts: self.intercepts.clone(),
        };
        for (weights, intercept) in parts.weights.iter_mut().zip(&mut parts.intercepts) {
            let scaling = self.scaling.offset.iter().zip(&self.scaling.scale);
            let mut shift = 0.0;
            for (w, (offset, scale)) in weights.iter_mut().zip(scaling) {
                *w /= scale;
                shift += *w * offset;
            }
            *intercept -= shift;
        }
        parts
    }

    /// Class probabilities, row-major, for a matrix with the features of the fit.
    pub(crate) fn predict_proba(&self, x: &Matrix, classes: usize) -> Result<Vec<f64>, String> {
        if let Some(reason) = not_finite(x) {
            return Err(reason);
        }
        // Column after column, few rows on the spot: a row's probabilities do not depend on the
        // rows it comes with, and one row wakes no other thread.
        let LinearParts {
            weights,
            intercepts,
            ..
        } = self.plain();
        let outputs = intercepts.len();
        Ok(in_blocks(x.rows(), classes, BLOCK, |first, out| {
            let rows = out.len() / classes;
            let mut margins = vec![0.0; rows * outputs];
            for ((margins, weights), intercept) in margins
                .chunks_exact_mut(rows)
                .zip(&weights)
                .zip(&intercepts)
            {
                margins.fill(*intercept);
                for (feature, w) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
                    let column = &x.column(feature)[first..first + rows];
                    for (margin, &x) in margins.iter_mut().zip(column) {
                        *margin += w * f64::from(x);
                    }
                }
            }
            let mut of_row = vec![0.0; outputs];
            for (at, row) in out.chunks_exact_mut(classes).enumerate() {
                for (output, margin) in of_row.iter_mut().enumerate() {
                    *margin = margins[output * rows + at];
                }
                self.probabilities(&mut of_row, row);
            }
        }))
    }

    /// The probabilities of a row from its margins, which are used up.
    fn probabilities(&self, margins: &mut [f64], row: &mut [f64]) {
        match margins {
            [margin] => {
                let p = sigmoid(*margin);
                row[self.classes[0]] = 1.0 - p;
                row[self.classes[1]] = p;
            }
            margins => {
                softmax(margins);
                for (&class, &p) in self.classes.iter().zip(margins.iter()) {
                    row[class] = p;
                }
            }
        }
    }

    /// Mean |coefficient| per feature, not yet normalised.
    pub(crate) fn importances(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.scaling.offset.len()];
        for coefficients in &self.coefficients {
            for (sum, c) in sums.iter_mut().zip(coefficients) {
                *sum += c.abs();
            }
        }
        sums
    }
}

fn check_settings(params: &LogisticRegressionParams) -> Result<(), FitError> {
    let bad = |reason: String| {
        Err(FitError::Setting {
            learner: LEARNER,
            reason,
        })
    };
    if !(params.c.is_finite() && params.c > 0.0) {
        return bad(format!("`c` is {}; it must be above 0", params.c));
    }
    if !(params.tolerance.is_finite() && params.tolerance > 0.0) {
        return bad(format!(
            "`tolerance` is {}; it must be above 0",
            params.tolerance
        ));
    }
    if params.max_iterations == 0 {
        return bad("`max_iterations` is 0; it must be at least 1".into());
    }
    Ok(())
}

/// Weight vectors needed for so many classes.
fn outputs(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}

/// Rows with their targets, ready to be measured.
struct Task<'a> {
    design: Design<'a>,
    /// Position of each row's class among the fitted classes, or none.
    targets: Vec<Option<u32>>,
    weights: Option<Vec<f32>>,
    total_weight: f64,
    outputs: usize,
}

impl<'a> Task<'a> {
    fn new(x: &'a Matrix, y: &Labels, classes: &[usize], scaling: &'a Scaling) -> Self {
        let position: Vec<Option<u32>> = (0..y.classes.len())
            .map(|c| classes.iter().position(|&p| p == c).map(|p| p as u32))
            .collect();
        Self {
            design: Design::new(x, scaling),
            targets: y.codes.iter().map(|&c| position[c as usize]).collect(),
            weights: None,
            total_weight: x.rows() as f64,
            outputs: outputs(classes.len()),
        }
    }

    fn with_weights(mut self, weights: Option<Vec<f32>>) -> Self {
        if let Some(weights) = &weights {
            self.total_weight = weights.iter().map(|&w| f64::from(w)).sum();
        }
        self.weights = weights;
        self
    }

    /// The weighted mean log loss at `theta` and, if wanted, its gradient.
    fn mean_loss(&self, theta: &[f64], mut gradient: Option<&mut [f64]>) -> f64 {
        let total = self.design.sum(
            theta,
            self.outputs,
            gradient.as_deref_mut(),
            &|rows, margins| {
                if self.outputs == 1 {
                    self.binary(rows, margins)
                } else {
                    self.multinomial(rows, margins)
                }
            },
        );
        if let Some(gradient) = gradient {
            gradient.iter_mut().for_each(|g| *g /= self.total_weight);
        }
        total / self.total_weight
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| f64::from(w[row]))
    }

    fn binary(&self, rows: Range<usize>, margins: &mut [f64]) -> f64 {
        let mut total = 0.0;
        for (row, margin) in rows.zip(margins) {
            let Some(target) = self.targets[row] else {
                (total, *margin) = (total + IMPOSSIBLE, 0.0);
                continue;
            };
            let (weight, target) = (self.weight(row), f64::from(target));
            let e = (-margin.abs()).exp();
            total += weight * (margin.max(0.0) + e.ln_1p() - target * *margin);
            let top = if *margin >= 0.0 { 1.0 } else { e };
            let p = top / (1.0 + e);
            *margin = weight * (p - target);
        }
        total
    }

    fn multinomial(&self, rows: Range<usize>, margins: &mut [f64]) -> f64 {
        let n = rows.len();
        let mut row_margins = vec![0.0; self.outputs];
        let mut total = 0.0;
        for (i, row) in rows.enumerate() {
            let weight = self.weight(row);
            for (k, m) in row_margins.iter_mut().enumerate() {
                *m = margins[k * n + i];
            }
            let target = self.targets[row].map(|t| t as usize);
            let own = target.map_or(0.0, |t| row_margins[t]);
            let log_sum = softmax(&mut row_margins);
            total += weight * target.map_or(IMPOSSIBLE, |_| log_sum - own);
            for (k, p) in row_margins.iter().enumerate() {
                margins[k * n + i] = weight * (p - f64::from(u8::from(target == Some(k))));
            }
        }
        total
    }
}

fn sigmoid(margin: f64) -> f64 {
    let e = (-margin.abs()).exp();
    let top = if margin >= 0.0 { 1.0 } else { e };
    top / (1.0 + e)
}

/// Turns margins into probabilities; gives the logarithm of the sum of their exponentials.
fn softmax(margins: &mut [f64]) -> f64 {
    let top = margins.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let mut sum = 0.0;
    for m in margins.iter_mut() {
        *m = (*m - top).exp();
        sum += *m;
    }
    margins.iter_mut().for_each(|m| *m /= sum);
    top + sum.ln()
}

#[cfg(test)]
mod tests;
