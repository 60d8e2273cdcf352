//! A project with three runs in a temporary folder, made with the stages' own functions: the
//! champion's run, one that was in order, and one with drift, new values and problems.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::{Findings, FindingsReader};
use crate::config::{DriftConfig, ValidationConfig};
use crate::dataset::{Frame, write_frame};
use crate::drift::compare_with_bins;
use crate::events::testing::numbered;
use crate::events::{CheckVerdict, Envelope, Event, StageName};
use crate::files::write_json;
use crate::pipeline::data_validation::{
    BINS_FILE, BinsDocument, DRIFT_FILE, Reference, VALIDATION_FILE, check_readable, check_split,
    check_table,
};
use crate::runs::RunId;
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};
use crate::workspace::Workspace;

/// The run that made the champion.
pub const FIRST: &str = "20261118-0905-4d9c";
/// A run whose data was in order.
pub const CALM: &str = "20261120-0905-5e11";
/// The run with problems.
pub const LATEST: &str = "20261122-1230-7f3a";

pub fn schema() -> Schema {
    let mut dst = ColumnSpec::feature("dst_bytes", ColumnKind::Real);
    (dst.min, dst.max) = (Some(0.0), Some(5000.0));
    let mut flag = ColumnSpec::feature("flag", ColumnKind::Category);
    flag.values = Some(vec!["REJ".into(), "S0".into(), "SF".into()]);
    let mut label = ColumnSpec::feature("label", ColumnKind::Category);
    label.role = Role::Label;
    Schema {
        name: "flows".into(),
        columns: vec![
            ColumnSpec::feature("src_bytes", ColumnKind::Real),
            dst,
            ColumnSpec::feature("count", ColumnKind::Integer),
            ColumnSpec::feature("service", ColumnKind::Category),
            flag,
            label,
        ],
        target: Target {
            name: "attack_class".into(),
            column: "label".into(),
            mapping: ClassMapping::Identity {
                order: ["normal", "dos", "probe", "u2r"]
                    .map(str::to_owned)
                    .to_vec(),
            },
        },
        headerless: false,
        null_texts: Vec::new(),
        oddities: Vec::new(),
    }
}

/// Rows of a day; with `shifted`, `count` of http grows, a service and a flag appear, some values
/// are missing or out of their range.
pub fn rows(n: usize, from: usize, shifted: bool) -> Frame {
    let at = |r: usize| r + from;
    let noise = |r: usize, m: usize| ((at(r) * 7919 + at(r) / 13) % m) as f64;
    let text = |f: &dyn Fn(usize) -> &'static str| -> Vec<Option<&'static str>> {
        (0..n).map(|r| Some(f(r))).collect()
    };
    let service = text(&|r| match at(r) % 10 {
        9 if shifted && r % 7 == 2 => "http_8001",
        0..=4 => "http",
        5..=7 => "smtp",
        _ => "domain_u",
    });
    let flag = text(&|r| match at(r) % 12 {
        11 if shifted && r % 11 == 3 => "RSTOS0",
        0 | 1 => "S0",
        2 => "REJ",
        _ => "SF",
    });
    let label = text(&|r| match at(r) * 37 % 100 {
        0..=51 => "normal",
        52..=88 => "dos",
        89..=97 => "probe",
        _ => match r % 8 {
            0 => "u2r",
            _ if shifted => "probe",
            _ => "dos",
        },
    });
    let column = |name: &str, f: &dyn Fn(usize) -> Option<f64>| {
        Frame::number_column(name, (0..n).map(f).collect())
    };
    Frame::from_columns(vec![
        column("__row", &|r| Some(at(r) as f64)),
        column("src_bytes", &|r| {
            let small = noise(r, 997) / 3.0 + noise(r, 31) / 100.0;
            // A heavy tail, the same on every day.
            Some(if at(r) % 401 == 0 { 1e9 + small } else { small })
        }),
        column("dst_bytes", &|r| match (shifted, r % 500) {
            (true, 17) => Some(9_000.0),
            (true, 18) => None,
            _ => Some(noise(r, 4801)),
        }),
        column("count", &|r| {
            let usual = noise(r, 256);
            let http = at(r) % 10 <= 4;
            Some(if shifted && http {
                (usual / 3.0).floor() + 120.0
            } else {
                usual
            })
        }),
        Frame::text_column("service", &service),
        Frame::text_column("flag", &flag),
        Frame::text_column("label", &label),
    ])
    .unwrap()
}

fn test_metrics(f1: f64, confusion: [[u64; 4]; 4]) -> Value {
    let n: u64 = confusion.iter().flatten().sum();
    json!({
        "n": n, "accuracy": 0.95, "precision": f1, "recall": f1, "f1": f1, "macro_f1": f1,
        "weighted_f1": f1, "roc_auc": null, "pr_auc": null, "log_loss": null, "brier": null,
        "confusion": confusion, "classes": ["normal", "dos", "probe", "u2r"],
        "per_class": [], "intervals": {},
    })
}

/// Writes what the stages of a run leave behind.
fn run(workspace: &Workspace, id: &str, n: usize, from: usize, shifted: bool) {
    let id: RunId = id.parse().unwrap();
    let dir = workspace.run_dir(&id);
    let schema = schema();
    let (train, test) = (
        rows(n / 5 * 4, from, shifted),
        rows(n / 5, from + n / 5 * 4, shifted),
    );
    let json = |path: &Path, value: &Value| write_json(path, value).unwrap();
    write_json(&dir.join("schema.json"), &schema).unwrap();
    std::fs::write(dir.join("config.toml"), "[drift]\npsi = 0.2\n").unwrap();
    let ingestion = dir.join("data_ingestion");
    std::fs::create_dir_all(&ingestion).unwrap();
    write_frame(&train, &ingestion.join("train.parquet")).unwrap();
    write_frame(&test, &ingestion.join("test.parquet")).unwrap();
    let classes = json!([
        {"class": "normal", "train": n / 2, "test": 10, "left_out": 0},
        {"class": "dos", "train": n / 3, "test": 10, "left_out": 0},
    ]);
    json(&ingestion.join("report.json"), &json!({"classes": classes}));
    let config = ValidationConfig::default();
    let mut both = train.clone();
    both.append(&test).unwrap();
    let mut report = check_table(&both, &schema, &config);
    report.extend(check_readable(n as u64, 0, [], &config));
    report.extend(check_split(&train, &test, &schema, &config));
    let stage = dir.join("data_validation");
    write_json(&stage.join(VALIDATION_FILE), &report).unwrap();
    let reference = workspace.versions().join("v1").join("reference.parquet");
    if id.as_str() != FIRST {
        let (drift, columns) = compare_with_bins(
            &crate::dataset::read_frame(&reference).unwrap(),
            &both,
            &schema,
            &DriftConfig::default(),
        )
        .unwrap();
        let bins = BinsDocument {
            version: 1,
            reference: Reference {
                version: "v1".into(),
                run_id: FIRST.into(),
            },
            columns,
        };
        write_json(&stage.join(DRIFT_FILE), &drift).unwrap();
        write_json(&stage.join(BINS_FILE), &bins).unwrap();
    } else {
        std::fs::create_dir_all(reference.parent().unwrap()).unwrap();
        write_frame(&train, &reference).unwrap();
    }
    let before = test_metrics(
        0.954,
        [
            [500, 10, 5, 0],
            [10, 360, 0, 0],
            [5, 0, 90, 0],
            [1, 0, 0, 9],
        ],
    );
    let now = test_metrics(
        0.9466,
        [
            [470, 30, 15, 0],
            [20, 350, 0, 0],
            [5, 0, 90, 0],
            [2, 0, 0, 8],
        ],
    );
    let champion = match id.as_str() {
        FIRST => Value::Null,
        _ => json!({"version": "v1", "run_id": FIRST, "not_comparable": null,
                    "comparison": {"second": now}}),
    };
    json(
        &dir.join("model_evaluation").join("evaluation.json"),
        &json!({
            "selected": "xgboost",
            "learners": [{"learner": "xgboost", "test": before}],
            "importances": [
                {"feature": "src_bytes", "importance": 0.5},
                {"feature": "service=http", "importance": 0.2},
                {"feature": "service=smtp", "importance": 0.1},
                {"feature": "count", "importance": 0.2},
            ],
            "champion": champion,
        }),
    );
}

/// The project.
pub fn project() -> (tempfile::TempDir, Workspace) {
    let dir = tempfile::tempdir().unwrap();
    let workspace = Workspace::new(dir.path());
    run(&workspace, FIRST, 5000, 0, false);
    run(&workspace, CALM, 4000, 5000, false);
    run(&workspace, LATEST, 4000, 9000, true);
    (dir, workspace)
}

/// What a run of the project found out.
pub fn found(workspace: &Workspace, run: &str) -> Arc<Findings> {
    FindingsReader::default()
        .read(workspace, &run.parse().unwrap())
        .unwrap()
}

/// The findings of the latest run and of the first, made once.
pub fn samples() -> &'static [Arc<Findings>; 2] {
    static SAMPLES: OnceLock<[Arc<Findings>; 2]> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let (_dir, workspace) = project();
        [found(&workspace, LATEST), found(&workspace, FIRST)]
    })
}

/// The log of a run that its checks stopped.
pub fn stopped_by_checks() -> Vec<Envelope> {
    let stage = Some(StageName::DataValidation);
    let check = |check: &str, column: &str, verdict| Event::CheckFinished {
        check: check.into(),
        column: Some(column.into()),
        observed: "absent".into(),
        limit: "present".into(),
        verdict,
    };
    let started = Event::StageStarted { why: "new".into() };
    numbered(vec![
        (stage, started),
        (stage, check("missing_columns", "count", CheckVerdict::Fail)),
        (stage, check("types", "flag", CheckVerdict::Ok)),
        (
            stage,
            Event::StageFinished {
                verdict: CheckVerdict::Fail,
                seconds: 1.0,
                summary: String::new(),
                artifacts: vec![],
            },
        ),
    ])
}

/// Writes a log.
pub fn log_of(run_dir: &Path, events: &[Envelope]) {
    let lines: String = events
        .iter()
        .map(|e| serde_json::to_string(e).unwrap() + "\n")
        .collect();
    std::fs::write(run_dir.join(crate::runs::EVENTS_FILE), lines).unwrap();
}
