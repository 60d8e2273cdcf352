//! Files into the real MongoDB and what stands there afterwards: `netsec import`, `netsec data`,
//! `netsec init --mongodb`, `netsec doctor`.

use std::fs;
use std::process::{Command, Output, Stdio};

use netsec::runtime::block_on;
use netsec::secrets::Secret;
use netsec::source::mongodb::{MongoServer, Namespace};
use serde_json::Value;

use crate::harness::{Project, Training, text, wait_until};
use crate::services::{self, MongoDb, Servers, needs_servers, run_python, unique};

/// A project and a database of its own on a server.
struct Bench {
    project: Project,
    mongodb: MongoDb,
    database: String,
}

impl Bench {
    fn new(what: &str) -> Self {
        Self::on(services::mongodb(), what)
    }

    fn on(mongodb: MongoDb, what: &str) -> Self {
        Self {
            project: Project::new(Training::Short),
            mongodb,
            database: unique(what),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.project.netsec(args);
        command.envs(self.mongodb.env());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn import(&self, file: &str, collection: &str) -> Output {
        let to = ["--database", &self.database, "--collection", collection];
        self.run(&[&["import", file][..], &to].concat())
    }

    /// Imports and returns what was printed.
    fn imported(&self, file: &str, collection: &str) -> String {
        let output = self.import(file, collection);
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn name(&self, collection: &str) -> String {
        format!("mongodb:{}.{collection}", self.database)
    }

    /// Waits until a collection has documents.
    fn wait_for_documents(&self, collection: &str) {
        let uri = Secret::new(&self.mongodb.uri);
        let namespace = Namespace::new(&self.database, collection).unwrap();
        let server = block_on(MongoServer::at(&uri)).unwrap().unwrap();
        wait_until("the first documents", || {
            block_on(server.documents(&namespace)).unwrap().unwrap() > 0
        });
    }

    /// Runs Python with `db` as the database; returns what it printed.
    fn python(&self, code: &str) -> String {
        let script = format!(
            "import os, sys, time, pymongo\n\
             client = pymongo.MongoClient(os.environ['MONGODB_URI'])\n\
             db = client[sys.argv[1]]\n{code}\n"
        );
        run_python(&script, &[&self.database], &self.mongodb.env())
    }
}

#[test]
fn a_file_is_imported_once_with_its_values_and_in_its_order() {
    needs_servers!();
    let bench = Bench::new("once");
    // Names and values that databases and number formats like to change; the first row twice.
    let rows = "bytes,a.b,$rate,code,_id,note\n\
                1,0.50,1.0,007,1,tcp\n\
                1,0.50,1.0,007,1,tcp\n\
                -0,1e300,inf,012,2, x \n\
                9007199254740993,,NaN,0,3,\"\u{e9} \u{2013}\"\n";
    fs::write(bench.project.path().join("odd.csv"), rows).unwrap();
    let said = bench.imported("odd.csv", "odd");
    assert!(said.contains("4 documents added"), "{said}");
    assert!(said.contains("The column `_id` is not stored"), "{said}");

    let stored =
        "for d in db.odd.find().sort('_id'): print({k: v for k, v in d.items() if k != '_id'})";
    assert_eq!(
        bench.python(stored).lines().collect::<Vec<_>>(),
        [
            "{'bytes': 1, 'a.b': 0.5, '$rate': 1.0, 'code': '007', 'note': 'tcp'}",
            "{'bytes': 1, 'a.b': 0.5, '$rate': 1.0, 'code': '007', 'note': 'tcp'}",
            "{'bytes': -0.0, 'a.b': 1e+300, '$rate': inf, 'code': '012', 'note': ' x '}",
            "{'bytes': 9007199254740993, '$rate': nan, 'code': '0', 'note': '\u{e9} \u{2013}'}",
        ]
    );
    // Again: nothing. After a drop: the same ids. In between another file, whose rows sort behind.
    let ids = "print([str(d['_id']) for d in db.odd.find().sort('_id')])";
    let first = bench.python(ids);
    let said = bench.imported("odd.csv", "odd");
    assert!(said.contains("Nothing added: all 4 documents"), "{said}");
    assert_eq!(bench.python(ids), first);
    bench.python("db.odd.drop()");
    assert!(
        bench
            .imported("odd.csv", "odd")
            .contains("4 documents added")
    );
    assert_eq!(bench.python(ids), first);
    bench.imported("flows.csv", "odd");
    let order = "print(['bytes' in d and 'note' in d for d in db.odd.find().sort('_id').limit(6)])";
    assert_eq!(
        bench.python(order).trim(),
        "[True, True, True, True, False, False]"
    );
    // One note for each file, outside the collection.
    assert_eq!(
        bench
            .python("print(db.netsec_imports.count_documents({}))")
            .trim(),
        "2"
    );
}

#[test]
fn a_collection_is_browsed_like_its_file() {
    needs_servers!();
    let bench = Bench::new("browse");
    bench.imported("flows.csv", "flows");
    let name = bench.name("flows");
    for options in [
        &[
            "--filter",
            "service = http and bytes > 500",
            "--sort",
            "-bytes",
        ][..],
        &["--columns", "service,attack", "--limit", "7"],
        &["--sort", "duration", "--limit", "600"],
    ] {
        let look = |what: &str| bench.json(&[&["data", what, "--json"][..], options].concat());
        let (file, collection) = (look("flows.csv"), look(&name));
        for part in ["rows", "matched", "columns", "data", "row_numbers"] {
            assert_eq!(file[part], collection[part], "{options:?} {part}");
        }
    }
    let profile =
        |what: &str| bench.json(&["data", what, "--profile", "--json"])["profile"].clone();
    assert_eq!(profile("flows.csv"), profile(&name));
    let output = bench.run(&["data", &bench.name("flow")]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("has no collection `flow`"), "{said}");
    assert!(said.contains("Did you mean `flows`?"), "{said}");
    let output = bench.run(&["data", "mongodb:nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

#[test]
fn an_import_killed_in_the_middle_goes_on() {
    needs_servers!();
    let bench = Bench::new("killed");
    let rows = 60_000;
    let mut file = String::from("n,service\n");
    for n in 0..rows {
        file.push_str(&format!("{n},http\n"));
    }
    fs::write(bench.project.path().join("many.csv"), file).unwrap();
    let to = ["--database", &bench.database, "--collection", "many"];
    let mut child = bench
        .command(&[&["import", "many.csv"][..], &to].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    bench.wait_for_documents("many");
    child.kill().unwrap();
    child.wait().unwrap();
    let said = bench.imported("many.csv", "many");
    assert!(said.contains("of this file were there already"), "{said}");
    let check = "n = [d['n'] for d in db.many.find().sort('_id')]\nprint(n == list(range(60000)))";
    assert_eq!(bench.python(check).trim(), "True");
}

#[test]
fn a_server_that_goes_away_is_waited_for() {
    needs_servers!();
    let servers = Servers::own(&["mongod"]);
    let bench = Bench::on(servers.mongodb(), "away");
    let file: String = std::iter::once("n,service\n".to_owned())
        .chain((0..40_000).map(|n| format!("{n},http\n")))
        .collect();
    fs::write(bench.project.path().join("many.csv"), file).unwrap();
    let to = ["--database", &bench.database, "--collection", "many"];
    let mut child = bench
        .command(&[&["import", "many.csv"][..], &to].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bench.wait_for_documents("many");
    servers.kill("mongod");
    assert!(
        child.try_wait().unwrap().is_none(),
        "the import ended before the server did"
    );
    servers.start("mongod");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(
        text(&output).contains("40,000 documents added"),
        "{}",
        text(&output)
    );
    let check = "n = [d['n'] for d in db.many.find().sort('_id')]\nprint(n == list(range(40000)))";
    assert_eq!(bench.python(check).trim(), "True");
}

#[test]
fn rows_that_the_server_or_the_reader_refuses_are_named() {
    needs_servers!();
    let bench = Bench::new("refused");
    bench.python(
        "db.create_collection('ruled', validator={'port': {'$gte': 0}})\n\
         db.ruled.create_index('key', unique=True)",
    );
    let rows = "port,key\n1,1\n-5,2\n3,1\n4\n5,5\n";
    fs::write(bench.project.path().join("rows.csv"), rows).unwrap();
    let output = bench.import("rows.csv", "ruled");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    for part in [
        "2 documents added",
        "1 row cannot be read, not imported:\n  row 4 (line 5): 1 field, expected 2",
        "2 rows refused by the server:\n  row 2: the collection's validation rule",
        "  row 3: a unique index of the collection has this value already",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    // The rest stays in order and a second import finds it.
    let said = text(&bench.import("rows.csv", "ruled"));
    assert!(said.contains("all 2 documents"), "{said}");
}

#[test]
fn what_the_server_says_is_told_without_the_password() {
    needs_servers!();
    let bench = Bench::new("denied");
    let mongodb = &bench.mongodb;
    // Bound and dropped: nothing listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = format!("mongodb://u:hunter2@{free}/?serverSelectionTimeoutMS=300");
    let anonymous = format!("mongodb://{}/?replicaSet=rs0", mongodb.address);
    let cases: [(&str, i32, &str); 7] = [
        (
            &mongodb.wrong_password_uri,
            6,
            "does not accept this user name and password",
        ),
        (&mongodb.reader_uri, 6, "the user may not do this"),
        (&mongodb.stranger_uri, 6, "the user may not do this"),
        (&anonymous, 6, "asks for a user, and MONGODB_URI names none"),
        (&refused, 6, "the connection was refused"),
        (
            "mongodb://u:hun/ter2@h/",
            3,
            "must be written as a percent code",
        ),
        ("", 3, "MONGODB_URI is not set"),
    ];
    for (uri, code, part) in cases {
        let to = ["--database", &bench.database, "--collection", "flows"];
        let output = bench
            .command(&[&["import", "flows.csv"][..], &to].concat())
            .env("MONGODB_URI", uri)
            .output()
            .unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(part), "no {part:?} in {said}");
        assert!(said.contains("hint: "), "{said}");
        let secrets = mongodb.passwords.iter().map(String::as_str);
        for secret in secrets.chain(["hunter2", "ter2"]) {
            assert!(!said.contains(secret), "the password is in {said}");
        }
    }
    // The older name of the variable.
    let output = bench
        .command(&["data", "mongodb:admin.nothing"])
        .env_remove("MONGODB_URI")
        .env("MONGO_DB_URL", &mongodb.reader_uri)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
}

#[test]
fn tls_trusts_the_authority_that_the_address_names_and_no_other() {
    needs_servers!();
    let bench = Bench::on(services::mongodb_tls(), "tls");
    let said = bench.imported("flows.csv", "flows");
    assert!(said.contains("600 documents added"), "{said}");
    let (ca, other) = (
        bench.mongodb.ca.clone().expect("the TLS server's CA"),
        bench.mongodb.other_ca.clone().expect("another CA"),
    );
    let uri = &bench.mongodb.uri;
    let without_ca = uri.replace(&format!("&tlsCAFile={ca}"), "");
    let cases = [
        (
            uri.replace(&ca, &other),
            6,
            "an authority that is not trusted here",
        ),
        (without_ca.clone(), 6, "add `tlsCAFile="),
        (
            without_ca.replace("&tls=true", ""),
            6,
            "it closed the connection",
        ),
        (
            uri.replace(&ca, "/nowhere/ca.pem"),
            3,
            "a certificate file cannot be used",
        ),
    ];
    for (uri, code, part) in cases {
        let output = bench
            .command(&["data", &bench.name("flows")])
            .env("MONGODB_URI", format!("{uri}&serverSelectionTimeoutMS=500"))
            .output()
            .unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn init_writes_a_configuration_for_a_collection_and_doctor_checks_it() {
    needs_servers!();
    let bench = Bench::new("init");
    bench.imported("flows.csv", "flows");
    bench.imported("flows.csv", "later");
    let collection = format!("{}.flows", bench.database);
    let output = bench.run(&[
        "init",
        "--mongodb",
        &collection,
        "--test",
        "later",
        "--label",
        "attack",
        "--s3",
        "models",
        "--experiment",
        "threats",
        "--dir",
        "made",
    ]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("600 documents"), "{said}");
    assert!(
        said.contains("4 features; the target is `attack`"),
        "{said}"
    );
    let config = netsec::config::load(&bench.project.path().join("made/config.toml")).unwrap();
    assert_eq!(config.source.kind, netsec::config::SourceKind::Mongodb);
    assert_eq!(config.source.collection.as_deref(), Some("flows"));
    assert_eq!(config.source.test_collection.as_deref(), Some("later"));
    assert_eq!(config.storage.bucket.as_deref(), Some("models"));
    assert_eq!(config.tracking.experiment, "threats");

    // The store of this one is a folder, so that only MongoDB is asked for.
    let output = bench.run(&["init", "--mongodb", &collection, "--dir", "local"]);
    assert!(output.status.success(), "{}", text(&output));
    let doctor = |uri: &str| -> (Option<i32>, Value) {
        let output = bench
            .command(&["--config", "local/config.toml", "doctor", "--json"])
            .env("MONGODB_URI", uri)
            .output()
            .unwrap();
        let checks = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), checks)
    };
    let finding = |checks: &Value, check: &str| -> Value {
        let all = checks.as_array().unwrap();
        all.iter()
            .find(|c| c["check"] == check)
            .cloned()
            .unwrap_or_default()
    };
    let (_, checks) = doctor(&bench.mongodb.uri);
    let mongodb = finding(&checks, "mongodb");
    assert_eq!(mongodb["state"], "ok", "{mongodb}");
    assert!(
        mongodb["text"]
            .as_str()
            .unwrap()
            .contains("replica set rs0"),
        "{mongodb}"
    );
    let data = finding(&checks, "data");
    assert!(
        data["text"].as_str().unwrap().contains("600 documents"),
        "{data}"
    );
    let (code, checks) = doctor(&bench.mongodb.wrong_password_uri);
    assert_eq!(code, Some(6));
    assert_eq!(finding(&checks, "mongodb")["state"], "fail");
    let (code, checks) = doctor("");
    assert_eq!(code, Some(3));
    assert!(
        finding(&checks, "mongodb")["fix"]
            .as_str()
            .unwrap()
            .contains("export MONGODB_URI")
    );
}
