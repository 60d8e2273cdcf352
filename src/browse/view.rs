//! Which rows in which order: what is asked for, and what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::dataset::Filter;

/// A column to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column, as [`super::Table::columns`] counts them.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

/// Which rows to look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Rows to keep; none = all.
    pub filter: Option<Filter>,
    /// Order, the first decides first; none = as they stand. Rows without a value come last in
    /// either direction; rows that are equal stay as they stand.
    pub sort: Vec<Sort>,
    /// At most so many rows, the first in the view's order.
    pub limit: Option<u64>,
}

/// The rows of a view: positions, not cells. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Selection {
    pub(super) rows: Rows,
    pub(super) of: u64,
    pub(super) took: Duration,
    id: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Rows {
    /// The first so many as they stand.
    All(u64),
    /// These; `ascending` when in the order they stand.
    These {
        positions: Arc<Vec<u32>>,
        ascending: bool,
    },
}

impl Selection {
    pub(super) fn new(rows: Rows, of: u64, took: Duration) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            rows,
            of,
            took,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }
    /// Rows in it.
    pub fn len(&self) -> u64 {
        match &self.rows {
            Rows::All(rows) => *rows,
            Rows::These { positions, .. } => positions.len() as u64,
        }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Rows it was chosen from.
    pub fn of(&self) -> u64 {
        self.of
    }
    /// Whether it is every row as it stands.
    pub fn is_all(&self) -> bool {
        matches!(self.rows, Rows::All(rows) if rows == self.of)
    }
    /// How long finding them took.
    pub fn took(&self) -> Duration {
        self.took
    }
    /// The position in the table of row `index` of the selection.
    pub fn position(&self, index: u64) -> Option<u64> {
        match &self.rows {
            Rows::All(rows) => (index < *rows).then_some(index),
            Rows::These { positions, .. } => {
                let index = usize::try_from(index).ok()?;
                positions.get(index).map(|p| u64::from(*p))
            }
        }
    }
    /// Whether neighbours in it may lie anywhere in the table.
    pub(super) fn is_scattered(&self) -> bool {
        matches!(
            self.rows,
            Rows::These {
                ascending: false,
                ..
            }
        )
    }
    /// Tells this selection from others, for caches.
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}
