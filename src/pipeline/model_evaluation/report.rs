//! `evaluation.json`: everything measured on the test split.

use serde::Serialize;

use super::comparison::Comparison;
use super::slices::SliceReport;
use crate::dataset::Labels;
use crate::events::{GateVerdict, LearnerTest, RuleResult};
use crate::learners::Model;
use crate::metrics::{Confusion, CurvePoint, Metric, Ranking, at_threshold, thin};

/// Points of a curve that are stored at most.
const CURVE_POINTS: usize = 200;
/// Features whose importance is stored at most.
const TOP_FEATURES: usize = 30;

/// `evaluation.json`.
#[derive(Clone, Debug, Serialize)]
pub struct EvaluationReport {
    /// `netsec-evaluation`.
    pub format: &'static str,
    /// 1.
    pub version: u32,
    /// Test rows.
    pub rows: u64,
    /// Class names in order.
    pub classes: Vec<String>,
    /// The selected learner.
    pub selected: String,
    /// Figures of every learner, in the order of the configuration.
    pub learners: Vec<LearnerTest>,
    /// The selected model at its operating point (binary tasks).
    pub at_threshold: Option<AtThreshold>,
    /// Curves of the selected model, one entry a class (binary tasks: the threat alone).
    pub curves: Vec<ClassCurves>,
    /// The most important features of the selected model.
    pub importances: Vec<Importance>,
    /// The comparison with the champion, when there is one.
    pub champion: Option<ChampionReport>,
    /// The gate.
    pub gate: GateReport,
}

/// The selected model at its operating point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtThreshold {
    /// The threshold.
    pub threshold: f64,
    /// Share of rows with the right class.
    pub accuracy: Option<f64>,
    /// Precision of the threat class.
    pub precision: Option<f64>,
    /// Recall of the threat class.
    pub recall: Option<f64>,
    /// F1 of the threat class.
    pub f1: Option<f64>,
    /// Share of harmless rows called threats.
    pub false_positive_rate: Option<f64>,
    /// Confusion counts; rows are the truth.
    pub confusion: Vec<Vec<u64>>,
}

/// Curves of one class against the rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassCurves {
    /// The class.
    pub class: String,
    /// Its test rows.
    pub support: u64,
    /// False positive rate against true positive rate.
    pub roc: Vec<CurvePoint>,
    /// Recall against precision.
    pub precision_recall: Vec<CurvePoint>,
}

/// A feature and its importance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// Its share.
    pub importance: f64,
}

/// The champion on the same rows.
#[derive(Clone, Debug, Serialize)]
pub struct ChampionReport {
    /// Its version.
    pub version: String,
    /// The run that made it.
    pub run_id: String,
    /// The comparison; the challenger is the first.
    pub comparison: Option<Comparison>,
    /// Why there is none.
    pub not_comparable: Option<String>,
    /// Where the challenger is better or worse.
    pub slices: Option<SliceReport>,
}

/// The gate.
#[derive(Clone, Debug, Serialize)]
pub struct GateReport {
    /// The verdict.
    pub verdict: GateVerdict,
    /// A sentence.
    pub reason: String,
    /// The rules.
    pub rules: Vec<RuleResult>,
}

/// The figures at a threshold (two classes).
pub fn figures_at(labels: &Labels, probabilities: &[f64], threshold: f64) -> AtThreshold {
    let confusion = Confusion::count(&labels.codes, &at_threshold(probabilities, threshold), 2);
    let harmless = confusion.support(0);
    AtThreshold {
        threshold,
        accuracy: confusion.metric(Metric::Accuracy),
        precision: confusion.precision(1),
        recall: confusion.recall(1),
        f1: confusion.f1(1),
        false_positive_rate: (harmless > 0)
            .then(|| confusion.counts()[0][1] as f64 / harmless as f64),
        confusion: confusion.into_counts(),
    }
}

/// The curves of a model, thinned for storage.
pub fn curves(labels: &Labels, probabilities: &[f64]) -> Vec<ClassCurves> {
    let classes = labels.classes.len();
    let first = usize::from(classes == 2);
    (first..classes)
        .map(|class| {
            let ranking = Ranking::new(
                labels.rows(),
                |r| probabilities[r * classes + class],
                |r| labels.codes[r] as usize == class,
            );
            ClassCurves {
                class: labels.classes[class].clone(),
                support: ranking.positives,
                roc: thin(&ranking.roc_curve(), CURVE_POINTS),
                precision_recall: thin(&ranking.precision_recall_curve(), CURVE_POINTS),
            }
        })
        .collect()
}

/// The most important features, the largest first, equal ones by name.
pub fn importances(model: &Model) -> Vec<Importance> {
    let mut all: Vec<Importance> = model
        .features
        .iter()
        .zip(model.importances())
        .filter(|(_, importance)| importance.is_finite() && *importance > 0.0)
        .map(|(feature, importance)| Importance {
            feature: feature.clone(),
            importance,
        })
        .collect();
    all.sort_by(|a, b| {
        b.importance
            .total_cmp(&a.importance)
            .then_with(|| a.feature.cmp(&b.feature))
    });
    all.truncate(TOP_FEATURES);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(classes: usize, n: usize) -> (Labels, Vec<f64>) {
        let labels = Labels {
            classes: (0..classes).map(|c| format!("class {c}")).collect(),
            codes: (0..n).map(|r| (r % classes) as u32).collect(),
        };
        let p = (0..n)
            .flat_map(|r| {
                let lead = 0.2 + 0.6 * ((r * 31) % n) as f64 / n as f64;
                (0..classes).map(move |c| {
                    if c == r % classes {
                        lead
                    } else {
                        (1.0 - lead) / (classes - 1) as f64
                    }
                })
            })
            .collect();
        (labels, p)
    }

    #[test]
    fn binary_tasks_have_one_curve_and_others_one_a_class() {
        let (labels, p) = rows(2, 1000);
        let found = curves(&labels, &p);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].class, "class 1");
        assert!(found[0].roc.len() <= CURVE_POINTS && found[0].roc.len() > 20);
        let (labels, p) = rows(4, 400);
        assert_eq!(curves(&labels, &p).len(), 4);
    }

    #[test]
    fn a_lower_threshold_finds_more() {
        let (labels, p) = rows(2, 1000);
        let low = figures_at(&labels, &p, 0.3);
        let high = figures_at(&labels, &p, 0.7);
        assert!(low.recall > high.recall);
        assert!(low.false_positive_rate > high.false_positive_rate);
        assert_eq!(low.confusion.iter().flatten().sum::<u64>(), 1000);
    }
}
