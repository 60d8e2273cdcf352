//! The two-sample Kolmogorov-Smirnov test and the Wasserstein-1 distance.
//!
//! Both walk through the two sorted samples once.

use super::kolmogorov;
use super::report::KolmogorovSmirnov;

/// Up to this many values on the larger side the p value is exact, as in SciPy's `mode="auto"`.
const EXACT_UP_TO: usize = 10_000;

/// The test on two sorted samples without NaN; `None` when one is empty.
///
/// The p value is exact (P(D >= d) over all orders of the joint sample) up to 10,000 values on
/// the larger side. Beyond, it is the one-sample distribution at n1 n2 / (n1 + n2) rows, rounded.
pub fn kolmogorov_smirnov(reference: &[f64], current: &[f64]) -> Option<KolmogorovSmirnov> {
    let (n1, n2) = (reference.len(), current.len());
    if n1 == 0 || n2 == 0 {
        return None;
    }
    // The largest |c1 n2 - c2 n1| over all points: the statistic times n1 n2, in whole numbers.
    let mut largest = 0_u128;
    walk(reference, current, |c1, c2, _| {
        let (a, b) = (c1 as u128 * n2 as u128, c2 as u128 * n1 as u128);
        largest = largest.max(a.abs_diff(b));
    });
    let statistic = largest as f64 / (n1 as f64 * n2 as f64);
    let p_value = if n1.max(n2) <= EXACT_UP_TO {
        exact_p(n1 as u64, n2 as u64, largest as u64)
    } else {
        asymptotic_p(statistic, n1, n2)
    };
    Some(KolmogorovSmirnov { statistic, p_value })
}

/// The asymptotic p value of a two-sample statistic.
pub(super) fn asymptotic_p(statistic: f64, n1: usize, n2: usize) -> f64 {
    let (n1, n2) = (n1 as f64, n2 as f64);
    let rows = (n1 * n2 / (n1 + n2)).round_ties_even();
    kolmogorov::sf(statistic, rows as u64)
}

/// The integral of |F1 - F2| over two sorted samples without NaN; `None` when one is empty.
pub fn wasserstein(reference: &[f64], current: &[f64]) -> Option<f64> {
    if reference.is_empty() || current.is_empty() {
        return None;
    }
    let (n1, n2) = (reference.len() as f64, current.len() as f64);
    let mut sum = 0.0;
    walk(reference, current, |c1, c2, width| {
        sum += (c1 as f64 / n1 - c2 as f64 / n2).abs() * width;
    });
    sum.is_finite().then_some(sum)
}

/// Visits every different value: how many of each sample are at most it, and how far it is to the
/// next (0 for the last).
fn walk(a: &[f64], b: &[f64], mut visit: impl FnMut(usize, usize, f64)) {
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let at = match (a.get(i), b.get(j)) {
            (Some(&x), Some(&y)) => x.min(y),
            (Some(&x), None) => x,
            (None, Some(&y)) => y,
            (None, None) => break,
        };
        while a.get(i) == Some(&at) {
            i += 1;
        }
        while b.get(j) == Some(&at) {
            j += 1;
        }
        let next = match (a.get(i), b.get(j)) {
            (Some(&x), Some(&y)) => x.min(y),
            (Some(&x), None) => x,
            (None, Some(&y)) => y,
            (None, None) => at,
        };
        visit(i, j, next - at);
    }
}

/// The exact two-sided p value; `largest` is the statistic times n1 n2.
fn exact_p(n1: u64, n2: u64, largest: u64) -> f64 {
    if largest == 0 {
        return 1.0;
    }
    let p = if n1 == n2 {
        equal_sizes_p(n1, largest / n1)
    } else {
        lattice_p(n1, n2, largest)
    };
    p.clamp(0.0, 1.0)
}

/// Equal sizes: 2 (C(2n, n-h) - C(2n, n-2h) + C(2n, n-3h) - ..) / C(2n, n), by the reflection
/// principle (Gnedenko and Korolyuk 1951); nested so that nothing grows large.
fn equal_sizes_p(n: u64, h: u64) -> f64 {
    let mut p = 0.0;
    for k in (0..=n / h).rev() {
        let mut ratio = 1.0;
        for j in 0..h {
            let falling = n.saturating_sub(k * h + j) as f64;
            ratio *= falling / (n + k * h + j + 1) as f64;
        }
        p = ratio * (1.0 - p);
    }
    2.0 * p
}

/// Unequal sizes: the share of lattice paths from (0, 0) to (n1, n2) that somewhere reach
/// |x n2 - y n1| >= largest, computed point by point over the band between (T. Viehmann, 2021,
/// "Numerically more stable computation of the p-values for the two-sample Kolmogorov-Smirnov
/// test"). A path to (x, y) came from (x-1, y) with probability x / (x + y). No subtraction, so
/// small p values are as good as large ones.
fn lattice_p(n1: u64, n2: u64, largest: u64) -> f64 {
    // Columns along the smaller side make the band short.
    let (m, n) = (n1.min(n2), n1.max(n2));
    // The y inside the band at x: |x n - y m| < largest.
    let band = |x: u64| {
        let low = if x * n >= largest {
            (x * n - largest) / m + 1
        } else {
            0
        };
        let high = (x * n + largest).div_ceil(m).min(n + 1);
        (low, high)
    };
    // p[y - low] is the share of paths to (x, y) that left the band; outside it is 1.
    let (mut low, mut high) = band(0);
    let mut column = vec![0.0_f64; (high - low) as usize];
    for x in 1..=m {
        let (next_low, next_high) = band(x);
        if next_high <= next_low {
            return 1.0;
        }
        let mut next = Vec::with_capacity((next_high - next_low) as usize);
        let mut below = if next_low == 0 { 0.0 } else { 1.0 };
        for y in next_low..next_high {
            let left = if (low..high).contains(&y) {
                column[(y - low) as usize]
            } else {
                1.0
            };
            below = (left * x as f64 + below * y as f64) / (x + y) as f64;
            next.push(below);
        }
        column = next;
        (low, high) = (next_low, next_high);
    }
    column.last().copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```text
    /// r = np.arange(n1)/n1; c = np.arange(n2)/n2*1.1 + s*.3
    /// scipy.stats.ks_2samp(r, c, method="exact")
    /// ```
    #[test]
    fn exact_p_values_are_scipys() {
        for (n1, n2, s, statistic, p_value) in [
            (7, 11, 0.0, 0.18181818181818182, 0.9909502262443439),
            (20, 20, 0.5, 0.25, 0.571336004933722),
            (13, 40, 1.0, 0.425, 0.035697150774876264),
            (300, 77, 0.3, 0.17515151515151514, 0.040231633982354624),
            (1000, 999, 0.2, 0.14614814814814814, 8.842430840093372e-10),
            (5000, 3000, 0.1, 0.11833333333333333, 2.5902103489042234e-23),
            (60, 45, 3.0, 0.9166666666666666, 1.1252998919203724e-23),
        ] {
            let r: Vec<f64> = (0..n1).map(|i| f64::from(i) / f64::from(n1)).collect();
            let c: Vec<f64> = (0..n2)
                .map(|i| f64::from(i) / f64::from(n2) * 1.1 + s * 0.3)
                .collect();
            let got = kolmogorov_smirnov(&r, &c).unwrap();
            assert!((got.statistic - statistic).abs() < 1e-12);
            assert!(
                (got.p_value - p_value).abs() <= 1e-10 * p_value,
                "{n1} {n2}: {} instead of {p_value}",
                got.p_value
            );
            let swapped = kolmogorov_smirnov(&c, &r).unwrap();
            assert!((swapped.p_value - got.p_value).abs() <= 1e-12 * p_value);
        }
    }

    #[test]
    fn small_cases_by_hand() {
        // All of {1, 2} before {3, 4}: 2 of the 6 orders are this far apart.
        let ks = kolmogorov_smirnov(&[1.0, 2.0], &[3.0, 4.0]).unwrap();
        assert_eq!(ks.statistic, 1.0);
        assert!((ks.p_value - 2.0 / 6.0).abs() < 1e-15);
        assert_eq!(wasserstein(&[1.0, 2.0], &[3.0, 4.0]), Some(2.0));
        assert_eq!(wasserstein(&[0.0, 0.0, 3.0], &[0.0, 3.0, 3.0]), Some(1.0));
        assert!(kolmogorov_smirnov(&[], &[1.0]).is_none());
        assert!(wasserstein(&[1.0], &[]).is_none());
    }
}
