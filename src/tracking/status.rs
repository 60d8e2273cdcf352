//! How sending stands, for the console: read from the cursors, without speaking to a server.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::cursor::{CursorFile, ProjectCursor, RunCursor};
use super::lock::SyncLock;
use super::mlflow::{Capability, Server as Address};
use super::outstanding::outstanding;
use super::project::{Project, server_key};
use super::sync::fingerprint;
use crate::config::TrackingConfig;
use crate::error::CommandError;
use crate::runs::RunId;
use crate::workspace::Workspace;

/// How sending stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// The server, without credentials; none when no server is named.
    pub server: Option<String>,
    /// What is wrong with its address, when something is.
    pub problem: Option<String>,
    /// The step of the ladder; none before the server was first reached.
    pub capability: Option<Capability>,
    /// Facts that wait.
    pub pending: u64,
    /// When the oldest run with something left began.
    pub oldest: Option<DateTime<Utc>>,
    /// What can never be sent.
    pub dead_letters: u64,
    /// Why the last attempt stopped early.
    pub last_error: Option<String>,
    /// Things a person should look at.
    pub warnings: Vec<String>,
    /// Whether a sender is at work.
    pub sending: bool,
    /// Whether senders start by themselves.
    pub automatic: bool,
}

/// What is left of a run: fingerprint and cursor text, pending, start, dead letters.
type Known = (String, RunCursor, u64, Option<i64>);

/// Remembers what it has read: a run that has not changed is not read again.
#[derive(Debug, Default)]
pub struct StatusReader {
    known: HashMap<RunId, Known>,
}

/// Attempts to send that were given up for the time being, by trouble; empty where no server is
/// named. Apart from the status, which the console carries about: only counters want it.
pub fn failures(workspace: &Workspace, tracking: &TrackingConfig) -> BTreeMap<String, u64> {
    let Ok(Some(server)) = Address::from_env(tracking.uri.as_deref()) else {
        return BTreeMap::new();
    };
    let key = server_key(&server.shown(), &tracking.experiment);
    CursorFile::<ProjectCursor>::read(&workspace.artifacts())
        .of(&key)
        .failures
}

impl StatusReader {
    /// Looks at a project.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn read(
        &mut self,
        workspace: &Workspace,
        tracking: &TrackingConfig,
    ) -> Result<Status, CommandError> {
        let mut status = Status {
            sending: SyncLock::is_held(workspace),
            automatic: tracking.automatic,
            ..Status::default()
        };
        let server = match Address::from_env(tracking.uri.as_deref()) {
            Ok(Some(server)) => server.shown(),
            Ok(None) => return Ok(status),
            Err(e) => {
                status.problem = Some(e.to_string());
                return Ok(status);
            }
        };
        let key = server_key(&server, &tracking.experiment);
        status.server = Some(server);
        let whole = CursorFile::<ProjectCursor>::read(&workspace.artifacts()).of(&key);
        status.capability = whole.level;
        status.last_error = whole.last_error;
        status.warnings = whole.warnings;
        let project = Project::open(workspace, tracking)?;
        let mut oldest: Option<i64> = None;
        for run in &project.runs {
            let source = project.source(run);
            let cursor = CursorFile::<RunCursor>::read(&source.dir).of(&key);
            status.dead_letters += cursor.dead.len() as u64;
            let print = fingerprint(&source, whole.level);
            if cursor.settled.as_deref() == Some(&print) {
                continue;
            }
            let known = self
                .known
                .get(run)
                .filter(|(p, c, ..)| *p == print && *c == cursor)
                .map(|(.., pending, start)| (*pending, *start));
            let (pending, start) = match known {
                Some(known) => known,
                None => {
                    let wanted = source.wanted()?;
                    let pending = wanted.as_ref().map_or(0, |w| {
                        outstanding(w, &cursor, cursor.level.or(whole.level)).count()
                    });
                    let start = wanted.map(|w| w.start_ms);
                    self.known
                        .insert(run.clone(), (print, cursor, pending, start));
                    (pending, start)
                }
            };
            status.pending += pending;
            if pending > 0 {
                oldest = oldest.into_iter().chain(start).min();
            }
        }
        status.oldest = oldest.and_then(DateTime::from_timestamp_millis);
        Ok(status)
    }
}
