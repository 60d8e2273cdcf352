use super::*;
use crate::events::{Event, LogRecorder};
use crate::runs::{RunLock, ShowDocument};

fn actor() -> Actor {
    Actor {
        name: "ada".into(),
        from: "host".into(),
    }
}

fn store() -> (tempfile::TempDir, RunStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = RunStore::new(&Workspace::new(dir.path()));
    (dir, store)
}

fn ids(texts: &[&str]) -> Vec<RunId> {
    texts.iter().map(|t| t.parse().unwrap()).collect()
}

fn make(store: &RunStore) -> RunId {
    store
        .create(
            &Config::default(),
            NewRun {
                note: Some("a note".into()),
                ..NewRun::by(actor())
            },
        )
        .unwrap()
}

fn record(store: &RunStore, run: &RunId, event: Event) {
    LogRecorder::open(&store.workspace.run_dir(run).join(EVENTS_FILE))
        .unwrap()
        .record_run(event);
}

#[test]
fn a_run_is_found_by_id_prefix_suffix_and_latest() {
    let runs = ids(&[
        "20261122-1301-cccc",
        "20261122-1300-bbbb",
        "20261121-0900-aabb",
    ]);
    let found = |text: &str| choose(text, &runs).unwrap();
    assert_eq!(found("latest"), runs[0]);
    assert_eq!(found("20261122-1300-bbbb"), runs[1]);
    assert_eq!(found("20261121"), runs[2]);
    assert_eq!(found("cccc"), runs[0]);
    assert_eq!(found("aabb"), runs[2]);
}

#[test]
fn an_ambiguous_text_names_the_candidates_and_an_unknown_one_the_newest() {
    let runs = ids(&["20261122-1301-cccc", "20261122-1300-bbbb"]);
    let e = CommandError::from(choose("20261122", &runs).unwrap_err());
    assert_eq!(e.kind.exit_code(), 7);
    assert!(e.message.contains("20261122-1301-cccc, 20261122-1300-bbbb"));
    let e = CommandError::from(choose("nope", &runs).unwrap_err());
    assert_eq!(e.kind.exit_code(), 7);
    assert!(e.hints.iter().any(|h| h.contains("20261122-1301-cccc")));
    assert!(matches!(
        choose("", &runs),
        Err(RunStoreError::NoSuchRun { .. })
    ));
    assert!(matches!(choose("latest", &[]), Err(RunStoreError::Empty)));
}

#[test]
fn runs_are_listed_newest_first_even_within_a_minute() {
    let (dir, store) = store();
    assert_eq!(store.list().unwrap(), []);
    let mut made: Vec<RunId> = (0..5).map(|_| make(&store)).collect();
    made.reverse();
    fs::create_dir_all(dir.path().join("Artifacts/versions")).unwrap();
    fs::write(dir.path().join("Artifacts/journal.jsonl"), "").unwrap();
    assert_eq!(store.list().unwrap(), made);
    assert_eq!(store.resolve("latest").unwrap(), made[0]);
}

#[test]
fn a_new_run_holds_its_configuration_and_request() {
    let (_dir, store) = store();
    let run = make(&store);
    let dir = store.workspace.run_dir(&run);
    let text = fs::read_to_string(dir.join(CONFIG_FILE)).unwrap();
    assert_eq!(
        crate::config::parse(&text, "c", Vec::new()).unwrap(),
        Config::default()
    );
    let view = store.open(&run).unwrap();
    assert_eq!(view.by().unwrap().name, "ada");
    assert_eq!(view.note(), Some("a note"));
}

#[test]
fn a_run_that_is_not_there_is_not_found() {
    let (_dir, store) = store();
    let run: RunId = "20261122-1301-cccc".parse().unwrap();
    assert_eq!(store.open(&run).unwrap_err().kind.exit_code(), 7);
}

#[test]
fn the_lock_and_the_log_decide_the_outcome() {
    let (_dir, store) = store();
    let run = make(&store);
    // Just made: its worker is starting.
    assert_eq!(store.open(&run).unwrap().outcome(), Outcome::Running);
    record(
        &store,
        &run,
        Event::Warning {
            code: "w".into(),
            text: "t".into(),
        },
    );
    let mut view = store.open(&run).unwrap();
    assert_eq!(view.outcome(), Outcome::Crashed);
    let lock = RunLock::acquire(&store.workspace.run_dir(&run), "s").unwrap();
    view.liveness = lock::liveness(&view.dir).unwrap();
    assert_eq!(view.outcome(), Outcome::Running);
    view.seen_at += TimeDelta::seconds(61);
    assert_eq!(view.outcome(), Outcome::Stalled);
    record(
        &store,
        &run,
        Event::RunFinished {
            outcome: Outcome::Cancelled,
            error: None,
        },
    );
    assert_eq!(store.open(&run).unwrap().outcome(), Outcome::Cancelled);
    drop(lock);
    assert_eq!(store.open(&run).unwrap().outcome(), Outcome::Cancelled);
}

#[test]
fn a_run_whose_worker_never_came_has_crashed_after_a_while() {
    let made = Utc::now();
    let state = RunState::default();
    let at = |seconds| {
        outcome(
            &state,
            false,
            Some(made),
            made + TimeDelta::seconds(seconds),
        )
    };
    assert_eq!(at(5), Outcome::Running);
    assert_eq!(at(11), Outcome::Crashed);
    assert_eq!(outcome(&state, false, None, made), Outcome::Crashed);
}

#[test]
fn the_show_document_has_the_keys_of_the_contract() {
    let (_dir, store) = store();
    let run = make(&store);
    record(
        &store,
        &run,
        Event::RunStarted {
            run_id: run.clone(),
            by: actor(),
            config_sha256: "ab".into(),
            program: "0.1.0".into(),
            pid: 1,
            note: None,
            resumed: false,
            learners: vec!["decision_tree".into(), "xgboost".into()],
            champion: Some("v1".into()),
        },
    );
    record(
        &store,
        &run,
        Event::ModelSelected {
            learner: "xgboost".into(),
            threshold: Some(0.5),
            reason: "best".into(),
        },
    );
    record(
        &store,
        &run,
        Event::ApprovalRequested {
            plan_id: "p".into(),
            version: "v2".into(),
        },
    );
    let value = serde_json::to_value(ShowDocument::new(&store.open(&run).unwrap())).unwrap();
    for key in [
        "run_id",
        "outcome",
        "started_at",
        "finished_at",
        "config_sha256",
        "data",
        "stages",
        "leaderboard",
        "selected",
        "threshold",
        "gate",
        "plan_id",
        "champion_before",
    ] {
        assert!(value.get(key).is_some(), "{key}");
    }
    assert_eq!(value["stages"].as_array().unwrap().len(), 6);
    assert_eq!(value["stages"][0]["name"], "data_ingestion");
    assert_eq!(value["stages"][0]["state"], "waiting");
    // The selected learner first, every other one after it.
    assert_eq!(value["leaderboard"][0]["learner"], "xgboost");
    assert_eq!(value["leaderboard"][1]["learner"], "decision_tree");
    // A plan without an accepting gate is no plan.
    assert!(value["plan_id"].is_null());
    assert_eq!(value["champion_before"], "v1");
}
