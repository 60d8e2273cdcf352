//! 95 % intervals of the metrics of one model on one set of rows.
//!
//! | metric | interval |
//! | --- | --- |
//! | accuracy, binary precision and recall | Wilson score interval (Wilson, JASA 22, 1927) |
//! | F1, macro and weighted averages | percentile bootstrap of the confusion counts, stratified by true class |
//! | ROC-AUC, PR-AUC | influence variance (DeLong for ROC-AUC) on the logit scale, as Boyd, Eng and Page (ECML 2013) advise for areas |
//! | log loss, Brier | mean plus or minus 1.96 standard errors |
//!
//! Rows of a class are drawn within the class: the class mix of the rows is taken as given.
//! Because only counts matter, a resample is one multinomial draw per class and not one draw per
//! row. An interval of no width (a perfect figure on few rows, say) is left out rather than
//! reported: it would claim a certainty that the rows do not give.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_distr::{Binomial, Distribution};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Metric;
use super::confusion::Confusion;
use super::influence::{influence, variance};

/// The 97.5 % point of the standard normal distribution.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// How resampled intervals are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// Resamples.
    pub resamples: u32,
    /// Seed; the same seed gives the same interval.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self {
            resamples: 1000,
            seed: 42,
        }
    }
}

/// Wilson's score interval of a share; `None` of no rows.
pub fn wilson(hits: u64, rows: u64) -> Option<[f64; 2]> {
    if rows == 0 {
        return None;
    }
    let n = rows as f64;
    let p = hits as f64 / n;
    let z2 = Z_95 * Z_95;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
    // At no hits and at all hits the ends are exactly 0 and 1; rounding must not cross them.
    let low = if hits == 0 { 0.0 } else { centre - half };
    let high = if hits == rows { 1.0 } else { centre + half };
    Some([low.max(0.0), high.min(1.0)])
}

/// Interval of a share-like figure from its standard error, on the logit scale, so that it stays
/// between 0 and 1; `None` at the ends, where there is no such interval.
pub fn logit(value: f64, standard_error: f64) -> Option<[f64; 2]> {
    if !(value > 0.0 && value < 1.0 && standard_error > 0.0) {
        return None;
    }
    let centre = (value / (1.0 - value)).ln();
    let half = Z_95 * standard_error / (value * (1.0 - value));
    let back = |x: f64| 1.0 / (1.0 + (-x).exp());
    Some([back(centre - half), back(centre + half)])
}

/// The 2.5 % and 97.5 % quantiles, interpolated linearly as NumPy does; `None` of nothing.
pub fn percentile_interval(values: &mut [f64]) -> Option<[f64; 2]> {
    if values.is_empty() {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| {
        let position = q * (values.len() - 1) as f64;
        let below = position.floor() as usize;
        let above = position.ceil() as usize;
        values[below] + (values[above] - values[below]) * (position - below as f64)
    };
    Some([at(0.025), at(0.975)])
}

/// Draws counts of `cells` that sum to their sum, each cell in proportion to its count: what
/// drawing that many rows with replacement gives.
pub(super) fn multinomial(cells: &[u64], rng: &mut Xoshiro256PlusPlus, drawn: &mut Vec<u64>) {
    drawn.clear();
    let mut rows_left: u64 = cells.iter().sum();
    let mut mass_left = rows_left;
    for &cell in cells {
        let n = if cell == mass_left || rows_left == 0 {
            rows_left
        } else {
            let share = cell as f64 / mass_left as f64;
            // The share lies between 0 and 1, the only thing `new` checks.
            Binomial::new(rows_left, share).map_or(0, |b| b.sample(rng))
        };
        drawn.push(n);
        rows_left -= n;
        mass_left -= cell;
    }
}

/// Percentile intervals of count-based metrics by resampling the confusion counts.
pub fn bootstrap(
    confusion: &Confusion,
    metrics: &[Metric],
    resampling: Resampling,
) -> BTreeMap<Metric, [f64; 2]> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(resampling.seed);
    let mut drawn = Vec::new();
    let mut resampled = Confusion::empty(confusion.classes());
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); metrics.len()];
    for _ in 0..resampling.resamples {
        resampled.clear();
        for (truth, cells) in confusion.counts().iter().enumerate() {
            multinomial(cells, &mut rng, &mut drawn);
            for (predicted, &rows) in drawn.iter().enumerate() {
                resampled.add(truth, predicted, rows);
            }
        }
        for (metric, values) in metrics.iter().zip(&mut values) {
            values.extend(resampled.metric(*metric));
        }
    }
    metrics
        .iter()
        .zip(&mut values)
        .filter_map(|(metric, values)| Some((*metric, percentile_interval(values)?)))
        .collect()
}

/// The intervals of every metric that has one; see the module for the methods.
pub(super) fn intervals(
    truth: &[u32],
    probabilities: &[f64],
    confusion: &Confusion,
    resampling: Resampling,
) -> BTreeMap<String, [f64; 2]> {
    let classes = confusion.classes();
    let mut found: BTreeMap<Metric, [f64; 2]> = BTreeMap::new();
    let mut resampled = vec![Metric::F1, Metric::MacroF1, Metric::WeightedF1];
    if classes == 2 {
        let hits = confusion.hits(1);
        found.extend(wilson(hits, confusion.predicted(1)).map(|i| (Metric::Precision, i)));
        found.extend(wilson(hits, confusion.support(1)).map(|i| (Metric::Recall, i)));
    } else {
        resampled.extend([Metric::Precision, Metric::Recall]);
    }
    found.extend(wilson(confusion.right(), confusion.rows()).map(|i| (Metric::Accuracy, i)));
    found.extend(bootstrap(confusion, &resampled, resampling));
    for metric in [
        Metric::RocAuc,
        Metric::PrAuc,
        Metric::LogLoss,
        Metric::Brier,
    ] {
        let Some(pull) = influence(metric, truth, probabilities, classes) else {
            continue;
        };
        let se = variance(&pull.rows, truth, classes).sqrt();
        let interval = match metric {
            Metric::RocAuc | Metric::PrAuc => logit(pull.value, se),
            _ => {
                let (low, high) = metric.range();
                Some([
                    (pull.value - Z_95 * se).max(low),
                    (pull.value + Z_95 * se).min(high),
                ])
            }
        };
        found.extend(interval.map(|i| (metric, i)));
    }
    found
        .into_iter()
        .filter(|(_, [low, high])| low < high)
        .map(|(metric, interval)| (metric.key().to_owned(), interval))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_agrees_with_published_values() {
        // Newcombe (1998), table I: 81 of 263 and 15 of 148, and the ends.
        let close = |i: Option<[f64; 2]>, low: f64, high: f64| {
            let [l, h] = i.unwrap();
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{l} {h}");
        };
        close(wilson(81, 263), 0.2553, 0.3662);
        close(wilson(15, 148), 0.0624, 0.1605);
        close(wilson(0, 20), 0.0, 0.1611);
        close(wilson(29, 29), 0.8830, 1.0);
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn quantiles_are_numpys() {
        let mut values: Vec<f64> = (0..=40).rev().map(f64::from).collect();
        assert_eq!(percentile_interval(&mut values), Some([1.0, 39.0]));
        assert_eq!(percentile_interval(&mut []), None);
    }

    #[test]
    fn the_logit_interval_stays_inside() {
        let [low, high] = logit(0.99, 0.05).unwrap();
        assert!(low > 0.0 && high < 1.0 && low < 0.99 && high > 0.99);
        assert_eq!(logit(1.0, 0.0), None);
    }

    #[test]
    fn draws_keep_the_total_and_empty_cells_stay_empty() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut drawn = Vec::new();
        let mut sum = [0_u64; 4];
        for _ in 0..2000 {
            multinomial(&[50, 0, 25, 25], &mut rng, &mut drawn);
            assert_eq!(drawn.iter().sum::<u64>(), 100);
            for (s, d) in sum.iter_mut().zip(&drawn) {
                *s += d;
            }
        }
        assert_eq!(sum[1], 0);
        // 2,000 draws of 100: the mean of the first cell has a standard error of 0.11.
        assert!((sum[0] as f64 / 2000.0 - 50.0).abs() < 0.6, "{sum:?}");
    }

    #[test]
    fn the_bootstrap_agrees_with_theory_and_repeats_by_seed() {
        // Recall over 400 of 500 rows: standard error 0.0179.
        let mut confusion = Confusion::empty(2);
        confusion.add(0, 0, 900);
        confusion.add(0, 1, 100);
        confusion.add(1, 0, 100);
        confusion.add(1, 1, 400);
        let settings = Resampling {
            resamples: 4000,
            seed: 3,
        };
        let found = bootstrap(&confusion, &[Metric::Recall, Metric::F1], settings);
        let [low, high] = found[&Metric::Recall];
        assert!((low - 0.765).abs() < 0.004 && (high - 0.835).abs() < 0.004);
        assert_eq!(
            bootstrap(&confusion, &[Metric::Recall, Metric::F1], settings),
            found
        );
    }
}
