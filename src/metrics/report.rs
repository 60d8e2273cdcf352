//! The figures of one model on one set of rows.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::confusion::{Confusion, most_probable};
use super::curves::Ranking;
use super::intervals::{Resampling, intervals};
use super::likelihood::{log_losses, mean, squared_errors};
use super::{Metric, check};
use crate::dataset::Labels;
use crate::error::CommandError;

/// Why rows cannot be measured.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum MetricError {
    /// There is nothing to measure.
    #[error("there are no rows to measure")]
    NoRows,
    /// Probabilities and labels are not of the same rows and classes.
    #[error("{rows} rows of {classes} classes need {expected} probabilities, there are {found}")]
    Shape {
        /// Rows of the labels.
        rows: usize,
        /// Classes of the labels.
        classes: usize,
        /// Rows times classes.
        expected: usize,
        /// Probabilities given.
        found: usize,
    },
    /// A value is not a probability.
    #[error("the model gave {value} as a probability in row {row}")]
    NotAProbability {
        /// The row, from 0.
        row: usize,
        /// What stands there, as text.
        value: String,
    },
    /// A row's class is not among the classes.
    #[error("row {row} has class {code} of {classes} classes")]
    UnknownClass {
        /// The row, from 0.
        row: usize,
        /// Its class index.
        code: u32,
        /// Number of classes.
        classes: usize,
    },
}

impl From<MetricError> for CommandError {
    fn from(e: MetricError) -> Self {
        match e {
            MetricError::NoRows => CommandError::data(e.to_string())
                .hint("Give the split more rows, or a test file that has some."),
            _ => CommandError::internal(e.to_string()),
        }
    }
}

/// Figures of one class, one-vs-rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// The class.
    pub class: String,
    /// Rows of this class in the truth.
    pub support: u64,
    /// Precision; `None` when nothing was predicted as this class.
    pub precision: Option<f64>,
    /// Recall; `None` when the class has no rows.
    pub recall: Option<f64>,
    /// F1; `None` when both are undefined.
    pub f1: Option<f64>,
}

/// The `test` object of the contract: figures at 0.5 (binary) or argmax.
///
/// Binary tasks: `precision`, `recall`, `f1` are those of the positive (threat) class.
/// Multi-class tasks: they are macro averages, the AUCs one-vs-rest macro averages.
/// Undefined figures are `None`; as in scikit-learn, an undefined precision, recall or F1 counts
/// as zero inside averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestMetrics {
    /// Rows measured.
    pub n: u64,
    /// Share of rows with the right class.
    pub accuracy: f64,
    /// Precision of the positive class, or macro.
    pub precision: Option<f64>,
    /// Recall of the positive class, or macro.
    pub recall: Option<f64>,
    /// F1 of the positive class, or macro.
    pub f1: Option<f64>,
    /// Unweighted mean of the classes' F1.
    pub macro_f1: f64,
    /// Mean of the classes' F1 weighted by support.
    pub weighted_f1: f64,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Average precision.
    pub pr_auc: Option<f64>,
    /// Mean negative log likelihood, probabilities clipped as scikit-learn does.
    pub log_loss: Option<f64>,
    /// Brier score (binary: mean squared error of the positive probability; multi-class: mean
    /// over rows of the summed squared errors).
    pub brier: Option<f64>,
    /// Confusion counts; rows are the truth, columns the prediction, in the order of `classes`.
    pub confusion: Vec<Vec<u64>>,
    /// Class names in the order used everywhere.
    pub classes: Vec<String>,
    /// Figures per class.
    pub per_class: Vec<ClassMetrics>,
    /// 95 % intervals by metric key: `[low, high]`.
    #[serde(default)]
    pub intervals: std::collections::BTreeMap<String, [f64; 2]>,
}

impl TestMetrics {
    /// Measures a model on rows, at 0.5 (two classes) or at the most probable class, without
    /// intervals. Probabilities are row-major, in the order of `labels.classes`.
    pub fn measure(labels: &Labels, probabilities: &[f64]) -> Result<Self, MetricError> {
        check(labels, probabilities)?;
        let classes = labels.classes.len();
        let predicted = most_probable(probabilities, classes);
        let confusion = Confusion::count(&labels.codes, &predicted, classes);
        Ok(Self::from_parts(labels, probabilities, confusion))
    }

    /// As [`TestMetrics::measure`], with the 95 % interval of every metric that has one.
    pub fn measure_with_intervals(
        labels: &Labels,
        probabilities: &[f64],
        resampling: Resampling,
    ) -> Result<Self, MetricError> {
        check(labels, probabilities)?;
        let classes = labels.classes.len();
        let predicted = most_probable(probabilities, classes);
        let confusion = Confusion::count(&labels.codes, &predicted, classes);
        let found = intervals(&labels.codes, probabilities, &confusion, resampling);
        let mut metrics = Self::from_parts(labels, probabilities, confusion);
        metrics.intervals = found;
        Ok(metrics)
    }

    /// The value of a metric; `None` when it is undefined on these rows.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Accuracy => Some(self.accuracy),
            Metric::Precision => self.precision,
            Metric::Recall => self.recall,
            Metric::F1 => self.f1,
            Metric::MacroF1 => Some(self.macro_f1),
            Metric::WeightedF1 => Some(self.weighted_f1),
            Metric::RocAuc => self.roc_auc,
            Metric::PrAuc => self.pr_auc,
            Metric::LogLoss => self.log_loss,
            Metric::Brier => self.brier,
        }
    }

    /// Puts the figures together; `labels` has rows and the shapes agree.
    fn from_parts(labels: &Labels, probabilities: &[f64], confusion: Confusion) -> Self {
        let classes = labels.classes.len();
        let truth = &labels.codes;
        let (roc_auc, pr_auc) = areas(truth, probabilities, classes);
        let figure = |metric| confusion.metric(metric);
        let per_class = labels
            .classes
            .iter()
            .enumerate()
            .map(|(c, class)| ClassMetrics {
                class: class.clone(),
                support: confusion.support(c),
                precision: confusion.precision(c),
                recall: confusion.recall(c),
                f1: confusion.f1(c),
            })
            .collect();
        Self {
            n: truth.len() as u64,
            // Defined whenever there are rows, which `check` made sure of.
            accuracy: figure(Metric::Accuracy).unwrap_or(0.0),
            precision: figure(Metric::Precision),
            recall: figure(Metric::Recall),
            f1: figure(Metric::F1),
            macro_f1: figure(Metric::MacroF1).unwrap_or(0.0),
            weighted_f1: figure(Metric::WeightedF1).unwrap_or(0.0),
            roc_auc,
            pr_auc,
            log_loss: mean(&log_losses(truth, probabilities, classes)),
            brier: mean(&squared_errors(truth, probabilities, classes)),
            classes: labels.classes.clone(),
            per_class,
            confusion: confusion.into_counts(),
            intervals: std::collections::BTreeMap::new(),
        }
    }
}

/// ROC-AUC and average precision: of the threat with two classes, else the mean over the classes
/// for which they are defined, one against the rest.
fn areas(truth: &[u32], probabilities: &[f64], classes: usize) -> (Option<f64>, Option<f64>) {
    let of = |class: usize| {
        let ranking = Ranking::new(
            truth.len(),
            |r| probabilities[r * classes + class],
            |r| truth[r] as usize == class,
        );
        (ranking.roc_auc(), ranking.average_precision())
    };
    if classes == 2 {
        return of(1);
    }
    let each: Vec<(Option<f64>, Option<f64>)> = (0..classes).map(of).collect();
    let roc: Vec<f64> = each.iter().filter_map(|a| a.0).collect();
    // One class only: a precision of 1 says nothing, there is nothing to rank against.
    let pr: Vec<f64> = each
        .iter()
        .filter(|a| a.0.is_some())
        .filter_map(|a| a.1)
        .collect();
    (mean(&roc), mean(&pr))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(classes: usize, codes: &[u32]) -> Labels {
        Labels {
            classes: (0..classes).map(|c| format!("class {c}")).collect(),
            codes: codes.to_vec(),
        }
    }

    #[test]
    fn wrong_shapes_and_values_are_errors() {
        let l = labels(2, &[0, 1]);
        assert!(matches!(
            TestMetrics::measure(&l, &[0.5; 3]),
            Err(MetricError::Shape { expected: 4, .. })
        ));
        assert!(matches!(
            TestMetrics::measure(&l, &[0.5, 0.5, f64::NAN, 0.5]),
            Err(MetricError::NotAProbability { row: 1, .. })
        ));
        assert_eq!(
            TestMetrics::measure(&labels(2, &[]), &[]),
            Err(MetricError::NoRows)
        );
        assert!(matches!(
            TestMetrics::measure(&labels(2, &[2]), &[0.5, 0.5]),
            Err(MetricError::UnknownClass { .. })
        ));
    }

    #[test]
    fn undefined_figures_survive_json() {
        let m = TestMetrics::measure(&labels(2, &[0, 0]), &[0.9, 0.1, 0.8, 0.2]).unwrap();
        assert_eq!(
            (m.precision, m.recall, m.f1, m.roc_auc),
            (None, None, None, None)
        );
        let text = serde_json::to_string(&m).unwrap();
        assert_eq!(serde_json::from_str::<TestMetrics>(&text).unwrap(), m);
    }

    #[test]
    fn intervals_hold_their_figures() {
        let codes: Vec<u32> = (0..300).map(|i| u32::from(i % 3 == 0)).collect();
        let p: Vec<f64> = codes
            .iter()
            .enumerate()
            .flat_map(|(i, &c)| {
                let p = 0.35 + 0.3 * f64::from(c) + ((i * 37) % 100) as f64 / 300.0 - 0.16;
                [1.0 - p, p]
            })
            .collect();
        let m = TestMetrics::measure_with_intervals(&labels(2, &codes), &p, Resampling::default())
            .unwrap();
        assert_eq!(m.intervals.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            let [low, high] = m.intervals[metric.key()];
            let value = m.get(metric).unwrap();
            assert!(low < value && value < high, "{metric} {low} {value} {high}");
        }
    }
}
