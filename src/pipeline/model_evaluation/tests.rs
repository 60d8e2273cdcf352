//! The stage on made-up runs, with and without a champion.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::Utc;

use super::*;
use crate::config::SelectionMetric;
use crate::pipeline::model_trainer::{
    self,
    testing::{MadeUpRun, frame},
};
use crate::storage::Manifest;

const CLASSES: [&str; 2] = ["normal", "attack"];

fn trained(run: &MadeUpRun) -> ModelTrainerArtifact {
    run.stage(StageName::ModelTrainer, 2, |ctx| {
        model_trainer::run(ctx, &run.ingestion, &run.transformation)
            .unwrap()
            .artifact
    })
}

fn evaluated(
    run: &MadeUpRun,
    trainer: &ModelTrainerArtifact,
    champion: Option<&Champion>,
) -> StageOutput<ModelEvaluationArtifact> {
    run.stage(StageName::ModelEvaluation, 2, |ctx| {
        super::run(ctx, &run.ingestion, trainer, champion).unwrap()
    })
}

/// The selected model of a run as a champion.
fn champion_of(run: &MadeUpRun, reference: bool) -> Champion {
    let contender = Contender::of_run("v1", &run.run_dir).unwrap();
    let run_id = run.run_dir.file_name().unwrap().to_str().unwrap();
    Champion {
        version: "v1".into(),
        run_id: run_id.parse().unwrap(),
        threshold: None,
        reference: reference.then(|| run.run_dir.join("data_ingestion/train.parquet")),
        manifest: Manifest {
            format: Manifest::FORMAT.into(),
            format_version: Manifest::FORMAT_VERSION,
            version: "v1".into(),
            run_id: run_id.into(),
            plan_id: String::new(),
            learner: contender.model.learner.to_string(),
            classes: contender.model.classes.clone(),
            threshold: None,
            files: BTreeMap::new(),
            data_digest: String::new(),
            f1: None,
            approvals: Vec::new(),
            champion_before: None,
            journal_hash: String::new(),
            pushed_at: Utc::now(),
            program: None,
            gate_sha256: None,
        },
        model: contender.model,
        preprocessor: contender.preprocessor,
        schema: contender.schema,
    }
}

fn report(run: &MadeUpRun) -> serde_json::Value {
    let path = run.run_dir.join("model_evaluation").join(EVALUATION_FILE);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A weak champion (few, overlapping rows) and a run with better data, tested on the same rows.
fn weak_champion_and_run(root: &Path) -> (Champion, MadeUpRun) {
    let test = frame(1500, 77, &CLASSES, &[0.7, 0.3], 0.8);
    let few = frame(40, 5, &CLASSES, &[0.5, 0.5], 3.0);
    let old = MadeUpRun::new(root, "20261101-0900-0001", &CLASSES, &few, &test);
    trained(&old);
    let many = frame(1500, 6, &CLASSES, &[0.7, 0.3], 0.8);
    let run = MadeUpRun::new(root, "20261122-1230-7f3a", &CLASSES, &many, &test);
    (champion_of(&old, true), run)
}

#[test]
fn every_learner_is_measured_and_the_floors_decide() {
    let dir = tempfile::tempdir().unwrap();
    let run = MadeUpRun::binary(dir.path(), "20261122-1230-7f3a", 400, 1);
    let trainer = trained(&run);
    let partial = run.run_dir.join("model_trainer.partial");
    assert!(partial.is_dir());
    let output = evaluated(&run, &trainer, None);
    assert!(
        !partial.exists(),
        "the kept results are removed when training is in place"
    );
    assert_eq!(output.artifact.verdict, GateVerdict::Accept);
    assert_eq!(output.verdict, CheckVerdict::Ok);
    assert_eq!(output.artifact.champion, None);
    assert_eq!(output.artifact.rules.len(), 1);
    let events = run.recording.events();
    let measured: Vec<&LearnerTest> = events
        .iter()
        .filter_map(|e| match e {
            Event::TestMeasured(t) => Some(t),
            _ => None,
        })
        .collect();
    assert_eq!(measured.len(), 2);
    assert!(
        measured
            .iter()
            .all(|t| t.test.n == 200 && t.test.accuracy > 0.7)
    );
    assert!(
        events
            .iter()
            .any(|e| matches!(e, Event::GateDecided { .. }))
    );
    let report = report(&run);
    assert_eq!(report["learners"].as_array().unwrap().len(), 2);
    assert_eq!(
        report["at_threshold"]["threshold"].as_f64(),
        trainer.threshold
    );
    assert!(report["curves"][0]["roc"].as_array().unwrap().len() >= 3);
    assert_eq!(
        report["importances"][0]["feature"]
            .as_str()
            .map(str::is_empty),
        Some(false)
    );
    assert!(report["champion"].is_null());
}

#[test]
fn a_floor_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = MadeUpRun::binary(dir.path(), "20261122-1230-7f3a", 300, 2);
    run.config.gate.floors.insert("recall".into(), 0.9999);
    let trainer = trained(&run);
    let output = evaluated(&run, &trainer, None);
    assert_eq!(output.artifact.verdict, GateVerdict::Refuse);
    assert_eq!(output.verdict, CheckVerdict::Warn);
    assert!(
        output.summary.contains("floor.recall"),
        "{}",
        output.summary
    );
}

#[test]
fn a_better_challenger_is_accepted_and_a_worse_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (weak, run) = weak_champion_and_run(dir.path());
    let trainer = trained(&run);
    let output = evaluated(&run, &trainer, Some(&weak));
    let rule = &output.artifact.rules[1];
    assert_eq!(rule.rule, "champion.f1");
    assert_eq!(rule.verdict, GateVerdict::Accept, "{}", rule.reason);
    assert!(rule.reason.starts_with("better"), "{}", rule.reason);
    assert_eq!(output.artifact.champion.as_deref(), Some("v1"));
    // The other way round.
    let strong = champion_of(&run, true);
    let other = tempfile::tempdir().unwrap();
    let test = frame(1500, 77, &CLASSES, &[0.7, 0.3], 0.8);
    let few = frame(40, 5, &CLASSES, &[0.5, 0.5], 3.0);
    let worse = MadeUpRun::new(other.path(), "20261123-0900-0002", &CLASSES, &few, &test);
    let trainer = trained(&worse);
    let output = evaluated(&worse, &trainer, Some(&strong));
    let rule = &output.artifact.rules[1];
    assert_eq!(rule.verdict, GateVerdict::Refuse, "{}", rule.reason);
    assert_eq!(report(&worse)["champion"]["comparison"]["rows"], 1500);
}

#[test]
fn the_same_model_is_not_separable_from_itself_and_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = MadeUpRun::binary(dir.path(), "20261122-1230-7f3a", 400, 3);
    run.config.gate.compare_by = SelectionMetric::RocAuc;
    let trainer = trained(&run);
    let champion = champion_of(&run, true);
    let output = evaluated(&run, &trainer, Some(&champion));
    let rule = &output.artifact.rules[1];
    assert_eq!(rule.rule, "champion.roc_auc");
    assert_eq!(rule.observed, Some(0.0));
    assert_eq!(rule.verdict, GateVerdict::Accept, "{}", rule.reason);
}

#[test]
fn rows_the_champion_has_seen_are_left_out_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let test = frame(300, 8, &CLASSES, &[0.6, 0.4], 0.8);
    // The champion trained on the first 100 test rows besides its own.
    let mut old_train = frame(200, 9, &CLASSES, &[0.6, 0.4], 0.8);
    old_train
        .append(&test.take(&(0..100).collect::<Vec<_>>()).unwrap())
        .unwrap();
    let old = MadeUpRun::new(
        dir.path(),
        "20261101-0900-0001",
        &CLASSES,
        &old_train,
        &test,
    );
    trained(&old);
    let train = frame(400, 10, &CLASSES, &[0.6, 0.4], 0.8);
    let run = MadeUpRun::new(dir.path(), "20261122-1230-7f3a", &CLASSES, &train, &test);
    let trainer = trained(&run);
    let output = evaluated(&run, &trainer, Some(&champion_of(&old, true)));
    assert_eq!(run.recording.warnings(), ["champion_saw_test_rows"]);
    let comparison = &report(&run)["champion"]["comparison"];
    assert_eq!(comparison["rows"], 200);
    assert_eq!(comparison["seen_by_second"], 100);
    assert_eq!(comparison["seen_by_first"], 0);
    let reason = &output.artifact.rules[1].reason;
    assert!(reason.contains("feature vectors of 100"), "{reason}");
    // Without the champion's rows nobody can tell, and that is said too.
    let output = evaluated(&run, &trainer, Some(&champion_of(&old, false)));
    let reason = &output.artifact.rules[1].reason;
    assert!(reason.contains("not kept"), "{reason}");
}

#[test]
fn a_champion_of_other_classes_or_columns_leaves_it_open() {
    let dir = tempfile::tempdir().unwrap();
    let others = ["benign", "dos"];
    let train = frame(200, 11, &others, &[0.5, 0.5], 0.5);
    let old = MadeUpRun::new(dir.path(), "20261101-0900-0001", &others, &train, &train);
    trained(&old);
    let run = MadeUpRun::binary(dir.path(), "20261122-1230-7f3a", 200, 12);
    let trainer = trained(&run);
    let output = evaluated(&run, &trainer, Some(&champion_of(&old, true)));
    let rule = &output.artifact.rules[1];
    assert_eq!(rule.verdict, GateVerdict::CannotTell);
    assert!(rule.reason.contains("not comparable"), "{}", rule.reason);
    assert_eq!(output.artifact.verdict, GateVerdict::CannotTell);
    // A column that the test rows do not have.
    let mut champion = champion_of(&run, true);
    champion.schema.columns[0].name = "flag".into();
    let output = evaluated(&run, &trainer, Some(&champion));
    let rule = &output.artifact.rules[1];
    assert!(rule.reason.contains("flag"), "{}", rule.reason);
    assert_eq!(rule.verdict, GateVerdict::CannotTell);
}

#[test]
fn a_changed_model_file_is_not_compared() {
    let dir = tempfile::tempdir().unwrap();
    let run = MadeUpRun::binary(dir.path(), "20261122-1230-7f3a", 150, 13);
    let trainer = trained(&run);
    let path = run
        .run_dir
        .join("model_trainer")
        .join(format!("{}.json", trainer.selected));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.push(b'\n');
    std::fs::write(&path, bytes).unwrap();
    let e = Contender::of_run("7f3a", &run.run_dir).unwrap_err();
    assert!(e.message.contains("changed after training"), "{e}");
    let e = Contender::of_run("x", dir.path()).unwrap_err();
    assert_eq!(e.kind.exit_code(), 7);
}

#[test]
fn five_classes_are_measured_with_macro_figures() {
    let dir = tempfile::tempdir().unwrap();
    let classes = ["normal", "dos", "probe", "r2l"];
    let shares = [0.5, 0.3, 0.15, 0.05];
    let run = MadeUpRun::new(
        dir.path(),
        "20261122-1230-7f3a",
        &classes,
        &frame(600, 14, &classes, &shares, 0.6),
        &frame(300, 15, &classes, &shares, 0.6),
    );
    let trainer = trained(&run);
    assert_eq!(trainer.threshold, None);
    let output = evaluated(&run, &trainer, None);
    assert_eq!(output.artifact.verdict, GateVerdict::Accept);
    let report = report(&run);
    assert!(report["at_threshold"].is_null());
    assert_eq!(report["curves"].as_array().unwrap().len(), 4);
    let test = &report["learners"][0]["test"];
    assert_eq!(test["f1"], test["macro_f1"]);
    // The champion's classes may stand in another order.
    let mut champion = champion_of(&run, true);
    champion.schema = with_classes(
        &champion.schema,
        &["dos", "normal", "probe", "r2l"].map(str::to_owned),
    );
    champion.reference = None;
    let again = evaluated(&run, &trainer, Some(&champion));
    assert_eq!(again.artifact.rules[1].observed, Some(0.0));
}
