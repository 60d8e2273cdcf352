//! Gradient boosting through the real XGBoost.

use serde::{Deserialize, Serialize};

use super::{FitError, FitRequest, ModelError, XgboostParams};
use crate::dataset::Matrix;

/// A fitted booster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Xgboost {}

impl Xgboost {
    /// Fits the booster.
    ///
    /// # Errors
    /// Always: it is not linked yet.
    pub fn fit(_: &XgboostParams, _: &FitRequest<'_>) -> Result<Self, FitError> {
        Err(FitError::Library {
            learner: "xgboost",
            reason: "not linked yet".into(),
        })
    }
    pub(crate) fn check(&self, _: usize, _: usize) -> Result<(), String> {
        Err("not linked yet".into())
    }
    pub(crate) fn predict_proba(&self, _: &Matrix, _: usize) -> Result<Vec<f64>, ModelError> {
        Ok(Vec::new())
    }
    pub(crate) fn total_gain(&self) -> Vec<f64> {
        Vec::new()
    }
}
