//! The published store on a real S3 server: the same calls as on a folder, whole pushes by the
//! program, two pushers at once, a server that goes away in the middle, wrong keys.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use aws_smithy_http_client::tls;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use netsec::approval::{Decision, Journal};
use netsec::hash;
use netsec::runtime::block_on;
use netsec::storage::object_store::{
    Condition, Etag, LocalStore, ObjectStore, Payload, Put, S3Store,
};
use netsec::workspace::Workspace;
use serde_json::Value;

use crate::harness::{Project, Training, text};
use crate::services::{self, needs_servers};

/// A client of its own, for a look past the program and for damage.
fn client() -> Client {
    let s3 = services::s3();
    client_of(&s3.endpoint, &s3.access_key, &s3.secret_key, &s3.region)
}

fn client_of(endpoint: &str, access_key: &str, secret_key: &str, region: &str) -> Client {
    // The runtime installs the TLS provider, also where no TLS is spoken.
    netsec::runtime::runtime().unwrap();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(
            aws_smithy_http_client::Builder::new()
                .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
                .build_https(),
        )
        .endpoint_url(endpoint)
        .force_path_style(true)
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"));
    Client::from_conf(config.build())
}

fn objects(bucket: &str) -> S3Store {
    S3Store::over(client(), bucket, Some(services::s3().endpoint))
}

/// Every object of a bucket.
fn all(bucket: &str) -> BTreeMap<String, Vec<u8>> {
    let store = ObjectStore::S3(objects(bucket));
    let keys = store.list("").unwrap();
    keys.into_iter()
        .map(|o| {
            let bytes = store.get(&o.key).unwrap().unwrap().bytes;
            assert_eq!(bytes.len() as u64, o.size);
            (o.key, bytes)
        })
        .collect()
}

fn written(put: Put) -> Etag {
    match put {
        Put::Written(etag) => etag,
        Put::Refused => panic!("refused"),
    }
}

/// What a published store needs of a store of objects, on a folder and on a real bucket.
#[test]
fn a_bucket_and_a_folder_behave_alike() {
    needs_servers!();
    let dir = tempfile::tempdir().unwrap();
    let bucket = services::bucket("alike");
    let parts = 5 << 20;
    for store in [
        ObjectStore::Local(LocalStore::new(dir.path().join("store"), "store")),
        ObjectStore::S3(objects(&bucket).with_parts(parts, parts)),
    ] {
        creates_once_and_replaces_only_what_was_read(&store);
        of_many_writers_exactly_one_wins(&store);
        large_files_arrive_whole(&store, dir.path());
    }
}

fn creates_once_and_replaces_only_what_was_read(store: &ObjectStore) {
    assert_eq!(store.get("a/b").unwrap(), None);
    assert_eq!(store.head("a/b").unwrap(), None);
    assert_eq!(store.fingerprint("a/b").unwrap(), None);
    let first = written(store.put_if_absent("a/b", b"one").unwrap());
    assert_eq!(store.put_if_absent("a/b", b"two").unwrap(), Put::Refused);
    let object = store.get("a/b").unwrap().unwrap();
    assert_eq!(object.bytes, b"one");
    assert_eq!(object.etag, first);
    let second = written(store.put_if_matches("a/b", b"two", &first).unwrap());
    for key in ["a/b", "a/missing"] {
        let put = store.put_if_matches(key, b"three", &first).unwrap();
        assert_eq!(put, Put::Refused, "{key}");
    }
    assert_eq!(store.head("a/b").unwrap().unwrap().etag, second);
    let found = store.fingerprint("a/b").unwrap().unwrap();
    assert_eq!((found.sha256, found.size), (hash::sha256(b"two"), 3));
    let odd = "a/\u{e4} +&=%20.json";
    written(store.put_if_absent(odd, b"{}").unwrap());
    assert_eq!(store.get(odd).unwrap().unwrap().bytes, b"{}");
    let keys: Vec<String> = store
        .list("a/")
        .unwrap()
        .into_iter()
        .map(|o| o.key)
        .collect();
    assert_eq!(keys, ["a/b", odd]);
    store.delete("a/b").unwrap();
    store.delete("a/b").unwrap();
    assert_eq!(store.get("a/b").unwrap(), None);
}

fn of_many_writers_exactly_one_wins(store: &ObjectStore) {
    let etag = written(store.put_if_absent("pointer", b"0").unwrap());
    let race = |write: &(dyn Fn(usize) -> Put + Sync)| -> usize {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=8).map(|n| scope.spawn(move || write(n))).collect();
            threads
                .into_iter()
                .map(|t| usize::from(t.join().unwrap() != Put::Refused))
                .sum()
        })
    };
    let text = |n: usize| n.to_string().into_bytes();
    assert_eq!(race(&|n| store.put_if_absent("new", &text(n)).unwrap()), 1);
    let replaced = race(&|n| store.put_if_matches("pointer", &text(n), &etag).unwrap());
    assert_eq!(replaced, 1);
}

fn large_files_arrive_whole(store: &ObjectStore, dir: &std::path::Path) {
    let path = dir.join("large");
    fs::write(&path, pattern(11 << 20)).unwrap();
    let payload = Payload::file(&path).unwrap();
    let told = Mutex::new(Vec::new());
    let progress = |done: u64, total: u64| told.lock().unwrap().push((done, total));
    written(
        store
            .put("large", &payload, &Condition::Absent, &progress)
            .unwrap(),
    );
    let found = store.fingerprint("large").unwrap().unwrap();
    assert_eq!(
        (found.sha256.as_str(), found.size),
        (payload.sha256(), 11 << 20)
    );
    let again = store
        .put("large", &payload, &Condition::Absent, &progress)
        .unwrap();
    assert_eq!(again, Put::Refused);
    let stale = written(store.put_if_absent("other", b"x").unwrap());
    let put = store.put("large", &payload, &Condition::Matches(stale), &progress);
    assert_eq!(put.unwrap(), Put::Refused);
    if let ObjectStore::S3(_) = store {
        let told = told.into_inner().unwrap();
        assert_eq!(
            told[..3],
            [
                (5 << 20, 11 << 20),
                (10 << 20, 11 << 20),
                (11 << 20, 11 << 20)
            ]
        );
    }
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i * 7 + i / 251) as u8).collect()
}

#[test]
fn an_interrupted_upload_in_parts_goes_on() {
    needs_servers!();
    let bucket = services::bucket("parts");
    let client = client();
    let part = 5 << 20;
    let whole = pattern(11 << 20);
    // What a pusher left that was killed: one part as it should be, one of another file.
    let mut rotten = whole[part..2 * part].to_vec();
    rotten[17] ^= 1;
    let upload = block_on(async {
        let created = client
            .create_multipart_upload()
            .bucket(&bucket)
            .key("model")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .send()
            .await
            .unwrap();
        let upload = created.upload_id.unwrap();
        for (number, bytes) in [(1, whole[..part].to_vec()), (2, rotten)] {
            client
                .upload_part()
                .bucket(&bucket)
                .key("model")
                .upload_id(&upload)
                .part_number(number)
                .checksum_algorithm(ChecksumAlgorithm::Sha256)
                .body(ByteStream::from(bytes))
                .send()
                .await
                .unwrap();
        }
        upload
    })
    .unwrap();
    assert!(!upload.is_empty());
    let store = ObjectStore::S3(objects(&bucket).with_parts(part as u64, part as u64));
    let payload = Payload::bytes(whole);
    written(
        store
            .put("model", &payload, &Condition::Absent, &|_, _| {})
            .unwrap(),
    );
    let found = store.fingerprint("model").unwrap().unwrap();
    assert_eq!(found.sha256, payload.sha256());
    // The upload that was interrupted is the one that was completed: none is left.
    let left = block_on(client.list_multipart_uploads().bucket(&bucket).send());
    assert!(left.unwrap().unwrap().uploads().is_empty());
}

/// The real server here lists parts without their checksums; this one answers as AWS does, and
/// notes which parts it is sent.
#[test]
fn parts_the_server_holds_are_not_sent_again() {
    let part = 5usize << 20;
    let whole = pattern(12 << 20);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let endpoint = aws_like(&whole, part, Arc::clone(&sent));
    let client = client_of(&endpoint, "test", "test", "us-east-1");
    let store = S3Store::over(client, "models", None).with_parts(part as u64, part as u64);
    let payload = Payload::bytes(whole);
    let put = ObjectStore::S3(store).put("model", &payload, &Condition::Absent, &|_, _| {});
    written(put.unwrap());
    // Part 1 is held as it should be, part 2 with another checksum, part 3 not at all.
    let sent = sent.lock().unwrap();
    assert_eq!(*sent, ["partNumber=2", "partNumber=3", "complete"]);
}

/// A server with one interrupted upload.
fn aws_like(whole: &[u8], part: usize, sent: Arc<Mutex<Vec<String>>>) -> String {
    use base64::Engine as _;
    let checksum = |bytes: &[u8]| {
        let hex = hash::sha256(bytes);
        let raw: Vec<u8> = (0..32)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        base64::engine::general_purpose::STANDARD.encode(raw)
    };
    let listed = |number: usize, checksum: &str| {
        format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>&quot;e{number}&quot;</ETag>\
             <Size>{part}</Size><ChecksumSHA256>{checksum}</ChecksumSHA256></Part>"
        )
    };
    let parts = format!(
        "<ListPartsResult><Bucket>models</Bucket><Key>model</Key><UploadId>u1</UploadId>\
         <IsTruncated>false</IsTruncated>{}{}</ListPartsResult>",
        listed(1, &checksum(&whole[..part])),
        listed(2, &checksum(b"another file")),
    );
    let uploads = "<ListMultipartUploadsResult><Bucket>models</Bucket><Upload><Key>model</Key>\
                   <UploadId>u1</UploadId></Upload></ListMultipartUploadsResult>";
    let completed = "<CompleteMultipartUploadResult><ETag>&quot;whole&quot;</ETag>\
                     </CompleteMultipartUploadResult>";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    // Lives as long as the test binary.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let Some((line, body)) = request(&mut stream) else {
                continue;
            };
            let (status, answer) = if line.starts_with("HEAD ") {
                ("404 Not Found", "")
            } else if line.starts_with("PUT ") {
                let number = line
                    .split(['?', '&', ' '])
                    .find(|w| w.starts_with("partNumber"));
                sent.lock()
                    .unwrap()
                    .push(number.unwrap_or("whole").to_owned());
                assert!(body > 0);
                ("200 OK", "")
            } else if line.starts_with("POST ") {
                sent.lock().unwrap().push("complete".to_owned());
                ("200 OK", completed)
            } else if line.contains("uploadId=") {
                ("200 OK", parts.as_str())
            } else {
                ("200 OK", uploads)
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nETag: \"e\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                answer.len()
            );
            let _ = stream.write_all((head + answer).as_bytes());
        }
    });
    endpoint
}

/// The first line of a request and the length of its body.
fn request(stream: &mut TcpStream) -> Option<(String, usize)> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let head = loop {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    if text.contains("100-continue") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let mut read = bytes.len() - head;
    while read < length {
        read += stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
    }
    let line = String::from_utf8_lossy(&bytes[..head]);
    Some((line.lines().next()?.to_owned(), length))
}

/// A project that publishes to a bucket.
fn project(bucket: &str) -> Project {
    let project = Project::new(Training::Short);
    let config = fs::read_to_string(project.config()).unwrap();
    let storage = format!("[storage]\nkind = \"s3\"\nbucket = \"{bucket}\"\nmodel = \"flows\"\n");
    fs::write(project.config(), format!("{config}{storage}")).unwrap();
    project
}

fn with_s3(mut command: Command) -> Command {
    command.envs(services::s3().env());
    command
}

fn run(project: &Project, args: &[&str]) -> Output {
    with_s3(project.netsec(args)).output().unwrap()
}

fn ok(project: &Project, args: &[&str]) -> String {
    let output = run(project, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Trains, or evaluates again, and returns the plan.
fn plan(project: &Project, args: &[&str]) -> Value {
    let mut all = vec!["retrain", "--json"];
    all.extend(args);
    ok(project, &all);
    serde_json::from_str(&ok(project, &["plan", "latest", "--json"])).unwrap()
}

fn approve<'a>(plan: &'a Value, reason: &'a str) -> [&'a str; 4] {
    [
        "approve",
        plan["plan_id"].as_str().unwrap(),
        "--reason",
        reason,
    ]
}

fn decisions(project: &Project) -> Vec<Decision> {
    Journal::read(&Workspace::new(project.path()))
        .unwrap()
        .iter()
        .map(|r| r.decision)
        .collect()
}

fn champion(project: &Project) -> Option<String> {
    let champion = netsec::storage::load_champion(&Workspace::new(project.path())).unwrap();
    champion.map(|c| c.version)
}

/// The pointer leads to a manifest, the manifest to blobs, and the copies are the same bytes.
fn check_published(bucket: &str, version: &str) -> Value {
    let objects = all(bucket);
    let json = |key: &str| -> Value { serde_json::from_slice(&objects[key]).unwrap() };
    let pointer = json("netsec/models/flows/champion.json");
    assert_eq!(pointer["version"], version);
    let key = format!(
        "netsec/manifests/{}.json",
        pointer["manifest"].as_str().unwrap()
    );
    assert_eq!(
        hash::sha256(&objects[&key]),
        pointer["manifest"].as_str().unwrap()
    );
    let files = json(&key)["files"].clone();
    for file in files.as_array().unwrap() {
        let sha256 = file["sha256"].as_str().unwrap();
        let blob = &objects[&format!("netsec/blobs/sha256/{}/{sha256}", &sha256[..2])];
        assert_eq!(hash::sha256(blob), sha256);
        let copy = &objects[&format!("final_model/{}", file["path"].as_str().unwrap())];
        assert_eq!(copy, blob, "{}", file["path"]);
    }
    let number = &version[1..];
    let versions = json(&format!("netsec/models/flows/versions/{number}.json"));
    assert_eq!(versions["manifest"], pointer["manifest"]);
    for seq in 1..=pointer["seq"].as_u64().unwrap() {
        assert!(objects.contains_key(&format!("netsec/audit/{seq}.json")));
    }
    assert!(!objects.keys().any(|k| k.contains("/probe/")));
    pointer
}

#[test]
fn a_model_is_published_by_approval_and_rolled_back() {
    needs_servers!();
    let bucket = services::bucket("push");
    let project = project(&bucket);
    let first = plan(&project, &[]);
    let targets: Vec<&str> = first["targets"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let (root, copies) = (
        format!("s3://{bucket}/netsec/"),
        format!("s3://{bucket}/final_model/"),
    );
    assert_eq!(targets, [root.as_str(), copies.as_str(), "final_model/"]);

    // Who may only read finds out before anything is recorded.
    let s3 = services::s3();
    let reader = s3.env_as(&s3.reader_access_key, &s3.reader_secret_key);
    let mut command = project.netsec(&approve(&first, "no"));
    // Planning has found out what the store can do; forgotten, it is asked again.
    fs::remove_file(project.path().join("Artifacts/store_conditions.json")).unwrap();
    let refused = command.envs(reader).output().unwrap();
    assert_eq!(refused.status.code(), Some(6), "{}", text(&refused));
    assert!(
        text(&refused).contains("not allowed to"),
        "{}",
        text(&refused)
    );
    assert!(decisions(&project).is_empty());

    // A blob that is rotten before the push comes to it.
    let model = first["model_sha256"].as_str().unwrap();
    let blob = format!("netsec/blobs/sha256/{}/{model}", &model[..2]);
    let store = ObjectStore::S3(objects(&bucket));
    written(store.put_if_absent(&blob, b"rotten").unwrap());
    let output = with_s3(project.netsec(&approve(&first, "first")))
        .env("NETSEC_LOG", "trace")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    no_secret_lies_in(
        project.path(),
        &[&s3.secret_key, "Signature=", &s3.access_key],
    );
    let receipt = String::from_utf8(output.stdout).unwrap();
    for part in [
        "was damaged and is written anew",
        "netsec/models/flows/champion.json names v1",
        "netsec/models/flows/versions/1.json written",
        "final_model/manifest.json written",
    ] {
        assert!(receipt.contains(part), "{part}: {receipt}");
    }
    // Every object there is stands in the receipt.
    for key in all(&bucket).keys() {
        assert!(
            receipt.contains(&format!("s3://{bucket}/{key}")),
            "{key}: {receipt}"
        );
    }
    check_published(&bucket, "v1");

    let second = plan(&project, &["--from", "model_pusher"]);
    assert_eq!(second["version"], "v2");
    ok(&project, &approve(&second, "second"));
    check_published(&bucket, "v2");
    ok(&project, &["rollback", "--reason", "back"]);
    let pointer = check_published(&bucket, "v1");
    assert_eq!(
        (&pointer["seq"], &pointer["previous"]["version"]),
        (&3.into(), &"v2".into())
    );
    assert_eq!(champion(&project).as_deref(), Some("v1"));
    ok(&project, &["journal", "verify"]);
    let doctor = run(&project, &["doctor", "--json"]);
    let findings: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let storage = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["check"] == "storage");
    assert_eq!(storage.unwrap()["state"], "ok", "{findings}");
}

/// Searches every file below a folder.
fn no_secret_lies_in(folder: &std::path::Path, secrets: &[&str]) {
    let mut folders = vec![folder.to_owned()];
    let mut searched = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            searched += 1;
            let bytes = fs::read(&path).unwrap();
            for secret in secrets {
                let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
                assert!(!found, "{} holds a secret", path.display());
            }
        }
    }
    assert!(searched > 10);
}

#[test]
fn what_is_wrong_with_a_bucket_is_said_in_a_sentence_without_secrets() {
    needs_servers!();
    let bucket = services::bucket("wrong");
    let project = project(&bucket);
    let s3 = services::s3();
    let secret = "sEcReTmArKeD0123456789abcdefghijklmnopqr";
    let cases: Vec<(&str, Vec<(&str, String)>)> = vec![
        (
            "secret access key does not belong",
            s3.env_as(&s3.access_key, secret),
        ),
        ("access key is not known", s3.env_as("AKIAMARKED", secret)),
        ("no AWS credentials", s3.env_as("", "")),
        ("refused", {
            let mut env = s3.env_as("AKIAMARKED", secret);
            env[0].1 = "http://127.0.0.1:1".to_owned();
            env
        }),
        ("TLS", {
            let mut env = s3.env_as("AKIAMARKED", secret);
            env[0].1 = s3.endpoint.replace("http:", "https:");
            env
        }),
        ("no such bucket", {
            let mut env = s3.env();
            env.push(("NETSEC_STORAGE__BUCKET", services::unique("missing")));
            env
        }),
        (
            "not allowed to",
            s3.env_as(&s3.reader_access_key, &s3.reader_secret_key),
        ),
    ];
    for (sentence, env) in cases {
        let output = project
            .netsec(&["doctor", "--json"])
            .envs(env)
            .output()
            .unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(6), "{sentence}: {said}");
        let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
        let storage = findings
            .as_array()
            .unwrap()
            .iter()
            .find(|f| f["check"] == "storage");
        let storage = storage.unwrap();
        assert_eq!(storage["state"], "fail");
        let line = storage["text"].as_str().unwrap();
        assert!(line.contains(sentence), "{sentence}: {line}");
        assert!(line.contains(if sentence == "no such bucket" {
            "missing"
        } else {
            &bucket
        }));
        assert!(storage["fix"].as_str().is_some_and(|fix| fix.len() > 20));
        for hidden in [
            secret,
            "AKIAMARKED",
            &s3.secret_key,
            &s3.reader_secret_key,
            "Signature=",
        ] {
            assert!(!said.contains(hidden), "{sentence}: {said}");
        }
    }
    // A store that cannot be asked never fails a run: the plan says so.
    let output = project
        .netsec(&["retrain", "--json"])
        .envs(s3.env_as("AKIAMARKED", secret))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let show: Value = serde_json::from_slice(&output.stdout).unwrap();
    let pusher = show["stages"].as_array().unwrap().last().unwrap();
    assert_eq!(pusher["state"], "warn", "{show}");
    let plan = ok(&project, &["plan", "latest"]);
    assert!(
        plan.contains("could not be asked") && !plan.contains("AKIAMARKED"),
        "{plan}"
    );
    assert!(!text(&output).contains(secret));
    // With the right keys the same plan can be pushed: the bucket names nothing yet.
    let plan: Value = serde_json::from_str(&ok(&project, &["plan", "latest", "--json"])).unwrap();
    ok(&project, &approve(&plan, "the keys are right now"));
    check_published(&bucket, "v1");
}

#[test]
fn of_two_workspaces_that_push_at_once_exactly_one_wins() {
    needs_servers!();
    let bucket = services::bucket("race");
    let (a, b) = (project(&bucket), project(&bucket));
    let mut wins = BTreeMap::new();
    for attempt in 1..=8 {
        let from: &[&str] = if attempt == 1 {
            &[]
        } else {
            &["--from", "model_pusher"]
        };
        let plans = [(&a, "mara", plan(&a, from)), (&b, "jon", plan(&b, from))];
        let children: Vec<_> = plans
            .iter()
            .map(|(project, name, plan)| {
                with_s3(project.netsec(&approve(plan, "race")))
                    .env("USER", name)
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let outputs: Vec<Output> = children
            .into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .collect();
        let codes: Vec<_> = outputs.iter().map(|o| o.status.code().unwrap()).collect();
        let winner = match codes.as_slice() {
            [0, 5] => 0,
            [5, 0] => 1,
            _ => panic!("{}{}", text(&outputs[0]), text(&outputs[1])),
        };
        let (won, lost) = (&plans[winner], &plans[1 - winner]);
        *wins.entry(won.1).or_insert(0) += 1;
        let said = text(&outputs[1 - winner]);
        let run = won.2["run_id"].as_str().unwrap();
        assert!(said.contains(run) && said.contains("by "), "{said}");
        check_published(&bucket, won.2["version"].as_str().unwrap());
        assert_eq!(champion(won.0).as_deref(), won.2["version"].as_str());
        assert_ne!(champion(lost.0).as_deref(), lost.2["version"].as_str());
        assert_eq!(decisions(won.0).last(), Some(&Decision::Pushed));
        assert_eq!(decisions(lost.0).last(), Some(&Decision::PushLost));
    }
    assert_eq!(wins.values().sum::<i32>(), 8);
}

#[test]
fn a_push_whose_server_goes_away_in_the_middle_is_finished_later() {
    needs_servers!();
    let bucket = services::bucket("gone");
    let project = project(&bucket);
    // The address the program uses all the time; what it lets through changes.
    let gate = Gate::before(&services::s3().endpoint);
    let mut env = services::s3().env();
    env[0].1 = gate.endpoint();
    let through = |args: &[&str]| project.netsec(args).envs(env.clone()).output().unwrap();
    // In the blobs, before the version object, the pointer, the audit, and among the copies.
    for (attempt, writes) in [1, 5, 6, 7, 9].into_iter().enumerate() {
        gate.open_for(i64::MAX);
        let from: &[&str] = if attempt == 0 {
            &[]
        } else {
            &["--from", "model_pusher"]
        };
        let trained = through(&[&["retrain", "--json"], from].concat());
        assert!(trained.status.success(), "{}", text(&trained));
        let plan = through(&["plan", "latest", "--json"]).stdout;
        let plan: Value = serde_json::from_slice(&plan).unwrap();
        let before = decisions(&project).len();
        gate.open_for(writes);
        let output = through(&approve(&plan, "in the middle"));
        assert_eq!(output.status.code(), Some(6), "{writes}: {}", text(&output));
        assert!(text(&output).contains("stays ordered"), "{}", text(&output));
        assert_eq!(
            decisions(&project)[before..],
            [Decision::Approve, Decision::Push]
        );
        gate.open_for(i64::MAX);
        let output = through(&approve(&plan, "again"));
        assert!(output.status.success(), "{writes}: {}", text(&output));
        let version = plan["version"].as_str().unwrap();
        assert_eq!(champion(&project).as_deref(), Some(version));
        check_published(&bucket, version);
        assert_eq!(decisions(&project).last(), Some(&Decision::Pushed));
    }
}

/// A port before a server that closes for good after so many writes, until it is opened again.
struct Gate {
    address: SocketAddr,
    left: Arc<AtomicI64>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Gate {
    fn before(endpoint: &str) -> Self {
        let server = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self {
            address: listener.local_addr().unwrap(),
            left: Arc::new(AtomicI64::new(i64::MAX)),
            connections: Arc::default(),
        };
        let (left, connections) = (Arc::clone(&gate.left), Arc::clone(&gate.connections));
        // Lives as long as the test binary.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if left.load(Ordering::SeqCst) <= 0 {
                    continue;
                }
                let Ok(upstream) = TcpStream::connect(&server) else {
                    continue;
                };
                let mut open = connections.lock().unwrap();
                open.extend([client.try_clone().unwrap(), upstream.try_clone().unwrap()]);
                drop(open);
                let (left, all) = (Arc::clone(&left), Arc::clone(&connections));
                let (from, to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                std::thread::spawn(move || {
                    forward(from, to, |piece| {
                        if piece.starts_with(b"PUT ") && left.fetch_sub(1, Ordering::SeqCst) <= 0 {
                            for open in all.lock().unwrap().drain(..) {
                                let _ = open.shutdown(Shutdown::Both);
                            }
                            return false;
                        }
                        true
                    })
                });
                std::thread::spawn(move || forward(upstream, client, |_| true));
            }
        });
        gate
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets so many more writes through.
    fn open_for(&self, writes: i64) {
        self.left.store(writes, Ordering::SeqCst);
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n) = from.read(&mut buffer) {
        if n == 0 || !passes(&buffer[..n]) || to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
