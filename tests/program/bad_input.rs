//! Bad files, bad configurations, wrong names: the right exit code, a message that says what to
//! do, and nothing half-written.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use netsec::events::Outcome;
use serde_json::Value;

use crate::harness::{Project, Training, text, wait_until};

/// Settings that keep a run short.
const SMALL: [(&str, &str); 3] = [
    ("NETSEC_TRAINING__LEARNERS", "[\"decision_tree\"]"),
    ("NETSEC_TRAINING__FOLDS", "2"),
    ("NETSEC_TRAINING__CORES", "1"),
];

/// An empty folder to be a project; the rows of its table are those of [`Project::new`].
struct Place {
    project: Project,
    rows: String,
}

impl Place {
    fn new() -> Self {
        let project = Project::new(Training::Short);
        let rows = fs::read_to_string(project.path().join("flows.csv")).unwrap();
        fs::remove_file(project.config()).unwrap();
        Self { project, rows }
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.project.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, args: &[&str]) -> Output {
        self.project.netsec(args).envs(SMALL).output().unwrap()
    }

    /// Runs a command that must end with `code`, say all phrases and leave nothing behind.
    fn refuses(&self, args: &[&str], code: i32, phrases: &[&str]) {
        let output = self.run(args);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("error: "),
            "{args:?}: {said}"
        );
        for phrase in phrases {
            assert!(said.contains(phrase), "{args:?} lacks `{phrase}`: {said}");
        }
        assert!(
            !said.contains("panicked") && !said.contains("RUST_BACKTRACE"),
            "{said}"
        );
        assert_no_leftovers(self.project.path());
    }

    /// The file cannot be used: `init` and everything that looks at it say so, and so does a run
    /// whose configuration names it, which then shows as failed.
    fn file_is_refused(&self, name: &str, phrases: &[&str]) {
        self.refuses(&["init", "--data", name], 4, phrases);
        assert!(
            !self.project.config().exists(),
            "init wrote a configuration"
        );
        for args in [
            &["validate", name][..],
            &["schema", "infer", name],
            &["data", name],
            &["drift", name, "flows.csv"],
            &["drift", "flows.csv", name],
        ] {
            self.refuses(args, 4, phrases);
        }
        self.run_fails(name, phrases);
    }

    fn run_fails(&self, name: &str, phrases: &[&str]) {
        self.configure(name);
        self.refuses(&["retrain"], 4, phrases);
        let run = self.project.store().resolve("latest").unwrap();
        assert_eq!(self.project.view(&run).outcome(), Outcome::Failed);
        let shown = self.json(&["show", "latest", "--json"]);
        assert_eq!(shown["outcome"], "failed");
        let message = shown["error"]["message"].as_str().unwrap();
        assert!(
            phrases.iter().take(1).all(|p| message.contains(p)),
            "{message}"
        );
        assert_eq!(self.json(&["runs", "--json"])[0]["outcome"], "failed");
        assert!(!self.project.run_dir(&run).join("data_ingestion").exists());
        fs::remove_file(self.project.config()).unwrap();
    }

    fn configure(&self, name: &str) {
        self.file(
            "config.toml",
            format!("[source]\npath = \"{name}\"\n[schema]\nlabel = \"attack\"\n"),
        );
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// `init` and a run that must finish; its document.
    fn trains(&self, init: &[&str]) -> Value {
        let output = self.run(init);
        assert!(output.status.success(), "{}", text(&output));
        let shown = self.json(&["retrain", "--json"]);
        assert_eq!(shown["outcome"], "finished");
        let data = &shown["data"];
        assert_eq!(
            data["rows"].as_u64().unwrap(),
            data["kept"].as_u64().unwrap() + data["quarantined"].as_u64().unwrap()
        );
        assert_no_leftovers(self.project.path());
        shown
    }
}

/// No temporary file and no stage folder under work anywhere, once the worker's last file is
/// written.
fn assert_no_leftovers(folder: &Path) {
    wait_until("the temporary files to go", || leftover(folder).is_none());
}

fn leftover(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder).unwrap().find_map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name.contains("tmp") {
            return Some(entry.path());
        }
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        is_dir.then(|| leftover(&entry.path())).flatten()
    })
}

/// Bytes that are no text and no table, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 11u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn half(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() / 2]
}

/// A shared file, or the reason to skip.
fn shared(path: &str, test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("NETSEC_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let file = root.join("data").join(path);
    if file.exists() {
        return Some(file);
    }
    println!("skipped: needs ../shared ({test})");
    None
}

#[test]
fn files_without_a_table_are_refused() {
    let place = Place::new();
    place.file("empty.csv", "");
    place.file_is_refused("empty.csv", &["empty.csv is empty", "hint:"]);
    place.file("header.csv", "duration,bytes,service,flags,attack\n");
    place.file_is_refused("header.csv", &["5 columns and no rows"]);
    fs::create_dir(place.project.path().join("folder.csv")).unwrap();
    place.file_is_refused("folder.csv", &["is a directory", "Name one file inside it"]);
    place.file("noise.csv", noise(20_000));
    place.file_is_refused(
        "noise.csv",
        &["is not CSV, Parquet or NDJSON", "Files read"],
    );
    place.file("garbage.ndjson", "garbage\n".repeat(50));
    place.file_is_refused("garbage.ndjson", &["none of the 50 rows", "line 1"]);
}

#[test]
fn files_cut_in_the_middle_are_refused() {
    let place = Place::new();
    let packed = gzip(place.rows.as_bytes());
    place.file("cut.csv.gz", half(&packed));
    place.file_is_refused(
        "cut.csv.gz",
        &["cut off", "gzip", "download the file again"],
    );
    let packed = zstd::encode_all(place.rows.as_bytes(), 3).unwrap();
    place.file("cut.csv.zst", half(&packed));
    place.file_is_refused("cut.csv.zst", &["cut off", "zstd"]);
    // A table of a finished run, which also is a Parquet file with our own row numbers.
    place.configure("flows.csv");
    let run = place.json(&["retrain", "--json"])["run_id"].clone();
    let snapshot = place
        .project
        .path()
        .join("Artifacts")
        .join(run.as_str().unwrap())
        .join("data_ingestion/train.parquet");
    let bytes = fs::read(snapshot).unwrap();
    place.file("whole.parquet", &bytes);
    let report = place.json(&["drift", "whole.parquet", "flows.csv", "--json"]);
    assert_eq!(report["verdict"], "stable");
    fs::remove_file(place.project.config()).unwrap();
    place.trains(&["init", "--data", "whole.parquet"]);
    fs::remove_file(place.project.config()).unwrap();
    place.file("cut.parquet", half(&bytes));
    place.file_is_refused("cut.parquet", &["damaged or cut off", "Parquet"]);
}

#[test]
fn a_line_cut_off_goes_to_quarantine() {
    let place = Place::new();
    let cut = &place.rows[..place.rows.trim_end().rfind('\n').unwrap() + 5];
    place.file("cut.csv", cut);
    let shown = place.trains(&["init", "--data", "cut.csv"]);
    assert_eq!(shown["data"]["rows"], 600);
    assert_eq!(shown["data"]["quarantined"], 1);
    let validated = place.json(&["validate", "cut.csv", "--json"]);
    assert_eq!(validated["verdict"], "warn");
}

#[test]
fn garbage_lines_go_to_quarantine() {
    let place = Place::new();
    let mut lines: Vec<String> = place
        .rows
        .lines()
        .skip(1)
        .map(|line| {
            let f: Vec<&str> = line.split(',').collect();
            format!(
                "{{\"duration\":{},\"bytes\":{},\"service\":\"{}\",\"flags\":{},\"attack\":{}}}",
                f[0], f[1], f[2], f[3], f[4]
            )
        })
        .collect();
    lines[5] = "garbage".to_owned();
    lines[9].truncate(20);
    lines[20] = "[1, 2]".to_owned();
    lines[30] = "{\"duration\": 3}".to_owned();
    lines[40] = lines[40].replacen("\"duration\":", "\"duration\":\"?\",\"was\":", 1);
    lines[41] = lines[41].replacen("\"duration\":", "\"duration\":{\"a\":1},\"was\":", 1);
    place.file("rows.ndjson", lines.join("\n"));
    let shown = place.trains(&["init", "--data", "rows.ndjson"]);
    // `?` is a value that is missing, an object in a cell is none.
    assert_eq!(shown["data"]["quarantined"], 5);
    // What a run puts aside stops no check either.
    let validated = place.json(&["validate", "rows.ndjson", "--json"]);
    assert_eq!(validated["verdict"], "warn");
}

#[test]
fn a_text_among_numbers_costs_its_row_and_not_its_column() {
    let place = Place::new();
    let mut lines: Vec<String> = place.rows.lines().map(str::to_owned).collect();
    let rest = lines[7].split_once(',').unwrap().1;
    lines[7] = format!("oops,{rest}");
    place.file("rows.csv", lines.join("\n"));
    let shown = place.trains(&["init", "--data", "rows.csv"]);
    assert_eq!(shown["data"]["quarantined"], 1);
    assert_eq!(shown["data"]["features"], 4);
}

#[test]
fn labels_and_columns_that_teach_nothing() {
    let place = Place::new();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut text = String::new();
        for (i, line) in place.rows.lines().enumerate() {
            let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
            if i > 0 {
                change(&mut fields);
            }
            text.push_str(&(fields.join(",") + "\n"));
        }
        text
    };
    place.file("one.csv", with(&|f| f[4] = "1".to_owned()));
    place.refuses(
        &["validate", "one.csv"],
        4,
        &["every row is of the class `1`"],
    );
    place.run_fails("one.csv", &["has one class only", "two are needed"]);
    place.file("none.csv", with(&|f| f[4].clear()));
    place.refuses(
        &["init", "--data", "none.csv"],
        4,
        &["none of the 600 rows", "the label `attack` is missing"],
    );
    place.run_fails("none.csv", &["600 of 600 rows", "max_quarantine_share"]);
    place.file(
        "bare.csv",
        with(&|f| f[..4].iter_mut().for_each(String::clear)),
    );
    place.refuses(
        &["init", "--data", "bare.csv"],
        4,
        &[
            "no column to learn from besides the label `attack`",
            "empty in every row",
        ],
    );
    place.run_fails("bare.csv", &["no column to learn from"]);
    // One column without values is left out, and said so.
    place.file("null.csv", with(&|f| f[1].clear()));
    let said = text(&place.run(&["init", "--data", "null.csv"]));
    assert!(
        said.contains("`bytes` is left out of the features"),
        "{said}"
    );
    fs::remove_file(place.project.config()).unwrap();
    let shown = place.trains(&["init", "--data", "null.csv"]);
    assert_eq!(shown["data"]["features"], 3);
}

#[test]
fn ten_thousand_columns_are_read() {
    let place = Place::new();
    let mut table: Vec<String> = (0..9_999).map(|i| format!("c{i}")).collect();
    table.push("attack\n".to_owned());
    let mut table = table.join(",");
    for row in 0..30 {
        for column in 0..9_999 {
            table.push_str(&format!("{},", (row * 31 + column * 17) % 97));
        }
        table.push_str(&format!("{}\n", row % 2));
    }
    place.file("wide.csv", table);
    let said = text(&place.run(&["init", "--data", "wide.csv"]));
    assert!(said.contains("9999 features"), "{said}");
    let report = place.json(&["validate", "wide.csv", "--json"]);
    assert_eq!(report["columns"], 10_000);
}

#[test]
fn names_that_are_wrong() {
    let place = Place::new();
    place.refuses(
        &["init", "--data", "flows.csv", "--preset", "nsl-kd"],
        3,
        &["there is no preset `nsl-kd`", "Did you mean `nsl-kdd`?"],
    );
    place.refuses(
        &["init", "--data", "flows.csv", "--preset", "phishing"],
        4,
        &["lacks 31 columns", "schema infer"],
    );
    place.refuses(
        &["init", "--data", "flows.csv", "--label", "atack"],
        2,
        &["`atack`", "Did you mean `attack`?"],
    );
    place.refuses(
        &["init", "--data", "no.csv"],
        4,
        &["there is no file no.csv"],
    );
    assert!(!place.project.config().exists());
    place.refuses(&["data", "no.csv"], 7, &["neither a file nor a run"]);
    for (option, value) in [("--columns", "byte"), ("--sort", "-byte")] {
        place.refuses(
            &["data", "flows.csv", option, value],
            2,
            &[option, "no column `byte`", "Did you mean `bytes`?"],
        );
    }
    place.file(
        "config.toml",
        "[source]\npath = \"flows.csv\"\n[schema]\nlabel = \"atack\"\n",
    );
    place.refuses(
        &["retrain"],
        3,
        &[
            "[schema] label names the column `atack`",
            "they have `duration`",
            "Did you mean",
        ],
    );
    place.configure("flows.csv");
    place.refuses(&["predict", "flows.csv"], 7, &["no model in production"]);
}

#[test]
fn configurations_that_are_wrong() {
    let place = Place::new();
    for (text, phrases) in [
        (
            "[training]\nfold = 3\n",
            &["config.toml, line 2", "Did you mean `folds`?"][..],
        ),
        (
            "[training]\nfolds = \"x\"\n",
            &["line 2", "expected a whole number"],
        ),
        ("[training\n", &["line 1", "unclosed table"]),
        ("[split]\ntest_share = 1.5\n", &["test_share is 1.5"]),
    ] {
        place.file("config.toml", text);
        for args in [&["retrain"][..], &["validate", "flows.csv"], &["journal"]] {
            place.refuses(args, 3, phrases);
        }
        assert!(place.project.store().list().unwrap().is_empty());
    }
    place.file("config.toml", b"\xff\xfe\0\x80");
    place.refuses(
        &["retrain"],
        3,
        &["config.toml cannot be read", "TOML file"],
    );
    fs::remove_file(place.project.config()).unwrap();
    fs::create_dir(place.project.config()).unwrap();
    for args in [&["retrain"][..], &["validate", "flows.csv"]] {
        place.refuses(args, 3, &["config.toml cannot be read"]);
    }
    // A configuration that was named has to be there.
    place.refuses(
        &["--config", "elsewhere.toml", "validate", "flows.csv"],
        3,
        &["no configuration at elsewhere.toml"],
    );
}

#[test]
fn the_dirty_files_of_the_collection() {
    let test = "the_dirty_files_of_the_collection";
    let Some(kdd) = shared("dirty/KDDTest+_CR_line_endings.csv", test) else {
        return;
    };
    let place = Place::new();
    let shown = place.trains(&[
        "init",
        "--preset",
        "nsl-kdd",
        "--data",
        kdd.to_str().unwrap(),
    ]);
    assert!(shown["data"]["source"].as_str().unwrap().contains(", CR)"));
    assert_eq!(shown["data"]["rows"], 22_543);
    assert_eq!(shown["data"]["quarantined"], 0);

    let Some(cicids) = shared("dirty/cicids2017_style_dirty.csv", test) else {
        return;
    };
    let cicids = cicids.to_str().unwrap();
    let place = Place::new();
    // The preset's 78 columns are not all in this extract.
    place.refuses(
        &["init", "--preset", "cicids2017", "--data", cicids],
        4,
        &["lacks 61 columns"],
    );
    let shown = place.trains(&["init", "--data", cicids]);
    assert_eq!(shown["data"]["rows"], 5_124);
    let validated = place.json(&["validate", cicids, "--json"]);
    let rows_of = |id: &str| -> u64 {
        let checks = validated["checks"].as_array().unwrap();
        let of_id = checks.iter().filter(|c| c["id"] == id);
        of_id.filter_map(|c| c["failing_rows"].as_u64()).sum()
    };
    assert_eq!(rows_of("infinities"), 112);
    assert_eq!(rows_of("duplicates"), 134);

    let Some(phishing) = shared("phishing_uci/phishing_quoted_header_port.csv", test) else {
        return;
    };
    let place = Place::new();
    let phishing = phishing.to_str().unwrap();
    let shown = place.trains(&["init", "--preset", "phishing", "--data", phishing]);
    assert_eq!(shown["data"]["rows"], 11_055);
    assert_eq!(shown["data"]["features"], 30);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    for args in [
        &["drift", "flows.csv", "flows.csv"][..],
        &["schema", "infer", "flows.csv"],
        &["data", "flows.csv"],
    ] {
        let mut child = place
            .project
            .netsec(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Nobody reads from the beginning: whatever is written meets a closed pipe.
        drop(child.stdout.take());
        drop(child.stderr.take());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{args:?}");
    }
}
