//! A fitted model of any learner: probabilities, importances, and its open file format.
//!
//! `model.json` is `{"format": "netsec-model", "version": 1, learner, classes, features, body}`
//! with the learner's own body inside; no pickle, nothing executable. The bytes depend on the
//! model alone. A file is checked when it is read, so that a damaged or hostile one is an error
//! and never a panic in a later prediction.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::histogram_tree::{AdaboostModel, DecisionTreeModel, RandomForestModel};
use super::linfa_baselines::{LinfaLogistic, LinfaTree};
use super::logistic_regression::LogisticRegression;
#[cfg(feature = "xgboost")]
use super::xgboost::Xgboost;
use super::{FitError, FitRequest, LearnerId, LearnerSpec};
use crate::dataset::Matrix;
use crate::error::CommandError;
use crate::files;

const FORMAT: &str = "netsec-model";
const VERSION: u32 = 1;

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
    /// Predicts the class shares of the train rows; a floor to compare with.
    Prior(Vec<f64>),
    /// Softmax regression.
    LogisticRegression(LogisticRegression),
    /// One tree.
    DecisionTree(DecisionTreeModel),
    /// A forest.
    RandomForest(RandomForestModel),
    /// Boosted stumps.
    Adaboost(AdaboostModel),
    /// XGBoost.
    #[cfg(feature = "xgboost")]
    Xgboost(Box<Xgboost>),
    /// Baseline tree.
    LinfaTree(LinfaTree),
    /// Baseline regression.
    LinfaLogistic(LinfaLogistic),
}

/// The file as it is written.
#[derive(Serialize)]
struct Written<'a> {
    format: &'static str,
    version: u32,
    #[serde(flatten)]
    model: &'a Model,
}

/// What is read of a file before the rest.
#[derive(Deserialize)]
struct Header {
    format: Option<String>,
    version: Option<u64>,
    learner: Option<String>,
}

impl Model {
    /// Fits `spec`. The only way a model comes about.
    ///
    /// # Errors
    /// [`FitError::Cancelled`] when the control says so; otherwise what the learner reports.
    pub fn fit(spec: &LearnerSpec, request: &FitRequest<'_>) -> Result<Self, FitError> {
        let learner = spec.id();
        request.check(learner.as_str())?;
        let body = match spec {
            LearnerSpec::LogisticRegression(params) => {
                ModelBody::LogisticRegression(LogisticRegression::fit(params, request)?)
            }
            LearnerSpec::DecisionTree(params) => {
                ModelBody::DecisionTree(DecisionTreeModel::fit(params, request)?)
            }
            LearnerSpec::RandomForest(params) => {
                ModelBody::RandomForest(RandomForestModel::fit(params, request)?)
            }
            LearnerSpec::Adaboost(params) => {
                ModelBody::Adaboost(AdaboostModel::fit(params, request)?)
            }
            #[cfg(feature = "xgboost")]
            LearnerSpec::Xgboost(params) => {
                ModelBody::Xgboost(Box::new(Xgboost::fit(params, request)?))
            }
            #[cfg(not(feature = "xgboost"))]
            LearnerSpec::Xgboost(_) => {
                return Err(FitError::Library {
                    learner: learner.as_str(),
                    reason: LEFT_OUT.into(),
                });
            }
            LearnerSpec::LinfaTree(params) => {
                ModelBody::LinfaTree(LinfaTree::fit(params, request)?)
            }
            LearnerSpec::LinfaLogistic(params) => {
                ModelBody::LinfaLogistic(LinfaLogistic::fit(params, request)?)
            }
        };
        Ok(Self {
            learner,
            classes: request.y.classes.clone(),
            features: request.x.names().to_vec(),
            body,
        })
    }

    /// Class probabilities, row-major: `rows * classes` long, each row summing to 1.
    ///
    /// # Errors
    /// [`ModelError::Features`] when the matrix has other features, or values the learner cannot
    /// use; [`ModelError::Library`] when the library behind it fails.
    pub fn predict_proba(&self, x: &Matrix) -> Result<Vec<f64>, ModelError> {
        self.same_features(x)?;
        match &self.body {
            ModelBody::Prior(shares) => Ok(shares.repeat(x.rows())),
            ModelBody::LogisticRegression(m) => m
                .predict_proba(x, self.classes.len())
                .map_err(ModelError::Features),
            ModelBody::DecisionTree(m) => Ok(m.predict_proba(x)),
            ModelBody::RandomForest(m) => Ok(m.predict_proba(x)),
            ModelBody::Adaboost(m) => Ok(m.predict_proba(x)),
            #[cfg(feature = "xgboost")]
            ModelBody::Xgboost(m) => m.predict_proba(x, self.classes.len()),
            ModelBody::LinfaTree(m) => Ok(m.predict_proba(x, self.classes.len())),
            ModelBody::LinfaLogistic(m) => m
                .predict_proba(x, self.classes.len())
                .map_err(ModelError::Features),
        }
    }

    /// Importance of each feature, in the order of `features`, summing to 1 (or all 0).
    ///
    /// Trees: mean decrease in impurity; XGBoost: total gain; linear: mean |coefficient| on
    /// standardised features.
    pub fn importances(&self) -> Vec<f64> {
        let mut importances = match &self.body {
            ModelBody::Prior(_) => vec![0.0; self.features.len()],
            ModelBody::LogisticRegression(m) => m.importances(),
            ModelBody::DecisionTree(m) => m.importances().to_vec(),
            ModelBody::RandomForest(m) => m.importances().to_vec(),
            ModelBody::Adaboost(m) => m.importances().to_vec(),
            #[cfg(feature = "xgboost")]
            ModelBody::Xgboost(m) => m.total_gain(self.features.len()),
            ModelBody::LinfaTree(m) => m.importances(),
            ModelBody::LinfaLogistic(m) => m.importances(),
        };
        let sum: f64 = importances.iter().sum();
        if sum > 0.0 && sum.is_finite() {
            importances.iter_mut().for_each(|i| *i /= sum);
        }
        importances
    }

    /// Writes the model file; the bytes depend on the model alone.
    ///
    /// # Errors
    /// [`ModelError::File`] when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let written = Written {
            format: FORMAT,
            version: VERSION,
            model: self,
        };
        serde_json::to_vec(&written)
            .map_err(std::io::Error::from)
            .and_then(|mut bytes| {
                bytes.push(b'\n');
                files::write_atomic(path, &bytes)
            })
            .map_err(|source| ModelError::File {
                path: path.display().to_string(),
                source,
            })
    }

    /// Reads a model file and checks everything a prediction relies on.
    ///
    /// # Errors
    /// [`ModelError::File`] when it cannot be read, [`ModelError::Format`] when it is not a whole
    /// and sound model of a version this program knows.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let bytes = fs::read(path).map_err(|source| ModelError::File {
            path: path.display().to_string(),
            source,
        })?;
        Self::from_bytes(&bytes).map_err(|reason| ModelError::Format {
            path: path.display().to_string(),
            reason,
        })
    }

    /// Reads the bytes of a model file; the error says what is wrong with them.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let header: Header = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        match (header.format.as_deref(), header.version) {
            (Some(FORMAT), Some(version)) if version == u64::from(VERSION) => {}
            (Some(FORMAT), Some(version)) => {
                return Err(format!(
                    "its version is {version}; this program reads version {VERSION}"
                ));
            }
            (Some(FORMAT), None) => return Err("it has no version".into()),
            (Some(format), _) => return Err(format!("its format is `{format}`, not `{FORMAT}`")),
            (None, _) => return Err(format!("it does not say \"format\": \"{FORMAT}\"")),
        }
        #[cfg(not(feature = "xgboost"))]
        if header.learner.as_deref() == Some(LearnerId::Xgboost.as_str()) {
            return Err(LEFT_OUT.into());
        }
        let model: Model = serde_json::from_slice(bytes).map_err(|e| match &header.learner {
            Some(learner) => format!("{learner}: {e}"),
            None => e.to_string(),
        })?;
        model.check()?;
        Ok(model)
    }

    /// Whether the parts fit together.
    fn check(&self) -> Result<(), String> {
        let (classes, features) = (self.classes.len(), self.features.len());
        if classes < 2 {
            return Err(format!("it has {classes} classes; at least 2 are needed"));
        }
        let learner = match &self.body {
            ModelBody::Prior(shares) => {
                let sum: f64 = shares.iter().sum();
                if shares.len() != classes
                    || !shares.iter().all(|s| (0.0..=1.0).contains(s))
                    || (sum - 1.0).abs() > 1e-6
                {
                    return Err("the class shares do not fit the classes".into());
                }
                self.learner
            }
            ModelBody::LogisticRegression(m) => {
                m.check(classes, features)?;
                LearnerId::LogisticRegression
            }
            ModelBody::DecisionTree(m) => {
                same_shape(m.shape(), classes, features)?;
                LearnerId::DecisionTree
            }
            ModelBody::RandomForest(m) => {
                same_shape(m.shape(), classes, features)?;
                LearnerId::RandomForest
            }
            ModelBody::Adaboost(m) => {
                same_shape(m.shape(), classes, features)?;
                LearnerId::Adaboost
            }
            #[cfg(feature = "xgboost")]
            ModelBody::Xgboost(m) => {
                m.check(classes, features)?;
                LearnerId::Xgboost
            }
            ModelBody::LinfaTree(m) => {
                m.check(classes, features)?;
                LearnerId::LinfaTree
            }
            ModelBody::LinfaLogistic(m) => {
                m.check(classes, features)?;
                LearnerId::LinfaLogistic
            }
        };
        if learner != self.learner {
            return Err(format!(
                "it says {}, but its body is one of {learner}",
                self.learner
            ));
        }
        Ok(())
    }

    fn same_features(&self, x: &Matrix) -> Result<(), ModelError> {
        let (own, given) = (&self.features, x.names());
        if own == given {
            return Ok(());
        }
        let differs = own.iter().zip(given).position(|(a, b)| a != b);
        Err(ModelError::Features(match differs {
            Some(i) => format!(
                "number {} is `{}`, but the table has `{}` there",
                i + 1,
                own[i],
                given[i]
            ),
            None => format!("it has {}, the table {}", own.len(), given.len()),
        }))
    }
}

/// Whether trees for (features, classes) belong to a model of so many.
fn same_shape(shape: (usize, usize), classes: usize, features: usize) -> Result<(), String> {
    if shape == (features, classes) {
        return Ok(());
    }
    Err(format!(
        "its trees are for {} features and {} classes, not {features} and {classes}",
        shape.0, shape.1
    ))
}

/// Said where XGBoost is wanted but absent.
#[cfg(not(feature = "xgboost"))]
const LEFT_OUT: &str = "this build leaves XGBoost out (feature `xgboost`)";
