//! The way out for what was scored: a bounded channel that never makes a request wait.
//!
//! Nobody listens by default, and then nothing is copied. Whoever keeps a log of predictions takes
//! the receiving end; when it is slower than the requests, rows are left out and counted. What
//! waits is bounded in parts and in cells: a thousand parts of large requests would be a gigabyte.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use super::scoring::Outcome;
use crate::pipeline::data_transformation::RawColumn;

/// Rows that were scored together.
#[derive(Clone, Debug)]
pub struct ScoredRows {
    /// The request; `<request_id>-<row>` is the id of a prediction.
    pub request_id: Arc<str>,
    /// The model that scored them.
    pub model_version: String,
    /// SHA-256 of its file.
    pub model_sha256: String,
    /// Its class names.
    pub classes: Arc<[String]>,
    /// Names of its columns.
    pub names: Arc<[String]>,
    /// Number of the first row in its request.
    pub first_row: usize,
    /// The raw values, in the order of the model's columns.
    pub columns: Vec<RawColumn>,
    /// What came of each row.
    pub outcomes: Vec<Outcome>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Cells that may wait: about 16 MiB of numbers.
const MOST_CELLS: usize = 2 << 20;

/// The sending end.
#[derive(Clone, Debug, Default)]
pub struct PredictionLog {
    // Shared by all clones, so that one of them can end the others.
    sender: Arc<RwLock<Option<SyncSender<Part>>>>,
    dropped: Arc<AtomicU64>,
    waiting: Arc<AtomicUsize>,
}

/// Rows on their way, and the room they take.
type Part = (usize, ScoredRows);

/// The receiving end.
#[derive(Debug)]
pub struct Inlet {
    receiver: Receiver<Part>,
    waiting: Arc<AtomicUsize>,
}

impl Inlet {
    /// The next rows, waited for; none when no more can come.
    pub fn next(&self) -> Option<ScoredRows> {
        let (cells, rows) = self.receiver.recv().ok()?;
        self.waiting.fetch_sub(cells, Ordering::Relaxed);
        Some(rows)
    }
}

impl PredictionLog {
    /// A log with a listener, `depth` parts deep.
    pub fn with_listener(depth: usize) -> (Self, Inlet) {
        let (sender, receiver) = sync_channel(depth);
        let log = Self {
            sender: Arc::new(RwLock::new(Some(sender))),
            ..Self::default()
        };
        let waiting = Arc::clone(&log.waiting);
        (log, Inlet { receiver, waiting })
    }

    /// Hands `rows` rows with so many cells over; makes them only when somebody listens and there
    /// is room.
    pub fn offer(&self, rows: usize, cells: usize, make: impl FnOnce() -> ScoredRows) {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = &*sender else { return };
        let before = self.waiting.fetch_add(cells, Ordering::Relaxed);
        let fits = before == 0 || before + cells <= MOST_CELLS;
        if !fits || sender.try_send((cells, make())).is_err() {
            self.waiting.fetch_sub(cells, Ordering::Relaxed);
            self.dropped.fetch_add(rows as u64, Ordering::Relaxed);
        }
    }

    /// Nothing more comes: the listener ends when it has taken what is left.
    pub fn close(&self) {
        let mut sender = self.sender.write().unwrap_or_else(PoisonError::into_inner);
        *sender = None;
    }

    /// Rows that were left out because the listener was too slow or gone.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize) -> ScoredRows {
        ScoredRows {
            request_id: "r".into(),
            model_version: "v1".into(),
            model_sha256: String::new(),
            classes: Arc::from([]),
            names: Arc::from([]),
            first_row: 0,
            columns: Vec::new(),
            outcomes: vec![
                Outcome {
                    class: 0,
                    score: 0.5
                };
                n
            ],
            at: Utc::now(),
        }
    }

    #[test]
    fn a_slow_listener_costs_rows_and_no_time() {
        let (log, inlet) = PredictionLog::with_listener(1);
        log.offer(2, 2, || rows(2));
        log.offer(3, 3, || rows(3));
        assert_eq!(log.dropped(), 3);
        assert_eq!(inlet.next().unwrap().outcomes.len(), 2);
        drop(inlet);
        log.offer(4, 4, || rows(4));
        assert_eq!(log.dropped(), 7);
    }

    #[test]
    fn what_waits_is_bounded_in_cells() {
        let (log, inlet) = PredictionLog::with_listener(100);
        // One that is larger than all the room is let in when nothing waits.
        log.offer(1, MOST_CELLS + 1, || rows(1));
        log.offer(1, 1, || panic!("there is no room to copy it into"));
        assert_eq!(log.dropped(), 1);
        assert!(inlet.next().is_some());
        log.offer(1, MOST_CELLS, || rows(1));
        log.offer(1, 1, || panic!("there is no room to copy it into"));
        assert_eq!(log.dropped(), 2);
        log.close();
        assert!(inlet.next().is_some());
        assert!(inlet.next().is_none());
        assert_eq!(log.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn without_a_listener_nothing_is_made() {
        PredictionLog::default().offer(1, 1, || panic!("nobody listens"));
    }
}
