//! Which model is put forward: by cross-validation alone, and why, in words. Pure.

use super::cross_validation::{FoldFigures, mean_and_error, values};
use crate::learners::LearnerId;
use crate::metrics::Metric;

/// A learner that may be selected.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Which learner.
    pub learner: LearnerId,
    /// Its figures in the folds.
    pub figures: &'a FoldFigures,
}

/// The choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The learner.
    pub learner: LearnerId,
    /// The metric it was chosen by; another than configured when that one is undefined.
    pub metric: Metric,
    /// Its mean over the folds.
    pub mean: f64,
    /// Learners that these folds do not separate from it: within one standard error.
    pub tied: Vec<LearnerId>,
    /// A sentence for people.
    pub reason: String,
}

/// Chooses the learner with the best mean over the folds; of exactly equal ones the first in
/// order. Baselines are never chosen. `None` when no learner qualifies.
///
/// The one-standard-error rule is only reported: with three folds the error itself is so rough
/// that choosing a simpler model by it would be a coin toss.
pub fn select(candidates: &[Candidate<'_>], by: Metric) -> Option<Selection> {
    let ranked = |metric: Metric| -> Vec<(LearnerId, f64, f64)> {
        let mut ranked: Vec<(LearnerId, f64, f64)> = candidates
            .iter()
            .filter(|c| !c.learner.is_baseline())
            .filter_map(|c| {
                let (mean, error) = mean_and_error(&values(c.figures, metric))?;
                Some((c.learner, mean, error))
            })
            .collect();
        // Stable: equal means keep the order of the configuration.
        ranked.sort_by(|a, b| {
            if metric.greater_is_better() {
                b.1.total_cmp(&a.1)
            } else {
                a.1.total_cmp(&b.1)
            }
        });
        ranked
    };
    let mut metric = by;
    let mut found = ranked(metric);
    if found.is_empty() {
        // Accuracy is defined on any rows.
        metric = Metric::Accuracy;
        found = ranked(metric);
    }
    let &(learner, mean, error) = found.first()?;
    let rest = &found[1..];
    let tied: Vec<LearnerId> = rest
        .iter()
        .filter(|(_, other, _)| (other - mean).abs() <= error)
        .map(|(learner, _, _)| *learner)
        .collect();
    let best = if metric.greater_is_better() {
        "highest"
    } else {
        "lowest"
    };
    let folds = candidates
        .iter()
        .find(|c| c.learner == learner)
        .map_or(0, |c| values(c.figures, metric).len());
    let mut reason = format!(
        "{learner} has the {best} cross-validated {}, {mean:.4} over {folds} folds",
        metric.title()
    );
    if metric != by {
        reason.push_str(&format!(
            " ({} is undefined in every fold, so accuracy decided)",
            by.title()
        ));
    }
    match rest.first() {
        None => {}
        Some((next, value, _)) if tied.is_empty() => {
            reason.push_str(&format!("; the next, {next}, has {value:.4}"));
        }
        Some(_) => {
            let names: Vec<String> = rest
                .iter()
                .filter(|(learner, _, _)| tied.contains(learner))
                .map(|(learner, value, _)| format!("{learner} ({value:.4})"))
                .collect();
            reason.push_str(&format!(
                "; within one standard error ({error:.4}) of it: {}, so these folds do not separate them",
                names.join(", ")
            ));
        }
    }
    Some(Selection {
        learner,
        metric,
        mean,
        tied,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Labels;
    use crate::metrics::TestMetrics;

    /// Figures of folds with these accuracies out of 100 rows, F1 equal to recall-like shares.
    fn folds(right: &[usize]) -> FoldFigures {
        right
            .iter()
            .map(|&right| {
                let labels = Labels {
                    classes: vec!["harmless".into(), "threat".into()],
                    codes: (0..100).map(|r| r % 2).collect(),
                };
                let p: Vec<f64> = (0..100)
                    .flat_map(|r| {
                        let threat = (r % 2 == 1) == (r < right);
                        if threat { [0.2, 0.8] } else { [0.8, 0.2] }
                    })
                    .collect();
                Some(TestMetrics::measure(&labels, &p).unwrap())
            })
            .collect()
    }

    #[test]
    fn the_best_mean_wins_and_ties_are_named() {
        let (a, b, c) = (
            folds(&[90, 92, 91]),
            folds(&[96, 92, 94]),
            folds(&[93, 94, 93]),
        );
        let candidates = [
            Candidate {
                learner: LearnerId::LogisticRegression,
                figures: &a,
            },
            Candidate {
                learner: LearnerId::Xgboost,
                figures: &b,
            },
            Candidate {
                learner: LearnerId::RandomForest,
                figures: &c,
            },
        ];
        let s = select(&candidates, Metric::Accuracy).unwrap();
        assert_eq!(s.learner, LearnerId::Xgboost);
        assert_eq!(s.tied, [LearnerId::RandomForest]);
        assert!(s.reason.contains("0.9400 over 3 folds"), "{}", s.reason);
        assert!(s.reason.contains("do not separate"), "{}", s.reason);
        let s = select(&candidates, Metric::LogLoss).unwrap();
        assert_eq!(s.learner, LearnerId::Xgboost);
        assert!(s.reason.contains("lowest"), "{}", s.reason);
    }

    #[test]
    fn baselines_are_never_selected() {
        let (good, bad) = (folds(&[99, 99]), folds(&[60, 60]));
        let baseline = Candidate {
            learner: LearnerId::LinfaTree,
            figures: &good,
        };
        let real = Candidate {
            learner: LearnerId::DecisionTree,
            figures: &bad,
        };
        let s = select(&[baseline, real], Metric::F1).unwrap();
        assert_eq!(s.learner, LearnerId::DecisionTree);
        assert_eq!(select(&[baseline], Metric::F1), None);
    }

    #[test]
    fn equal_means_keep_the_order() {
        let f = folds(&[90, 90]);
        let candidates = [
            Candidate {
                learner: LearnerId::Adaboost,
                figures: &f,
            },
            Candidate {
                learner: LearnerId::DecisionTree,
                figures: &f,
            },
        ];
        assert_eq!(
            select(&candidates, Metric::F1).unwrap().learner,
            LearnerId::Adaboost
        );
    }

    #[test]
    fn an_undefined_metric_falls_back_to_accuracy() {
        let labels = Labels {
            classes: vec!["harmless".into(), "threat".into()],
            codes: vec![0, 0],
        };
        let one_class = TestMetrics::measure(&labels, &[0.9, 0.1, 0.8, 0.2]).unwrap();
        let figures = vec![Some(one_class)];
        let candidates = [Candidate {
            learner: LearnerId::Xgboost,
            figures: &figures,
        }];
        let s = select(&candidates, Metric::RocAuc).unwrap();
        assert_eq!((s.metric, s.mean), (Metric::Accuracy, 1.0));
        assert!(s.reason.contains("undefined"), "{}", s.reason);
    }
}
