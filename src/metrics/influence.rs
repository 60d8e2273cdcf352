//! How much each row pulls on a metric: standard errors without resampling.
//!
//! The infinitesimal jackknife (Jaeckel 1972; Efron, "The Jackknife, the Bootstrap and Other
//! Resampling Plans", 1982, chapter 6): a metric is a smooth function of the rows' weights, its
//! derivative by each weight is the row's influence, and the variance is the sum of the squared
//! influences. For ROC-AUC this is the estimate of DeLong, DeLong and Clarke-Pearson (Biometrics
//! 44, 1988); the same reasoning gives average precision, macro averages over classes, and the
//! difference of two models on the same rows (subtract their influences). It costs one sort,
//! where a bootstrap of ROC-AUC would cost a thousand.
//!
//! Variances are stratified by the true class: the class mix of the test split is taken as given,
//! as DeLong does.

use super::Metric;
use super::curves::Ranking;
use super::likelihood::{log_losses, mean, squared_errors};

/// A metric with the influence of every row on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Influence {
    /// The metric's value.
    pub value: f64,
    /// Derivative by the weight of each row.
    pub rows: Vec<f64>,
}

/// Value and influences of a metric of the probabilities; `None` when the metric is undefined or
/// is count-based (those are resampled from their counts instead).
pub fn influence(
    metric: Metric,
    truth: &[u32],
    probabilities: &[f64],
    classes: usize,
) -> Option<Influence> {
    match metric {
        Metric::RocAuc => over_classes(truth, probabilities, classes, roc_auc),
        Metric::PrAuc => over_classes(truth, probabilities, classes, average_precision),
        Metric::LogLoss => of_mean(&log_losses(truth, probabilities, classes)),
        Metric::Brier => of_mean(&squared_errors(truth, probabilities, classes)),
        Metric::Accuracy
        | Metric::Precision
        | Metric::Recall
        | Metric::F1
        | Metric::MacroF1
        | Metric::WeightedF1 => None,
    }
}

/// Variance of a linear combination of rows, stratified by class, with Bessel's correction.
/// A class with one row adds nothing: its spread cannot be known.
pub fn variance(rows: &[f64], truth: &[u32], classes: usize) -> f64 {
    let mut count = vec![0_u64; classes];
    let mut sum = vec![0.0; classes];
    for (&u, &class) in rows.iter().zip(truth) {
        count[class as usize] += 1;
        sum[class as usize] += u;
    }
    let mut squares = vec![0.0; classes];
    for (&u, &class) in rows.iter().zip(truth) {
        let c = class as usize;
        squares[c] += (u - sum[c] / count[c] as f64).powi(2);
    }
    (0..classes)
        .filter(|&c| count[c] > 1)
        .map(|c| squares[c] * count[c] as f64 / (count[c] - 1) as f64)
        .sum()
}

fn of_mean(values: &[f64]) -> Option<Influence> {
    let value = mean(values)?;
    let n = values.len() as f64;
    Some(Influence {
        value,
        rows: values.iter().map(|v| (v - value) / n).collect(),
    })
}

/// The threat class alone with two classes, else the mean over the classes that occur together
/// with others.
fn over_classes(
    truth: &[u32],
    probabilities: &[f64],
    classes: usize,
    one: fn(&[u32], &[f64], usize, u32) -> Option<Influence>,
) -> Option<Influence> {
    if classes == 2 {
        return one(truth, probabilities, classes, 1);
    }
    let mut total: Option<Influence> = None;
    let mut defined = 0_u32;
    for class in 0..classes as u32 {
        let Some(found) = one(truth, probabilities, classes, class) else {
            continue;
        };
        defined += 1;
        total = Some(match total {
            None => found,
            Some(mut sum) => {
                sum.value += found.value;
                for (s, f) in sum.rows.iter_mut().zip(&found.rows) {
                    *s += f;
                }
                sum
            }
        });
    }
    let mut total = total?;
    let share = 1.0 / f64::from(defined);
    total.value /= f64::from(defined);
    for u in &mut total.rows {
        *u *= share;
    }
    Some(total)
}

/// The step of the ranking each row stands in, by binary search.
fn step_of(ranking: &Ranking, score: f64) -> usize {
    ranking.steps.partition_point(|s| s.score > score)
}

fn ranking_of(truth: &[u32], probabilities: &[f64], classes: usize, class: u32) -> Ranking {
    Ranking::new(
        truth.len(),
        |r| probabilities[r * classes + class as usize],
        |r| truth[r] == class,
    )
}

fn roc_auc(truth: &[u32], probabilities: &[f64], classes: usize, class: u32) -> Option<Influence> {
    let ranking = ranking_of(truth, probabilities, classes, class);
    let value = ranking.roc_auc()?;
    let (p, n) = (ranking.positives as f64, ranking.negatives as f64);
    // Per step: the influence of a positive and of a negative row that stands in it.
    let mut pulls = Vec::with_capacity(ranking.steps.len());
    let (mut tp, mut fp) = (0, 0);
    for step in &ranking.steps {
        let half = 0.5 * (step.false_positives - fp) as f64;
        let negatives_below = (ranking.negatives - step.false_positives) as f64 + half;
        let half = 0.5 * (step.true_positives - tp) as f64;
        let positives_above = tp as f64 + half;
        pulls.push((
            (negatives_below / n - value) / p,
            (positives_above / p - value) / n,
        ));
        (tp, fp) = (step.true_positives, step.false_positives);
    }
    Some(spread(
        truth,
        probabilities,
        classes,
        class,
        &ranking,
        value,
        &pulls,
    ))
}

fn average_precision(
    truth: &[u32],
    probabilities: &[f64],
    classes: usize,
    class: u32,
) -> Option<Influence> {
    let ranking = ranking_of(truth, probabilities, classes, class);
    let value = ranking.average_precision()?;
    if ranking.negatives == 0 {
        return None;
    }
    let p = ranking.positives as f64;
    // A row counts in the precision of its own step and of every later one, so the sums run from
    // the last step back.
    let mut pulls = vec![(0.0, 0.0); ranking.steps.len()];
    let (mut by_positive, mut by_negative) = (0.0, 0.0);
    for (i, step) in ranking.steps.iter().enumerate().rev() {
        let before = if i == 0 {
            0
        } else {
            ranking.steps[i - 1].true_positives
        };
        let gained = (step.true_positives - before) as f64;
        let t = step.true_positives as f64;
        let f = step.false_positives as f64;
        let all_squared = (t + f) * (t + f);
        by_positive += gained * f / all_squared;
        by_negative += gained * t / all_squared;
        pulls[i] = (
            (step.precision() - value + by_positive) / p,
            -by_negative / p,
        );
    }
    Some(spread(
        truth,
        probabilities,
        classes,
        class,
        &ranking,
        value,
        &pulls,
    ))
}

/// Gives every row the influence of its step.
fn spread(
    truth: &[u32],
    probabilities: &[f64],
    classes: usize,
    class: u32,
    ranking: &Ranking,
    value: f64,
    pulls: &[(f64, f64)],
) -> Influence {
    let rows = truth
        .iter()
        .enumerate()
        .map(|(r, &t)| {
            let (positive, negative) =
                pulls[step_of(ranking, probabilities[r * classes + class as usize])];
            if t == class { positive } else { negative }
        })
        .collect();
    Influence { value, rows }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The metric with weighted rows, written down from the definition, to differentiate.
    fn weighted(metric: Metric, truth: &[u32], p: &[f64], weights: &[f64]) -> f64 {
        let rows = || (0..truth.len()).map(|r| (p[2 * r + 1], truth[r] == 1, weights[r]));
        match metric {
            Metric::RocAuc => {
                let (mut ordered, mut pairs) = (0.0, 0.0);
                for (s, _, w) in rows().filter(|r| r.1) {
                    for (t, _, v) in rows().filter(|r| !r.1) {
                        pairs += w * v;
                        ordered += w
                            * v
                            * if s > t {
                                1.0
                            } else if s == t {
                                0.5
                            } else {
                                0.0
                            };
                    }
                }
                ordered / pairs
            }
            Metric::PrAuc => {
                let (mut sum, mut positives) = (0.0, 0.0);
                for (s, _, w) in rows().filter(|r| r.1) {
                    let tp: f64 = rows().filter(|r| r.1 && r.0 >= s).map(|r| r.2).sum();
                    let all: f64 = rows().filter(|r| r.0 >= s).map(|r| r.2).sum();
                    sum += w * tp / all;
                    positives += w;
                }
                sum / positives
            }
            Metric::LogLoss => {
                let losses = log_losses(truth, p, 2);
                let total: f64 = losses.iter().zip(weights).map(|(l, w)| l * w).sum();
                total / weights.iter().sum::<f64>()
            }
            _ => f64::NAN,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn influences_are_derivatives(
            rows in prop::collection::vec((1_u8..20, any::<bool>()), 4..24)
        ) {
            let truth: Vec<u32> = rows.iter().map(|r| u32::from(r.1)).collect();
            let p: Vec<f64> = rows
                .iter()
                .flat_map(|r| [1.0 - f64::from(r.0) / 20.0, f64::from(r.0) / 20.0])
                .collect();
            for metric in [Metric::RocAuc, Metric::PrAuc, Metric::LogLoss] {
                let Some(found) = influence(metric, &truth, &p, 2) else { continue };
                let at = |r: usize, h: f64| {
                    let mut weights = vec![1.0; truth.len()];
                    weights[r] += h;
                    weighted(metric, &truth, &p, &weights)
                };
                for r in 0..truth.len() {
                    let slope = (at(r, 1e-5) - at(r, -1e-5)) / 2e-5;
                    prop_assert!(
                        (slope - found.rows[r]).abs() < 1e-8,
                        "{metric} row {r}: {slope} against {}", found.rows[r]
                    );
                }
            }
        }
    }

    #[test]
    fn the_variance_of_roc_auc_is_delongs() {
        // Worked by hand: positives 0.8, 0.4; negatives 0.6, 0.2. Placements of the positives:
        // 1, 1/2; of the negatives: 1/2, 1. Both have variance 1/8; DeLong: 1/8/2 + 1/8/2 = 1/8.
        let truth = [1, 1, 0, 0];
        let p = [0.2, 0.8, 0.6, 0.4, 0.4, 0.6, 0.8, 0.2];
        let found = influence(Metric::RocAuc, &truth, &p, 2).unwrap();
        assert_eq!(found.value, 0.75);
        assert!((variance(&found.rows, &truth, 2) - 0.125).abs() < 1e-15);
    }

    #[test]
    fn macro_areas_leave_out_classes_that_do_not_occur() {
        let truth = [0, 0, 1, 1];
        let p = [0.8, 0.1, 0.1, 0.6, 0.3, 0.1, 0.3, 0.6, 0.1, 0.4, 0.4, 0.2];
        let found = influence(Metric::RocAuc, &truth, &p, 3).unwrap();
        assert_eq!(found.value, 1.0);
        assert_eq!(influence(Metric::RocAuc, &[0, 0], &p[..6], 3), None);
    }
}
