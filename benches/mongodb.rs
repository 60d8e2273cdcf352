//! Rows a second and peak memory of reading a MongoDB collection, beside Python's ways.
//!
//! `cargo bench --bench mongodb [-- --rows N --repeats N]` starts the tests' mongod, fills a
//! collection with documents of 42 fields, and reads it in turn: the raw batches alone, through
//! netsec into a table, with pymongoarrow and with pymongo + pandas. Every reading is a process of
//! its own against the same server in one run; the best of the repeats counts. Peak memory is the
//! whole process's, with Python and its libraries on their side, and is set beside the table.
//!
//! `--raw-only` leaves the peers out.

use std::error::Error;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use futures_util::StreamExt;
use mongodb::Collection;
use mongodb::bson::{Document, doc, oid::ObjectId};
use netsec::learners::FitControl;
use netsec::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};
use netsec::source::mongodb::{MongoServer, Namespace, Query, Snapshot, Watching, read_collection};
use serde::{Deserialize, Serialize};
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The argument by which this program starts itself for one reading.
const CHILD: &str = "--one-reading";
const DATABASE: &str = "bench";
const COLLECTION: &str = "flows";
/// Memory of the server's cache: the collection fits, so that readers are measured and not how fast
/// the server decompresses what did not fit, the same for every way of reading.
const CACHE_GB: &str = "2";
/// Fields of a document by kind; with the label they are 42.
const INTEGERS: usize = 25;
const REALS: usize = 12;
const TEXTS: usize = 4;

/// What one process reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figures {
    rows: u64,
    /// Connecting and settling the snapshot included.
    seconds: f64,
    peak_kb: f64,
    /// Resident before reading began.
    #[serde(default)]
    before_kb: f64,
    /// Bytes of the table, where there is one.
    #[serde(default)]
    table: u64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [child, way, parts] = arguments.as_slice()
        && child == CHILD
    {
        let figures = match way.as_str() {
            "drain" => drain(false)?,
            "drain-at" => drain(true)?,
            _ => read(Some(parts.as_str()).filter(|p| !p.is_empty()))?,
        };
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    if !arguments.iter().any(|a| a == "--bench") {
        // `cargo test --all-targets` runs this too.
        println!("to measure: cargo bench --bench mongodb");
        return Ok(());
    }
    let number = |name: &str, default: u64| -> Result<u64> {
        match arguments.iter().position(|a| a == name) {
            Some(at) => Ok(arguments.get(at + 1).ok_or("a number is needed")?.parse()?),
            None => Ok(default),
        }
    };
    compare(
        number("--rows", 500_000)?,
        number("--repeats", 3)?,
        arguments.iter().any(|a| a == "--raw-only"),
    )
}

/// The tests' servers; they end with this value.
struct Servers {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Servers {
    fn start() -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/up");
        let mut child = Command::new("python3")
            .args([script, "--json", "--only", ""])
            .env("TEST_MONGOD_CACHE_GB", CACHE_GB)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(output).lines();
        lines.next().ok_or("tests/services/up did not start")??;
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    fn ask(&mut self, command: &str) -> Result<Value> {
        let input = self.input.as_mut().ok_or("closed")?;
        writeln!(input, "1 {command}")?;
        input.flush()?;
        let answer: Value = serde_json::from_str(&self.lines.next().ok_or("no answer")??)?;
        match answer["facts"].clone() {
            Value::Null => Err(format!("{command}: {answer}").into()),
            facts => Ok(facts),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

fn compare(rows: u64, repeats: u64, raw_only: bool) -> Result<()> {
    let mut servers = Servers::start()?;
    let mongod = servers.ask("start mongod")?;
    let uri = mongod["uri"].as_str().ok_or("no address")?.to_owned();
    fill(&uri, rows)?;
    let parts = tempfile::tempdir()?;
    let parts = parts.path().to_string_lossy().into_owned();
    let own = |way: &'static str, parts: &str| -> Result<Figures> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([CHILD, way, parts]);
        one(command.env("MONGODB_URI", &uri))
    };
    let python = if raw_only {
        None
    } else {
        Some(servers.ask("python")?)
    };
    let peer = |way: &str| -> Result<Option<Figures>> {
        let Some(python) = &python else {
            return Ok(None);
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/mongodb.py");
        let mut command = Command::new(python["interpreter"].as_str().ok_or("no Python")?);
        command
            .env("PYTHONPATH", python["path"].as_str().unwrap_or_default())
            .env("MONGODB_URI", &uri)
            .args(["-W", "ignore", script, way, DATABASE, COLLECTION]);
        one(&mut command).map(Some)
    };
    println!("{rows} documents of 42 fields, best of {repeats}");
    println!(
        "{:<34} {:>12} {:>9} {:>10} {:>10}",
        "way", "rows/s", "seconds", "peak MB", "table MB"
    );
    let mut speeds: Vec<(String, f64)> = Vec::new();
    type Way<'a> = (&'a str, Box<dyn Fn() -> Result<Option<Figures>> + 'a>);
    let ways: Vec<Way<'_>> = vec![
        ("raw batches alone", Box::new(|| own("drain", "").map(Some))),
        (
            "raw batches alone, one moment",
            Box::new(|| own("drain-at", "").map(Some)),
        ),
        ("netsec", Box::new(|| own("netsec", "").map(Some))),
        (
            "netsec, parts kept on disk",
            Box::new(|| own("netsec", &parts).map(Some)),
        ),
        ("pymongoarrow", Box::new(|| peer("arrow"))),
        ("pymongo + pandas", Box::new(|| peer("pandas"))),
    ];
    for (name, way) in &ways {
        let mut best: Option<Figures> = None;
        for _ in 0..repeats {
            let Some(figures) = way()? else { break };
            if figures.rows != rows {
                return Err(format!("{name} read {} rows", figures.rows).into());
            }
            if best.as_ref().is_none_or(|b| figures.seconds < b.seconds) {
                best = Some(figures);
            }
        }
        let Some(best) = best else { continue };
        let speed = best.rows as f64 / best.seconds;
        println!(
            "{name:<34} {speed:>12.0} {:>9.3} {:>10.0} {:>10.0}",
            best.seconds,
            best.peak_kb / 1024.0,
            best.table as f64 / 1e6
        );
        if best.table > 0 {
            let grown = (best.peak_kb - best.before_kb) * 1024.0 / best.table as f64;
            println!("{:<34} memory grew by {grown:.2} times the table", "");
        }
        speeds.push(((*name).to_owned(), speed));
    }
    let speed = |name: &str| speeds.iter().find(|(n, _)| n == name).map(|(_, s)| *s);
    for other in [
        "raw batches alone",
        "raw batches alone, one moment",
        "pymongoarrow",
        "pymongo + pandas",
    ] {
        if let (Some(ours), Some(theirs)) = (speed("netsec"), speed(other)) {
            println!("netsec / {other}: {:.2}", ours / theirs);
        }
    }
    Ok(())
}

/// Runs one reading and takes what it reports.
fn one(command: &mut Command) -> Result<Figures> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("a reading failed".into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(
        text.lines().last().unwrap_or_default(),
    )?)
}

fn namespace() -> Namespace {
    Namespace {
        database: DATABASE.to_owned(),
        collection: COLLECTION.to_owned(),
    }
}

/// Fills the collection: seeded by nothing, the same documents every time.
fn fill(uri: &str, rows: u64) -> Result<()> {
    let mut state = 7u64;
    let mut draw = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let services = ["http", "domain_u", "smtp", "private", "ftp_data", "eco_i"];
    let secret = netsec::secrets::Secret::new(uri);
    netsec::runtime::block_on(async move {
        let server = MongoServer::at(&secret).await?;
        let collection: Collection<Document> = server.collection(&namespace());
        let mut made = 0u64;
        while made < rows {
            let batch: Vec<Document> = (0..10_000.min(rows - made))
                .map(|i| {
                    let mut id = [0; 12];
                    id[4..].copy_from_slice(&(made + i).to_be_bytes());
                    let mut document = doc! { "_id": ObjectId::from_bytes(id) };
                    for field in 0..INTEGERS {
                        document.insert(format!("count_{field:02}"), (draw() % 10_000) as i32);
                    }
                    for field in 0..REALS {
                        document.insert(format!("rate_{field:02}"), draw() as f64 / 1e6);
                    }
                    for field in 0..TEXTS {
                        let text = services[(draw() % 6) as usize];
                        document.insert(format!("kind_{field:02}"), text);
                    }
                    document.insert("label", if draw() % 3 == 0 { "attack" } else { "normal" });
                    document
                })
                .collect();
            made += batch.len() as u64;
            collection.insert_many(batch).await?;
        }
        Ok(())
    })?
}

fn schema() -> Schema {
    let mut columns = Vec::new();
    for field in 0..INTEGERS {
        columns.push(ColumnSpec::feature(
            &format!("count_{field:02}"),
            ColumnKind::Integer,
        ));
    }
    for field in 0..REALS {
        columns.push(ColumnSpec::feature(
            &format!("rate_{field:02}"),
            ColumnKind::Real,
        ));
    }
    for field in 0..TEXTS {
        columns.push(ColumnSpec::feature(
            &format!("kind_{field:02}"),
            ColumnKind::Category,
        ));
    }
    columns.push(ColumnSpec {
        role: Role::Label,
        ..ColumnSpec::feature("label", ColumnKind::Category)
    });
    Schema {
        name: "bench".to_owned(),
        columns,
        target: Target {
            name: "label".to_owned(),
            column: "label".to_owned(),
            mapping: ClassMapping::Identity { order: Vec::new() },
        },
        headerless: false,
        null_texts: vec!["na".to_owned()],
        oddities: Vec::new(),
    }
}

/// Reads through netsec into a table, with or without parts kept on disk.
fn read(parts: Option<&str>) -> Result<Figures> {
    let before_kb = memory("VmRSS")?;
    let begun = Instant::now();
    let server = MongoServer::connect()?;
    let query = Query::whole(namespace());
    let control = FitControl::new();
    let snapshot = Snapshot::take(&server, &query, &control)?;
    let watching = Watching {
        progress: &|_, _| {},
        notice: &|_| {},
        control: &control,
    };
    let schema = schema();
    let parts = parts.map(std::path::Path::new);
    if let Some(parts) = parts {
        let _ = std::fs::remove_dir_all(parts);
    }
    let read = read_collection(&server, &query, &snapshot, &schema, true, parts, &watching)?;
    let seconds = begun.elapsed().as_secs_f64();
    if !read.one_moment || !read.ingested.quarantine.is_empty() {
        return Err("not as it should be".into());
    }
    Ok(Figures {
        rows: read.ingested.frame.rows() as u64,
        seconds,
        peak_kb: memory("VmHWM")?,
        before_kb,
        table: read.ingested.frame.polars().estimated_size() as u64,
    })
}

/// Reads the raw batches and counts documents, nothing else. `one_moment`: with read concern
/// snapshot, as netsec reads.
fn drain(one_moment: bool) -> Result<Figures> {
    let before_kb = memory("VmRSS")?;
    let begun = Instant::now();
    let server = MongoServer::connect()?;
    let rows = netsec::runtime::block_on(async {
        let collection: Collection<Document> = server.collection(&namespace());
        let find = collection
            .find(doc! {})
            .sort(doc! { "_id": 1 })
            .batch_size(20_000);
        let mut rows = 0u64;
        if one_moment {
            let mut session = server.client().start_session().snapshot(true).await?;
            let mut cursor = find.session(&mut session).batch().await?;
            let mut batches = cursor.stream(&mut session);
            while let Some(batch) = batches.next().await {
                rows += documents(batch?.doc_slices()?.as_bytes());
            }
        } else {
            let mut batches = find.batch().await?;
            while let Some(batch) = batches.next().await {
                rows += documents(batch?.doc_slices()?.as_bytes());
            }
        }
        Ok::<u64, mongodb::error::Error>(rows)
    })??;
    Ok(Figures {
        rows,
        seconds: begun.elapsed().as_secs_f64(),
        peak_kb: memory("VmHWM")?,
        before_kb,
        table: 0,
    })
}

/// Counts the documents of an array by their lengths.
fn documents(array: &[u8]) -> u64 {
    let mut at = 4;
    let mut count = 0;
    while at + 1 < array.len() {
        // Type, the digits of the place, a zero, the document.
        at += 1;
        while array[at] != 0 {
            at += 1;
        }
        at += 1;
        let length: [u8; 4] = [array[at], array[at + 1], array[at + 2], array[at + 3]];
        at += i32::from_le_bytes(length) as usize;
        count += 1;
    }
    count
}

/// A figure of this process's memory in kB.
fn memory(key: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
    let text = line.and_then(|l| l.split_whitespace().next());
    Ok(text.ok_or("no figure")?.parse()?)
}
