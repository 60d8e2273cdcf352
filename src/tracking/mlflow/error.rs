//! What can go wrong with a call, by meaning: what happened, and what to do.
//!
//! No variant holds a driver's error or a server's page as it came: texts are classified here or
//! cleaned, shortened and freed of credentials by whoever makes them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::endpoint::Endpoint;
use crate::error::CommandError;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("MLflow at {server}, {}: {problem}", call.name())]
pub struct MlflowError {
    /// Which call.
    pub call: Endpoint,
    /// The server's address, without credentials.
    pub server: String,
    /// What happened.
    pub problem: Problem,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// No connection: the request has certainly not arrived.
    #[error("the server cannot be reached: {reason}")]
    Unreachable {
        /// Why, in our words.
        reason: &'static str,
    },
    /// The connection ended before the reply was whole: the request may have arrived.
    #[error("the connection ended before the reply was whole")]
    Interrupted,
    /// No whole reply in time: the request may have arrived.
    #[error("no whole reply within {} s", after.as_secs_f64())]
    Timeout {
        /// How long it was waited.
        after: Duration,
    },
    /// The encrypted connection could not be made.
    #[error("no TLS connection: {reason}")]
    Tls {
        /// Why, in our words.
        reason: String,
    },
    /// What answers is not MLflow.
    #[error("what answers there is not MLflow: {saw}")]
    NotMlflow {
        /// What it answered, cleaned and short.
        saw: String,
    },
    /// 401.
    #[error("the server does not accept the credentials (401){}", said_text(said))]
    Unauthorized {
        /// What the server said, cleaned and short.
        said: String,
        /// Whether credentials were sent at all.
        sent: bool,
    },
    /// 403.
    #[error("the server refuses this (403){}", said_text(said))]
    Forbidden {
        /// What the server said, cleaned and short.
        said: String,
    },
    /// The thing asked for does not exist.
    #[error("there is no such thing{}", said_text(said))]
    NotFound {
        /// What the server said, cleaned and short.
        said: String,
    },
    /// The server has no such call.
    #[error("this server does not have the call ({status})")]
    Unsupported {
        /// The HTTP status.
        status: u16,
    },
    /// 429.
    #[error("the server asks to send less (429){}", wait_text(*retry_after))]
    RateLimited {
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// 5xx.
    #[error("the server failed ({status}){}", said_text(said))]
    Server {
        /// The HTTP status.
        status: u16,
        /// What the server said, cleaned and short.
        said: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The server finds a value wrong; the same request is wrong for ever.
    #[error("the server refuses a value{}", said_text(said))]
    Invalid {
        /// What the server said, cleaned and short.
        said: String,
    },
    /// A thing of this name exists.
    #[error("it exists already{}", said_text(said))]
    AlreadyExists {
        /// What the server said, cleaned and short.
        said: String,
    },
    /// Any other refusal.
    #[error("the server refuses the request ({status}){}", said_text(said))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server said, cleaned and short.
        said: String,
    },
    /// The server points elsewhere. It is not followed: an API never moves by itself, and
    /// credentials belong to one address.
    #[error("the server redirects to {to}, which is not followed")]
    Redirected {
        /// Where to, without credentials and query.
        to: String,
    },
    /// The reply is larger than what is read.
    #[error("the reply is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// A local file of an upload cannot be read, or changed while it was sent.
    #[error("{}: {reason}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Artifacts of this server lie somewhere that it does not pass on.
    #[error("artifacts lie at {at}, which the server does not pass on")]
    ArtifactsElsewhere {
        /// Where, without credentials and query.
        at: String,
    },
}

/// What a caller does about a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same request may succeed later.
    Transient,
    /// No request succeeds until somebody changes something: address, credentials, server.
    Blocked,
    /// This request never succeeds, others may: for the dead-letter list.
    Rejected,
    /// The server lacks the call: one step down the ladder of capabilities.
    Unsupported,
}

impl Problem {
    /// What a caller does about it.
    pub fn class(&self) -> Class {
        match self {
            Problem::Unreachable { .. }
            | Problem::Interrupted
            | Problem::Timeout { .. }
            | Problem::RateLimited { .. }
            | Problem::Server { .. } => Class::Transient,
            Problem::Tls { .. }
            | Problem::NotMlflow { .. }
            | Problem::Unauthorized { .. }
            | Problem::Forbidden { .. }
            | Problem::Redirected { .. } => Class::Blocked,
            Problem::NotFound { .. }
            | Problem::Invalid { .. }
            | Problem::AlreadyExists { .. }
            | Problem::Refused { .. }
            | Problem::TooLarge { .. }
            | Problem::LocalFile { .. } => Class::Rejected,
            Problem::Unsupported { .. } | Problem::ArtifactsElsewhere { .. } => Class::Unsupported,
        }
    }

    /// Whether the request may have had its effect although the call failed. Where repeating is
    /// not safe, the caller searches first.
    pub fn may_have_arrived(&self) -> bool {
        matches!(
            self,
            Problem::Interrupted
                | Problem::Timeout { .. }
                | Problem::Server { .. }
                | Problem::NotMlflow { .. }
                | Problem::TooLarge { .. }
        )
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Problem::RateLimited { retry_after } | Problem::Server { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// What to do, one sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Problem::Unreachable { .. } => {
                "Check MLFLOW_TRACKING_URI and the network; what is not sent is kept and sent later."
            }
            Problem::Interrupted | Problem::Timeout { .. } => {
                "It is tried again later; check the server's load if it stays so."
            }
            Problem::Tls { .. } => {
                "Give a private CA in SSL_CERT_FILE, and https:// only where the server speaks it."
            }
            Problem::NotMlflow { .. } => {
                "Check host, port and path of MLFLOW_TRACKING_URI; on DAGsHub it ends in .mlflow."
            }
            Problem::Unauthorized { sent: false, .. } => {
                "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; \
                 on DAGsHub DAGSHUB_USER_TOKEN."
            }
            Problem::Unauthorized { sent: true, .. } => {
                "Check the user name and password or token in the environment; a token may have expired."
            }
            Problem::Forbidden { .. } => {
                "Ask the server's owner for the right to write to this experiment and model."
            }
            Problem::NotFound { .. } => "Somebody may have deleted it on the server.",
            Problem::Unsupported { .. } => {
                "Nothing to do: an older server gets what it can hold; a newer one gets more."
            }
            Problem::RateLimited { .. } => "Nothing to do: it is sent later.",
            Problem::Server { .. } => "Look at the server's own log; it is tried again later.",
            Problem::Invalid { .. } | Problem::Refused { .. } => {
                "`netsec sync --json` lists what was refused."
            }
            Problem::AlreadyExists { .. } => {
                "Choose another name, or restore the deleted one on the server."
            }
            Problem::Redirected { .. } => {
                "Set MLFLOW_TRACKING_URI to the address the server is really at; a login page means \
                 that credentials are missing."
            }
            Problem::TooLarge { .. } => "Check that the address is MLflow's.",
            Problem::LocalFile { .. } => "Check that the run's folder is whole and can be read.",
            Problem::ArtifactsElsewhere { .. } => {
                "Start the server with --serve-artifacts; figures are sent, files are not."
            }
        }
    }
}

impl From<MlflowError> for CommandError {
    fn from(e: MlflowError) -> Self {
        CommandError::backend(e.to_string()).hint(e.problem.hint())
    }
}

fn said_text(said: &str) -> impl fmt::Display + '_ {
    struct Said<'a>(&'a str);
    impl fmt::Display for Said<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            if self.0.is_empty() {
                Ok(())
            } else {
                write!(f, ": {}", self.0)
            }
        }
    }
    Said(said)
}

fn wait_text(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |w| format!(", again in {} s", w.as_secs()))
}
