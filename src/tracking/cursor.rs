//! `Artifacts/<run>/sync.json`: what a server has acknowledged about a run.
//!
//! One entry per server and experiment: another server has got nothing yet. The file is written
//! aside and renamed after every acknowledged request. Losing it loses nothing but time: all facts
//! are sent again, which changes nothing on the server, and what was made there is found by tag.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::mlflow::Capability as Level;
use crate::error::CommandError;
use crate::{files, hash};

/// Name of the file, in a run's folder and (for aliases) in `Artifacts/`.
pub const CURSOR_FILE: &str = "sync.json";
/// Version of the file and of the order of facts: another one sends everything again.
const FORMAT: u32 = 1;

/// Why a cursor cannot be read or written.
#[derive(Debug, Error)]
#[error("{path} cannot be {verb}")]
pub struct CursorError {
    path: PathBuf,
    verb: &'static str,
    source: io::Error,
}

impl From<CursorError> for CommandError {
    fn from(e: CursorError) -> Self {
        let message = e.to_string();
        CommandError::backend(message)
            .because(e.source)
            .hint("Check the free space and the permissions of `Artifacts/`.")
    }
}

/// A run that was made on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The server's id.
    pub id: String,
    /// Where its artifacts lie, in the server's words.
    pub root: String,
}

/// The model that was made on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeModel {
    /// Its idempotency key.
    pub key: String,
    /// The logged model's id; none on servers without logged models.
    pub id: Option<String>,
    /// Where its files lie, in the server's words.
    pub root: String,
}

/// The version that was made on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeVersion {
    /// Its idempotency key.
    pub key: String,
    /// The server's number.
    pub number: String,
}

/// A fact that can never be sent as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Which fact.
    pub fact: String,
    /// Mark of its value: another value is tried again.
    pub mark: String,
    /// Why, a sentence.
    pub why: String,
    /// When, milliseconds.
    pub at_ms: i64,
}

/// What one server has acknowledged about one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCursor {
    /// The idempotency key of the run: a log that was replaced has another one.
    pub key: String,
    /// The experiment.
    pub experiment_id: String,
    /// The step of the ladder that was reached.
    pub level: Option<Level>,
    /// The last event all of whose facts are acknowledged.
    pub seq: u64,
    /// Runs made, by slot.
    pub runs: BTreeMap<String, Made>,
    /// Metric points acknowledged, from the start of the list.
    pub points: usize,
    /// Data sets acknowledged, from the start of the list.
    pub inputs: usize,
    /// Marks of acknowledged values by fact.
    pub facts: BTreeMap<String, String>,
    /// Artifacts that were sent with more than one content: a late copy of the old one may still
    /// be on its way.
    pub resent: Vec<String>,
    /// The model.
    pub model: Option<MadeModel>,
    /// The version.
    pub version: Option<MadeVersion>,
    /// What cannot be sent.
    pub dead: Vec<DeadLetter>,
    /// Facts acknowledged so far, repetitions included.
    pub sent: u64,
    /// What everything looked like when nothing was left to send or to mend.
    pub settled: Option<String>,
    /// When something was last changed on the server, milliseconds.
    pub changed_ms: i64,
    /// When the server was last compared with what is wanted, milliseconds.
    pub verified_ms: i64,
    /// Why the last attempt stopped early.
    pub last_error: Option<String>,
}

impl RunCursor {
    /// Whether this fact has this value on the server, or never can.
    pub fn is_done(&self, fact: &str, value: &str) -> bool {
        let mark = mark(value);
        self.facts.get(fact) == Some(&mark) || self.is_dead(fact, &mark)
    }

    /// Whether a fact with this mark is a dead letter.
    pub fn is_dead(&self, fact: &str, mark: &str) -> bool {
        self.dead.iter().any(|d| d.fact == fact && d.mark == mark)
    }

    /// The server has it.
    pub fn acknowledge(&mut self, fact: &str, value: &str) {
        self.facts.insert(fact.to_owned(), mark(value));
        self.dead.retain(|d| d.fact != fact);
        self.sent += 1;
    }

    /// The server will never take it.
    pub fn bury(&mut self, fact: &str, value: &str, why: &str, now_ms: i64) {
        let letter = DeadLetter {
            fact: fact.to_owned(),
            mark: mark(value),
            why: crate::text::clean_to(why, 400),
            at_ms: now_ms,
        };
        self.dead.retain(|d| d.fact != fact);
        self.dead.push(letter);
    }

    /// It has to be sent again.
    pub fn forget(&mut self, fact: &str) {
        self.facts.remove(fact);
    }

    /// Everything of one run on the server has to be sent again, because it is another run or has
    /// lost what it had.
    pub fn forget_slot(&mut self, slot: &str) {
        let of_slot = [format!("param {slot} "), format!("tag {slot} ")];
        let status = format!("status {slot}");
        self.facts
            .retain(|fact, _| !of_slot.iter().any(|p| fact.starts_with(p)) && *fact != status);
        self.points = 0;
        if slot == "run" {
            self.inputs = 0;
            self.facts
                .retain(|fact, _| !fact.starts_with("artifact ") && !fact.starts_with("model "));
        }
    }
}

/// A short mark of a value.
pub fn mark(value: &str) -> String {
    let mut mark = hash::sha256(value.as_bytes());
    mark.truncate(16);
    mark
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorFile<T: Default> {
    /// Version.
    format: u32,
    /// By server and experiment.
    servers: BTreeMap<String, T>,
}

impl<T: Default + Clone + Serialize + serde::de::DeserializeOwned> CursorFile<T> {
    /// Reads the file in a folder. A missing or unreadable one is an empty one: everything is sent
    /// again, which does no harm.
    pub fn read(dir: &Path) -> Self {
        let read: Option<Self> = fs::read(dir.join(CURSOR_FILE))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match read {
            Some(file) if file.format == FORMAT => file,
            _ => Self {
                format: FORMAT,
                servers: BTreeMap::new(),
            },
        }
    }

    /// What this server has acknowledged.
    pub fn of(&self, server: &str) -> T {
        self.servers.get(server).cloned().unwrap_or_default()
    }

    /// Every server's entry.
    pub fn servers(&self) -> impl Iterator<Item = (&str, &T)> {
        self.servers.iter().map(|(server, t)| (server.as_str(), t))
    }

    /// Replaces a server's entry and writes the file.
    pub fn write(&mut self, dir: &Path, server: &str, value: &T) -> Result<(), CursorError> {
        self.servers.insert(server.to_owned(), value.clone());
        let path = dir.join(CURSOR_FILE);
        files::write_json(&path, self).map_err(|source| CursorError {
            path,
            verb: "written",
            source,
        })
    }
}

/// What one server has acknowledged about the whole project; `Artifacts/sync.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectCursor {
    /// The step of the ladder the server is on.
    pub level: Option<Level>,
    /// Facts left after the last pass; a viewer sees the file change with it.
    pub pending: u64,
    /// Why the last pass stopped early.
    pub last_error: Option<String>,
    /// Aliases as they were written, by name.
    pub aliases: BTreeMap<String, AliasCursor>,
    /// Things a person should look at.
    pub warnings: Vec<String>,
    /// Passes or runs that were given up for the time being, by trouble.
    pub failures: BTreeMap<String, u64>,
}

/// What was written to an alias.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AliasCursor {
    /// Version numbers written, the last one last.
    pub written: Vec<String>,
    /// When the last one was written, milliseconds.
    pub at_ms: i64,
    /// Whether somebody else's hand was found on it.
    pub foreign: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_done_until_it_changes() {
        let mut cursor = RunCursor::default();
        assert!(!cursor.is_done("tag run a", "1"));
        cursor.acknowledge("tag run a", "1");
        assert!(cursor.is_done("tag run a", "1"));
        assert!(!cursor.is_done("tag run a", "2"));
        cursor.bury("tag run a", "2", "refused", 5);
        assert!(cursor.is_done("tag run a", "2"));
        cursor.acknowledge("tag run a", "3");
        assert!(
            cursor.dead.is_empty(),
            "a value that passed ends the letter"
        );
    }

    #[test]
    fn a_cursor_survives_its_file_and_a_broken_one_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = CursorFile::<RunCursor>::read(dir.path());
        let mut cursor = file.of("http://a x");
        cursor.acknowledge("tag run a", "1");
        cursor.points = 7;
        file.write(dir.path(), "http://a x", &cursor).unwrap();
        let again = CursorFile::<RunCursor>::read(dir.path());
        assert_eq!(again.of("http://a x"), cursor);
        assert_eq!(again.of("http://b x"), RunCursor::default());
        std::fs::write(dir.path().join(CURSOR_FILE), b"{\"format\":1,\"serv").unwrap();
        assert_eq!(
            CursorFile::<RunCursor>::read(dir.path()).of("http://a x"),
            RunCursor::default()
        );
        std::fs::write(
            dir.path().join(CURSOR_FILE),
            b"{\"format\":9,\"servers\":{}}",
        )
        .unwrap();
        assert_eq!(
            CursorFile::<RunCursor>::read(dir.path()).servers().count(),
            0
        );
    }

    #[test]
    fn a_run_that_was_lost_is_sent_again_and_the_others_stay() {
        let mut cursor = RunCursor {
            points: 9,
            inputs: 1,
            ..RunCursor::default()
        };
        for fact in [
            "param run a",
            "tag run b",
            "artifact x",
            "tag learner:run c",
            "status run",
        ] {
            cursor.acknowledge(fact, "1");
        }
        cursor.forget_slot("run");
        assert_eq!(
            cursor.facts.keys().collect::<Vec<_>>(),
            ["tag learner:run c"]
        );
        assert_eq!((cursor.points, cursor.inputs), (0, 0));
    }
}
