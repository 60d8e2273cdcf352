//! Marked secrets in every variable that holds a credential, through calls that work and calls
//! that fail; then every file written, all output and the command lines of all processes are
//! searched for them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::published::{TWO_LEARNERS, sync};
use super::site::{Names, Site};
use crate::harness::{flows, text};
use crate::services::{self, needs_servers, run_python};

/// Users that only this test knows. The request comes by the environment: a command line is one
/// of the places that are searched.
const MAKE_USERS: &str = r#"
import base64, json, os, urllib.request
import boto3, pymongo
request = json.loads(os.environ["REQUEST"])
admin = pymongo.MongoClient(request["root_uri"]).admin
admin.command("createUser", request["name"], pwd=request["mongodb"], roles=["readWriteAnyDatabase"])
iam = boto3.client("iam", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
iam.create_user(UserName=request["name"])
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
iam.put_user_policy(UserName=request["name"], PolicyName="test", PolicyDocument=json.dumps(policy))
key = iam.create_access_key(UserName=request["name"])["AccessKey"]
token = base64.b64encode(f"{request['admin']}:{request['admin_password']}".encode()).decode()
call = urllib.request.Request(
    request["mlflow"] + "/api/2.0/mlflow/users/create",
    data=json.dumps({"username": request["name"], "password": request["tracking"]}).encode(),
    headers={"Content-Type": "application/json", "Authorization": "Basic " + token})
urllib.request.urlopen(call).close()
print(json.dumps({"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}))
"#;

/// The marked secrets by the variable that they stand in.
struct Marks {
    words: Vec<(String, Vec<u8>)>,
}

impl Marks {
    fn new() -> Self {
        Self { words: Vec::new() }
    }

    /// A new secret of a kind.
    fn make(&mut self, kind: &str) -> String {
        let word = services::unique(&format!("MARKED{kind}")).replace('-', "Z");
        self.add(kind, &word);
        word
    }

    fn add(&mut self, kind: &str, word: &str) {
        self.words.push((kind.to_owned(), word.as_bytes().to_vec()));
    }

    /// Basic auth carries user and password in base64.
    fn add_basic(&mut self, kind: &str, user: &str, password: &str) {
        let word = STANDARD.encode(format!("{user}:{password}"));
        self.add(&format!("{kind} in base64"), &word);
    }

    /// The kinds of secrets that stand in some bytes.
    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        self.words
            .iter()
            .filter(|(_, word)| bytes.windows(word.len()).any(|window| window == word))
            .map(|(kind, _)| kind.as_str())
            .collect()
    }
}

#[test]
fn no_secret_is_written_said_or_shown() {
    needs_servers!();
    let (mongodb, s3, dagshub) = (services::mongodb(), services::s3(), services::dagshub());
    let name = services::unique("marked");
    let mut marks = Marks::new();
    let (mongodb_word, tracking_word) = (marks.make("mongodb"), marks.make("tracking"));
    marks.add_basic("tracking", &name, &tracking_word);
    let request = serde_json::json!({
        "root_uri": mongodb.root_uri, "name": name, "mongodb": mongodb_word, "tracking": tracking_word,
        "admin": dagshub.user, "admin_password": dagshub.password, "mlflow": dagshub.direct_uri,
    });
    let mut env = s3.env();
    env.push(("REQUEST", request.to_string()));
    let made: Value = serde_json::from_str(&run_python(MAKE_USERS, &[], &env)).unwrap();
    let (key, secret) = (
        made["key"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    marks.add("secret key", secret);

    let mut site = Site::new();
    let mongodb_uri = |word: &str| {
        format!(
            "mongodb://{name}:{word}@{}/?authSource=admin",
            mongodb.address
        )
    };
    site.set([("MONGODB_URI", mongodb_uri(&mongodb_word))]);
    site.set(s3.env_as(key, secret));
    site.set([
        ("MLFLOW_TRACKING_URI", dagshub.uri.clone()),
        ("MLFLOW_TRACKING_USERNAME", name.clone()),
        ("MLFLOW_TRACKING_PASSWORD", tracking_word.clone()),
        // The most that the program and its libraries ever say.
        ("NETSEC_LOG", "trace".to_owned()),
    ]);

    let over = AtomicBool::new(false);
    let shown = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_processes(&marks, &over));
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            what_works(&site);
        }));
        over.store(true, Ordering::Relaxed);
        let shown = watcher.join().unwrap();
        done.unwrap_or_else(|e| std::panic::resume_unwind(e));
        shown
    });
    assert_eq!(shown, BTreeSet::new(), "in the list of processes");

    what_fails(
        &site,
        &mut marks,
        &mongodb.address,
        &dagshub.uri,
        mongodb_uri,
    );

    assert!(marks.words.len() > 8);
    let planted = mongodb_uri(&mongodb_word);
    assert_eq!(marks.found_in(planted.as_bytes()), ["mongodb"]);
    assert_eq!(marks.found_in(&site.said()), [""; 0], "in the output");
    let mut files = 0;
    search(site.root(), &marks, &mut files);
    assert!(files > 30, "only {files} files were searched");
}

/// Every command that talks to a server, as it should be.
fn what_works(site: &Site) {
    let names = Names::new(services::bucket("marked"));
    site.write_config(&names);
    let collection = format!("{}.flows", names.database);
    fs::write(site.path().join("flows.csv"), flows(600)).unwrap();
    // Database and collection stand in the configuration.
    site.ok(&["import", "flows.csv"]);
    site.configure(TWO_LEARNERS);
    site.ok(&["data", &format!("mongodb:{collection}"), "--limit", "3"]);
    site.run(&["doctor"]);
    let show = site.json(&["retrain", "--json"]);
    site.ok(&[
        "approve",
        show["plan_id"].as_str().unwrap(),
        "--reason",
        "a test",
    ]);
    sync(site);
    site.ok(&["export", "champion", "--format", "mlflow", "-o", "exported"]);
    site.run(&["doctor", "--json"]);
}

/// The same with wrong credentials, each a new marked secret: every one of these must fail, and
/// say why without it.
fn what_fails(
    site: &Site,
    marks: &mut Marks,
    mongodb: &str,
    tracking: &str,
    mongodb_uri: impl Fn(&str) -> String,
) {
    let data = ["data", "mongodb:marked.flows"];
    let word = marks.make("password");
    refused(site, &data, &[("MONGODB_URI", &mongodb_uri(&word))]);
    refused(site, &["retrain"], &[("MONGODB_URI", &mongodb_uri(&word))]);
    // Nobody there; no such option; not an address at all.
    for uri in [
        format!("mongodb://u:{word}@127.0.0.1:1/?serverSelectionTimeoutMS=300"),
        format!("mongodb://u:{word}@{mongodb}/?noSuchOption={word}"),
        format!("mongodb://u:{word}@/%zz"),
        format!("mongodb://u:{word}/x@{mongodb}/"),
        format!("http://u:{word}@{mongodb}"),
    ] {
        refused(site, &data, &[("MONGODB_URI", &uri)]);
    }
    let nobody = format!("mongodb://u:{word}@127.0.0.1:1/?serverSelectionTimeoutMS=300");
    refused(site, &["doctor"], &[("MONGODB_URI", &nobody)]);

    // The store: a new plan that cannot be pushed.
    let word = marks.make("wrongkey");
    let wrong_key = [("AWS_SECRET_ACCESS_KEY", word.as_str())];
    let token = marks.make("sessiontoken");
    let retrained = site.run_with(
        &["retrain", "--json"],
        &[wrong_key[0], ("AWS_SESSION_TOKEN", &token)],
    );
    let show: Value = serde_json::from_slice(&retrained.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", text(&retrained)));
    let plan = show["plan_id"].as_str().unwrap();
    let approve = ["approve", plan, "--reason", "a test"];
    refused(site, &approve, &wrong_key);
    refused(
        site,
        &approve,
        &[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")],
    );
    site.run_with(&["doctor"], &wrong_key);

    // MLflow: something is left to send by now.
    let sync = ["sync", "--json"];
    let word = marks.make("wrongpassword");
    marks.add_basic("wrong password", "tester", &word);
    let password = ("MLFLOW_TRACKING_PASSWORD", word.as_str());
    refused(
        site,
        &sync,
        &[("MLFLOW_TRACKING_USERNAME", "tester"), password],
    );
    let bearer = marks.make("bearer");
    let no_user = [
        ("MLFLOW_TRACKING_USERNAME", ""),
        ("MLFLOW_TRACKING_PASSWORD", ""),
    ];
    refused(
        site,
        &sync,
        &[no_user[0], no_user[1], ("MLFLOW_TRACKING_TOKEN", &bearer)],
    );
    let inside = tracking.replacen("http://", &format!("http://tester:{word}@"), 1);
    refused(
        site,
        &sync,
        &[no_user[0], no_user[1], ("MLFLOW_TRACKING_URI", &inside)],
    );
    refused(
        site,
        &sync,
        &[password, ("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")],
    );
    let dagshub = marks.make("dagshubtoken");
    site.run_with(
        &["doctor", "--json"],
        &[
            no_user[0],
            no_user[1],
            ("DAGSHUB_USER_TOKEN", &dagshub),
            // Loopback under another name: no request leaves this machine.
            ("MLFLOW_TRACKING_URI", "http://localhost:1/tester/x.mlflow"),
        ],
    );
}

fn refused(site: &Site, args: &[&str], env: &[(&str, &str)]) {
    let output = site.run_with(args, env);
    assert!(
        !output.status.success() || args[0] == "doctor",
        "{args:?} succeeded with {env:?}"
    );
    // Every failure is told in words.
    assert!(!output.stderr.is_empty() || !output.stdout.is_empty());
}

/// The kinds of secrets that were seen in the command line of any process until it is over.
fn watch_processes(marks: &Marks, over: &AtomicBool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    while !over.load(Ordering::Relaxed) {
        for process in fs::read_dir("/proc").unwrap().flatten() {
            // Ends meanwhile, or is no process.
            if let Ok(line) = fs::read(process.path().join("cmdline")) {
                found.extend(marks.found_in(&line).into_iter().map(str::to_owned));
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    found
}

fn search(folder: &Path, marks: &Marks, files: &mut usize) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            search(&path, marks, files);
        } else if kind.is_file() {
            *files += 1;
            let found = marks.found_in(&fs::read(&path).unwrap());
            assert_eq!(found, [""; 0], "in {}", path.display());
        }
    }
}
