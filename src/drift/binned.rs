//! Figures over bins: population stability index, Jensen-Shannon, and the bins themselves.

use super::report::Decile;
use super::states::Histogram;

/// Rows of reference and current by bin.
pub type Bins = Vec<(u64, u64)>;

/// Bins between numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeBins {
    /// The edges between the bins.
    pub edges: Vec<f64>,
    /// The ends of the whole range; `None` when the outer bins are open.
    pub ends: Option<(f64, f64)>,
    /// The rows.
    pub counts: Bins,
}

/// Equal-width bins over both sorted samples by Sturges' rule, as NumPy's
/// `histogram_bin_edges(concat, "sturges")`: width = range / (log2 n + 1), number =
/// ceil(range / width), the last bin closed. `None` when the range is not finite.
pub fn sturges(reference: &[f64], current: &[f64]) -> Option<RangeBins> {
    let ends = |v: &[f64]| v.first().copied().zip(v.last().copied());
    let (min, max) = match (ends(reference), ends(current)) {
        (Some((a, b)), Some((c, d))) => (a.min(c), b.max(d)),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return None,
    };
    let range = max - min;
    if !range.is_finite() {
        return None;
    }
    let n = (reference.len() + current.len()) as f64;
    let width = range / (n.log2() + 1.0);
    let bins = if range > 0.0 && width > 0.0 {
        (range / width).ceil() as usize
    } else {
        1
    };
    let step = range / bins as f64;
    let edges: Vec<f64> = (1..bins).map(|i| i as f64 * step + min).collect();
    Some(count(edges, Some((min, max)), reference, current))
}

/// Bins between the reference's deciles: inner edges are the different values of the quantiles
/// 0.1 to 0.9 by linear interpolation, bin = number of edges at most the value.
pub fn deciles(reference: &[f64], current: &[f64]) -> RangeBins {
    let mut edges: Vec<f64> = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
        .iter()
        .filter_map(|q| quantile(reference, *q))
        .collect();
    edges.dedup();
    count(edges, None, reference, current)
}

fn count(
    edges: Vec<f64>,
    ends: Option<(f64, f64)>,
    reference: &[f64],
    current: &[f64],
) -> RangeBins {
    let mut left = Histogram::new(edges.clone());
    let mut right = left.clone();
    left.add_sorted(reference);
    right.add_sorted(current);
    RangeBins {
        edges,
        ends,
        counts: left
            .counts()
            .iter()
            .copied()
            .zip(right.counts().iter().copied())
            .collect(),
    }
}

/// The quantile of a sorted sample by linear interpolation, with NumPy's rounding.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let at = (sorted.len().checked_sub(1)?) as f64 * q;
    let below = at.floor() as usize;
    let a = *sorted.get(below)?;
    let b = *sorted.get(below + 1).unwrap_or(&a);
    let part = at - below as f64;
    Some(if part >= 0.5 {
        b - (b - a) * (1.0 - part)
    } else {
        a + (b - a) * part
    })
}

/// Shares of both sides by bin; `None` when a side is empty.
fn shares(bins: &[(u64, u64)]) -> Option<(Vec<f64>, Vec<f64>)> {
    let n1: u64 = bins.iter().map(|b| b.0).sum();
    let n2: u64 = bins.iter().map(|b| b.1).sum();
    if n1 == 0 || n2 == 0 {
        return None;
    }
    Some(
        bins.iter()
            .map(|b| (b.0 as f64 / n1 as f64, b.1 as f64 / n2 as f64))
            .unzip(),
    )
}

/// Population stability index: sum of (p - q) ln(p / q). A zero becomes a millionth of the side's
/// smallest share where that is at most 1e-4, else 1e-4; nothing is renormalised (as Evidently).
pub fn psi(bins: &[(u64, u64)]) -> Option<f64> {
    let (p, q) = shares(bins)?;
    Some(stability(&without_zeros(p), &without_zeros(q)))
}

fn without_zeros(mut shares: Vec<f64>) -> Vec<f64> {
    let smallest = shares
        .iter()
        .copied()
        .filter(|s| *s > 0.0)
        .fold(f64::INFINITY, f64::min);
    let fill = if smallest <= 1e-4 {
        smallest / 1e6
    } else {
        1e-4
    };
    for share in shares.iter_mut().filter(|s| **s == 0.0) {
        *share = fill;
    }
    shares
}

fn stability(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}

/// Jensen-Shannon divergence in nats: half KL(p|m) plus half KL(q|m), m the mean of p and q.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let part = |a: f64, m: f64| if a > 0.0 { a * (a / m).ln() } else { 0.0 };
    let sum: f64 = p
        .iter()
        .zip(q)
        .map(|(&p, &q)| {
            let m = (p + q) / 2.0;
            part(p, m) + part(q, m)
        })
        .sum();
    // Equal shares can leave a rounding error below zero.
    (sum / 2.0).max(0.0)
}

/// Jensen-Shannon distance: the root of the divergence in nats, 0 to 0.8326.
pub fn jensen_shannon(bins: &[(u64, u64)]) -> Option<f64> {
    let (p, q) = shares(bins)?;
    Some(divergence(&p, &q).sqrt())
}

/// The figures over decile bins: PSI with every share at least 1e-6, and the Jensen-Shannon
/// divergence in bits.
pub fn decile_figures(bins: &[(u64, u64)]) -> Option<Decile> {
    let (p, q) = shares(bins)?;
    let floored = |v: &[f64]| v.iter().map(|s| s.max(1e-6)).collect::<Vec<_>>();
    Some(Decile {
        psi: stability(&floored(&p), &floored(&q)),
        jensen_shannon_bits: divergence(&p, &q) / std::f64::consts::LN_2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `np.histogram_bin_edges([0, 1, .., 15], "sturges")` has 5 bins of width 3.
    #[test]
    fn sturges_bins_are_numpys() {
        let values: Vec<f64> = (0..16).map(f64::from).collect();
        let bins = sturges(&values[..8], &values[8..]).unwrap().counts;
        assert_eq!(bins, [(3, 0), (3, 0), (2, 1), (0, 3), (0, 4)]);
        assert_eq!(sturges(&[2.0, 2.0], &[2.0]).unwrap().counts, [(2, 1)]);
        assert!(sturges(&[-f64::MAX], &[f64::MAX]).is_none());
    }

    #[test]
    fn figures_by_hand() {
        // Shares 1/2, 1/2 against 1, 0.
        let bins = [(1, 2), (1, 0)];
        let expected = -0.5 * 0.5_f64.ln() + (0.5 - 1e-4) * (0.5_f64 / 1e-4).ln();
        assert!((psi(&bins).unwrap() - expected).abs() < 1e-12);
        let js = 0.5 * (0.5 * (2.0_f64 / 3.0).ln() + 0.5 * 2.0_f64.ln() + (4.0_f64 / 3.0).ln());
        assert!((jensen_shannon(&bins).unwrap() - js.sqrt()).abs() < 1e-12);
        assert_eq!(psi(&[(0, 3)]), None);
        let all = jensen_shannon(&[(5, 0), (0, 5)]).unwrap();
        assert!((all - std::f64::consts::LN_2.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn quantiles_are_numpys() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
