//! Which server, and who we are there: read from the environment, shown nowhere.
//!
//! `MLFLOW_TRACKING_URI` comes before `[tracking] uri`. A user and password inside the environment's
//! address are moved into Basic credentials and never shown; inside `config.toml` they are refused,
//! because a file is no place for a secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use thiserror::Error;

use crate::error::CommandError;
use crate::secrets::{Secret, shown_address};

/// Why no client could be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetupError {
    /// The address is none.
    #[error("{from} is not an http:// or https:// address of a server")]
    Address {
        /// Where it was read.
        from: &'static str,
    },
    /// The address carries a query or fragment.
    #[error("{from} has a `?` or `#` part, an MLflow address has none")]
    Query {
        /// Where it was read.
        from: &'static str,
    },
    /// The configuration file carries a password.
    #[error("[tracking] uri holds a user name or password")]
    SecretInFile,
    /// Half of a pair.
    #[error("{set} is set and {missing} is not")]
    Half {
        /// The variable that is set.
        set: &'static str,
        /// The variable that is missing.
        missing: &'static str,
    },
    /// Credentials that no header can carry.
    #[error("the credentials hold characters that cannot be sent")]
    Unsendable,
    /// The certificate file cannot be used.
    #[error("the certificates of MLFLOW_TRACKING_SERVER_CERT_PATH cannot be read")]
    Certificates,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {reason}")]
    Client {
        /// Why, in our words.
        reason: String,
    },
}

impl From<SetupError> for CommandError {
    fn from(e: SetupError) -> Self {
        let message = e.to_string();
        match e {
            SetupError::Address { .. } | SetupError::Query { .. } => CommandError::config(message)
                .hint(
                    "It looks like https://dagshub.com/USER/REPOSITORY.mlflow or http://HOST:5000.",
                ),
            SetupError::SecretInFile => CommandError::config(message).hint(
                "Write the plain address, and give MLFLOW_TRACKING_USERNAME and \
                 MLFLOW_TRACKING_PASSWORD in the environment.",
            ),
            SetupError::Half { .. } => CommandError::config(message).hint(
                "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD together, or \
                 MLFLOW_TRACKING_TOKEN alone.",
            ),
            SetupError::Unsendable => {
                CommandError::config(message).hint("Look for a line break at the end of the value.")
            }
            SetupError::Certificates => {
                CommandError::config(message).hint("It names a PEM file with the CA's certificate.")
            }
            SetupError::Client { .. } => CommandError::internal(message),
        }
    }
}

/// Who we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody.
    None,
    /// A user and a password or token.
    Basic {
        /// The user.
        user: String,
        /// The password or token.
        password: Secret,
    },
    /// A token.
    Bearer(Secret),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Credentials {
    /// The kind, for people.
    pub fn text(&self) -> &'static str {
        match self {
            Credentials::None => "without credentials",
            Credentials::Basic { .. } => "with user name and password",
            Credentials::Bearer(_) => "with a token",
        }
    }

    /// The value of the Authorization header.
    pub(super) fn header(&self) -> Option<Secret> {
        match self {
            Credentials::None => None,
            Credentials::Basic { user, password } => Some(Secret::new(format!(
                "Basic {}",
                STANDARD.encode(format!("{user}:{}", password.expose()))
            ))),
            Credentials::Bearer(token) => Some(Secret::new(format!("Bearer {}", token.expose()))),
        }
    }

    /// Takes our own secrets out of a text that came from outside: a server may echo the request.
    pub(super) fn scrub(&self, text: &str) -> String {
        let secret = match self {
            Credentials::None => return text.to_owned(),
            Credentials::Basic { password, .. } => password,
            Credentials::Bearer(token) => token,
        };
        let mut text = text.to_owned();
        let header = self.header();
        let sent = header.as_ref().and_then(|h| h.expose().split_once(' '));
        for part in [sent.map_or("", |(_, part)| part), secret.expose()] {
            // An empty secret is everywhere.
            if !part.is_empty() {
                text = text.replace(part, "***");
            }
        }
        text
    }
}

/// A server and who we are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    pub(super) base: Url,
    pub(super) credentials: Credentials,
    pub(super) insecure_tls: bool,
    pub(super) certificates: Option<std::path::PathBuf>,
}

/// The environment variable with the address.
const URI: &str = "MLFLOW_TRACKING_URI";
const USER: &str = "MLFLOW_TRACKING_USERNAME";
const PASSWORD: &str = "MLFLOW_TRACKING_PASSWORD";
const TOKEN: &str = "MLFLOW_TRACKING_TOKEN";
const DAGSHUB_TOKEN: &str = "DAGSHUB_USER_TOKEN";
const INSECURE: &str = "MLFLOW_TRACKING_INSECURE_TLS";
const CERTIFICATES: &str = "MLFLOW_TRACKING_SERVER_CERT_PATH";
const IN_FILE: &str = "[tracking] uri";

impl Server {
    /// The server that the environment or else the configuration names; none when neither does.
    pub fn from_env(configured: Option<&str>) -> Result<Option<Self>, SetupError> {
        Self::resolve(configured, &|name| std::env::var(name).ok())
    }

    /// [`Server::from_env`] with the environment as a function.
    pub fn resolve(
        configured: Option<&str>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, SetupError> {
        let env = |name: &str| env(name).filter(|text| !text.trim().is_empty());
        let (address, from) = match (env(URI), configured) {
            (Some(address), _) => (address, URI),
            (None, Some(address)) if !address.trim().is_empty() => (address.to_owned(), IN_FILE),
            (None, _) => return Ok(None),
        };
        // The parser's own error could quote the address, which may hold a password.
        let mut base = Url::parse(address.trim()).map_err(|_| SetupError::Address { from })?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(SetupError::Address { from });
        }
        let inside = (!base.username().is_empty() || base.password().is_some()).then(|| {
            (
                decoded(base.username()),
                decoded(base.password().unwrap_or_default()),
            )
        });
        if inside.is_some() && from == IN_FILE {
            return Err(SetupError::SecretInFile);
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(SetupError::Query { from });
        }
        // Refused only for addresses that cannot have credentials at all.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        let path = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let credentials = credentials(&base, inside, &env)?;
        Ok(Some(Self {
            base,
            credentials,
            insecure_tls: env(INSECURE).is_some_and(|v| {
                matches!(v.trim().to_ascii_lowercase().as_str(), "true" | "1" | "yes")
            }),
            certificates: env(CERTIFICATES).map(Into::into),
        }))
    }

    /// The address for people.
    pub fn shown(&self) -> String {
        shown_address(self.base.as_str())
            .trim_end_matches('/')
            .to_owned()
    }

    /// Who we are there.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// What a careful person would change about the connection.
    pub fn warning(&self) -> Option<&'static str> {
        if self.insecure_tls && self.base.scheme() == "https" {
            return Some("MLFLOW_TRACKING_INSECURE_TLS is on: anybody in between can read along");
        }
        if self.base.scheme() == "http"
            && self.credentials != Credentials::None
            && !is_loopback(&self.base)
        {
            return Some("credentials travel unencrypted over http://");
        }
        None
    }
}

fn credentials(
    base: &Url,
    inside: Option<(String, String)>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Credentials, SetupError> {
    let basic = |user: String, password: String| Credentials::Basic {
        user,
        password: Secret::new(password),
    };
    let found = match (env(USER), env(PASSWORD), env(TOKEN)) {
        (Some(user), Some(password), _) => basic(user, password),
        // DAGsHub takes its token as a password; the user stands in the address.
        (None, None, None) if inside.is_none() && is_dagshub(base) => match env(DAGSHUB_TOKEN) {
            Some(token) => basic(owner(base), token),
            None => Credentials::None,
        },
        (_, _, Some(token)) => Credentials::Bearer(Secret::new(token)),
        (Some(user), None, None) => match (env(DAGSHUB_TOKEN), is_dagshub(base)) {
            (Some(token), true) => basic(user, token),
            _ => {
                return Err(SetupError::Half {
                    set: USER,
                    missing: PASSWORD,
                });
            }
        },
        (None, Some(password), None) if is_dagshub(base) => basic(owner(base), password),
        (None, Some(_), None) => {
            return Err(SetupError::Half {
                set: PASSWORD,
                missing: USER,
            });
        }
        (None, None, None) => match inside {
            Some((user, password)) => basic(user, password),
            None => Credentials::None,
        },
    };
    let sendable = match &found {
        Credentials::None => true,
        Credentials::Basic { user, .. } => !user.contains(':'),
        Credentials::Bearer(token) => token.expose().bytes().all(|b| b.is_ascii_graphic()),
    };
    if sendable {
        Ok(found)
    } else {
        Err(SetupError::Unsendable)
    }
}

/// Whether an address is DAGsHub's: its token goes nowhere else, and never unencrypted.
fn is_dagshub(base: &Url) -> bool {
    base.scheme() == "https"
        && base
            .host_str()
            .is_some_and(|host| host == "dagshub.com" || host.ends_with(".dagshub.com"))
}

/// The first part of the path: `dagshub.com/<user>/<repository>.mlflow`.
fn owner(base: &Url) -> String {
    base.path_segments()
        .and_then(|mut parts| parts.next())
        .map(decoded)
        .unwrap_or_default()
}

/// Whether an address is this machine's own.
pub(super) fn is_loopback(base: &Url) -> bool {
    base.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    })
}

/// Percent-decoding, as far as it makes sense.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match hex {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)], file: Option<&str>) -> Result<Option<Server>, SetupError> {
        Server::resolve(file, &|name| {
            vars.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        })
    }

    fn header(vars: &[(&str, &str)], file: Option<&str>) -> Option<String> {
        let server = with(vars, file).unwrap().unwrap();
        server.credentials.header().map(|h| h.expose().to_owned())
    }

    fn basic(pair: &str) -> Option<String> {
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }

    #[test]
    fn the_environment_comes_first_and_nothing_is_nothing() {
        assert_eq!(with(&[], None), Ok(None));
        assert_eq!(with(&[(URI, " ")], Some("")), Ok(None));
        let both = with(&[(URI, "http://a:1")], Some("http://b:2"))
            .unwrap()
            .unwrap();
        assert_eq!(both.shown(), "http://a:1");
        let prefixed = with(&[], Some("https://h/x/y.mlflow//")).unwrap().unwrap();
        assert_eq!(prefixed.base.as_str(), "https://h/x/y.mlflow/");
        assert_eq!(prefixed.shown(), "https://h/x/y.mlflow");
    }

    #[test]
    fn credentials_by_kind() {
        let at = (URI, "https://h");
        assert_eq!(header(&[at], None), None);
        assert_eq!(
            header(&[at, (USER, "u"), (PASSWORD, "p"), (TOKEN, "t")], None),
            basic("u:p")
        );
        assert_eq!(
            header(&[at, (TOKEN, "t")], None),
            Some("Bearer t".to_owned())
        );
        assert_eq!(
            with(&[at, (USER, "u")], None),
            Err(SetupError::Half {
                set: USER,
                missing: PASSWORD
            })
        );
        assert_eq!(
            with(&[at, (TOKEN, "a\nb")], None),
            Err(SetupError::Unsendable)
        );
    }

    #[test]
    fn the_dagshub_token_goes_to_dagshub_only() {
        let token = (DAGSHUB_TOKEN, "t");
        let hub = (URI, "https://dagshub.com/ann/flows.mlflow");
        assert_eq!(header(&[hub, token], None), basic("ann:t"));
        assert_eq!(header(&[hub, token, (USER, "bob")], None), basic("bob:t"));
        assert_eq!(
            header(&[hub, token, (USER, "u"), (PASSWORD, "p")], None),
            basic("u:p")
        );
        for other in [
            "https://dagshub.com.evil.example/a/b.mlflow",
            "https://evil.example/dagshub.com",
            "http://dagshub.com/a/b.mlflow",
        ] {
            assert_eq!(header(&[(URI, other), token], None), None, "{other}");
        }
    }

    #[test]
    fn credentials_inside_the_address_are_moved_or_refused() {
        let inside = "https://ann:p%40ss@h/a.mlflow";
        let server = with(&[(URI, inside)], None).unwrap().unwrap();
        assert_eq!(server.base.as_str(), "https://h/a.mlflow/");
        assert_eq!(
            server.credentials.header().unwrap().expose(),
            basic("ann:p@ss").unwrap()
        );
        assert!(!format!("{server:?}").contains("ss@") && !format!("{server:?}").contains("p@"));
        assert_eq!(with(&[], Some(inside)), Err(SetupError::SecretInFile));
        // The variables win over the address.
        assert_eq!(
            header(&[(URI, inside), (USER, "u"), (PASSWORD, "p")], None),
            basic("u:p")
        );
    }

    #[test]
    fn what_is_no_server_is_refused_without_being_shown() {
        for address in [
            "./mlruns",
            "file:///x",
            "databricks",
            "sqlite:///hunter2.db",
            "http://",
            "u:hunter2@h",
        ] {
            let error = with(&[(URI, address)], None).unwrap_err();
            assert_eq!(error, SetupError::Address { from: URI });
            assert!(!CommandError::from(error).to_string().contains("hunter2"));
        }
        assert_eq!(
            with(&[(URI, "http://h/?a=b")], None),
            Err(SetupError::Query { from: URI })
        );
    }

    #[test]
    fn echoes_of_secrets_are_taken_out() {
        let server = with(
            &[(URI, "http://h"), (USER, "u"), (PASSWORD, "hunter2")],
            None,
        );
        let credentials = server.unwrap().unwrap().credentials;
        let echo = format!(
            "you sent Basic {} for hunter2",
            STANDARD.encode("u:hunter2")
        );
        assert_eq!(credentials.scrub(&echo), "you sent Basic *** for ***");
    }

    #[test]
    fn warnings_are_for_remote_servers_only() {
        let warned = |vars: &[(&str, &str)]| with(vars, None).unwrap().unwrap().warning().is_some();
        let token = (TOKEN, "t");
        assert!(warned(&[(URI, "http://example.org"), token]));
        assert!(!warned(&[(URI, "http://127.0.0.1:5000"), token]));
        assert!(!warned(&[(URI, "http://[::1]:5000"), token]));
        assert!(!warned(&[(URI, "http://example.org")]));
        assert!(warned(&[(URI, "https://example.org"), (INSECURE, "true")]));
    }
}
