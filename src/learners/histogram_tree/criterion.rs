//! Impurity of class weights, and the score by which splits of one node are compared.

use crate::learners::Criterion;

/// Impurities at or below this are pure, as in scikit-learn.
pub(super) const PURE: f64 = f64::EPSILON;

/// Impurity of a node with class weights `counts`.
pub(super) fn impurity(criterion: Criterion, counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    if total <= 0.0 {
        return 0.0;
    }
    match criterion {
        Criterion::Gini => 1.0 - counts.iter().map(|c| c * c).sum::<f64>() / (total * total),
        Criterion::Entropy => counts
            .iter()
            .filter(|&&c| c > 0.0)
            .map(|c| c / total)
            .map(|p| -p * p.log2())
            .sum(),
    }
}

/// The side's part of a split's score; a split is better when the sum of both parts is larger.
///
/// It is minus the weighted impurity without the terms that are the same for every split.
pub(super) fn side_score(criterion: Criterion, counts: impl Iterator<Item = f64>) -> f64 {
    match criterion {
        Criterion::Gini => {
            let (mut sum, mut squares) = (0.0, 0.0);
            for c in counts {
                sum += c;
                squares += c * c;
            }
            if sum > 0.0 { squares / sum } else { 0.0 }
        }
        Criterion::Entropy => {
            let (mut sum, mut score) = (0.0, 0.0);
            for c in counts {
                sum += c;
                if c > 0.0 {
                    score += c * c.log2();
                }
            }
            if sum > 0.0 {
                score - sum * sum.log2()
            } else {
                0.0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impurities_of_known_nodes() {
        assert_eq!(impurity(Criterion::Gini, &[5.0, 5.0]), 0.5);
        assert_eq!(impurity(Criterion::Entropy, &[5.0, 5.0]), 1.0);
        assert_eq!(impurity(Criterion::Gini, &[0.0, 7.0]), 0.0);
        assert_eq!(impurity(Criterion::Entropy, &[0.0, 7.0]), 0.0);
        assert!((impurity(Criterion::Gini, &[1.0, 1.0, 1.0]) - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn the_score_orders_splits_as_the_weighted_impurity_does() {
        let splits = [
            ([1.0, 4.0], [6.0, 2.0]),
            ([3.0, 1.0], [4.0, 5.0]),
            ([7.0, 0.0], [0.0, 6.0]),
        ];
        for criterion in [Criterion::Gini, Criterion::Entropy] {
            let weighted = |c: &[f64; 2]| c.iter().sum::<f64>() * impurity(criterion, c);
            let mut last = None;
            for (l, r) in splits {
                let cost = weighted(&l) + weighted(&r);
                let score =
                    side_score(criterion, l.into_iter()) + side_score(criterion, r.into_iter());
                // score + cost is the same constant for every split of the node
                if let Some(constant) = last {
                    let d: f64 = score + cost - constant;
                    assert!(d.abs() < 1e-12, "{criterion:?} {d}");
                }
                last = Some(score + cost);
            }
        }
    }
}
