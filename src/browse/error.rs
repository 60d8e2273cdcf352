//! Why rows could not be looked at.

use std::path::PathBuf;

use thiserror::Error;

use crate::dataset::{FrameError, ParquetFileError, QueryError};
use crate::error::CommandError;
use crate::source::SourceError;
use crate::source::mongodb::MongoError;

/// Why rows could not be looked at.
#[derive(Debug, Error)]
pub enum BrowseError {
    /// Somebody asked for the end of the work.
    #[error("cancelled")]
    Cancelled,
    /// There is nothing at the place.
    #[error("there is no {0}")]
    NotFound(String),
    /// The text names no place.
    #[error("{0}")]
    BadPlace(String),
    /// The file system refused.
    #[error("{path} cannot be {what}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// The bytes are not what they should be.
    #[error("{path} is damaged or cut off, or no Parquet file ({reason})")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// The file was written to since it was opened.
    #[error("{0} has changed since it was opened")]
    Changed(PathBuf),
    /// Two files that should be one table are not.
    #[error("{path} has other columns than {other}")]
    OtherColumns {
        /// The file.
        path: PathBuf,
        /// The file before it.
        other: PathBuf,
    },
    /// More rows than positions can be kept of.
    #[error("{rows} rows are too many to filter or sort; the limit is {limit}")]
    TooManyRows {
        /// Rows there are.
        rows: u64,
        /// Rows there may be.
        limit: u64,
    },
    /// The filter is wrong.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The table engine refused.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A collection could not be reached.
    #[error(transparent)]
    Mongo(#[from] MongoError),
    /// A file of a run could not be read or written.
    #[error(transparent)]
    File(#[from] ParquetFileError),
    /// A defect in here.
    #[error("{0}")]
    Internal(String),
}

impl BrowseError {
    /// An error of the table engine.
    pub(super) fn engine(e: polars::error::PolarsError) -> Self {
        BrowseError::Frame(FrameError::Engine(e))
    }
}

impl From<BrowseError> for CommandError {
    fn from(e: BrowseError) -> Self {
        let message = e.to_string();
        match e {
            BrowseError::Cancelled => CommandError::cancelled(message),
            BrowseError::NotFound(_) => CommandError::not_found(message),
            BrowseError::BadPlace(_) => CommandError::usage(message),
            BrowseError::Io { source, .. } => CommandError::backend(message).because(source),
            BrowseError::Damaged { .. }
            | BrowseError::OtherColumns { .. }
            | BrowseError::TooManyRows { .. } => CommandError::data(message),
            BrowseError::Changed(_) => {
                CommandError::data(message).hint("Open it again to see what it holds now.")
            }
            BrowseError::Query(e) => e.into(),
            BrowseError::Source(e) => e.into(),
            BrowseError::Mongo(e) => e.into(),
            BrowseError::Frame(e) => e.into(),
            BrowseError::File(e) => e.into(),
            BrowseError::Internal(_) => CommandError::internal(message),
        }
    }
}
