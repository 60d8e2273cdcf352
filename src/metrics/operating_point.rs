//! Where to cut: the threshold on the threat's probability, chosen on out-of-fold probabilities.
//!
//! A model at 0.5 is rarely at its best; on NSL-KDD the cut matters more than the learner. The
//! choice is made on the train split's cross-validated probabilities and never on test rows. A
//! row is a threat when its probability is at least the threshold.

use serde::{Deserialize, Serialize};

use super::curves::Ranking;

/// What the operating point is chosen for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Goal {
    /// The largest F1; of equal ones the threshold nearest to 0.5.
    #[default]
    MaximiseF1,
    /// At least this recall, with the fewest false positives.
    Recall(f64),
    /// At most this false positive rate, with the largest recall.
    FalsePositiveRate(f64),
}

/// A threshold and the figures it had on the rows it was chosen on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Threat where the probability is at least this.
    pub threshold: f64,
    /// Precision there.
    pub precision: f64,
    /// Recall there.
    pub recall: f64,
    /// F1 there.
    pub f1: f64,
    /// False positive rate there.
    pub false_positive_rate: f64,
}

/// Chooses the threshold; `None` unless both classes occur and the goal can be reached.
pub fn choose(ranking: &Ranking, goal: Goal) -> Option<OperatingPoint> {
    if ranking.positives == 0 || ranking.negatives == 0 {
        return None;
    }
    let points = (0..ranking.steps.len()).map(|i| point(ranking, i));
    // `better(a, b)`: whether a later point replaces the best so far. Points come with falling
    // thresholds, so that equal ones keep the higher threshold where nothing else decides.
    let mut best: Option<OperatingPoint> = None;
    for candidate in points {
        let allowed = match goal {
            Goal::MaximiseF1 => true,
            Goal::Recall(least) => candidate.recall >= least,
            Goal::FalsePositiveRate(most) => candidate.false_positive_rate <= most,
        };
        let better = |best: &OperatingPoint| match goal {
            Goal::MaximiseF1 => {
                candidate.f1 > best.f1
                    || (candidate.f1 == best.f1
                        && (candidate.threshold - 0.5).abs() < (best.threshold - 0.5).abs())
            }
            Goal::Recall(_) => candidate.false_positive_rate < best.false_positive_rate,
            Goal::FalsePositiveRate(_) => candidate.recall > best.recall,
        };
        if allowed && best.as_ref().is_none_or(better) {
            best = Some(candidate);
        }
    }
    best
}

/// The point that predicts the rows of step `i` and above as threats. Any threshold between the
/// next lower score and this one does the same: 0.5 if it is among them, else the middle.
fn point(ranking: &Ranking, i: usize) -> OperatingPoint {
    let step = ranking.steps[i];
    let threshold = match ranking.steps.get(i + 1) {
        Some(below) if below.score < 0.5 && 0.5 <= step.score => 0.5,
        Some(below) => {
            let middle = below.score + (step.score - below.score) / 2.0;
            // Neighbouring floats have no middle.
            if middle > below.score {
                middle
            } else {
                step.score
            }
        }
        None => step.score.min(0.5),
    };
    let tp = step.true_positives as f64;
    OperatingPoint {
        threshold,
        precision: step.precision(),
        recall: tp / ranking.positives as f64,
        f1: 2.0 * tp / (ranking.positives + step.true_positives + step.false_positives) as f64,
        false_positive_rate: step.false_positives as f64 / ranking.negatives as f64,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranking(rows: &[(f64, bool)]) -> Ranking {
        Ranking::new(rows.len(), |r| rows[r].0, |r| rows[r].1)
    }

    #[test]
    fn the_cut_lies_between_the_classes() {
        let r = ranking(&[(0.2, true), (0.15, true), (0.05, false), (0.01, false)]);
        let p = choose(&r, Goal::MaximiseF1).unwrap();
        assert!(p.threshold > 0.05 && p.threshold <= 0.15);
        assert_eq!((p.f1, p.recall, p.false_positive_rate), (1.0, 1.0, 0.0));
    }

    #[test]
    fn half_is_kept_when_it_is_as_good_as_any() {
        let r = ranking(&[(0.9, true), (0.7, true), (0.2, false)]);
        assert_eq!(choose(&r, Goal::MaximiseF1).unwrap().threshold, 0.5);
    }

    #[test]
    fn of_equal_cuts_the_one_nearer_to_half_wins() {
        // One threat kept (precision 1, recall 1/2) or both with two false alarms: F1 2/3 each.
        let r = ranking(&[
            (0.9, true),
            (0.45, false),
            (0.44, false),
            (0.43, true),
            (0.1, false),
        ]);
        let p = choose(&r, Goal::MaximiseF1).unwrap();
        assert_eq!((p.f1, p.threshold), (2.0 / 3.0, 0.5));
    }

    #[test]
    fn goals_hold_where_they_can() {
        let rows: Vec<(f64, bool)> = (0..100)
            .map(|i| (f64::from(i) / 100.0, i % 3 == 0))
            .collect();
        let r = ranking(&rows);
        assert!(choose(&r, Goal::Recall(0.9)).unwrap().recall >= 0.9);
        let p = choose(&r, Goal::FalsePositiveRate(0.1)).unwrap();
        assert!(p.false_positive_rate <= 0.1);
        assert_eq!(choose(&ranking(&[(0.5, true)]), Goal::MaximiseF1), None);
    }

    proptest! {
        #[test]
        fn no_cut_on_the_grid_beats_the_chosen_one(
            rows in prop::collection::vec((0.0_f64..1.0, any::<bool>()), 2..60)
        ) {
            if let Some(chosen) = choose(&ranking(&rows), Goal::MaximiseF1) {
                let f1_at = |t: f64| {
                    let tp = rows.iter().filter(|r| r.1 && r.0 >= t).count();
                    let all = rows.iter().filter(|r| r.0 >= t).count();
                    let positives = rows.iter().filter(|r| r.1).count();
                    2.0 * tp as f64 / (positives + all) as f64
                };
                prop_assert!((f1_at(chosen.threshold) - chosen.f1).abs() < 1e-15);
                for i in 0..=100 {
                    prop_assert!(f1_at(f64::from(i) / 100.0) <= chosen.f1 + 1e-15);
                }
            }
        }
    }
}
