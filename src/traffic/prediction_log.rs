//! The prediction log: what was scored, by which model, with which answer.
//!
//! The service hands batches over and never waits: a bounded queue leads to one writer thread
//! (`log_writer`), and what does not fit is counted and dropped. What was collected and not yet
//! written is lost when the process is killed. The log ends when it is dropped, after a last write.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::log_writer::Writer;
use super::prediction_id::BatchId;
use super::segments::OWN;
use super::store::LogStore;

/// Batches that may wait for the writer.
const QUEUE: usize = 1_024;
/// Cells that wait and are collected at most: about 16 MiB of numbers.
pub(super) const MOST_CELLS: usize = 2 << 20;

/// How the log is kept.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// Where it lies.
    pub store: LogStore,
    /// Share of rows that is kept, from 0 to 1; which ones is decided by their id alone.
    pub sample: f64,
    /// Rows that are written together: a segment.
    pub segment_rows: usize,
    /// The longest a row waits to be written.
    pub flush_after: Duration,
    /// Days that are kept.
    pub keep_days: u32,
}

/// The values of one feature column.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureCells {
    /// Numbers; NaN is missing.
    Numbers(Vec<f64>),
    /// Texts.
    Texts(Vec<Option<String>>),
}

/// Rows that were scored together.
#[derive(Clone, Debug)]
pub struct ScoredBatch {
    /// Their name.
    pub id: BatchId,
    /// When.
    pub at: DateTime<Utc>,
    /// The model's version.
    pub version: Arc<str>,
    /// Class names of the model.
    pub classes: Arc<[String]>,
    /// Names of the features.
    pub names: Arc<[String]>,
    /// Their values, as many columns as names.
    pub features: Vec<FeatureCells>,
    /// For every row its number in the request and the class and score it was answered with.
    pub rows: Vec<(u32, usize, f64)>,
}

impl ScoredBatch {
    /// Cells it holds, its share of the memory that the log may take.
    pub(super) fn cells(&self) -> usize {
        self.rows.len() * (self.features.len() + OWN.len())
    }
}

/// What became of the rows.
#[derive(Debug, Default)]
pub struct LogCounters {
    /// Rows written.
    pub written: AtomicU64,
    /// Rows dropped because the writer was behind.
    pub dropped: AtomicU64,
    /// Rows that could not be written.
    pub failed: AtomicU64,
    /// Rows that the sample left out.
    pub left_out: AtomicU64,
}

/// The log; closing it, or dropping it, writes what is left.
#[derive(Debug)]
pub struct PredictionLog {
    // Taken out at the end, which ends the writer.
    sender: Mutex<Option<SyncSender<ScoredBatch>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<LogCounters>,
    /// Cells that wait or are collected.
    held: Arc<AtomicUsize>,
}

impl PredictionLog {
    /// Starts the writer.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(settings: LogSettings) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let counters = Arc::new(LogCounters::default());
        let held = Arc::new(AtomicUsize::new(0));
        let writer = Writer::new(settings, Arc::clone(&counters), Arc::clone(&held));
        let writer = std::thread::Builder::new()
            .name("prediction-log".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self {
            sender: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(writer)),
            counters,
            held,
        })
    }

    /// Hands a batch over; never waits.
    pub fn append(&self, batch: ScoredBatch) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = &*sender else {
            return;
        };
        let (rows, cells) = (batch.rows.len() as u64, batch.cells());
        // One that is larger than all the room is let in when nothing else is there.
        let before = self.held.fetch_add(cells, Ordering::Relaxed);
        let fits = before == 0 || before + cells <= MOST_CELLS;
        if !fits || sender.try_send(batch).is_err() {
            self.held.fetch_sub(cells, Ordering::Relaxed);
            self.counters.dropped.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Writes what is left and ends; rows that come later are let go.
    pub fn close(&self) {
        let sender = self.sender.lock().map(|mut s| s.take());
        drop(sender);
        let writer = self.writer.lock().map(|mut w| w.take());
        if let Ok(Some(writer)) = writer {
            // A writer that panicked has nothing more to write.
            let _ = writer.join();
        }
    }

    /// What became of the rows so far.
    pub fn counters(&self) -> &LogCounters {
        &self.counters
    }
}

impl Drop for PredictionLog {
    fn drop(&mut self) {
        self.close();
    }
}
