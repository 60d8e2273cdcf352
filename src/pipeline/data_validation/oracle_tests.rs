//! The checks and profiles against figures made with pandas, on real tables.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::config::{Severity, ValidationConfig};
use crate::dataset::{Frame, profile};
use crate::events::CheckVerdict;
use crate::schema::{Schema, infer, preset};
use crate::source::{ReadOptions, load_table, read_raw};

fn shared(test: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("NETSEC_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        PathBuf::from,
    );
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: needs ../shared ({test})");
    None
}

fn oracle(dir: &std::path::Path, table: &str) -> Value {
    let text = std::fs::read_to_string(dir.join("oracles/validation_oracles.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all["tables"][table].clone()
}

fn load(path: &std::path::Path, schema: &Schema) -> Frame {
    load_table(path, Some(schema), &ReadOptions::default())
        .unwrap()
        .frame
}

/// Every figure of every numeric column, and missing and distinct of the texts.
fn compare_profiles(frame: &Frame, oracle: &Value, test: &str) {
    let found = profile(frame).unwrap();
    let columns = oracle["profile"].as_object().unwrap();
    let mut compared = 0;
    for (name, wanted) in columns {
        let column = found.columns.iter().find(|c| c.column == *name);
        let Some(column) = column else {
            continue;
        };
        compared += 1;
        assert_eq!(wanted["nulls"], column.missing, "{test} {name}");
        assert_eq!(wanted["distinct"], column.distinct, "{test} {name}");
        if column.kind == "text" {
            continue;
        }
        let count = |key: &str| wanted[key].as_u64().unwrap();
        assert_eq!(
            count("pos_inf") + count("neg_inf"),
            column.infinite,
            "{name}"
        );
        assert_eq!(count("negatives"), column.negatives, "{test} {name}");
        assert_eq!(count("zeros"), column.zeros, "{test} {name}");
        for (key, value) in [
            ("min", column.min),
            ("max", column.max),
            ("mean", column.mean),
            ("std_ddof0", column.std),
            ("median", column.quantiles.get("p50").copied()),
        ] {
            let (Some(wanted), Some(value)) = (wanted[key].as_f64(), value) else {
                panic!("{test} {name} {key}: {} against {value:?}", wanted[key]);
            };
            assert!(
                (wanted - value).abs() <= 1e-9 * (1.0 + wanted.abs()),
                "{test} {name} {key}: {wanted} against {value}"
            );
        }
    }
    assert!(
        compared * 10 >= columns.len() * 9,
        "{test}: only {compared} columns compared"
    );
}

fn one<'a>(report: &'a ValidationReport, id: &str, column: Option<&str>) -> &'a CheckResult {
    report
        .checks
        .iter()
        .find(|c| c.id == id && c.column.as_deref() == column)
        .unwrap_or_else(|| panic!("no {id} for {column:?}"))
}

fn failing_columns(report: &ValidationReport, id: &str) -> Vec<String> {
    report
        .checks
        .iter()
        .filter(|c| c.id == id && c.verdict != CheckVerdict::Ok)
        .filter_map(|c| c.column.clone())
        .collect()
}

#[test]
fn phishing_has_its_duplicates_and_conflicts() {
    let Some(dir) = shared("phishing_has_its_duplicates_and_conflicts") else {
        return;
    };
    let schema = preset("phishing").unwrap();
    for file in ["phisingData.csv", "phishing_quoted_header_port.csv"] {
        let frame = load(&dir.join("data/phishing_uci").join(file), &schema);
        let wanted = oracle(&dir, "phishing_uci/phisingData.csv");
        compare_profiles(&frame, &wanted, file);
        let report = check_table(&frame, &schema, &ValidationConfig::default());
        assert_eq!(report.verdict, CheckVerdict::Warn);
        let duplicates = one(&report, "duplicates", None);
        assert_eq!(
            wanted["duplicate_rows_after_first"],
            duplicates.failing_rows
        );
        let conflicts = one(&report, "label_conflicts", None);
        assert_eq!(conflicts.observed, Figure::Number(64.0));
        assert_eq!(conflicts.failing_rows, 357);
        assert!(conflicts.text.contains("98.969 %"), "{}", conflicts.text);
        let warned: Vec<&str> = report
            .with(CheckVerdict::Warn)
            .map(|c| c.id.as_str())
            .collect();
        assert_eq!(warned, ["duplicates", "label_conflicts"]);
    }
}

#[test]
fn the_random_split_of_phishing_leaks() {
    let Some(dir) = shared("the_random_split_of_phishing_leaks") else {
        return;
    };
    let schema = preset("phishing").unwrap();
    let frame = load(&dir.join("data/phishing_uci/phisingData.csv"), &schema);
    let text = std::fs::read_to_string(dir.join("baselines/phishing_split.json")).unwrap();
    let split: Value = serde_json::from_str(&text).unwrap();
    let rows = |part: &str| -> Vec<usize> {
        let list = split[part].as_array().unwrap().iter();
        list.map(|v| v.as_u64().unwrap() as usize).collect()
    };
    let (train, test) = (
        frame.take(&rows("train")).unwrap(),
        frame.take(&rows("test")).unwrap(),
    );
    let found = check_split(&train, &test, &schema, &ValidationConfig::default());
    // Only 783 of the 2,211 test rows are unseen vectors.
    assert_eq!(
        (test.rows() as u64, found[0].failing_rows),
        (2211, 2211 - 783)
    );
}

#[test]
fn nsl_kdd_shows_its_known_oddities() {
    let Some(dir) = shared("nsl_kdd_shows_its_known_oddities") else {
        return;
    };
    let schema = preset("nsl-kdd").unwrap();
    for (file, name) in [
        ("KDDTrain+.txt.zst", "KDDTrain+.txt"),
        ("KDDTest+.txt.zst", "KDDTest+.txt"),
    ] {
        let frame = load(&dir.join("data/nsl_kdd").join(file), &schema);
        let wanted = oracle(&dir, &format!("nsl_kdd/{name}"));
        compare_profiles(&frame, &wanted, name);
        let report = check_table(&frame, &schema, &ValidationConfig::default());
        assert_eq!(
            failing_columns(&report, "constants"),
            ["num_outbound_cmds"],
            "{name}"
        );
        assert_eq!(
            failing_columns(&report, "ranges"),
            ["su_attempted"],
            "{name}"
        );
        assert!(
            one(&report, "ranges", Some("su_attempted"))
                .text
                .contains("0 to 2")
        );
        assert_eq!(one(&report, "duplicates", None).failing_rows, 0);
        assert!(failing_columns(&report, "categories").is_empty());
        assert!(failing_columns(&report, "leakage").is_empty());
        assert_eq!(report.with(CheckVerdict::Fail).count(), 0);
    }
}

#[test]
fn the_dirty_flows_show_nulls_infinities_and_duplicates() {
    let Some(dir) = shared("the_dirty_flows_show_nulls_infinities_and_duplicates") else {
        return;
    };
    let path = dir.join("data/dirty/cicids2017_style_dirty.csv");
    let (table, _) = read_raw(&path, &ReadOptions::default(), None).unwrap();
    let inferred = infer(&table, "dirty", None);
    let wanted = oracle(&dir, "dirty/cicids2017_style_dirty.csv");
    let frame = load(&path, &inferred.schema);
    assert_eq!(wanted["rows"], frame.rows());
    compare_profiles(&frame, &wanted, "dirty");
    let report = check_table(&frame, &inferred.schema, &ValidationConfig::default());
    for (name, figures) in wanted["profile"].as_object().unwrap() {
        for (id, key) in [("nulls", "nulls"), ("infinities", "pos_inf")] {
            let rows = figures[key].as_u64().unwrap_or(0);
            let found = report
                .checks
                .iter()
                .find(|c| c.id == id && c.column.as_deref() == Some(name))
                .map_or(0, |c| c.failing_rows);
            assert_eq!(rows, found, "{id} {name}");
        }
    }
    let duplicates = one(&report, "duplicates", None);
    assert_eq!(
        wanted["duplicate_rows_after_first"],
        duplicates.failing_rows
    );
    let classes = inferred.schema.target.classes();
    assert_eq!(classes[0], "BENIGN");
    assert_eq!(
        classes.len(),
        wanted["label_counts"].as_object().unwrap().len()
    );
}

#[test]
fn a_file_that_does_not_fit_is_a_report_not_an_error() {
    let Some(dir) = shared("a_file_that_does_not_fit_is_a_report_not_an_error") else {
        return;
    };
    let path = dir.join("data/dirty/cicids2017_style_dirty.csv");
    let schema = preset("cicids2017").unwrap();
    let config = ValidationConfig::default();
    let (report, _) = check_file(&path, &schema, &ReadOptions::default(), &config).unwrap();
    assert_eq!(report.verdict, CheckVerdict::Fail);
    let missing = failing_columns(&report, "missing_columns");
    assert!(missing.contains(&"Flow IAT Max".to_owned()), "{missing:?}");
    assert_eq!(
        one(&report, "infinities", Some("Flow Packets/s")).severity,
        Severity::Warn
    );
}

#[test]
fn a_mistyped_column_is_found_by_its_values() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    let mut text = preset("phishing")
        .unwrap()
        .columns
        .iter()
        .map(|c| c.name.clone())
        .collect::<Vec<_>>()
        .join(",");
    for row in 0..40 {
        let cells: Vec<&str> = (0..31)
            .map(|column| match (row, column) {
                (r, 3) if r % 2 == 0 => "yes",
                (7, 5) => "7",
                (r, c) if (r * 31 + c * 7) % 3 == 0 => "1",
                _ => "-1",
            })
            .collect();
        text.push_str(&format!("\n{}", cells.join(",")));
    }
    text.push_str("\n1,2,3\n");
    std::fs::write(&path, text).unwrap();
    let schema = preset("phishing").unwrap();
    let config = ValidationConfig::default();
    let (report, _) = check_file(&path, &schema, &ReadOptions::default(), &config).unwrap();
    let types = one(&report, "types", Some("having_At_Symbol"));
    assert_eq!(
        (types.failing_rows, types.verdict),
        (20, CheckVerdict::Fail)
    );
    assert_eq!(types.examples[0].value.as_deref(), Some("yes"));
    // The other columns are still checked as numbers, and the cut row is counted.
    assert_eq!(
        one(&report, "ranges", Some("Prefix_Suffix")).failing_rows,
        1
    );
    assert_eq!(one(&report, "unreadable_rows", None).failing_rows, 1);
    assert_eq!(report.rows, 41);
}
