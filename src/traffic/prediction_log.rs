//! The prediction log: what was scored, by which model, with which answer.
//!
//! The service hands batches over and never waits: a bounded queue leads to one writer thread, and
//! what does not fit is counted and dropped. The writer collects rows and writes them as a segment
//! when there are enough or when they are old enough; what was collected and not yet written is
//! lost when the process is killed. It ends when the log is dropped, after a last segment.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, Days, Utc};

use super::prediction_id::{BatchId, PredictionId};
use super::segments::{self, AT, ID, LABEL, OWN, SCORE, VERSION};
use crate::dataset::{Frame, write_frame};
use crate::hash;

/// Free bytes that the log leaves on its disk.
const RESERVE: u64 = 1 << 30;
/// Batches that may wait for the writer.
const QUEUE: usize = 1_024;

/// How the log is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    /// The folder.
    pub dir: PathBuf,
    /// Share of rows that is kept, from 0 to 1; which ones is decided by their id alone.
    pub sample: f64,
    /// Rows that make a segment.
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
}

impl PredictionLog {
    /// Starts the writer.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(settings: LogSettings) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let counters = Arc::new(LogCounters::default());
        let writer = Writer {
            settings,
            counters: Arc::clone(&counters),
            waiting: Vec::new(),
            rows: 0,
            since: None,
            day: None,
        };
        let writer = std::thread::Builder::new()
            .name("prediction-log".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self {
            sender: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(writer)),
            counters,
        })
    }

    /// Hands a batch over; never waits.
    pub fn append(&self, batch: ScoredBatch) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = &*sender else {
            return;
        };
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) =
            sender.try_send(batch)
        {
            let rows = batch.rows.len() as u64;
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

struct Writer {
    settings: LogSettings,
    counters: Arc<LogCounters>,
    waiting: Vec<ScoredBatch>,
    rows: usize,
    /// When the oldest row that waits came.
    since: Option<Instant>,
    /// The day whose former days were looked through last.
    day: Option<chrono::NaiveDate>,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<ScoredBatch>) {
        loop {
            let patience = match self.since {
                Some(since) => self.settings.flush_after.saturating_sub(since.elapsed()),
                // Nothing waits: nothing wakes until something comes.
                None => Duration::from_secs(3_600),
            };
            match receiver.recv_timeout(patience) {
                Ok(batch) => self.take(batch),
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.flush();
                    return;
                }
            }
        }
    }

    fn take(&mut self, mut batch: ScoredBatch) {
        let all = batch.rows.len();
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
        if batch.rows.is_empty() {
            return;
        }
        if let Some(former) = self.waiting.last()
            && !alike(former, &batch)
        {
            self.flush();
        }
        self.since.get_or_insert_with(Instant::now);
        self.rows += batch.rows.len();
        self.waiting.push(batch);
        if self.rows >= self.settings.segment_rows {
            self.flush();
        }
    }

    /// Writes what waits as one segment.
    fn flush(&mut self) {
        let batches = std::mem::take(&mut self.waiting);
        let rows = std::mem::take(&mut self.rows) as u64;
        self.since = None;
        let times = batches.iter().map(|b| b.id.milliseconds());
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
            return;
        };
        if self.disk_is_full() {
            tracing::warn!(rows, "predictions are not logged: less than 1 GiB is free");
            self.counters.failed.fetch_add(rows, Ordering::Relaxed);
            return;
        }
        let path = segments::path_of(&self.settings.dir, first, last, rand::random());
        match frame_of(&batches)
            .map_err(|e| e.to_string())
            .and_then(|frame| {
                write_frame(&frame, &path)
                    .map_err(|e| crate::error::CommandError::from(e).full_message())
            }) {
            Ok(()) => {
                self.counters.written.fetch_add(rows, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::error!(error, rows, "predictions could not be logged");
                self.counters.failed.fetch_add(rows, Ordering::Relaxed);
            }
        }
        self.let_go_of_old_days();
    }

    fn disk_is_full(&self) -> bool {
        // Where the system does not tell, writing will.
        let dir = self.settings.dir.ancestors().find(|d| d.is_dir());
        dir.and_then(|d| rustix::fs::statvfs(d).ok())
            .is_some_and(|s| s.f_bavail.saturating_mul(s.f_frsize) < RESERVE)
    }

    fn let_go_of_old_days(&mut self) {
        let today = Utc::now().date_naive();
        if self.day.replace(today) == Some(today) {
            return;
        }
        if let Some(from) = today.checked_sub_days(Days::new(u64::from(self.settings.keep_days)))
            && let Err(error) = segments::remove_older(&self.settings.dir, from)
        {
            tracing::warn!(%error, "old predictions stay");
        }
    }
}

/// Whether two batches fit into one table.
fn alike(a: &ScoredBatch, b: &ScoredBatch) -> bool {
    a.names == b.names
        && a.features
            .iter()
            .zip(&b.features)
            .all(|(a, b)| std::mem::discriminant(a) == std::mem::discriminant(b))
}

/// The table of a segment: our own columns, then the features of the first batch's names.
pub(super) fn frame_of(batches: &[ScoredBatch]) -> Result<Frame, crate::dataset::FrameError> {
    let mut own: [Vec<Option<String>>; 4] = Default::default();
    let mut scores = Vec::new();
    for batch in batches {
        let at = batch
            .at
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        for (row, class, score) in &batch.rows {
            own[0].push(Some(batch.id.row(*row).to_string()));
            own[1].push(Some(at.clone()));
            own[2].push(Some(batch.version.to_string()));
            own[3].push(batch.classes.get(*class).cloned());
            scores.push(Some(*score));
        }
    }
    let mut columns = Vec::new();
    for (name, values) in [ID, AT, VERSION, LABEL].into_iter().zip(&own) {
        columns.push(Frame::text_column(name, values));
    }
    columns.push(Frame::number_column(SCORE, scores));
    let names = batches.first().map_or(&[][..], |b| &b.names[..]);
    for (at, name) in names.iter().enumerate() {
        // A feature may have one of our own names: ours decide how a segment is read.
        if OWN.contains(&name.as_str()) {
            continue;
        }
        let numbers = matches!(batches[0].features.get(at), Some(FeatureCells::Numbers(_)));
        let cells = batches.iter().filter_map(|b| b.features.get(at));
        columns.push(if numbers {
            let mut all = Vec::new();
            for column in cells {
                if let FeatureCells::Numbers(v) = column {
                    all.extend(v.iter().map(|x| (!x.is_nan()).then_some(*x)));
                }
            }
            Frame::number_column(name, all)
        } else {
            let mut all = Vec::new();
            for column in cells {
                if let FeatureCells::Texts(v) = column {
                    all.extend(v.iter().cloned());
                }
            }
            Frame::text_column(name, &all)
        });
    }
    Frame::from_columns(columns)
}
