//! How far an import is, for whoever shows it: the import writes, a viewer in another thread
//! reads whenever it likes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What an import is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Digest and columns of the file.
    #[default]
    Looking,
    /// Rows go to the server.
    Inserting,
    /// The server is away; the sentence says why, and it is asked again.
    Waiting(String),
}

/// How far an import is.
#[derive(Debug, Default)]
pub struct ImportStatus {
    standing: Mutex<Standing>,
    rows: AtomicU64,
    /// Expected rows; 0 = unknown.
    of: AtomicU64,
    added: AtomicU64,
    there: AtomicU64,
}

impl ImportStatus {
    /// What it is at.
    pub fn standing(&self) -> Standing {
        self.standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
    /// Rows read so far in the present pass.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
    /// Rows expected, when that can be said.
    pub fn expected(&self) -> Option<u64> {
        Some(self.of.load(Ordering::Relaxed)).filter(|&of| of > 0)
    }
    /// Documents added so far.
    pub fn added(&self) -> u64 {
        self.added.load(Ordering::Relaxed)
    }
    /// Rows found to be there already.
    pub fn there(&self) -> u64 {
        self.there.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
    pub(super) fn read(&self, rows: u64, of: Option<u64>) {
        self.rows.store(rows, Ordering::Relaxed);
        self.of.store(of.unwrap_or(0), Ordering::Relaxed);
    }
    pub(super) fn inserted(&self, added: u64, there: u64) {
        self.added.fetch_add(added, Ordering::Relaxed);
        self.there.fetch_add(there, Ordering::Relaxed);
    }
}
