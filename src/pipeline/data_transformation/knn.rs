//! Filling missing numbers from the nearest rows of the train split.
//!
//! As scikit-learn's `KNNImputer` with uniform weights: distance is the Euclidean one over the
//! columns that both rows have, scaled up to the full number of columns; a missing value becomes
//! the mean over the nearest `neighbours` rows that have this column; rows without a common
//! column are no neighbours; without any neighbour the column's mean is taken. Columns are not
//! scaled first, as there. Equal distances: the earlier row wins.
//!
//! Two things differ on purpose. The fitted state holds at most [`MAX_ROWS`] reference rows, so
//! that the file stays small and a prediction cheap: a deterministic pseudo-random sample (the
//! rows whose number hashes smallest), in train order. And those rows hold numeric columns only.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::exact_json::Exact;

/// Reference rows kept at most.
pub const MAX_ROWS: usize = 2_000;

/// The reference rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnnReference {
    /// Neighbours to average over.
    pub neighbours: u32,
    /// The numeric columns, in the order of the values of a row.
    pub columns: Vec<String>,
    /// The rows; `null` where a value is missing.
    pub rows: Vec<Vec<Option<Exact>>>,
}

impl KnnReference {
    /// Keeps a sample of the rows of these columns (NaN where missing). Rows without any value
    /// can be nobody's neighbour and are left out.
    pub(super) fn fit(neighbours: u32, names: Vec<String>, columns: &[Vec<f64>]) -> Self {
        let rows = columns.first().map_or(0, Vec::len);
        let mut picked: Vec<usize> = (0..rows)
            .filter(|&row| columns.iter().any(|c| !c[row].is_nan()))
            .collect();
        if picked.len() > MAX_ROWS {
            picked.select_nth_unstable_by_key(MAX_ROWS - 1, |&row| (scatter(row as u64), row));
            picked.truncate(MAX_ROWS);
            picked.sort_unstable();
        }
        let cell = |v: f64| (!v.is_nan()).then_some(Exact(v));
        Self {
            neighbours,
            columns: names,
            rows: picked
                .into_iter()
                .map(|row| columns.iter().map(|c| cell(c[row])).collect())
                .collect(),
        }
    }
    /// Whether a file's rows all have the right length.
    pub(super) fn is_sound(&self) -> bool {
        self.neighbours > 0 && self.rows.iter().all(|r| r.len() == self.columns.len())
    }
    /// Replaces NaN in the columns wherever a neighbour knows the value; what is left stays NaN.
    pub(super) fn fill(&self, columns: &mut [Vec<f64>]) {
        let width = columns.len();
        let rows = columns.first().map_or(0, Vec::len);
        let holes: Vec<usize> = (0..rows)
            .filter(|&row| columns.iter().any(|c| c[row].is_nan()))
            .collect();
        if holes.is_empty() || self.rows.is_empty() {
            return;
        }
        let reference: Vec<f64> = self
            .rows
            .iter()
            .flatten()
            .map(|v| v.map_or(f64::NAN, |v| v.0))
            .collect();
        let view: &[Vec<f64>] = columns;
        let found: Vec<Vec<(usize, f64)>> = holes
            .par_iter()
            .map_init(Vec::new, |distances, &row| {
                let values: Vec<f64> = view.iter().map(|c| c[row]).collect();
                self.neighbours_of(&values, &reference, width, distances)
            })
            .collect();
        for (row, fills) in holes.into_iter().zip(found) {
            for (column, value) in fills {
                columns[column][row] = value;
            }
        }
    }
    /// The values for the missing columns of one row.
    fn neighbours_of(
        &self,
        values: &[f64],
        reference: &[f64],
        width: usize,
        distances: &mut Vec<(f64, usize)>,
    ) -> Vec<(usize, f64)> {
        distances.clear();
        for (at, other) in reference.chunks_exact(width).enumerate() {
            let (mut sum, mut common) = (0.0, 0_u32);
            for (a, b) in values.iter().zip(other) {
                let d = a - b;
                if !d.is_nan() {
                    sum += d * d;
                    common += 1;
                }
            }
            if common > 0 {
                distances.push((sum * width as f64 / f64::from(common), at));
            }
        }
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let mut fills = Vec::new();
        for column in (0..width).filter(|&c| values[c].is_nan()) {
            let mut donors: Vec<(f64, usize)> = distances
                .iter()
                .copied()
                .filter(|&(_, at)| !reference[at * width + column].is_nan())
                .collect();
            let k = (self.neighbours as usize).min(donors.len());
            if k == 0 {
                continue;
            }
            donors.select_nth_unstable_by(k - 1, order);
            donors.truncate(k);
            donors.sort_unstable_by(order);
            let sum: f64 = donors
                .iter()
                .map(|&(_, at)| reference[at * width + column] / k as f64)
                .sum();
            fills.push((column, sum));
        }
        fills
    }
}

/// Mixes the bits of a row number (the finaliser of SplitMix64), so that taking the smallest is a
/// sample without a pattern. Written out here because the sample must never change with a library.
fn scatter(row: u64) -> u64 {
    let mut z = row.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
