//! Training from a real MongoDB: the same results as from the file, whatever happens meanwhile.

use std::fs;
use std::process::{Command, Output, Stdio};

use netsec::error::ErrorKind;
use netsec::events::{Event, Outcome, StageName};
use netsec::runs::RunId;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Project, Training, flows, text, wait_until};
use crate::services::{self, MongoDb, Servers, needs_servers};
use crate::slow_link::SlowLink;

/// Rows of the larger table: several batches of the driver's.
const MANY: u32 = 60_000;

/// A project that trains from a collection.
struct FromCollection {
    project: Project,
    database: String,
    uri: String,
}

impl FromCollection {
    fn new(uri: &str, source: &str) -> Self {
        let project = Project::new(Training::Short);
        let database = services::unique("rows");
        let made = Self {
            project,
            database,
            uri: uri.to_owned(),
        };
        made.configure(source);
        made
    }

    /// Writes the configuration; `source` are more lines of its section.
    fn configure(&self, source: &str) {
        fs::write(
            self.project.config(),
            format!(
                "[source]\nkind = \"mongodb\"\ndatabase = \"{}\"\ncollection = \"flows\"\n{source}\n\
                 [schema]\nlabel = \"attack\"\n\
                 [training]\nlearners = [\"decision_tree\"]\nfolds = 2\ncores = 2\n",
                self.database
            ),
        )
        .unwrap();
    }

    fn netsec(&self, args: &[&str]) -> Command {
        let mut command = self.project.netsec(args);
        command.env("MONGODB_URI", &self.uri);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.netsec(args).output().unwrap()
    }

    fn import(&self, rows: u32, uri: &str) {
        fs::write(self.project.path().join("flows.csv"), flows(rows)).unwrap();
        let output = self
            .netsec(&["import", "flows.csv", "--database", &self.database])
            .args(["--collection", "flows"])
            .env("MONGODB_URI", uri)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }

    fn start(&self) -> RunId {
        let output = self.run(&["retrain", "--detach", "--json"]);
        assert!(output.status.success(), "{}", text(&output));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        value["run_id"].as_str().unwrap().parse().unwrap()
    }

    /// Trains to the end; returns the run.
    fn retrain(&self) -> RunId {
        let run = self.start();
        self.project.wait_for_end(&run);
        let view = self.project.view(&run);
        assert_eq!(view.outcome(), Outcome::Finished, "{:?}", view.state.error);
        run
    }

    fn json(&self, run: &RunId, file: &str) -> Value {
        let path = self.project.run_dir(run).join(file);
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    fn digest(&self, run: &RunId) -> String {
        let artifact = self.json(run, "data_ingestion/artifact.json");
        artifact["digest"].as_str().unwrap().to_owned()
    }

    /// A Python script with the database as `db`.
    fn python(&self, script: &str) -> Command {
        let mut command = services::python();
        let head = "import sys, os, datetime, time, pymongo, bson\n\
                    db = pymongo.MongoClient(os.environ['URI'])[os.environ['DB']]\n";
        command
            .args(["-c", &format!("{head}{script}")])
            .env("URI", &self.uri)
            .env("DB", &self.database);
        command
    }

    fn fill(&self, script: &str) {
        let output = self.python(script).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// Hashes of the files that the rows alone decide: reports name their source.
fn bytes_of_results(project: &Project, run: &RunId) -> Vec<(String, String)> {
    let made_of_rows = |path: &str| {
        ["train.parquet", "test.parquet"]
            .iter()
            .any(|f| path.ends_with(f))
            || path.starts_with("data_transformation/")
            || path.starts_with("model_trainer/")
    };
    let mut bytes = project.final_bytes(run);
    bytes.retain(|(path, _)| made_of_rows(path));
    assert!(bytes.len() >= 5, "{bytes:?}");
    bytes
}

/// Infers the schema from the imported file, and names it in the configuration: then only ingestion
/// reads the source.
fn with_schema_of_file(project: &Project) {
    let output = project.run(&["schema", "infer", "flows.csv", "--label", "attack"]);
    assert!(output.status.success(), "{}", text(&output));
    fs::write(project.path().join("schema.toml"), &output.stdout).unwrap();
    let config = fs::read_to_string(project.config()).unwrap();
    let config = config.replace("label = \"attack\"", "file = \"schema.toml\"");
    fs::write(project.config(), config).unwrap();
}

/// The results of the same rows read from the file.
fn from_file(rows: u32, schema_file: bool) -> (String, Vec<(String, String)>) {
    let project = Project::new(Training::Short);
    fs::write(project.path().join("flows.csv"), flows(rows)).unwrap();
    fs::write(
        project.config(),
        "[source]\npath = \"flows.csv\"\n[schema]\nlabel = \"attack\"\n\
         [training]\nlearners = [\"decision_tree\"]\nfolds = 2\ncores = 2\n",
    )
    .unwrap();
    if schema_file {
        with_schema_of_file(&project);
    }
    let run = project.start();
    project.wait_for_end(&run);
    let artifact = project.run_dir(&run).join("data_ingestion/artifact.json");
    let artifact: Value = serde_json::from_slice(&fs::read(artifact).unwrap()).unwrap();
    (
        artifact["digest"].as_str().unwrap().to_owned(),
        bytes_of_results(&project, &run),
    )
}

#[test]
fn a_collection_gives_the_same_digest_and_model_bytes_as_the_file() {
    needs_servers!();
    let (digest, bytes) = from_file(600, false);
    let mongodb = services::mongodb();
    let from = FromCollection::new(&mongodb.reader_uri, "");
    from.import(600, &mongodb.uri);
    let run = from.retrain();
    assert_eq!(from.digest(&run), digest);
    assert_eq!(bytes_of_results(&from.project, &run), bytes);
    let report = from.json(&run, "data_ingestion/report.json");
    assert_eq!(report["files"][0]["snapshot"]["one_moment"], true);
    // A collection is always read again, for a document may have been changed in place; the same
    // rows make the same files, so that the stages behind it are reused.
    let again = from.retrain();
    let reused = |stage: StageName| {
        let events = from.project.events(&again);
        let mut of_stage = events.iter().filter(|e| e.stage == Some(stage));
        of_stage.any(|e| matches!(e.event, Event::StageReused { .. }))
    };
    assert!(!reused(StageName::DataIngestion));
    assert!(reused(StageName::DataTransformation) && reused(StageName::ModelTrainer));
    // The collection has grown: the old rows are not taken for it.
    from.fill_grown(&mongodb);
    let grown = from.retrain();
    assert_eq!(
        from.json(&grown, "data_ingestion/artifact.json")["rows"],
        601
    );
    // The old bound reads the old rows.
    let until = report["files"][0]["snapshot"]["until"].as_str().unwrap();
    from.configure(&format!("until = \"{until}\""));
    assert_eq!(from.digest(&from.retrain()), digest);
}

impl FromCollection {
    fn fill_grown(&self, mongodb: &MongoDb) {
        let script = "db.flows.insert_one({'duration': 1.5, 'bytes': 2.5, 'service': 'dns', 'flags': 1, 'attack': 1})";
        let mut command = self.python(script);
        let output = command.env("URI", &mongodb.uri).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}

#[test]
fn messy_documents_are_coerced_counted_or_set_aside_by_their_id() {
    needs_servers!();
    let from = FromCollection::new(&services::mongodb().uri, "");
    from.fill(
        r#"
for i in range(1000):
    attack = int(i % 3 == 0)
    # More different values than a category has: the column is one of numbers, with strays.
    db.flows.insert_one({'_id': i, 'src': {'bytes': i % 337 + 400 * attack, 'port': 80 + i % 5},
                         'service': ['http', 'dns', 'ssh'][i % 3 if i % 7 else 0], 'attack': attack,
                         'seen': datetime.datetime(2026, 1, 1) + datetime.timedelta(minutes=i)})
def change(i, **fields):
    db.flows.update_one({'_id': i}, {'$set': fields})
change(1, **{'src.bytes': '17'})
change(2, **{'src.bytes': bson.Decimal128('18.5')})
change(3, **{'src.bytes': float('nan')})
change(4, **{'src.bytes': float('inf')})
change(5, **{'src.bytes': bson.Int64(2**53 + 1)})
change(6, **{'src.bytes': True})
change(7, service=None)
change(8, service=443)
change(9, **{'src.bytes': datetime.datetime(2026, 1, 1)})
change(10, **{'src.bytes': [1, 2]})
change(11, **{'src.bytes': bson.Regex('a')})
change(12, **{'src.bytes': 'many'})
db.flows.update_one({'_id': 13}, {'$unset': {'src': 1}})
"#,
    );
    let run = from.retrain();
    let artifact = from.json(&run, "data_ingestion/artifact.json");
    assert_eq!(
        (&artifact["rows"], &artifact["quarantined"]),
        (&1000.into(), &4.into())
    );
    let quarantine = fs::read_to_string(
        from.project
            .run_dir(&run)
            .join("data_ingestion/quarantine.ndjson"),
    )
    .unwrap();
    let set_aside: Vec<(String, String)> = quarantine
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| row[key].as_str().unwrap().to_owned();
            (word("id"), word("reason"))
        })
        .collect();
    let expected = [
        (
            "9",
            "column `src.bytes`: `2026-01-01T00:00:00Z` is not a number",
        ),
        ("10", "column `src.bytes` holds an array"),
        ("11", "column `src.bytes` holds a regular expression"),
        ("12", "column `src.bytes`: `many` is not a number"),
    ]
    .map(|(id, reason)| (id.to_owned(), reason.to_owned()));
    assert_eq!(set_aside, expected);
    let report = from.json(&run, "data_ingestion/report.json");
    let changes: Vec<(String, String, u64, String)> = report["files"][0]["coercions"]["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| {
            let word = |key: &str| c[key].as_str().unwrap().to_owned();
            (
                word("column"),
                word("kind"),
                c["cells"].as_u64().unwrap(),
                word("id"),
            )
        })
        .collect();
    let has = |column: &str, kind: &str, cells: u64, id: &str| {
        let wanted = (column.to_owned(), kind.to_owned(), cells, id.to_owned());
        assert!(changes.contains(&wanted), "{wanted:?} in {changes:?}");
    };
    has("src.bytes", "text_number", 1, "1");
    has("src.bytes", "decimal", 1, "2");
    has("src.bytes", "not_a_number", 1, "3");
    has("src.bytes", "infinity", 1, "4");
    has("src.bytes", "truth_value", 1, "6");
    has("service", "number_text", 1, "8");
    has("seen", "date", 996, "0");
}

#[test]
fn filter_fields_time_and_a_test_collection_narrow_what_is_read() {
    needs_servers!();
    let from = FromCollection::new(
        &services::mongodb().uri,
        "filter = '{\"service\": {\"$ne\": \"ssh\"}}'\nfields = [\"src.bytes\", \"service\", \"attack\"]\n\
         time_field = \"seen\"\ntest_collection = \"later\"\nuntil = \"2026-01-01T05:00:00Z\"",
    );
    // Ids of three types, which the server does not compare with each other.
    from.fill(
        r#"
def row(i):
    attack = int(i % 3 == 0)
    return {'_id': [i, str(i), bson.ObjectId()][i % 3 if i % 2 else 0], 'src': {'bytes': i % 37 + 40 * attack, 'port': i},
            'service': ['http', 'dns', 'ssh'][i % 5 % 3], 'attack': attack,
            'seen': datetime.datetime(2026, 1, 1) + datetime.timedelta(minutes=i)}
for i in range(600):
    db.flows.insert_one(row(i))
    db.later.insert_one(row(i))
db.flows.update_many({'_id': {'$lt': 10}}, {'$unset': {'seen': 1}})
"#,
    );
    let expected = from.python("q = {'service': {'$ne': 'ssh'}}\nt = {'$lte': datetime.datetime(2026, 1, 1, 5)}\n\
        print(db.flows.count_documents(q | {'seen': t}), db.later.count_documents(q | {'seen': t}),\n\
        db.flows.count_documents(q | {'seen': None}))").output().unwrap();
    assert!(expected.status.success(), "{}", text(&expected));
    let counts: Vec<u64> = String::from_utf8_lossy(&expected.stdout)
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let run = from.retrain();
    let artifact = from.json(&run, "data_ingestion/artifact.json");
    assert_eq!(artifact["train_rows"], counts[0]);
    assert_eq!(artifact["test_rows"], counts[1]);
    let columns: Vec<&str> = artifact["column_digests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c[0].as_str().unwrap())
        .collect();
    assert_eq!(columns, ["src.bytes", "service", "attack"]);
    let report = from.json(&run, "data_ingestion/report.json");
    assert_eq!(report["files"][0]["snapshot"]["without_bound"], counts[2]);
    assert!(counts.iter().all(|n| *n > 0), "{counts:?}");
    // By `_id` all types are read, up to the greatest.
    from.configure("");
    let run = from.retrain();
    assert_eq!(from.json(&run, "data_ingestion/artifact.json")["rows"], 600);
    from.configure("filter = '{\"service\": \"smtp\"}'");
    let output = from.run(&["retrain"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(
        text(&output).contains("no documents that match the filter"),
        "{}",
        text(&output)
    );
    from.configure("filter = '{service: 1}'");
    let output = from.run(&["retrain"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
}

#[test]
fn the_same_bound_gives_the_same_digest_while_others_insert() {
    needs_servers!();
    let from = FromCollection::new(&services::mongodb().uri, "");
    from.import(2_000, &services::mongodb().uri);
    // Ids as many writers make them: those of one second are in no order.
    let inserter = "
import random
def row():
    attack = random.randrange(2)
    id = int(time.time()).to_bytes(4, 'big') + random.randbytes(8)
    return {'_id': bson.ObjectId(id), 'duration': random.random() + attack,
            'bytes': random.random(), 'service': 'dns', 'flags': 1, 'attack': attack}
print('ready', flush=True)
while True:
    db.flows.insert_many([row() for _ in range(20)])
";
    let mut inserting = from
        .python(inserter)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 5];
    std::io::Read::read_exact(inserting.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let first = from.retrain();
    let snapshot = from.json(&first, "data_ingestion/report.json")["files"][0]["snapshot"].clone();
    from.configure(&format!("until = {}", snapshot["until"]));
    let second = from.retrain();
    let digests = (from.digest(&first), from.digest(&second));
    let rows = from.json(&second, "data_ingestion/artifact.json")["rows"].clone();
    from.configure("");
    let third = from.retrain();
    inserting.kill().unwrap();
    inserting.wait().unwrap();
    assert_eq!(digests.0, digests.1);
    assert_ne!(from.digest(&third), digests.0);
    let now = from.json(&third, "data_ingestion/artifact.json")["rows"].clone();
    assert!(now.as_u64() > rows.as_u64(), "{now} after {rows}");
}

/// Whether a part of what was read is on disk.
fn part_is_kept(from: &FromCollection, run: &RunId) -> bool {
    let parts = from.project.run_dir(run).join("data_ingestion.parts/main");
    parts.join("part-00000.json").exists()
}

/// Rows told since the last start of ingestion.
fn rows_told(from: &FromCollection, run: &RunId) -> Vec<u64> {
    let mut told = Vec::new();
    for e in from.project.events(run) {
        match e.event {
            Event::StageStarted { .. } if e.stage == Some(StageName::DataIngestion) => told.clear(),
            Event::RowsRead { rows, .. } => told.push(rows),
            _ => {}
        }
    }
    told
}

#[test]
fn killed_in_the_middle_of_reading_a_resumed_run_goes_on_and_loses_nothing() {
    needs_servers!();
    let (digest, bytes) = from_file(MANY, true);
    let mongodb = services::mongodb();
    let slow = SlowLink::to(&mongodb.address, 800_000);
    let from = FromCollection::new(&slow.uri(&mongodb.reader_uri, &mongodb.address), "");
    from.import(MANY, &mongodb.uri);
    // With a schema at hand, only ingestion reads the collection.
    with_schema_of_file(&from.project);
    let run = from.start();
    wait_until("a part on disk", || part_is_kept(&from, &run));
    from.project.signal(&run, Signal::KILL);
    from.project.wait_until_free(&run);
    assert_eq!(from.project.view(&run).outcome(), Outcome::Crashed);
    // Others insert in between: the run still sees what it saw.
    from.fill_grown(&mongodb);
    slow.set_pace(0);
    let output = from.run(&["resume", run.as_str()]);
    assert!(output.status.success(), "{}", text(&output));
    let told = rows_told(&from, &run);
    assert!(told[0] > 20_000, "read again from the start: {told:?}");
    assert_eq!(told.last(), Some(&u64::from(MANY)));
    assert_eq!(from.digest(&run), digest);
    assert_eq!(bytes_of_results(&from.project, &run), bytes);
    assert!(
        !from
            .project
            .run_dir(&run)
            .join("data_ingestion.parts")
            .exists()
    );
}

#[test]
fn a_server_that_steps_down_or_dies_is_waited_for_and_then_the_run_stops_to_be_resumed() {
    needs_servers!();
    let (digest, bytes) = from_file(MANY, true);
    let servers = Servers::own(&["mongod"]);
    let mongodb = servers.mongodb();
    let slow = SlowLink::to(&mongodb.address, 800_000);
    let from = FromCollection::new(&slow.uri(&mongodb.reader_uri, &mongodb.address), "");
    from.import(MANY, &mongodb.uri);
    with_schema_of_file(&from.project);

    // A step-down: the run goes on by itself.
    let run = from.start();
    wait_until("a part on disk", || part_is_kept(&from, &run));
    servers.stepdown();
    slow.set_pace(0);
    from.project.wait_for_end(&run);
    assert_eq!(from.project.view(&run).outcome(), Outcome::Finished);
    assert_eq!(from.digest(&run), digest);
    assert_eq!(bytes_of_results(&from.project, &run), bytes);

    // A death: after a while the run stops and says how to go on.
    let mut config = fs::read_to_string(from.project.config()).unwrap();
    config.push_str("[split]\nseed = 43\n");
    fs::write(from.project.config(), config).unwrap();
    slow.set_pace(800_000);
    let run = from.start();
    wait_until("a part on disk", || part_is_kept(&from, &run));
    servers.kill("mongod");
    from.project.wait_for_end(&run);
    let state = from.project.view(&run).state;
    assert_eq!(state.outcome, Outcome::Failed);
    let error = state.error.expect("a reason");
    assert_eq!(error.kind, ErrorKind::Backend, "{error:?}");
    assert!(
        error
            .hints
            .iter()
            .any(|h| h.contains(&format!("`netsec resume {run}`"))),
        "{error:?}"
    );
    for password in &mongodb.passwords {
        assert!(!format!("{error:?}").contains(password));
    }
    let noticed = from.project.events(&run).iter().any(
        |e| matches!(&e.event, Event::Warning { code, text } if code == "source" && text.contains("trying again")),
    );
    assert!(noticed);
    servers.start("mongod");
    slow.set_pace(0);
    let output = from.run(&["resume", run.as_str()]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(rows_told(&from, &run)[0] > 20_000);
    assert_eq!(from.digest(&run), digest);
}
