//! The stage on made-up rows: selection, failure, stop, cancel, resume, equal bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::testing::{MadeUpRun, frame};
use super::*;
use crate::learners::{FitError, FitRequest, LearnerSpec, Progress, StopRequest};

const ID: &str = "20261122-1230-7f3a";

fn train_with(
    run: &MadeUpRun,
    cores: usize,
    fit: &FitFn<'_>,
) -> Result<StageOutput<ModelTrainerArtifact>, CommandError> {
    run.stage(StageName::ModelTrainer, cores, |ctx| {
        let data = inputs::load(ctx, &run.ingestion, &run.transformation)?;
        train_and_select(ctx, &data, &run.transformation.preprocessor_sha256, fit)
    })
}

/// Every file of the stage.
fn files_of(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(dir.join("model_trainer"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn failure(learner: LearnerId) -> FitError {
    FitError::Library {
        learner: learner.as_str(),
        reason: "out of luck".into(),
    }
}

#[test]
fn trains_selects_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let run = MadeUpRun::binary(dir.path(), ID, 400, 1);
    let output = run.stage(StageName::ModelTrainer, 2, |ctx| {
        super::run(ctx, &run.ingestion, &run.transformation).unwrap()
    });
    assert_eq!(output.verdict, CheckVerdict::Ok);
    assert_eq!(output.artifact.learners, ["decision_tree", "random_forest"]);
    let threshold = output.artifact.threshold.unwrap();
    assert!(threshold > 0.0 && threshold < 1.0);
    let files = files_of(&run.run_dir);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "decision_tree.json",
            "out_of_fold.parquet",
            "random_forest.json",
            "schema.json",
            "selected.json",
            "trainer.json"
        ]
    );
    let report: TrainerReport = serde_json::from_slice(&files["trainer.json"]).unwrap();
    assert_eq!(report.leaderboard.len(), 2);
    assert_eq!(report.selected.to_string(), output.artifact.selected);
    for row in &report.leaderboard {
        assert_eq!(row.cv.len(), Metric::ALL.len());
        assert!(row.cv["accuracy"].mean > 0.7, "{:?}", row.cv["accuracy"]);
        assert_eq!(row.folds.len(), 3);
        assert_eq!(
            row.model_sha256,
            crate::hash::sha256(&files[&format!("{}.json", row.learner)])
        );
    }
    let events = run.recording.events();
    let finished = events
        .iter()
        .filter(|e| matches!(e, Event::LearnerFinished { .. }))
        .count();
    let selected = events.iter().any(|e| {
        matches!(e, Event::ModelSelected { learner, reason, .. }
            if *learner == output.artifact.selected && reason.contains("F1"))
    });
    assert!(finished == 2 && selected);
    let folds = events
        .iter()
        .filter(|e| matches!(e, Event::FitStarted { .. }))
        .count();
    assert_eq!(folds, 8);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_cores() {
    let one = tempfile::tempdir().unwrap();
    let four = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (dir, cores) in [(&one, 1), (&four, 4)] {
        let run = MadeUpRun::binary(dir.path(), ID, 300, 2);
        train_with(&run, cores, &Model::fit).unwrap();
        files.push(files_of(&run.run_dir));
    }
    assert_eq!(
        files[0].keys().collect::<Vec<_>>(),
        files[1].keys().collect::<Vec<_>>()
    );
    for (name, bytes) in &files[0] {
        assert!(*bytes == files[1][name], "{name} differs");
    }
}

#[test]
fn a_learner_that_fails_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let run = MadeUpRun::binary(dir.path(), ID, 200, 3);
    let output = train_with(
        &run,
        2,
        &|spec: &LearnerSpec, request: &FitRequest<'_>| match spec.id() {
            LearnerId::RandomForest => Err(failure(LearnerId::RandomForest)),
            _ => Model::fit(spec, request),
        },
    )
    .unwrap();
    assert_eq!(output.artifact.learners, ["decision_tree"]);
    assert_eq!(output.verdict, CheckVerdict::Warn);
    assert!(run.recording.events().iter().any(|e| {
        matches!(e, Event::LearnerFailed { learner, error }
            if learner == "random_forest" && error.message.contains("out of luck"))
    }));
}

#[test]
fn when_all_fail_every_reason_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let run = MadeUpRun::binary(dir.path(), ID, 100, 4);
    let e = train_with(&run, 2, &|spec: &LearnerSpec, _: &FitRequest<'_>| {
        Err(failure(spec.id()))
    })
    .unwrap_err();
    assert_eq!(e.kind, ErrorKind::Internal);
    assert!(e.message.contains("decision_tree") && e.message.contains("random_forest"));
}

#[test]
fn baselines_alone_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = MadeUpRun::binary(dir.path(), ID, 100, 4);
    run.config.training.learners = vec![LearnerId::LinfaTree];
    let e = train_with(&run, 1, &Model::fit).unwrap_err();
    assert_eq!(e.kind, ErrorKind::Config);
}

#[test]
fn cancel_ends_the_stage() {
    let dir = tempfile::tempdir().unwrap();
    let run = MadeUpRun::binary(dir.path(), ID, 100, 5);
    let fits = AtomicU32::new(0);
    let e = train_with(&run, 1, &|spec: &LearnerSpec, request: &FitRequest<'_>| {
        if fits.fetch_add(1, Ordering::SeqCst) == 2 {
            request.control.request(StopRequest::Now);
            return Err(FitError::Cancelled);
        }
        Model::fit(spec, request)
    })
    .unwrap_err();
    assert_eq!(e.kind, ErrorKind::Cancelled);
    assert_eq!(fits.load(Ordering::SeqCst), 3);
}

/// Fits for real, but asks for a stop within fit number `at` (from 1), which reports round 1 of
/// many; as a learner with rounds does.
fn stopping_at<'a>(
    at: u32,
    fits: &'a AtomicU32,
) -> impl Fn(&LearnerSpec, &FitRequest<'_>) -> Result<Model, FitError> + Sync + 'a {
    move |spec, request| {
        if fits.fetch_add(1, Ordering::SeqCst) + 1 == at {
            let fitted = Model::fit(spec, request);
            request.control.request(StopRequest::AfterRound);
            fitted
        } else {
            Model::fit(spec, request)
        }
    }
}

#[test]
fn a_stop_keeps_finished_learners_and_skips_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let run = MadeUpRun::binary(dir.path(), ID, 200, 6);
    let fits = AtomicU32::new(0);
    // Four fits complete the tree; the stop comes in the forest's first fold.
    let output = train_with(&run, 1, &stopping_at(5, &fits)).unwrap();
    assert_eq!(output.artifact.learners, ["decision_tree"]);
    assert_eq!(output.verdict, CheckVerdict::Warn);
    assert_eq!(run.recording.warnings(), ["learner_skipped"]);
    assert_eq!(fits.load(Ordering::SeqCst), 5);
}

#[test]
fn a_stop_in_the_first_fold_still_leaves_a_model() {
    let dir = tempfile::tempdir().unwrap();
    let run = MadeUpRun::binary(dir.path(), ID, 200, 7);
    let fits = AtomicU32::new(0);
    let output = train_with(&run, 1, &stopping_at(1, &fits)).unwrap();
    assert_eq!(output.artifact.learners, ["decision_tree"]);
    // One fold and the final fit.
    assert_eq!(fits.load(Ordering::SeqCst), 2);
    let files = files_of(&run.run_dir);
    let report: TrainerReport = serde_json::from_slice(&files["trainer.json"]).unwrap();
    let measured = report.leaderboard[0].folds.iter().flatten().count();
    assert_eq!(measured, 1);
    assert!(output.artifact.threshold.is_some());
}

#[test]
fn a_stop_before_anything_is_a_cancel() {
    let dir = tempfile::tempdir().unwrap();
    let run = MadeUpRun::binary(dir.path(), ID, 100, 7);
    run.control.request(StopRequest::AfterRound);
    let e = train_with(&run, 2, &Model::fit).unwrap_err();
    assert_eq!(e.kind, ErrorKind::Cancelled);
}

#[test]
fn a_resumed_stage_does_not_refit_and_ends_with_the_same_bytes() {
    let undisturbed = tempfile::tempdir().unwrap();
    let whole = MadeUpRun::binary(undisturbed.path(), ID, 300, 8);
    train_with(&whole, 2, &Model::fit).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let mut run = MadeUpRun::binary(dir.path(), ID, 300, 8);
    let fits = AtomicU32::new(0);
    train_with(&run, 1, &|spec: &LearnerSpec, request: &FitRequest<'_>| {
        // The tree is finished after four fits; the worker dies in the forest.
        if fits.fetch_add(1, Ordering::SeqCst) == 5 {
            request.control.request(StopRequest::Now);
            return Err(FitError::Cancelled);
        }
        Model::fit(spec, request)
    })
    .unwrap_err();
    fs::remove_dir_all(run.run_dir.join("model_trainer")).unwrap();
    run.control = crate::learners::FitControl::new();
    let fitted = Mutex::new(Vec::new());
    train_with(&run, 2, &|spec: &LearnerSpec, request: &FitRequest<'_>| {
        fitted.lock().unwrap().push(spec.id());
        Model::fit(spec, request)
    })
    .unwrap();
    assert_eq!(*fitted.lock().unwrap(), [LearnerId::RandomForest; 4]);
    let (ours, theirs) = (files_of(&run.run_dir), files_of(&whole.run_dir));
    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        theirs.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in &ours {
        assert!(*bytes == theirs[name], "{name} differs");
    }
    // Other settings of a learner do not take its results over.
    run.config.training.decision_tree.max_depth = 2;
    fitted.lock().unwrap().clear();
    train_with(&run, 1, &|spec: &LearnerSpec, request: &FitRequest<'_>| {
        fitted.lock().unwrap().push(spec.id());
        Model::fit(spec, request)
    })
    .unwrap();
    assert_eq!(*fitted.lock().unwrap(), [LearnerId::DecisionTree; 4]);
}

#[test]
fn thin_classes_are_named_and_trained_with() {
    let dir = tempfile::tempdir().unwrap();
    let classes = ["normal", "dos", "u2r", "never"];
    let mut train = frame(300, 9, &classes, &[0.7, 0.3], 0.5);
    let rare = frame(2, 10, &["u2r"], &[1.0], 0.5);
    train.append(&rare).unwrap();
    let test = frame(100, 11, &classes, &[0.6, 0.4], 0.5);
    let run = MadeUpRun::new(dir.path(), ID, &classes, &train, &test);
    let output = train_with(&run, 2, &Model::fit).unwrap();
    assert_eq!(output.verdict, CheckVerdict::Warn);
    assert_eq!(output.artifact.threshold, None);
    let texts: Vec<String> = run
        .recording
        .events()
        .into_iter()
        .filter_map(|e| match e {
            Event::Warning { code, text } if code == "thin_class" => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("`u2r` has 2 rows"), "{}", texts[0]);
    assert!(texts[1].contains("`never` has 0 rows"), "{}", texts[1]);
}

#[test]
fn weights_reach_the_learners() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = MadeUpRun::binary(dir.path(), ID, 120, 12);
    run.config.training.learners = vec![LearnerId::DecisionTree];
    run.config.training.class_weight = crate::config::ClassWeight::Balanced;
    let seen = Mutex::new(Vec::new());
    train_with(&run, 1, &|spec: &LearnerSpec, request: &FitRequest<'_>| {
        let weights = request.weights.classes.clone().unwrap();
        assert_eq!(request.seed, 42);
        assert!(weights[1] > weights[0]);
        (request.progress)(Progress {
            round: 1,
            of: 1,
            train: Vec::new(),
            valid: Vec::new(),
        });
        seen.lock().unwrap().push(request.watch.is_some());
        Model::fit(spec, request)
    })
    .unwrap();
    // Only the first fold is watched.
    assert_eq!(*seen.lock().unwrap(), [true, false, false, false]);
}
