//! Why a file could not be imported.

use thiserror::Error;

use super::super::MongoError;
use super::LEDGER;
use crate::error::CommandError;
use crate::source::SourceError;

/// Why a file could not be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The server.
    #[error(transparent)]
    Mongo(#[from] MongoError),
    /// The server, while rows were being inserted.
    #[error(transparent)]
    Inserting(MongoError),
    /// The collection is the one that imports are noted in.
    #[error("`{LEDGER}` is the collection that imports are noted in")]
    Ledger,
    /// The name of a column cannot be a key.
    #[error("the column {0:?} holds a zero byte, which no key of a document may")]
    Key(String),
    /// More rows than the ids can number.
    #[error("the file has more than {} rows", u32::MAX)]
    TooManyRows,
    /// The runtime or one of its tasks failed.
    #[error("{0}")]
    Runtime(String),
}

impl From<ImportError> for CommandError {
    fn from(e: ImportError) -> Self {
        let message = e.to_string();
        match e {
            ImportError::Source(e) => e.into(),
            ImportError::Mongo(e) => e.into(),
            ImportError::Inserting(e) => {
                CommandError::from(e).hint("The same command again goes on where this one ended.")
            }
            ImportError::Ledger => {
                CommandError::usage(message).hint("Name another one with --collection.")
            }
            ImportError::Key(_) => CommandError::data(message).hint("Rename the column."),
            ImportError::TooManyRows => CommandError::data(message).hint("Divide the file."),
            ImportError::Runtime(_) => CommandError::internal(message),
        }
    }
}

impl From<CommandError> for ImportError {
    /// Only the runtime fails with the error of the edge.
    fn from(e: CommandError) -> Self {
        ImportError::Runtime(e.full_message())
    }
}
