//! The chi-square test of homogeneity of two columns of counts.

use super::report::ChiSquare;

/// Pearson's chi-square over a table of two rows without Yates' correction, as SciPy's
/// `chi2_contingency(correction=False)`, with Cramér's V. `None` with fewer than two values or an
/// empty side.
pub fn chi_square(counts: &[(u64, u64)]) -> Option<ChiSquare> {
    let n1: u64 = counts.iter().map(|c| c.0).sum();
    let n2: u64 = counts.iter().map(|c| c.1).sum();
    let used = || counts.iter().filter(|c| c.0 + c.1 > 0);
    let values = used().count();
    if values < 2 || n1 == 0 || n2 == 0 {
        return None;
    }
    let total = (n1 + n2) as f64;
    let mut statistic = 0.0;
    for &(a, b) in used() {
        let both = (a + b) as f64;
        for (observed, n) in [(a, n1), (b, n2)] {
            let expected = both * n as f64 / total;
            let d = observed as f64 - expected;
            statistic += d * d / expected;
        }
    }
    let dof = values as u64 - 1;
    Some(ChiSquare {
        statistic,
        dof,
        p_value: sf(statistic, dof),
        cramers_v: (statistic / total).sqrt(),
    })
}

/// P(X >= x) of the chi-square distribution with a whole number of degrees of freedom.
///
/// The closed form for whole and half gamma parameters (Abramowitz and Stegun 26.4.4, 26.4.5),
/// all of whose terms are positive, summed in logarithms: right to the last digits down to 1e-300
/// and for thousands of degrees of freedom, where a series for the incomplete gamma function is
/// not.
pub fn sf(x: f64, dof: u64) -> f64 {
    if x <= 0.0 || dof == 0 {
        return 1.0;
    }
    let half = x / 2.0;
    let ln_half = half.ln();
    let odd = dof % 2 == 1;
    // ln of half^s / Gamma(s + 1) for s = 0, 1, .. (even) or 1/2, 3/2, .. (odd).
    let (mut s, mut term) = if odd {
        (
            0.5,
            0.5 * ln_half - (std::f64::consts::PI.sqrt() / 2.0).ln(),
        )
    } else {
        (0.0, 0.0)
    };
    let mut terms = Vec::with_capacity((dof / 2) as usize);
    for _ in 0..dof / 2 {
        terms.push(term - half);
        s += 1.0;
        term += ln_half - f64::ln(s);
    }
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut p = if terms.is_empty() {
        0.0
    } else {
        let sum: f64 = terms.iter().map(|t| (t - largest).exp()).sum();
        (largest + sum.ln()).exp()
    };
    if odd {
        p += statrs::function::erf::erfc(half.sqrt());
    }
    p.min(1.0)
}

/// The value that a chi-square variable exceeds with probability `alpha`.
pub fn critical(alpha: f64, dof: u64) -> f64 {
    let mut high = dof.max(1) as f64;
    while sf(high, dof) > alpha && high < 1e12 {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if sf(middle, dof) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, relative: f64) -> bool {
        (a - b).abs() <= relative * b.abs() + 1e-320
    }

    /// `scipy.stats.chi2.sf(x, k)` and `chi2.isf(alpha, k)`, SciPy 1.17.1.
    #[test]
    fn tails_are_scipys() {
        for (x, dof, p) in [
            (3.2, 1, 0.07363827012030258),
            (0.1, 1, 0.7518296340458492),
            (1200.0, 1, 6.099568814808675e-263),
            (10.0, 4, 0.04042768199451279),
            (74.9, 11, 1.4166410232771599e-11),
            (500.0, 39, 2.3913835314237335e-81),
            (1000.0, 1000, 0.49405285382923964),
            (1300.0, 1001, 4.450163496674046e-10),
            (5.0, 30, 0.9999999308468613),
            (20000.0, 5000, 0.0),
            (0.0, 3, 1.0),
        ] {
            assert!(close(sf(x, dof), p, 1e-10), "{x} {dof}: {}", sf(x, dof));
        }
        for (alpha, dof, x) in [
            (0.01, 1, 6.634896601021217),
            (0.01, 11, 24.72497031131828),
            (0.05, 100, 124.34211340400408),
            (0.01, 3000, 3183.133916725153),
        ] {
            assert!(close(critical(alpha, dof), x, 1e-9), "{alpha} {dof}");
        }
    }

    #[test]
    fn one_value_or_an_empty_side_has_no_test() {
        assert!(chi_square(&[(5, 7)]).is_none());
        assert!(chi_square(&[(5, 0), (3, 0)]).is_none());
        assert!(chi_square(&[(5, 7), (0, 0)]).is_none());
        let same = chi_square(&[(10, 20), (30, 60)]).unwrap();
        assert_eq!((same.statistic, same.p_value, same.dof), (0.0, 1.0, 1));
    }
}
