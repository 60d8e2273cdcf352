//! What the rules look at, as partial states with a merge.
//!
//! A tally is made from a part of a table and merged with the tallies of other parts; nothing
//! needs the whole table at once. The same states can be filled by another engine.

mod column;
mod label;
mod vectors;

pub(super) use column::{ColumnTally, Variety};
pub(super) use label::{LabelTally, NO_CLASS};
pub(super) use vectors::{VectorTally, hash_rows};

use super::report::Example;

/// Failing rows kept as examples.
pub(super) const EXAMPLES: usize = 5;

/// How many rows fail and the first few of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Failing {
    pub(super) rows: u64,
    pub(super) examples: Vec<Example>,
}

impl Failing {
    pub(super) fn add(&mut self, row: u64, value: impl FnOnce() -> Option<String>) {
        self.rows += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example {
                row,
                value: value(),
            });
        }
    }
    pub(super) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        let room = EXAMPLES - self.examples.len();
        self.examples
            .extend(other.examples.iter().take(room).cloned());
    }
}
