//! The champion made ready to answer: layout and vocabularies compiled once, identity at hand.
//!
//! A [`ModelSlot`] holds the one in use. A request takes it once at its beginning and keeps it to
//! its end, so a swap changes nothing for requests in flight.

use std::sync::{Arc, PoisonError, RwLock};

use super::layout::Layout;
use super::rows::Rows;
use crate::error::CommandError;
use crate::learners::Model;
use crate::pipeline::batch_prediction::{Prediction, decide};
use crate::pipeline::data_transformation::CompiledPreprocessor;
use crate::schema::Schema;
use crate::storage::{Champion, MODEL_FILE};

/// Rows scored at once. The columns of a chunk stay in the processor's cache while they become a
/// matrix.
const CHUNK: usize = 4_096;
/// A model that answers requests.
#[derive(Clone, Debug)]
pub struct ServedModel {
    /// The name it is served under.
    pub name: String,
    /// Its version, `v3`.
    pub version: String,
    /// SHA-256 of the model file.
    pub sha256: String,
    /// The run that made it.
    pub run_id: String,
    /// Learner id.
    pub learner: String,
    /// Its operating point (binary tasks).
    pub threshold: Option<f64>,
    /// The schema it was trained with.
    pub schema: Schema,
    model: Model,
    preprocessor: CompiledPreprocessor,
    layout: Layout,
    class_names: Arc<[String]>,
    column_names: Arc<[String]>,
}

impl ServedModel {
    /// Compiles a champion.
    ///
    /// # Errors
    /// When model and preprocessor do not fit together: found here and not by the first request.
    pub fn new(name: &str, champion: Champion) -> Result<Self, CommandError> {
        let sha256 = champion
            .manifest
            .files
            .get(MODEL_FILE)
            .cloned()
            .unwrap_or_default();
        let preprocessor = CompiledPreprocessor::new(champion.preprocessor);
        let layout = Layout::new(&champion.schema, &preprocessor);
        let served = Self {
            name: name.to_owned(),
            version: champion.version,
            sha256,
            run_id: champion.run_id.to_string(),
            learner: champion.model.learner.to_string(),
            threshold: champion.threshold,
            schema: champion.schema,
            class_names: champion.model.classes.clone().into(),
            column_names: layout
                .columns()
                .iter()
                .map(|c| c.spec.name.clone())
                .collect(),
            model: champion.model,
            preprocessor,
            layout,
        };
        served.prove()?;
        Ok(served)
    }

    /// Scores one row of missing values: makes what is made at the first prediction, and finds out whether the
    /// parts fit.
    fn prove(&self) -> Result<(), CommandError> {
        let mut rows = self.rows(0);
        for column in 0..self.layout.columns().len() {
            rows.push_cell(column, super::rows::Cell::Null);
        }
        rows.end_row();
        self.score(&rows).map(|_| ())
    }

    /// Its columns.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its preprocessor.
    pub fn preprocessor(&self) -> &CompiledPreprocessor {
        &self.preprocessor
    }

    /// Class names, the harmless one first.
    pub fn classes(&self) -> &[String] {
        &self.model.classes
    }

    /// The same, to be kept by others.
    pub fn class_names(&self) -> Arc<[String]> {
        Arc::clone(&self.class_names)
    }

    /// Names of the columns, to be kept by others.
    pub fn column_names(&self) -> Arc<[String]> {
        Arc::clone(&self.column_names)
    }

    /// How many rows are best scored at once.
    pub fn chunk(&self) -> usize {
        CHUNK
    }

    /// An empty collector whose first row is row `first` of a request.
    pub fn rows(&self, first: usize) -> Rows<'_> {
        Rows::new(&self.layout, &self.preprocessor, first)
    }

    /// The prediction of every row held, readable or not.
    ///
    /// # Errors
    /// When the library behind the learner fails.
    pub fn score(&self, rows: &Rows<'_>) -> Result<Vec<Prediction>, CommandError> {
        let matrix = self.preprocessor.transform(rows.columns(), rows.len());
        let probabilities = self.model.predict_proba(&matrix)?;
        Ok(probabilities
            .chunks_exact(self.classes().len().max(1))
            .map(|row| decide(row, self.threshold))
            .collect())
    }
}

/// Holds the model in use.
#[derive(Debug, Default)]
pub struct ModelSlot {
    current: RwLock<Option<Arc<ServedModel>>>,
}

impl ModelSlot {
    /// The model in use, when there is one.
    pub fn get(&self) -> Option<Arc<ServedModel>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
    /// Puts another model in use; requests in flight keep theirs.
    pub fn set(&self, model: Option<Arc<ServedModel>>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = model;
    }
}
