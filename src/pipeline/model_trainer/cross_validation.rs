//! From out-of-fold probabilities to figures per fold and their summary. Pure.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::inputs::TrainingData;
use crate::events::Summary;
use crate::metrics::{Metric, MetricError, TestMetrics};

/// The figures of a learner in each fold; `None` for a fold that was not measured.
pub type FoldFigures = Vec<Option<TestMetrics>>;

/// Measures every fold on its held-out rows. `out_of_fold` is row-major over all train rows;
/// `measured` says which folds were fitted.
pub fn measure(
    data: &TrainingData,
    out_of_fold: &[f64],
    measured: &[bool],
) -> Result<FoldFigures, MetricError> {
    let classes = data.y.classes.len();
    (0..data.folds.count)
        .map(|fold| {
            let rows = data.folds.held_out(fold);
            if rows.is_empty() || !measured[fold as usize] {
                return Ok(None);
            }
            let probabilities: Vec<f64> = rows
                .iter()
                .flat_map(|&r| &out_of_fold[r * classes..(r + 1) * classes])
                .copied()
                .collect();
            TestMetrics::measure(&data.y.take(&rows), &probabilities).map(Some)
        })
        .collect()
}

/// The values of a metric in the folds where it is defined.
pub fn values(figures: &FoldFigures, metric: Metric) -> Vec<f64> {
    figures
        .iter()
        .flatten()
        .filter_map(|f| f.get(metric))
        .collect()
}

/// Mean and 95 % interval of every metric that is defined in some fold.
///
/// The interval is Student's t over the folds. Folds share train rows, so it is somewhat too
/// narrow (Nadeau and Bengio 2003); it is a measure of spread between folds, not a promise.
pub fn summaries(figures: &FoldFigures) -> BTreeMap<String, Summary> {
    Metric::ALL
        .into_iter()
        .filter_map(|metric| {
            let summary = summary(&values(figures, metric), metric.range())?;
            Some((metric.key().to_owned(), summary))
        })
        .collect()
}

/// Mean of the values with its standard error; `None` of nothing. One value has no error.
pub fn mean_and_error(values: &[f64]) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() == 1 {
        return Some((mean, 0.0));
    }
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((mean, (variance / n).sqrt()))
}

fn summary(values: &[f64], (least, most): (f64, f64)) -> Option<Summary> {
    let (mean, error) = mean_and_error(values)?;
    // With one value the interval is the value: there is no spread to speak of.
    let t = StudentsT::new(0.0, 1.0, values.len().saturating_sub(1).max(1) as f64)
        .map_or(f64::INFINITY, |t| t.inverse_cdf(0.975));
    let half = if error == 0.0 { 0.0 } else { t * error };
    Some(Summary {
        mean,
        low: (mean - half).max(least),
        high: (mean + half).min(most),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Labels, Matrix};

    #[test]
    fn the_interval_is_students() {
        // Mean 0.9, standard deviation 0.01, t(2) = 4.3027: half width 0.024841.
        let s = summary(&[0.89, 0.9, 0.91], (0.0, 1.0)).unwrap();
        assert!((s.mean - 0.9).abs() < 1e-12);
        assert!((s.high - 0.924_841).abs() < 1e-5, "{s:?}");
        assert!((s.low - 0.875_159).abs() < 1e-5);
        let s = summary(&[0.98, 1.0], (0.0, 1.0)).unwrap();
        assert_eq!(s.high, 1.0);
        let s = summary(&[0.5], (0.0, 1.0)).unwrap();
        assert_eq!((s.low, s.mean, s.high), (0.5, 0.5, 0.5));
        assert!(summary(&[], (0.0, 1.0)).is_none());
    }

    #[test]
    fn folds_are_measured_on_their_own_rows() {
        let x = Matrix::from_columns(
            vec!["a".into()],
            8,
            vec![(0..8).map(|i| i as f32).collect()],
        );
        let y = Labels {
            classes: vec!["harmless".into(), "threat".into()],
            codes: vec![0, 1, 0, 1, 0, 1, 0, 1],
        };
        let data = TrainingData::new(x, y, None, 2, 5);
        // Right in fold 0, wrong in fold 1.
        let p: Vec<f64> = (0..8)
            .flat_map(|r| {
                let right = data.folds.of[r] == 0;
                let threat = (data.y.codes[r] == 1) == right;
                if threat { [0.1, 0.9] } else { [0.9, 0.1] }
            })
            .collect();
        let figures = measure(&data, &p, &[true, true]).unwrap();
        assert_eq!(values(&figures, Metric::Accuracy), [1.0, 0.0]);
        let cv = summaries(&figures);
        assert_eq!(cv["accuracy"].mean, 0.5);
        assert_eq!(cv.len(), Metric::ALL.len());
        let one = measure(&data, &p, &[true, false]).unwrap();
        assert_eq!(values(&one, Metric::Accuracy), [1.0]);
    }
}
