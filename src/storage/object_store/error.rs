//! What can go wrong with a store, each as a plain sentence with what to do about it.
//!
//! Texts of the AWS libraries never get in here: they may quote headers, keys and signatures.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::error::CommandError;

/// Why an object could not be read or written.
#[derive(Debug, Error)]
pub enum ObjectError {
    /// The file system failed.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The key cannot be used.
    #[error("`{key}` cannot be the name of an object")]
    Key {
        /// The key.
        key: String,
    },
    /// The S3 server failed or refused.
    #[error("{address}: {problem} (while {doing})")]
    Remote {
        /// Bucket and server.
        address: String,
        /// What was being done.
        doing: String,
        /// What is wrong.
        problem: Problem,
    },
    /// What was read back is not what was written.
    #[error(
        "{object} is damaged: what was read back hashes to {found} ({size} bytes), not {expected}"
    )]
    Damaged {
        /// The object.
        object: String,
        /// SHA-256 of what was written.
        expected: String,
        /// SHA-256 of what was read back.
        found: String,
        /// Bytes read back.
        size: u64,
    },
    /// The program's own runtime is missing.
    #[error("{0}")]
    Internal(String),
}

/// What is wrong with a server or with what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No credentials anywhere.
    NoCredentials,
    /// There is a source of credentials, and it failed.
    CredentialsFailed,
    /// A session token or login that has run out.
    Expired,
    /// The access key is not known to the server.
    UnknownKey,
    /// The secret does not belong to the access key.
    WrongSecret,
    /// The session token is not valid.
    InvalidToken,
    /// Known, and not allowed to.
    Denied,
    /// There is no such bucket.
    NoBucket,
    /// The bucket lies in another region, if the server says which.
    WrongRegion(Option<String>),
    /// No region is set.
    NoRegion,
    /// This machine's clock and the server's are too far apart.
    Clock,
    /// The server is too busy.
    Busy,
    /// Nobody listens at the address.
    Refused,
    /// The name of the server cannot be resolved.
    UnknownHost,
    /// No answer in time.
    Timeout,
    /// The TLS connection failed.
    Tls(String),
    /// The connection broke or the answer makes no sense.
    Connection,
    /// The server does not know the call.
    NotImplemented,
    /// The bytes did not arrive as they were sent.
    DamagedOnTheWay,
    /// Conflicting writes came in again and again.
    Conflict,
    /// The settings cannot be used.
    Settings(String),
    /// Anything else, by HTTP status and error code.
    Service {
        /// HTTP status.
        status: Option<u16>,
        /// The server's error code, letters and digits only.
        code: Option<String>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoCredentials => f.write_str("no AWS credentials were found"),
            Problem::CredentialsFailed => {
                f.write_str("the AWS credentials of this machine or profile cannot be loaded")
            }
            Problem::Expired => f.write_str("the AWS session has expired"),
            Problem::UnknownKey => f.write_str("the access key is not known there"),
            Problem::WrongSecret => {
                f.write_str("the secret access key does not belong to the access key")
            }
            Problem::InvalidToken => f.write_str("the session token is not valid there"),
            Problem::Denied => f.write_str("these credentials are not allowed to do that"),
            Problem::NoBucket => f.write_str("there is no such bucket"),
            Problem::WrongRegion(Some(region)) => {
                write!(f, "the bucket lies in another region, {region}")
            }
            Problem::WrongRegion(None) => f.write_str("the bucket lies in another region"),
            Problem::NoRegion => f.write_str("no AWS region is set"),
            Problem::Clock => {
                f.write_str("this machine's clock differs too much from the server's")
            }
            Problem::Busy => f.write_str("the server is too busy and asks to slow down"),
            Problem::Refused => f.write_str("nobody listens there, the connection was refused"),
            Problem::UnknownHost => f.write_str("the name of the server cannot be resolved"),
            Problem::Timeout => f.write_str("the server did not answer in time"),
            Problem::Tls(reason) => write!(f, "no secure connection could be made: {reason}"),
            Problem::Connection => {
                f.write_str("the connection broke, or the answer was not one of an S3 server")
            }
            Problem::NotImplemented => f.write_str("the server does not know this call"),
            Problem::DamagedOnTheWay => {
                f.write_str("the server refused the bytes, they were damaged on the way")
            }
            Problem::Conflict => f.write_str("other writes to the same object came in between"),
            Problem::Settings(reason) => f.write_str(reason),
            Problem::Service { status, code } => {
                match status {
                    Some(status) => write!(f, "the server answered HTTP {status}")?,
                    None => f.write_str("the server answered with an error")?,
                }
                match code {
                    Some(code) => write!(f, ", {code}"),
                    None => f.write_str(" without an S3 error code; it may not be an S3 server"),
                }
            }
        }
    }
}

impl Problem {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Problem::NoCredentials => {
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or log in with \
                 `aws sso login`."
            }
            Problem::CredentialsFailed => {
                "`aws sts get-caller-identity` with the same environment shows what is wrong."
            }
            Problem::Expired => "Log in again (`aws sso login`) or renew AWS_SESSION_TOKEN.",
            Problem::UnknownKey | Problem::WrongSecret | Problem::InvalidToken => {
                "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or \
                 AWS_PROFILE, and AWS_ENDPOINT_URL_S3: keys of one server are not known to another."
            }
            Problem::Denied => {
                "The key needs s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, \
                 s3:DeleteObject and s3:AbortMultipartUpload on its objects."
            }
            Problem::NoBucket => "Create the bucket, or correct [storage] bucket in config.toml.",
            Problem::WrongRegion(_) | Problem::NoRegion => {
                "Set AWS_REGION to the region of the bucket."
            }
            Problem::Clock => "Set this machine's clock (NTP).",
            Problem::Busy | Problem::Conflict => "Try again in a minute.",
            Problem::Refused | Problem::UnknownHost => {
                "Check AWS_ENDPOINT_URL_S3 (unset for AWS itself) and that the server runs."
            }
            Problem::Timeout | Problem::Connection => {
                "Check the network and AWS_ENDPOINT_URL_S3, then try again."
            }
            Problem::Tls(_) => {
                "A private certificate authority is named by AWS_CA_BUNDLE (a PEM file); check \
                 also that the address begins with https only where the server speaks TLS."
            }
            Problem::NotImplemented => "The published store needs a server with this call.",
            Problem::DamagedOnTheWay => "Try again; if it stays so, look at proxies in between.",
            Problem::Settings(_) => "Correct the setting it names.",
            Problem::Service { .. } => "Look at the server's log, then try again.",
        }
    }
}

impl ObjectError {
    /// What is wrong with the server, when a server is involved.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            ObjectError::Remote { problem, .. } => Some(problem),
            _ => None,
        }
    }
}

impl From<ObjectError> for CommandError {
    fn from(e: ObjectError) -> Self {
        let error = CommandError::backend(e.to_string());
        match &e {
            ObjectError::File { .. } => error,
            ObjectError::Key { .. } => {
                CommandError::config(e.to_string()).hint("[storage] in config.toml names it.")
            }
            ObjectError::Remote { problem, .. } => error.hint(problem.hint()),
            ObjectError::Damaged { object, .. } => error.hint(format!(
                "Remove {object} and try again; it is written anew."
            )),
            ObjectError::Internal(_) => CommandError::internal(e.to_string()),
        }
    }
}
