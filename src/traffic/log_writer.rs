//! The thread that writes the prediction log: takes the sample, collects rows, writes them when
//! there are enough or when they are old enough, and lets go of old days.
//!
//! A server that is away is asked again, in longer and longer pauses; meanwhile rows are collected
//! as far as there is room, and the log drops what does not fit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chrono::{Days, Utc};

use super::logged_rows::LoggedRows;
use super::prediction_id::PredictionId;
use super::prediction_log::{FeatureCells, LogCounters, LogSettings, MOST_CELLS, ScoredBatch};
use crate::error::CommandError;
use crate::hash;

/// Pauses between tries, seconds; the last one again and again.
const PAUSES: [u64; 5] = [1, 2, 5, 10, 20];

/// Whether the sample keeps a row: a hash of its name as a number from 0 to 1.
fn sampled(id: PredictionId, share: f64) -> bool {
    if share >= 1.0 {
        return true;
    }
    let digest = hash::sha256(id.to_string().as_bytes());
    let first = digest.get(..13).unwrap_or_default();
    let number = u64::from_str_radix(first, 16).unwrap_or(0);
    (number as f64) < share * 2f64.powi(52)
}

/// The writer.
pub(super) struct Writer {
    settings: LogSettings,
    counters: Arc<LogCounters>,
    /// Cells that the log holds, those still in the queue too.
    held: Arc<AtomicUsize>,
    /// Of one model after the other.
    waiting: Vec<LoggedRows>,
    rows: usize,
    cells: usize,
    /// When what waits is to be written.
    due: Option<Instant>,
    /// Tries in a row that a server did not answer.
    failures: usize,
    /// The day whose former days were looked through last.
    day: Option<chrono::NaiveDate>,
}

impl Writer {
    /// A writer of nothing yet.
    pub fn new(settings: LogSettings, counters: Arc<LogCounters>, held: Arc<AtomicUsize>) -> Self {
        Self {
            settings,
            counters,
            held,
            waiting: Vec::new(),
            rows: 0,
            cells: 0,
            due: None,
            failures: 0,
            day: None,
        }
    }

    /// Writes until nothing more can come.
    pub fn run(mut self, receiver: &Receiver<ScoredBatch>) {
        loop {
            let patience = match self.due {
                Some(due) => due.saturating_duration_since(Instant::now()),
                // Nothing waits: nothing wakes until something comes.
                None => Duration::from_secs(3_600),
            };
            match receiver.recv_timeout(patience) {
                Ok(batch) => self.take(batch),
                Err(RecvTimeoutError::Timeout) => self.flush(false),
                Err(RecvTimeoutError::Disconnected) => {
                    self.flush(true);
                    return;
                }
            }
        }
    }

    fn take(&mut self, mut batch: ScoredBatch) {
        let (all, cells) = (batch.rows.len(), batch.cells());
        let keep: Vec<usize> = (0..all)
            .filter(|&i| sampled(batch.id.row(batch.rows[i].0), self.settings.sample))
            .collect();
        if keep.len() < all {
            let left_out = (all - keep.len()) as u64;
            self.counters
                .left_out
                .fetch_add(left_out, Ordering::Relaxed);
            batch.rows = keep.iter().map(|&i| batch.rows[i]).collect();
            for column in &mut batch.features {
                *column = match column {
                    FeatureCells::Numbers(v) => {
                        FeatureCells::Numbers(keep.iter().map(|&i| v[i]).collect())
                    }
                    FeatureCells::Texts(v) => {
                        FeatureCells::Texts(keep.iter().map(|&i| v[i].take()).collect())
                    }
                };
            }
        }
        self.held
            .fetch_sub(cells - batch.cells(), Ordering::Relaxed);
        if batch.rows.is_empty() {
            return;
        }
        self.due
            .get_or_insert_with(|| Instant::now() + self.settings.flush_after);
        self.rows += batch.rows.len();
        self.cells += batch.cells();
        let rows = LoggedRows::from(batch);
        let other = match self.waiting.last_mut() {
            Some(last) => last.join(rows),
            None => Some(rows),
        };
        self.waiting.extend(other);
        // Wide rows take up the room before they are many.
        let enough = self.rows >= self.settings.segment_rows || self.cells >= MOST_CELLS / 2;
        // After a failure the pause comes first, however much waits.
        if enough && self.failures == 0 {
            self.flush(false);
        }
    }

    /// Writes what waits. With `last` there is no other
    /// try after this one.
    fn flush(&mut self, last: bool) {
        self.due = None;
        while let Some(part) = self.waiting.first() {
            let rows = part.rows.len() as u64;
            match self.settings.store.write(part) {
                Ok(refused) => {
                    self.failures = 0;
                    self.count(&self.counters.written, rows - refused.min(rows));
                    self.count(&self.counters.failed, refused);
                }
                Err(error) if error.is_transient() && !last => {
                    let pause = PAUSES[self.failures.min(PAUSES.len() - 1)];
                    if self.failures == 0 {
                        let error = CommandError::from(error).full_message();
                        tracing::warn!(error, "predictions wait to be logged");
                    }
                    self.failures += 1;
                    self.due = Some(Instant::now() + Duration::from_secs(pause));
                    return;
                }
                Err(error) => {
                    let error = CommandError::from(error).full_message();
                    tracing::error!(error, rows, "predictions could not be logged");
                    if last {
                        // A server that is away would make every further try wait again.
                        self.count(&self.counters.failed, self.rows as u64);
                        return;
                    }
                    self.count(&self.counters.failed, rows);
                }
            }
            self.let_go_of_first();
        }
        self.let_go_of_old_days();
    }

    fn count(&self, counter: &std::sync::atomic::AtomicU64, rows: u64) {
        counter.fetch_add(rows, Ordering::Relaxed);
    }

    fn let_go_of_first(&mut self) {
        let part = self.waiting.remove(0);
        self.rows -= part.rows.len();
        self.cells -= part.cells();
        self.held.fetch_sub(part.cells(), Ordering::Relaxed);
    }

    fn let_go_of_old_days(&mut self) {
        let today = Utc::now().date_naive();
        if self.day.replace(today) == Some(today) {
            return;
        }
        if let Some(from) = today.checked_sub_days(Days::new(u64::from(self.settings.keep_days)))
            && let Err(error) = self.settings.store.remove_older(from)
        {
            tracing::warn!(%error, "old predictions stay");
        }
    }
}
