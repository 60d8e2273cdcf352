//! Classification metrics, with scikit-learn's definitions, and their intervals.
//!
//! Pure functions over labels and probabilities; nothing here reads files or knows a learner.
//! Probabilities are row-major, one column per class, in the order of the labels' classes.

mod confusion;
mod curves;
mod influence;
mod intervals;
mod likelihood;
mod metric;
pub mod operating_point;
mod paired;
mod report;

pub use confusion::{Confusion, at_threshold, most_probable};
pub use curves::{CurvePoint, Ranking, Step, thin};
pub use intervals::{Resampling, Z_95, wilson};
pub use metric::Metric;
pub use paired::{Agreement, PairedDifference, PairedVerdict, agreement, paired_differences};
pub use report::{ClassMetrics, MetricError, TestMetrics};

use crate::dataset::Labels;

/// Makes sure that probabilities belong to the labels and are probabilities.
fn check(labels: &Labels, probabilities: &[f64]) -> Result<(), MetricError> {
    let (rows, classes) = (labels.rows(), labels.classes.len());
    if rows == 0 {
        return Err(MetricError::NoRows);
    }
    if probabilities.len() != rows * classes {
        return Err(MetricError::Shape {
            rows,
            classes,
            expected: rows * classes,
            found: probabilities.len(),
        });
    }
    if let Some(row) = labels.codes.iter().position(|&c| c as usize >= classes) {
        return Err(MetricError::UnknownClass {
            row,
            code: labels.codes[row],
            classes,
        });
    }
    // A hair above 1 is rounding of a learner that works in f32.
    let wrong = |p: &f64| !(-1e-6..=1.0 + 1e-6).contains(p);
    if let Some(at) = probabilities.iter().position(wrong) {
        return Err(MetricError::NotAProbability {
            row: at / classes,
            value: probabilities[at].to_string(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod oracle_tests;
