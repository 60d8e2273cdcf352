//! The distribution of the one-sample Kolmogorov-Smirnov statistic at a finite number of rows.
//!
//! `sf(d, n)` is P(D_n >= d), two-sided: what SciPy calls `kstwo.sf`. Which formula is used where
//! follows R. Simard and P. L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov distribution",
//! Journal of Statistical Software 39 (2011): exact where it is affordable, the expansion of
//! Pelz and Good in the middle for many rows, and twice the one-sided tail (Smirnov 1944) where
//! the two tails no longer overlap in double precision.

use std::f64::consts::PI;

/// P(D_n >= d) for the two-sided one-sample statistic over `n` rows.
pub fn sf(d: f64, n: u64) -> f64 {
    let rows = n as f64;
    let t = rows * d;
    if n == 0 || t <= 0.5 {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    if t >= rows - 1.0 {
        return 2.0 * (1.0 - d).powf(rows);
    }
    let spread = t * d;
    if spread >= 370.0 {
        // Below the smallest positive number.
        return 0.0;
    }
    let tails_apart = if n <= 140 { 4.0 } else { 2.2 };
    if d >= 0.5 || spread >= tails_apart {
        return (2.0 * one_sided_sf(d, n)).clamp(0.0, 1.0);
    }
    let small = n <= 140 || (n <= 100_000 && rows * d.powf(1.5) <= 1.4);
    let cdf = if small {
        durbin_matrix_cdf(d, n)
    } else {
        pelz_good_cdf(d, n)
    };
    (1.0 - cdf).clamp(0.0, 1.0)
}

/// P(D_n^+ >= d): Smirnov's exact sum. Every term is a binomial probability divided by its
/// success probability, so the sum has no cancellation.
fn one_sided_sf(d: f64, n: u64) -> f64 {
    let rows = n as f64;
    let last = (rows * (1.0 - d)).floor() as u64;
    let mut sum = (rows * (-d).ln_1p()).exp();
    for j in 1..=last.min(n - 1) {
        let p = d + j as f64 / rows;
        let q = 1.0 - p;
        if q > 0.0 {
            sum += d * ln_binomial(j, n, p, q).exp() / p;
        }
    }
    sum
}

/// ln of the binomial probability of `j` successes of `n`, after C. Loader, "Fast and accurate
/// computation of binomial probabilities" (2000): the large parts cancel on paper, not in memory.
fn ln_binomial(j: u64, n: u64, p: f64, q: f64) -> f64 {
    let (x, rows) = (j as f64, n as f64);
    let rest = rows - x;
    stirling_error(n)
        - stirling_error(j)
        - stirling_error(n - j)
        - deviance(x, rows * p)
        - deviance(rest, rows * q)
        + 0.5 * (rows / (2.0 * PI * x * rest)).ln()
}

/// ln n! minus Stirling's formula.
fn stirling_error(n: u64) -> f64 {
    let x = n as f64;
    if n < 16 {
        let factorial: f64 = (1..=n).map(|k| k as f64).product();
        return if n == 0 {
            0.0
        } else {
            factorial.ln() - ((x + 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln())
        };
    }
    let s = 1.0 / (x * x);
    (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s / 1188.0)))) / x
}

/// x ln(x/m) + m - x, by its series where x and m are close.
fn deviance(x: f64, m: f64) -> f64 {
    let difference = x - m;
    if difference.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() - difference;
    }
    let v = difference / (x + m);
    let mut sum = difference * v;
    let mut power = 2.0 * x * v;
    for k in 1..1000 {
        power *= v * v;
        let next = sum + power / f64::from(2 * k + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// Exact P(D_n < d) as an element of a matrix power: J. Durbin (1973); G. Marsaglia, W. W. Tsang
/// and J. Wang, "Evaluating Kolmogorov's distribution", JSS 8 (2003).
fn durbin_matrix_cdf(d: f64, n: u64) -> f64 {
    let t = n as f64 * d;
    let k = t.floor() as usize + 1;
    let size = 2 * k - 1;
    let h = k as f64 - t;
    let mut matrix = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..=(i + 1).min(size - 1) {
            matrix[i * size + j] = 1.0;
        }
    }
    for i in 0..size {
        matrix[i * size] -= h.powi(i as i32 + 1);
        matrix[(size - 1) * size + i] -= h.powi((size - i) as i32);
    }
    if h > 0.5 {
        matrix[(size - 1) * size] += (2.0 * h - 1.0).powi(size as i32);
    }
    for i in 0..size {
        for j in 0..=i {
            for g in 1..=(i + 1 - j) {
                matrix[i * size + j] /= g as f64;
            }
        }
    }
    let (power, mut exponent) = matrix_power(&matrix, size, n);
    let mut value = power[(k - 1) * size + k - 1];
    for i in 1..=n {
        value *= i as f64 / n as f64;
        if value < 1e-140 {
            value *= 1e140;
            exponent -= 140;
        }
    }
    value * 10_f64.powi(exponent)
}

/// `matrix` to the power `n`, times a power of ten that is handed back.
fn matrix_power(matrix: &[f64], size: usize, n: u64) -> (Vec<f64>, i32) {
    let mut result: Vec<f64> = (0..size * size)
        .map(|at| if at % (size + 1) == 0 { 1.0 } else { 0.0 })
        .collect();
    let mut exponent = 0;
    let (mut base, mut base_exponent) = (matrix.to_vec(), 0);
    let mut left = n;
    let middle = (size / 2) * size + size / 2;
    while left > 0 {
        if left & 1 == 1 {
            result = multiply(&result, &base, size);
            exponent += base_exponent;
            shrink(&mut result, middle, &mut exponent);
        }
        left >>= 1;
        if left > 0 {
            base = multiply(&base, &base, size);
            base_exponent *= 2;
            shrink(&mut base, middle, &mut base_exponent);
        }
    }
    (result, exponent)
}

fn multiply(a: &[f64], b: &[f64], size: usize) -> Vec<f64> {
    let mut out = vec![0.0; size * size];
    for i in 0..size {
        for k in 0..size {
            let factor = a[i * size + k];
            for j in 0..size {
                out[i * size + j] += factor * b[k * size + j];
            }
        }
    }
    out
}

fn shrink(matrix: &mut [f64], middle: usize, exponent: &mut i32) {
    if matrix[middle] > 1e140 {
        matrix.iter_mut().for_each(|v| *v *= 1e-140);
        *exponent += 140;
    }
}

/// P(D_n < d) by the asymptotic expansion of W. Pelz and I. J. Good, "Approximating the lower
/// tail-areas of the Kolmogorov-Smirnov one-sample statistic", JRSS B 38 (1976), to n^(-3/2).
fn pelz_good_cdf(d: f64, n: u64) -> f64 {
    let root = (n as f64).sqrt();
    let z = d * root;
    let (z2, z4, z6, z8) = (z * z, z.powi(4), z.powi(6), z.powi(8));
    let half_root = (PI / 2.0).sqrt();
    let mut k = [0.0_f64; 4];
    // Terms fall like exp(-pi^2 i^2 / 2z^2); from this i on they are below 1e-20.
    let terms = (z * 3.2).ceil() as i32 + 2;
    for i in (0..terms).rev() {
        // k + 1/2 for k = i and k = -i-1 at once, hence the factor 2.
        let odd = PI * PI * (f64::from(i) + 0.5).powi(2);
        let weight = 2.0 * (-odd / (2.0 * z2)).exp();
        let (odd2, odd3) = (odd * odd, odd * odd * odd);
        k[0] += weight;
        k[1] += weight * (odd - z2);
        k[2] += weight
            * ((6.0 * z6 + 2.0 * z4) + odd * (2.0 * z4 - 5.0 * z2) + odd2 * (1.0 - 2.0 * z2));
        k[3] += weight
            * (odd3 * (5.0 - 30.0 * z2)
                + odd2 * (-60.0 * z2 + 212.0 * z4)
                + odd * (135.0 * z4 - 96.0 * z6)
                - (30.0 * z6 + 90.0 * z8));
    }
    let (mut even2, mut even3) = (0.0, 0.0);
    for i in (1..terms).rev() {
        let even = PI * PI * f64::from(i).powi(2);
        let weight = 2.0 * (-even / (2.0 * z2)).exp();
        even2 += weight * even;
        even3 += weight * (3.0 * even * z2 - even * even);
    }
    let k0 = half_root * k[0] / z;
    let k1 = half_root * k[1] / (6.0 * z4);
    let k2 = half_root * (k[2] / (72.0 * z.powi(7)) - even2 / (36.0 * z.powi(3)));
    // 216 is the constant of SciPy's implementation; the oracles hold this function to its figures.
    let k3 = half_root * (k[3] / (6480.0 * z.powi(10)) + even3 / (216.0 * z6));
    k0 + k1 / root + k2 / (root * root) + k3 / root.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.kstwo.sf(d, n)`, SciPy 1.17.1.
    #[test]
    fn is_scipys_kstwo() {
        for (n, d, expected) in [
            (1, 0.6, 0.8),
            (5, 0.09, 1.0),
            (5, 0.15, 0.9988),
            (10, 0.3, 0.27053557479999946),
            (10, 0.55, 0.0022805103214843725),
            (10, 0.95, 1.9531250000000172e-13),
            (50, 0.05, 0.9990238098461883),
            (50, 0.1, 0.6623112704658186),
            (50, 0.27, 0.00103876659196811),
            (50, 0.3, 0.00017353260202718738),
            (140, 0.02, 0.9999999774822331),
            (140, 0.1, 0.11353657290090946),
            (140, 0.16, 0.001344016324418744),
            (140, 0.2, 2.1981563302200222e-05),
            (141, 0.05, 0.854845693009663),
            (141, 0.12, 0.03160060527758468),
            (141, 0.13, 0.015449346308454497),
            (1000, 0.01, 0.9999496745370611),
            (1000, 0.012, 0.9984464668620097),
            (1000, 0.03, 0.3226902143914636),
            (1000, 0.046, 0.02813926237876274),
            (1000, 0.05, 0.013012074781090332),
            (1000, 0.3, 2.590715705736845e-80),
            (1000, 0.7, 0.0),
            (5000, 0.004, 0.9999977369528622),
            (5000, 0.01, 0.6954557253913853),
            (5000, 0.02, 0.03613941395325637),
            (5000, 0.025, 0.0037948405200437306),
            (19121, 0.002, 0.9999989762074015),
            (19121, 0.006, 0.4948213260491515),
            (19121, 0.0106, 0.02702884545506823),
            (19121, 0.011, 0.01941830619546445),
            (19121, 0.1, 6.606555170623538e-167),
            (19121, 0.139, 0.0),
            (200000, 0.0005, 0.999999999766341),
            (200000, 0.002, 0.39995085369038097),
            (200000, 0.004, 0.003314212822560255),
            (1000000, 0.0012, 0.11215991901443556),
            (1000000, 0.01, 2.7373304415481205e-87),
        ] {
            let p = sf(d, n);
            assert!(
                (p - expected).abs() <= 1e-10 * expected + 1e-320,
                "n {n}, d {d}: {p} instead of {expected}"
            );
        }
    }
}
