//! What the sender needs of a tracking server, and nothing more. The real one is
//! [`super::mlflow_server`]; tests have one that loses, doubles and delays.

use std::collections::BTreeMap;
use std::path::Path;

use thiserror::Error;

use super::fact::{Input, Status};
use super::mlflow::Capability as Level;

/// What a failure means for the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answers, or not in good health: later.
    Down,
    /// Nothing can be sent until a person does something: credentials, address.
    Blocked,
    /// This one thing is not allowed.
    Forbidden,
    /// The same request is wrong for ever.
    Rejected,
    /// The thing it is about is not there.
    Missing,
    /// The server has no such call.
    Unsupported,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Trouble; 6] = [
        Trouble::Down,
        Trouble::Blocked,
        Trouble::Forbidden,
        Trouble::Rejected,
        Trouble::Missing,
        Trouble::Unsupported,
    ];
    /// Its name, stable: the label of a counter.
    pub fn as_str(self) -> &'static str {
        match self {
            Trouble::Down => "down",
            Trouble::Blocked => "blocked",
            Trouble::Forbidden => "forbidden",
            Trouble::Rejected => "rejected",
            Trouble::Missing => "missing",
            Trouble::Unsupported => "unsupported",
        }
    }
}

/// A call that failed after all repetitions that make sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct SendError {
    /// What it means.
    pub trouble: Trouble,
    /// A sentence without secrets.
    pub text: String,
    /// What to do, a sentence.
    pub hint: String,
}

/// A run as the server has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteRun {
    /// The server's id.
    pub id: String,
    /// Where its artifacts lie, in the server's words.
    pub root: String,
    /// How it stands.
    pub status: Option<Status>,
    /// When it ended.
    pub end_ms: Option<i64>,
    /// Whether somebody deleted it.
    pub deleted: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Parameters.
    pub params: BTreeMap<String, String>,
    /// Names of metrics with at least one point.
    pub metrics: Vec<String>,
    /// Data sets: name and digest.
    pub inputs: Vec<(String, String)>,
}

/// A logged model as the server has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteModel {
    /// The server's id.
    pub id: String,
    /// Where its files lie, in the server's words.
    pub root: String,
    /// Whether it is marked as whole.
    pub ready: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A registered version as the server has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteVersion {
    /// Its number.
    pub number: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A run to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct RunToMake {
    /// Its name.
    pub name: String,
    /// Who started it.
    pub user: String,
    /// When.
    pub start_ms: i64,
    /// Tags, the idempotency key among them.
    pub tags: BTreeMap<String, String>,
}

/// A metric point as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct SentPoint {
    /// Name, as the server takes it.
    pub name: String,
    /// Value.
    pub value: f64,
    /// Step.
    pub step: i64,
    /// Time.
    pub at_ms: i64,
}

/// What goes to one run in one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Metric points.
    pub points: Vec<SentPoint>,
    /// Parameters.
    pub params: Vec<(String, String)>,
    /// Tags.
    pub tags: Vec<(String, String)>,
}

impl Batch {
    /// How many facts.
    pub fn len(&self) -> usize {
        self.points.len() + self.params.len() + self.tags.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tracking server. Calls whose repetition is harmless are repeated inside; those that make
/// something are tried once, because the caller has to look first whether it was made.
#[allow(
    async_fn_in_trait,
    reason = "its futures are awaited where they are made and never sent to another thread"
)]
pub trait Server {
    /// What it can hold.
    async fn level(&self) -> Result<Level, SendError>;
    /// Finds or makes an experiment.
    async fn experiment(&self, name: &str) -> Result<String, SendError>;
    /// Runs with a tag of this value, deleted ones left out.
    async fn find_runs(
        &self,
        experiment: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<RemoteRun>, SendError>;
    /// Reads a run, also a deleted one.
    async fn read_run(&self, id: &str) -> Result<RemoteRun, SendError>;
    /// Makes a run; tried once.
    async fn make_run(&self, experiment: &str, run: &RunToMake) -> Result<RemoteRun, SendError>;
    /// Deletes a run.
    async fn delete_run(&self, id: &str) -> Result<(), SendError>;
    /// Logs to a run. Larger ones than the server takes are divided inside.
    async fn log(&self, id: &str, batch: &Batch) -> Result<(), SendError>;
    /// Names a data set of a run.
    async fn log_input(&self, id: &str, input: &Input) -> Result<(), SendError>;
    /// Sets status and end.
    async fn update_run(
        &self,
        id: &str,
        status: Status,
        end_ms: Option<i64>,
    ) -> Result<(), SendError>;
    /// Writes a file below a root.
    async fn put_file(&self, root: &str, path: &str, file: &Path) -> Result<(), SendError>;
    /// Writes bytes below a root.
    async fn put_bytes(&self, root: &str, path: &str, bytes: &[u8]) -> Result<(), SendError>;
    /// SHA-256 of a file below a root; `None` when it is not there.
    async fn sha256_of(&self, root: &str, path: &str) -> Result<Option<String>, SendError>;
    /// Logged models with a tag of this value.
    async fn find_models(
        &self,
        experiment: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<RemoteModel>, SendError>;
    /// Makes a logged model; tried once.
    async fn make_model(
        &self,
        experiment: &str,
        name: &str,
        run: &str,
        tags: &BTreeMap<String, String>,
        params: &BTreeMap<String, String>,
    ) -> Result<RemoteModel, SendError>;
    /// Logs figures to a run that are also those of a logged model.
    async fn log_of_model(
        &self,
        run: &str,
        model: &str,
        points: &[SentPoint],
    ) -> Result<(), SendError>;
    /// Marks a logged model as whole.
    async fn finish_model(&self, id: &str) -> Result<(), SendError>;
    /// Deletes a logged model.
    async fn delete_model(&self, id: &str) -> Result<(), SendError>;
    /// Names a logged model as an output of a run.
    async fn add_output(&self, run: &str, model: &str) -> Result<(), SendError>;
    /// Finds or makes a registered model.
    async fn registered_model(&self, name: &str) -> Result<(), SendError>;
    /// Every version of a registered model.
    async fn versions(&self, name: &str) -> Result<Vec<RemoteVersion>, SendError>;
    /// Makes a version; tried once.
    async fn make_version(&self, version: &VersionToMake) -> Result<RemoteVersion, SendError>;
    /// Sets a tag of a version.
    async fn tag_version(
        &self,
        name: &str,
        number: &str,
        tag: &str,
        value: &str,
    ) -> Result<(), SendError>;
    /// Deletes a version.
    async fn delete_version(&self, name: &str, number: &str) -> Result<(), SendError>;
    /// The version an alias points at.
    async fn alias(&self, name: &str, alias: &str) -> Result<Option<String>, SendError>;
    /// Points an alias at a version.
    async fn set_alias(&self, name: &str, alias: &str, number: &str) -> Result<(), SendError>;
}

/// A version to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionToMake {
    /// The registered model.
    pub name: String,
    /// `models:/m-..`, or where the model's folder lies.
    pub source: String,
    /// The run it comes from.
    pub run: String,
    /// The logged model, where there are such.
    pub model: Option<String>,
    /// A sentence.
    pub description: String,
    /// Tags, the idempotency key among them.
    pub tags: BTreeMap<String, String>,
}
