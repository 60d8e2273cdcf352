//! Scores of the probabilities themselves, row by row: log loss and Brier score.

/// Negative log likelihood of the true class of every row.
///
/// As in scikit-learn, probabilities are clipped to `[eps, 1 - eps]` with the machine epsilon of
/// `f64`, and rows are not rescaled after clipping.
pub fn log_losses(truth: &[u32], probabilities: &[f64], classes: usize) -> Vec<f64> {
    truth
        .iter()
        .zip(probabilities.chunks_exact(classes))
        .map(|(&class, row)| -clip(row[class as usize]).ln())
        .collect()
}

fn clip(p: f64) -> f64 {
    p.clamp(f64::EPSILON, 1.0 - f64::EPSILON)
}

/// Squared error of every row: of the threat's probability with two classes, else summed over
/// the classes.
pub fn squared_errors(truth: &[u32], probabilities: &[f64], classes: usize) -> Vec<f64> {
    truth
        .iter()
        .zip(probabilities.chunks_exact(classes))
        .map(|(&class, row)| {
            let error = |c: usize| (row[c] - f64::from(u8::from(c == class as usize))).powi(2);
            if classes == 2 {
                error(1)
            } else {
                (0..classes).map(error).sum()
            }
        })
        .collect()
}

/// The mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certain_mistake_costs_the_clip_and_no_more() {
        let loss = log_losses(&[1, 0], &[1.0, 0.0, 1.0, 0.0], 2);
        assert!((loss[0] - 36.043_653_389_117_15).abs() < 1e-12);
        assert!(loss[1] > 0.0 && loss[1] < 1e-15);
    }

    #[test]
    fn brier_sums_over_classes_only_when_there_are_several() {
        assert_eq!(squared_errors(&[1], &[0.5, 0.5], 2), [0.25]);
        assert_eq!(squared_errors(&[1], &[0.5, 0.5, 0.0], 3), [0.5]);
        assert_eq!(mean(&[]), None);
    }
}
