//! The drift report, in the shape other programs read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::events::DriftVerdict;

/// How a column was compared. Decided by the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftKind {
    /// As numbers.
    Numeric,
    /// As categories.
    Categorical,
}

/// Two-sample Kolmogorov-Smirnov test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KolmogorovSmirnov {
    /// Largest distance of the two distribution functions.
    pub statistic: f64,
    /// Exact p value up to 10,000 rows a side, else the asymptotic one.
    pub p_value: f64,
}

/// Wasserstein-1 distance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wasserstein {
    /// In the column's unit.
    pub raw: f64,
    /// Divided by the reference's standard deviation (at least 0.001).
    pub normed: f64,
}

/// Chi-square test of homogeneity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChiSquare {
    /// The statistic.
    pub statistic: f64,
    /// Degrees of freedom.
    pub dof: u64,
    /// p value.
    pub p_value: f64,
    /// Cramér's V, an effect size from 0 to 1.
    pub cramers_v: f64,
}

/// Figures over the reference's deciles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decile {
    /// Population stability index.
    pub psi: f64,
    /// Jensen-Shannon divergence in bits, 0 to 1.
    pub jensen_shannon_bits: f64,
}

/// Drift of one column. A figure that does not apply is `None` with its reason in `reasons`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDrift {
    /// The column.
    pub column: String,
    /// How it was compared.
    pub kind: DriftKind,
    /// Values used on the reference side (missing and infinite ones left out).
    pub n_reference: u64,
    /// Values used on the current side.
    pub n_current: u64,
    /// Share of missing values: reference, current.
    pub null_share: [f64; 2],
    /// Kolmogorov-Smirnov.
    pub ks: Option<KolmogorovSmirnov>,
    /// Population stability index.
    pub psi: Option<f64>,
    /// Jensen-Shannon distance, natural logarithm.
    pub jensen_shannon: Option<f64>,
    /// Wasserstein-1.
    pub wasserstein: Option<Wasserstein>,
    /// Chi-square.
    pub chi_square: Option<ChiSquare>,
    /// Decile figures.
    pub decile: Option<Decile>,
    /// Effect size that the verdict rests on; `reasons.effect` names the figure.
    pub effect: Option<f64>,
    /// False-discovery-rate adjusted p value over all columns (Benjamini-Hochberg).
    pub q_value: Option<f64>,
    /// Smallest effect this many rows could have shown, in the unit of `effect`: what two samples
    /// of one distribution exceed with probability `q_value` of the settings.
    pub smallest_detectable: Option<f64>,
    /// The verdict.
    pub verdict: DriftVerdict,
    /// Why a figure is missing, or what led to the verdict, by field.
    pub reasons: BTreeMap<String, String>,
}

/// Drift of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftReport {
    /// Rows of the reference.
    pub n_reference: u64,
    /// Rows of the current data.
    pub n_current: u64,
    /// One entry a column.
    pub columns: Vec<ColumnDrift>,
    /// Multivariate drift; not built yet.
    pub multivariate: Option<serde_json::Value>,
    /// The verdict on the table.
    pub verdict: DriftVerdict,
    /// Why a figure of the table is missing, and what led to its verdict, by field.
    #[serde(default)]
    pub reasons: BTreeMap<String, String>,
}

impl DriftReport {
    /// Columns that drifted.
    pub fn drifted(&self) -> u64 {
        self.columns
            .iter()
            .filter(|c| c.verdict == DriftVerdict::Drift)
            .count() as u64
    }
}
