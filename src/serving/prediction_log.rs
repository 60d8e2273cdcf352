//! The way out for what was scored: a bounded channel that never makes a request wait.
//!
//! Nobody listens by default, and then nothing is copied. Whoever keeps a log of predictions takes
//! the receiving end; when it is slower than the requests, rows are left out and counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
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

/// The sending end.
#[derive(Clone, Debug, Default)]
pub struct PredictionLog {
    // Shared by all clones, so that one of them can end the others.
    sender: Arc<RwLock<Option<SyncSender<ScoredRows>>>>,
    dropped: Arc<AtomicU64>,
}

impl PredictionLog {
    /// A log with a listener, `depth` parts deep.
    pub fn with_listener(depth: usize) -> (Self, Receiver<ScoredRows>) {
        let (sender, receiver) = sync_channel(depth);
        let log = Self {
            sender: Arc::new(RwLock::new(Some(sender))),
            dropped: Arc::default(),
        };
        (log, receiver)
    }

    /// Hands rows over; makes them only when somebody listens.
    pub fn offer(&self, rows: impl FnOnce() -> ScoredRows) {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = &*sender else { return };
        match sender.try_send(rows()) {
            Ok(()) => {}
            Err(TrySendError::Full(rows) | TrySendError::Disconnected(rows)) => {
                self.dropped
                    .fetch_add(rows.outcomes.len() as u64, Ordering::Relaxed);
            }
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
        let (log, receiver) = PredictionLog::with_listener(1);
        log.offer(|| rows(2));
        log.offer(|| rows(3));
        assert_eq!(log.dropped(), 3);
        assert_eq!(receiver.recv().unwrap().outcomes.len(), 2);
        drop(receiver);
        log.offer(|| rows(4));
        assert_eq!(log.dropped(), 7);
    }

    #[test]
    fn without_a_listener_nothing_is_made() {
        PredictionLog::default().offer(|| panic!("nobody listens"));
    }
}
