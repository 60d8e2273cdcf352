//! Settings of one run, and runs that wait for their turn: started once, by whoever is there.

use std::fs;
use std::process::Child;

use netsec::events::{Event, Outcome};
use netsec::runs::{Queue, RunId};
use netsec::workspace::Workspace;

use crate::harness::{PATIENCE, Project, Training, text, wait_until};

#[test]
fn a_run_with_changed_settings_leaves_the_file_alone_and_says_what_it_ran_with() {
    let project = Project::new(Training::Short);
    let before = fs::read(project.config()).unwrap();
    let first = project.json(&["retrain", "--json"]);
    let changed = project.json(&[
        "retrain",
        "--json",
        "--set",
        "training.learners=decision_tree",
        "--set",
        "training.folds=3",
    ]);
    assert_eq!(fs::read(project.config()).unwrap(), before);
    assert_eq!(changed["leaderboard"].as_array().unwrap().len(), 1);
    assert_ne!(changed["config_sha256"], first["config_sha256"]);
    assert_eq!(changed["settings"][1]["key"], "training.folds");
    assert_eq!(changed["settings"][1]["value"], 3);
    assert_eq!(changed["settings"][1]["in_config"], 2);
    let run: RunId = changed["run_id"].as_str().unwrap().parse().unwrap();
    let frozen = fs::read_to_string(project.run_dir(&run).join("config.toml")).unwrap();
    let frozen = netsec::config::parse(&frozen, "frozen", []).unwrap();
    assert_eq!(frozen.training.folds, 3);
    assert_eq!(
        changed["config_sha256"].as_str().unwrap(),
        netsec::hash::sha256_json(&frozen)
    );
    let shown = text(&project.run(&["show", run.as_str()]));
    assert!(
        shown.contains("changed: training.folds 3 (config 2)"),
        "{shown}"
    );
    let compared = project.json(&[
        "compare",
        "--json",
        run.as_str(),
        first["run_id"].as_str().unwrap(),
    ]);
    let names: Vec<&str> = compared["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["name"].as_str())
        .collect();
    assert!(
        names.contains(&"training.folds") && names.contains(&"training.learners"),
        "{names:?}"
    );
}

#[test]
fn a_resumed_run_keeps_its_settings() {
    let project = Project::new(Training::Endless);
    let args = ["retrain", "--detach", "--json", "--set", "training.folds=3"];
    let run: RunId = project.json(&args)["run_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    project.wait_for_training(&run);
    assert!(project.run(&["cancel", "latest"]).status.success());
    let sha = project.view(&run).state.config_sha256;
    project.json(&["resume", "latest", "--detach", "--json"]);
    project.wait_for(&run, "the second attempt", |e| {
        matches!(e.event, Event::RunStarted { resumed: true, .. })
    });
    assert_eq!(project.view(&run).state.config_sha256, sha);
    assert!(project.run(&["cancel", "latest"]).status.success());
}

#[test]
fn wrong_settings_start_and_queue_nothing() {
    let project = Project::new(Training::Short);
    for (set, code, says) in [
        ("training.folds=1", 3, "at least 2"),
        ("training.fold=3", 3, "Did you mean `folds`?"),
        ("gate.max_loss=1", 3, "not a setting of a run"),
        ("training.folds", 2, "KEY=VALUE"),
    ] {
        for how in ["--detach", "--queue", "--check"] {
            let output = project.run(&["retrain", how, "--set", set]);
            assert_eq!(output.status.code(), Some(code), "{set}: {}", text(&output));
            assert!(text(&output).contains(says), "{set}: {}", text(&output));
        }
    }
    let output = project.run(&["retrain", "--check", "--set", "source.path=gone.csv"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(project.run(&["retrain", "--check"]).status.success());
    assert!(project.store().list().unwrap().is_empty());
}

fn queued(project: &Project) -> usize {
    let queue = Queue::new(&Workspace::new(project.path()));
    queue.waiting().unwrap().entries.len()
}

fn wait_for_all(project: &Project, runs: usize) {
    let states = || -> Vec<String> {
        let ids = project.store().list().unwrap();
        let state = |id: &RunId| {
            let view = project.view(id);
            let queued = view.request.as_ref().and_then(|r| r.queued.clone());
            format!("{id} {queued:?} {:?} {:?}", view.outcome(), view.liveness)
        };
        ids.iter().map(state).collect()
    };
    let end = |state: &String| state.ends_with("Finished Free");
    let begun = std::time::Instant::now();
    loop {
        let states = states();
        if states.len() == runs && states.iter().all(end) {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{runs} runs are waited for in vain:\n{}",
            states.join("\n")
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Every entry of the queue made one run, and every run began once.
fn assert_once(project: &Project, entries: &[String]) {
    let ids = project.store().list().unwrap();
    let mut made: Vec<String> = ids
        .iter()
        .filter_map(|id| project.store().request(id).unwrap().queued)
        .collect();
    made.sort();
    let mut expected = entries.to_vec();
    expected.sort();
    assert_eq!(made, expected);
    for id in &ids {
        let begun = project
            .events(id)
            .iter()
            .filter(|e| matches!(e.event, Event::RunStarted { .. }))
            .count();
        assert_eq!(begun, 1, "{id}");
    }
}

fn enqueue(project: &Project, note: &str) -> String {
    let value = project.json(&["retrain", "--queue", "--json", "--note", note]);
    value["queued"].as_str().unwrap().to_owned()
}

#[test]
fn the_worker_that_ends_starts_the_next_one_in_order() {
    let project = Project::new(Training::Endless);
    let blocker = project.start();
    project.wait_for_training(&blocker);
    let config = fs::read_to_string(project.config()).unwrap();
    fs::write(project.config(), config.replace("1000000", "5")).unwrap();
    let entries: Vec<String> = ["one", "two", "three"].map(|n| enqueue(&project, n)).into();
    // What waits is not touched by later changes of the file.
    fs::write(project.config(), "[training]\nfolds = 1\n").unwrap();
    assert_eq!(queued(&project), 3);
    let listed = project.json(&["queue", "--json"]);
    assert_eq!(listed[1]["note"], "two");
    assert!(
        project
            .run(&["queue", "sooner", &entries[2]])
            .status
            .success()
    );
    assert!(
        project
            .run(&["queue", "remove", &entries[0]])
            .status
            .success()
    );
    let doctor = text(&project.run(&["doctor"]));
    assert!(
        doctor.contains("2 queued; the worker at work starts the next one"),
        "{doctor}"
    );
    // A crash starts nothing, and the doctor says so.
    project.signal(&blocker, rustix::process::Signal::KILL);
    project.wait_until_free(&blocker);
    let doctor = text(&project.run(&["doctor"]));
    assert!(doctor.contains("netsec queue start"), "{doctor}");
    let output = project.run(&["queue", "start"]);
    assert!(output.status.success(), "{}", text(&output));
    wait_until("the queued runs", || {
        project.store().list().unwrap().len() == 3 && queued(&project) == 0
    });
    let ids = project.store().list().unwrap();
    for id in &ids[..2] {
        project.wait_for_end(id);
        assert_eq!(project.view(id).outcome(), Outcome::Finished);
    }
    let notes: Vec<String> = ids[..2]
        .iter()
        .map(|id| project.view(id).note().unwrap().to_owned())
        .collect();
    assert_eq!(
        notes,
        ["two", "three"],
        "newest first: three was moved before two"
    );
}

#[test]
fn many_that_look_at_once_start_each_run_once() {
    let project = Project::new(Training::Short);
    let entries: Vec<String> = (0..4).map(|n| enqueue(&project, &n.to_string())).collect();
    let mut lookers: Vec<Child> = (0..8)
        .map(|_| project.netsec(&["queue", "start"]).spawn().unwrap())
        .collect();
    for looker in &mut lookers {
        looker.wait().unwrap();
    }
    wait_for_all(&project, 4);
    assert_eq!(queued(&project), 0);
    assert_once(&project, &entries);
}

#[test]
fn whoever_is_killed_while_starting_a_run_the_next_one_starts_it_once() {
    let project = Project::new(Training::Short);
    // Entries are made while a run is at work, so that none of them starts yet.
    let blocker = {
        let config = fs::read_to_string(project.config()).unwrap();
        fs::write(
            project.config(),
            config.replace("trees = 5", "trees = 1000000"),
        )
        .unwrap();
        let run = project.start();
        project.wait_for_training(&run);
        fs::write(project.config(), config).unwrap();
        run
    };
    let entries: Vec<String> = (0..3).map(|n| enqueue(&project, &n.to_string())).collect();
    project.signal(&blocker, rustix::process::Signal::KILL);
    project.wait_until_free(&blocker);
    fs::remove_dir_all(project.run_dir(&blocker)).unwrap();
    // Not times that are asserted, only moments that differ: before the lock, between folder and
    // worker, during the handshake, after it.
    for moment in [0, 2, 4, 6, 8, 10, 13, 17, 22, 30, 45, 70] {
        let mut looker = project.netsec(&["queue", "start"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(moment));
        looker.kill().unwrap();
        looker.wait().unwrap();
    }
    wait_until("the last one", || {
        project.run(&["queue", "start"]);
        queued(&project) == 0
    });
    wait_for_all(&project, 3);
    assert_once(&project, &entries);
}
