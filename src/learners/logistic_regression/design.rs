//! The rows as the optimiser sees them: standardised without being copied.
//!
//! Standardising a one-hot column turns its zeros into numbers, and 122 mostly empty columns into
//! 122 full ones. So the raw values stay and the scaling is folded into the weights:
//! `w * (x - m) / s = (w / s) * x - w * m / s`. Columns that are mostly zero are kept as lists of
//! rows, those with a single other value without their values.
//!
//! Rows are cut into blocks that fit the processor's cache, and blocks into groups that are
//! summed in a fixed order: neither depends on the number of threads, so neither do the sums.

use std::ops::Range;

use rayon::prelude::*;

use crate::dataset::Matrix;
use crate::learners::scaling::Scaling;

/// Rows a block.
const BLOCK: usize = 2048;
/// Groups of blocks at most; each costs one gradient of memory.
const GROUPS: usize = 32;
/// A column is listed when at most one value in this many is not zero.
const SPARSE: usize = 4;

/// A matrix prepared for repeated products with weights and with residuals.
pub struct Design<'a> {
    x: &'a Matrix,
    scaling: &'a Scaling,
    dense: Vec<usize>,
    /// Features with one value other than zero, and that value.
    indicators: Vec<(usize, f64)>,
    sparse: Vec<usize>,
    blocks: Vec<Block>,
}

/// The listed columns of some rows.
struct Block {
    rows: Range<usize>,
    indicator_ends: Vec<u32>,
    indicator_rows: Vec<u16>,
    sparse_ends: Vec<u32>,
    sparse_values: Vec<(u16, f32)>,
}

enum Kind {
    Dense,
    Indicator(f64),
    Sparse,
}

fn kind(column: &[f32]) -> Kind {
    let mut filled = 0;
    let mut only = None;
    let mut same = true;
    for &v in column.iter().filter(|v| **v != 0.0) {
        filled += 1;
        same &= *only.get_or_insert(v) == v;
    }
    match only {
        _ if filled * SPARSE > column.len() => Kind::Dense,
        Some(v) if same => Kind::Indicator(f64::from(v)),
        _ => Kind::Sparse,
    }
}

impl<'a> Design<'a> {
    /// Looks at every column once and lists those worth it.
    pub fn new(x: &'a Matrix, scaling: &'a Scaling) -> Self {
        let kinds: Vec<Kind> = (0..x.features())
            .into_par_iter()
            .map(|f| kind(x.column(f)))
            .collect();
        let (mut dense, mut indicators, mut sparse) = (Vec::new(), Vec::new(), Vec::new());
        for (feature, kind) in kinds.into_iter().enumerate() {
            match kind {
                Kind::Dense => dense.push(feature),
                Kind::Indicator(value) => indicators.push((feature, value)),
                Kind::Sparse => sparse.push(feature),
            }
        }
        let blocks = (0..x.rows().div_ceil(BLOCK))
            .into_par_iter()
            .map(|b| {
                let rows = b * BLOCK..((b + 1) * BLOCK).min(x.rows());
                Block::new(x, rows, &indicators, &sparse)
            })
            .collect();
        Self {
            x,
            scaling,
            dense,
            indicators,
            sparse,
            blocks,
        }
    }

    /// Sums a loss over all rows and, if wanted, its gradient.
    ///
    /// `theta` holds `outputs` weight vectors one after the other, then `outputs` intercepts.
    /// `loss(rows, margins)` gets the margins of the rows (output after output), returns their
    /// loss and turns the margins into residuals: the derivatives of the loss by the margins.
    pub fn sum(
        &self,
        theta: &[f64],
        outputs: usize,
        gradient: Option<&mut [f64]>,
        loss: &(impl Fn(Range<usize>, &mut [f64]) -> f64 + Sync),
    ) -> f64 {
        let features = self.x.features();
        let raw = self.raw(theta, outputs);
        let wanted = gradient.is_some();
        let per_group = self.blocks.len().div_ceil(GROUPS).max(1);
        let parts: Vec<(f64, Vec<f64>)> = self
            .blocks
            .par_chunks(per_group)
            .map(|blocks| {
                let mut total = 0.0;
                let mut part = vec![0.0; if wanted { theta.len() } else { 0 }];
                let mut margins = vec![0.0; BLOCK * outputs];
                for block in blocks {
                    let margins = &mut margins[..block.rows.len() * outputs];
                    self.margins(block, &raw, outputs, margins);
                    total += loss(block.rows.clone(), margins);
                    if wanted {
                        self.products(block, margins, outputs, &mut part);
                    }
                }
                (total, part)
            })
            .collect();
        let mut total = 0.0;
        for (value, _) in &parts {
            total += value;
        }
        if let Some(gradient) = gradient {
            gradient.fill(0.0);
            for (_, part) in &parts {
                for (g, p) in gradient.iter_mut().zip(part) {
                    *g += p;
                }
            }
            // Back from raw units: sum r * (x - m) / s.
            for output in 0..outputs {
                let residuals = gradient[outputs * features + output];
                for feature in 0..features {
                    let g = &mut gradient[output * features + feature];
                    *g = (*g - self.scaling.offset[feature] * residuals)
                        / self.scaling.scale[feature];
                }
            }
        }
        total
    }

    /// Weights per raw unit, and the intercepts with all the offsets in them.
    fn raw(&self, theta: &[f64], outputs: usize) -> Vec<f64> {
        let features = self.x.features();
        let mut raw = theta.to_vec();
        for output in 0..outputs {
            let mut shift = 0.0;
            for feature in 0..features {
                let w = &mut raw[output * features + feature];
                *w /= self.scaling.scale[feature];
                shift += *w * self.scaling.offset[feature];
            }
            raw[outputs * features + output] -= shift;
        }
        raw
    }

    /// `x * raw + intercept` for the rows of a block.
    fn margins(&self, block: &Block, raw: &[f64], outputs: usize, out: &mut [f64]) {
        let (features, rows) = (self.x.features(), block.rows.len());
        for (output, out) in out.chunks_exact_mut(rows).enumerate() {
            let weights = &raw[output * features..(output + 1) * features];
            out.fill(raw[outputs * features + output]);
            for &feature in &self.dense {
                let w = weights[feature];
                if w != 0.0 {
                    let column = &self.x.column(feature)[block.rows.clone()];
                    for (o, &x) in out.iter_mut().zip(column) {
                        *o += w * f64::from(x);
                    }
                }
            }
            for (i, &(feature, value)) in self.indicators.iter().enumerate() {
                let w = weights[feature] * value;
                for &row in block.indicator(i) {
                    out[row as usize] += w;
                }
            }
            for (i, &feature) in self.sparse.iter().enumerate() {
                let w = weights[feature];
                for &(row, x) in block.sparse(i) {
                    out[row as usize] += w * f64::from(x);
                }
            }
        }
    }

    /// Adds `x^T * residuals` and the sum of the residuals to `part`.
    fn products(&self, block: &Block, residuals: &[f64], outputs: usize, part: &mut [f64]) {
        let (features, rows) = (self.x.features(), block.rows.len());
        for (output, residuals) in residuals.chunks_exact(rows).enumerate() {
            part[outputs * features + output] += residuals.iter().sum::<f64>();
            let part = &mut part[output * features..(output + 1) * features];
            for &feature in &self.dense {
                let column = &self.x.column(feature)[block.rows.clone()];
                part[feature] += product(column, residuals);
            }
            for (i, &(feature, value)) in self.indicators.iter().enumerate() {
                let rows = block.indicator(i).iter();
                part[feature] += value * rows.map(|&r| residuals[r as usize]).sum::<f64>();
            }
            for (i, &feature) in self.sparse.iter().enumerate() {
                let values = block.sparse(i).iter();
                part[feature] += values
                    .map(|&(r, x)| residuals[r as usize] * f64::from(x))
                    .sum::<f64>();
            }
        }
    }
}

/// A dot product in four running sums, which the compiler can keep in vector registers.
fn product(column: &[f32], residuals: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (columns, residuals_4) = (column.chunks_exact(4), residuals.chunks_exact(4));
    let rest: f64 = columns
        .remainder()
        .iter()
        .zip(residuals_4.remainder())
        .map(|(&x, r)| f64::from(x) * r)
        .sum();
    for (x, r) in columns.zip(residuals_4) {
        for lane in 0..4 {
            sums[lane] += f64::from(x[lane]) * r[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

impl Block {
    fn new(x: &Matrix, rows: Range<usize>, indicators: &[(usize, f64)], sparse: &[usize]) -> Self {
        let mut block = Self {
            rows: rows.clone(),
            indicator_ends: vec![0],
            indicator_rows: Vec::new(),
            sparse_ends: vec![0],
            sparse_values: Vec::new(),
        };
        // Rows of a block fit in 16 bits, and so many columns that 32 bits overflow do not exist.
        let filled = |feature: usize| {
            x.column(feature)[rows.clone()]
                .iter()
                .enumerate()
                .filter(|(_, v)| **v != 0.0)
                .map(|(row, &v)| (row as u16, v))
        };
        for &(feature, _) in indicators {
            block
                .indicator_rows
                .extend(filled(feature).map(|(row, _)| row));
            block.indicator_ends.push(block.indicator_rows.len() as u32);
        }
        for &feature in sparse {
            block.sparse_values.extend(filled(feature));
            block.sparse_ends.push(block.sparse_values.len() as u32);
        }
        block
    }
    fn indicator(&self, i: usize) -> &[u16] {
        &self.indicator_rows[self.indicator_ends[i] as usize..self.indicator_ends[i + 1] as usize]
    }
    fn sparse(&self, i: usize) -> &[(u16, f32)] {
        &self.sparse_values[self.sparse_ends[i] as usize..self.sparse_ends[i + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sums and gradient the slow way, on standardised values.
    fn slowly(x: &Matrix, scaling: &Scaling, theta: &[f64], outputs: usize) -> (f64, Vec<f64>) {
        let d = x.features();
        let z =
            |r: usize, f: usize| (f64::from(x.get(r, f)) - scaling.offset[f]) / scaling.scale[f];
        let mut gradient = vec![0.0; theta.len()];
        let mut total = 0.0;
        for r in 0..x.rows() {
            for o in 0..outputs {
                let mut m = theta[outputs * d + o];
                for f in 0..d {
                    m += theta[o * d + f] * z(r, f);
                }
                total += m * m / 2.0 + r as f64 * m;
                let residual = m + r as f64;
                for f in 0..d {
                    gradient[o * d + f] += residual * z(r, f);
                }
                gradient[outputs * d + o] += residual;
            }
        }
        (total, gradient)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn equals_the_dense_product_of_standardised_columns(
            rows in 1usize..40, outputs in 1usize..4, seed in any::<u32>(),
        ) {
            // One column of each kind: full, rarely 1, rarely anything, constant, all zero.
            let mut state = u64::from(seed) + 1;
            let mut draw = || { state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); (state >> 40) as f32 / 1e6 };
            let columns = vec![
                (0..rows).map(|_| draw() - 8.0).collect::<Vec<f32>>(),
                (0..rows).map(|_| if draw() < 1.5 { 3.0 } else { 0.0 }).collect(),
                (0..rows).map(|_| { let v = draw(); if v < 2.0 { v } else { 0.0 } }).collect(),
                vec![7.0; rows],
                vec![0.0; rows],
            ];
            let names = (0..5).map(|i| format!("f{i}")).collect();
            let x = Matrix::from_columns(names, rows, columns);
            let scaling = Scaling::fit(&x);
            let theta: Vec<f64> = (0..outputs * 6).map(|_| f64::from(draw()) / 10.0 - 0.8).collect();
            let design = Design::new(&x, &scaling);
            let mut gradient = vec![0.0; theta.len()];
            let total = design.sum(&theta, outputs, Some(&mut gradient), &|range, margins: &mut [f64]| {
                let n = range.len();
                let mut total = 0.0;
                for (i, m) in margins.iter_mut().enumerate() {
                    let r = (range.start + i % n) as f64;
                    total += *m * *m / 2.0 + r * *m;
                    *m += r;
                }
                total
            });
            let (want, want_gradient) = slowly(&x, &scaling, &theta, outputs);
            prop_assert!((total - want).abs() <= 1e-8 * (1.0 + want.abs()), "{total} {want}");
            for (g, w) in gradient.iter().zip(&want_gradient) {
                prop_assert!((g - w).abs() <= 1e-7 * (1.0 + w.abs()), "{gradient:?} {want_gradient:?}");
            }
        }
    }
}
