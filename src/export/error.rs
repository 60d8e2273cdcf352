//! Why a model could not be exported.

use std::path::PathBuf;

use thiserror::Error;

use crate::error::CommandError;

/// Why a model could not be exported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The format cannot hold this model.
    #[error("{0}")]
    NotExpressible(String),
    /// Another learner is asked for XGBoost's format.
    #[error("the model is a {learner}, and only XGBoost's own models have a file of XGBoost")]
    NotXgboost {
        /// The learner.
        learner: &'static str,
    },
    /// The name of the output says no format.
    #[error("{path} ends neither in .ubj nor in .json, XGBoost's two formats", path = path.display())]
    Ending {
        /// The output.
        path: PathBuf,
    },
    /// Something is there that is not ours to replace.
    #[error("{path} is there already and is {what}", path = path.display())]
    Occupied {
        /// The output.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A library refused what should be sound.
    #[error("{0}")]
    Library(String),
    /// A file failed.
    #[error("{path} cannot be written", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl From<ExportError> for CommandError {
    fn from(e: ExportError) -> Self {
        let message = e.to_string();
        match e {
            ExportError::NotExpressible(_) => CommandError::data(message),
            ExportError::NotXgboost { .. } => CommandError::usage(message)
                .hint("Use --format onnx or --format mlflow: they hold every learner."),
            ExportError::Ending { .. } => CommandError::usage(message),
            ExportError::Occupied { .. } => CommandError::usage(message)
                .hint("Name another place: only an earlier export is replaced."),
            ExportError::Library(_) => CommandError::internal(message),
            ExportError::File { source, .. } => CommandError::backend(message).because(source),
        }
    }
}
