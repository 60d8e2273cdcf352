//! Rows and feature vectors by hash: duplicates, conflicts, vectors shared by train and test.

use std::collections::HashMap;

use super::super::report::Example;
use super::EXAMPLES;
use crate::dataset::{Frame, FrameError};

/// Starting value and prime of the 128-bit FNV-1a hash. It is fixed for ever, so that tallies from
/// different machines merge; at 128 bits two of a billion rows collide with probability 1e-21.
const FNV_START: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

fn feed(hash: &mut u128, bytes: &[u8]) {
    for &byte in bytes {
        *hash ^= u128::from(byte);
        *hash = hash.wrapping_mul(FNV_PRIME);
    }
}

/// A hash of the named columns for every row. Equal values hash equally whatever their column
/// type: -0 equals 0, every missing value equals every other.
pub(in super::super) fn hash_rows<S: AsRef<str>>(
    frame: &Frame,
    columns: &[S],
) -> Result<Vec<u128>, FrameError> {
    let mut hashes = vec![FNV_START; frame.rows()];
    for column in columns {
        let column = column.as_ref();
        if frame.is_numeric(column)? {
            for (hash, value) in hashes.iter_mut().zip(frame.numbers(column)?) {
                if value.is_nan() {
                    feed(hash, &[0]);
                } else {
                    let value = if value == 0.0 { 0.0 } else { value };
                    feed(hash, &[1]);
                    feed(hash, &value.to_bits().to_le_bytes());
                }
            }
        } else {
            for (hash, value) in hashes.iter_mut().zip(frame.texts(column)?) {
                match value {
                    None => feed(hash, &[0]),
                    Some(text) => {
                        feed(hash, &[2]);
                        feed(hash, &(text.len() as u64).to_le_bytes());
                        feed(hash, text.as_bytes());
                    }
                }
            }
        }
    }
    Ok(hashes)
}

#[derive(Clone, Debug, PartialEq)]
struct Vector {
    rows: u64,
    first_row: u64,
    /// Rows by class, where classes are counted; classes are few.
    classes: Vec<(u32, u64)>,
}

/// How often each vector occurs, and with which classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct VectorTally {
    vectors: HashMap<u128, Vector>,
    /// Rows equal to an earlier one.
    repeats: Vec<Example>,
    rows: u64,
}

impl VectorTally {
    /// Counts rows by hash; `classes` are their class codes, when they matter.
    pub(in super::super) fn of(hashes: &[u128], rows: &[u64], classes: Option<&[u32]>) -> Self {
        let mut tally = Self {
            rows: hashes.len() as u64,
            ..Self::default()
        };
        for (position, (&hash, &row)) in hashes.iter().zip(rows).enumerate() {
            let class = classes.map(|c| c[position]);
            let vector = tally.vectors.entry(hash).or_insert_with(|| Vector {
                rows: 0,
                first_row: row,
                classes: Vec::new(),
            });
            vector.rows += 1;
            if vector.rows > 1 && tally.repeats.len() < EXAMPLES {
                tally.repeats.push(repeat(row, vector.first_row));
            }
            if let Some(class) = class {
                count(&mut vector.classes, class, 1);
            }
        }
        tally
    }

    /// Adds the tally of a later part.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the stage checks one part today")
    )]
    pub(in super::super) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        let mut crossing: Vec<Example> = Vec::new();
        for (hash, theirs) in &other.vectors {
            match self.vectors.get_mut(hash) {
                None => {
                    self.vectors.insert(*hash, theirs.clone());
                }
                Some(ours) => {
                    crossing.push(repeat(theirs.first_row, ours.first_row));
                    ours.rows += theirs.rows;
                    for &(class, rows) in &theirs.classes {
                        count(&mut ours.classes, class, rows);
                    }
                }
            }
        }
        crossing.extend(other.repeats.iter().cloned());
        crossing.sort_by_key(|e| e.row);
        crossing.dedup_by_key(|e| e.row);
        let room = EXAMPLES - self.repeats.len();
        self.repeats.extend(crossing.into_iter().take(room));
    }

    /// All rows.
    pub(in super::super) fn rows(&self) -> u64 {
        self.rows
    }
    /// Rows equal to an earlier one.
    pub(in super::super) fn duplicates(&self) -> u64 {
        self.rows - self.vectors.len() as u64
    }
    /// The first of them.
    pub(in super::super) fn duplicate_examples(&self) -> &[Example] {
        &self.repeats
    }

    /// Vectors that occur with more than one class.
    pub(in super::super) fn conflicts(&self) -> Conflicts {
        let mut found = Conflicts::default();
        let mut first: Vec<u64> = Vec::new();
        for vector in self.vectors.values().filter(|v| v.classes.len() > 1) {
            found.vectors += 1;
            found.rows += vector.rows;
            found.unavoidable +=
                vector.rows - vector.classes.iter().map(|c| c.1).max().unwrap_or_default();
            first.push(vector.first_row);
        }
        first.sort_unstable();
        found.first_rows = first.into_iter().take(EXAMPLES).collect();
        found
    }

    /// Whether the vector occurs.
    pub(in super::super) fn has(&self, hash: u128) -> bool {
        self.vectors.contains_key(&hash)
    }
}

fn count(classes: &mut Vec<(u32, u64)>, class: u32, rows: u64) {
    match classes.iter_mut().find(|(c, _)| *c == class) {
        Some((_, n)) => *n += rows,
        None => classes.push((class, rows)),
    }
}

fn repeat(row: u64, first: u64) -> Example {
    Example {
        row,
        value: Some(format!("equals row {first}")),
    }
}

/// Equal vectors with different classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Conflicts {
    /// Vectors.
    pub(in super::super) vectors: u64,
    /// Rows that hold them.
    pub(in super::super) rows: u64,
    /// Rows any model must get wrong: those outside the largest class of their vector.
    pub(in super::super) unavoidable: u64,
    /// The first rows.
    pub(in super::super) first_rows: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn duplicates_and_conflicts() {
        let t = VectorTally::of(
            &[7, 8, 7, 7, 9, 8],
            &[0, 1, 2, 3, 4, 5],
            Some(&[0, 0, 1, 0, 0, 0]),
        );
        assert_eq!((t.rows(), t.duplicates()), (6, 3));
        assert_eq!(t.duplicate_examples()[0], repeat(2, 0));
        let c = t.conflicts();
        assert_eq!((c.vectors, c.rows, c.unavoidable), (1, 3, 1));
        assert_eq!(c.first_rows, [0]);
    }

    #[test]
    fn equal_values_hash_equally_and_borders_matter() {
        let frame = Frame::from_columns(vec![
            Frame::number_column("n", vec![Some(0.0), Some(-0.0), None, None]),
            Frame::text_column("a", &[Some("ab"), Some("ab"), Some("a"), Some("ab")]),
            Frame::text_column("b", &[Some("c"), Some("c"), Some("bc"), Some("c")]),
        ])
        .unwrap();
        let h = hash_rows(&frame, &["n", "a", "b"]).unwrap();
        assert_eq!(h[0], h[1]);
        assert!(h[2] != h[3] && h[0] != h[3]);
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            rows in prop::collection::vec((0..8u128, 0..3u32), 0..60),
            cut in 0..60usize,
        ) {
            let cut = cut.min(rows.len());
            let of = |from: usize, to: usize| {
                let hashes: Vec<u128> = rows[from..to].iter().map(|r| r.0).collect();
                let classes: Vec<u32> = rows[from..to].iter().map(|r| r.1).collect();
                let numbers: Vec<u64> = (from as u64..to as u64).collect();
                VectorTally::of(&hashes, &numbers, Some(&classes))
            };
            let whole = of(0, rows.len());
            let mut parts = of(0, cut);
            parts.merge(&of(cut, rows.len()));
            prop_assert_eq!(whole.duplicates(), parts.duplicates());
            prop_assert_eq!(whole.conflicts(), parts.conflicts());
        }
    }
}
