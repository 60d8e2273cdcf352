//! Connecting to the MongoDB server that the environment names.
//!
//! The address holds the password, so it is read where it is used and kept in a [`Secret`]; what
//! is shown of it is [`MongoServer::shown`]. The driver connects when something is first asked of
//! it, so making a [`MongoServer`] does not fail because no server runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection};

use super::error::{MongoError, Problem, problem_of};
use super::reach::{Attempt, Reach};
use crate::error::CommandError;
use crate::schema::nearest;
use crate::secrets::{Secret, shown_address};
use crate::text::clean_to;

/// The environment variables that may hold the address; the first that is set counts.
pub const URI_VARIABLES: [&str; 2] = ["MONGODB_URI", "MONGO_DB_URL"];

/// How long a server is looked for when the address does not say (`serverSelectionTimeoutMS`).
/// Long enough for an election, short enough for a person who waits.
const SELECTION: Duration = Duration::from_secs(5);
/// How long a connection may take to be made when the address does not say (`connectTimeoutMS`).
const CONNECT: Duration = Duration::from_secs(5);

/// A database and a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// The database.
    pub database: String,
    /// The collection; it may hold dots.
    pub collection: String,
}

impl Namespace {
    /// A database and a collection, if a server could have them.
    pub fn new(
        database: impl Into<String>,
        collection: impl Into<String>,
    ) -> Result<Self, BadName> {
        let (database, collection) = (database.into(), collection.into());
        let forbidden = |c: char| matches!(c, '/' | '\\' | '.' | ' ' | '"' | '$' | '\0');
        if database.is_empty() || database.len() > 63 || database.contains(forbidden) {
            return Err(BadName {
                what: "name of a database",
                name: database,
            });
        }
        // `$` and `system.` belong to the server.
        let reserved = collection.starts_with("system.") || collection.contains('$');
        if collection.is_empty() || collection.contains('\0') || reserved {
            return Err(BadName {
                what: "name of a collection",
                name: collection,
            });
        }
        Ok(Self {
            database,
            collection,
        })
    }

    /// Reads `DATABASE.COLLECTION`; the first dot divides them, for a database has none.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        match text.split_once('.') {
            Some((database, collection)) => Self::new(database, collection),
            None => Err(BadName {
                what: "DATABASE.COLLECTION",
                name: text.to_owned(),
            }),
        }
    }
}

/// A name that no server can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no {what}")]
pub struct BadName {
    what: &'static str,
    name: String,
}

impl From<BadName> for CommandError {
    fn from(e: BadName) -> Self {
        CommandError::usage(e.to_string()).hint(
            "It looks like `traffic.flows`: a database without dots, blanks or slashes, and a \
             collection of it.",
        )
    }
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.database, self.collection)
    }
}

/// What the driver heard of each server last: nothing while it answers.
type Heard = Arc<Mutex<BTreeMap<String, Reach>>>;

/// A MongoDB server (or replica set) that can be asked.
#[derive(Clone, Debug)]
pub struct MongoServer {
    client: Client,
    shown: String,
    /// Texts that must not be shown: the password and the user information as they were written.
    secrets: Vec<Secret>,
    /// The addresses that the URI names.
    named: Vec<String>,
    /// Whether the URI names a user.
    with_user: bool,
    heard: Heard,
}

impl MongoServer {
    /// The server of `MONGODB_URI` or `MONGO_DB_URL`.
    pub async fn from_env() -> Result<Self, MongoError> {
        match Secret::from_env(&URI_VARIABLES) {
            Some(uri) => Self::at(&uri).await,
            None => Err(MongoError {
                doing: "connecting".to_owned(),
                server: "MongoDB".to_owned(),
                problem: Problem::NoAddress,
            }),
        }
    }

    /// The same, waited for. Not to be called from within a future.
    pub fn connect() -> Result<Self, CommandError> {
        Ok(crate::runtime::block_on(Self::from_env())??)
    }

    /// The server at an address.
    pub async fn at(uri: &Secret) -> Result<Self, MongoError> {
        let text = uri.expose().trim();
        let shown = clean_to(&shown_address(text), 200);
        let refused = |problem| MongoError {
            doing: "connecting".to_owned(),
            server: shown.clone(),
            problem,
        };
        if let Some(reason) = complaint(text) {
            return Err(refused(Problem::BadAddress(reason)));
        }
        let mut options = match ClientOptions::parse(text).await {
            Ok(options) => options,
            Err(e) => {
                return Err(refused(match Reach::of(&e) {
                    // `mongodb+srv://` asks the name server for the members.
                    Some(reason) => Problem::Unreachable(vec![Attempt {
                        address: shown.clone(),
                        named: true,
                        reason,
                    }]),
                    None => Problem::BadAddress(option_complaint(&e)),
                }));
            }
        };
        options.app_name.get_or_insert_with(|| "netsec".to_owned());
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.connect_timeout.get_or_insert(CONNECT);
        let named = options.hosts.iter().map(ToString::to_string).collect();
        let with_user = options.credential.is_some();
        let heard = Heard::default();
        options.sdam_event_handler = Some(listener(&heard));
        let client = Client::with_options(options).map_err(|e| {
            refused(match Reach::of(&e) {
                Some(Reach::CertificateFile(reason)) => Problem::CertificateFile(reason),
                _ => Problem::BadAddress(option_complaint(&e)),
            })
        })?;
        Ok(Self {
            client,
            shown,
            secrets: secrets_of(text),
            named,
            with_user,
            heard,
        })
    }

    /// The driver's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The address without user name, password and options.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The database that the address names after the host, if it does.
    pub fn default_database(&self) -> Option<String> {
        self.client.default_database().map(|d| d.name().to_owned())
    }

    /// A collection, with documents of the given type.
    pub fn collection<T: Send + Sync>(&self, namespace: &Namespace) -> Collection<T> {
        self.client
            .database(&namespace.database)
            .collection(&namespace.collection)
    }

    /// An error of the driver as an error of ours. `doing` begins the sentence: `reading a.b`.
    pub fn error(&self, doing: impl Into<String>, error: &Error) -> MongoError {
        let problem = match problem_of(error, || self.attempts(), |text| self.redact(text)) {
            Problem::NotAuthorised if !self.with_user => Problem::NoUser,
            problem => problem,
        };
        MongoError {
            doing: doing.into(),
            server: self.shown.clone(),
            problem,
        }
    }

    /// Asks for a sign of life: reached, and the user accepted.
    pub async fn ping(&self) -> Result<(), MongoError> {
        self.client
            .database(self.default_database().as_deref().unwrap_or("admin"))
            .run_command(doc! { "ping": 1 })
            .await
            .map(|_| ())
            .map_err(|e| self.error("connecting", &e))
    }

    /// Fails when there is no such database or collection, and names the nearest there is. Says
    /// nothing when the user may not list names: reading will tell.
    pub async fn require_collection(&self, namespace: &Namespace) -> Result<(), MongoError> {
        let doing = format!("looking for {namespace}");
        let database = self.client.database(&namespace.database);
        let names = match self.collection_names(&namespace.database).await {
            Ok(names) => names,
            Err(e) if e.is_denied() => return Ok(()),
            Err(e) => return Err(MongoError { doing, ..e }),
        };
        if names.contains(&namespace.collection) {
            return Ok(());
        }
        let problem = if names.is_empty() {
            // A user without the right to list databases is shown those it may read.
            let databases = self.client.list_database_names().await.unwrap_or_default();
            Problem::NoDatabase {
                nearest: near(database.name(), &databases),
                database: namespace.database.clone(),
            }
        } else {
            Problem::NoCollection {
                nearest: near(&namespace.collection, &names),
                database: namespace.database.clone(),
                collection: namespace.collection.clone(),
            }
        };
        Err(MongoError {
            doing,
            server: self.shown.clone(),
            problem,
        })
    }

    /// The collections of a database that the user may see.
    pub async fn collection_names(&self, database: &str) -> Result<Vec<String>, MongoError> {
        // With `authorizedCollections` a user sees the collections it may read even without the
        // right to list all of them.
        let command: Document = doc! {
            "listCollections": 1, "nameOnly": true, "authorizedCollections": true,
            "cursor": { "batchSize": 10_000 },
        };
        let doing = format!("listing the collections of {database}");
        let reply = self
            .client
            .database(database)
            .run_command(command)
            .await
            .map_err(|e| self.error(doing, &e))?;
        let batch = reply
            .get_document("cursor")
            .and_then(|c| c.get_array("firstBatch"));
        Ok(batch
            .map(|batch| {
                batch
                    .iter()
                    .filter_map(|c| c.as_document()?.get_str("name").ok().map(str::to_owned))
                    .collect()
            })
            .unwrap_or_default())
    }

    /// What is known of the servers that could not be reached.
    fn attempts(&self) -> Vec<Attempt> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard
            .iter()
            .map(|(address, reason)| Attempt {
                address: clean_to(address, 100),
                named: self.named.contains(address),
                reason: reason.clone(),
            })
            .collect()
    }

    /// A server's sentence without credentials.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.expose(), "***")
        })
    }
}

/// Keeps what the driver's monitors hear. The error that the driver returns when it finds no
/// server holds the same only as a text of all members, addresses and errors mixed.
fn listener(heard: &Heard) -> EventHandler<SdamEvent> {
    let heard = Arc::clone(heard);
    EventHandler::callback(move |event| {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            SdamEvent::ServerHeartbeatFailed(e) => {
                let reason = Reach::of(&e.failure)
                    .unwrap_or_else(|| Reach::Other("its answer makes no sense".to_owned()));
                heard.insert(e.server_address.to_string(), reason);
            }
            SdamEvent::ServerHeartbeatSucceeded(e) => {
                heard.remove(&e.server_address.to_string());
            }
            SdamEvent::ServerClosed(e) => {
                heard.remove(&e.address.to_string());
            }
            _ => {}
        }
    })
}

fn near(wrong: &str, known: &[String]) -> Option<String> {
    nearest(wrong, known.iter().map(String::as_str)).map(str::to_owned)
}

/// The part between the scheme and the last `@`: user name and password as written.
fn user_information(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    // An option may hold an `@`, so options are left out; but a password with an unescaped `?`
    // would end there, and then the `@` after it counts.
    let before = rest.split_once('?').map_or(rest, |(before, _)| before);
    let end = before.rfind('@').or_else(|| rest.rfind('@'))?;
    Some(&rest[..end])
}

/// What must never be shown: the password as written and as meant, and all of the user
/// information.
fn secrets_of(uri: &str) -> Vec<Secret> {
    let mut secrets = Vec::new();
    if let Some(info) = user_information(uri) {
        secrets.push(Secret::new(info));
        if let Some((_, password)) = info.split_once(':').filter(|(_, p)| !p.is_empty()) {
            secrets.push(Secret::new(password));
            let meant = percent_decoded(password);
            if meant != password {
                secrets.push(Secret::new(meant));
            }
        }
    }
    secrets
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is wrong with an address, as far as it can be said without the driver, whose complaints
/// may quote a part of a password that holds an unescaped character.
fn complaint(uri: &str) -> Option<String> {
    let schemes = ["mongodb://", "mongodb+srv://"];
    let Some(rest) = schemes.iter().find_map(|s| uri.strip_prefix(s)) else {
        return Some("it does not begin with mongodb:// or mongodb+srv://".to_owned());
    };
    let info = user_information(uri);
    if let Some(info) = info {
        let password = info.split_once(':').map_or("", |(_, p)| p);
        let user = info.split(':').next().unwrap_or_default();
        let forbidden = |c: char| matches!(c, '/' | '?' | '#' | '[' | ']' | '@' | ':');
        let stray = |part: &str| {
            part.match_indices('%').any(|(at, _)| {
                !part
                    .get(at + 1..at + 3)
                    .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            })
        };
        if user.contains(forbidden) || password.contains(forbidden) || stray(info) {
            return Some(
                "user name or password holds one of : / ? # [ ] @ %, which must be written as a \
                 percent code (%3A %2F %3F %23 %5B %5D %40 %25)"
                    .to_owned(),
            );
        }
    }
    let hosts = &rest[info.map_or(0, |i| i.len() + 1)..];
    let hosts = hosts.split(['/', '?']).next().unwrap_or_default();
    if hosts.is_empty() {
        return Some("it names no host".to_owned());
    }
    None
}

/// The complaint of the driver about an address whose user information is in order. Its text may
/// still quote a value, so only the name of the option is taken from it.
fn option_complaint(error: &Error) -> String {
    const OPTIONS: [&str; 34] = [
        "authMechanismProperties",
        "authMechanism",
        "authSource",
        "compressors",
        "connectTimeoutMS",
        "directConnection",
        "heartbeatFrequencyMS",
        "journal",
        "loadBalanced",
        "localThresholdMS",
        "maxIdleTimeMS",
        "maxPoolSize",
        "maxStalenessSeconds",
        "minPoolSize",
        "maxConnecting",
        "readConcernLevel",
        "readPreferenceTags",
        "readPreference",
        "replicaSet",
        "retryReads",
        "retryWrites",
        "serverSelectionTimeoutMS",
        "socketTimeoutMS",
        "srvMaxHosts",
        "srvServiceName",
        "tlsAllowInvalidCertificates",
        "tlsAllowInvalidHostnames",
        "tlsCAFile",
        "tlsCertificateKeyFile",
        "tlsInsecure",
        "wTimeoutMS",
        "appName",
        "uuidRepresentation",
        "tls",
    ];
    let text = error.to_string().to_lowercase();
    match OPTIONS.iter().find(|o| text.contains(&o.to_lowercase())) {
        Some(option) => format!("the driver does not accept what it says of the option `{option}`"),
        None if text.contains("port") => "a port is not a number from 1 to 65535".to_owned(),
        None if text.contains("option") => {
            "it has an option that the driver does not know".to_owned()
        }
        None => "the driver does not accept it: check host, database and options".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_namespace_is_divided_at_the_first_dot() {
        let n = Namespace::parse("traffic.flows.2024").unwrap();
        assert_eq!(
            (n.database.as_str(), n.collection.as_str()),
            ("traffic", "flows.2024")
        );
        assert_eq!(n.to_string(), "traffic.flows.2024");
        for wrong in [
            "traffic",
            ".flows",
            "traffic.",
            "",
            "a b.c",
            "a.system.users",
            "a.$cmd",
        ] {
            assert!(Namespace::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_complained_about_without_being_quoted() {
        for (uri, part) in [
            ("http://h", "does not begin"),
            ("mongodb://", "names no host"),
            ("mongodb://u:hunter2@", "names no host"),
            ("mongodb://u:hun/ter2@h", "percent code"),
            ("mongodb://u:hun@ter2@h", "percent code"),
            ("mongodb://u:hun:ter2@h", "percent code"),
            ("mongodb://u:hun?ter2@h", "percent code"),
            ("mongodb://u:hun%ter2@h", "percent code"),
        ] {
            let reason = complaint(uri).unwrap();
            assert!(reason.contains(part), "{uri}: {reason}");
            assert!(!reason.contains("ter2"), "{uri}: {reason}");
        }
        for uri in [
            "mongodb://h",
            "mongodb://u:p%40q@h:1,i:2/db?replicaSet=rs0",
            "mongodb+srv://u@h/?appName=a@b",
        ] {
            assert_eq!(complaint(uri), None, "{uri}");
        }
    }

    #[test]
    fn the_password_is_a_secret_as_written_and_as_meant() {
        let texts: Vec<String> = secrets_of("mongodb://u:p%40q@h/?x=y")
            .iter()
            .map(|s| s.expose().to_owned())
            .collect();
        assert_eq!(texts, ["u:p%40q", "p%40q", "p@q"]);
        assert!(secrets_of("mongodb://h").is_empty());
    }

    #[test]
    fn what_the_driver_refuses_is_said_without_quoting_it() {
        let at = |uri: &str| {
            crate::runtime::block_on(MongoServer::at(&Secret::new(uri)))
                .unwrap()
                .unwrap_err()
        };
        let e = at("mongodb://u:hunter2@h/?connectTimeoutMS=soon");
        assert!(e.to_string().contains("`connectTimeoutMS`"), "{e}");
        let e = at("mongodb://u:hunter2@h:123456/");
        assert!(e.to_string().contains("port"), "{e}");
        assert!(!format!("{e:?}").contains("hunter2"));
    }

    #[test]
    fn a_refused_connection_names_the_server_and_not_the_password() {
        // Bound and dropped: nothing listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let uri = format!("mongodb://u:hunter2@127.0.0.1:{port}/?serverSelectionTimeoutMS=200");
        let error = crate::runtime::block_on(async {
            let server = MongoServer::at(&Secret::new(uri)).await.unwrap();
            server.ping().await.unwrap_err()
        })
        .unwrap();
        assert_eq!(
            error.problem,
            Problem::Unreachable(vec![Attempt {
                address: format!("127.0.0.1:{port}"),
                named: true,
                reason: Reach::Refused,
            }])
        );
        assert!(error.is_transient());
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_complaint_quotes_a_password(password in "[!-~]{6,20}") {
            let uri = format!("mongodb://user:{password}@host/");
            if let Some(reason) = complaint(&uri) {
                prop_assert!(!reason.contains(&password));
            }
        }
    }
}
