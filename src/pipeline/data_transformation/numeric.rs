//! A fitted numeric column: how a missing value is filled and how values are scaled.

use serde::{Deserialize, Serialize};

use crate::config::{NumericImpute, ScaleKind};
use crate::exact_json::Exact;

/// How the values of a column are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Scale {
    /// As they are.
    None,
    /// `(x - mean) / std`.
    Standard {
        /// Mean of the train split after imputation.
        mean: Exact,
        /// Standard deviation with divisor n; 1 where it is zero.
        std: Exact,
    },
    /// `(x - min) / range`.
    MinMax {
        /// Smallest value of the train split after imputation.
        min: Exact,
        /// Largest minus smallest; 1 where it is zero.
        range: Exact,
    },
}

/// A fitted numeric column. It keeps its name in the matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericColumn {
    /// Name of the column, and of its feature.
    pub name: String,
    /// Missing or infinite values in the train split.
    pub missing_in_train: u64,
    /// What a missing value becomes. With KNN: only where no neighbour has a value.
    pub fill: Exact,
    /// Scaling after imputation.
    pub scale: Scale,
}

impl NumericColumn {
    /// Learns the fill value. `values` holds NaN where a value is missing.
    pub(super) fn fit_fill(name: &str, values: &[f64], impute: NumericImpute) -> Self {
        let mut known: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        let missing = values.len() - known.len();
        let fill = match impute {
            NumericImpute::Constant { value } => value,
            _ if known.is_empty() => 0.0,
            NumericImpute::Median => median(&mut known),
            NumericImpute::Mode => mode(&mut known),
            NumericImpute::Knn { .. } => mean(&known),
        };
        Self {
            name: name.to_owned(),
            missing_in_train: missing as u64,
            // Adding zero turns a negative zero into a plain one.
            fill: Exact(fill + 0.0),
            scale: Scale::None,
        }
    }
    /// Learns the scale from values without NaN, as scikit-learn's `StandardScaler` (divisor n)
    /// and `MinMaxScaler` do.
    pub(super) fn fit_scale(&mut self, values: &[f64], kind: ScaleKind) {
        let (min, max) = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| {
                (low.min(v), high.max(v))
            });
        let constant = values.is_empty() || min == max;
        self.scale = match kind {
            ScaleKind::None => Scale::None,
            ScaleKind::Standard => {
                let mean = if constant {
                    self.first(values)
                } else {
                    mean(values)
                };
                let std = if constant {
                    1.0
                } else {
                    deviation(values, mean)
                };
                Scale::Standard {
                    mean: Exact(mean),
                    std: Exact(std),
                }
            }
            ScaleKind::MinMax => Scale::MinMax {
                min: Exact(if constant { self.first(values) } else { min }),
                range: Exact(if constant {
                    1.0
                } else {
                    (max - min).min(f64::MAX)
                }),
            },
        };
    }
    fn first(&self, values: &[f64]) -> f64 {
        values.first().copied().unwrap_or(self.fill.0)
    }
    /// Fills and scales `values` into `out`. What a 32-bit float cannot hold becomes its largest
    /// value: an infinity would poison every sum a learner makes.
    pub(super) fn apply(&self, values: &[f64], out: &mut [f32]) {
        let fill = self.fill.0;
        let filled = values.iter().map(|&v| if v.is_nan() { fill } else { v });
        match self.scale {
            Scale::None => write(filled, out),
            Scale::Standard { mean, std } => write(filled.map(|v| (v - mean.0) / std.0), out),
            Scale::MinMax { min, range } => write(filled.map(|v| (v - min.0) / range.0), out),
        }
    }
    /// Whether dividing by what the file says is possible.
    pub(super) fn is_sound(&self) -> bool {
        match self.scale {
            Scale::None => true,
            Scale::Standard { std, .. } => std.0 > 0.0,
            Scale::MinMax { range, .. } => range.0 > 0.0,
        }
    }
}

fn write(values: impl Iterator<Item = f64>, out: &mut [f32]) {
    let limit = f64::from(f32::MAX);
    for (out, value) in out.iter_mut().zip(values) {
        *out = value.clamp(-limit, limit) as f32;
    }
}

/// The median; the mean of the middle two of an even number.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if odd {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower / 2.0 + upper / 2.0
}

/// The most frequent value; the smallest of several.
fn mode(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let mut best = (0, 0.0);
    for run in values.chunk_by(|a, b| a == b) {
        if run.len() > best.0 {
            best = (run.len(), run[0]);
        }
    }
    best.1
}

/// The mean; summed in row order, so it does not depend on the number of threads.
fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let sum: f64 = values.iter().sum();
    if sum.is_finite() {
        sum / n
    } else {
        values.iter().map(|v| v / n).sum()
    }
}

/// The standard deviation with divisor n in two passes; values are divided by the largest
/// deviation first, so that squares neither overflow nor vanish.
fn deviation(values: &[f64], mean: f64) -> f64 {
    let largest = values
        .iter()
        .map(|v| (v - mean).abs())
        .fold(0.0, f64::max)
        .min(f64::MAX);
    if largest == 0.0 {
        return 1.0;
    }
    let squares: f64 = values
        .iter()
        .map(|v| {
            let d = (v - mean) / largest;
            d * d
        })
        .sum();
    let std = largest * (squares / values.len() as f64).sqrt();
    if std > 0.0 && std.is_finite() {
        std
    } else {
        largest
    }
}
