//! Whole comparisons: against the figures of SciPy and Evidently over real and made-up tables,
//! and the cases at the edges.

use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::config::DriftConfig;
use crate::dataset::Frame;
use crate::events::DriftVerdict;
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Schema, Target};

fn shared(test: &str) -> Option<PathBuf> {
    let dir = std::env::var("NETSEC_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    let dir = PathBuf::from(dir);
    if dir.join("oracles").is_dir() {
        Some(dir)
    } else {
        println!("skipped: needs ../shared ({test})");
        None
    }
}

fn schema(columns: Vec<ColumnSpec>) -> Schema {
    Schema {
        name: "test".to_owned(),
        columns,
        target: Target {
            name: "label".to_owned(),
            column: "label".to_owned(),
            mapping: ClassMapping::Identity { order: Vec::new() },
        },
        headerless: false,
        null_texts: Vec::new(),
        oddities: Vec::new(),
    }
}

fn text(path: PathBuf) -> String {
    let bytes = std::fs::read(&path).unwrap();
    let mut out = String::new();
    match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut out),
        Some("zst") => zstd::Decoder::new(&bytes[..])
            .unwrap()
            .read_to_string(&mut out),
        _ => (&bytes[..]).read_to_string(&mut out),
    }
    .unwrap();
    out
}

type Rows = Vec<Vec<String>>;

fn rows(text: &str) -> Rows {
    text.lines()
        .map(|l| l.split(',').map(str::to_owned).collect())
        .collect()
}

/// The frame of some rows; numeric where the oracle's dtype is, empty cells missing.
fn frame(names: &[String], rows: &[&Vec<String>], oracle: &Value) -> Frame {
    let columns = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = rows.iter().map(|r| r[at].as_str());
            if oracle["columns"][name]["dtype"] == "object" {
                let cells: Vec<Option<&str>> =
                    cells.map(|c| (!c.is_empty()).then_some(c)).collect();
                Frame::text_column(name, &cells)
            } else {
                Frame::number_column(name, cells.map(|c| c.parse().ok()).collect())
            }
        })
        .collect();
    Frame::from_columns(columns).unwrap()
}

fn oracle(dir: &std::path::Path, name: &str) -> Value {
    // Python writes NaN (of figures not compared here) where JSON knows only null.
    let json = text(dir.join("oracles").join(format!("{name}.json")));
    serde_json::from_str(&json.replace(": NaN", ": null")).unwrap()
}

fn report(
    oracle: &Value,
    names: &[String],
    reference: &[&Vec<String>],
    current: &[&Vec<String>],
) -> DriftReport {
    compare(
        &frame(names, reference, oracle),
        &frame(names, current, oracle),
        &schema(Vec::new()),
        &DriftConfig::default(),
    )
    .unwrap()
}

fn pick<'a>(rows: &'a Rows, index: &Value) -> Vec<&'a Vec<String>> {
    index
        .as_array()
        .unwrap()
        .iter()
        .map(|i| &rows[i.as_u64().unwrap() as usize])
        .collect()
}

/// Counts what was compared, so that a test cannot pass by comparing nothing.
#[derive(Debug, Default, PartialEq)]
struct Compared {
    columns: u32,
    ks: u32,
    wasserstein: u32,
    decile: u32,
    binned: u32,
    binned_skipped: u32,
    chi_square: u32,
}

fn near(what: &str, got: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    let limit = 1e-9 * expected.abs() + 1e-13;
    assert!(
        (got - expected).abs() <= limit,
        "{what}: {got} instead of {expected}"
    );
}

fn near_p(what: &str, got: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    if expected < 1e-300 {
        assert!(got < 1e-299, "{what}: {got} instead of {expected}");
        return;
    }
    let (a, b) = (got.ln(), expected.ln());
    assert!(
        (a - b).abs() <= 1e-9 * b.abs().max(1.0),
        "{what}: {got} instead of {expected}"
    );
}

fn check(name: &str, oracle: &Value, report: &DriftReport) -> Compared {
    let mut done = Compared::default();
    assert_eq!(report.n_reference, oracle["n_ref"].as_u64().unwrap());
    assert_eq!(report.n_current, oracle["n_cur"].as_u64().unwrap());
    for (column, expected) in oracle["columns"].as_object().unwrap() {
        let got = report
            .columns
            .iter()
            .find(|c| c.column == *column)
            .unwrap_or_else(|| panic!("{name}: {column} was not compared"));
        let what = |figure: &str| format!("{name}, {column}, {figure}");
        done.columns += 1;
        assert_eq!(
            got.n_reference,
            expected["n_ref"].as_u64().unwrap(),
            "{column}"
        );
        assert_eq!(
            got.n_current,
            expected["n_cur"].as_u64().unwrap(),
            "{column}"
        );
        match (got.ks, expected.get("ks")) {
            (Some(ks), Some(e)) => {
                near(&what("ks"), ks.statistic, &e["statistic"]);
                near_p(&what("ks p"), ks.p_value, &e["p_auto"]);
                let (n1, n2) = (got.n_reference as usize, got.n_current as usize);
                let p = two_sample::asymptotic_p(ks.statistic, n1, n2);
                near_p(&what("ks asymptotic p"), p, &e["p_asymp"]);
                done.ks += 1;
            }
            (ours, theirs) => assert_eq!(ours.is_some(), theirs.is_some(), "{}", what("ks")),
        }
        match (got.wasserstein, expected.get("wasserstein")) {
            (Some(w), Some(e)) => {
                near(&what("wasserstein"), w.raw, &e["raw"]);
                near(&what("wasserstein normed"), w.normed, &e["normed"]);
                done.wasserstein += 1;
            }
            (ours, theirs) => assert_eq!(ours.is_some(), theirs.is_some(), "{}", what("w")),
        }
        match (got.decile, expected.get("decile")) {
            (Some(d), Some(e)) => {
                near(&what("decile psi"), d.psi, &e["psi"]);
                near(
                    &what("decile js"),
                    d.jensen_shannon_bits,
                    &e["js_divergence_bits"],
                );
                done.decile += 1;
            }
            (ours, theirs) => assert_eq!(ours.is_some(), theirs.is_some(), "{}", what("d")),
        }
        // Evidently takes the kind from the current data, we take it from the reference.
        let other_kind = got.kind == DriftKind::Numeric
            && expected["evidently_type"] == "cat"
            && expected["nunique_ref"].as_u64().unwrap() > 20;
        if other_kind {
            done.binned_skipped += 1;
        } else {
            near(
                &what("psi"),
                got.psi.unwrap(),
                &expected["psi_evidently"]["value"],
            );
            near(
                &what("js"),
                got.jensen_shannon.unwrap(),
                &expected["js_evidently"]["distance_nat"],
            );
            done.binned += 1;
        }
        match (got.chi_square, expected.get("chi2_contingency")) {
            (Some(c), Some(e)) => {
                near(&what("chi-square"), c.statistic, &e["statistic"]);
                near(&what("Cramer's V"), c.cramers_v, &e["cramers_v"]);
                assert_eq!(c.dof, e["df"].as_u64().unwrap());
                near_p(&what("chi-square p"), c.p_value, &e["p"]);
                done.chi_square += 1;
            }
            (None, Some(_)) => panic!("{}", what("chi-square")),
            (_, None) => {}
        }
    }
    done
}

fn drifted(report: &DriftReport) -> Vec<&str> {
    report
        .columns
        .iter()
        .filter(|c| c.verdict == DriftVerdict::Drift)
        .map(|c| c.column.as_str())
        .collect()
}

#[test]
fn phishing_is_as_the_oracles_say() {
    let Some(dir) = shared("phishing_is_as_the_oracles_say") else {
        return;
    };
    let mut table = rows(&text(dir.join("data/phishing_uci/phisingData.csv")));
    let names = table.remove(0);
    let json = |path: &str| -> Value { serde_json::from_str(&text(dir.join(path))).unwrap() };
    let halves = json("oracles/phishing_halves_split.json");
    let split = json("baselines/phishing_split.json");
    let ends = |rows: &'_ Rows| (0..800, rows.len() - 800..rows.len());
    let (first, last) = ends(&table);
    for (name, reference, current) in [
        (
            "phishing_halves",
            pick(&table, &halves["ref"]),
            pick(&table, &halves["cur"]),
        ),
        (
            "phishing_train_vs_test",
            pick(&table, &split["train"]),
            pick(&table, &split["test"]),
        ),
        (
            "phishing_small_800",
            table[first].iter().collect(),
            table[last].iter().collect(),
        ),
    ] {
        let oracle = oracle(&dir, name);
        let report = report(&oracle, &names, &reference, &current);
        let done = check(name, &oracle, &report);
        assert_eq!(
            (done.columns, done.ks, done.binned, done.binned_skipped),
            (31, 31, 31, 0)
        );
        assert_eq!(
            (done.wasserstein, done.decile, done.chi_square),
            (31, 31, 31)
        );
        if name == "phishing_small_800" {
            assert!(!drifted(&report).is_empty());
        } else {
            assert_eq!(drifted(&report), [""; 0]);
            assert_eq!(report.verdict, DriftVerdict::Stable);
        }
    }
}

#[test]
fn nsl_kdd_is_as_the_oracle_says() {
    let Some(dir) = shared("nsl_kdd_is_as_the_oracle_says") else {
        return;
    };
    let oracle = oracle(&dir, "nsl_train_vs_test");
    let mut names: Vec<String> = rows(&text(dir.join("data/nsl_kdd/field_names.csv")))
        .into_iter()
        .take(41)
        .map(|r| r[0].clone())
        .collect();
    names.push("label".to_owned());
    let train = rows(&text(dir.join("data/nsl_kdd/KDDTrain+.txt.zst")));
    let test = rows(&text(dir.join("data/nsl_kdd/KDDTest+.txt.zst")));
    let (train, test) = (
        train.iter().collect::<Vec<_>>(),
        test.iter().collect::<Vec<_>>(),
    );
    let report = report(&oracle, &names, &train, &test);
    let done = check("nsl_train_vs_test", &oracle, &report);
    assert_eq!(
        (done.columns, done.ks, done.wasserstein, done.decile),
        (42, 38, 38, 38)
    );
    assert_eq!((done.binned, done.binned_skipped), (41, 1));
    assert_eq!(done.chi_square, 17);
    let drifted = drifted(&report);
    assert!(drifted.contains(&"label") && drifted.contains(&"service"));
    assert!(!drifted.contains(&"land") && !drifted.contains(&"num_outbound_cmds"));
}

#[test]
fn made_up_tables_are_as_the_oracles_say() {
    let Some(dir) = shared("made_up_tables_are_as_the_oracles_say") else {
        return;
    };
    for name in ["synth_600", "synth_20000"] {
        let read = |side: &str| rows(&text(dir.join(format!("oracles/{name}_{side}.csv.gz"))));
        let (mut reference, current) = (read("ref"), read("cur"));
        let names = reference.remove(0);
        let oracle = oracle(&dir, name);
        let report = report(
            &oracle,
            &names,
            &reference.iter().collect::<Vec<_>>(),
            &current[1..].iter().collect::<Vec<_>>(),
        );
        let done = check(name, &oracle, &report);
        assert_eq!(
            (done.columns, done.ks, done.wasserstein, done.decile),
            (19, 16, 16, 16)
        );
        assert_eq!(
            (done.binned, done.binned_skipped, done.chi_square),
            (19, 0, 6)
        );
        let drifted = drifted(&report);
        for column in [
            "mean_shift_0p5",
            "scale_1p5",
            "uniform_to_beta",
            "int_poisson3_to_4",
            "cat_shift",
            "constant_moves",
            "nan_5_to_25pct",
        ] {
            assert!(drifted.contains(&column), "{name}: {column}: {drifted:?}");
        }
        for column in [
            "same_normal",
            "heavy_tail",
            "int_large",
            "cat_same",
            "constant",
        ] {
            assert!(!drifted.contains(&column), "{name}: {column}");
        }
        let nan = report
            .columns
            .iter()
            .find(|c| c.column == "nan_5_to_25pct")
            .unwrap();
        assert_eq!(
            nan.reasons["effect"],
            "change of the share of missing values"
        );
        let inf = report
            .columns
            .iter()
            .find(|c| c.column == "has_inf")
            .unwrap();
        assert_eq!(inf.null_share, [0.0, 0.0]);
        assert!(inf.reasons.contains_key("infinite"));
    }
}

fn numbers(name: &str, values: impl Iterator<Item = f64>) -> Frame {
    Frame::from_columns(vec![Frame::number_column(name, values.map(Some).collect())]).unwrap()
}

fn one(reference: &Frame, current: &Frame) -> ColumnDrift {
    let config = DriftConfig::default();
    let mut report = compare(reference, current, &schema(Vec::new()), &config).unwrap();
    assert_eq!(report.columns.len(), 1);
    report.columns.remove(0)
}

#[test]
fn every_missing_figure_has_a_reason_and_nothing_is_nan() {
    let empty = Frame::from_columns(vec![Frame::number_column("x", vec![None; 300])]).unwrap();
    let full = numbers("x", (0..300).map(f64::from));
    let huge = numbers(
        "x",
        (0..300).map(|i| if i % 2 == 0 { f64::MAX } else { -f64::MAX }),
    );
    let some: Vec<Option<&str>> = (0..300).map(|i| (i % 3 == 0).then_some("a")).collect();
    let texts = Frame::from_columns(vec![Frame::text_column("x", &some)]).unwrap();
    let blank = Frame::from_columns(vec![Frame::text_column::<&str>("x", &[None; 300])]).unwrap();
    let none = full.take(&[]).unwrap();
    let tables = [&empty, &full, &huge, &texts, &blank, &none];
    for reference in tables {
        for current in tables {
            let column = one(reference, current);
            let json = serde_json::to_value(&column).unwrap();
            for (field, value) in json.as_object().unwrap() {
                assert!(
                    !value.is_null() || column.reasons.contains_key(field),
                    "{field}: {column:?}"
                );
            }
            let back: ColumnDrift = serde_json::from_value(json).unwrap();
            assert_eq!(back.verdict, column.verdict);
        }
    }
}

#[test]
fn values_that_vanish_are_drift() {
    let full = numbers("x", (0..300).map(f64::from));
    let empty = Frame::from_columns(vec![Frame::number_column("x", vec![None; 300])]).unwrap();
    let column = one(&full, &empty);
    assert_eq!(column.verdict, DriftVerdict::Drift);
    assert_eq!(column.null_share, [0.0, 1.0]);
    assert_eq!(column.effect, Some(1.0));
    assert!(column.ks.is_none() && column.psi.is_none());
}

#[test]
fn few_rows_cannot_tell() {
    let a = numbers("x", (0..50).map(f64::from));
    let b = numbers("x", (0..50).map(|i| f64::from(i) + 1000.0));
    let column = one(&a, &b);
    assert_eq!(column.verdict, DriftVerdict::CannotTell);
    assert!(column.reasons["verdict"].contains("100"));
    assert!(column.ks.unwrap().p_value < 1e-20);
}

#[test]
fn a_million_rows_do_not_make_a_small_change_drift() {
    let wave = |k: u64, shift: f64| {
        numbers(
            "x",
            (0..200_000_u64).map(move |i| (i * k % 200_003) as f64 / 2e5 + shift),
        )
    };
    let column = one(&wave(7, 0.0), &wave(11, 0.02));
    assert!(column.q_value.unwrap() < 1e-30);
    assert_eq!(column.verdict, DriftVerdict::Stable);
}

/// A tail that moves by orders of magnitude stands in the first of the equal-width bins before
/// and after; only the deciles see it.
#[test]
fn heavy_tails_are_judged_by_deciles() {
    let tail = |scale: f64, peak: f64| {
        numbers(
            "x",
            (1..=20_000).map(move |i| {
                let u = f64::from(i) / 20_001.0;
                if i == 20_000 {
                    peak
                } else {
                    scale * (1.0 / (1.0 - u)).ln()
                }
            }),
        )
    };
    let column = one(&tail(1.0, 1e9), &tail(3.0, 1e9));
    assert!(column.psi.unwrap() < 0.01 && column.wasserstein.unwrap().normed < 0.01);
    assert_eq!(column.verdict, DriftVerdict::Drift);
    assert_eq!(column.reasons["effect"], "decile PSI");
    assert!(column.reasons["verdict"].starts_with("decile PSI"));
}

/// Ingestion keeps labels as text; where the schema calls the label a number it is one.
#[test]
fn a_numeric_label_held_as_text_is_compared_as_a_number() {
    let cells = |k: usize| -> Vec<Option<&str>> {
        (0..300)
            .map(|i| Some(if i % k == 0 { "-1" } else { "1" }))
            .collect()
    };
    let table = |k| Frame::from_columns(vec![Frame::text_column("Result", &cells(k))]).unwrap();
    let schema = schema(vec![ColumnSpec::feature("Result", ColumnKind::Integer)]);
    let config = DriftConfig::default();
    let report = compare(&table(2), &table(3), &schema, &config).unwrap();
    let column = &report.columns[0];
    assert_eq!(column.kind, DriftKind::Numeric);
    assert!((column.ks.unwrap().statistic - 1.0 / 6.0).abs() < 1e-12);
    assert_eq!(column.chi_square.unwrap().dof, 1);
}

#[test]
fn text_and_row_numbers_are_left_out_and_the_schema_decides_the_kind() {
    let table = Frame::from_columns(vec![
        Frame::number_column("__row", (0..200).map(|i| Some(f64::from(i))).collect()),
        Frame::text_column(
            "id",
            &(0..200).map(|i| Some(i.to_string())).collect::<Vec<_>>(),
        ),
        Frame::number_column("code", (0..200).map(|i| Some(f64::from(i % 3))).collect()),
    ])
    .unwrap();
    let schema = schema(vec![
        ColumnSpec::feature("id", ColumnKind::Text),
        ColumnSpec::feature("code", ColumnKind::Category),
    ]);
    let config = DriftConfig::default();
    let report = compare(&table, &table, &schema, &config).unwrap();
    assert_eq!(report.columns.len(), 1);
    assert_eq!(report.columns[0].kind, DriftKind::Categorical);
    assert_eq!(report.verdict, DriftVerdict::Stable);
    let other = numbers("else", (0..5).map(f64::from));
    let error = compare(&table, &other, &schema, &config).unwrap_err();
    assert!(matches!(error, DriftError::NothingShared { .. }));
}
