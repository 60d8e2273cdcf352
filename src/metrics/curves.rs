//! ROC and precision-recall curves and their areas, with scikit-learn's definitions.
//!
//! Rows with equal scores enter a curve together, so the areas do not depend on the order of the
//! rows. No point is dropped in the computation; [`thin`] shortens curves for storage only.

use serde::{Deserialize, Serialize};

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// False positive rate (ROC) or recall (precision-recall).
    pub x: f64,
    /// True positive rate (ROC) or precision (precision-recall).
    pub y: f64,
    /// Rows scored at least this are predicted positive; `None` at the first point, where none is.
    pub threshold: Option<f64>,
}

/// Rows of equal score, with the counts of all rows scored at least this.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The score.
    pub score: f64,
    /// Positive rows scored at least this.
    pub true_positives: u64,
    /// Negative rows scored at least this.
    pub false_positives: u64,
}

/// Rows ranked by score, best first: what every curve and area is computed from.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// One step per distinct score, descending.
    pub steps: Vec<Step>,
    /// Positive rows in all.
    pub positives: u64,
    /// Negative rows in all.
    pub negatives: u64,
}

impl Ranking {
    /// Ranks rows. Scores must not be NaN; `score(row)` and `positive(row)` are asked for every
    /// row below `rows`.
    pub fn new(
        rows: usize,
        score: impl Fn(usize) -> f64,
        positive: impl Fn(usize) -> bool,
    ) -> Self {
        let mut ranked: Vec<(f64, bool)> = (0..rows).map(|r| (score(r), positive(r))).collect();
        // Only counts per distinct score matter, so an unstable sort gives the same ranking.
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut steps: Vec<Step> = Vec::new();
        let (mut tp, mut fp) = (0, 0);
        for (score, positive) in ranked {
            if positive {
                tp += 1;
            } else {
                fp += 1;
            }
            match steps.last_mut() {
                // `==`, so that 0.0 and -0.0 stand in one step.
                Some(last) if last.score == score => {
                    last.true_positives = tp;
                    last.false_positives = fp;
                }
                _ => steps.push(Step {
                    score,
                    true_positives: tp,
                    false_positives: fp,
                }),
            }
        }
        Self {
            steps,
            positives: tp,
            negatives: fp,
        }
    }
    /// Area under the ROC curve by trapezoids; `None` unless both classes occur.
    pub fn roc_auc(&self) -> Option<f64> {
        if self.positives == 0 || self.negatives == 0 {
            return None;
        }
        // Twice the area in units of one positive times one negative: exact in integers.
        let mut twice: u128 = 0;
        let (mut tp, mut fp) = (0, 0);
        for step in &self.steps {
            twice += u128::from(step.false_positives - fp) * u128::from(step.true_positives + tp);
            (tp, fp) = (step.true_positives, step.false_positives);
        }
        let whole = 2 * u128::from(self.positives) * u128::from(self.negatives);
        Some(twice as f64 / whole as f64)
    }
    /// Average precision: the sum of precisions weighted by the gain in recall; `None` without
    /// positive rows. Not interpolated, so it is not the trapezoid area of the curve.
    pub fn average_precision(&self) -> Option<f64> {
        if self.positives == 0 {
            return None;
        }
        let mut sum = 0.0;
        let mut tp = 0;
        for step in &self.steps {
            let gained = step.true_positives - tp;
            if gained > 0 {
                sum += gained as f64 * step.precision();
            }
            tp = step.true_positives;
        }
        Some(sum / self.positives as f64)
    }
    /// The ROC curve from (0, 0) to (1, 1); empty unless both classes occur.
    pub fn roc_curve(&self) -> Vec<CurvePoint> {
        if self.positives == 0 || self.negatives == 0 {
            return Vec::new();
        }
        let start = CurvePoint {
            x: 0.0,
            y: 0.0,
            threshold: None,
        };
        std::iter::once(start)
            .chain(self.steps.iter().map(|s| CurvePoint {
                x: s.false_positives as f64 / self.negatives as f64,
                y: s.true_positives as f64 / self.positives as f64,
                threshold: Some(s.score),
            }))
            .collect()
    }
    /// The precision-recall curve from recall 0, precision 1 on; empty without positive rows.
    pub fn precision_recall_curve(&self) -> Vec<CurvePoint> {
        if self.positives == 0 {
            return Vec::new();
        }
        let start = CurvePoint {
            x: 0.0,
            y: 1.0,
            threshold: None,
        };
        std::iter::once(start)
            .chain(self.steps.iter().map(|s| CurvePoint {
                x: s.true_positives as f64 / self.positives as f64,
                y: s.precision(),
                threshold: Some(s.score),
            }))
            .collect()
    }
}

impl Step {
    /// Precision when everything scored at least this is predicted positive.
    pub fn precision(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_positives) as f64
    }
}

/// Keeps at most `most` points of a curve: the first, the last, and the points that come first in
/// each of equally long stretches along the curve (length in x plus y), so that corners stay.
pub fn thin(curve: &[CurvePoint], most: usize) -> Vec<CurvePoint> {
    if curve.len() <= most || most < 2 {
        return curve.to_vec();
    }
    let mut along = Vec::with_capacity(curve.len());
    let mut length = 0.0;
    for (i, point) in curve.iter().enumerate() {
        if i > 0 {
            length += (point.x - curve[i - 1].x).abs() + (point.y - curve[i - 1].y).abs();
        }
        along.push(length);
    }
    let mut kept = vec![curve[0]];
    let stretch = length / (most - 1) as f64;
    let mut next = stretch;
    for i in 1..curve.len() - 1 {
        if along[i] >= next && kept.len() < most - 1 {
            kept.push(curve[i]);
            next = along[i] + stretch;
        }
    }
    kept.push(curve[curve.len() - 1]);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranking(rows: &[(f64, bool)]) -> Ranking {
        Ranking::new(rows.len(), |r| rows[r].0, |r| rows[r].1)
    }

    #[test]
    fn a_perfect_and_a_useless_ranking() {
        let perfect = ranking(&[(0.9, true), (0.8, true), (0.1, false)]);
        assert_eq!(perfect.roc_auc(), Some(1.0));
        assert_eq!(perfect.average_precision(), Some(1.0));
        let useless = ranking(&[(0.5, true), (0.5, false), (0.5, false), (0.5, false)]);
        assert_eq!(useless.roc_auc(), Some(0.5));
        assert_eq!(useless.average_precision(), Some(0.25));
        assert_eq!(useless.steps.len(), 1);
    }

    #[test]
    fn one_class_has_no_area() {
        let only_negative = ranking(&[(0.2, false), (0.3, false)]);
        assert_eq!(only_negative.roc_auc(), None);
        assert_eq!(only_negative.average_precision(), None);
        assert!(only_negative.roc_curve().is_empty());
        let only_positive = ranking(&[(0.2, true), (0.3, true)]);
        assert_eq!(only_positive.roc_auc(), None);
        assert_eq!(only_positive.average_precision(), Some(1.0));
    }

    #[test]
    fn thinning_keeps_both_ends_and_the_limit() {
        let rows: Vec<(f64, bool)> = (0..5000)
            .map(|i| (f64::from(i) / 5000.0, (i * 7919) % 5000 < i))
            .collect();
        let curve = ranking(&rows).roc_curve();
        let thinned = thin(&curve, 200);
        assert!(
            thinned.len() <= 200 && thinned.len() > 150,
            "{}",
            thinned.len()
        );
        assert_eq!(thinned[0], curve[0]);
        assert_eq!(thinned.last(), curve.last());
        assert_eq!(thin(&curve[..50], 200), curve[..50]);
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_ordered_pairs(
            rows in prop::collection::vec((0_u8..6, any::<bool>()), 2..40)
        ) {
            let rows: Vec<(f64, bool)> = rows.into_iter().map(|(s, p)| (f64::from(s), p)).collect();
            let mut pairs = 0.0;
            let mut ordered = 0.0;
            for (s, _) in rows.iter().filter(|r| r.1) {
                for (t, _) in rows.iter().filter(|r| !r.1) {
                    pairs += 1.0;
                    ordered += if s > t { 1.0 } else if s == t { 0.5 } else { 0.0 };
                }
            }
            match ranking(&rows).roc_auc() {
                None => prop_assert_eq!(pairs, 0.0),
                Some(area) => prop_assert!((area - ordered / pairs).abs() < 1e-12),
            }
        }

        #[test]
        fn curves_only_rise_and_thinned_points_lie_on_them(
            rows in prop::collection::vec((0.0_f64..1.0, any::<bool>()), 2..400),
            most in 2_usize..50,
        ) {
            let curve = ranking(&rows).roc_curve();
            prop_assert!(curve.windows(2).all(|w| w[0].x <= w[1].x && w[0].y <= w[1].y));
            let thinned = thin(&curve, most);
            prop_assert!(thinned.len() <= most.max(2) || thinned.len() == curve.len());
            prop_assert!(thinned.iter().all(|p| curve.contains(p)));
        }
    }
}
