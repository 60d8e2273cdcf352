//! Runs from start to end, reuse, and what `show` and `runs` say about them.

use std::fs;

use netsec::error::ErrorKind;
use netsec::events::Outcome;

use crate::harness::{Project, Training, text};

const STAGES: [&str; 6] = [
    "data_ingestion",
    "data_validation",
    "data_transformation",
    "model_trainer",
    "model_evaluation",
    "model_pusher",
];

fn states(document: &serde_json::Value) -> Vec<(String, String)> {
    document["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| {
            (
                s["name"].as_str().unwrap().to_owned(),
                s["state"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[test]
fn a_run_goes_through_all_stages_and_the_next_one_reuses_them() {
    let project = Project::new(Training::Short);
    let first = project.json(&["retrain", "--json", "--note", "a note"]);
    assert_eq!(first["outcome"], "finished");
    assert_eq!(first["note"], "a note");
    assert_eq!(first["by"], "tester");
    for ((name, state), expected) in states(&first).into_iter().zip(STAGES) {
        assert_eq!(name, expected);
        assert!(state == "ok" || state == "warn", "{name} is {state}");
    }
    let rows = first["data"]["rows"].as_u64().unwrap();
    let kept = first["data"]["kept"].as_u64().unwrap();
    assert_eq!(rows, 600);
    assert_eq!(kept + first["data"]["quarantined"].as_u64().unwrap(), rows);
    let leaderboard = first["leaderboard"].as_array().unwrap();
    assert_eq!(leaderboard.len(), 2);
    assert_eq!(leaderboard[0]["learner"], first["selected"]);
    for row in leaderboard {
        assert!(row["test"]["accuracy"].is_number(), "{row}");
        assert!(row["cv"]["f1"]["mean"].is_number(), "{row}");
    }
    assert_eq!(
        first["gate"]["verdict"] == "accept",
        first["plan_id"].is_string()
    );

    let second = project.json(&["retrain", "--json"]);
    let (last, before) = states(&second)
        .split_last()
        .map(|(l, b)| (l.clone(), b.to_vec()))
        .unwrap();
    assert!(
        before.iter().all(|(_, state)| state == "reused"),
        "{before:?}"
    );
    assert_eq!(last, ("model_pusher".to_owned(), "ok".to_owned()));
    let why = second["stages"][0]["why"].as_str().unwrap();
    assert!(why.contains(first["run_id"].as_str().unwrap()), "{why}");
    // All that is known stands in the second run's log as well.
    assert_eq!(second["leaderboard"], first["leaderboard"]);
    assert_eq!(second["data"], first["data"]);
    assert_eq!(second["gate"], first["gate"]);

    let config = fs::read_to_string(project.config()).unwrap();
    fs::write(project.config(), config.replace("trees = 5", "trees = 6")).unwrap();
    let third = project.json(&["retrain", "--json"]);
    let trainer = &third["stages"][3];
    assert_eq!(trainer["state"], "ok");
    let why = trainer["why"].as_str().unwrap();
    assert!(
        why.contains("config [training] changed: random_forest.trees 5 -> 6"),
        "{why}"
    );
    assert_eq!(third["stages"][2]["state"], "reused");

    let forced = project.json(&["retrain", "--json", "--from", "data_transformation"]);
    assert_eq!(forced["stages"][1]["state"], "reused");
    assert_eq!(forced["stages"][2]["why"], "--from data_transformation");
    assert_eq!(forced["stages"][3]["state"], "ok");

    let runs = project.json(&["runs", "--json"]);
    assert_eq!(runs.as_array().unwrap().len(), 4);
    assert_eq!(runs[0]["run_id"], forced["run_id"]);
    assert_eq!(runs[3]["note"], "a note");
    assert!(runs[0]["f1"].is_number());
}

#[test]
fn a_source_that_is_not_there_ends_with_4_and_leaves_no_stage() {
    let project = Project::new(Training::Short);
    fs::remove_file(project.path().join("flows.csv")).unwrap();
    let output = project.run(&["retrain"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(text(&output).contains("flows.csv"));
    let run = project.store().resolve("latest").unwrap();
    let view = project.view(&run);
    assert_eq!(view.outcome(), Outcome::Failed);
    assert_eq!(view.state.error.as_ref().unwrap().kind, ErrorKind::Data);
    assert!(!project.run_dir(&run).join("data_ingestion").exists());
}

#[test]
fn a_wrong_configuration_ends_with_3_before_any_run() {
    let project = Project::new(Training::Short);
    fs::write(project.config(), "[training]\nfold = 3\n").unwrap();
    let output = project.run(&["retrain"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("folds"));
    assert!(project.store().list().unwrap().is_empty());
}

#[test]
fn what_is_not_there_ends_with_7() {
    let project = Project::new(Training::Short);
    for args in [
        &["show", "latest"][..],
        &["watch", "nope"],
        &["resume", "20261122-1200-abcd"],
        &["cancel", "latest"],
    ] {
        let output = project.run(args);
        assert_eq!(output.status.code(), Some(7), "{args:?}: {}", text(&output));
    }
}

#[test]
fn two_runs_at_once_are_kept_apart() {
    let project = Project::new(Training::Short);
    let a = project.start();
    let b = project.start();
    assert_ne!(a, b);
    for run in [&a, &b] {
        project.wait_for_end(run);
        assert_eq!(project.view(run).outcome(), Outcome::Finished);
    }
    assert_eq!(project.final_bytes(&a), project.final_bytes(&b));
}

#[test]
fn a_finished_run_is_not_resumed_or_cancelled() {
    let project = Project::new(Training::Short);
    let run = project.start();
    project.wait_for_end(&run);
    for command in ["resume", "cancel", "stop"] {
        let output = project.run(&[command, run.as_str()]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains("has finished"), "{}", text(&output));
    }
}
