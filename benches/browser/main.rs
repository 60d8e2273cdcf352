//! The data browser's engine on a large Parquet file, beside DuckDB and VisiData.
//!
//! `cargo bench --bench browser [-- --rows N --keep FILE]` writes a file of 40 columns (10 million
//! rows unless said otherwise) into the folder for temporary files, does what somebody at the
//! console does, and prints how long each step took, against its target and against the peers where
//! Python finds them (`pip install duckdb visidata pyarrow`). The file is removed afterwards.
//!
//! Every measurement is one process with a cold cache of ours and a warm one of the system's, for
//! ours and for theirs. Peak memory is the process's own, and does not count the writing of the
//! file, which is a process before it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use netsec::browse::{Cancel, Place, Sort, Table, View};
use netsec::dataset::Filter;
use serde_json::Value;

mod generate;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The arguments by which this program starts itself.
const GENERATE: &str = "--generate";
const MEASURE: &str = "--measure";
/// Rows of a page, and the columns that fit beside each other.
const PAGE: usize = 60;
const SHOWN: usize = 12;
/// What is looked for: a number and a text, about a fiftieth of the rows.
pub(crate) const FILTER: &str = "bytes_03 > 45000 and service = http";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).cloned()
    };
    let rows: usize = option("--rows").map_or(Ok(10_000_000), |n| n.parse())?;
    if let Some(path) = option(GENERATE) {
        return generate::write(Path::new(&path), rows);
    }
    if let Some(path) = option(MEASURE) {
        println!("{}", measure(Path::new(&path))?);
        return Ok(());
    }
    let kept = option("--keep").map(PathBuf::from);
    let folder = tempfile::tempdir()?;
    let path = kept.unwrap_or_else(|| folder.path().join("flows.parquet"));
    let itself = std::env::current_exe()?;
    if !path.exists() {
        let written = Command::new(&itself)
            .args([
                GENERATE,
                &path.to_string_lossy(),
                "--rows",
                &rows.to_string(),
            ])
            .status()?;
        if !written.success() {
            return Err("the file could not be written".into());
        }
    }
    let size = std::fs::metadata(&path)?.len() as f64 / 1e9;
    println!("{rows} rows, 40 columns, {size:.2} GB; pages of {PAGE} rows and {SHOWN} columns\n");
    let ours = one(Command::new(&itself).args([MEASURE, &path.to_string_lossy()]))?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/browser.py");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let peer = |way: &str| {
        let mut command = Command::new(&python);
        command.args([script, way, &path.to_string_lossy()]);
        match one(&mut command) {
            Ok(figures) => Some(figures),
            Err(_) => {
                println!("({way} is not installed, or failed)");
                None
            }
        }
    };
    let (duckdb, visidata) = (peer("duckdb"), peer("visidata"));
    print_table(&ours, duckdb.as_ref());
    if let Some(ms) = visidata.as_ref().and_then(|v| v["load_and_write"].as_f64()) {
        println!(
            "\nVisiData pages nothing from disk: loading the first 200,000 rows as CSV and writing \
             them out takes it {:.1} s.",
            ms / 1e3
        );
    }
    Ok(())
}

/// What one process reports.
fn one(command: &mut Command) -> Result<Value> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().ok_or("nothing was reported")?;
    Ok(serde_json::from_str(line)?)
}

/// Milliseconds, with the target for each where there is one.
const STEPS: [(&str, &str, Option<f64>); 12] = [
    ("first_rows", "open and first rows", Some(200.0)),
    ("flip_next_p99", "next page, 99th percentile", Some(16.0)),
    ("flip_anywhere_p50", "page anywhere, median", None),
    (
        "flip_anywhere_p99",
        "page anywhere, 99th percentile",
        Some(16.0),
    ),
    ("filter", "filter by two columns", Some(1000.0)),
    (
        "filtered_flip_p99",
        "next page of it, 99th percentile",
        Some(16.0),
    ),
    ("sort", "sort by a column of numbers", Some(2500.0)),
    ("sorted_first", "first page of it", None),
    (
        "sorted_flip_p99",
        "next page of it, 99th percentile",
        Some(16.0),
    ),
    ("sort_text", "sort by a column of texts", None),
    ("facet", "values of a column, counted", None),
    ("cancel", "until a sort is cancelled, worst", Some(50.0)),
];

fn print_table(ours: &Value, duckdb: Option<&Value>) {
    println!(
        "\n{:<36} {:>10} {:>8} {:>10} {:>7}",
        "milliseconds", "netsec", "target", "DuckDB", "ratio"
    );
    let line = |key: &str, name: &str, target: Option<f64>| {
        let Some(own) = ours[key].as_f64() else {
            return;
        };
        let beside = |peer: Option<&Value>| match peer.and_then(|p| p[key].as_f64()) {
            Some(theirs) => format!("{theirs:>10.1} {:>6.1}x", theirs / own),
            None => format!("{:>10} {:>7}", "", ""),
        };
        let aim = target.map_or(String::new(), |t| format!("{t:.0}"));
        let mark = if target.is_some_and(|t| own > t) {
            " missed"
        } else {
            ""
        };
        println!("{name:<36} {own:>10.1} {aim:>8} {}{mark}", beside(duckdb));
    };
    for (key, name, target) in STEPS {
        line(key, name, target);
    }
    line("peak_mb", "peak memory, MB", Some(600.0));
}

/// Does what somebody does, and reports milliseconds.
fn measure(path: &Path) -> Result<Value> {
    let cancel = Cancel::new();
    let mut figures = serde_json::Map::new();
    let mut say = |key: &str, value: f64| {
        figures.insert(key.to_owned(), value.into());
    };
    let begun = Instant::now();
    let table = Table::open(&Place::file(path), &cancel)?;
    let columns: Vec<usize> = (0..SHOWN).collect();
    let all = table.all();
    table.window(&all, 0, PAGE, &columns, &cancel)?;
    say("first_rows", ms(begun.elapsed()));

    let rows = all.len();
    let flips = |selection: &netsec::browse::Selection, starts: &[u64]| -> Result<Vec<f64>> {
        starts
            .iter()
            .map(|&start| {
                let begun = Instant::now();
                table.window(selection, start, PAGE, &columns, &cancel)?;
                let took = ms(begun.elapsed());
                // A hand needs longer than this to the next key.
                std::thread::sleep(Duration::from_millis(15));
                Ok(took)
            })
            .collect()
    };
    let next: Vec<u64> = (0..300).map(|i| i * PAGE as u64 % rows).collect();
    say("flip_next_p99", percentile(flips(&all, &next)?, 0.99));
    let anywhere: Vec<u64> = (0..200)
        .map(|i| ((i * 0x9e37_79b9_7f4a_7c15u64) >> 11) % rows)
        .collect();
    let took = flips(&all, &anywhere)?;
    say("flip_anywhere_p50", percentile(took.clone(), 0.5));
    say("flip_anywhere_p99", percentile(took, 0.99));

    let filter = View {
        filter: Some(Filter::parse(FILTER)?),
        ..View::default()
    };
    let begun = Instant::now();
    let filtered = table.select(&filter, &cancel)?;
    say("filter", ms(begun.elapsed()));
    let next: Vec<u64> = (0..300)
        .map(|i| i * PAGE as u64)
        .filter(|first| *first < filtered.len())
        .collect();
    say(
        "filtered_flip_p99",
        percentile(flips(&filtered, &next)?, 0.99),
    );

    let by = |name: &str| -> Result<View> {
        Ok(View {
            sort: vec![Sort {
                column: table.column(name)?,
                descending: true,
            }],
            ..View::default()
        })
    };
    let sort = by("rate_05")?;
    let begun = Instant::now();
    let sorted = table.select(&sort, &cancel)?;
    say("sort", ms(begun.elapsed()));
    let begun = Instant::now();
    table.window(&sorted, 0, PAGE, &columns, &cancel)?;
    say("sorted_first", ms(begun.elapsed()));
    let next: Vec<u64> = (1..300).map(|i| i * PAGE as u64 % rows).collect();
    say("sorted_flip_p99", percentile(flips(&sorted, &next)?, 0.99));
    drop(sorted);
    let begun = Instant::now();
    table.select(&by("source")?, &cancel)?;
    say("sort_text", ms(begun.elapsed()));
    let begun = Instant::now();
    table.facet(&all, table.column("service")?, &cancel)?;
    say("facet", ms(begun.elapsed()));

    let mut worst = 0.0f64;
    for delay in [5, 40, 150, 400, 700, 1000] {
        let cancel = Cancel::new();
        let other = (cancel.clone(), table.clone(), sort.clone());
        let work = std::thread::spawn(move || {
            let (cancel, table, sort) = other;
            table.select(&sort, &cancel).is_err()
        });
        std::thread::sleep(Duration::from_millis(delay));
        let begun = Instant::now();
        cancel.cancel();
        let stopped = work.join().map_err(|_| "the sort panicked")?;
        if stopped {
            worst = worst.max(ms(begun.elapsed()));
        }
    }
    say("cancel", worst);
    say("peak_mb", peak_mb()?);
    Ok(figures.into())
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

fn percentile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (q * values.len() as f64).ceil() as usize;
    values
        .get(place.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

fn peak_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"));
    let kb: f64 = line
        .and_then(|l| l.split_whitespace().nth(1))
        .ok_or("the system does not tell the peak memory")?
        .parse()?;
    Ok(kb / 1e3)
}
