//! The log and the verdicts together, on files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use proptest::prelude::*;

use super::*;
use crate::drift::concept::Standing;

fn settings(dir: &Path) -> LogSettings {
    LogSettings {
        store: LogStore::Parquet(dir.to_owned()),
        sample: 1.0,
        segment_rows: 1_000,
        flush_after: Duration::from_secs(60),
        keep_days: 36_500,
    }
}

fn at(second: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, second).unwrap()
}

/// Rows with a number and a text; odd rows are threats.
fn batch(second: u32, version: &str, rows: u32) -> ScoredBatch {
    let values = (0..rows).map(f64::from).collect();
    let texts = (0..rows).map(|r| Some(format!("s{}", r % 3))).collect();
    ScoredBatch {
        id: BatchId::new(at(second)),
        at: at(second),
        version: version.into(),
        classes: Arc::from(["normal".to_owned(), "threat".to_owned()]),
        names: Arc::from(["bytes".to_owned(), "service".to_owned()]),
        features: vec![FeatureCells::Numbers(values), FeatureCells::Texts(texts)],
        rows: (0..rows).map(|r| (r, (r % 2) as usize, 0.5)).collect(),
    }
}

fn scored(batch: &ScoredBatch) -> Scored {
    Scored {
        id: batch.id,
        version: Arc::clone(&batch.version),
        classes: Arc::clone(&batch.classes),
        rows: batch.rows.iter().map(|(r, c, _)| (*r, *c as u32)).collect(),
    }
}

fn verdict(id: PredictionId, label: &str) -> Verdict {
    Verdict {
        id,
        label: label.to_owned(),
        by: "mara".to_owned(),
    }
}

#[test]
fn what_was_scored_is_found_again_by_id_and_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let log = PredictionLog::start(settings(dir.path())).unwrap();
    let (one, two) = (batch(1, "v1", 4), batch(30, "v2", 3));
    let (first, second) = (one.id, two.id);
    log.append(one);
    log.append(two);
    drop(log);
    let segments = Segments::list(dir.path()).unwrap();
    let frames = segments.recent(None, 100).unwrap();
    assert_eq!(frames.iter().map(|f| f.rows()).sum::<usize>(), 7);
    let names = [
        "prediction_id",
        "scored_at",
        "model_version",
        "predicted_label",
        "predicted_score",
        "bytes",
        "service",
    ];
    assert_eq!(frames[0].names(), names);
    let late = segments.recent(Some(at(20)), 100).unwrap();
    assert_eq!(late.iter().map(|f| f.rows()).sum::<usize>(), 3);
    let few = segments.recent(None, 2).unwrap();
    assert_eq!(few[0].numbers("bytes").unwrap(), [1.0, 2.0]);
    let absent = BatchId::new(at(1)).row(0);
    let asked = [first.row(3), second.row(0), second.row(3), absent];
    let answers = segments.find(&asked).unwrap();
    let found = &answers[&first.row(3)];
    assert_eq!(
        (found.label.as_str(), found.version.as_str()),
        ("threat", "v1")
    );
    assert!(answers.contains_key(&second.row(0)));
    assert_eq!(answers.len(), 2);
}

#[test]
fn segments_end_when_they_are_full_or_columns_change() {
    let dir = tempfile::tempdir().unwrap();
    let log = PredictionLog::start(LogSettings {
        segment_rows: 5,
        ..settings(dir.path())
    })
    .unwrap();
    log.append(batch(1, "v1", 3));
    log.append(batch(2, "v1", 3));
    let mut other = batch(3, "v2", 1);
    other.names = Arc::from(["bytes".to_owned(), "proto".to_owned()]);
    log.append(batch(3, "v2", 1));
    log.append(other);
    drop(log);
    let segments = Segments::list(dir.path()).unwrap();
    assert_eq!(segments.files().count(), 3);
}

#[test]
fn a_sample_keeps_its_share_and_the_values_of_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let log = PredictionLog::start(LogSettings {
        sample: 0.25,
        segment_rows: 100_000,
        ..settings(dir.path())
    })
    .unwrap();
    log.append(batch(1, "v1", 4_000));
    let counters = loop {
        let left_out = log.counters().left_out.load(Ordering::Relaxed);
        if left_out > 0 {
            break left_out;
        }
        std::thread::yield_now();
    };
    drop(log);
    let frames = Segments::list(dir.path())
        .unwrap()
        .recent(None, 10_000)
        .unwrap();
    let rows = frames[0].rows();
    assert_eq!(rows as u64 + counters, 4_000);
    assert!((850..1_150).contains(&rows), "{rows}");
    let ids = frames[0].texts("prediction_id").unwrap();
    let bytes = frames[0].numbers("bytes").unwrap();
    for (id, value) in ids.into_iter().flatten().zip(bytes) {
        let id: PredictionId = id.parse().unwrap();
        assert_eq!(f64::from(id.row()), value);
    }
}

#[test]
fn a_log_that_cannot_be_written_counts_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let log = PredictionLog::start(LogSettings {
        segment_rows: 1,
        ..settings(&blocked)
    })
    .unwrap();
    log.append(batch(1, "v1", 2));
    while log.counters().failed.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(log.counters().failed.load(Ordering::Relaxed), 2);
}

#[test]
fn old_days_go_and_strangers_stay() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["2026-01-01", "2026-01-02", "notes"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    let from = NaiveDate::from_ymd_opt(2026, 1, 2).unwrap();
    assert_eq!(remove_older(dir.path(), from).unwrap(), 1);
    assert!(!dir.path().join("2026-01-01").exists());
    assert!(dir.path().join("2026-01-02").exists() && dir.path().join("notes").exists());
    assert_eq!(remove_older(&dir.path().join("nothing"), from).unwrap(), 0);
}

#[test]
fn verdicts_are_joined_counted_once_and_corrected() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("feedback.jsonl");
    let mut feedback = Feedback::open(&file).unwrap();
    let batch = batch(1, "v1", 10);
    feedback.remember(scored(&batch));
    let recorded = |wrong| Outcome::Recorded {
        wrong,
        alarms: vec![],
    };
    let mut take = |row, label| {
        feedback
            .take(
                verdict(batch.id.row(row), label),
                &Logged::default(),
                at(40),
            )
            .unwrap()
    };
    assert_eq!(take(0, "normal"), recorded(false));
    assert_eq!(take(1, "normal"), recorded(true));
    assert_eq!(take(1, "normal"), Outcome::Known);
    assert_eq!(take(1, "threat"), Outcome::Corrected { wrong: false });
    assert_eq!(take(10, "threat"), Outcome::UnknownPrediction);
    let status = feedback.status();
    assert_eq!((status.labelled, status.wrong), (2, 0));
    // The same from the file.
    let again = Feedback::open(&file).unwrap();
    assert_eq!(again.status(), status);
    let lines = std::fs::read_to_string(&file).unwrap();
    let first: FeedbackRecord = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first.delay_seconds(), 39.0);
}

#[test]
fn verdicts_find_their_predictions_in_the_log_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (file, logs) = (dir.path().join("feedback.jsonl"), dir.path().join("log"));
    let log = PredictionLog::start(settings(&logs)).unwrap();
    let batch = batch(1, "v1", 10);
    let id = batch.id;
    log.append(batch);
    drop(log);
    let mut feedback = Feedback::open(&file).unwrap();
    let ids = [id.row(4), id.row(11)];
    assert_eq!(feedback.not_recent(&ids), ids);
    let logged = Logged::find(&LogStore::Parquet(logs), &ids).unwrap();
    let mut take = |row| feedback.take(verdict(id.row(row), "threat"), &logged, at(50));
    assert_eq!(take(11).unwrap(), Outcome::UnknownPrediction);
    let outcome = take(4).unwrap();
    assert!(matches!(outcome, Outcome::Recorded { wrong: true, .. }));
}

#[test]
fn a_model_that_errs_more_raises_an_alarm_and_a_new_model_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("feedback.jsonl");
    let mut feedback = Feedback::open(&file).unwrap();
    let (old, new) = (batch(1, "v9", 600), batch(2, "v10", 10));
    feedback.remember(scored(&old));
    feedback.remember(scored(&new));
    let mut alarms = 0;
    for row in 0..600 {
        // Right at first, wrong from row 300 on.
        let right = if row % 2 == 0 { "normal" } else { "threat" };
        let wrong = if row % 2 == 0 { "threat" } else { "normal" };
        let label = if row < 300 { right } else { wrong };
        match feedback
            .take(verdict(old.id.row(row), label), &Logged::default(), at(50))
            .unwrap()
        {
            Outcome::Recorded { alarms: a, .. } => alarms += a.len(),
            other => panic!("{other:?}"),
        }
    }
    assert!(alarms >= 2, "{alarms}");
    let status = feedback.status();
    assert!(
        status
            .detectors
            .iter()
            .any(|d| d.standing == Standing::Drift)
    );
    assert_eq!((status.labelled, status.wrong), (600, 300));
    assert!(status.sentence().contains("drift"), "{}", status.sentence());
    let read = ConceptReader::default().read(&file).unwrap();
    assert_eq!(read.as_ref(), Some(&status));
    feedback
        .take(verdict(new.id.row(0), "normal"), &Logged::default(), at(51))
        .unwrap();
    let status = feedback.status();
    assert_eq!(status.model_version.as_deref(), Some("v10"));
    assert!(
        status
            .detectors
            .iter()
            .all(|d| d.standing == Standing::Stable)
    );
    assert_eq!(status.standing(), Standing::Stable);
    assert!(
        status
            .sentence()
            .starts_with("0.0 % of the last 1 wrong (v10, 1 verdict)"),
        "{}",
        status.sentence()
    );
    // A late verdict on the old model leaves the new one alone.
    feedback
        .take(verdict(old.id.row(0), "threat"), &Logged::default(), at(52))
        .unwrap();
    assert_eq!(feedback.status().labelled, 1);
    assert_eq!(Feedback::open(&file).unwrap().status(), feedback.status());
}

#[test]
fn a_cut_last_line_is_forgotten_and_a_damaged_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("feedback.jsonl");
    let mut feedback = Feedback::open(&file).unwrap();
    let batch = batch(1, "v1", 10);
    feedback.remember(scored(&batch));
    for row in 0..3 {
        feedback
            .take(
                verdict(batch.id.row(row), "normal"),
                &Logged::default(),
                at(50),
            )
            .unwrap();
    }
    let whole = std::fs::read(&file).unwrap();
    // Cut at every byte of the last line: what was whole is kept, and the next write is readable.
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|b| *b == b'\n')
        .unwrap()
        + 1;
    for cut in last..whole.len() {
        std::fs::write(&file, &whole[..cut]).unwrap();
        let mut cut_off = Feedback::open(&file).unwrap();
        let kept = cut_off.status().labelled;
        assert_eq!(kept, if cut == whole.len() - 1 { 3 } else { 2 });
        cut_off.remember(scored(&batch));
        cut_off
            .take(
                verdict(batch.id.row(7), "normal"),
                &Logged::default(),
                at(50),
            )
            .unwrap();
        let again = Feedback::open(&file).unwrap();
        assert_eq!(again.status().labelled, kept + 1);
    }
    let mut damaged = whole.clone();
    damaged[2] = b'!';
    std::fs::write(&file, &damaged).unwrap();
    let error = Feedback::open(&file).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}

proptest! {
    #[test]
    fn ids_read_back(milliseconds in 0i64..(1 << 47), row in any::<u32>()) {
        let id = BatchId::new(DateTime::from_timestamp_millis(milliseconds).unwrap()).row(row);
        prop_assert_eq!(id.to_string().parse::<PredictionId>().unwrap(), id);
    }

    #[test]
    fn no_text_that_is_no_id_is_taken(text in "[0-9a-fg+ -]{0,40}") {
        if let Ok(id) = text.parse::<PredictionId>() {
            prop_assert_eq!(id.to_string().to_lowercase(), text.to_lowercase());
        }
    }
}

/// A tree that calls rows with `bytes` from `from` on threats.
fn candidate(from: f64) -> Candidate {
    use crate::config::TransformationConfig;
    use crate::dataset::{Frame, Labels, TrainFrame};
    use crate::learners::{
        DecisionTreeParams, FitControl, FitRequest, LearnerSpec, Model, Weights,
    };
    use crate::pipeline::data_transformation::{Preprocessor, TransformationPlan};
    use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};

    let order = vec!["normal".to_owned(), "threat".to_owned()];
    let values: Vec<f64> = (0..100).map(f64::from).collect();
    let y = Labels {
        classes: order.clone(),
        codes: values.iter().map(|v| u32::from(*v >= from)).collect(),
    };
    let column = Frame::number_column("bytes", values.into_iter().map(Some).collect());
    let train = TrainFrame(Frame::from_columns(vec![column]).unwrap());
    let schema = Schema {
        name: "made up".into(),
        columns: vec![
            ColumnSpec::feature("bytes", ColumnKind::Real),
            ColumnSpec {
                role: Role::Label,
                ..ColumnSpec::feature("label", ColumnKind::Category)
            },
        ],
        target: Target {
            name: "label".into(),
            column: "label".into(),
            mapping: ClassMapping::Identity { order },
        },
        headerless: false,
        null_texts: Vec::new(),
        oddities: Vec::new(),
    };
    let plan = TransformationPlan::new(&schema, &TransformationConfig::default());
    let preprocessor = Preprocessor::fit(&train, &plan).unwrap();
    let x = preprocessor.transform(&train.0).unwrap();
    let request = FitRequest {
        x: &x,
        y: &y,
        weights: &Weights::default(),
        watch: None,
        seed: 3,
        threads: 1,
        control: &FitControl::new(),
        progress: &|_| {},
    };
    let spec = LearnerSpec::DecisionTree(DecisionTreeParams::default());
    Candidate {
        name: "7f3a".to_owned(),
        model: Model::fit(&spec, &request).unwrap(),
        preprocessor,
        threshold: Some(0.5),
        harmless: "normal".to_owned(),
    }
}

#[test]
fn a_replay_says_which_alerts_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let log = PredictionLog::start(settings(dir.path())).unwrap();
    // Odd rows were alerts; the candidate calls rows from 6 on threats.
    log.append(batch(1, "v1", 10));
    let mut other = batch(2, "v2", 1);
    other.names = Arc::from(["else".to_owned(), "service".to_owned()]);
    log.append(other);
    drop(log);
    let frames = Segments::list(dir.path())
        .unwrap()
        .recent(None, 100)
        .unwrap();
    let c = candidate(6.0);
    let found = replay(&frames, &c.model, &c.preprocessor, c.threshold, &c.harmless).unwrap();
    assert_eq!((found.rows, found.not_scored), (10, 1));
    assert!(found.not_scored_why.as_ref().unwrap().contains("bytes"));
    // Alerts then: 1 3 5 7 9. With the candidate: 6 7 8 9.
    assert_eq!((found.alerts_before, found.alerts_after), (5, 4));
    assert_eq!(
        (found.new_alerts, found.gone_alerts, found.other_class),
        (2, 3, 0)
    );
    let change = |from: &str, to: &str, rows| (from.to_owned(), to.to_owned(), rows);
    assert_eq!(
        found.changes,
        [change("threat", "normal", 3), change("normal", "threat", 2)]
    );
    let shown: Vec<_> = found
        .examples
        .iter()
        .map(|r| r.features["bytes"].clone())
        .collect();
    assert_eq!(
        shown.into_iter().flatten().collect::<Vec<_>>(),
        ["1", "3", "5", "6", "8"]
    );
}

#[test]
fn a_shadow_counts_what_it_would_have_said() {
    let shadow = Shadow::start(candidate(6.0)).unwrap();
    shadow.observe(batch(1, "v1", 10));
    shadow.observe(batch(2, "v1", 10));
    let counts = loop {
        let counts = shadow.counts();
        if counts.rows + counts.not_scored + counts.dropped == 20 {
            break counts;
        }
        std::thread::yield_now();
    };
    let expected = ShadowCounts {
        rows: 20,
        alerts: 10,
        shadow_alerts: 8,
        new_alerts: 4,
        gone_alerts: 6,
        not_scored: 0,
        dropped: 0,
    };
    assert_eq!(counts, expected);
}
