//! Features as ranks: every value replaced by its place among the sorted distinct values.
//!
//! Up to [`MOST_CODES`] distinct values the ranks are exact and a tree over them is exact CART;
//! above that a rank stands for a quantile bin that remembers its smallest and largest value.

use rayon::prelude::*;

use crate::dataset::Matrix;

/// Distinct values of a feature that are told apart.
pub(super) const MOST_CODES: usize = 1 << 16;

/// The ranks of one feature, in the narrowest type that holds them.
pub(super) enum Ranks {
    /// At most 256 distinct values.
    Narrow(Vec<u8>),
    /// More.
    Wide(Vec<u16>),
}

/// One feature.
pub(super) struct CodedFeature {
    /// Rank of each row.
    pub(super) ranks: Ranks,
    /// Smallest value of each rank, ascending.
    low: Vec<f32>,
    /// Largest value of each rank; empty when each rank is one value.
    high: Vec<f32>,
}

impl CodedFeature {
    /// Number of ranks.
    pub(super) fn codes(&self) -> usize {
        self.low.len()
    }
    /// The threshold between two ranks that are neighbours in a node: every value of `left`
    /// is `<=` it and every value of `right` is greater, compared as `f32`.
    ///
    /// The midpoint is taken in f64 as scikit-learn does, then rounded down to f32, which leaves
    /// `x <= threshold` the same for every f32 `x`.
    pub(super) fn threshold(&self, left: usize, right: usize) -> f32 {
        let below = if self.high.is_empty() {
            self.low[left]
        } else {
            self.high[left]
        };
        let middle = f64::from(below) / 2.0 + f64::from(self.low[right]) / 2.0;
        let rounded = middle as f32;
        if f64::from(rounded) > middle {
            rounded.next_down()
        } else {
            rounded
        }
    }
    /// Ranks the values of a column; none if one is not finite.
    fn new(column: &[f32]) -> Option<Self> {
        match distinct(column)? {
            Some((sorted, ranks)) => Some(Self::pack(ranks, sorted, Vec::new())),
            None => Some(Self::binned(column)),
        }
    }
    fn binned(column: &[f32]) -> Self {
        let mut sorted = column.to_vec();
        sorted.par_sort_unstable_by(f32::total_cmp);
        let n = sorted.len();
        let (mut low, mut high) = (Vec::new(), Vec::new());
        let mut start = 0;
        while start < n {
            // Equal shares of the rows that are left; a run of equal values is never cut.
            let share = (n - start).div_ceil(MOST_CODES - low.len());
            let last = sorted[start + share - 1];
            let end = start + sorted[start..].partition_point(|&v| v <= last);
            low.push(sorted[start]);
            high.push(last);
            start = end;
        }
        let ranks = column
            .iter()
            .map(|&v| (low.partition_point(|&l| l <= v) - 1) as u32)
            .collect();
        Self::pack(ranks, low, high)
    }
    fn pack(ranks: Vec<u32>, low: Vec<f32>, high: Vec<f32>) -> Self {
        let ranks = if low.len() <= 256 {
            Ranks::Narrow(ranks.into_iter().map(|r| r as u8).collect())
        } else {
            Ranks::Wide(ranks.into_iter().map(|r| r as u16).collect())
        };
        Self { ranks, low, high }
    }
}

/// Sorted distinct values and the rank of each row.
type Ranked = (Vec<f32>, Vec<u32>);

/// Ranks by a hash table over the bits; `Some(None)` when there are too many distinct values,
/// `None` when one is not finite.
fn distinct(column: &[f32]) -> Option<Option<Ranked>> {
    const EMPTY: u32 = u32::MAX;
    let slot_of = |bits: u32, mask: usize| {
        (u64::from(bits).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & mask
    };
    let mut mask = 63usize;
    let mut table = vec![EMPTY; mask + 1];
    let mut values: Vec<u32> = Vec::new();
    let mut ids = Vec::with_capacity(column.len());
    let mut last = (EMPTY, EMPTY);
    for &value in column {
        if !value.is_finite() {
            return None;
        }
        let bits = (value + 0.0).to_bits(); // -0.0 becomes 0.0
        if bits == last.0 {
            ids.push(last.1);
            continue;
        }
        let mut slot = slot_of(bits, mask);
        let id = loop {
            match table[slot] {
                EMPTY => {
                    let id = values.len() as u32;
                    if values.len() == MOST_CODES {
                        // Check the rest, then let the caller bin.
                        return column.iter().all(|v| v.is_finite()).then_some(None);
                    }
                    table[slot] = id;
                    values.push(bits);
                    if values.len() * 2 > mask {
                        mask = mask * 2 + 1;
                        table = vec![EMPTY; mask + 1];
                        for (id, &bits) in values.iter().enumerate() {
                            let mut slot = slot_of(bits, mask);
                            while table[slot] != EMPTY {
                                slot = (slot + 1) & mask;
                            }
                            table[slot] = id as u32;
                        }
                    }
                    break id;
                }
                id if values[id as usize] == bits => break id,
                _ => slot = (slot + 1) & mask,
            }
        };
        last = (bits, id);
        ids.push(id);
    }
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| {
        f32::from_bits(values[a as usize]).total_cmp(&f32::from_bits(values[b as usize]))
    });
    let mut rank_of = vec![0u32; values.len()];
    for (rank, &id) in order.iter().enumerate() {
        rank_of[id as usize] = rank as u32;
    }
    for id in &mut ids {
        *id = rank_of[*id as usize];
    }
    let sorted = order
        .into_iter()
        .map(|id| f32::from_bits(values[id as usize]))
        .collect();
    Some(Some((sorted, ids)))
}

/// A matrix as ranks.
pub(super) struct CodedMatrix {
    /// One entry a feature.
    pub(super) features: Vec<CodedFeature>,
    /// Number of rows.
    pub(super) rows: usize,
}

impl CodedMatrix {
    /// Ranks every feature.
    ///
    /// # Errors
    /// The first feature that holds a NaN or an infinity.
    pub(super) fn new(x: &Matrix) -> Result<Self, usize> {
        let coded: Vec<Option<CodedFeature>> = (0..x.features())
            .into_par_iter()
            .map(|feature| CodedFeature::new(x.column(feature)))
            .collect();
        let mut features = Vec::with_capacity(coded.len());
        for (index, feature) in coded.into_iter().enumerate() {
            features.push(feature.ok_or(index)?);
        }
        Ok(Self {
            features,
            rows: x.rows(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(feature: &CodedFeature) -> Vec<usize> {
        match &feature.ranks {
            Ranks::Narrow(r) => r.iter().map(|&r| r.into()).collect(),
            Ranks::Wide(r) => r.iter().map(|&r| r.into()).collect(),
        }
    }

    #[test]
    fn ranks_follow_the_values() {
        let f = CodedFeature::new(&[3.0, -1.0, 3.0, 0.0, -0.0]).expect("finite");
        assert_eq!(ranks(&f), [2, 0, 2, 1, 1]);
        assert_eq!(f.threshold(0, 2), 1.0);
    }

    #[test]
    fn many_values_keep_their_order_and_share_bins() {
        let n = 200_000u32;
        let column: Vec<f32> = (0..n)
            .map(|i| (i.wrapping_mul(2_654_435_761) % n) as f32)
            .collect();
        let f = CodedFeature::new(&column).expect("finite");
        assert!(f.codes() <= MOST_CODES && f.codes() > MOST_CODES / 2);
        let r = ranks(&f);
        let mut order: Vec<usize> = (0..column.len()).collect();
        order.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
        assert!(order.windows(2).all(|w| r[w[0]] <= r[w[1]]));
        for w in order.windows(2).filter(|w| r[w[0]] < r[w[1]]) {
            let t = f.threshold(r[w[0]], r[w[1]]);
            assert!(column[w[0]] <= t && t < column[w[1]]);
        }
    }

    #[test]
    fn a_threshold_separates_neighbouring_floats() {
        for a in [1.0f32, 1e-40, f32::MIN, 16_777_216.0, -1e-45] {
            let b = a.next_up();
            let f = CodedFeature::new(&[a, b]).expect("finite");
            let t = f.threshold(0, 1);
            assert!(a <= t && t < b, "{a} {t} {b}");
        }
    }

    #[test]
    fn values_that_are_not_finite_are_found() {
        assert!(CodedFeature::new(&[1.0, f32::NAN]).is_none());
        assert!(CodedFeature::new(&[1.0, f32::INFINITY]).is_none());
    }
}
