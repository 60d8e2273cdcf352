//! What can go wrong while fitting or applying the preprocessor.

use std::path::PathBuf;

use thiserror::Error;

use crate::dataset::FrameError;
use crate::error::CommandError;

/// Why a preprocessor could not be fitted, applied, written or read.
#[derive(Debug, Error)]
pub enum TransformError {
    /// The train split has no rows.
    #[error("the train split has no rows; there is nothing to fit the preprocessor on")]
    NoRows,
    /// No feature column is left.
    #[error("the schema has no feature column that stands in the train split")]
    NoFeatures,
    /// A free-text column is marked as a feature.
    #[error(
        "column `{column}` is free text and cannot be a feature; give it the kind `category` or the role `ignored`"
    )]
    TextFeature {
        /// The column.
        column: String,
    },
    /// Two features would have the same name.
    #[error("two features would be named `{feature}`; rename one of the columns behind it")]
    SameName {
        /// The name.
        feature: String,
    },
    /// A category column has more values than one-hot columns make sense for.
    #[error(
        "column `{column}` has {values} different values, more than the {limit} that one-hot encoding takes; set [transformation.rare] max_categories, encode it as ordinal, or give it the role `ignored`"
    )]
    TooManyCategories {
        /// The column.
        column: String,
        /// Its different values.
        values: usize,
        /// The limit.
        limit: usize,
    },
    /// A setting makes no sense.
    #[error("[transformation] {field}: {problem}")]
    Setting {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A cell of a numeric column is no number.
    #[error("column `{column}`, row {row} (from 0): `{value}` is not a number")]
    NotANumber {
        /// The column.
        column: String,
        /// The row, 0-based; the row of the source where the table knows it.
        row: u64,
        /// The cell.
        value: String,
    },
    /// A category that train never showed, under the policy `error`.
    #[error(
        "column `{column}`, row {row} (from 0): `{value}` does not occur in the train split; [transformation] unknown = \"zero\" or \"rare\" lets such rows pass"
    )]
    UnknownCategory {
        /// The column.
        column: String,
        /// The row, 0-based; the row of the source where the table knows it.
        row: u64,
        /// The cell.
        value: String,
    },
    /// A column is missing or the table engine failed.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a preprocessor of a version we know, or contradicts itself.
    #[error("{path}: {problem}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl From<TransformError> for CommandError {
    fn from(e: TransformError) -> Self {
        match e {
            TransformError::Frame(e) => e.into(),
            TransformError::Setting { .. } => CommandError::config(e.to_string()),
            TransformError::File { .. } => CommandError::backend(e.to_string()),
            _ => CommandError::data(e.to_string()),
        }
    }
}
