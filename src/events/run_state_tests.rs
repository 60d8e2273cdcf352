use proptest::prelude::*;

use super::*;
use crate::events::testing::{any_event, any_log, any_stage, bytes_of, envelope, numbered};
use crate::events::{LearnerTest, LogReader};

proptest! {
    #[test]
    fn a_fold_continued_at_any_point_equals_the_whole_replay(log in any_log(40)) {
        let whole = RunState::replay(&log);
        for split in 0..=log.len() {
            let mut state = RunState::replay(&log[..split]);
            for e in &log[split..] {
                state.apply(e);
            }
            prop_assert_eq!(&state, &whole);
        }
    }

    #[test]
    fn events_survive_their_json(log in any_log(8)) {
        for e in &log {
            let text = serde_json::to_string(e).unwrap();
            let back: Envelope = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&back, e, "{}", text);
        }
    }

    #[test]
    fn any_events_in_any_order_with_any_numbers_are_taken(
        events in proptest::collection::vec((any_stage(), any_event(), any::<u64>(), any::<i32>()), 0..40)
    ) {
        let mut state = RunState::default();
        for (stage, event, seq, shift) in events {
            let mut e = envelope(seq, stage, event);
            e.at = crate::events::testing::moment(i64::from(shift));
            state.apply(&e);
        }
        prop_assert_eq!(state.stages.len(), 6);
    }

    #[test]
    fn a_log_that_grows_in_any_pieces_folds_as_a_whole(
        log in any_log(12),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = bytes_of(&log);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut reader = LogReader::open(&path);
        let mut state = RunState::default();
        let mut ends: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        for end in ends {
            std::fs::write(&path, &bytes[..end]).unwrap();
            for line in reader.read_new(3).unwrap().into_iter().chain(reader.read_all().unwrap()) {
                state.apply(line.event().unwrap());
            }
        }
        prop_assert_eq!(state, RunState::replay(&log));
    }
}

fn trainer(event: Event) -> (Option<StageName>, Event) {
    (Some(StageName::ModelTrainer), event)
}

fn metric(step: u32) -> Event {
    Event::MetricObserved {
        learner: "xgboost".into(),
        metric: "log_loss".into(),
        split: Split::Train,
        step,
        value: Some(f64::from(step)),
        n: 10,
        reason: None,
    }
}

fn fit_started(phase: FitPhase) -> Event {
    Event::FitStarted {
        learner: "xgboost".into(),
        phase,
        of: 100,
    }
}

#[test]
fn the_phase_of_a_fit_stands_flat_in_its_line() {
    let e = envelope(
        3,
        Some(StageName::ModelTrainer),
        fit_started(FitPhase::Fold { fold: 2, folds: 3 }),
    );
    let value = serde_json::to_value(&e).unwrap();
    assert_eq!(value["kind"], "fit_started");
    assert_eq!(value["phase"], "fold");
    assert_eq!(value["fold"], 2);
    assert_eq!(serde_json::from_value::<Envelope>(value).unwrap(), e);
}

#[test]
fn unknown_kinds_and_fields_read() {
    let line = r#"{"v":2,"seq":1,"at":"2026-11-22T12:00:00Z","stage":"model_trainer","kind":"moon_phase","phase":"full","of":{"a":[1]}}"#;
    let e: Envelope = serde_json::from_str(line).unwrap();
    assert_eq!(e.event, Event::Unknown);
    assert_eq!(e.stage, Some(StageName::ModelTrainer));
    let line = r#"{"v":1,"seq":2,"at":"2026-11-22T12:00:00Z","kind":"stage_started","why":"first run","later":1}"#;
    let e: Envelope = serde_json::from_str(line).unwrap();
    assert!(matches!(e.event, Event::StageStarted { .. }));
}

#[test]
fn a_hole_is_remembered() {
    let warning = |n: u64| {
        envelope(
            n,
            None,
            Event::Warning {
                code: "w".into(),
                text: n.to_string(),
            },
        )
    };
    let state = RunState::replay(&[warning(1), warning(4), warning(5)]);
    assert_eq!(state.damage, [2]);
    assert_eq!(state.last_seq, 5);
}

#[test]
fn curves_are_those_of_the_first_fold_and_long_ones_are_halved() {
    let first = FitPhase::Fold { fold: 1, folds: 2 };
    let key = ("log_loss".to_owned(), Split::Train);
    let mut events = vec![trainer(fit_started(first))];
    events.extend((1..=10).map(|s| trainer(metric(s))));
    // Fitted anew, after a crash for example: the old points are void.
    events.push(trainer(fit_started(first)));
    events.extend((1..=2_001).map(|s| trainer(metric(s))));
    // Later folds and the final fit leave the curve alone.
    events.push(trainer(fit_started(FitPhase::Fold { fold: 2, folds: 2 })));
    events.push(trainer(fit_started(FitPhase::Final)));
    let state = RunState::replay(&numbered(events.clone()));
    let curve = &state.learner["xgboost"].curves[&key];
    assert_eq!(curve.len(), 1_001);
    assert_eq!(curve[0], (1, 1.0));
    assert_eq!(curve[1_000], (2_001, 2_001.0));
    // The whole curve, told at the end, replaces the points seen while it grew.
    let points = vec![(1, 0.5), (100, 0.25)];
    events.push(trainer(Event::CurveMeasured {
        learner: "xgboost".into(),
        metric: "log_loss".into(),
        split: Split::Train,
        n: 10,
        points: points.clone(),
    }));
    let state = RunState::replay(&numbered(events));
    assert_eq!(state.learner["xgboost"].curves[&key], points);
}

fn finished() -> Event {
    Event::StageFinished {
        verdict: CheckVerdict::Ok,
        seconds: 2.0,
        summary: "done".into(),
        artifacts: Vec::new(),
    }
}

fn started(run: &str, resumed: bool) -> Event {
    Event::RunStarted {
        run_id: run.parse().unwrap(),
        by: Actor {
            name: "ada".into(),
            from: "host".into(),
        },
        config_sha256: String::new(),
        program: String::new(),
        pid: 1,
        note: Some("a note".into()),
        resumed,
        learners: vec!["xgboost".into()],
        champion: None,
    }
}

#[test]
fn a_resumed_run_keeps_what_was_done_and_says_again_what_was_open() {
    let ingestion = Some(StageName::DataIngestion);
    let why = || Event::StageStarted {
        why: "first run".into(),
    };
    let mut events = vec![
        (None, started("20261122-1200-abcd", false)),
        (ingestion, why()),
        (ingestion, finished()),
        trainer(why()),
        trainer(fit_started(FitPhase::Final)),
        trainer(metric(1)),
    ];
    let before = RunState::replay(&numbered(events.clone()));
    assert_eq!(
        before.stage(StageName::ModelTrainer).status,
        StageStatus::Running
    );
    events.push((None, started("20261122-1200-abcd", true)));
    let after = RunState::replay(&numbered(events.clone()));
    assert_eq!(
        after.stage(StageName::DataIngestion).status,
        StageStatus::Ok
    );
    assert_eq!(
        after.stage(StageName::ModelTrainer).status,
        StageStatus::Waiting
    );
    assert_eq!(after.started_at, before.started_at);
    // The trainer had finished after all: its curves stay.
    events.push(trainer(Event::StageReused {
        why: "finished before".into(),
        artifacts: Vec::new(),
        summary: String::new(),
        verdict: CheckVerdict::Ok,
    }));
    let reused = RunState::replay(&numbered(events));
    assert_eq!(
        reused.stage(StageName::ModelTrainer).status,
        StageStatus::Reused
    );
    assert_eq!(reused.learner["xgboost"].curves.len(), 1);
}

#[test]
fn a_stage_that_runs_again_takes_back_what_later_stages_said() {
    let evaluation = Some(StageName::ModelEvaluation);
    let gate = Event::GateDecided {
        verdict: GateVerdict::Accept,
        reason: "good".into(),
    };
    let test = |f1: f64| {
        let mut test: TestMetrics = serde_json::from_str(
            r#"{"n":1,"accuracy":1.0,"macro_f1":1.0,"weighted_f1":1.0,"confusion":[],"classes":[],"per_class":[]}"#,
        )
        .unwrap();
        test.f1 = Some(f1);
        Event::TestMeasured(LearnerTest {
            learner: "xgboost".into(),
            test,
        })
    };
    let state = RunState::replay(&numbered(vec![
        (evaluation, test(0.5)),
        (evaluation, gate),
        trainer(Event::StageStarted {
            why: "again".into(),
        }),
    ]));
    assert_eq!(state.gate, None);
    assert!(state.learner.is_empty());
}

#[test]
fn a_cancelled_run_leaves_its_open_stage_cancelled() {
    let state = RunState::replay(&numbered(vec![
        trainer(Event::StageStarted { why: String::new() }),
        (
            None,
            Event::RunFinished {
                outcome: Outcome::Cancelled,
                error: None,
            },
        ),
    ]));
    let stage = state.stage(StageName::ModelTrainer);
    assert_eq!(stage.status, StageStatus::Cancelled);
    assert_eq!(stage.seconds, Some(1.0));
}
