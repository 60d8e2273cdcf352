//! The runs of a workspace: making, finding, listing and opening them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Liveness, RunId, lock};
use crate::config::{ChangedSetting, Config};
use crate::error::CommandError;
use crate::events::{Actor, Damage, LogReader, Outcome, ReadLine, RunState, StageName};
use crate::files;
use crate::workspace::Workspace;

/// The log in a run's folder.
pub const EVENTS_FILE: &str = "events.jsonl";
/// The commands of operators in a run's folder.
pub const CONTROL_FILE: &str = "control.jsonl";
/// What was asked for when the run was made.
pub const REQUEST_FILE: &str = "request.json";
/// The configuration in force, frozen when the run was made.
pub const CONFIG_FILE: &str = "config.toml";
/// The worker's stdout and stderr.
pub const WORKER_LOG: &str = "worker.log";

/// Begins the name of a folder that becomes a run.
const MAKING: &str = ".making-";
/// Age from which such a folder is what somebody left who was killed.
const LEFT_AFTER: Duration = Duration::from_secs(600);

/// Silence of a worker after which it counts as stalled.
const STALLED_AFTER: TimeDelta = TimeDelta::seconds(60);
/// How long a run without lock and log counts as starting rather than crashed.
const STARTING_FOR: TimeDelta = TimeDelta::seconds(10);

/// What somebody asked for when they started a run; `request.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRequest {
    /// The run.
    pub run_id: RunId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who asked.
    pub by: Actor,
    /// The user's note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The first stage that must run even when unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StageName>,
    /// The settings that were changed for this run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<ChangedSetting>,
    /// The entry of the queue that this run was started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<String>,
    /// The commit of the repository that the project lies in, if it lies in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
}

/// What a new run is made with besides its configuration.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Who asks.
    pub by: Actor,
    /// The user's note.
    pub note: Option<String>,
    /// The first stage that must run even when unchanged.
    pub from: Option<StageName>,
    /// The settings that were changed for this run; they are in the configuration already.
    pub settings: Vec<ChangedSetting>,
    /// The entry of the queue that it is started from.
    pub queued: Option<String>,
}

impl NewRun {
    /// A run by somebody with the settings as they are.
    pub fn by(by: Actor) -> Self {
        Self {
            by,
            note: None,
            from: None,
            settings: Vec::new(),
            queued: None,
        }
    }
}

/// Why the runs of a workspace could not be read or made.
#[derive(Debug, Error)]
pub enum RunStoreError {
    /// There is no run at all.
    #[error("there is no run yet")]
    Empty,
    /// Nothing answers to this text.
    #[error("there is no run `{text}`")]
    NoSuchRun {
        /// What was asked for.
        text: String,
        /// The newest run.
        newest: Option<RunId>,
    },
    /// Several runs answer to this text.
    #[error("`{text}` names {} runs: {}", .candidates.len(), join(.candidates))]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// Who answers to it.
        candidates: Vec<RunId>,
    },
    /// A folder or file failed.
    #[error("{path} cannot be {verb}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// `read`, `written`.
        verb: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The configuration cannot be written as TOML.
    #[error("the configuration cannot be frozen: {0}")]
    Config(String),
}

fn join(runs: &[RunId]) -> String {
    runs.iter()
        .map(RunId::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

impl From<RunStoreError> for CommandError {
    fn from(e: RunStoreError) -> Self {
        let message = e.to_string();
        match e {
            RunStoreError::Empty => {
                CommandError::not_found(message).hint("`netsec retrain` starts one.")
            }
            RunStoreError::NoSuchRun { newest, .. } => {
                let error = CommandError::not_found(message).hint("`netsec runs` lists them.");
                match newest {
                    Some(run) => error.hint(format!("The newest is {run}.")),
                    None => error,
                }
            }
            RunStoreError::Ambiguous { .. } => {
                CommandError::not_found(message).hint("Give more characters.")
            }
            RunStoreError::File { source, .. } => {
                let denied = source.kind() == io::ErrorKind::PermissionDenied;
                let error = CommandError::backend(message).because(source);
                if denied {
                    error.hint(
                        "Runs live beside config.toml; the user needs the right to that folder.",
                    )
                } else {
                    error
                }
            }
            RunStoreError::Config(_) => CommandError::internal(message),
        }
    }
}

/// The runs under `Artifacts/`.
#[derive(Clone, Debug)]
pub struct RunStore {
    workspace: Workspace,
}

/// One run as it stands: its state from the log, its life from the lock.
#[derive(Clone, Debug, PartialEq)]
pub struct RunView {
    /// The run.
    pub run_id: RunId,
    /// `Artifacts/<run>/`.
    pub dir: PathBuf,
    /// What was asked for, when the file is there.
    pub request: Option<RunRequest>,
    /// The fold over its log.
    pub state: RunState,
    /// Damage found in the log.
    pub damage: Vec<Damage>,
    /// Whether a worker holds the lock.
    pub liveness: Liveness,
    /// When all this was looked at.
    pub seen_at: DateTime<Utc>,
}

impl RunStore {
    /// The runs of a workspace.
    pub fn new(workspace: &Workspace) -> Self {
        Self {
            workspace: workspace.clone(),
        }
    }

    /// All runs, newest first.
    ///
    /// # Errors
    /// When `Artifacts/` is there but cannot be read.
    pub fn list(&self) -> Result<Vec<RunId>, CommandError> {
        Ok(self.sorted()?.into_iter().map(|(_, run)| run).collect())
    }

    /// Finds a run by id, unique prefix, unique suffix or `latest`.
    ///
    /// # Errors
    /// Not found (exit code 7) when nothing or more than one run answers to the text.
    pub fn resolve(&self, text: &str) -> Result<RunId, CommandError> {
        Ok(choose(text.trim(), &self.list()?)?)
    }

    /// Reads a run: its log, its request, its lock.
    ///
    /// # Errors
    /// Not found when there is no such folder; backend when it cannot be read.
    pub fn open(&self, run: &RunId) -> Result<RunView, CommandError> {
        let dir = self.workspace.run_dir(run);
        if !dir.is_dir() {
            return Err(RunStoreError::NoSuchRun {
                text: run.to_string(),
                newest: self.list()?.into_iter().next(),
            }
            .into());
        }
        // The lock before the log: a worker that ends in between is seen as ended, while the
        // other way round its log would look as if it had crashed.
        let liveness = lock::liveness(&dir).map_err(unreadable(&dir))?;
        let path = dir.join(EVENTS_FILE);
        let mut state = RunState::default();
        let mut damage = Vec::new();
        for line in LogReader::open(&path)
            .read_all()
            .map_err(unreadable(&path))?
        {
            match line {
                ReadLine::Event { envelope, .. } => state.apply(&envelope),
                ReadLine::Damaged(d) => damage.push(d),
                ReadLine::Restarted => {}
            }
        }
        Ok(RunView {
            run_id: run.clone(),
            request: self.request(run),
            dir,
            state,
            damage,
            liveness,
            seen_at: Utc::now(),
        })
    }

    /// Makes the folder of a new run with the frozen configuration and the request in it.
    ///
    /// # Errors
    /// When the folder or a file cannot be written.
    pub fn create(&self, config: &Config, new: NewRun) -> Result<RunId, CommandError> {
        let artifacts = self.workspace.artifacts();
        fs::create_dir_all(&artifacts).map_err(unwritable(&artifacts))?;
        sweep(&artifacts);
        let text = toml::to_string(config).map_err(|e| RunStoreError::Config(e.to_string()))?;
        let mut random = rand::thread_rng();
        loop {
            let created_at = Utc::now();
            let run_id = RunId::new(created_at, random.r#gen());
            let dir = self.workspace.run_dir(&run_id);
            let request = RunRequest {
                run_id: run_id.clone(),
                created_at,
                by: new.by.clone(),
                note: new.note.clone(),
                from: new.from,
                settings: new.settings.clone(),
                queued: new.queued.clone(),
                git_commit: super::git::commit_of(self.workspace.root()),
            };
            // Made aside: a folder without its configuration and request is nobody's run.
            let aside = tempfile::Builder::new()
                .prefix(MAKING)
                .permissions(fs::Permissions::from_mode(0o777))
                .tempdir_in(&artifacts)
                .map_err(|e| unwritable(&artifacts)(e.kind().into()))?;
            let write = || -> io::Result<()> {
                files::write_atomic(&aside.path().join(CONFIG_FILE), text.as_bytes())?;
                files::write_json(&aside.path().join(REQUEST_FILE), &request)
            };
            write().map_err(unwritable(&dir))?;
            match renameat_with(CWD, aside.path(), CWD, &dir, RenameFlags::NOREPLACE) {
                Ok(()) => {}
                // Two runs drew the same 16 bits within a minute.
                Err(Errno::EXIST) => continue,
                // A file system without the flag: an empty folder may be replaced, a run may not.
                Err(Errno::INVAL | Errno::NOSYS) if !dir.exists() => {
                    fs::rename(aside.path(), &dir).map_err(unwritable(&dir))?;
                }
                Err(Errno::INVAL | Errno::NOSYS) => continue,
                Err(e) => return Err(unwritable(&dir)(e.into()).into()),
            }
            // It has another name now: nothing is left to be removed.
            let _ = aside.keep();
            files::sync_dir(&artifacts).map_err(unwritable(&artifacts))?;
            return Ok(run_id);
        }
    }

    /// The request of a run, `None` when the file is missing or unreadable.
    pub fn request(&self, run: &RunId) -> Option<RunRequest> {
        read_request(&self.workspace.run_dir(run))
    }

    fn sorted(&self) -> Result<Vec<(DateTime<Utc>, RunId)>, RunStoreError> {
        let artifacts = self.workspace.artifacts();
        let entries = match fs::read_dir(&artifacts) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(unreadable(&artifacts)(e)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable(&artifacts))?;
            // Other folders (versions, logs) and files are not runs.
            let Some(run) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<RunId>().ok())
            else {
                continue;
            };
            if entry.path().is_dir() {
                // Ids carry the minute; the request says which of a minute came first.
                let made =
                    read_request(&entry.path()).map_or_else(|| minute_of(&run), |r| r.created_at);
                runs.push((made, run));
            }
        }
        runs.sort_by(|a, b| b.cmp(a));
        Ok(runs)
    }
}

/// Removes what was left of runs whose making was killed. Whoever cannot remove it leaves it to the
/// next one.
fn sweep(artifacts: &Path) {
    for entry in fs::read_dir(artifacts).into_iter().flatten().flatten() {
        let left = entry.file_name().to_string_lossy().starts_with(MAKING)
            && entry
                .metadata()
                .and_then(|m| m.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT_AFTER));
        if left {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl RunView {
    /// How the run stands: the lock says whether it lives, the log how it ended.
    pub fn outcome(&self) -> Outcome {
        outcome(
            &self.state,
            self.liveness.is_held(),
            self.request.as_ref().map(|r| r.created_at),
            self.seen_at,
        )
    }

    /// When it started, or was made.
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        self.state
            .started_at
            .or_else(|| self.request.as_ref().map(|r| r.created_at))
    }

    /// Who started it.
    pub fn by(&self) -> Option<&Actor> {
        self.state
            .by
            .as_ref()
            .or_else(|| self.request.as_ref().map(|r| &r.by))
    }

    /// The user's note.
    pub fn note(&self) -> Option<&str> {
        self.state
            .note
            .as_deref()
            .or_else(|| self.request.as_ref().and_then(|r| r.note.as_deref()))
    }
}

/// The outcome of a run from its fold, its lock and the clock; viewers with a fold of their own
/// call this directly.
pub fn outcome(
    state: &RunState,
    lock_is_held: bool,
    created_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Outcome {
    let recorded = match state.outcome {
        Outcome::Running | Outcome::Stalled | Outcome::Crashed => None,
        ended => Some(ended),
    };
    match (recorded, lock_is_held) {
        (Some(ended), _) => ended,
        (None, true) => {
            let last = state.last_event_at.or(created_at);
            if last.is_some_and(|at| now - at > STALLED_AFTER) {
                Outcome::Stalled
            } else {
                Outcome::Running
            }
        }
        (None, false) => {
            // Between the making of the folder and the worker's lock lies a process start.
            let starting =
                state.last_seq == 0 && created_at.is_some_and(|at| now - at < STARTING_FOR);
            if starting {
                Outcome::Running
            } else {
                Outcome::Crashed
            }
        }
    }
}

/// Chooses a run by text among runs that are sorted newest first.
fn choose(text: &str, runs: &[RunId]) -> Result<RunId, RunStoreError> {
    let Some(newest) = runs.first() else {
        return Err(RunStoreError::Empty);
    };
    if text == "latest" {
        return Ok(newest.clone());
    }
    if let Some(run) = runs.iter().find(|r| r.as_str() == text) {
        return Ok(run.clone());
    }
    let candidates: Vec<RunId> = runs
        .iter()
        .filter(|r| {
            !text.is_empty() && (r.as_str().starts_with(text) || r.as_str().ends_with(text))
        })
        .cloned()
        .collect();
    match candidates.len() {
        0 => Err(RunStoreError::NoSuchRun {
            text: crate::text::clean(text),
            newest: Some(newest.clone()),
        }),
        1 => Ok(candidates[0].clone()),
        _ => Err(RunStoreError::Ambiguous {
            text: text.to_owned(),
            candidates,
        }),
    }
}

fn read_request(dir: &Path) -> Option<RunRequest> {
    serde_json::from_slice(&fs::read(dir.join(REQUEST_FILE)).ok()?).ok()
}

/// The minute in a run's id.
fn minute_of(run: &RunId) -> DateTime<Utc> {
    let minute = run.as_str().get(..13).unwrap_or_default();
    chrono::NaiveDateTime::parse_from_str(&format!("{minute}00"), "%Y%m%d-%H%M%S")
        .map(|t| t.and_utc())
        .unwrap_or_default()
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> RunStoreError {
    let path = path.to_owned();
    move |source| RunStoreError::File {
        path: path.clone(),
        verb: "read",
        source,
    }
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> RunStoreError {
    let path = path.to_owned();
    move |source| RunStoreError::File {
        path: path.clone(),
        verb: "written",
        source,
    }
}

#[cfg(test)]
#[path = "run_store_tests.rs"]
mod tests;
