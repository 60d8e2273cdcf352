//! Divides rows into train and test: pure functions over row numbers, classes and vector ids.
//!
//! "Vector" is the id of a row's feature vector: rows with equal features share it. Random splits
//! of tables with many equal rows put the same vector on both sides (64.6 % of the test rows of
//! the phishing table), and the test then measures memory. So the random kind places whole
//! vectors; time and group order are the user's, there the shared rows leave the test part; given
//! parts are left as they are and only counted.

use std::collections::{BTreeMap, HashSet};

use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::Deserialize;

/// Row numbers of the two parts, ascending; rows in neither are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Rows to fit on.
    pub train: Vec<usize>,
    /// Rows to measure on.
    pub test: Vec<usize>,
}

impl Parts {
    /// Test rows whose vector also stands in train.
    pub fn shared(&self, vectors: &[u32]) -> u64 {
        let train: HashSet<u32> = self.train.iter().map(|&r| vectors[r]).collect();
        self.test
            .iter()
            .filter(|&&r| train.contains(&vectors[r]))
            .count() as u64
    }
    /// Takes test rows whose vector also stands in train out of test.
    pub fn leave_out_shared(&mut self, vectors: &[u32]) {
        let train: HashSet<u32> = self.train.iter().map(|&r| vectors[r]).collect();
        self.test.retain(|&r| !train.contains(&vectors[r]));
    }
    fn from_flags(in_test: &[bool]) -> Self {
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (row, &flag) in in_test.iter().enumerate() {
            if flag { &mut test } else { &mut train }.push(row);
        }
        Self { train, test }
    }
}

/// The rows of each unit, units in the order of their first row.
fn rows_by_unit(units: &[u32]) -> Vec<Vec<usize>> {
    let mut position: Vec<Option<usize>> = Vec::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (row, &unit) in units.iter().enumerate() {
        let unit = unit as usize;
        if unit >= position.len() {
            position.resize(unit + 1, None);
        }
        let at = *position[unit].get_or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[at].push(row);
    }
    groups
}

fn shuffled(units: &[u32], seed: u64) -> Vec<Vec<usize>> {
    let mut groups = rows_by_unit(units);
    groups.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
    groups
}

/// Places whole units (equal vectors) at random so that every class has its share in test.
///
/// Units are taken in shuffled order as long as they fit into what each of their classes still
/// needs. A class none of whose units fits gives its smallest one, unless that is its only one:
/// then it stays in train.
pub(super) fn stratified(
    units: &[u32],
    codes: &[u32],
    classes: usize,
    share: f64,
    seed: u64,
) -> Parts {
    let mut rows_of = vec![0usize; classes];
    for &code in codes {
        rows_of[code as usize] += 1;
    }
    let mut need: Vec<usize> = rows_of
        .iter()
        .map(|&n| match n {
            0 | 1 => 0,
            n => ((n as f64 * share).round() as usize).clamp(1, n - 1),
        })
        .collect();
    let groups = shuffled(units, seed);
    let mut in_test = vec![false; units.len()];
    let mut count = BTreeMap::new();
    for group in &groups {
        count.clear();
        for &row in group {
            *count.entry(codes[row] as usize).or_insert(0usize) += 1;
        }
        if count.iter().all(|(&class, &n)| n <= need[class]) {
            for (&class, &n) in &count {
                need[class] -= n;
            }
            group.iter().for_each(|&row| in_test[row] = true);
        }
    }
    for (class, &rows) in rows_of.iter().enumerate() {
        let of_class = |row: usize| codes[row] as usize == class;
        if rows < 2 || (0..codes.len()).any(|row| in_test[row] && of_class(row)) {
            continue;
        }
        let holders: Vec<&Vec<usize>> = groups
            .iter()
            .filter(|group| group.iter().any(|&row| of_class(row)))
            .collect();
        if let (true, Some(smallest)) = (
            holders.len() > 1,
            holders.iter().min_by_key(|group| group.len()),
        ) {
            smallest.iter().for_each(|&row| in_test[row] = true);
        }
    }
    Parts::from_flags(&in_test)
}

/// Places whole groups at random, as near to the share of rows as they allow.
pub(super) fn by_group(units: &[u32], share: f64, seed: u64) -> Parts {
    let goal = units.len() as f64 * share;
    let mut taken = 0usize;
    let mut in_test = vec![false; units.len()];
    for group in shuffled(units, seed) {
        let after = taken + group.len();
        let nearer = (after as f64 - goal).abs() < (taken as f64 - goal).abs();
        if nearer && after < units.len() {
            group.iter().for_each(|&row| in_test[row] = true);
            taken = after;
        }
    }
    Parts::from_flags(&in_test)
}

/// The newest rows are the test part. Rows of one moment stay on one side: in train, unless no
/// newer row is left. Rows without a time are in neither.
pub(super) fn by_time(times: &[Option<f64>], share: f64) -> Parts {
    let mut sorted: Vec<(f64, usize)> = times
        .iter()
        .enumerate()
        .filter_map(|(row, t)| t.map(|t| (t, row)))
        .collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let Some(last) = sorted.len().checked_sub(1) else {
        return Parts::default();
    };
    let wanted = ((sorted.len() as f64 * share).round() as usize).clamp(1, last.max(1));
    let mut cut = sorted.len() - wanted;
    while cut > 0 && cut <= last && sorted[cut].0 == sorted[cut - 1].0 {
        cut += 1;
    }
    if cut > last {
        // All rows up to the end are of one moment: that moment is the test part.
        cut = last;
        while cut > 0 && sorted[cut - 1].0 == sorted[last].0 {
            cut -= 1;
        }
    }
    let part = |slice: &[(f64, usize)]| {
        let mut rows: Vec<usize> = slice.iter().map(|&(_, row)| row).collect();
        rows.sort_unstable();
        rows
    };
    Parts {
        train: part(&sorted[..cut]),
        test: part(&sorted[cut..]),
    }
}

/// A file of given row indices.
#[derive(Debug, Deserialize)]
pub(super) struct Indices {
    /// Source rows to fit on, from 0.
    pub train: Vec<u64>,
    /// Source rows to measure on, from 0.
    pub test: Vec<u64>,
}

/// What is wrong with given indices: a phrase and the indices.
pub(super) type IndexFaults = Vec<(&'static str, Vec<u64>)>;

/// Parts from given source rows. `source_rows` gives the source row of every kept row, ascending;
/// `rows` is the number of rows of the source. Every index must name a kept row, once.
pub(super) fn by_indices(
    indices: &Indices,
    source_rows: &[u64],
    rows: u64,
) -> Result<Parts, IndexFaults> {
    let mut beyond = Vec::new();
    let mut quarantined = Vec::new();
    let mut doubled = Vec::new();
    let mut seen = HashSet::new();
    let mut find = |list: &[u64]| -> Vec<usize> {
        let mut found = Vec::with_capacity(list.len());
        for &index in list {
            if index >= rows {
                beyond.push(index);
            } else if !seen.insert(index) {
                doubled.push(index);
            } else if let Ok(at) = source_rows.binary_search(&index) {
                found.push(at);
            } else {
                quarantined.push(index);
            }
        }
        found.sort_unstable();
        found
    };
    let parts = Parts {
        train: find(&indices.train),
        test: find(&indices.test),
    };
    let faults: IndexFaults = [
        ("beyond the last row", beyond),
        ("given more than once", doubled),
        ("of rows in quarantine", quarantined),
    ]
    .into_iter()
    .filter(|(_, list)| !list.is_empty())
    .collect();
    if faults.is_empty() {
        Ok(parts)
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_vectors_stay_together_and_classes_keep_their_share() {
        // 400 vectors, some of many rows; class by vector, every 50th vector of two classes.
        let mut units = Vec::new();
        let mut codes = Vec::new();
        for unit in 0..400u32 {
            for copy in 0..=(unit % 7) {
                units.push(unit);
                let flip = u32::from(unit.is_multiple_of(50) && copy == 0);
                codes.push((u32::from(unit % 10 == 3) + flip) % 2);
            }
        }
        let parts = stratified(&units, &codes, 2, 0.2, 7);
        assert_eq!(parts.shared(&units), 0);
        assert_eq!(parts.train.len() + parts.test.len(), units.len());
        for class in 0..2 {
            let of = |rows: &[usize]| rows.iter().filter(|&&r| codes[r] == class).count() as f64;
            let share = of(&parts.test) / (of(&parts.test) + of(&parts.train));
            assert!((share - 0.2).abs() < 0.02, "class {class}: {share}");
        }
        assert_eq!(parts, stratified(&units, &codes, 2, 0.2, 7));
        assert_ne!(parts, stratified(&units, &codes, 2, 0.2, 8));
    }

    #[test]
    fn a_class_of_large_units_still_gets_into_test() {
        // Class 1 has two vectors of 30 and 70 rows: neither fits into 20.
        let units: Vec<u32> = (0..100).map(|i| u32::from(i >= 30)).chain(2..102).collect();
        let codes: Vec<u32> = (0..200).map(|i| u32::from(i < 100)).collect();
        let parts = stratified(&units, &codes, 2, 0.2, 1);
        assert_eq!(parts.test.iter().filter(|&&r| codes[r] == 1).count(), 30);
        // A class of one vector stays in train.
        let units: Vec<u32> = (0..100).map(|_| 0).chain(1..101).collect();
        let parts = stratified(&units, &codes, 2, 0.2, 1);
        assert!(parts.test.iter().all(|&r| codes[r] == 0));
    }

    #[test]
    fn time_cuts_between_moments() {
        let times: Vec<Option<f64>> = [5.0, 1.0, 2.0, 2.0, 3.0, 4.0]
            .into_iter()
            .map(Some)
            .chain([None])
            .collect();
        let parts = by_time(&times, 0.34);
        assert_eq!((parts.train, parts.test), (vec![1, 2, 3, 4], vec![0, 5]));
        let ties: Vec<Option<f64>> = [1.0, 2.0, 2.0, 2.0].into_iter().map(Some).collect();
        let parts = by_time(&ties, 0.25);
        assert_eq!((parts.train, parts.test), (vec![0], vec![1, 2, 3]));
        assert_eq!(by_time(&[None, None], 0.5), Parts::default());
        assert!(by_time(&[Some(1.0); 3], 0.5).train.is_empty());
    }

    #[test]
    fn shared_rows_leave_test() {
        let mut parts = Parts {
            train: vec![0, 1],
            test: vec![2, 3],
        };
        let vectors = [5, 6, 6, 7];
        assert_eq!(parts.shared(&vectors), 1);
        parts.leave_out_shared(&vectors);
        assert_eq!(parts.test, [3]);
    }

    #[test]
    fn wrong_indices_are_named() {
        let kept = [0, 1, 3, 4];
        let ok = Indices {
            train: vec![4, 0],
            test: vec![3],
        };
        let parts = by_indices(&ok, &kept, 5).unwrap();
        assert_eq!((parts.train, parts.test), (vec![0, 3], vec![2]));
        let bad = Indices {
            train: vec![0, 2, 9],
            test: vec![0, 3],
        };
        assert_eq!(
            by_indices(&bad, &kept, 5).unwrap_err(),
            [
                ("beyond the last row", vec![9]),
                ("given more than once", vec![0]),
                ("of rows in quarantine", vec![2])
            ]
        );
    }

    proptest! {
        #[test]
        fn stratified_never_shares_and_never_loses(
            rows in proptest::collection::vec((0u32..40, 0u32..3), 1..200),
            share in 0.05f64..0.95,
            seed in any::<u64>(),
        ) {
            let (units, codes): (Vec<u32>, Vec<u32>) = rows.into_iter().unzip();
            let parts = stratified(&units, &codes, 3, share, seed);
            prop_assert_eq!(parts.shared(&units), 0);
            let mut all = [parts.train, parts.test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..units.len()).collect::<Vec<_>>());
        }

        #[test]
        fn groups_and_times_never_straddle(
            units in proptest::collection::vec(0u32..12, 1..120),
            share in 0.05f64..0.95,
            seed in any::<u64>(),
        ) {
            prop_assert_eq!(by_group(&units, share, seed).shared(&units), 0);
            let times: Vec<Option<f64>> = units.iter().map(|&u| Some(f64::from(u))).collect();
            let parts = by_time(&times, share);
            let newest = parts.train.iter().map(|&r| units[r]).max();
            let oldest = parts.test.iter().map(|&r| units[r]).min();
            prop_assert!(newest < oldest || newest.is_none());
        }
    }
}
