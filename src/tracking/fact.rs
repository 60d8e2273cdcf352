//! The vocabulary of the wanted state: what MLflow should hold about one run.
//!
//! Everything here is plain data that follows from the run log, the run's files and the journal.
//! Times are the times of events, never of sending, so that a fact sent twice is the same fact.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::runs::RunId;

/// Which run on the server a fact belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The run itself.
    Parent,
    /// The child run of one learner.
    Learner(String),
}

impl Slot {
    /// The slot as a key of the cursor: `run`, `learner:xgboost`.
    pub fn key(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slot::Parent => f.write_str("run"),
            Slot::Learner(learner) => write!(f, "learner:{learner}"),
        }
    }
}

/// How a run stands, in the server's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At work.
    Running,
    /// Done.
    Finished,
    /// Stopped by an error.
    Failed,
    /// Cancelled by somebody.
    Killed,
}

/// A value of a metric at a step. Frozen: once wanted it never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The run.
    pub slot: Slot,
    /// The metric's name on the server.
    pub name: String,
    /// The value, always finite.
    pub value: f64,
    /// Round, or the number of the measurement for single figures.
    pub step: i64,
    /// Milliseconds of the event's time.
    pub at_ms: i64,
    /// The event it comes from.
    pub seq: u64,
}

/// The data set of a run. Frozen.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// A short name.
    pub name: String,
    /// The first 32 characters of the digest: the server takes 36 at most.
    pub digest: String,
    /// `local` or `mongodb`.
    pub source_type: String,
    /// JSON: where it was read and the whole digest.
    pub source: String,
    /// JSON: columns.
    pub schema: Option<String>,
    /// JSON: rows.
    pub profile: String,
}

/// Where an artifact's bytes come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A file of the run's folder, by path relative to it, with the hash its stage recorded.
    File {
        /// Relative path.
        path: String,
        /// SHA-256.
        sha256: String,
    },
    /// Text made from the log.
    Text(String),
}

impl Content {
    /// SHA-256 of the bytes.
    pub fn sha256(&self) -> String {
        match self {
            Content::File { sha256, .. } => sha256.clone(),
            Content::Text(text) => crate::hash::sha256(text.as_bytes()),
        }
    }
}

/// One run on the server. Names, start and parameters are frozen; of the tags those that
/// [`super::projection::may_change`] names are not.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedRun {
    /// Which one.
    pub slot: Slot,
    /// Its idempotency key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Who started it.
    pub user: String,
    /// Milliseconds of its first event.
    pub start_ms: i64,
    /// Parameters.
    pub params: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// How it stands. May change.
    pub status: Status,
    /// When it ended. May change.
    pub end_ms: Option<i64>,
}

/// The selected model of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedModel {
    /// Its idempotency key, from the run and the hashes below.
    pub key: String,
    /// The learner.
    pub learner: String,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// SHA-256 of the preprocessor.
    pub preprocessor_sha256: String,
    /// Tags of the logged model.
    pub tags: BTreeMap<String, String>,
    /// The learner's settings.
    pub params: BTreeMap<String, String>,
    /// Its figures on the test split, also said of the model.
    pub seq: u64,
}

/// The version that an accepted plan would become.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedVersion {
    /// Its idempotency key, from the run and the plan.
    pub key: String,
    /// `v3`.
    pub version: String,
    /// A sentence.
    pub description: String,
    /// Tags. May change: decisions come later.
    pub tags: BTreeMap<String, String>,
}

/// Everything MLflow should hold about one run of the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The run.
    pub run_id: RunId,
    /// The idempotency key of the run, by which all that belongs to it is found.
    pub key: String,
    /// The run first, then one per learner in the order they began.
    pub runs: Vec<WantedRun>,
    /// Metrics in the order of their events; only ever appended to.
    pub points: Vec<Point>,
    /// Data sets; only ever appended to.
    pub inputs: Vec<Input>,
    /// Artifacts of the run by path. May change.
    pub artifacts: BTreeMap<String, Content>,
    /// The model, once one is selected.
    pub model: Option<WantedModel>,
    /// The version, once a plan waits.
    pub version: Option<WantedVersion>,
    /// Whether the run has ended (it may be resumed).
    pub ended: bool,
    /// The last event taken in.
    pub seq: u64,
    /// When the run started, milliseconds.
    pub start_ms: i64,
}

impl Wanted {
    /// The run of a slot.
    pub fn run(&self, slot: &Slot) -> Option<&WantedRun> {
        self.runs.iter().find(|r| r.slot == *slot)
    }
}
