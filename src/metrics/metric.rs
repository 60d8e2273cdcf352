//! The metrics by name: their keys, their direction, and what they are computed from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::SelectionMetric;

/// A figure of merit, under the key it has in configuration, JSON and tracking servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of rows with the right class.
    Accuracy,
    /// Precision of the positive class, or macro.
    Precision,
    /// Recall of the positive class, or macro.
    Recall,
    /// F1 of the positive class, or macro.
    F1,
    /// Unweighted mean of the classes' F1.
    MacroF1,
    /// Mean of the classes' F1 weighted by support.
    WeightedF1,
    /// Area under the ROC curve.
    RocAuc,
    /// Average precision.
    PrAuc,
    /// Mean negative log likelihood.
    LogLoss,
    /// Brier score.
    Brier,
}

impl Metric {
    /// Every metric, in the order of the contract.
    pub const ALL: [Metric; 10] = [
        Metric::Accuracy,
        Metric::Precision,
        Metric::Recall,
        Metric::F1,
        Metric::MacroF1,
        Metric::WeightedF1,
        Metric::RocAuc,
        Metric::PrAuc,
        Metric::LogLoss,
        Metric::Brier,
    ];
    /// The key in JSON.
    pub fn key(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::Precision => "precision",
            Metric::Recall => "recall",
            Metric::F1 => "f1",
            Metric::MacroF1 => "macro_f1",
            Metric::WeightedF1 => "weighted_f1",
            Metric::RocAuc => "roc_auc",
            Metric::PrAuc => "pr_auc",
            Metric::LogLoss => "log_loss",
            Metric::Brier => "brier",
        }
    }
    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::Precision => "precision",
            Metric::Recall => "recall",
            Metric::F1 => "F1",
            Metric::MacroF1 => "macro F1",
            Metric::WeightedF1 => "weighted F1",
            Metric::RocAuc => "ROC-AUC",
            Metric::PrAuc => "PR-AUC",
            Metric::LogLoss => "log loss",
            Metric::Brier => "Brier score",
        }
    }
    /// Whether a larger value is a better one.
    pub fn greater_is_better(self) -> bool {
        !matches!(self, Metric::LogLoss | Metric::Brier)
    }
    /// Whether the metric depends on the predicted classes alone, so that counts are enough.
    pub fn is_count_based(self) -> bool {
        match self {
            Metric::Accuracy
            | Metric::Precision
            | Metric::Recall
            | Metric::F1
            | Metric::MacroF1
            | Metric::WeightedF1 => true,
            Metric::RocAuc | Metric::PrAuc | Metric::LogLoss | Metric::Brier => false,
        }
    }
    /// Smallest and largest possible value.
    pub fn range(self) -> (f64, f64) {
        match self {
            Metric::LogLoss => (0.0, f64::INFINITY),
            Metric::Brier => (0.0, 2.0),
            _ => (0.0, 1.0),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl FromStr for Metric {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Metric::ALL
            .into_iter()
            .find(|m| m.key() == text)
            .ok_or_else(|| {
                format!(
                    "`{text}` is not a metric; the metrics are {}",
                    Metric::ALL.map(Metric::key).join(", ")
                )
            })
    }
}

impl From<SelectionMetric> for Metric {
    fn from(metric: SelectionMetric) -> Self {
        match metric {
            SelectionMetric::F1 => Metric::F1,
            SelectionMetric::MacroF1 => Metric::MacroF1,
            SelectionMetric::RocAuc => Metric::RocAuc,
            SelectionMetric::PrAuc => Metric::PrAuc,
            SelectionMetric::LogLoss => Metric::LogLoss,
            SelectionMetric::Accuracy => Metric::Accuracy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_agree_with_serde() {
        for metric in Metric::ALL {
            assert_eq!(metric.key().parse::<Metric>(), Ok(metric));
            assert_eq!(
                serde_json::to_value(metric).unwrap(),
                serde_json::Value::from(metric.key())
            );
        }
        assert!("f2".parse::<Metric>().unwrap_err().contains("roc_auc"));
    }

    #[test]
    fn the_selection_metrics_keep_their_keys() {
        for metric in [
            SelectionMetric::F1,
            SelectionMetric::MacroF1,
            SelectionMetric::RocAuc,
            SelectionMetric::PrAuc,
            SelectionMetric::LogLoss,
            SelectionMetric::Accuracy,
        ] {
            assert_eq!(Metric::from(metric).key(), metric.key());
        }
    }
}
