//! A candidate in the shadow: it scores the same rows as the model in production, its answers go
//! nowhere but into counters.
//!
//! One thread of its own and a bounded queue: an answer to a client never waits for the shadow,
//! rows it has no time for are counted and dropped.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde::Serialize;

use super::logged_rows::LoggedRows;
use super::prediction_log::ScoredBatch;
use super::replay::replay;
use crate::learners::Model;
use crate::pipeline::data_transformation::Preprocessor;

/// Batches that may wait.
const QUEUE: usize = 256;

/// The model in the shadow.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// A run id, for people.
    pub name: String,
    /// The model.
    pub model: Model,
    /// Its preprocessor.
    pub preprocessor: Preprocessor,
    /// Its operating point (binary tasks).
    pub threshold: Option<f64>,
    /// The class that is no alert.
    pub harmless: String,
}

/// How often the two differ so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShadowCounts {
    /// Rows both have scored.
    pub rows: u64,
    /// Alerts of the model in production.
    pub alerts: u64,
    /// Alerts of the candidate.
    pub shadow_alerts: u64,
    /// Alerts of the candidate only.
    pub new_alerts: u64,
    /// Alerts of the model in production only.
    pub gone_alerts: u64,
    /// Rows the candidate could not score.
    pub not_scored: u64,
    /// Rows dropped because the shadow was behind.
    pub dropped: u64,
}

/// The shadow; dropping it ends its thread.
#[derive(Debug)]
pub struct Shadow {
    name: String,
    // Taken out by Drop, which ends the thread.
    sender: Option<SyncSender<ScoredBatch>>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<Mutex<ShadowCounts>>,
}

impl Shadow {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(candidate: Candidate) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let counts = Arc::new(Mutex::new(ShadowCounts::default()));
        let name = candidate.name.clone();
        let shared = Arc::clone(&counts);
        let thread = std::thread::Builder::new()
            .name("shadow".to_owned())
            .spawn(move || score(&candidate, &receiver, &shared))?;
        Ok(Self {
            name,
            sender: Some(sender),
            thread: Some(thread),
            counts,
        })
    }

    /// The candidate's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hands rows over; never waits.
    pub fn observe(&self, batch: ScoredBatch) {
        let Some(sender) = &self.sender else {
            return;
        };
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) =
            sender.try_send(batch)
        {
            lock(&self.counts).dropped += batch.rows.len() as u64;
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> ShadowCounts {
        lock(&self.counts).clone()
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked counts no more.
            let _ = thread.join();
        }
    }
}

fn lock(counts: &Mutex<ShadowCounts>) -> std::sync::MutexGuard<'_, ShadowCounts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn score(candidate: &Candidate, receiver: &Receiver<ScoredBatch>, counts: &Mutex<ShadowCounts>) {
    while let Ok(batch) = receiver.recv() {
        let rows = batch.rows.len() as u64;
        let found = LoggedRows::from(batch).frame().and_then(|frame| {
            replay(
                &[frame],
                &candidate.model,
                &candidate.preprocessor,
                candidate.threshold,
                &candidate.harmless,
            )
        });
        let mut counts = lock(counts);
        match found {
            Ok(found) => {
                counts.rows += found.rows;
                counts.alerts += found.alerts_before;
                counts.shadow_alerts += found.alerts_after;
                counts.new_alerts += found.new_alerts;
                counts.gone_alerts += found.gone_alerts;
                counts.not_scored += found.not_scored;
            }
            Err(error) => {
                tracing::debug!(%error, "the shadow cannot score a batch");
                counts.not_scored += rows;
            }
        }
    }
}
