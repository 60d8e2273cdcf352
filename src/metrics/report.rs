//! The figures of one model on one set of rows.

use serde::{Deserialize, Serialize};

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
