//! Brings one run on the server to its wanted state, in pieces that may each be repeated.
//!
//! What makes something is preceded by a search for it, by tag; what cannot ever be sent goes to
//! the dead letters and the rest goes on; the cursor is written after every acknowledgement.

mod facts;
mod mend;
mod model;
mod runs;
mod version;

use std::path::Path;
use std::time::Duration;

use chrono::Utc;
use thiserror::Error;

use super::cursor::{CursorError, CursorFile, RunCursor};
use super::fact::{Wanted, WantedModel};
use super::mlflow::Capability as Level;
use super::outstanding::{names, outstanding, status_value};
use super::server::{SendError, Server, Trouble};

/// How often something is made after the first try failed in between.
const MAKING: u32 = 5;
/// Rounds of sending and comparing before the rest is left to another time.
const ROUNDS: u32 = 6;

/// Writes the portable folder of a run's selected model and returns its files, by path below
/// `out`.
pub type WriteModel =
    fn(run_dir: &Path, wanted: &WantedModel, out: &Path) -> Result<Vec<String>, String>;

/// Why a run was not brought to its end.
#[derive(Debug, Error)]
pub enum Halt {
    /// The server.
    #[error(transparent)]
    Server(#[from] SendError),
    /// Our own cursor.
    #[error(transparent)]
    Cursor(#[from] CursorError),
}

/// Where everything of a run and a server is.
pub struct Place<'a> {
    /// The run's folder.
    pub run_dir: &'a Path,
    /// The server and experiment, as the cursor names them.
    pub server_key: &'a str,
    /// The experiment's name.
    pub experiment: &'a str,
    /// The name models are registered under.
    pub model: &'a str,
    /// Writes the model's folder.
    pub write_model: WriteModel,
}

/// Sends one run.
pub struct Sender<'a, S: Server> {
    server: &'a S,
    place: Place<'a>,
    level: Level,
    cursor: RunCursor,
    file: CursorFile<RunCursor>,
}

impl<'a, S: Server> Sender<'a, S> {
    /// A sender that goes on where the cursor says.
    pub fn new(server: &'a S, place: Place<'a>, level: Level) -> Self {
        let file = CursorFile::read(place.run_dir);
        let cursor = file.of(place.server_key);
        Self {
            server,
            place,
            level,
            cursor,
            file,
        }
    }

    /// What the server has acknowledged.
    pub fn cursor(&self) -> &RunCursor {
        &self.cursor
    }

    /// Notes why it stopped, or that it did not.
    pub fn note_error(&mut self, error: Option<String>) -> Result<(), CursorError> {
        if self.cursor.last_error == error {
            return Ok(());
        }
        self.cursor.last_error = error;
        self.save()
    }

    /// Notes what everything looks like now that nothing is left.
    pub fn settle(&mut self, fingerprint: &str) -> Result<(), CursorError> {
        if self.cursor.settled.as_deref() == Some(fingerprint) {
            return Ok(());
        }
        self.cursor.settled = Some(fingerprint.to_owned());
        self.save()
    }

    pub(super) fn save(&mut self) -> Result<(), CursorError> {
        self.file
            .write(self.place.run_dir, self.place.server_key, &self.cursor)
    }

    /// Writes the cursor after the server has changed.
    pub(super) fn changed(&mut self) -> Result<(), CursorError> {
        self.cursor.changed_ms = now_ms();
        self.save()
    }

    /// Sends all that is left; of a run that has ended also compares and mends.
    pub async fn send(&mut self, wanted: &Wanted) -> Result<(), Halt> {
        if self.cursor.key != wanted.key {
            self.cursor = RunCursor {
                key: wanted.key.clone(),
                ..RunCursor::default()
            };
        }
        for _ in 0..ROUNDS {
            self.cursor.level = Some(self.level);
            self.send_outstanding(wanted).await?;
            if !wanted.ended || is_settled(&self.cursor) || !self.mend(wanted).await? {
                break;
            }
        }
        if outstanding(wanted, &self.cursor, Some(self.level)).count() == 0 {
            self.cursor.seq = wanted.seq;
        }
        self.save()?;
        Ok(())
    }

    async fn send_outstanding(&mut self, wanted: &Wanted) -> Result<(), Halt> {
        let known = self.cursor.clone();
        let left = outstanding(wanted, &known, Some(self.level));
        if left.count() == 0 {
            return Ok(());
        }
        if self.cursor.experiment_id.is_empty() {
            self.cursor.experiment_id = self.server.experiment(self.place.experiment).await?;
        }
        self.make_runs(wanted, &left).await?;
        for (slot, batch) in &left.batches {
            self.log(wanted, slot, batch).await?;
        }
        self.points(wanted, left.points).await?;
        self.inputs(wanted, &left).await?;
        self.artifacts(wanted, &left).await?;
        self.model(wanted).await?;
        self.version(wanted).await?;
        // The end comes last: a finished run on the server is one that has everything.
        for run in &left.statuses {
            let Some(id) = self.id(wanted, &run.slot) else {
                continue;
            };
            let fact = names::status(&run.slot);
            let value = status_value(run.status, run.end_ms);
            let sent = self.server.update_run(&id, run.status, run.end_ms).await;
            self.take(wanted, &run.slot, &fact, &value, sent).await?;
        }
        Ok(())
    }
}

/// Whether a comparison with the server has been made so long after the last change that nothing
/// sent before can still be on its way.
pub(super) fn is_settled(cursor: &RunCursor) -> bool {
    cursor.verified_ms >= cursor.changed_ms + LATE_MS
}

/// The longest a request may be on its way, milliseconds.
pub(super) const LATE_MS: i64 = 60_000;

/// What will fail again however often it is sent.
fn is_final(trouble: Trouble) -> bool {
    matches!(
        trouble,
        Trouble::Rejected | Trouble::Missing | Trouble::Unsupported
    )
}

fn rejected(text: String) -> SendError {
    SendError {
        trouble: Trouble::Rejected,
        text,
        hint: "Check that the run's folder is whole.".to_owned(),
    }
}

async fn pause(tries: u32) {
    let most = Duration::from_millis(100 << tries.min(6));
    tokio::time::sleep(most.mul_f64(0.5 + 0.5 * rand::random::<f64>())).await;
}

pub(super) fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}
