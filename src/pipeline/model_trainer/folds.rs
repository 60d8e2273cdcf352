//! Folds of the cross-validation: stratified, seeded, equal feature vectors together.
//!
//! A duplicate on both sides of a fold would let a learner score by memory, so rows with the same
//! feature vector always share a fold. The folds depend on rows, labels and seed alone.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::dataset::{Labels, Matrix};

/// Which fold every row is held out in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    /// Number of folds.
    pub count: u32,
    /// The fold of each row, below `count`.
    pub of: Vec<u32>,
    /// Distinct feature vectors.
    pub distinct: u64,
    /// Whether equal vectors share a fold. They do unless there are fewer of them than folds.
    pub grouped: bool,
}

impl Folds {
    /// Assigns rows to folds. `vectors` is one number a row, equal for equal feature vectors.
    pub fn assign(labels: &Labels, vectors: &[u64], count: u32, seed: u64) -> Self {
        let mut rows: Vec<usize> = (0..vectors.len()).collect();
        rows.sort_unstable_by_key(|&r| (vectors[r], r));
        let mut groups: Vec<Vec<usize>> = rows
            .chunk_by(|&a, &b| vectors[a] == vectors[b])
            .map(<[usize]>::to_vec)
            .collect();
        let distinct = groups.len() as u64;
        let grouped = distinct >= u64::from(count);
        if !grouped {
            groups = (0..vectors.len()).map(|r| vec![r]).collect();
        }
        // Groups of one size come in random order; large ones first, because what is left must
        // be able to even out what they unbalance.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        groups.sort_unstable_by_key(|g| g[0]);
        groups.shuffle(&mut rng);
        groups.sort_by_key(|g| std::cmp::Reverse(g.len()));
        let totals: Vec<f64> = labels.counts().iter().map(|&n| n.max(1) as f64).collect();
        let folds = count as usize;
        let mut held = vec![vec![0.0_f64; labels.classes.len()]; folds];
        let mut sizes = vec![0_usize; folds];
        let mut of = vec![0_u32; vectors.len()];
        for group in groups {
            // The fold that holds the smallest share of the group's classes; then the smallest.
            let crowd = |fold: usize| -> f64 {
                group
                    .iter()
                    .map(|&r| {
                        let class = labels.codes[r] as usize;
                        held[fold][class] / totals[class]
                    })
                    .sum()
            };
            let best = (0..folds)
                .map(|fold| (crowd(fold), sizes[fold], fold))
                .min_by(|a, b| {
                    a.0.total_cmp(&b.0)
                        .then_with(|| (a.1, a.2).cmp(&(b.1, b.2)))
                })
                .map_or(0, |(_, _, fold)| fold);
            for &r in &group {
                held[best][labels.codes[r] as usize] += 1.0;
                of[r] = best as u32;
            }
            sizes[best] += group.len();
        }
        Self {
            count,
            of,
            distinct,
            grouped,
        }
    }
    /// Rows that are fitted on when `fold` is held out.
    pub fn fitted(&self, fold: u32) -> Vec<usize> {
        (0..self.of.len()).filter(|&r| self.of[r] != fold).collect()
    }
    /// Rows that are held out in `fold`.
    pub fn held_out(&self, fold: u32) -> Vec<usize> {
        (0..self.of.len()).filter(|&r| self.of[r] == fold).collect()
    }
    /// Rows of a class in its poorest fold.
    pub fn fewest(&self, labels: &Labels, class: u32) -> u64 {
        let mut counts = vec![0_u64; self.count as usize];
        for (&fold, &code) in self.of.iter().zip(&labels.codes) {
            counts[fold as usize] += u64::from(code == class);
        }
        counts.into_iter().min().unwrap_or(0)
    }
}

/// One number a row, equal for equal rows of the matrix. Two different rows share a number once
/// in 2^64 pairs; they would then merely share a fold.
pub fn vectors(x: &Matrix) -> Vec<u64> {
    let mut hashes = vec![0xcbf2_9ce4_8422_2325_u64; x.rows()];
    for feature in 0..x.features() {
        for (hash, &value) in hashes.iter_mut().zip(x.column(feature)) {
            // 0 and -0 are one value, and so is every NaN.
            let bits = if value == 0.0 {
                0
            } else if value.is_nan() {
                f32::NAN.to_bits()
            } else {
                value.to_bits()
            };
            *hash = mix(*hash ^ u64::from(bits));
        }
    }
    hashes
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(codes: Vec<u32>) -> Labels {
        let classes = codes.iter().max().map_or(0, |m| m + 1);
        Labels {
            classes: (0..classes).map(|c| c.to_string()).collect(),
            codes,
        }
    }

    #[test]
    fn distinct_rows_are_stratified_to_the_row() {
        let y = labels((0..300).map(|i| u32::from(i % 10 == 0)).collect());
        let vectors: Vec<u64> = (0..300).collect();
        let folds = Folds::assign(&y, &vectors, 3, 7);
        for fold in 0..3 {
            let held = folds.held_out(fold);
            assert_eq!(held.len(), 100);
            let threats = held.iter().filter(|&&r| y.codes[r] == 1).count();
            assert_eq!(threats, 10);
        }
        assert_ne!(folds, Folds::assign(&y, &vectors, 3, 8));
    }

    #[test]
    fn a_class_with_fewer_rows_than_folds_is_missing_somewhere() {
        let y = labels((0..50).map(|i| u32::from(i < 2)).collect());
        let folds = Folds::assign(&y, &(0..50).collect::<Vec<_>>(), 3, 1);
        assert_eq!(folds.fewest(&y, 1), 0);
        assert!(folds.fewest(&y, 0) >= 15);
    }

    #[test]
    fn fewer_vectors_than_folds_are_not_kept_together() {
        let y = labels(vec![0, 1, 0, 1, 0, 1]);
        let folds = Folds::assign(&y, &[5; 6], 3, 1);
        assert!(!folds.grouped);
        assert_eq!(folds.distinct, 1);
        assert!((0..3).all(|f| folds.held_out(f).len() == 2));
    }

    #[test]
    fn equal_rows_have_equal_numbers() {
        let x = Matrix::from_columns(
            vec!["a".into(), "b".into()],
            4,
            vec![
                vec![1.0, 0.0, 1.0, -0.0],
                vec![2.0, f32::NAN, 2.0, -f32::NAN],
            ],
        );
        let v = vectors(&x);
        assert_eq!(v[0], v[2]);
        assert_eq!(v[1], v[3]);
        assert_ne!(v[0], v[1]);
    }

    proptest! {
        #[test]
        fn equal_vectors_share_a_fold_and_every_row_is_held_out_once(
            rows in prop::collection::vec((0_u64..12, 0_u32..3), 12..120),
            count in 2_u32..6,
            seed in any::<u64>(),
        ) {
            let y = labels(rows.iter().map(|r| r.1).collect());
            let vectors: Vec<u64> = rows.iter().map(|r| r.0).collect();
            let folds = Folds::assign(&y, &vectors, count, seed);
            prop_assert!(folds.of.iter().all(|&f| f < count));
            let held: usize = (0..count).map(|f| folds.held_out(f).len()).sum();
            prop_assert_eq!(held, rows.len());
            if folds.grouped {
                for a in 0..rows.len() {
                    for b in 0..a {
                        prop_assert!(vectors[a] != vectors[b] || folds.of[a] == folds.of[b]);
                    }
                }
            }
            prop_assert_eq!(&folds, &Folds::assign(&y, &vectors, count, seed));
        }
    }
}
