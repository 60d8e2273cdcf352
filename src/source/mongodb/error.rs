//! What a MongoDB error means: a sentence, a hint, whether it passes by itself.
//!
//! The driver's own texts may quote the address or the documents sent, so none of them is passed
//! on except the server's answer to a command that nothing here explains, with credentials taken
//! out.

use mongodb::error::{Error, ErrorKind, WriteFailure};
use thiserror::Error;

use super::reach::{Attempt, Reach};
use crate::error::CommandError;
use crate::text::clean_to;

/// Code of a duplicate key.
pub(crate) const DUPLICATE_KEY: i32 = 11_000;

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No environment variable names a server.
    NoAddress,
    /// The address cannot be read.
    BadAddress(String),
    /// A certificate file that the address names cannot be used.
    CertificateFile(String),
    /// User name or password is wrong.
    Credentials,
    /// The user may not do that.
    NotAuthorised,
    /// The server asks for a user, and the address names none.
    NoUser,
    /// No server could be reached. Empty: they answer, but none of them fits (no primary).
    Unreachable(Vec<Attempt>),
    /// The connection broke.
    ConnectionLost(Reach),
    /// The server is no primary any more, or is starting or stopping.
    NotPrimary,
    /// The server forgot the cursor that was being read.
    CursorLost,
    /// The server stopped the operation.
    Interrupted,
    /// The server's time limit for the operation passed.
    TooSlow,
    /// There is no such database.
    NoDatabase {
        /// The database.
        database: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// There is no such collection.
    NoCollection {
        /// The database.
        database: String,
        /// The collection.
        collection: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// A document or index entry of this key is there already.
    DuplicateKey,
    /// The server is too old or does not support what is asked.
    Unsupported,
    /// The server refused for another reason.
    Server {
        /// Its code.
        code: i32,
        /// Its sentence, credentials taken out.
        message: String,
    },
    /// What the server sent, or what is to be sent, is no BSON that can be used.
    Bson(String),
    /// The driver failed otherwise.
    Driver(String),
}

/// An error of MongoDB: what was being done, where, and why it failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", sentence(self))]
pub struct MongoError {
    /// What was being done: `reading traffic.flows`.
    pub doing: String,
    /// The server's address without credentials.
    pub server: String,
    /// Why it failed.
    pub problem: Problem,
}

impl MongoError {
    /// Whether the same is worth trying again soon: the server may be restarting, electing or
    /// unreachable for a moment.
    pub fn is_transient(&self) -> bool {
        match &self.problem {
            Problem::ConnectionLost(_)
            | Problem::NotPrimary
            | Problem::CursorLost
            | Problem::Interrupted => true,
            Problem::Unreachable(attempts) => attempts.iter().all(|a| {
                matches!(
                    a.reason,
                    Reach::Refused | Reach::TimedOut | Reach::Closed | Reach::Other(_)
                )
            }),
            _ => false,
        }
    }

    /// Whether the server could be asked but does not let the user do this.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::NotAuthorised | Problem::NoUser)
    }
}

fn sentence(e: &MongoError) -> String {
    let MongoError {
        doing,
        server,
        problem,
    } = e;
    match problem {
        Problem::NoAddress => "no MongoDB server is named: MONGODB_URI is not set".to_owned(),
        Problem::BadAddress(reason) => format!("MONGODB_URI cannot be used: {reason}"),
        Problem::CertificateFile(reason) => {
            format!("{doing}: a certificate file cannot be used: {reason}")
        }
        Problem::Credentials => {
            format!("{doing}: {server} does not accept this user name and password")
        }
        Problem::NotAuthorised => format!("{doing}: the user may not do this on {server}"),
        Problem::NoUser => format!("{doing}: {server} asks for a user, and MONGODB_URI names none"),
        Problem::Unreachable(attempts) if attempts.is_empty() => format!(
            "{doing}: none of the servers of {server} takes the request; the replica set has no \
             primary now, or another name than `replicaSet` in MONGODB_URI"
        ),
        Problem::Unreachable(attempts) => {
            let tried: Vec<String> = attempts
                .iter()
                .map(|a| format!("{}: {}", a.address, a.reason))
                .collect();
            format!("{doing}: {server} cannot be reached; {}", tried.join("; "))
        }
        Problem::ConnectionLost(reason) => {
            format!("{doing}: the connection to {server} broke ({reason})")
        }
        Problem::NotPrimary => {
            format!("{doing}: {server} changes its primary or is being stopped")
        }
        Problem::CursorLost => format!("{doing}: {server} gave up the cursor"),
        Problem::Interrupted => format!("{doing}: {server} stopped the operation"),
        Problem::TooSlow => format!("{doing}: a time limit of {server} passed"),
        Problem::NoDatabase { database, .. } => {
            format!("{doing}: {server} has no database `{database}`")
        }
        Problem::NoCollection {
            database,
            collection,
            ..
        } => {
            format!(
                "{doing}: the database `{database}` on {server} has no collection `{collection}`"
            )
        }
        Problem::DuplicateKey => format!("{doing}: {server} has this key already"),
        Problem::Unsupported => format!("{doing}: {server} does not support this"),
        Problem::Server { code, message } => {
            format!("{doing}: {server} refused (code {code}): {message}")
        }
        Problem::Bson(reason) => format!("{doing}: a document cannot be used: {reason}"),
        Problem::Driver(reason) => format!("{doing}: {reason}"),
    }
}

impl From<MongoError> for CommandError {
    fn from(e: MongoError) -> Self {
        let message = e.to_string();
        let did_you_mean = |error: CommandError, near: &Option<String>| match near {
            Some(near) => error.hint(format!("Did you mean `{near}`?")),
            None => error,
        };
        match &e.problem {
            Problem::NoAddress => CommandError::config(message).hint(
                "Set it to the server's address: `export MONGODB_URI='mongodb://USER:PASSWORD@HOST:27017/'`.",
            ),
            Problem::BadAddress(_) => CommandError::config(message)
                .hint("It looks like mongodb://USER:PASSWORD@HOST:27017/?OPTION=VALUE."),
            Problem::CertificateFile(reason) => {
                let hint = Reach::CertificateFile(reason.clone()).hint();
                CommandError::config(message).hint(hint)
            }
            Problem::Credentials => CommandError::backend(message)
                .hint("Check user name and password in MONGODB_URI.")
                .hint(
                    "If the user is kept in another database than `admin`, add \
                     `authSource=DATABASE`.",
                ),
            Problem::NoUser => CommandError::backend(message)
                .hint("Put them in: `mongodb://USER:PASSWORD@HOST:27017/`."),
            Problem::NotAuthorised => CommandError::backend(message).hint(
                "Give the user of MONGODB_URI the role for it: `read` to read, `readWrite` to import.",
            ),
            Problem::Unreachable(attempts) => {
                let mut error = CommandError::backend(message);
                let mut hints: Vec<&str> = attempts.iter().map(|a| a.reason.hint()).collect();
                hints.dedup();
                for hint in hints.into_iter().take(2) {
                    error = error.hint(hint);
                }
                if attempts.iter().any(|a| !a.named) {
                    error = error.hint(
                        "The replica set announces addresses that MONGODB_URI does not name; if \
                         they mean nothing here, add `directConnection=true`.",
                    );
                }
                if attempts.is_empty() {
                    error = error.hint("Try again in a few seconds; see `rs.status()` on the server.");
                }
                error
            }
            Problem::ConnectionLost(_) | Problem::NotPrimary | Problem::CursorLost
            | Problem::Interrupted => {
                CommandError::backend(message).hint("Try again when the server is back.")
            }
            Problem::TooSlow => CommandError::backend(message)
                .hint("Try again with less load on the server, or an index on what is asked for."),
            Problem::NoDatabase { nearest, .. } => did_you_mean(CommandError::data(message), nearest)
                .hint("`netsec import FILE` fills one."),
            Problem::NoCollection { nearest, .. } => {
                did_you_mean(CommandError::data(message), nearest)
                    .hint("`netsec import FILE` fills one.")
            }
            Problem::Unsupported => {
                CommandError::backend(message).hint("netsec needs MongoDB 4.2 or newer.")
            }
            Problem::Bson(_) => CommandError::data(message),
            Problem::DuplicateKey | Problem::Server { .. } | Problem::Driver(_) => {
                CommandError::backend(message)
            }
        }
    }
}

/// What an error of the driver means. `tried` says what is known of each server when none could
/// be chosen; `redact` takes credentials out of a server's sentence.
pub(super) fn problem_of(
    error: &Error,
    tried: impl FnOnce() -> Vec<Attempt>,
    redact: impl Fn(&str) -> String,
) -> Problem {
    let server = |code: i32, message: &str| {
        of_code(code).unwrap_or_else(|| Problem::Server {
            code,
            message: clean_to(&redact(message), 300),
        })
    };
    match error.kind.as_ref() {
        ErrorKind::Authentication { .. } => Problem::Credentials,
        ErrorKind::ServerSelection { .. } => Problem::Unreachable(tried()),
        ErrorKind::Command(e) => server(e.code, &e.message),
        ErrorKind::Write(WriteFailure::WriteError(e)) => server(e.code, &e.message),
        ErrorKind::Write(WriteFailure::WriteConcernError(e)) => server(e.code, &e.message),
        ErrorKind::InsertMany(e) => {
            let first = e.write_errors.iter().flatten().next();
            match (first, &e.write_concern_error) {
                (Some(e), _) => server(e.code, &e.message),
                (None, Some(e)) => server(e.code, &e.message),
                (None, None) => Problem::Driver("an insertion failed without a reason".to_owned()),
            }
        }
        ErrorKind::ConnectionPoolCleared { .. } => Problem::ConnectionLost(Reach::Closed),
        ErrorKind::IncompatibleServer { .. } | ErrorKind::SessionsNotSupported => {
            Problem::Unsupported
        }
        ErrorKind::Bson(e) => Problem::Bson(clean_to(&redact(&e.to_string()), 300)),
        ErrorKind::InvalidResponse { .. } => {
            Problem::Driver("the server's reply makes no sense; is it MongoDB?".to_owned())
        }
        ErrorKind::InvalidArgument { message, .. } => {
            Problem::Driver(clean_to(&redact(message), 300))
        }
        _ => match Reach::of(error) {
            Some(reason) => Problem::ConnectionLost(reason),
            None => Problem::Driver("the driver failed for an unknown reason".to_owned()),
        },
    }
}

/// What the server's codes mean, where it makes a difference.
fn of_code(code: i32) -> Option<Problem> {
    Some(match code {
        18 => Problem::Credentials,
        // Unauthorized; also the code of commands that need authentication when there is none.
        13 => Problem::NotAuthorised,
        // Not primary, recovering, shutting down.
        10_107 | 13_435 | 10_058 | 11_600 | 11_602 | 13_436 | 189 | 91 => Problem::NotPrimary,
        // Cursor not found, cursor killed, query plan killed.
        43 | 237 | 175 => Problem::CursorLost,
        11_601 | 46_841 => Problem::Interrupted,
        // Host unreachable or not found, network time-out, socket closed: of a shard router.
        6 | 7 | 89 | 9_001 => Problem::ConnectionLost(Reach::Closed),
        50 | 262 => Problem::TooSlow,
        DUPLICATE_KEY => Problem::DuplicateKey,
        59 | 115 => Problem::Unsupported,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(problem: Problem) -> MongoError {
        MongoError {
            doing: "reading traffic.flows".to_owned(),
            server: "mongodb://h:1/".to_owned(),
            problem,
        }
    }

    fn attempt(named: bool, reason: Reach) -> Attempt {
        Attempt {
            address: "h:1".to_owned(),
            named,
            reason,
        }
    }

    #[test]
    fn what_passes_by_itself_is_worth_another_try() {
        for code in [10_107, 11_600, 11_602, 189, 91, 43, 11_601] {
            assert!(error(of_code(code).unwrap()).is_transient(), "{code}");
        }
        for code in [18, 13, 50, 11_000, 59] {
            assert!(!error(of_code(code).unwrap()).is_transient(), "{code}");
        }
        assert_eq!(of_code(2), None);
        let unreachable =
            |reason| error(Problem::Unreachable(vec![attempt(true, reason)])).is_transient();
        assert!(unreachable(Reach::Refused));
        assert!(!unreachable(Reach::UnknownAuthority));
        assert!(!unreachable(Reach::NoSuchHost));
        // An election.
        assert!(error(Problem::Unreachable(Vec::new())).is_transient());
    }

    #[test]
    fn sentences_say_what_where_and_what_to_do() {
        let e: CommandError = error(Problem::Unreachable(vec![
            attempt(true, Reach::Refused),
            attempt(false, Reach::NoSuchHost),
        ]))
        .into();
        assert_eq!(e.kind.exit_code(), 6);
        assert_eq!(
            e.message,
            "reading traffic.flows: mongodb://h:1/ cannot be reached; h:1: the connection was \
             refused; h:1: there is no such host"
        );
        assert_eq!(e.hints.len(), 3);
        let e: CommandError = error(Problem::NoAddress).into();
        assert_eq!(e.kind.exit_code(), 3);
        assert!(e.hints[0].contains("export MONGODB_URI="));
        let e: CommandError = error(Problem::NoCollection {
            database: "traffic".to_owned(),
            collection: "flow".to_owned(),
            nearest: Some("flows".to_owned()),
        })
        .into();
        assert_eq!(e.kind.exit_code(), 4);
        assert_eq!(e.hints[0], "Did you mean `flows`?");
    }

    #[test]
    fn a_servers_sentence_is_redacted_and_cleaned() {
        let driver = Error::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        let problem = problem_of(&driver, Vec::new, str::to_owned);
        assert_eq!(problem, Problem::ConnectionLost(Reach::Closed));
    }
}
