use proptest::prelude::*;

use super::*;
use crate::events::testing::any_log;
use crate::tracking::testing::Sample;

fn files() -> RunFiles {
    RunFiles {
        config: Some(json!({
            "training": {"seed": 7, "folds": 3, "learners": ["xgboost"], "xgboost": {"rounds": 9}},
            "tracking": {"uri": "http://somewhere"},
            "gate": {"floors": {"f1": 0.5}},
            "approval": {"approvals": 1},
            "source": {"kind": "mongodb", "database": "net", "collection": "flows"},
        })),
        schema: Some(
            json!({"columns": [{"name": "a", "kind": "real"}, {"name": "b", "kind": "category"}]}),
        ),
        schema_sha256: Some("5c".into()),
        git_commit: Some("0123".into()),
        curves: Some(json!([1])),
    }
}

fn wanted_after(events: &[Envelope], around: &Around<'_>) -> Option<Wanted> {
    Projection::replay(events).wanted(&files(), around)
}

/// Everything frozen of `before` stands unchanged in `after`.
fn assert_kept(before: &Wanted, after: &Wanted) {
    assert_eq!(before.key, after.key);
    assert_eq!(before.points[..], after.points[..before.points.len()]);
    assert_eq!(before.inputs[..], after.inputs[..before.inputs.len()]);
    for run in &before.runs {
        let later = after.run(&run.slot).expect("a run stays wanted");
        assert_eq!(
            (&run.key, &run.name, &run.user, run.start_ms),
            (&later.key, &later.name, &later.user, later.start_ms)
        );
        for (name, value) in &run.params {
            assert_eq!(later.params.get(name), Some(value), "param {name}");
        }
        for (name, value) in run.tags.iter().filter(|(name, _)| !may_change(name)) {
            assert_eq!(later.tags.get(name), Some(value), "tag {name}");
        }
    }
}

#[test]
fn a_finished_run_is_wanted_with_all_it_has() {
    let around = Around {
        challenger: true,
        model: "threats",
        ..Around::default()
    };
    let wanted = wanted_after(&Sample::events(1), &around).unwrap();
    let slots: Vec<String> = wanted.runs.iter().map(|r| r.slot.key()).collect();
    assert_eq!(slots, ["run", "learner:decision_tree", "learner:xgboost"]);
    let parent = &wanted.runs[0];
    for (tag, value) in [
        ("mlflow.user", "ada"),
        ("mlflow.note.content", "a note"),
        ("mlflow.source.git.commit", "0123"),
        ("netsec.outcome", "finished"),
        ("netsec.gate.verdict", "accept"),
        ("netsec.selected", "xgboost"),
        ("netsec.plan_id", "plan1"),
        ("netsec.version", "v1"),
        ("netsec.aliases", "challenger"),
        ("netsec.registered_model", "threats"),
        ("netsec.seed", "7"),
        ("netsec.champion_before", "none"),
        ("netsec.decision", "none"),
    ] {
        assert_eq!(
            parent.tags.get(tag).map(String::as_str),
            Some(value),
            "{tag}"
        );
    }
    assert_eq!(parent.params["training.seed"], "7");
    assert_eq!(parent.params["training.learners"], "[\"xgboost\"]");
    assert!(
        !parent.params.contains_key("training.xgboost.rounds"),
        "a child's own"
    );
    assert!(!parent.params.keys().any(|k| k.starts_with("tracking")));
    let child = &wanted.runs[2];
    assert_eq!(child.params["deep.er"], "text");
    assert_eq!(child.params["list"], "[1,2]");
    assert_eq!(child.status, Status::Finished);
    let of = |slot: &str, name: &str| -> Vec<(i64, f64)> {
        let points = wanted
            .points
            .iter()
            .filter(|p| p.slot.key() == slot && p.name == name);
        points.map(|p| (p.step, p.value)).collect()
    };
    assert_eq!(
        of("learner:xgboost", "valid/log_loss").len(),
        30,
        "three of them said twice"
    );
    assert_eq!(of("learner:xgboost", "valid/f1"), [(0, 0.8)]);
    assert_eq!(of("learner:xgboost", "cv/log_loss"), [(0, 0.4)]);
    assert_eq!(of("run", "test/f1"), [(0, 0.85)]);
    assert_eq!(of("learner:decision_tree", "test/f1"), [(0, 0.7)]);
    assert!(
        of("run", "test/recall").is_empty(),
        "an undefined figure is none"
    );
    let artifacts: Vec<&str> = wanted.artifacts.keys().map(String::as_str).collect();
    for path in [
        "data_ingestion/report.json",
        "model_evaluation/evaluation.json",
        "confusion_matrix/xgboost.json",
        "curves/training_xgboost.json",
        "curves/roc_and_precision_recall.json",
        "summary.txt",
        "manifest.json",
    ] {
        assert!(artifacts.contains(&path), "{path}: {artifacts:?}");
    }
    assert!(
        !artifacts.iter().any(|p| p.ends_with(".parquet")),
        "no rows leave the house"
    );
    assert_eq!(wanted.inputs[0].name, "net.flows");
    assert!(wanted.inputs[0].digest.len() <= 36);
    assert!(wanted.inputs[0].source.contains(&hash::sha256(b"rows")));
    assert!(wanted.model.is_some() && wanted.version.is_some());
}

#[test]
fn a_figure_measured_again_is_the_next_step() {
    let mut events = Sample::events(1);
    let at = events
        .iter()
        .position(|e| matches!(&e.event, Event::TestMeasured(t) if t.learner == "xgboost"));
    let mut again = events[at.unwrap()].clone();
    events.push(again.clone());
    if let Event::TestMeasured(t) = &mut again.event {
        t.test.f1 = Some(0.9);
    }
    events.push(again);
    let wanted = wanted_after(&events, &Around::default()).unwrap();
    let f1: Vec<(i64, f64)> = wanted
        .points
        .iter()
        .filter(|p| p.slot == Slot::Parent && p.name == "test/f1")
        .map(|p| (p.step, p.value))
        .collect();
    assert_eq!(f1, [(0, 0.85), (1, 0.9)]);
}

/// Notes are told on the run and on its version, and stay as they are when others follow.
#[test]
fn acknowledgements_are_frozen_tags() {
    use crate::events::Actor;
    let note = |seq: u64, text: &str| Acknowledgement {
        v: 1,
        seq,
        at: DateTime::from_timestamp(1_795_350_604, 0).unwrap(),
        by: Actor {
            name: "jon".into(),
            from: "10.2.0.31".into(),
        },
        check: "drift.src_bytes".into(),
        observed: "PSI 0.2110".into(),
        note: text.into(),
    };
    let notes = [note(1, "backups moved"), note(2, "still so")];
    let around = |n: usize| Around {
        acknowledged: &notes[..n],
        ..Around::default()
    };
    let events = Sample::events(1);
    let [none, one, two] = [0, 1, 2].map(|n| wanted_after(&events, &around(n)).unwrap());
    let tag = "netsec.acknowledged.1";
    let text = "drift.src_bytes (PSI 0.2110) by jon from 10.2.0.31 at 2026-11-22T12:30:04.000Z: \
                backups moved";
    assert!(!may_change(tag));
    assert!(!none.runs[0].tags.contains_key(tag));
    assert_eq!(one.runs[0].tags[tag], text);
    assert_eq!(one.version.as_ref().unwrap().tags[tag], text);
    assert_kept(&one, &two);
    assert!(two.runs[0].tags["netsec.acknowledged.2"].ends_with("still so"));
}

#[test]
fn a_log_without_an_end_runs_or_has_crashed() {
    let events = Sample::events(1);
    let half = &events[..events.len() / 2];
    let alive = Around {
        alive: true,
        ..Around::default()
    };
    let running = wanted_after(half, &alive).unwrap();
    assert_eq!(
        (running.runs[0].status, running.ended),
        (Status::Running, false)
    );
    let crashed = wanted_after(half, &Around::default()).unwrap();
    assert_eq!(
        (crashed.runs[0].status, crashed.ended),
        (Status::Failed, true)
    );
    assert_eq!(crashed.runs[0].tags["netsec.outcome"], "crashed");
    assert!(wanted_after(&[], &alive).is_none());
}

#[test]
fn every_prefix_of_a_real_run_is_kept() {
    let events = Sample::events(1);
    let whole = wanted_after(&events, &Around::default()).unwrap();
    for n in 1..events.len() {
        assert_kept(
            &wanted_after(&events[..n], &Around::default()).unwrap(),
            &whole,
        );
    }
}

proptest! {
    #[test]
    fn what_was_wanted_once_never_changes(log in any_log(60), cut in 0usize..60) {
        let whole = wanted_after(&log, &Around::default());
        let before = wanted_after(&log[..cut.min(log.len())], &Around::default());
        if let Some(before) = before {
            assert_kept(&before, &whole.expect("a begun run stays begun"));
        }
    }

    #[test]
    fn nothing_undefined_is_ever_wanted(log in any_log(60)) {
        if let Some(wanted) = wanted_after(&log, &Around::default()) {
            prop_assert!(wanted.points.iter().all(|p| p.value.is_finite() && p.at_ms >= 0));
            let mut keys: Vec<&str> = wanted.runs.iter().map(|r| r.key.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(keys.len(), wanted.runs.len());
        }
    }
}
