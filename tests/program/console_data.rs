//! The Data screen in a real terminal: a file is opened, filtered, sorted, counted and exported,
//! and the exported rows are those that `netsec data` names.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use netsec::text::count;
use serde_json::Value;

use crate::pty::Session;

const FILTER: &str = "src_bytes > 1000 and service in (http, https)";

/// What `netsec data` says of the file.
fn data(dir: &std::path::Path, filter: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_netsec"))
        .args(["data", "data/flows_newer.csv", "--filter", filter])
        .args(["--sort=-src_bytes", "--limit", "100000", "--json"])
        .current_dir(dir)
        .env_remove("NETSEC_CONFIG")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A value as it stands in a CSV file.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn what_is_exported_is_what_netsec_data_shows() {
    let dir = tempfile::tempdir().unwrap();
    netsec::source::demo::write_batches(&dir.path().join("data"), 4_000, 7).unwrap();
    // The most frequent service of the filtered rows comes first in the facet.
    let all = data(dir.path(), FILTER);
    let mut services: HashMap<String, usize> = HashMap::new();
    for row in all["data"].as_array().unwrap() {
        *services.entry(text(&row["service"])).or_default() += 1;
    }
    let most = services.iter().max_by_key(|(_, n)| **n).unwrap().0.clone();

    let mut session = Session::start(dir.path(), "sh", "exec \"$NETSEC\" console");
    session.wait_text("[1Home]");
    session.keys("2");
    session.wait_text("Nothing is open.");
    session.keys("o");
    session.wait_text("Enter opens");
    session.keys("data/flows_newer.csv\r");
    session.wait_text("no filter");
    session.keys("/");
    session.wait_text("Filter the rows");
    session.keys(&format!("{FILTER}\r"));
    session.wait_text("filter: src_bytes > 1000");
    // To the column src_bytes, and the largest first.
    session.keys("llllllss");
    session.wait_text("sort: src_bytes desc");
    // To the column service, and its values.
    session.keys("hhhF");
    session.wait_text("different values");
    session.keys("\r");
    // The facet is gone before the rows are there.
    let expected = data(dir.path(), &format!("{FILTER} and service = {most}"));
    let rows = expected["data"].as_array().unwrap();
    session.wait_text(&format!(" {} of ", count(rows.len() as u64)));
    session.wait_text("sort: src_bytes desc");
    session.keys("e");
    session.wait_text("Export what is shown");
    session.keys("seen.csv\r");
    session.wait_text("seen.csv: ");
    session.keys("q");

    let csv = fs::read_to_string(dir.path().join("seen.csv")).unwrap();
    let mut lines = csv.lines();
    let columns: Vec<String> = expected["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .collect();
    assert_eq!(lines.next().unwrap(), columns.join(","));
    assert!(!rows.is_empty());
    let exported: Vec<&str> = lines.collect();
    assert_eq!(exported.len(), rows.len());
    for (line, row) in exported.iter().zip(rows) {
        let cells: Vec<String> = columns.iter().map(|c| text(&row[c])).collect();
        assert_eq!(*line, cells.join(","));
    }
}
