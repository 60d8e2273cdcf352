//! Real servers for the tests of the backends: MongoDB, S3, MLflow and a DAGsHub-like MLflow on
//! loopback, brought up by `tests/services/up` once for the whole test binary.
//!
//! How a test uses them:
//!
//! ```ignore
//! use crate::services::{self, needs_servers};
//!
//! #[test]
//! fn rows_come_from_a_collection() {
//!     needs_servers!();                         // offline: says its name and returns
//!     let database = services::unique("flows"); // the servers are shared, names are not
//!     let mongodb = services::mongodb();        // waits until it can be used
//!     project.netsec(&["retrain"]).env("MONGODB_URI", &mongodb.uri) ...
//! }
//! ```
//!
//! - [`mongodb`], [`mongodb_tls`], [`s3`], [`mlflow`], [`dagshub`] give addresses and credentials;
//!   their `env()` are the pairs to put on a netsec command (`command.envs(services::s3().env())`).
//! - [`python`] is a Python with pymongo, pymongoarrow, pandas, boto3, the MLflow client, onnx,
//!   onnxruntime and xgboost; [`run_python`] runs a script and returns what it printed.
//! - A test that kills servers, or makes the primary step down, starts its own with
//!   [`Servers::own`] and so disturbs nobody; those end when the value is dropped.
//! - Nothing here is removed after a test: everything goes with the servers. Use [`unique`] for
//!   databases, buckets ([`Servers::bucket`] makes one), experiments and models.
//!
//! Without a filter on the command line all servers start with the first test that needs one, so
//! that the slow starts overlap; with one, each starts when it is first asked for. Where Python or
//! a package index is missing, the tests that need servers fail with the one sentence that says so;
//! `NETSEC_TESTS=offline` leaves them out by name.
//!
//! The servers end with the test binary, however that ends: `up` sees its standard input close.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;

/// The longest an answer is waited for: a first start installs the packages.
const PATIENCE: Duration = Duration::from_secs(900);

/// At the top of every test that needs servers: in offline mode it names the test and returns.
macro_rules! needs_servers {
    () => {
        if $crate::services::left_out({
            fn here() {}
            std::any::type_name_of_val(&here)
        }) {
            return;
        }
    };
}

pub(crate) use needs_servers;

/// Whether the test around this is left out; says so, past the capture of the test harness.
pub fn left_out(here: &str) -> bool {
    if std::env::var("NETSEC_TESTS").as_deref() != Ok("offline") {
        return false;
    }
    let name = here.trim_end_matches("::here");
    let name = name.split_once("::").map_or(name, |(_, rest)| rest);
    // The printing macros would be captured, and what a passing test printed is not shown.
    let _ = writeln!(std::io::stderr(), "left out (offline): {name}");
    true
}

/// A name nobody else uses, of letters that databases, buckets, experiments and models allow.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!(
        "{what}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A MongoDB server: a replica set of one with users. All addresses carry user and password.
#[derive(Clone, Debug)]
pub struct MongoDb {
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// May read and write every database.
    pub uri: String,
    /// May do everything.
    pub root_uri: String,
    /// May read every database.
    pub reader_uri: String,
    /// May read one database, `elsewhere`.
    pub stranger_uri: String,
    /// The user of `uri` with a wrong password.
    pub wrong_password_uri: String,
    /// The passwords of all users, to search for.
    pub passwords: Vec<String>,
    /// TLS only: the CA that signed the server's certificate.
    pub ca: Option<String>,
    /// TLS only: a CA that did not.
    pub other_ca: Option<String>,
}

impl MongoDb {
    fn new(facts: &Value) -> Self {
        Self {
            address: word(facts, "address"),
            uri: word(facts, "uri"),
            root_uri: word(facts, "root_uri"),
            reader_uri: word(facts, "reader_uri"),
            stranger_uri: word(facts, "stranger_uri"),
            wrong_password_uri: word(facts, "wrong_password_uri"),
            passwords: facts["passwords"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|p| p.as_str().map(str::to_owned))
                .collect(),
            ca: facts["ca"].as_str().map(str::to_owned),
            other_ca: facts["other_ca"].as_str().map(str::to_owned),
        }
    }

    /// For a netsec command.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![("MONGODB_URI", self.uri.clone())]
    }
}

/// An S3 server that checks keys.
#[derive(Clone, Debug)]
pub struct S3 {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    pub region: String,
    /// A bucket that exists. Tests that list or compare whole buckets make their own.
    pub bucket: String,
    /// May do everything in every bucket.
    pub access_key: String,
    pub secret_key: String,
    /// May get and list.
    pub reader_access_key: String,
    pub reader_secret_key: String,
}

impl S3 {
    fn new(facts: &Value) -> Self {
        Self {
            endpoint: word(facts, "endpoint"),
            region: word(facts, "region"),
            bucket: word(facts, "bucket"),
            access_key: word(facts, "access_key"),
            secret_key: word(facts, "secret_key"),
            reader_access_key: word(facts, "reader_access_key"),
            reader_secret_key: word(facts, "reader_secret_key"),
        }
    }

    /// For a netsec command.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        self.env_as(&self.access_key, &self.secret_key)
    }

    /// For a netsec command with other keys. No files of whoever runs the tests are read.
    pub fn env_as(&self, access_key: &str, secret_key: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL_S3", self.endpoint.clone()),
            ("AWS_REGION", self.region.clone()),
            // The name boto3 reads.
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("AWS_ACCESS_KEY_ID", access_key.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secret_key.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ]
    }
}

/// MLflow as anybody starts it, without users.
#[derive(Clone, Debug)]
pub struct Mlflow {
    /// `http://127.0.0.1:PORT`.
    pub uri: String,
}

impl Mlflow {
    /// For a netsec command.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![("MLFLOW_TRACKING_URI", self.uri.clone())]
    }
}

/// MLflow with basic auth behind a proxy that gives it DAGsHub's address and its gaps. The three
/// addresses differ in what they have; the server behind them is one.
#[derive(Clone, Debug)]
pub struct Dagshub {
    /// `http://127.0.0.1:PORT/tester/new.mlflow`: everything.
    pub uri: String,
    /// No logged models, no outputs, no server-info.
    pub registry_uri: String,
    /// No registry either, and 500 on `runs/log-model`.
    pub old_uri: String,
    /// The server itself, without DAGsHub's path, also with basic auth.
    pub direct_uri: String,
    /// May do everything.
    pub user: String,
    pub password: String,
    /// May read what others made and change nothing of it (403).
    pub viewer: String,
    pub viewer_password: String,
}

impl Dagshub {
    fn new(facts: &Value) -> Self {
        Self {
            uri: word(facts, "uri"),
            registry_uri: word(facts, "registry_uri"),
            old_uri: word(facts, "old_uri"),
            direct_uri: word(facts, "direct_uri"),
            user: word(facts, "user"),
            password: word(facts, "password"),
            viewer: word(facts, "viewer"),
            viewer_password: word(facts, "viewer_password"),
        }
    }

    /// For a netsec command: the full server.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        self.env_for(&self.uri)
    }

    /// For a netsec command that uses one of the addresses.
    pub fn env_for(&self, uri: &str) -> Vec<(&'static str, String)> {
        vec![
            ("MLFLOW_TRACKING_URI", uri.to_owned()),
            ("MLFLOW_TRACKING_USERNAME", self.user.clone()),
            ("MLFLOW_TRACKING_PASSWORD", self.password.clone()),
        ]
    }
}

/// An SSH server on loopback for whoever runs the tests, and tmux.
#[derive(Clone, Debug)]
pub struct Sshd {
    pub port: String,
    pub user: String,
    /// File of the private key that may log in.
    pub key: String,
    pub public_key: String,
    pub known_hosts: String,
    /// A test appends its line here: options, then `public_key`.
    pub authorized_keys: String,
    pub ssh: String,
    pub ssh_libraries: String,
    pub tmux: String,
    pub tmux_libraries: String,
}

impl Sshd {
    fn new(facts: &Value) -> Self {
        Self {
            port: word(facts, "port"),
            user: word(facts, "user"),
            key: word(facts, "key"),
            public_key: word(facts, "public_key"),
            known_hosts: word(facts, "known_hosts"),
            authorized_keys: word(facts, "authorized_keys"),
            ssh: word(facts, "ssh"),
            ssh_libraries: word(facts, "ssh_libraries"),
            tmux: word(facts, "tmux"),
            tmux_libraries: word(facts, "tmux_libraries"),
        }
    }
}

/// The shared MongoDB.
pub fn mongodb() -> MongoDb {
    shared().mongodb()
}

/// The shared MongoDB that speaks nothing but TLS; a single server, no replica set.
pub fn mongodb_tls() -> MongoDb {
    shared().mongodb_tls()
}

/// The shared S3 server.
pub fn s3() -> S3 {
    shared().s3()
}

/// The shared MLflow.
pub fn mlflow() -> Mlflow {
    shared().mlflow()
}

/// The shared DAGsHub-like MLflow.
pub fn dagshub() -> Dagshub {
    shared().dagshub()
}

/// Makes a bucket of its own on the shared S3 server and returns its name.
pub fn bucket(what: &str) -> String {
    shared().bucket(what)
}

/// The folder that the Debian packages of `tests/services/requirements/LIST.debian` are unpacked
/// into; `None`, said past the capture, where they cannot be had: a machine may have no apt-get, or
/// reach no mirror.
pub fn debian(list: &str) -> Option<PathBuf> {
    let answer = shared()
        .send(&format!("debian {list}"))
        .recv_timeout(PATIENCE)
        .expect("tests/services/up answers");
    if answer["ok"] == true {
        return Some(word(&answer["facts"], "folder").into());
    }
    let why = answer["error"].as_str().unwrap_or("no reason given");
    let _ = writeln!(std::io::stderr(), "left out: {why}");
    None
}

/// A Python with the drivers and clients, and nobody's credentials.
pub fn python() -> Command {
    static FACTS: OnceLock<Value> = OnceLock::new();
    python_of(FACTS.get_or_init(|| shared().ask("python")["facts"].clone()))
}

/// The same with the packages of further lists before the usual ones.
pub fn python_with(lists: &[&str]) -> Command {
    python_of(&shared().ask(&format!("python {}", lists.join(" ")))["facts"])
}

fn python_of(facts: &Value) -> Command {
    let mut command = Command::new(word(facts, "interpreter"));
    crate::harness::without_settings(&mut command);
    command
        .env("PYTHONPATH", word(facts, "path"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .env("DO_NOT_TRACK", "true")
        .env("GIT_PYTHON_REFRESH", "quiet")
        .stdin(Stdio::null());
    command
}

/// Runs a Python script with arguments and environment; returns its standard output. Fails with
/// what it said when it fails.
pub fn run_python(script: &str, args: &[&str], env: &[(&'static str, String)]) -> String {
    let output = python()
        .arg("-c")
        .arg(script)
        .args(args)
        .envs(env.iter().map(|(k, v)| (k, v)))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "the Python script failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Servers of one `up` process; they end when this is dropped.
pub struct Servers {
    child: Child,
    /// None once dropped: closing it is what ends the process.
    input: Mutex<Option<ChildStdin>>,
    waiting: &'static Mutex<HashMap<u64, Sender<Value>>>,
    next: AtomicU64,
    facts: Mutex<HashMap<&'static str, Value>>,
}

impl Servers {
    /// Starts servers of one's own, at once, and waits for all: `mongod`, `mongod-tls`, `s3`,
    /// `mlflow`, `dagshub`, `sshd`. For tests that kill them.
    pub fn own(names: &[&'static str]) -> Self {
        let servers = Self::empty();
        servers.start_all(names);
        servers
    }

    fn empty() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/up");
        let mut child = Command::new("python3")
            .args([script, "--json", "--only", ""])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|e| {
                panic!(
                    "the test servers need Python 3 (python3): {e}; NETSEC_TESTS=offline leaves out the tests that need them"
                )
            });
        let input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        assert!(
            first.contains("\"pid\""),
            "tests/services/up did not start: {first}"
        );
        // Lives as long as the process; there are a handful in a test binary.
        let waiting: &'static Mutex<HashMap<u64, Sender<Value>>> =
            Box::leak(Box::new(Mutex::new(HashMap::new())));
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(answer) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                let asked = answer["id"]
                    .as_u64()
                    .and_then(|id| waiting.lock().unwrap().remove(&id));
                if let Some(sender) = asked {
                    let _ = sender.send(answer);
                }
            }
            // Whoever still waits hears of the end.
            waiting.lock().unwrap().clear();
        });
        Self {
            child,
            input: Mutex::new(Some(input)),
            waiting,
            next: AtomicU64::new(1),
            facts: Mutex::new(HashMap::new()),
        }
    }

    fn send(&self, command: &str) -> Receiver<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = channel();
        self.waiting.lock().unwrap().insert(id, sender);
        let mut input = self.input.lock().unwrap();
        let input = input.as_mut().expect("open until dropped");
        writeln!(input, "{id} {command}").expect("tests/services/up has ended");
        input.flush().expect("tests/services/up has ended");
        receiver
    }

    /// A command of `up`, answered; a failure is the test's, with the one sentence.
    fn ask(&self, command: &str) -> Value {
        answered(command, &self.send(command))
    }

    fn start_all(&self, names: &[&'static str]) {
        let asked: Vec<_> = names
            .iter()
            .map(|name| (name, self.send(&format!("start {name}"))))
            .collect();
        for (name, receiver) in asked {
            let facts = answered(&format!("start {name}"), &receiver)["facts"].clone();
            self.facts.lock().unwrap().insert(name, facts);
        }
    }

    fn facts_of(&self, name: &'static str) -> Value {
        if let Some(facts) = self.facts.lock().unwrap().get(name) {
            return facts.clone();
        }
        // Asked twice at once, the second finds it running.
        self.start_all(&[name]);
        self.facts.lock().unwrap()[name].clone()
    }

    pub fn mongodb(&self) -> MongoDb {
        MongoDb::new(&self.facts_of("mongod"))
    }

    pub fn mongodb_tls(&self) -> MongoDb {
        MongoDb::new(&self.facts_of("mongod-tls"))
    }

    pub fn s3(&self) -> S3 {
        S3::new(&self.facts_of("s3"))
    }

    pub fn mlflow(&self) -> Mlflow {
        Mlflow {
            uri: word(&self.facts_of("mlflow"), "uri"),
        }
    }

    pub fn dagshub(&self) -> Dagshub {
        Dagshub::new(&self.facts_of("dagshub"))
    }

    pub fn sshd(&self) -> Sshd {
        Sshd::new(&self.facts_of("sshd"))
    }

    /// Makes a bucket with a unique name and returns it.
    pub fn bucket(&self, what: &str) -> String {
        self.s3();
        let name = unique(what);
        self.ask(&format!("bucket {name}"));
        name
    }

    /// SIGKILL. For s3, whose objects lie in memory, its port and all connections instead.
    pub fn kill(&self, name: &'static str) {
        self.ask(&format!("kill {name}"));
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&self, name: &'static str) {
        self.ask(&format!("stop {name}"));
    }

    /// Brings back what was killed or stopped: same address, same data. Returns when it is ready.
    pub fn start(&self, name: &'static str) {
        self.ask(&format!("start {name}"));
    }

    /// mongod's primary steps down; returns when it is elected again.
    pub fn stepdown(&self) {
        self.ask("stepdown");
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Closing its input ends `up`; waiting leaves no zombie and no server behind.
        if let Ok(mut input) = self.input.lock() {
            drop(input.take());
        }
        let _ = self.child.wait();
    }
}

fn answered(command: &str, receiver: &Receiver<Value>) -> Value {
    match receiver.recv_timeout(PATIENCE) {
        Ok(answer) if answer["ok"] == true => answer,
        Ok(answer) => panic!(
            "{}; NETSEC_TESTS=offline leaves out the tests that need servers",
            answer["error"].as_str().unwrap_or("no reason given")
        ),
        Err(e) => panic!("tests/services/up did not answer `{command}`: {e}"),
    }
}

/// The servers of the whole test binary.
fn shared() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let servers = Servers::empty();
        if !is_filtered() {
            for name in ["mongod", "s3", "mlflow", "dagshub"] {
                // Nobody waits here: whoever needs one asks again and hears what went wrong.
                drop(servers.send(&format!("start {name}")));
            }
        }
        servers
    })
}

/// Whether only some tests run: a word on the command line that is no option.
fn is_filtered() -> bool {
    std::env::args().skip(1).any(|arg| !arg.starts_with('-'))
}

fn word(facts: &Value, key: &str) -> String {
    facts[key]
        .as_str()
        .unwrap_or_else(|| panic!("tests/services/up gives no {key}"))
        .to_owned()
}

/// The harness's own tests: what it promises above.
mod tests {
    use super::*;

    const PING: &str = r#"
import sys, pymongo
print(pymongo.MongoClient(sys.argv[1], serverSelectionTimeoutMS=20000)["harness"]["rows"].count_documents({}))
"#;

    #[test]
    fn servers_keep_their_data_when_killed_and_end_with_their_owner() {
        needs_servers!();
        let servers = Servers::own(&["mongod", "s3"]);
        let mongodb = servers.mongodb();
        let s3 = servers.s3();
        let write = r#"
import sys, pymongo, boto3
pymongo.MongoClient(sys.argv[1])["harness"].get_collection(
    "rows", write_concern=pymongo.WriteConcern(w=1, j=True)).insert_many([{"n": n} for n in range(7)])
boto3.client("s3").put_object(Bucket=sys.argv[2], Key="k", Body=b"kept")
"#;
        let env = s3.env();
        run_python(write, &[&mongodb.uri, &s3.bucket], &env);
        for name in ["mongod", "s3"] {
            servers.kill(name);
            servers.start(name);
        }
        servers.stepdown();
        assert_eq!(run_python(PING, &[&mongodb.uri], &[]).trim(), "7");
        let read = "import sys, boto3; print(boto3.client('s3').get_object(Bucket=sys.argv[1], Key='k')['Body'].read().decode())";
        assert_eq!(run_python(read, &[&s3.bucket], &env).trim(), "kept");
        let port: u16 = mongodb.address.rsplit(':').next().unwrap().parse().unwrap();
        drop(servers);
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    }

    #[test]
    fn the_tls_server_is_reached_with_its_ca_alone() {
        needs_servers!();
        let mongodb = mongodb_tls();
        assert_eq!(run_python(PING, &[&mongodb.uri], &[]).trim(), "0");
        let plain = mongodb.uri.split("&tls").next().unwrap().to_owned();
        let refused = python()
            .args(["-c", &PING.replace("20000", "500"), &plain])
            .output()
            .unwrap();
        assert!(!refused.status.success());
    }

    #[test]
    fn the_dagshub_like_server_has_its_path_its_auth_and_its_gaps() {
        needs_servers!();
        let dagshub = dagshub();
        let script = r#"
import json, sys, urllib.request, urllib.error, base64
facts = json.loads(sys.argv[1])
def status(url, user=None, body=None):
    headers = {"Content-Type": "application/json"}
    if user: headers["Authorization"] = "Basic " + base64.b64encode(f"{user[0]}:{user[1]}".encode()).decode()
    request = urllib.request.Request(url, headers=headers, data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request) as reply: return reply.status
    except urllib.error.HTTPError as e: return e.code
ok = (facts["user"], facts["password"])
viewer = (facts["viewer"], facts["viewer_password"])
api = "/api/2.0/mlflow/"
search = api + "experiments/search?max_results=1"
out = {}
for name in ("uri", "registry_uri", "old_uri"):
    out[name] = [status(facts[name] + path, ok) for path in (
        search, api + "registered-models/search?max_results=1", "/api/3.0/mlflow/server-info", "/health")]
    out[name].append(status(facts[name] + api + "logged-models/search", ok, {"experiment_ids": ["0"]}))
out["none"] = status(facts["uri"] + search)
out["wrong"] = status(facts["uri"] + search, (facts["user"], "wrong"))
out["viewer"] = [status(facts["uri"] + search, viewer),
                 status(facts["uri"] + api + "experiments/update", viewer, {"experiment_id": "0", "new_name": "x"})]
print(json.dumps(out))
"#;
        let facts = serde_json::json!({
            "uri": dagshub.uri, "registry_uri": dagshub.registry_uri, "old_uri": dagshub.old_uri,
            "user": dagshub.user, "password": dagshub.password,
            "viewer": dagshub.viewer, "viewer_password": dagshub.viewer_password,
        });
        let said: Value =
            serde_json::from_str(&run_python(script, &[&facts.to_string()], &[])).unwrap();
        let expected = serde_json::json!({
            "uri": [200, 200, 200, 404, 200],
            "registry_uri": [200, 200, 404, 404, 404],
            "old_uri": [200, 404, 404, 404, 404],
            "none": 401, "wrong": 401, "viewer": [200, 403],
        });
        assert_eq!(said, expected);
    }
}
