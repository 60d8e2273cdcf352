//! What a run survives: a closed terminal, kill -9 anywhere; and what ends it: people.

use std::io::Read;

use netsec::events::{ControlCommand, Event, Outcome, StageName};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::Signal;

use crate::harness::{Project, Training, text, wait_until};

#[test]
fn a_closed_terminal_does_not_end_a_run() {
    let project = Project::new(Training::Long);
    let pty = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_netsec"));
    command.args(["retrain"]);
    command.cwd(project.path());
    command.env("TERM", "xterm");
    let mut follower = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    wait_until("a run", || !project.store().list().unwrap().is_empty());
    let run = project.store().resolve("latest").unwrap();
    project.wait_for_training(&run);
    // Closing the master is what a terminal window or a lost connection does: SIGHUP.
    drop(pty.master);
    wait_until("the end of the follower", || {
        follower.try_wait().unwrap().is_some()
    });
    assert!(project.view(&run).state.finished_at.is_none());
    project.wait_for_end(&run);
    assert_eq!(project.view(&run).outcome(), Outcome::Finished);
}

#[test]
fn on_a_terminal_one_line_is_drawn_over_and_the_result_stays() {
    let project = Project::new(Training::Short);
    let pty = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_netsec"));
    command.args(["retrain"]);
    command.cwd(project.path());
    command.env("TERM", "xterm");
    let mut reader = pty.master.try_clone_reader().unwrap();
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut bytes = Vec::new();
    // A pty ends with an error once its other side is closed.
    let _ = reader.read_to_end(&mut bytes);
    assert!(child.wait().unwrap().success());
    let mut screen = vt100::Parser::new(60, 200, 0);
    screen.process(&bytes);
    let shown = screen.screen().contents();
    assert!(shown.contains("leaderboard"), "{shown}");
    assert!(!shown.contains("###"), "{shown}");
}

/// Linux shares the processor between sessions first: niceness alone would not hold a worker with
/// a session of its own back.
#[test]
fn a_worker_stands_back_behind_people() {
    let enabled = std::fs::read_to_string("/proc/sys/kernel/sched_autogroup_enabled");
    let project = Project::new(Training::Long);
    let run = project.start();
    project.wait_for_training(&run);
    let pid = netsec::runs::last_holder(&project.run_dir(&run))
        .unwrap()
        .pid;
    let nice = rustix::process::getpriority_process(rustix::process::Pid::from_raw(pid as i32));
    assert_eq!(nice.unwrap(), 10);
    match enabled.as_deref().map(str::trim) {
        Ok("1") => {
            let group = std::fs::read_to_string(format!("/proc/{pid}/autogroup")).unwrap();
            assert!(group.trim().ends_with("nice 10"), "{group}");
        }
        _ => println!("skipped: needs autogroups (a_worker_stands_back_behind_people)"),
    }
    assert!(project.run(&["cancel", "latest"]).status.success());
    project.wait_for_end(&run);
}

/// The bytes of an undisturbed run.
fn undisturbed(training: Training) -> Vec<(String, String)> {
    let project = Project::new(training);
    let run = project.start();
    project.wait_for_end(&run);
    let bytes = project.final_bytes(&run);
    assert!(bytes.len() >= 10, "{bytes:?}");
    bytes
}

fn resume_and_compare(project: &Project, run: &netsec::runs::RunId, expected: &[(String, String)]) {
    project.wait_until_free(run);
    // Killed after its last word, there is nothing left to resume.
    if project.view(run).outcome() != Outcome::Finished {
        assert_eq!(project.view(run).outcome(), Outcome::Crashed);
        let output = project.run(&["resume", run.as_str()]);
        assert!(output.status.success(), "{}", text(&output));
    }
    let view = project.view(run);
    assert_eq!(view.outcome(), Outcome::Finished);
    assert_eq!(view.damage, []);
    assert_eq!(project.final_bytes(run), expected);
    let left_over: Vec<_> = std::fs::read_dir(&view.dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("writing"))
        .collect();
    assert!(left_over.is_empty(), "{left_over:?}");
}

#[test]
fn killed_at_each_stage_boundary_a_resumed_run_ends_with_the_same_bytes() {
    let expected = undisturbed(Training::Short);
    for stage in StageName::ALL {
        let project = Project::new(Training::Short);
        let run = project.start();
        project.wait_for(&run, stage.as_str(), |e| {
            e.stage == Some(stage) && matches!(e.event, Event::StageFinished { .. })
        });
        project.signal(&run, Signal::KILL);
        resume_and_compare(&project, &run, &expected);
    }
}

#[test]
fn killed_at_the_start_of_each_stage_a_resumed_run_ends_with_the_same_bytes() {
    let expected = undisturbed(Training::Short);
    for stage in StageName::ALL {
        let project = Project::new(Training::Short);
        let run = project.start();
        project.wait_for(&run, stage.as_str(), |e| {
            e.stage == Some(stage) && matches!(e.event, Event::StageStarted { .. })
        });
        project.signal(&run, Signal::KILL);
        resume_and_compare(&project, &run, &expected);
    }
}

#[test]
fn killed_in_the_middle_of_training_twice_a_resumed_run_ends_with_the_same_bytes() {
    let expected = undisturbed(Training::Long);
    let project = Project::new(Training::Long);
    let run = project.start();
    project.wait_for_training(&run);
    project.signal(&run, Signal::KILL);
    project.wait_until_free(&run);
    assert_eq!(project.view(&run).outcome(), Outcome::Crashed);
    let before = project.events(&run).len();
    project.json(&["resume", run.as_str(), "--detach", "--json"]);
    wait_until("progress again", || {
        project.events(&run)[before..]
            .iter()
            .any(|e| matches!(e.event, Event::TrainingProgress { .. }))
    });
    project.signal(&run, Signal::KILL);
    resume_and_compare(&project, &run, &expected);
    let stages = project.view(&run).state.stages;
    assert_eq!(
        stages[0].why,
        "finished before the run was interrupted; 5 files re-hashed"
    );
}

#[test]
fn killed_again_and_again_at_any_moment_a_run_ends_with_the_same_bytes() {
    let expected = undisturbed(Training::Short);
    let project = Project::new(Training::Short);
    let run = project.start();
    // Not times that are asserted, only moments that differ.
    for moment in [0, 3, 10, 25, 50, 90, 140, 200, 300] {
        std::thread::sleep(std::time::Duration::from_millis(moment));
        project.signal(&run, Signal::KILL);
        project.wait_until_free(&run);
        if project.view(&run).outcome() == Outcome::Finished {
            break;
        }
        project.json(&["resume", run.as_str(), "--detach", "--json"]);
    }
    project.signal(&run, Signal::KILL);
    resume_and_compare(&project, &run, &expected);
}

#[test]
fn a_live_run_is_not_resumed_and_a_cancelled_one_is() {
    let project = Project::new(Training::Endless);
    let run = project.start();
    project.wait_for_training(&run);
    let refused = project.run(&["resume", "latest"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    assert!(
        text(&refused).contains("is at work already, started by tester"),
        "{}",
        text(&refused)
    );
    let cancelled = project.run(&["cancel", "latest"]);
    assert!(cancelled.status.success(), "{}", text(&cancelled));
    let view = project.view(&run);
    assert_eq!(view.outcome(), Outcome::Cancelled);
    assert_eq!(view.state.controls.len(), 1);
    assert_eq!(view.state.controls[0].0, ControlCommand::Cancel);
    assert_eq!(view.state.controls[0].1.name, "tester");
    assert_eq!(
        view.state.stage(StageName::ModelTrainer).status.as_str(),
        "cancelled"
    );
    assert!(!project.run_dir(&run).join("model_trainer").exists());

    project.json(&["resume", "latest", "--detach", "--json"]);
    project.wait_for(&run, "the second attempt", |e| {
        matches!(e.event, Event::RunStarted { resumed: true, .. })
    });
    // The old Cancel is not obeyed again.
    wait_until("the trainer", || {
        project
            .view(&run)
            .state
            .stage(StageName::ModelTrainer)
            .status
            .as_str()
            == "running"
    });
    assert!(project.run(&["cancel", "latest"]).status.success());
}

#[test]
fn a_run_that_is_stopped_keeps_what_it_has_and_finishes() {
    let project = Project::new(Training::Endless);
    let run = project.start();
    project.wait_for_training(&run);
    let output = project.run(&["stop", "latest"]);
    assert!(output.status.success(), "{}", text(&output));
    project.wait_for_end(&run);
    let view = project.view(&run);
    assert_eq!(view.outcome(), Outcome::Finished, "{:?}", view.state.error);
    assert_eq!(view.state.controls.len(), 1);
    assert!(view.state.selected.is_some());
}

#[test]
fn the_signal_alone_cancels_and_a_hang_up_does_not() {
    let project = Project::new(Training::Endless);
    let run = project.start();
    project.wait_for_training(&run);
    project.signal(&run, Signal::HUP);
    project.signal(&run, Signal::TERM);
    project.wait_for_end(&run);
    let view = project.view(&run);
    assert_eq!(view.outcome(), Outcome::Cancelled);
    assert_eq!(view.state.controls.len(), 1);
    assert_eq!(view.state.controls[0].1.name, "SIGTERM");
}

#[test]
fn a_worker_that_does_not_answer_is_killed_by_the_second_cancel() {
    let project = Project::new(Training::Endless);
    let run = project.start();
    project.wait_for_training(&run);
    project.signal(&run, Signal::STOP);
    let mut first = project.netsec(&["cancel", "latest"]).spawn().unwrap();
    wait_until("the first cancel", || {
        project.run_dir(&run).join("control.jsonl").exists()
    });
    let second = project.run(&["cancel", "latest"]);
    assert!(second.status.success(), "{}", text(&second));
    assert!(text(&second).contains("killed"), "{}", text(&second));
    assert!(first.wait().unwrap().success());
    assert_eq!(project.view(&run).outcome(), Outcome::Cancelled);
}
