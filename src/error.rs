//! The one error type at the edge: what happened, where, and what to do.
//!
//! Modules have their own `thiserror` enums and convert them here once, with `From`. The kind
//! decides the process exit code; hints are separate from the message so that every surface
//! (terminal, console, JSON) can show them in its own way. Nothing in here prints.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The class of an error. It decides the exit code and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A defect in netsec itself.
    Internal,
    /// The command line was wrong.
    Usage,
    /// The configuration is wrong or missing.
    Config,
    /// The data failed its checks or cannot be read.
    Data,
    /// The gate or the approval policy refused.
    Refused,
    /// A backend (file system, database, object store, tracking server) failed.
    Backend,
    /// No such run, plan or model.
    NotFound,
    /// The terminal went away.
    TerminalLost,
    /// The user cancelled.
    Cancelled,
}

impl ErrorKind {
    /// Returns the process exit code of this kind.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Internal => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Config => 3,
            ErrorKind::Data => 4,
            ErrorKind::Refused => 5,
            ErrorKind::Backend => 6,
            ErrorKind::NotFound => 7,
            ErrorKind::TerminalLost => 129,
            ErrorKind::Cancelled => 130,
        }
    }
}

/// An error ready to be shown to a person: kind, message, cause and hints.
#[derive(Debug)]
pub struct CommandError {
    /// The class, which decides the exit code.
    pub kind: ErrorKind,
    /// What happened and where, one sentence, no trailing advice.
    pub message: String,
    /// The underlying cause, when there is one worth showing.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
    /// What to do about it, one sentence each.
    pub hints: Vec<String>,
}

impl CommandError {
    /// Creates an error of `kind` with a message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
            hints: Vec::new(),
        }
    }
    /// A defect in netsec itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }
    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }
    /// A wrong or missing configuration.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }
    /// Data that failed its checks or cannot be read.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }
    /// A refusal by the gate or the approval policy.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }
    /// A backend, the file system included, that failed.
    pub fn backend(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Backend, message)
    }
    /// No such run, plan or model.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }
    /// Cancelled by the user.
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Cancelled, message)
    }
    /// Adds a hint: what to do, one sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
    /// Attaches the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
    /// Returns a copy that can be written to the run log.
    pub fn report(&self) -> ErrorReport {
        ErrorReport {
            kind: self.kind,
            message: self.full_message(),
            hints: self.hints.clone(),
        }
    }
    /// Returns the message followed by the chain of causes, separated by `: `.
    pub fn full_message(&self) -> String {
        let mut text = self.message.clone();
        let mut cause: Option<&dyn StdError> = self.source.as_deref().map(|e| e as &dyn StdError);
        while let Some(e) = cause {
            text.push_str(": ");
            text.push_str(&e.to_string());
            cause = e.source();
        }
        text
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full_message())
    }
}

impl StdError for CommandError {}

/// The serialisable form of a [`CommandError`], as it stands in a run log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// The class of the error.
    pub kind: ErrorKind,
    /// Message and causes.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl From<ErrorReport> for CommandError {
    fn from(report: ErrorReport) -> Self {
        CommandError {
            kind: report.kind,
            message: report.message,
            source: None,
            hints: report.hints,
        }
    }
}
