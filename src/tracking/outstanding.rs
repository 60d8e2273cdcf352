//! What a server has not got yet: wanted state minus what the cursor says. Pure.

use super::cursor::{RunCursor, mark};
use super::fact::{
    Content, Input, Point, Slot, Status, Wanted, WantedModel, WantedRun, WantedVersion,
};
use super::mlflow::Capability as Level;
use super::mlflow::{Param, Tag};
use super::server::{Batch, SentPoint};

/// What is left of one run.
#[derive(Debug, Default)]
pub struct Outstanding<'a> {
    /// Runs to be made.
    pub runs: Vec<&'a WantedRun>,
    /// Parameters and tags by slot.
    pub batches: Vec<(Slot, Batch)>,
    /// Metric points.
    pub points: &'a [Point],
    /// Data sets.
    pub inputs: &'a [Input],
    /// Artifacts by path.
    pub artifacts: Vec<(&'a str, &'a Content)>,
    /// The model.
    pub model: Option<&'a WantedModel>,
    /// The version to be made.
    pub version: Option<&'a WantedVersion>,
    /// Tags of the version that was made.
    pub version_tags: Vec<(String, String)>,
    /// Status and end of runs.
    pub statuses: Vec<&'a WantedRun>,
}

impl Outstanding<'_> {
    /// How many facts.
    pub fn count(&self) -> u64 {
        let batches: usize = self.batches.iter().map(|(_, b)| b.len()).sum();
        (self.runs.len()
            + batches
            + self.points.len()
            + self.inputs.len()
            + self.artifacts.len()
            + usize::from(self.model.is_some())
            + usize::from(self.version.is_some())
            + self.version_tags.len()
            + self.statuses.len()) as u64
    }
}

/// Names of facts in the cursor and in dead letters.
pub mod names {
    use super::{Point, Slot};

    /// A run itself; dead when somebody deleted it on the server.
    pub fn run(slot: &Slot) -> String {
        format!("make {slot}")
    }
    /// A parameter.
    pub fn param(slot: &Slot, name: &str) -> String {
        format!("param {slot} {name}")
    }
    /// A tag.
    pub fn tag(slot: &Slot, name: &str) -> String {
        format!("tag {slot} {name}")
    }
    /// A metric point; only in dead letters.
    pub fn point(point: &Point) -> String {
        format!("metric {} {} step {}", point.slot, point.name, point.step)
    }
    /// A data set; only in dead letters.
    pub fn input(name: &str) -> String {
        format!("data set {name}")
    }
    /// An artifact.
    pub fn artifact(path: &str) -> String {
        format!("artifact {path}")
    }
    /// Status and end of a run.
    pub fn status(slot: &Slot) -> String {
        format!("status {slot}")
    }
    /// A tag of the version.
    pub fn version_tag(name: &str) -> String {
        format!("version tag {name}")
    }
    /// The model.
    pub const MODEL: &str = "model ";
    /// The version.
    pub const VERSION: &str = "version";
}

/// The value of a run's status fact.
pub fn status_value(status: Status, end_ms: Option<i64>) -> String {
    format!("{status:?} {end_ms:?}")
}

/// The value of the model fact: with logged models it is another thing than a folder of the run.
pub fn model_value(model: &WantedModel, level: Level) -> String {
    let form = if level == Level::Full {
        "logged"
    } else {
        "folder"
    };
    format!("{} {form}", model.key)
}

/// A tag as the server stores it.
pub fn stored_tag(name: &str, value: &str) -> (String, String) {
    let tag = Tag::short(name, value);
    (tag.key().to_owned(), tag.value().to_owned())
}

/// A parameter as the server stores it. Older servers refuse an empty value.
pub fn stored_param(name: &str, value: &str) -> (String, String) {
    let value = if value.is_empty() { "(empty)" } else { value };
    let (param, _) = Param::new(name, value);
    (param.key().to_owned(), param.value().to_owned())
}

/// A point as the server stores it.
pub fn stored_point(point: &Point) -> SentPoint {
    SentPoint {
        name: super::mlflow::clean_key(&point.name).into_owned(),
        value: point.value,
        step: point.step,
        at_ms: point.at_ms,
    }
}

/// Whether somebody deleted this run on the server: nothing more is sent to it.
pub fn is_gone(run: &WantedRun, cursor: &RunCursor) -> bool {
    cursor.is_dead(&names::run(&run.slot), &mark(&run.key))
}

/// Computes what is left at a level; `None` level: no server has been reached yet, everything
/// that the highest step would take is counted.
pub fn outstanding<'a>(
    wanted: &'a Wanted,
    cursor: &RunCursor,
    level: Option<Level>,
) -> Outstanding<'a> {
    let fresh = RunCursor::default();
    // A cursor of another log says nothing about this one.
    let cursor = if cursor.key == wanted.key {
        cursor
    } else {
        &fresh
    };
    let mut left = Outstanding::default();
    if wanted
        .run(&Slot::Parent)
        .is_none_or(|run| is_gone(run, cursor))
    {
        return left;
    }
    let level = level.or(cursor.level).unwrap_or(Level::Full);
    for run in wanted.runs.iter().filter(|run| !is_gone(run, cursor)) {
        if !cursor.runs.contains_key(&run.slot.key()) {
            left.runs.push(run);
        }
        let mut batch = Batch::default();
        for (name, value) in &run.params {
            let (name, value) = stored_param(name, value);
            if !cursor.is_done(&names::param(&run.slot, &name), &value) {
                batch.params.push((name, value));
            }
        }
        for (name, value) in &run.tags {
            let (name, value) = stored_tag(name, value);
            if !cursor.is_done(&names::tag(&run.slot, &name), &value) {
                batch.tags.push((name, value));
            }
        }
        if !batch.is_empty() {
            left.batches.push((run.slot.clone(), batch));
        }
        let status = status_value(run.status, run.end_ms);
        // A run is made as running.
        let fact = names::status(&run.slot);
        let said = run.status != Status::Running || cursor.facts.contains_key(&fact);
        if said && !cursor.is_done(&fact, &status) {
            left.statuses.push(run);
        }
    }
    left.points = wanted.points.get(cursor.points..).unwrap_or(&[]);
    left.inputs = wanted.inputs.get(cursor.inputs..).unwrap_or(&[]);
    for (path, content) in &wanted.artifacts {
        if !cursor.is_done(&names::artifact(path), &content.sha256()) {
            left.artifacts.push((path, content));
        }
    }
    if let Some(model) = &wanted.model {
        if !cursor.is_done(names::MODEL, &model_value(model, level)) {
            left.model = Some(model);
        }
        // On the lowest step the version stands in the run's tags.
        if let Some(version) = wanted.version.as_ref().filter(|_| level >= Level::Registry) {
            let made = cursor
                .version
                .as_ref()
                .is_some_and(|v| v.key == version.key);
            if !made && !cursor.is_dead(names::VERSION, &mark(&version.key)) {
                left.version = Some(version);
            }
            if made {
                for (name, value) in &version.tags {
                    let (name, value) = stored_tag(name, value);
                    if !cursor.is_done(&names::version_tag(&name), &value) {
                        left.version_tags.push((name, value));
                    }
                }
            }
        }
    }
    left
}
