//! Two models on the same rows: the difference of a metric with its 95 % interval.
//!
//! Both models are right or wrong on the same rows, so their errors go together and the interval
//! of the difference is much narrower than the two intervals side by side suggest. Count-based
//! metrics resample the joint counts (truth, first prediction, second prediction), stratified by
//! truth: one multinomial draw per class, so a thousand resamples of 100,000 rows take
//! milliseconds. The others take the difference of the row influences (see `influence`), which
//! for ROC-AUC is DeLong's test for correlated curves.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use super::confusion::{Confusion, most_probable};
use super::influence::{influence, variance};
use super::intervals::{Resampling, Z_95, multinomial, percentile_interval};
use super::report::MetricError;
use super::{Metric, check};
use crate::dataset::Labels;

/// What a paired interval says, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairedVerdict {
    /// The interval lies on the better side of zero.
    Better,
    /// It holds zero: these rows cannot separate the two.
    NotSeparable,
    /// It lies on the worse side of zero.
    Worse,
}

impl PairedVerdict {
    /// The words shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            PairedVerdict::Better => "better",
            PairedVerdict::NotSeparable => "not separable",
            PairedVerdict::Worse => "worse",
        }
    }
}

/// A metric of two models on the same rows. `difference` is first minus second in the metric's
/// own direction; the interval is that of the difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// The metric.
    pub metric: Metric,
    /// Value of the first model.
    pub first: f64,
    /// Value of the second model.
    pub second: f64,
    /// First minus second.
    pub difference: f64,
    /// Lower end of the 95 % interval of the difference.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether the first is better than the second.
    pub verdict: PairedVerdict,
}

impl PairedDifference {
    /// The gain of the first over the second and its interval, turned so that more is better.
    pub fn gain(&self) -> (f64, [f64; 2]) {
        if self.metric.greater_is_better() {
            (self.difference, [self.low, self.high])
        } else {
            (-self.difference, [-self.high, -self.low])
        }
    }
    fn new(metric: Metric, first: f64, second: f64, [low, high]: [f64; 2]) -> Self {
        let mut found = Self {
            metric,
            first,
            second,
            difference: first - second,
            low,
            high,
            verdict: PairedVerdict::NotSeparable,
        };
        let (_, [low, high]) = found.gain();
        if low > 0.0 {
            found.verdict = PairedVerdict::Better;
        } else if high < 0.0 {
            found.verdict = PairedVerdict::Worse;
        }
        found
    }
}

/// How two models agree, row by row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Rows.
    pub rows: u64,
    /// Rows on which they name different classes.
    pub disagree: u64,
    /// Rows both get right.
    pub both_right: u64,
    /// Rows only the first gets right.
    pub only_first_right: u64,
    /// Rows only the second gets right.
    pub only_second_right: u64,
    /// Rows neither gets right.
    pub neither_right: u64,
}

/// Counts agreement; all slices hold class indices of the same rows.
pub fn agreement(truth: &[u32], first: &[u32], second: &[u32]) -> Agreement {
    let mut found = Agreement::default();
    for ((&t, &a), &b) in truth.iter().zip(first).zip(second) {
        found.rows += 1;
        found.disagree += u64::from(a != b);
        match (a == t, b == t) {
            (true, true) => found.both_right += 1,
            (true, false) => found.only_first_right += 1,
            (false, true) => found.only_second_right += 1,
            (false, false) => found.neither_right += 1,
        }
    }
    found
}

/// Differences of all `metrics` between two models on the same rows; metrics that are undefined
/// on these rows are left out. Probabilities are row-major, in the order of `labels.classes`.
pub fn paired_differences(
    labels: &Labels,
    first: &[f64],
    second: &[f64],
    metrics: &[Metric],
    resampling: Resampling,
) -> Result<Vec<PairedDifference>, MetricError> {
    check(labels, first)?;
    check(labels, second)?;
    let classes = labels.classes.len();
    let truth = &labels.codes;
    let counted: Vec<Metric> = metrics
        .iter()
        .copied()
        .filter(|m| m.is_count_based())
        .collect();
    let mut by_counts = count_differences(
        truth,
        &most_probable(first, classes),
        &most_probable(second, classes),
        classes,
        &counted,
        resampling,
    );
    Ok(metrics
        .iter()
        .filter_map(|&metric| {
            if metric.is_count_based() {
                return by_counts.remove(&metric);
            }
            let a = influence(metric, truth, first, classes)?;
            let b = influence(metric, truth, second, classes)?;
            let pull: Vec<f64> = a.rows.iter().zip(&b.rows).map(|(a, b)| a - b).collect();
            let half = Z_95 * variance(&pull, truth, classes).sqrt();
            let difference = a.value - b.value;
            let interval = [difference - half, difference + half];
            Some(PairedDifference::new(metric, a.value, b.value, interval))
        })
        .collect())
}

/// The cells of one true class that occur, (first, second) prediction, and their rows.
type JointCells = (Vec<(u32, u32)>, Vec<u64>);

/// The paired bootstrap over joint counts.
fn count_differences(
    truth: &[u32],
    first: &[u32],
    second: &[u32],
    classes: usize,
    metrics: &[Metric],
    resampling: Resampling,
) -> BTreeMap<Metric, PairedDifference> {
    if metrics.is_empty() {
        return BTreeMap::new();
    }
    // Only the cells that occur: 40 classes would make 64,000, nearly all of them empty.
    let mut joint: Vec<BTreeMap<(u32, u32), u64>> = vec![BTreeMap::new(); classes];
    for ((&t, &a), &b) in truth.iter().zip(first).zip(second) {
        *joint[t as usize].entry((a, b)).or_default() += 1;
    }
    let cells: Vec<JointCells> = joint.into_iter().map(|m| m.into_iter().unzip()).collect();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(resampling.seed);
    let mut drawn = Vec::new();
    let mut a = Confusion::empty(classes);
    let mut b = Confusion::empty(classes);
    let mut differences: Vec<Vec<f64>> = vec![Vec::new(); metrics.len()];
    for _ in 0..resampling.resamples {
        a.clear();
        b.clear();
        for (t, (pairs, counts)) in cells.iter().enumerate() {
            multinomial(counts, &mut rng, &mut drawn);
            for (&(pa, pb), &rows) in pairs.iter().zip(&drawn) {
                a.add(t, pa as usize, rows);
                b.add(t, pb as usize, rows);
            }
        }
        for (metric, differences) in metrics.iter().zip(&mut differences) {
            // A figure that one resample leaves undefined counts as zero there, as scikit-learn
            // has it; leaving it out would drop the worst resamples.
            let value = |c: &Confusion| c.metric(*metric).unwrap_or(0.0);
            differences.push(value(&a) - value(&b));
        }
    }
    let observed_first = Confusion::count(truth, first, classes);
    let observed_second = Confusion::count(truth, second, classes);
    metrics
        .iter()
        .zip(&mut differences)
        .filter_map(|(&metric, differences)| {
            let a = observed_first.metric(metric)?;
            let b = observed_second.metric(metric)?;
            let interval = percentile_interval(differences).unwrap_or([a - b, a - b]);
            Some((metric, PairedDifference::new(metric, a, b, interval)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    fn made_up(rows: usize, seed: u64, noise: f64) -> (Labels, Vec<f64>, Vec<f64>) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let codes: Vec<u32> = (0..rows)
            .map(|_| u32::from(rng.r#gen::<f64>() < 0.3))
            .collect();
        let mut model = |spread: f64| -> Vec<f64> {
            codes
                .iter()
                .flat_map(|&c| {
                    let p = (f64::from(c) * 0.4 + 0.3 + spread * (rng.r#gen::<f64>() - 0.5))
                        .clamp(0.0, 1.0);
                    [1.0 - p, p]
                })
                .collect()
        };
        let good = model(0.9);
        let bad = model(0.9 + noise);
        let labels = Labels {
            classes: vec!["harmless".into(), "threat".into()],
            codes,
        };
        (labels, good, bad)
    }

    #[test]
    fn a_model_against_itself_differs_by_nothing() {
        let (labels, p, _) = made_up(500, 1, 0.0);
        for found in
            paired_differences(&labels, &p, &p, &Metric::ALL, Resampling::default()).unwrap()
        {
            assert_eq!((found.difference, found.low, found.high), (0.0, 0.0, 0.0));
            assert_eq!(found.verdict, PairedVerdict::NotSeparable);
        }
    }

    #[test]
    fn a_clearly_worse_model_is_worse_in_every_metric() {
        let (labels, good, bad) = made_up(4000, 2, 0.8);
        let found =
            paired_differences(&labels, &bad, &good, &Metric::ALL, Resampling::default()).unwrap();
        assert_eq!(found.len(), Metric::ALL.len());
        for difference in found {
            assert_eq!(difference.verdict, PairedVerdict::Worse, "{difference:?}");
            let (gain, [low, high]) = difference.gain();
            assert!(low < gain && gain < high && gain < 0.0);
        }
    }

    #[test]
    fn resampled_and_analytic_intervals_agree_for_accuracy() {
        // Accuracy is a mean over rows, so its paired standard error is known.
        let (labels, good, bad) = made_up(3000, 3, 0.3);
        let settings = Resampling {
            resamples: 4000,
            seed: 9,
        };
        let found =
            paired_differences(&labels, &good, &bad, &[Metric::Accuracy], settings).unwrap();
        let a = most_probable(&good, 2);
        let b = most_probable(&bad, 2);
        let pull: Vec<f64> = labels
            .codes
            .iter()
            .zip(a.iter().zip(&b))
            .map(|(t, (a, b))| (f64::from(u8::from(a == t)) - f64::from(u8::from(b == t))) / 3000.0)
            .collect();
        let se = variance(&pull, &labels.codes, 2).sqrt();
        let half = (found[0].high - found[0].low) / 2.0;
        assert!((half / (Z_95 * se) - 1.0).abs() < 0.05, "{half} {se}");
    }

    #[test]
    fn agreement_adds_up() {
        let found = agreement(&[0, 1, 1, 0, 2], &[0, 1, 0, 1, 1], &[0, 0, 1, 1, 0]);
        assert_eq!(
            found,
            Agreement {
                rows: 5,
                disagree: 3,
                both_right: 1,
                only_first_right: 1,
                only_second_right: 1,
                neither_right: 2
            }
        );
    }
}
