//! A project as the sender sees it: its runs from their logs and files, its decisions from the
//! journal. Reads, never writes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::fact::Wanted;
use super::projection::{Around, Projection, RunFiles};
use crate::approval::{Journal, JournalRecord};
use crate::config::TrackingConfig;
use crate::error::CommandError;
use crate::events::{LogReader, StageName};
use crate::findings::{Acknowledgement, acknowledgements};
use crate::hash;
use crate::runs::{CONFIG_FILE, EVENTS_FILE, RunId, RunStore, liveness};
use crate::secrets::shown_address;
use crate::workspace::Workspace;

/// The schema in a run's folder.
const SCHEMA_FILE: &str = "schema.json";

/// A project.
pub struct Project {
    /// Where it lies.
    pub workspace: Workspace,
    /// Its settings.
    pub tracking: TrackingConfig,
    /// Its runs, oldest first.
    pub runs: Vec<RunId>,
    records: Vec<JournalRecord>,
    /// The newest run with a plan.
    challenger: Option<RunId>,
    /// What is wrong with the journal, when something is.
    pub journal_problem: Option<String>,
}

/// A run and what it looks like without reading all of it.
pub struct RunSource<'a> {
    /// The run.
    pub run: RunId,
    /// Its folder.
    pub dir: PathBuf,
    decisions: Vec<&'a JournalRecord>,
    acknowledged: Vec<Acknowledgement>,
    champion: bool,
    challenger: bool,
    alive: bool,
    log_bytes: u64,
    model: &'a str,
}

impl Project {
    /// Looks at a project.
    ///
    /// # Errors
    /// When `Artifacts/` cannot be read.
    pub fn open(workspace: &Workspace, tracking: &TrackingConfig) -> Result<Self, CommandError> {
        let mut runs = RunStore::new(workspace).list()?;
        runs.reverse();
        // A damaged journal stops pushes, not figures: they are sent without decisions.
        let (records, journal_problem) = match Journal::read(workspace) {
            Ok(records) => (records, None),
            Err(e) => (
                Vec::new(),
                Some(format!("{e}; decisions and aliases are not sent")),
            ),
        };
        let challenger = runs
            .iter()
            .rev()
            .find(|run| {
                let stage = workspace.run_dir(run).join(StageName::ModelPusher.as_str());
                stage.join("plan.json").is_file()
            })
            .cloned();
        Ok(Self {
            workspace: workspace.clone(),
            tracking: tracking.clone(),
            runs,
            records,
            challenger,
            journal_problem,
        })
    }

    /// The run whose model is in production.
    pub fn champion(&self) -> Option<RunId> {
        Journal::in_production(&self.records)?
            .subject
            .run_id
            .parse()
            .ok()
    }

    /// The newest run with an accepted plan.
    pub fn challenger(&self) -> Option<&RunId> {
        self.challenger.as_ref()
    }

    /// A run, without reading its log.
    pub fn source(&self, run: &RunId) -> RunSource<'_> {
        let dir = self.workspace.run_dir(run);
        RunSource {
            // The lock before the log, as everywhere: a worker that ends in between is seen as
            // ended.
            alive: liveness(&dir).is_ok_and(|l| l.is_held()),
            log_bytes: dir.join(EVENTS_FILE).metadata().map_or(0, |m| m.len()),
            decisions: self
                .records
                .iter()
                .filter(|r| r.subject.run_id == run.as_str())
                .collect(),
            // Notes that cannot be read stop nothing: they are sent when they can.
            acknowledged: acknowledgements(&dir).unwrap_or_default().list,
            champion: self.champion().as_ref() == Some(run),
            challenger: self.challenger.as_ref() == Some(run),
            model: &self.tracking.model,
            run: run.clone(),
            dir,
        }
    }
}

impl RunSource<'_> {
    /// A text that changes whenever the wanted state may.
    pub fn fingerprint(&self) -> String {
        format!(
            "{} {} {} {} {} {}",
            self.log_bytes,
            self.decisions.last().map_or("-", |r| r.hash.as_str()),
            self.acknowledged.len(),
            self.champion,
            self.challenger,
            self.alive,
        )
    }

    /// Whether a worker is at work on it.
    pub fn is_alive(&self) -> bool {
        self.alive
    }

    /// Reads the run and says what the server should hold; `None` before it has begun.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn wanted(&self) -> Result<Option<Wanted>, CommandError> {
        let path = self.dir.join(EVENTS_FILE);
        let lines = LogReader::open(&path).read_all().map_err(|e| {
            CommandError::backend(format!("{} cannot be read", path.display())).because(e)
        })?;
        let projection = Projection::replay(lines.iter().filter_map(|l| l.event()));
        let around = Around {
            decisions: self.decisions.clone(),
            acknowledged: &self.acknowledged,
            champion: self.champion,
            challenger: self.challenger,
            alive: self.alive,
            model: self.model,
        };
        Ok(projection.wanted(&self.files(), &around))
    }

    fn files(&self) -> RunFiles {
        let schema = fs::read(self.dir.join(SCHEMA_FILE)).ok();
        let evaluation = self
            .dir
            .join(StageName::ModelEvaluation.as_str())
            .join("evaluation.json");
        RunFiles {
            config: fs::read_to_string(self.dir.join(CONFIG_FILE))
                .ok()
                .and_then(|text| toml::from_str::<toml::Value>(&text).ok())
                .and_then(|config| serde_json::to_value(config).ok()),
            schema_sha256: schema.as_deref().map(hash::sha256),
            schema: schema.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
            git_commit: request(&self.dir)
                .and_then(|r| Some(r.get("git_commit")?.as_str()?.to_owned())),
            curves: fs::read(evaluation)
                .ok()
                .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
                .and_then(|mut document| Some(document.get_mut("curves")?.take())),
        }
    }
}

fn request(dir: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(dir.join(crate::runs::REQUEST_FILE)).ok()?).ok()
}

/// How the cursor names a server and experiment.
pub fn server_key(address: &str, experiment: &str) -> String {
    format!("{} {experiment}", shown_address(address))
}
