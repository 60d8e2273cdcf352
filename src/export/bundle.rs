//! What is exported: a model with everything a prediction needs.

use std::path::Path;

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::dataset::{self, Frame};
use crate::error::CommandError;
use crate::events::StageName;
use crate::learners::Model;
use crate::pipeline::data_transformation::Preprocessor;
use crate::pipeline::model_evaluation::Contender;
use crate::pipeline::model_trainer::{SELECTED_FILE, Selected};
use crate::runs::{RunId, RunStore};
use crate::schema::Schema;
use crate::storage::{Champion, load_champion};
use crate::workspace::Workspace;

/// Rows of an input example.
const EXAMPLE_ROWS: usize = 5;

/// A model with everything a prediction needs, and where it came from.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The model.
    pub model: Model,
    /// Its preprocessor.
    pub preprocessor: Preprocessor,
    /// The schema it was trained with.
    pub schema: Schema,
    /// Its operating point (binary tasks).
    pub threshold: Option<f64>,
    /// The run that made it.
    pub run_id: RunId,
    /// Its version (`v3`), once it has been pushed.
    pub version: Option<String>,
    /// A few rows of its train split as an example of an input, where they are kept. They leave
    /// the house with the model: only the feature columns are ever written.
    pub example: Option<Frame>,
}

impl Bundle {
    /// The selected model of a finished run.
    ///
    /// # Errors
    /// Not found when the run has not trained a model; what the files say otherwise.
    pub fn of_run(workspace: &Workspace, run: &RunId) -> Result<Self, CommandError> {
        let dir = workspace.run_dir(run);
        let contender = Contender::of_run(run.as_str(), &dir)?;
        let selected = read_selected(&dir)?;
        Ok(Self {
            model: contender.model,
            preprocessor: contender.preprocessor,
            schema: contender.schema,
            threshold: selected.threshold,
            run_id: run.clone(),
            version: None,
            example: contender.train.as_ref().and_then(first_rows),
        })
    }
    /// The champion.
    pub fn of_champion(champion: &Champion) -> Self {
        let reference = champion.reference.as_ref();
        Self {
            model: champion.model.clone(),
            preprocessor: champion.preprocessor.clone(),
            schema: champion.schema.clone(),
            threshold: champion.threshold,
            run_id: champion.run_id.clone(),
            version: Some(champion.version.clone()),
            // A snapshot that cannot be read counts as not kept.
            example: reference
                .and_then(|path| dataset::read_frame(path).ok())
                .as_ref()
                .and_then(first_rows),
        }
    }
    /// The model that `champion`, a run's id or a part of one names.
    ///
    /// # Errors
    /// Not found when there is no such thing.
    pub fn named(workspace: &Workspace, text: &str) -> Result<Self, CommandError> {
        if text != "champion" {
            let run = RunStore::new(workspace).resolve(text)?;
            return Self::of_run(workspace, &run);
        }
        let champion = load_champion(workspace)?.ok_or_else(|| {
            CommandError::not_found("there is no model in production yet")
                .hint("Name a run: `netsec runs` lists them.")
        })?;
        Ok(Self::of_champion(&champion))
    }
    /// When its run was made, to the minute: the time of an export would make every export of the
    /// same model another file.
    pub fn made_at(&self) -> DateTime<Utc> {
        let minute = self.run_id.as_str().get(..13).unwrap_or_default();
        NaiveDateTime::parse_from_str(&format!("{minute}00"), "%Y%m%d-%H%M%S")
            .map(|time| time.and_utc())
            .unwrap_or_default()
    }
    /// What it is, in a few words.
    pub fn title(&self) -> String {
        match &self.version {
            Some(version) => format!("{version}, {} of run {}", self.model.learner, self.run_id),
            None => format!("{} of run {}", self.model.learner, self.run_id),
        }
    }
    /// Facts about the model by name, for the formats that have a place for such.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("netsec.run_id", self.run_id.to_string()),
            ("netsec.learner", self.model.learner.to_string()),
            (
                "netsec.classes",
                serde_json::Value::from(self.model.classes.clone()).to_string(),
            ),
            ("netsec.schema_sha256", self.schema.sha256()),
        ];
        if let Some(version) = &self.version {
            facts.push(("netsec.version", version.clone()));
        }
        if let Some(threshold) = self.threshold {
            facts.push(("netsec.threshold", threshold.to_string()));
        }
        facts
    }
}

fn read_selected(run_dir: &Path) -> Result<Selected, CommandError> {
    let path = run_dir
        .join(StageName::ModelTrainer.as_str())
        .join(SELECTED_FILE);
    let bytes = std::fs::read(&path).map_err(|e| {
        CommandError::backend(format!("{} cannot be read", path.display())).because(e)
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|e| CommandError::data(format!("{} is damaged: {e}", path.display())))
}

fn first_rows(frame: &Frame) -> Option<Frame> {
    let rows: Vec<usize> = (0..frame.rows().min(EXAMPLE_ROWS)).collect();
    frame.take(&rows).ok()
}
