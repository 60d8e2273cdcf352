//! The features of a report in the order of how far they moved: what is shown where there is room
//! for some of them only.

use super::report::DriftReport;
use crate::events::DriftVerdict;

/// How far one feature moved.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureDrift {
    /// The column.
    pub feature: String,
    /// Measure and figure.
    pub effects: Vec<(&'static str, f64)>,
    /// Whether it counts as drifted.
    pub alarm: bool,
}

/// The features that moved most, at most `most` of them, and how many are not among them.
pub fn most_moved(report: &DriftReport, most: usize) -> (Vec<FeatureDrift>, usize) {
    let mut features: Vec<FeatureDrift> = report
        .columns
        .iter()
        .map(|column| FeatureDrift {
            feature: column.column.clone(),
            effects: [
                ("psi", column.psi),
                ("jensen_shannon", column.jensen_shannon),
                ("ks", column.ks.map(|t| t.statistic)),
                ("cramers_v", column.chi_square.map(|t| t.cramers_v)),
            ]
            .into_iter()
            .filter_map(|(name, value)| value.map(|v| (name, v)))
            .collect(),
            alarm: column.verdict == DriftVerdict::Drift,
        })
        .collect();
    let moved = |f: &FeatureDrift| (f.alarm, f.effects.first().map_or(0.0, |(_, v)| *v));
    features.sort_by(|a, b| {
        let (a, b) = (moved(a), moved(b));
        b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    let omitted = features.len().saturating_sub(most);
    features.truncate(most);
    (features, omitted)
}
