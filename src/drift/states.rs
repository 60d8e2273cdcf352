//! Partial states of a column: made per partition of the rows, merged, then read.
//!
//! `merge` is associative and gives the state of all rows together, so that one machine, several
//! threads or a group-by elsewhere can make the parts.

use std::collections::BTreeMap;

/// How often each value occurs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueCounts<K: Ord>(BTreeMap<K, u64>);

impl<K: Ord + Clone> ValueCounts<K> {
    /// No values yet.
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }
    /// Adds `n` rows of a value.
    pub fn add(&mut self, value: K, n: u64) {
        *self.0.entry(value).or_insert(0) += n;
    }
    /// Adds the counts of another part.
    pub fn merge(&mut self, other: Self) {
        for (value, n) in other.0 {
            self.add(value, n);
        }
    }
    /// Number of different values.
    pub fn distinct(&self) -> usize {
        self.0.len()
    }
    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.0.values().sum()
    }
    /// The counts of both sides over the union of the values, in the order of the values.
    pub fn beside(&self, other: &Self) -> Vec<(u64, u64)> {
        self.values_beside(other).into_iter().map(|v| v.1).collect()
    }
    /// As [`ValueCounts::beside`], with the values.
    pub fn values_beside<'a>(&'a self, other: &'a Self) -> Vec<(&'a K, (u64, u64))> {
        let mut both: BTreeMap<&K, (u64, u64)> =
            self.0.iter().map(|(value, &n)| (value, (n, 0))).collect();
        for (value, &n) in &other.0 {
            both.entry(value).or_insert((0, 0)).1 = n;
        }
        both.into_iter().collect()
    }
}

/// A finite number as a key: ordered, and -0 equal to 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumberKey(i64);

impl From<f64> for NumberKey {
    fn from(value: f64) -> Self {
        // Adding zero makes -0 to 0. For negative numbers the order of the bits is reversed.
        let bits = (value + 0.0).to_bits() as i64;
        Self(if bits < 0 { bits ^ i64::MAX } else { bits })
    }
}

impl NumberKey {
    /// The number.
    pub fn number(self) -> f64 {
        let bits = if self.0 < 0 {
            self.0 ^ i64::MAX
        } else {
            self.0
        };
        f64::from_bits(bits as u64)
    }
}

impl ValueCounts<NumberKey> {
    /// Counts the values of a sorted sample.
    pub fn of_sorted(sorted: &[f64]) -> Self {
        let mut counts = Self::new();
        for run in sorted.chunk_by(|a, b| a == b) {
            counts.add(NumberKey::from(run[0]), run.len() as u64);
        }
        counts
    }
}

/// Rows between fixed inner edges: bin = number of edges at most the value. The outer bins are
/// open.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    edges: Vec<f64>,
    counts: Vec<u64>,
}

impl Histogram {
    /// An empty histogram over sorted inner edges.
    pub fn new(inner_edges: Vec<f64>) -> Self {
        let counts = vec![0; inner_edges.len() + 1];
        Self {
            edges: inner_edges,
            counts,
        }
    }
    /// Adds the values of a sorted sample.
    pub fn add_sorted(&mut self, sorted: &[f64]) {
        let mut from = 0;
        for (bin, edge) in self.edges.iter().enumerate() {
            let to = from + sorted[from..].partition_point(|v| v < edge);
            self.counts[bin] += (to - from) as u64;
            from = to;
        }
        let last = self.edges.len();
        self.counts[last] += (sorted.len() - from) as u64;
    }
    /// Adds the counts of another part; `false`, and nothing done, when the edges differ.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        if self.edges != other.edges {
            return false;
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        true
    }
    /// Rows per bin.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
}

/// Number, mean and sum of squared deviations, merged after T. F. Chan, G. H. Golub and
/// R. J. LeVeque (1979).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// The moments of some values, in two passes.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        if values.is_empty() {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        Self { n, mean, squares }
    }
    /// Adds the moments of another part.
    pub fn merge(&mut self, other: Self) {
        let n = self.n + other.n;
        if n == 0.0 {
            return;
        }
        let difference = other.mean - self.mean;
        self.squares += other.squares + difference * difference * self.n * other.n / n;
        self.mean += difference * other.n / n;
        self.n = n;
    }
    /// The mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }
    /// The standard deviation with divisor n.
    pub fn std(&self) -> f64 {
        if self.n == 0.0 {
            0.0
        } else {
            (self.squares / self.n).sqrt()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(mut values: Vec<f64>) -> Vec<f64> {
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            a in prop::collection::vec(-50.0..50.0_f64, 0..60),
            b in prop::collection::vec((-5_i32..5).prop_map(f64::from), 0..60),
        ) {
            let whole = sorted(a.iter().chain(&b).copied().collect());
            let (a, b) = (sorted(a), sorted(b));

            let mut moments = Moments::of(&a);
            moments.merge(Moments::of(&b));
            let expected = Moments::of(&whole);
            prop_assert!((moments.mean() - expected.mean()).abs() < 1e-9);
            prop_assert!((moments.std() - expected.std()).abs() < 1e-9);

            let mut counts = ValueCounts::of_sorted(&a);
            counts.merge(ValueCounts::of_sorted(&b));
            prop_assert_eq!(&counts, &ValueCounts::of_sorted(&whole));
            prop_assert_eq!(counts.rows(), whole.len() as u64);

            let edges = vec![-3.0, 0.0, 2.0];
            let part = |values: &[f64]| {
                let mut h = Histogram::new(edges.clone());
                h.add_sorted(values);
                h
            };
            let mut merged = part(&a);
            prop_assert!(merged.merge(&part(&b)));
            prop_assert_eq!(&merged, &part(&whole));
            for (bin, n) in merged.counts().iter().enumerate() {
                let direct = whole
                    .iter()
                    .filter(|v| edges.iter().filter(|e| *e <= *v).count() == bin)
                    .count();
                prop_assert_eq!(*n, direct as u64);
            }
            prop_assert!(!merged.merge(&Histogram::new(vec![1.0])));
        }

        #[test]
        fn number_keys_are_ordered_as_numbers(a in -1e9..1e9_f64, b in -1e9..1e9_f64) {
            prop_assert_eq!(NumberKey::from(a) < NumberKey::from(b), a < b);
            prop_assert_eq!(NumberKey::from(-0.0), NumberKey::from(0.0));
            prop_assert_eq!(NumberKey::from(a).number(), a);
        }
    }
}
