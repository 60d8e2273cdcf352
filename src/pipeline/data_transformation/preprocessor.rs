//! The fitted preprocessor: from a table to the learner's matrix, in an open, versioned format.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::TransformationConfig;
use crate::dataset::{Frame, Matrix, TrainFrame};
use crate::error::CommandError;
use crate::schema::Schema;

/// Why a table could not be transformed.
#[derive(Debug, Error)]
pub enum TransformError {
    /// Not built yet.
    #[error("not built yet")]
    NotBuilt,
}

impl From<TransformError> for CommandError {
    fn from(e: TransformError) -> Self {
        CommandError::data(e.to_string())
    }
}

/// What to do with which column; made from schema and settings, knows no data.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformationPlan {
    settings: TransformationConfig,
    schema: Schema,
}

impl TransformationPlan {
    /// Plans the transformation of the schema's feature columns.
    pub fn new(schema: &Schema, settings: &TransformationConfig) -> Self {
        Self {
            settings: settings.clone(),
            schema: schema.clone(),
        }
    }
}

/// The fitted preprocessor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessor {}

impl Preprocessor {
    /// Learns medians, vocabularies and scales from the train split.
    pub fn fit(train: &TrainFrame, plan: &TransformationPlan) -> Result<Self, TransformError> {
        let _ = (train, &plan.settings, &plan.schema);
        Err(TransformError::NotBuilt)
    }
    /// Makes the matrix of a table with the feature columns; other columns are left alone.
    pub fn transform(&self, frame: &Frame) -> Result<Matrix, TransformError> {
        let _ = frame;
        Err(TransformError::NotBuilt)
    }
    /// Writes `preprocessor.json`.
    pub fn save(&self, path: &Path) -> Result<(), TransformError> {
        let _ = path;
        Err(TransformError::NotBuilt)
    }
    /// Reads `preprocessor.json`.
    pub fn load(path: &Path) -> Result<Self, TransformError> {
        let _ = path;
        Err(TransformError::NotBuilt)
    }
}
