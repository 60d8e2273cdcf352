//! A model with all it needs to score a table, and what it was trained on.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use thiserror::Error;

use crate::dataset::{self, Frame, FrameError};
use crate::error::CommandError;
use crate::events::StageName;
use crate::hash;
use crate::learners::Model;
use crate::pipeline::data_ingestion;
use crate::pipeline::data_transformation::Preprocessor;
use crate::pipeline::model_trainer::{SCHEMA_FILE, SELECTED_FILE, Selected, with_classes};
use crate::schema::Schema;
use crate::storage::Champion;

/// Why a model cannot score a table, or not as the other one does.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{0}")]
pub struct NotComparable(pub String);

/// A model with all it needs to score a table.
#[derive(Clone, Debug)]
pub struct Contender {
    /// A run id or a version, for people.
    pub name: String,
    /// The model.
    pub model: Model,
    /// Its preprocessor.
    pub preprocessor: Preprocessor,
    /// The schema it was trained with, its classes filled in.
    pub schema: Schema,
    /// Its operating point (binary tasks).
    pub threshold: Option<f64>,
    /// The rows it was trained on, while they are kept.
    pub train: Option<Frame>,
}

impl Contender {
    /// The selected model of a finished run.
    ///
    /// # Errors
    /// Not found when the run has not trained a model; what the files say otherwise.
    pub fn of_run(name: &str, run_dir: &Path) -> Result<Self, CommandError> {
        let trainer = run_dir.join(StageName::ModelTrainer.as_str());
        let path = trainer.join(SELECTED_FILE);
        if !path.is_file() {
            return Err(CommandError::not_found(format!(
                "run {name} has no selected model: its model training did not finish"
            ))
            .hint("`netsec show` says how far the run came; `netsec resume` goes on with it."));
        }
        let selected: Selected = read_json(&path)?;
        let schema: Schema = read_json(&trainer.join(SCHEMA_FILE))?;
        let model_path = trainer.join(&selected.model);
        let preprocessor_path = run_dir
            .join(StageName::DataTransformation.as_str())
            .join("preprocessor.json");
        for (path, expected) in [
            (&model_path, &selected.model_sha256),
            (&preprocessor_path, &selected.preprocessor_sha256),
        ] {
            let found = hash::sha256_file(path).map_err(|e| unreadable(path, e))?;
            if found != *expected {
                return Err(CommandError::data(format!(
                    "{} was changed after training (SHA-256 {found}, expected {expected})",
                    path.display()
                ))
                .hint("Train again; figures of a changed model would say nothing."));
            }
        }
        let ingestion = run_dir.join(StageName::DataIngestion.as_str());
        Ok(Self {
            name: name.to_owned(),
            model: Model::load(&model_path)?,
            preprocessor: Preprocessor::load(&preprocessor_path)?,
            schema,
            threshold: selected.threshold,
            train: Some(data_ingestion::load_train(&ingestion)?.0),
        })
    }
    /// The champion. A snapshot that cannot be read counts as not kept.
    pub fn of_champion(champion: &Champion) -> Self {
        Self {
            name: champion.version.clone(),
            model: champion.model.clone(),
            preprocessor: champion.preprocessor.clone(),
            schema: with_classes(&champion.schema, &champion.model.classes),
            threshold: champion.threshold,
            train: champion
                .reference
                .as_ref()
                .and_then(|path| dataset::read_frame(path).ok()),
        }
    }
    /// Class probabilities of a table's rows, row-major, in the order of `classes`.
    pub fn probabilities(
        &self,
        frame: &Frame,
        classes: &[String],
    ) -> Result<Vec<f64>, NotComparable> {
        let order: Option<Vec<usize>> = classes
            .iter()
            .map(|c| self.model.classes.iter().position(|own| own == c))
            .collect();
        let order = order
            .filter(|o| o.len() == self.model.classes.len())
            .ok_or_else(|| {
                NotComparable(format!(
                    "{} predicts the classes {}, the test rows have {}",
                    self.name,
                    self.model.classes.join(", "),
                    classes.join(", ")
                ))
            })?;
        let cannot = |e: &dyn std::fmt::Display| {
            NotComparable(format!("{} cannot score the test rows: {e}", self.name))
        };
        let x = self.preprocessor.transform(frame).map_err(|e| cannot(&e))?;
        let own = self.model.predict_proba(&x).map_err(|e| cannot(&e))?;
        if order.iter().enumerate().all(|(i, &o)| i == o) {
            return Ok(own);
        }
        Ok(own
            .chunks_exact(classes.len())
            .flat_map(|row| order.iter().map(|&o| row[o]))
            .collect())
    }
    /// Which rows of a table have a feature vector that this model was trained on; `None` when
    /// its train rows are not kept.
    pub fn seen(&self, frame: &Frame) -> Result<Option<Vec<bool>>, FrameError> {
        let Some(train) = &self.train else {
            return Ok(None);
        };
        let columns: Vec<&str> = self
            .schema
            .features()
            .map(|c| c.name.as_str())
            .filter(|c| train.has(c) && frame.has(c))
            .collect();
        let known: HashSet<[u8; 32]> = dataset::row_digests(train, &columns)?.into_iter().collect();
        Ok(Some(
            dataset::row_digests(frame, &columns)?
                .iter()
                .map(|d| known.contains(d))
                .collect(),
        ))
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CommandError> {
    let bytes = fs::read(path).map_err(|e| unreadable(path, e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| CommandError::data(format!("{} is damaged: {e}", path.display())))
}

fn unreadable(path: &Path, e: std::io::Error) -> CommandError {
    CommandError::backend(format!("{} cannot be read", path.display())).because(e)
}
