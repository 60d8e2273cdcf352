//! Why a source could not be read, with what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use super::mongodb::MongoError;
use crate::dataset::FrameError;
use crate::error::CommandError;

/// Why a source could not be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// There is no such file.
    #[error("there is no file {0}")]
    NotFound(PathBuf),
    /// It is a folder.
    #[error("{0} is a directory, not a file")]
    Directory(PathBuf),
    /// The file system refused.
    #[error("{path} cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It cannot be written (demo data).
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It has no bytes, or only blank ones.
    #[error("{0} is empty")]
    Empty(PathBuf),
    /// It has a header and nothing below.
    #[error("{path} has a header of {columns} columns and no rows")]
    HeaderOnly {
        /// The file.
        path: PathBuf,
        /// Columns in the header.
        columns: usize,
    },
    /// It is no text and no format known here.
    #[error("{path} is not CSV, Parquet or NDJSON: {what}")]
    Binary {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        what: String,
    },
    /// It ends too early or its packing is broken.
    #[error("{path} is damaged or cut off after {rows} rows: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Rows read before.
        rows: u64,
        /// What the unpacker said.
        reason: String,
    },
    /// Columns that must be there are not.
    #[error("{}", missing_text(path, missing, found))]
    MissingColumns {
        /// The file.
        path: PathBuf,
        /// The columns missing.
        missing: Vec<String>,
        /// The columns found.
        found: Vec<String>,
        /// For a missing column the nearest name found.
        nearest: Vec<(String, String)>,
    },
    /// A file without a header has another number of columns than the schema.
    #[error("{path} has no header and {found} columns, the schema `{schema}` has {wanted}")]
    ColumnCount {
        /// The file.
        path: PathBuf,
        /// The schema.
        schema: String,
        /// Columns in the file.
        found: usize,
        /// Columns in the schema.
        wanted: usize,
    },
    /// A record that never seems to end.
    #[error("{path}, line {line}: the record is longer than {} MiB", limit >> 20)]
    RecordTooLong {
        /// The file.
        path: PathBuf,
        /// Where the record begins, from 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// Every row is unreadable.
    #[error("none of the {rows} rows of {path} can be read; line {line}: {reason}")]
    NothingReadable {
        /// The file.
        path: PathBuf,
        /// Rows in the file.
        rows: u64,
        /// The line of the first one.
        line: u64,
        /// Why the first one cannot be read.
        reason: String,
    },
    /// MongoDB failed.
    #[error(transparent)]
    Mongo(#[from] MongoError),
    /// What was asked for cannot be.
    #[error("{0}")]
    Setting(String),
    /// A collection, or what a filter leaves of it, is empty.
    #[error("{what} holds no documents{}", if *filtered { " that match the filter" } else { "" })]
    NoDocuments {
        /// The collection.
        what: String,
        /// Whether a filter is set.
        filtered: bool,
    },
    /// A collection has more different fields than a table can have.
    #[error("the documents have more than {limit} different fields")]
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// The program itself failed: no thread, no runtime.
    #[error("{0}")]
    Internal(String),
    /// A reply of a server cannot be used.
    #[error("a reply of the server cannot be read: {0}")]
    BrokenReply(String),
    /// The delimiter cannot be used.
    #[error("the delimiter {0:?} cannot be used")]
    Delimiter(char),
    /// The table could not be built.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The operator cancelled.
    #[error("reading was cancelled")]
    Cancelled,
}

impl From<SourceError> for CommandError {
    fn from(e: SourceError) -> Self {
        let message = e.to_string();
        match e {
            SourceError::Cancelled => CommandError::cancelled(message),
            SourceError::Frame(e) => e.into(),
            SourceError::Mongo(e) => e.into(),
            SourceError::Setting(_) => CommandError::config(message),
            SourceError::NoDocuments { filtered, .. } => {
                CommandError::data(message).hint(if filtered {
                    "Check `[source] filter`: names and types must be those of the documents."
                } else {
                    "`netsec import FILE` fills a collection."
                })
            }
            SourceError::Internal(_) => CommandError::internal(message),
            SourceError::TooManyFields { .. } => CommandError::data(message)
                .hint("Field names that are data (a host, a day) make no table.")
                .hint("`[source] fields` names those to read."),
            SourceError::BrokenReply(_) => CommandError::backend(message)
                .hint("Check the server: `validate` of its shell checks a collection."),
            SourceError::Io { source, .. } => {
                let denied = source.kind() == std::io::ErrorKind::PermissionDenied;
                let error = CommandError::data(message).because(source);
                if denied {
                    error.hint("Give the user who runs netsec the right to read the file.")
                } else {
                    error
                }
            }
            SourceError::Write { source, .. } => CommandError::backend(message).because(source),
            SourceError::NotFound(_) => CommandError::data(message).hint(
                "Check the path; relative ones in config.toml start at the folder it lies in.",
            ),
            SourceError::Directory(_) => {
                CommandError::data(message).hint("Name one file inside it.")
            }
            SourceError::Empty(_) | SourceError::HeaderOnly { .. } => {
                CommandError::data(message).hint("Export the data again; there is nothing to read.")
            }
            SourceError::Binary { .. } => CommandError::data(message)
                .hint("Files read: CSV, Parquet, NDJSON, each also packed with gzip or zstd."),
            SourceError::Damaged { .. } => {
                CommandError::data(message).hint("Copy or download the file again.")
            }
            SourceError::MissingColumns { nearest, .. } => {
                let mut error = CommandError::data(message);
                for (missing, near) in nearest {
                    error = error.hint(format!(
                        "If `{near}` is `{missing}`, add it to the column's `aliases` in the schema."
                    ));
                }
                error.hint("`netsec schema infer FILE` proposes a schema that fits the file.")
            }
            SourceError::ColumnCount { .. } => CommandError::data(message)
                .hint("If the first line is a header, set `[source] header = true`.")
                .hint("If the columns are divided by another character, set `[source] delimiter`."),
            SourceError::RecordTooLong { .. } => {
                CommandError::data(message).hint("A quote that is never closed is the usual cause.")
            }
            SourceError::NothingReadable { .. } => {
                CommandError::data(message).hint("Check the schema, the delimiter and the header.")
            }
            SourceError::Delimiter(_) => CommandError::config(message)
                .hint("Use one ASCII character, neither a quote nor a line end."),
        }
    }
}

fn missing_text(path: &std::path::Path, missing: &[String], found: &[String]) -> String {
    format!(
        "{} lacks {} of the schema: {}; it has {}",
        path.display(),
        if missing.len() == 1 {
            "a column".to_owned()
        } else {
            format!("{} columns", missing.len())
        },
        listed(missing, 12),
        listed(found, 12),
    )
}

/// The first names of a list, in backquotes.
pub(crate) fn listed(names: &[String], shown: usize) -> String {
    if names.is_empty() {
        return "no columns".to_owned();
    }
    let mut text = names
        .iter()
        .take(shown)
        .map(|n| format!("`{}`", capped(n, 60)))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > shown {
        text.push_str(&format!(" and {} more", names.len() - shown));
    }
    text
}

/// A text for people: control characters replaced, at most `limit` characters.
pub(crate) fn capped(text: &str, limit: usize) -> String {
    let mut out: String = text
        .chars()
        .take(limit)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(limit).is_some() {
        out.push_str("..");
    }
    out
}
