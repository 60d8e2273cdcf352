//! Scores a table with the champion: its preprocessor, its model, its operating point.

use crate::dataset::Frame;
use crate::error::CommandError;
use crate::learners::Model;
use crate::pipeline::data_transformation::Preprocessor;
use crate::storage::Champion;

/// The prediction for one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Index into the model's classes.
    pub class: usize,
    /// Binary tasks: probability of the threat class. Otherwise: probability of the class.
    pub score: f64,
}

/// Predicts every row of a table that has the feature columns, in its order.
///
/// Binary tasks are decided at the champion's operating point; without one, and with several
/// classes, the most probable class wins.
pub fn predict(champion: &Champion, frame: &Frame) -> Result<Vec<Prediction>, CommandError> {
    predict_with(
        &champion.model,
        &champion.preprocessor,
        champion.threshold,
        frame,
    )
}

/// The same with any model, its preprocessor and its operating point.
pub fn predict_with(
    model: &Model,
    preprocessor: &Preprocessor,
    threshold: Option<f64>,
    frame: &Frame,
) -> Result<Vec<Prediction>, CommandError> {
    let matrix = preprocessor.transform(frame)?;
    let probabilities = model.predict_proba(&matrix)?;
    Ok(probabilities
        .chunks_exact(model.classes.len().max(1))
        .map(|row| decide(row, threshold))
        .collect())
}

/// From the class probabilities of one row to its prediction.
pub fn decide(probabilities: &[f64], threshold: Option<f64>) -> Prediction {
    match (probabilities, threshold) {
        ([_, threat], Some(threshold)) => Prediction {
            class: usize::from(*threat >= threshold),
            score: *threat,
        },
        ([_, threat], None) => Prediction {
            class: usize::from(*threat > 0.5),
            score: *threat,
        },
        _ => {
            // The first of equals wins, as argmax does everywhere else.
            let mut best = 0;
            for (class, p) in probabilities.iter().enumerate() {
                if *p > probabilities[best] {
                    best = class;
                }
            }
            Prediction {
                class: best,
                score: probabilities.get(best).copied().unwrap_or(0.0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_at_the_operating_point() {
        assert_eq!(
            decide(&[0.7, 0.3], Some(0.2)),
            Prediction {
                class: 1,
                score: 0.3
            }
        );
        assert_eq!(
            decide(&[0.7, 0.3], Some(0.4)),
            Prediction {
                class: 0,
                score: 0.3
            }
        );
        assert_eq!(
            decide(&[0.5, 0.5], None),
            Prediction {
                class: 0,
                score: 0.5
            }
        );
        assert_eq!(
            decide(&[0.2, 0.4, 0.4], None),
            Prediction {
                class: 1,
                score: 0.4
            }
        );
    }
}
