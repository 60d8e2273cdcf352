//! Watching and replaying a run.

use std::process::Stdio;

use netsec::events::{Envelope, Event, RunState};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Project, Training, text, wait_until};

#[test]
fn a_replay_gives_the_log_as_it_stands_and_as_sentences() {
    let project = Project::new(Training::Short);
    let run = project.start();
    project.wait_for_end(&run);
    let log = std::fs::read(project.run_dir(&run).join("events.jsonl")).unwrap();
    let streamed = project.run(&["watch", run.as_str(), "--json"]);
    assert!(streamed.status.success());
    assert_eq!(streamed.stdout, log);
    let events: Vec<Envelope> = String::from_utf8(streamed.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(RunState::replay(&events), project.view(&run).state);

    let plain = project.run(&["watch", &run.as_str()[..14], "--plain"]);
    let plain = String::from_utf8(plain.stdout).unwrap();
    for sentence in [
        " started by tester, worker alive",
        " ingestion ok, ",
        " training ok, ",
        " evaluation the gate accepts, ",
        " finished",
        "Needs you: approve v1. ",
    ] {
        assert!(plain.contains(sentence), "{sentence} in {plain}");
    }
    assert!(!plain.contains('\u{1b}'));

    let shown = project.run(&["show", "latest"]);
    assert!(text(&shown).contains("leaderboard"));
}

#[test]
fn a_live_run_is_followed_to_its_end() {
    let project = Project::new(Training::Endless);
    let run = project.start();
    let watcher = project
        .netsec(&["watch", "latest", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    project.wait_for_training(&run);
    assert!(project.run(&["cancel", "latest"]).status.success());
    let output = watcher.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(
        output.stdout,
        std::fs::read(project.run_dir(&run).join("events.jsonl")).unwrap()
    );
}

#[test]
fn an_interrupted_follower_leaves_the_run_alone() {
    let project = Project::new(Training::Endless);
    let follower = project
        .netsec(&["retrain"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("a run", || !project.store().list().unwrap().is_empty());
    let run = project.store().resolve("latest").unwrap();
    project.wait_for_training(&run);
    kill_process(Pid::from_raw(follower.id() as i32).unwrap(), Signal::INT).unwrap();
    let output = follower.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    assert!(text(&output).contains("goes on by itself"));
    assert!(project.view(&run).liveness.is_held());
    assert!(project.run(&["cancel", "latest"]).status.success());
}

#[test]
fn a_crashed_run_is_said_to_have_crashed() {
    let project = Project::new(Training::Endless);
    let follower = project
        .netsec(&["retrain"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("a run", || !project.store().list().unwrap().is_empty());
    let run = project.store().resolve("latest").unwrap();
    project.wait_for_training(&run);
    project.signal(&run, Signal::KILL);
    let output = follower.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("netsec resume"), "{}", text(&output));
    let shown = project.json(&["show", "latest", "--json"]);
    assert_eq!(shown["outcome"], "crashed");
    assert!(
        project
            .events(&run)
            .iter()
            .all(|e| !matches!(e.event, Event::RunFinished { .. }))
    );
}
