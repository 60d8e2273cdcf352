//! The one writer of a run log.
//!
//! A line is one `write(2)` in append mode, so that a reader sees whole lines and at most one
//! torn one at the end. `seq` has no gaps: it is given at the moment of writing and counted only
//! when the line is in the file. Progress and metrics are joined, because a fast learner reports
//! thousands of rounds a second and nobody can look at more than a few.
//!
//! A failing disk never stops a stage in the middle: the first error is kept and handed out by
//! [`LogRecorder::check`] when the stage ends.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::Utc;
use thiserror::Error;

use super::{Envelope, Event, FitPhase, Split, StageName};
use crate::error::CommandError;
use crate::pipeline::Recorder;

/// Joined lines (progress, metrics, rows read) a run may write in any one second.
const JOINED_PER_SECOND: usize = 10;

/// Why the log cannot be written.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The file cannot be opened.
    #[error("the run log {path} cannot be opened")]
    Open {
        /// The log.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line could not be written.
    #[error("the run log {path} cannot be written; event {seq} and perhaps more are missing")]
    Write {
        /// The log.
        path: PathBuf,
        /// The first event that is missing.
        seq: u64,
        /// The cause.
        source: io::Error,
    },
}

impl From<RecordError> for CommandError {
    fn from(e: RecordError) -> Self {
        let message = e.to_string();
        let (RecordError::Open { source, .. } | RecordError::Write { source, .. }) = e;
        CommandError::backend(message)
            .because(source)
            .hint("Check the free space and the permissions of `Artifacts/`, then `netsec resume`.")
    }
}

/// What joins: events of one key replace each other while they wait.
#[derive(Clone, Debug, PartialEq)]
enum JoinKey {
    Rows(Option<StageName>),
    Progress(String, FitPhase),
    Metric(String, String, Split),
}

impl JoinKey {
    fn of(stage: Option<StageName>, event: &Event) -> Option<Self> {
        match event {
            Event::RowsRead { .. } => Some(JoinKey::Rows(stage)),
            Event::TrainingProgress { learner, phase, .. } => {
                Some(JoinKey::Progress(learner.clone(), *phase))
            }
            Event::MetricObserved {
                learner,
                metric,
                split,
                ..
            } => Some(JoinKey::Metric(learner.clone(), metric.clone(), *split)),
            _ => None,
        }
    }
}

/// Whether the log is fsynced after this event: stage ends, decisions, commands, the run's ends.
fn is_durable(event: &Event) -> bool {
    matches!(
        event,
        Event::RunStarted { .. }
            | Event::StageReused { .. }
            | Event::StageFinished { .. }
            | Event::StageFailed { .. }
            | Event::ModelSelected { .. }
            | Event::GateDecided { .. }
            | Event::ApprovalRequested { .. }
            | Event::ApprovalDecided { .. }
            | Event::PushStepFinished { .. }
            | Event::ControlReceived { .. }
            | Event::LeaseTaken { .. }
            | Event::RunFinished { .. }
    )
}

struct Waiting {
    key: JoinKey,
    stage: Option<StageName>,
    event: Event,
}

struct Log {
    path: PathBuf,
    file: File,
    /// Length of the file up to the last whole line.
    length: u64,
    next_seq: u64,
    /// Joined events that wait for their turn, oldest first.
    waiting: VecDeque<Waiting>,
    /// When the latest joined lines were written.
    joined_at: VecDeque<Instant>,
    error: Option<RecordError>,
    closing: bool,
}

impl Log {
    fn take(&mut self, stage: Option<StageName>, event: Event, now: Instant) {
        match JoinKey::of(stage, &event) {
            None => {
                // What waits was said earlier: it goes first, so that the last value of every
                // series stands before the event that ends it.
                self.write_waiting();
                self.write(stage, event);
            }
            Some(key) => {
                if let Some(same) = self.waiting.iter_mut().find(|w| w.key == key) {
                    same.event = event;
                    same.stage = stage;
                } else {
                    self.waiting.push_back(Waiting { key, stage, event });
                }
                self.write_due(now);
            }
        }
    }

    /// How long until another joined line may be written; zero = now.
    fn pause(&mut self, now: Instant) -> Duration {
        while let Some(&first) = self.joined_at.front() {
            if now.duration_since(first) >= Duration::from_secs(1) {
                self.joined_at.pop_front();
            } else {
                break;
            }
        }
        match self.joined_at.front() {
            Some(&first) if self.joined_at.len() >= JOINED_PER_SECOND => {
                Duration::from_secs(1) - now.duration_since(first)
            }
            _ => Duration::ZERO,
        }
    }

    /// Writes what waits, as far as the budget of this second goes.
    fn write_due(&mut self, now: Instant) {
        while !self.waiting.is_empty() && self.pause(now).is_zero() {
            if let Some(w) = self.waiting.pop_front() {
                self.joined_at.push_back(now);
                self.write(w.stage, w.event);
            }
        }
    }

    /// Writes all that waits.
    fn write_waiting(&mut self) {
        let now = Instant::now();
        while let Some(w) = self.waiting.pop_front() {
            self.joined_at.push_back(now);
            self.write(w.stage, w.event);
        }
    }

    fn write(&mut self, stage: Option<StageName>, event: Event) {
        let durable = is_durable(&event);
        let envelope = Envelope {
            v: 1,
            seq: self.next_seq,
            at: Utc::now(),
            stage,
            event,
        };
        let result = line_of(&envelope).and_then(|line| {
            if let Err(e) = write_line(&mut self.file, &line) {
                // Half a line may be in the file: cut it off, or the next one would be glued
                // to it and lost as well. Should that fail too, the first error tells more.
                let _ = self.file.set_len(self.length);
                return Err(e);
            }
            self.length += line.len() as u64;
            self.next_seq += 1;
            if durable {
                self.file.sync_data()?;
            }
            Ok(())
        });
        if let Err(source) = result
            && self.error.is_none()
        {
            self.error = Some(RecordError::Write {
                path: self.path.clone(),
                seq: envelope.seq,
                source,
            });
        }
    }
}

/// The line of an event, with its line feed.
fn line_of(envelope: &Envelope) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(envelope)?;
    line.push(b'\n');
    Ok(line)
}

/// One `write(2)`; a short write is an error, because the rest would be a second one.
fn write_line(file: &mut File, line: &[u8]) -> io::Result<()> {
    loop {
        match file.write(line) {
            Ok(n) if n == line.len() => return Ok(()),
            Ok(n) => {
                return Err(io::Error::new(
                    io::ErrorKind::WriteZero,
                    format!("{n} of {} bytes written, the disk is full?", line.len()),
                ));
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
}

impl Shared {
    /// A recorder that panicked while holding the lock leaves a whole log behind: every line is
    /// written or cut off before the lock is given back.
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes joined events when their turn comes, so that the last value of a series is seen
    /// even when nothing follows it for a while.
    fn write_in_turn(&self) {
        let mut log = self.lock();
        while !log.closing {
            let now = Instant::now();
            log.write_due(now);
            log = if log.waiting.is_empty() {
                self.changed
                    .wait(log)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                let pause = log.pause(now);
                self.changed
                    .wait_timeout(log, pause)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            };
        }
    }
}

/// Writes a run log. Thread-safe; hold the run's lock while it lives.
pub struct LogRecorder {
    shared: Arc<Shared>,
    turn: Option<JoinHandle<()>>,
}

impl LogRecorder {
    /// Opens a log for appending, or begins one. A torn last line is cut off: nobody was told
    /// that it happened, and the next line must not be glued to it.
    ///
    /// # Errors
    /// When the file cannot be opened, read or cut.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let fail = |source| RecordError::Open {
            path: path.to_owned(),
            source,
        };
        let (file, length, next_seq) = open_log(path).map_err(fail)?;
        let shared = Arc::new(Shared {
            log: Mutex::new(Log {
                path: path.to_owned(),
                file,
                length,
                next_seq,
                waiting: VecDeque::new(),
                joined_at: VecDeque::new(),
                error: None,
                closing: false,
            }),
            changed: Condvar::new(),
        });
        let turn = std::thread::Builder::new()
            .name("run-log".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.write_in_turn()
            })
            .map_err(fail)?;
        Ok(Self {
            shared,
            turn: Some(turn),
        })
    }

    /// Records an event that belongs to no stage.
    pub fn record_run(&self, event: Event) {
        self.take(None, event);
    }

    /// Reports the first write that failed, if any did; it is kept.
    ///
    /// # Errors
    /// The first failed write.
    pub fn check(&self) -> Result<(), RecordError> {
        let mut log = self.shared.lock();
        log.write_waiting();
        match &log.error {
            None => Ok(()),
            Some(RecordError::Write { path, seq, source }) => Err(RecordError::Write {
                path: path.clone(),
                seq: *seq,
                source: io::Error::new(source.kind(), source.to_string()),
            }),
            Some(RecordError::Open { path, source }) => Err(RecordError::Open {
                path: path.clone(),
                source: io::Error::new(source.kind(), source.to_string()),
            }),
        }
    }

    /// Writes what waits, makes the log durable and closes it.
    ///
    /// # Errors
    /// The first failed write of the log's life.
    pub fn finish(self) -> Result<(), RecordError> {
        self.check()?;
        let log = self.shared.lock();
        log.file.sync_all().map_err(|source| RecordError::Write {
            path: log.path.clone(),
            seq: log.next_seq,
            source,
        })
    }

    fn take(&self, stage: Option<StageName>, event: Event) {
        let mut log = self.shared.lock();
        let idle = log.waiting.is_empty();
        log.take(stage, event, Instant::now());
        // The other thread sleeps without a limit only while nothing waits.
        if idle && !log.waiting.is_empty() {
            self.shared.changed.notify_one();
        }
    }
}

impl Recorder for LogRecorder {
    fn record(&self, stage: StageName, event: Event) {
        self.take(Some(stage), event);
    }
}

impl Drop for LogRecorder {
    fn drop(&mut self) {
        {
            let mut log = self.shared.lock();
            log.write_waiting();
            log.closing = true;
        }
        self.shared.changed.notify_all();
        if let Some(turn) = self.turn.take() {
            // The thread does nothing that can panic but for a failed allocation; the log is
            // complete either way.
            let _ = turn.join();
        }
    }
}

/// Opens the file, cuts a torn tail off and finds the next sequence number: one more than the
/// last readable line's, and one for each unreadable line after it, as a reader counts them.
fn open_log(path: &Path) -> io::Result<(File, u64, u64)> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let whole = bytes
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    if whole < bytes.len() {
        file.set_len(whole as u64)?;
        file.sync_data()?;
    }
    let mut next_seq = 1;
    for line in bytes[..whole].split_inclusive(|&b| b == b'\n') {
        next_seq = match serde_json::from_slice::<Envelope>(line) {
            Ok(envelope) => envelope.seq.saturating_add(1),
            Err(_) => next_seq + 1,
        };
    }
    Ok((file, whole as u64, next_seq))
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
