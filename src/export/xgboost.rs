//! XGBoost's own model file, which every XGBoost loads.
//!
//! The file predicts on the matrix that the preprocessor makes, not on raw columns: the names of
//! its features, in order, stand in the attribute `netsec.features` as a JSON list. They are not
//! set as XGBoost's feature names, because XGBoost would then refuse a plain array, and does not
//! allow every character in them.

use std::path::Path;

use super::{Bundle, ExportError};

/// The bytes of the file for this output name: `.ubj` or `.json`.
///
/// # Errors
/// When the model is not XGBoost's, or the name has another ending.
#[cfg(feature = "xgboost")]
pub fn encode(bundle: &Bundle, output: &Path) -> Result<Vec<u8>, ExportError> {
    use crate::learners::ModelBody;
    use crate::learners::xgboost::FileFormat;

    let ModelBody::Xgboost(booster) = &bundle.model.body else {
        return Err(ExportError::NotXgboost {
            learner: bundle.model.learner.as_str(),
        });
    };
    let ending = output.extension().and_then(|e| e.to_str());
    let format = match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("ubj") => FileFormat::Ubj,
        Some("json") => FileFormat::Json,
        _ => {
            return Err(ExportError::Ending {
                path: output.to_owned(),
            });
        }
    };
    let mut attributes = bundle.facts();
    attributes.push((
        "netsec.features",
        serde_json::Value::from(bundle.model.features.clone()).to_string(),
    ));
    booster
        .file(format, &attributes)
        .map_err(|e| ExportError::Library(format!("XGBoost cannot write its file: {}", e.0)))
}

/// This build has no XGBoost, so no model of it either.
///
/// # Errors
/// Always.
#[cfg(not(feature = "xgboost"))]
pub fn encode(bundle: &Bundle, _output: &Path) -> Result<Vec<u8>, ExportError> {
    Err(ExportError::NotXgboost {
        learner: bundle.model.learner.as_str(),
    })
}
