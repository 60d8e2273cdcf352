//! The run log as MLflow should show it: a pure function from events to wanted state.
//!
//! Whatever was wanted after some events is still wanted, unchanged, after more of them, but for
//! what [`may_change`] names (and status, end, artifacts and the version's tags): there the last
//! value counts. That is what makes sending in pieces, again, or after a week the same thing.

mod documents;
mod params;
mod points;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use self::points::Points;
pub use self::tags::may_change;
pub(super) use self::tags::{KEY, ROOT};
use super::fact::{Content, Input, Slot, Status, Wanted, WantedModel, WantedRun, WantedVersion};
use crate::approval::JournalRecord;
use crate::events::{ArtifactRef, Envelope, Event, GateVerdict, Outcome, RunState, StageName};
use crate::findings::Acknowledgement;
use crate::hash;
use crate::runs::RunId;

/// Reports of the stages that go to the server. Rows, models and quarantine stay at home: the
/// model goes as a portable folder, and rows are nobody's business there.
const REPORTS: [&str; 8] = [
    "data_ingestion/report.json",
    "data_validation/validation.json",
    "data_validation/drift.json",
    "data_transformation/report.json",
    "model_trainer/trainer.json",
    "model_evaluation/evaluation.json",
    "model_pusher/plan.json",
    "model_pusher/schema.json",
];

/// Characters of a digest that the server takes.
const DIGEST: usize = 32;

/// What is known of a run besides its events: files that were frozen when it was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunFiles {
    /// The configuration it was made with.
    pub config: Option<Value>,
    /// Its schema.
    pub schema: Option<Value>,
    /// SHA-256 of the schema file.
    pub schema_sha256: Option<String>,
    /// The commit the project's folder was at.
    pub git_commit: Option<String>,
    /// Receiver operating characteristic and precision-recall curves of the evaluation.
    pub curves: Option<Value>,
}

/// What surrounds a run and may change while its log does not.
#[derive(Clone, Debug, Default)]
pub struct Around<'a> {
    /// Decisions on this run, from the journal, in order.
    pub decisions: Vec<&'a JournalRecord>,
    /// Findings that somebody has taken note of, in order.
    pub acknowledged: &'a [Acknowledgement],
    /// Whether its model is in production.
    pub champion: bool,
    /// Whether its plan is the newest.
    pub challenger: bool,
    /// Whether a worker is at work on it.
    pub alive: bool,
    /// The name models are registered under.
    pub model: &'a str,
}

/// The first start of a run.
#[derive(Clone, Debug)]
struct Beginning {
    at: DateTime<Utc>,
    run_id: RunId,
    user: String,
    from: String,
    note: Option<String>,
    program: String,
    key: String,
}

/// The child run of a learner.
#[derive(Clone, Debug)]
struct LearnerRun {
    id: String,
    started_at: DateTime<Utc>,
    ended: Option<(DateTime<Utc>, Status)>,
    params: BTreeMap<String, String>,
}

/// The fold. Take all events in, then ask for the [`Wanted`] state.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    state: RunState,
    beginning: Option<Beginning>,
    learners: Vec<LearnerRun>,
    points: Points,
    inputs: Vec<(String, u64, u64)>,
    reports: BTreeMap<String, ArtifactRef>,
}

impl Projection {
    /// Folds a whole log.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Envelope>) -> Self {
        let mut projection = Self::default();
        for envelope in events {
            projection.apply(envelope);
        }
        projection
    }

    /// The state of the run itself.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Takes one event in.
    pub fn apply(&mut self, envelope: &Envelope) {
        self.state.apply(envelope);
        self.begin(envelope);
        self.learner(envelope);
        self.points.apply(envelope, &self.state);
        match &envelope.event {
            Event::DataIngested {
                digest,
                kept,
                features,
                ..
            } if !self.inputs.iter().any(|(d, ..)| d == digest) => {
                self.inputs.push((digest.clone(), *kept, *features));
            }
            Event::StageFinished { artifacts, .. } | Event::StageReused { artifacts, .. } => {
                for file in artifacts {
                    if REPORTS.contains(&file.path.as_str()) {
                        self.reports.insert(file.path.clone(), file.clone());
                    }
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, envelope: &Envelope) {
        let Event::RunStarted {
            run_id,
            by,
            config_sha256,
            program,
            note,
            pid,
            ..
        } = &envelope.event
        else {
            return;
        };
        if self.beginning.is_some() {
            return;
        }
        // Run ids carry 16 random bits: two projects may well have the same one some day.
        let at = envelope.at;
        let whole = format!("{run_id} {} {config_sha256} {pid}", at.to_rfc3339());
        self.beginning = Some(Beginning {
            at,
            run_id: run_id.clone(),
            user: by.name.clone(),
            from: by.from.clone(),
            note: note.clone(),
            program: program.clone(),
            key: key(&whole, "run"),
        });
    }

    fn learner(&mut self, envelope: &Envelope) {
        let (id, end) = match &envelope.event {
            Event::FitStarted { learner, .. } => (learner, None),
            Event::LearnerFinished { learner, .. } => (learner, Some(Status::Finished)),
            Event::LearnerFailed { learner, .. } => (learner, Some(Status::Failed)),
            Event::TestMeasured(measured) => (&measured.learner, None),
            Event::MetricObserved { learner, .. } | Event::CurveMeasured { learner, .. } => {
                (learner, None)
            }
            _ => return,
        };
        let at = match self.learners.iter().position(|l| l.id == *id) {
            Some(at) => at,
            None => {
                self.learners.push(LearnerRun {
                    id: id.clone(),
                    started_at: envelope.at,
                    ended: None,
                    params: BTreeMap::new(),
                });
                self.learners.len() - 1
            }
        };
        let learner = &mut self.learners[at];
        if let Some(status) = end {
            learner.ended = Some((envelope.at, status));
        } else if matches!(envelope.event, Event::FitStarted { .. }) {
            learner.ended = None;
        }
        if let Event::LearnerFinished { params, .. } = &envelope.event {
            for (name, value) in params::flatten("", params) {
                // The first value counts: the server refuses another one.
                learner.params.entry(name).or_insert(value);
            }
        }
    }

    /// What the server should hold now; `None` before the run has started.
    pub fn wanted(&self, files: &RunFiles, around: &Around<'_>) -> Option<Wanted> {
        let begun = self.beginning.as_ref()?;
        let state = &self.state;
        let (status, ended_at) = self.standing(around.alive);
        let version = self.version(begun, around);
        let mut runs = vec![WantedRun {
            slot: Slot::Parent,
            key: begun.key.clone(),
            name: begun.run_id.to_string(),
            user: begun.user.clone(),
            start_ms: ms(begun.at),
            params: files
                .config
                .as_ref()
                .map(params::of_config)
                .unwrap_or_default(),
            tags: tags::of_run(&tags::Known {
                state,
                files,
                around,
                key: &begun.key,
                run_id: &begun.run_id,
                user: &begun.user,
                from: &begun.from,
                note: begun.note.as_deref(),
                program: &begun.program,
                outcome: outcome_word(status, state.outcome),
                version: version.as_ref(),
            }),
            status,
            end_ms: ended_at.map(ms),
        }];
        for learner in &self.learners {
            let key = key(&begun.key, &learner.id);
            let (status, ended) = match learner.ended {
                Some((at, status)) => (status, Some(at)),
                None => (status, ended_at),
            };
            runs.push(WantedRun {
                slot: Slot::Learner(learner.id.clone()),
                name: format!("{} {}", begun.run_id, learner.id),
                user: begun.user.clone(),
                start_ms: ms(learner.started_at),
                params: learner.params.clone(),
                tags: tags::of_learner(
                    state,
                    &learner.id,
                    &key,
                    begun.key.as_str(),
                    &begun.run_id,
                    &begun.user,
                ),
                key,
                status,
                end_ms: ended.map(ms),
            });
        }
        let artifacts = self.artifacts(files, around, begun);
        if let (Some(run), Some(manifest)) = (runs.first_mut(), artifacts.get(documents::MANIFEST))
        {
            run.tags
                .insert(tags::MANIFEST.to_owned(), manifest.sha256());
        }
        Some(Wanted {
            run_id: begun.run_id.clone(),
            key: begun.key.clone(),
            runs,
            points: self.points.list().to_vec(),
            inputs: self.inputs(files),
            artifacts,
            model: self.model(begun),
            version,
            ended: status != Status::Running,
            seq: state.last_seq,
            start_ms: ms(begun.at),
        })
    }

    /// Status and end of the run. A log without an end and without a worker is a crash.
    fn standing(&self, alive: bool) -> (Status, Option<DateTime<Utc>>) {
        let state = &self.state;
        match state.outcome {
            Outcome::Finished => (Status::Finished, state.finished_at),
            Outcome::Failed => (Status::Failed, state.finished_at),
            Outcome::Cancelled => (Status::Killed, state.finished_at),
            Outcome::Running | Outcome::Stalled | Outcome::Crashed if alive => {
                (Status::Running, None)
            }
            Outcome::Running | Outcome::Stalled | Outcome::Crashed => {
                (Status::Failed, state.last_event_at)
            }
        }
    }

    fn inputs(&self, files: &RunFiles) -> Vec<Input> {
        let source = |name: &str| files.config.as_ref()?.get("source")?.get(name)?.as_str();
        let mongodb = source("kind") == Some("mongodb");
        let place = if mongodb {
            format!(
                "{}.{}",
                source("database").unwrap_or("-"),
                source("collection").unwrap_or("-")
            )
        } else {
            source("path").unwrap_or("data").to_owned()
        };
        self.inputs
            .iter()
            .map(|(digest, kept, features)| Input {
                name: place.clone(),
                digest: digest.chars().take(DIGEST).collect(),
                source_type: if mongodb { "mongodb" } else { "local" }.to_owned(),
                source: json!({"source": place, "digest": digest}).to_string(),
                schema: files.schema.as_ref().map(documents::columns),
                profile: json!({"num_rows": kept, "features": features}).to_string(),
            })
            .collect()
    }

    fn artifacts(
        &self,
        files: &RunFiles,
        around: &Around<'_>,
        begun: &Beginning,
    ) -> BTreeMap<String, Content> {
        let mut found: BTreeMap<String, Content> = self
            .reports
            .values()
            .map(|file| {
                let content = Content::File {
                    path: file.path.clone(),
                    sha256: file.sha256.clone(),
                };
                (file.path.clone(), content)
            })
            .collect();
        let texts = documents::of_run(&self.state, files, around);
        found.extend(
            texts
                .into_iter()
                .map(|(path, text)| (path, Content::Text(text))),
        );
        if self.state.finished_at.is_some() {
            let hashes: BTreeMap<&str, String> = found
                .iter()
                .map(|(path, c)| (path.as_str(), c.sha256()))
                .collect();
            let manifest = json!({"run_id": begun.run_id, "files": hashes});
            found.insert(
                documents::MANIFEST.to_owned(),
                Content::Text(format!("{manifest:#}\n")),
            );
        }
        found
    }

    /// The model of the run, once its evaluation is done: before that the selection may still
    /// turn out to be of no use.
    fn model(&self, begun: &Beginning) -> Option<WantedModel> {
        let state = &self.state;
        let learner = state.selected.as_ref()?;
        state.learner.get(learner)?.test.as_ref()?;
        let hash_of = |stage: StageName, path: String| {
            let artifacts = &state.stage(stage).artifacts;
            artifacts
                .iter()
                .find(|a| a.path == path)
                .map(|a| a.sha256.clone())
        };
        let model_sha256 = hash_of(
            StageName::ModelTrainer,
            format!("model_trainer/{learner}.json"),
        )?;
        let preprocessor_sha256 = hash_of(
            StageName::DataTransformation,
            "data_transformation/preprocessor.json".to_owned(),
        )?;
        let threshold = state
            .threshold
            .map_or_else(|| "none".to_owned(), |t| t.to_string());
        let key = key(
            &begun.key,
            &format!("model {model_sha256} {preprocessor_sha256} {threshold}"),
        );
        let tags = [
            (tags::KEY, key.clone()),
            (tags::ROOT, begun.key.clone()),
            ("netsec.run_id", begun.run_id.to_string()),
            ("netsec.learner", learner.clone()),
            ("netsec.model_sha256", model_sha256.clone()),
            ("netsec.preprocessor_sha256", preprocessor_sha256.clone()),
            ("netsec.threshold", threshold),
        ];
        Some(WantedModel {
            key,
            learner: learner.clone(),
            model_sha256,
            preprocessor_sha256,
            tags: tags.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            params: self
                .learners
                .iter()
                .find(|l| l.id == *learner)
                .map(|l| l.params.clone())
                .unwrap_or_default(),
            seq: state.last_seq,
        })
    }

    /// The version of an accepted plan.
    fn version(&self, begun: &Beginning, around: &Around<'_>) -> Option<WantedVersion> {
        let state = &self.state;
        let (plan_id, version) = state.plan.as_ref()?;
        if !matches!(state.gate, Some((GateVerdict::Accept, _))) {
            return None;
        }
        let model = self.model(begun)?;
        let key = key(&begun.key, &format!("version {plan_id}"));
        let tags = tags::of_version(state, &model, around, &key, begun, plan_id, version);
        Some(WantedVersion {
            description: format!(
                "{version}: {} of run {}, planned as {plan_id}. Who decided what stands in the tags and in the project's journal.",
                model.learner, begun.run_id
            ),
            key,
            version: version.clone(),
            tags,
        })
    }
}

/// The word of the outcome tag.
fn outcome_word(status: Status, recorded: Outcome) -> &'static str {
    match (status, recorded) {
        (Status::Running, _) => "running",
        (Status::Finished, _) => "finished",
        (Status::Killed, _) => "cancelled",
        (Status::Failed, Outcome::Failed) => "failed",
        (Status::Failed, _) => "crashed",
    }
}

/// An idempotency key: 32 hex characters over a root and what it is for.
fn key(root: &str, what: &str) -> String {
    let mut key = hash::sha256(format!("netsec {root} {what}").as_bytes());
    key.truncate(32);
    key
}

/// Whole milliseconds, never before 1970: the server refuses negative ones.
fn ms(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis().max(0)
}
