//! The stage as a whole: files in, snapshot out.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::*;
use crate::config::{Config, SplitKind};
use crate::dataset::{ROW_COLUMN, read_quarantine};
use crate::error::ErrorKind;
use crate::events::Event;
use crate::learners::FitControl;
use crate::pipeline::Recorder;
use crate::schema::{Schema, preset, preset_target};
use crate::workspace::Workspace;

#[derive(Default)]
struct Recorded(Mutex<Vec<Event>>);

impl Recorder for Recorded {
    fn record(&self, stage: StageName, event: Event) {
        assert_eq!(stage, STAGE);
        self.0.lock().unwrap().push(event);
    }
}

struct Ran {
    dir: tempfile::TempDir,
    output: Result<StageOutput<DataIngestionArtifact>, CommandError>,
    events: Vec<Event>,
}

impl Ran {
    fn artifact(&self) -> &DataIngestionArtifact {
        match &self.output {
            Ok(output) => &output.artifact,
            Err(e) => panic!("{e}"),
        }
    }
    fn error(&self) -> &CommandError {
        self.output.as_ref().expect_err("the stage should fail")
    }
    fn warnings(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|e| match e {
                Event::Warning { code, .. } => Some(code.as_str()),
                _ => None,
            })
            .collect()
    }
    fn rows(&self) -> (Vec<f64>, Vec<f64>) {
        let train = load_train(&self.dir.path().join("work")).unwrap();
        let test = load_test(&self.dir.path().join("work")).unwrap();
        (
            train.0.numbers(ROW_COLUMN).unwrap(),
            test.0.numbers(ROW_COLUMN).unwrap(),
        )
    }
}

/// Runs the stage in a folder that holds `files`.
fn run_in(files: &[(&str, &str)], schema: &Schema, config: impl FnOnce(&mut Config)) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut settings = Config::default();
    settings.source.path = PathBuf::from("data.csv");
    config(&mut settings);
    let work = dir.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let recorder = Recorded::default();
    let control = FitControl::new();
    let output = run(&StageContext {
        workspace: &Workspace::new(dir.path()),
        config: &settings,
        schema,
        run_dir: dir.path(),
        work_dir: &work,
        recorder: &recorder,
        control: &control,
        cores: 2,
    });
    if let Ok(output) = &output {
        let a = &output.artifact;
        assert_eq!(a.rows, a.kept + a.quarantined);
        assert_eq!(a.kept, a.train_rows + a.test_rows + a.left_out);
    }
    Ran {
        dir,
        output,
        events: recorder.0.into_inner().unwrap(),
    }
}

fn shared(test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("NETSEC_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    if root.join("data").is_dir() {
        return Some(root);
    }
    println!("skipped: needs ../shared ({test})");
    None
}

/// A small schema: two features, a time, a group, a label of any classes.
fn schema() -> Schema {
    use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Target};
    let with = |name: &str, kind, role| ColumnSpec {
        role,
        ..ColumnSpec::feature(name, kind)
    };
    Schema {
        name: "small".to_owned(),
        columns: vec![
            with("x", ColumnKind::Real, Role::Feature),
            with("service", ColumnKind::Category, Role::Feature),
            with("at", ColumnKind::Text, Role::Ignored),
            with("host", ColumnKind::Text, Role::Ignored),
            with("label", ColumnKind::Category, Role::Label),
        ],
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

/// 200 rows: every vector twice, 10 hosts, one row a minute, every fifth row an attack.
fn table() -> String {
    let mut text = String::from("x,service,at,host,label\n");
    for i in 0..200 {
        text.push_str(&format!(
            "{},s{},2024-01-01 {:02}:{:02}:00,h{},{}\n",
            i % 100,
            i % 3 * usize::from(i < 100),
            i / 60,
            i % 60,
            i / 20,
            if i % 5 == 0 { "dos" } else { "normal" }
        ));
    }
    text
}

#[test]
fn the_stratified_kind_keeps_shares_and_order() {
    let text = table();
    let ran = run_in(&[("data.csv", &text)], &schema(), |_| {});
    let a = ran.artifact();
    assert_eq!((a.rows, a.train_rows, a.test_rows), (200, 160, 40));
    assert_eq!(a.classes, ["normal", "dos"]);
    assert_eq!(a.shared_vectors, 0);
    let (train, test) = ran.rows();
    assert!(train.is_sorted() && test.is_sorted());
    assert!(ran.warnings().is_empty());
    assert!(matches!(
        ran.events.last(),
        Some(Event::DataIngested {
            features: 2,
            rows: 200,
            ..
        })
    ));
    assert!(ran.events.contains(&Event::RowsRead {
        rows: 200,
        of: Some(200)
    }));
    // The same input gives the same bytes.
    let again = run_in(&[("data.csv", &text)], &schema(), |_| {});
    for name in [TRAIN, TEST, "quarantine.ndjson", "report.json"] {
        let bytes = |r: &Ran| std::fs::read(r.dir.path().join("work").join(name)).unwrap();
        assert_eq!(bytes(&ran), bytes(&again), "{name}");
    }
}

#[test]
fn the_time_kind_tests_on_the_newest_rows() {
    let text = table();
    let by_time = |c: &mut Config| {
        c.split.kind = SplitKind::Time;
        c.split.time_column = Some("at".to_owned());
        c.split.allow_shared_vectors = true;
    };
    let ran = run_in(&[("data.csv", &text)], &schema(), by_time);
    let (train, test) = ran.rows();
    assert_eq!((train.len(), test[0]), (160, 160.0));
    assert!(ran.artifact().shared_vectors > 0);
    let strict = run_in(&[("data.csv", &text)], &schema(), |c| {
        by_time(c);
        c.split.allow_shared_vectors = false;
    });
    let a = strict.artifact();
    assert_eq!(a.shared_vectors, 0);
    assert_eq!(a.left_out, ran.artifact().shared_vectors);
    assert_eq!(strict.warnings(), ["left_out"]);
    let wrong = run_in(&[("data.csv", &text)], &schema(), |c| {
        by_time(c);
        c.split.time_column = Some("att".to_owned());
    });
    assert_eq!(wrong.error().kind, ErrorKind::Config);
    assert!(
        wrong.error().hints[0].contains("`at`"),
        "{:?}",
        wrong.error()
    );
}

#[test]
fn the_group_kind_keeps_groups_together() {
    let text = table();
    let ran = run_in(&[("data.csv", &text)], &schema(), |c| {
        c.split.kind = SplitKind::Group;
        c.split.group_column = Some("host".to_owned());
        c.split.allow_shared_vectors = true;
    });
    let (train, test) = ran.rows();
    let hosts = |rows: &[f64]| -> std::collections::BTreeSet<u32> {
        rows.iter().map(|r| *r as u32 / 20).collect()
    };
    assert!(hosts(&train).is_disjoint(&hosts(&test)));
    assert_eq!(test.len(), 40);
}

#[test]
fn given_indices_are_checked_and_not_moved() {
    let text = table();
    let with = |json: &str| {
        run_in(
            &[("data.csv", &text), ("split.json", json)],
            &schema(),
            |c| {
                c.split.kind = SplitKind::Indices;
                c.split.indices = Some(PathBuf::from("split.json"));
            },
        )
    };
    let ran = with("{\"train\":[7,0,1,2,3,4,5],\"test\":[199,9]}");
    assert_eq!(
        ran.rows(),
        (vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0], vec![9.0, 199.0])
    );
    assert_eq!(ran.artifact().left_out, 191);
    for (json, text) in [
        (
            "{\"train\":[0,200],\"test\":[1]}",
            "1 beyond the last row (200)",
        ),
        (
            "{\"train\":[0,1],\"test\":[1]}",
            "1 given more than once (1)",
        ),
        (
            "{\"train\":[0,1],\"test\":[]}",
            "the test part of the split has no rows",
        ),
        (
            "{\"train\":[1,2],\"test\":[3]}",
            "the train part of the split has one class only",
        ),
        ("[1]", "holds no row indices"),
    ] {
        let ran = with(json);
        assert_eq!(ran.error().kind, ErrorKind::Data, "{json}");
        assert!(ran.error().message.contains(text), "{}", ran.error());
    }
}

#[test]
fn a_given_test_file_is_read_with_the_same_schema() {
    let text = table();
    let test = "service,x,label,at,host\ns1,1000,probe,,\ns0,0,dos,,\nzz,oops,dos,,\n";
    let files = [("data.csv", text.as_str()), ("test.csv", test)];
    let ran = run_in(&files, &schema(), |c| {
        c.source.test_path = Some(PathBuf::from("test.csv"));
        c.source.max_quarantine_share = Some(0.5);
    });
    let a = ran.artifact();
    assert_eq!(
        (a.rows, a.train_rows, a.test_rows, a.quarantined),
        (203, 200, 2, 1)
    );
    assert_eq!(a.shared_vectors, 1);
    assert_eq!(ran.rows().1, [0.0, 1.0]);
    assert_eq!(a.classes, ["normal", "dos", "probe"]);
    assert_eq!(
        ran.warnings(),
        [
            "quarantine",
            "shared_vectors",
            "class_absent_from_test",
            "class_absent_from_train"
        ]
    );
    let none = run_in(&files, &schema(), |c| c.split.kind = SplitKind::TestFile);
    assert_eq!(none.error().kind, ErrorKind::Config);
}

#[test]
fn too_many_unreadable_rows_stop_and_show_reasons() {
    let bad = format!("{}{}", table(), "oops,s,,,dos\n".repeat(30));
    let ran = run_in(&[("data.csv", &bad)], &schema(), |_| {});
    let error = ran.error();
    assert_eq!(error.kind, ErrorKind::Data);
    assert!(
        error
            .message
            .contains("30 of 230 rows of data.csv cannot be read")
            && error
                .message
                .contains("line 202: column `x`: `oops` is not a number"),
        "{error}"
    );
    assert!(!ran.dir.path().join("work").join(TRAIN).exists());
    let allowed = run_in(&[("data.csv", &bad)], &schema(), |c| {
        c.source.max_quarantine_share = Some(0.2);
    });
    assert_eq!(allowed.artifact().quarantined, 30);
    let set_aside = read_quarantine(&allowed.dir.path().join("work/quarantine.ndjson")).unwrap();
    assert_eq!((set_aside.len(), set_aside[0].line), (30, 202));
    assert_eq!(allowed.output.unwrap().verdict, CheckVerdict::Warn);
}

#[test]
fn labels_that_teach_nothing_stop() {
    let one = table().replace(",dos\n", ",normal\n");
    let ran = run_in(&[("data.csv", &one)], &schema(), |_| {});
    assert!(
        ran.error().message.contains("one class only (`normal`"),
        "{}",
        ran.error()
    );
    let empty = table().replace(",dos\n", ",\n").replace(",normal\n", ",\n");
    let ran = run_in(&[("data.csv", &empty)], &schema(), |_| {});
    assert!(
        ran.error().message.contains("the label `label` is missing"),
        "{}",
        ran.error()
    );
    let two = "x,service,at,host,label\n1,a,,,x\n1,a,,,y\n";
    let ran = run_in(&[("data.csv", two)], &schema(), |_| {});
    assert!(ran.error().message.contains("test part"), "{}", ran.error());
}

#[test]
fn a_cancelled_stage_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("data.csv"), table()).unwrap();
    let mut config = Config::default();
    config.source.path = PathBuf::from("data.csv");
    let control = FitControl::new();
    control.request(StopRequest::Now);
    let error = run(&StageContext {
        workspace: &Workspace::new(dir.path()),
        config: &config,
        schema: &schema(),
        run_dir: dir.path(),
        work_dir: &dir.path().join("work"),
        recorder: &Recorded::default(),
        control: &control,
        cores: 1,
    })
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert!(!dir.path().join("work").exists());
}

#[test]
fn phishing_has_the_known_vectors_and_leak() {
    let Some(shared) = shared("phishing_has_the_known_vectors_and_leak") else {
        return;
    };
    let phishing = preset("phishing").unwrap();
    let path = shared.join("data/phishing_uci/phisingData.csv");
    let ran = run_in(&[], &phishing, |c| {
        c.source.path = path.clone();
        c.split.kind = SplitKind::Indices;
        c.split.indices = Some(shared.join("baselines/phishing_split.json"));
    });
    let a = ran.artifact();
    assert_eq!((a.rows, a.train_rows, a.test_rows), (11_055, 8_844, 2_211));
    assert_eq!((a.shared_vectors, a.left_out), (1_428, 0));
    assert_eq!(ran.warnings(), ["shared_vectors"]);
    let report = std::fs::read(ran.dir.path().join("work/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["distinct_vectors"], 5_785);

    let ran = run_in(&[], &phishing, |c| c.source.path = path.clone());
    let a = ran.artifact();
    assert_eq!(a.shared_vectors, 0);
    let share = a.test_rows as f64 / a.rows as f64;
    assert!((share - 0.2).abs() < 0.002, "{share}");
    let leaky = run_in(&[], &phishing, |c| {
        c.source.path = path.clone();
        c.split.allow_shared_vectors = true;
    });
    assert!(leaky.artifact().shared_vectors > 1_000);
    assert_eq!(leaky.artifact().digest, a.digest);
}

#[test]
fn nsl_kdd_with_its_official_test_file() {
    let Some(shared) = shared("nsl_kdd_with_its_official_test_file") else {
        return;
    };
    let folder = shared.join("data/nsl_kdd");
    let ran = run_in(
        &[],
        &preset_target("nsl-kdd", "attack_class").unwrap(),
        |c| {
            c.source.path = folder.join("KDDTrain+.txt.zst");
            c.source.test_path = Some(folder.join("KDDTest+.txt.zst"));
        },
    );
    let a = ran.artifact();
    assert_eq!((a.train_rows, a.test_rows), (125_973, 22_544));
    let report = std::fs::read(ran.dir.path().join("work/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let counts: Vec<(u64, u64)> = report["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["train"].as_u64().unwrap(), c["test"].as_u64().unwrap()))
        .collect();
    // Published counts: normal, dos, probe, r2l, u2r.
    assert_eq!(
        counts,
        [
            (67_343, 9_711),
            (45_927, 7_458),
            (11_656, 2_421),
            (995, 2_754),
            (52, 200)
        ]
    );
}
