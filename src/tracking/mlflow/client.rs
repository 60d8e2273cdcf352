//! The client: sends a request to the one configured address and reads the reply, bounded in time
//! and size. What the calls mean stands in the files of their subjects.
//!
//! Nothing is tried twice in here, and no redirect is followed.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::{Body, Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::credentials::{Credentials, Server, SetupError, is_loopback};
use super::endpoint::{Endpoint, Verb};
use super::error::{MlflowError, Problem};
use super::reply::{self, Reply};
use crate::config::TrackingConfig;
use crate::text::clean_to;

/// How long is waited and how much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// For a connection.
    pub connect: Duration,
    /// For a whole call. Transfers of files get a second more for every 64 KiB.
    pub call: Duration,
    /// The largest reply that is read, files apart.
    pub reply_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(30),
            reply_bytes: 32 << 20,
        }
    }
}

impl Options {
    /// The defaults, with MLflow's own variable for the time of a call: seconds in
    /// `MLFLOW_HTTP_REQUEST_TIMEOUT`.
    pub fn from_env() -> Self {
        let seconds = std::env::var("MLFLOW_HTTP_REQUEST_TIMEOUT")
            .ok()
            .and_then(|text| text.trim().parse::<f64>().ok())
            .filter(|seconds| (0.05..=3_600.0).contains(seconds));
        let mut options = Self::default();
        if let Some(seconds) = seconds {
            options.call = Duration::from_secs_f64(seconds);
            options.connect = options.connect.min(options.call);
        }
        options
    }
}

/// A client of one server. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    server: Server,
    shown: String,
    authorization: Option<HeaderValue>,
    options: Options,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.shown).finish()
    }
}

/// What a request carries.
pub(super) enum Payload {
    Nothing,
    Json(Vec<u8>),
    File { body: Body, bytes: u64 },
}

impl Client {
    /// A client of the server that the environment or else `[tracking] uri` names; none when
    /// neither does. Sends nothing yet.
    pub fn from_env(config: &TrackingConfig) -> Result<Option<Self>, SetupError> {
        Server::from_env(config.uri.as_deref())?
            .map(|server| Self::new(server, Options::from_env()))
            .transpose()
    }

    /// A client of a server. Sends nothing yet.
    pub fn new(server: Server, options: Options) -> Result<Self, SetupError> {
        // Installs the TLS provider, which reqwest takes from the process.
        crate::runtime::runtime().map_err(|e| SetupError::Client { reason: e.message })?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("netsec/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(options.connect)
            // Below the five seconds after which MLflow's own server closes an idle connection.
            .pool_idle_timeout(Duration::from_secs(4))
            .tcp_nodelay(true);
        if is_loopback(&server.base) {
            builder = builder.no_proxy();
        }
        if server.base.scheme() == "http" {
            // Reading the system's certificates takes a while and is not needed.
            builder = builder.tls_built_in_root_certs(false);
        }
        if let Some(path) = &server.certificates {
            let pem = std::fs::read(path).map_err(|_| SetupError::Certificates)?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|_| SetupError::Certificates)?;
            if certificates.is_empty() {
                return Err(SetupError::Certificates);
            }
            for certificate in certificates {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let http = builder
            .danger_accept_invalid_certs(server.insecure_tls)
            .build()
            .map_err(|_| SetupError::Client {
                reason: "the certificates of this system or of SSL_CERT_FILE cannot be used"
                    .to_owned(),
            })?;
        let authorization = match server.credentials.header() {
            None => None,
            Some(text) => {
                let mut value =
                    HeaderValue::from_str(text.expose()).map_err(|_| SetupError::Unsendable)?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Self(Arc::new(Inner {
            shown: server.shown(),
            http,
            server,
            authorization,
            options,
        })))
    }

    /// The server's address for people, without credentials.
    pub fn address(&self) -> &str {
        &self.0.shown
    }

    /// The server and who we are there.
    pub fn server(&self) -> &Server {
        &self.0.server
    }

    /// The server's version.
    pub async fn version(&self) -> Result<String, MlflowError> {
        let reply = self.ask(Endpoint::Version).await?;
        let text = String::from_utf8_lossy(&reply.body);
        let text = text.trim();
        // Another program may answer anything here with 200.
        let fine = text.len() <= 40
            && text.contains('.')
            && text.bytes().next().is_some_and(|b| b.is_ascii_digit())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-+_".contains(&b));
        if fine {
            Ok(text.to_owned())
        } else {
            Err(self.error(Endpoint::Version, self.not_mlflow(&reply)))
        }
    }

    /// Whether the server lives.
    pub async fn health(&self) -> Result<(), MlflowError> {
        self.ask(Endpoint::Health).await.map(drop)
    }

    /// What a 3.x server says about itself, as it came.
    pub async fn server_info(&self) -> Result<serde_json::Value, MlflowError> {
        self.get(Endpoint::ServerInfo, &[]).await
    }

    /// Reads a value with a query.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        call: Endpoint,
        query: &[(&str, &str)],
    ) -> Result<T, MlflowError> {
        let mut url = self.url(call, &[]);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.value(call, url, Payload::Nothing).await
    }

    /// Sends JSON and reads a value.
    pub(super) async fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        call: Endpoint,
        body: &B,
    ) -> Result<T, MlflowError> {
        self.send_to(call, &[], body).await
    }

    /// [`Client::send`] to one thing named in the path.
    pub(super) async fn send_to<B: Serialize, T: DeserializeOwned>(
        &self,
        call: Endpoint,
        segments: &[&str],
        body: &B,
    ) -> Result<T, MlflowError> {
        let json = self.json(call, body)?;
        self.value(call, self.url(call, segments), Payload::Json(json))
            .await
    }

    /// Sends JSON where the reply says nothing.
    pub(super) async fn tell<B: Serialize>(
        &self,
        call: Endpoint,
        body: &B,
    ) -> Result<(), MlflowError> {
        let _: Nothing = self.send(call, body).await?;
        Ok(())
    }

    /// Reads one thing named in the path.
    pub(super) async fn get_at<T: DeserializeOwned>(
        &self,
        call: Endpoint,
        segments: &[&str],
    ) -> Result<T, MlflowError> {
        self.value(call, self.url(call, segments), Payload::Nothing)
            .await
    }

    async fn ask(&self, call: Endpoint) -> Result<Reply, MlflowError> {
        let limit = self.0.options.reply_bytes;
        self.reply(call, self.url(call, &[]), Payload::Nothing, limit)
            .await
    }

    async fn value<T: DeserializeOwned>(
        &self,
        call: Endpoint,
        url: Url,
        payload: Payload,
    ) -> Result<T, MlflowError> {
        let limit = self.0.options.reply_bytes;
        let reply = self.reply(call, url, payload, limit).await?;
        reply::value(&reply, self.credentials()).map_err(|problem| self.error(call, problem))
    }

    /// Sends a request and returns a successful reply, or what it means instead.
    pub(super) async fn reply(
        &self,
        call: Endpoint,
        url: Url,
        payload: Payload,
        limit: u64,
    ) -> Result<Reply, MlflowError> {
        let transferred = match &payload {
            Payload::File { bytes, .. } => *bytes,
            Payload::Nothing | Payload::Json(_) if call == Endpoint::ArtifactGet => limit,
            Payload::Nothing | Payload::Json(_) => 0,
        };
        let time = self
            .0
            .options
            .call
            .saturating_add(Duration::from_secs(transferred >> 16));
        let exchange = async {
            let reply = self.exchange(call, url, payload, limit).await?;
            reply::judge(&reply, self.credentials(), Utc::now())?;
            Ok(reply)
        };
        match tokio::time::timeout(time, exchange).await {
            Ok(result) => result,
            Err(_) => Err(Problem::Timeout { after: time }),
        }
        .map_err(|problem| self.error(call, problem))
    }

    async fn exchange(
        &self,
        call: Endpoint,
        url: Url,
        payload: Payload,
        limit: u64,
    ) -> Result<Reply, Problem> {
        let mut headers = HeaderMap::new();
        if let Some(value) = &self.0.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let body = match payload {
            Payload::Nothing => None,
            Payload::Json(json) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Some(Body::from(json))
            }
            Payload::File { body, bytes } => {
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/octet-stream"),
                );
                headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
                Some(body)
            }
        };
        let mut request = self
            .0
            .http
            .request(method(call.verb()), url)
            .headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|e| self.transport(&e))?;
        let header = |name: HeaderName| {
            response
                .headers()
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let mut reply = Reply {
            status: response.status().as_u16(),
            content_type: header(CONTENT_TYPE).unwrap_or_default(),
            retry_after: header(RETRY_AFTER),
            location: header(LOCATION),
            body: Vec::new(),
        };
        let success = response.status().is_success();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(reply),
                // Where the status says what it means the page is only words: half of it is enough.
                Err(_) if reply::status_decides(reply.status) => return Ok(reply),
                Err(e) => return Err(self.transport(&e)),
            };
            let room = limit.saturating_sub(reply.body.len() as u64);
            if chunk.len() as u64 > room {
                if success {
                    return Err(Problem::TooLarge { limit });
                }
                reply.body.extend_from_slice(&chunk[..room as usize]);
                return Ok(reply);
            }
            reply.body.extend_from_slice(&chunk);
        }
    }

    /// The address of a call. Segments are checked by their types; the parser escapes them.
    pub(super) fn url(&self, call: Endpoint, segments: &[&str]) -> Url {
        let mut url = self.0.server.base.clone();
        // http and https addresses always have a path, which is the only thing refused here.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(call.path().split('/'))
                .extend(segments);
        }
        url
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.0.server.credentials
    }

    pub(super) fn not_mlflow(&self, reply: &Reply) -> Problem {
        Problem::NotMlflow {
            saw: reply::saw(reply, self.credentials()),
        }
    }

    pub(super) fn error(&self, call: Endpoint, problem: Problem) -> MlflowError {
        MlflowError {
            call,
            server: self.0.shown.clone(),
            problem,
        }
    }

    fn json<B: Serialize>(&self, call: Endpoint, body: &B) -> Result<Vec<u8>, MlflowError> {
        serde_json::to_vec(body).map_err(|_| {
            self.error(
                call,
                Problem::Invalid {
                    said: "the request cannot be written as JSON".to_owned(),
                },
            )
        })
    }

    /// A transport error by meaning. Its own text is not passed on: it may quote addresses and
    /// headers.
    fn transport(&self, e: &reqwest::Error) -> Problem {
        if e.is_timeout() {
            return Problem::Timeout {
                after: if e.is_connect() {
                    self.0.options.connect
                } else {
                    self.0.options.call
                },
            };
        }
        let mut cause: Option<&(dyn StdError + 'static)> = Some(e);
        let mut io = None;
        while let Some(e) = cause {
            if let Some(tls) = e.downcast_ref::<rustls::Error>() {
                return Problem::Tls {
                    reason: tls_text(tls),
                };
            }
            if let Some(e) = e.downcast_ref::<std::io::Error>() {
                io = Some(e.kind());
                // An io::Error passes over the error it wraps when asked for its source.
                if let Some(inner) = e.get_ref() {
                    cause = Some(inner);
                    continue;
                }
            }
            cause = e.source();
        }
        if e.is_connect() {
            return Problem::Unreachable {
                reason: match io {
                    Some(std::io::ErrorKind::ConnectionRefused) => {
                        "nothing listens there (connection refused)"
                    }
                    Some(
                        std::io::ErrorKind::HostUnreachable
                        | std::io::ErrorKind::NetworkUnreachable,
                    ) => "no way to the host",
                    Some(std::io::ErrorKind::TimedOut) => "no answer from the host",
                    Some(
                        std::io::ErrorKind::ConnectionReset
                        | std::io::ErrorKind::UnexpectedEof
                        | std::io::ErrorKind::BrokenPipe,
                    ) => "the connection was closed at once",
                    _ => "the host name is unknown or the connection failed",
                },
            };
        }
        if not_http(e) {
            return Problem::NotMlflow {
                saw: "it does not speak HTTP, or only HTTPS".to_owned(),
            };
        }
        Problem::Interrupted
    }
}

/// A reply without content: `{}`, or nothing at all.
#[derive(Default)]
pub(super) struct Nothing;

impl<'de> serde::Deserialize<'de> for Nothing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An object with any fields; an HTML page with status 200 is no success.
        serde::Deserialize::deserialize(deserializer)
            .map(|_: serde_json::Map<String, serde_json::Value>| Nothing)
    }
}

fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get => Method::GET,
        Verb::Post => Method::POST,
        Verb::Put => Method::PUT,
        Verb::Patch => Method::PATCH,
        Verb::Delete => Method::DELETE,
    }
}

fn tls_text(e: &rustls::Error) -> String {
    use rustls::{CertificateError as C, Error as E};
    match e {
        E::InvalidCertificate(C::UnknownIssuer) => {
            "the server's certificate comes from an authority that is not known here".to_owned()
        }
        E::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => {
            "the server's certificate has expired".to_owned()
        }
        E::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            "the server's certificate is for another name".to_owned()
        }
        E::InvalidCertificate(other) => {
            format!(
                "the server's certificate is not good: {}",
                clean_to(&other.to_string(), 120)
            )
        }
        E::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        other => clean_to(&other.to_string(), 120),
    }
}

/// Whether what came back was no HTTP at all. The HTTP library's error type is not ours to name,
/// so its words are searched; they are fixed texts.
fn not_http(e: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(e);
    while let Some(e) = cause {
        let text = e.to_string();
        if text.contains("invalid HTTP") || text.contains("invalid header") {
            return true;
        }
        cause = e.source();
    }
    false
}
