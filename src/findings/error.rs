//! Why findings could not be read or acknowledged.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::error::CommandError;

/// Why findings could not be read or acknowledged.
#[derive(Debug, Error)]
pub enum FindingsError {
    /// The file system refused.
    #[error("{path} cannot be {what}")]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A report is not what it should be.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// There is no such finding.
    #[error("run {run} has no finding `{id}`")]
    NoFinding {
        /// The run.
        run: String,
        /// What was asked for.
        id: String,
        /// Findings that are problems.
        problems: Vec<String>,
    },
    /// The finding is no problem.
    #[error("`{id}` of run {run} is no problem: there is nothing to acknowledge")]
    NoProblem {
        /// The run.
        run: String,
        /// The finding.
        id: String,
    },
    /// Nothing was written as the note.
    #[error("an acknowledgement needs a note that says why")]
    NoNote,
    /// Somebody did not want to wait for the slices.
    #[error("stopped before it was done")]
    Cancelled,
    /// The slices need files that are not kept.
    #[error("{0}")]
    NotKept(String),
}

impl From<FindingsError> for CommandError {
    fn from(e: FindingsError) -> Self {
        let message = e.to_string();
        match e {
            FindingsError::File { source, .. } => CommandError::backend(message).because(source),
            FindingsError::Damaged { .. } => CommandError::data(message)
                .hint("`netsec retrain --from data_validation` makes it anew, in a new run."),
            FindingsError::NoFinding { id, problems, .. } => {
                let error = CommandError::not_found(message);
                match crate::schema::nearest(&id, problems.iter().map(String::as_str)) {
                    Some(near) => error.hint(format!("Did you mean `{near}`?")),
                    None if problems.is_empty() => error.hint("The run has no problem at all."),
                    None => error.hint(format!("Its problems are {}.", problems.join(", "))),
                }
            }
            FindingsError::NoProblem { .. } | FindingsError::NoNote => CommandError::usage(message),
            FindingsError::Cancelled => CommandError::cancelled(message),
            FindingsError::NotKept(_) => CommandError::data(message),
        }
    }
}
