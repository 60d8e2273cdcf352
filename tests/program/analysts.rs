//! Several analysts on one machine: who has a run in hand, taking over, and what happened while
//! somebody was away.

use netsec::events::{Actor, Event, Outcome};
use netsec::presence::{self, Claim, LastSeen, Purpose};
use netsec::runs::RunId;
use netsec::workspace::Workspace;
use rustix::process::{Pid, Signal, kill_process};

use crate::console_drive::start_run;
use crate::harness::{Project, Training, text, wait_until};
use crate::pty::{Session, command};

/// A console in somebody's name.
fn console(project: &Project, user: &str) -> Session {
    let mut command = command(env!("CARGO_BIN_EXE_netsec"), project.path());
    command.args(["console"]);
    command.env("USER", user);
    let session = Session::open((120, 36), command);
    session.wait_text("[1 Home]");
    session
}

fn host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

fn takeovers(project: &Project, run: &RunId) -> Vec<(String, String)> {
    project
        .events(run)
        .into_iter()
        .filter_map(|e| match e.event {
            Event::LeaseTaken { by, from } => Some((by.name, from.name)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_command_does_not_touch_a_run_in_somebody_else_s_hands_unless_it_takes_it_over() {
    let project = Project::new(Training::Endless);
    let run = project.start();
    project.wait_for_training(&run);
    let workspace = Workspace::new(project.path());
    let mara = Actor {
        name: "mara".into(),
        from: host(),
    };
    let session = presence::Session::open(&workspace, &mara).unwrap();
    let claim = Claim {
        by: &mara,
        session: Some(session.id()),
        purpose: Purpose::Work,
    };
    presence::acquire(&workspace, &run, claim).unwrap();
    for command in ["stop", "cancel"] {
        let refused = project.run(&[command, "latest"]);
        assert_eq!(refused.status.code(), Some(5), "{}", text(&refused));
        assert!(text(&refused).contains("mara from"), "{}", text(&refused));
    }
    assert_eq!(project.view(&run).state.controls, []);
    let output = project.run(&["cancel", "latest", "--take-over"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(project.view(&run).outcome(), Outcome::Cancelled);
    let expected = [("tester".to_owned(), "mara".to_owned())];
    assert_eq!(takeovers(&project, &run), expected);
    assert_eq!(project.view(&run).damage, []);
    // Mara does not have it any more, and says so herself the same way.
    let again = presence::acquire(
        &workspace,
        &run,
        Claim {
            purpose: Purpose::Decision,
            ..claim
        },
    );
    assert!(again.is_err());
    // Nobody is at work: the log is written directly.
    presence::take_over(
        &workspace,
        &run,
        Claim {
            purpose: Purpose::Decision,
            ..claim
        },
    )
    .unwrap();
    let output = project.run(&["resume", "latest", "--detach", "--take-over"]);
    assert!(output.status.success(), "{}", text(&output));
    wait_until("the second takeover", || {
        takeovers(&project, &run).len() == 2
    });
    project.wait_for_training(&run);
    drop(session);
    assert!(
        project.run(&["cancel", "latest"]).status.success(),
        "nobody is here any more"
    );
}

#[test]
fn two_consoles_see_the_same_run_and_only_one_has_it_until_it_is_taken_over() {
    let project = Project::new(Training::Endless);
    let mut maras = console(&project, "mara");
    start_run(&mut maras);
    let run = project.store().resolve("latest").unwrap();
    project.wait_for_training(&run);
    let mut jons = console(&project, "jon");
    jons.wait_text("in mara's hands");
    jons.keys("c");
    jons.wait_text("Somebody else has it");
    // The focus is on leaving it alone.
    jons.keys("\r");
    jons.wait("the dialog to close", |s| {
        !s.contents().contains("Somebody else has it")
    });
    assert_eq!(project.view(&run).state.controls, []);
    jons.keys("c");
    jons.wait_text("Somebody else has it");
    jons.keys("\x1b[Z");
    jons.keys(run.short());
    jons.keys("\t\t\r");
    maras.wait_text("was taken over by jon");
    project.wait_for_end(&run);
    let view = project.view(&run);
    assert_eq!(view.state.controls.len(), 1);
    assert_eq!(view.state.controls[0].1.name, "jon");
    let expected = [("jon".to_owned(), "mara".to_owned())];
    assert_eq!(takeovers(&project, &run), expected);
    maras.keys("q");
    jons.keys("q");
    assert_eq!((maras.wait_end(), jons.wait_end()), (0, 0));
}

#[test]
fn a_console_that_is_killed_has_nothing_in_hand_any_more() {
    let project = Project::new(Training::Endless);
    let mut maras = console(&project, "mara");
    start_run(&mut maras);
    let run = project.store().resolve("latest").unwrap();
    project.wait_for_training(&run);
    let refused = project.run(&["stop", "latest"]);
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused));
    let pid = Pid::from_raw(maras.pid() as i32).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    maras.wait_end();
    let output = project.run(&["stop", "latest"]);
    assert!(output.status.success(), "{}", text(&output));
    project.wait_for_end(&run);
    assert_eq!(project.view(&run).outcome(), Outcome::Finished);
}

#[test]
fn what_happened_meanwhile_is_told_once() {
    let project = Project::new(Training::Short);
    let mut session = console(&project, "mara");
    session.wait_text("starts the first retrain");
    session.keys("1q");
    assert_eq!(session.wait_end(), 0);
    let workspace = Workspace::new(project.path());
    assert!(LastSeen::read(&workspace, "mara").at.is_some());
    project.json(&["retrain", "--json"]);
    let mut session = console(&project, "mara");
    session.wait_text("Since you were last here");
    session.wait_text("1 run ended");
    session.keys("m");
    session.wait("the news to go", |s| {
        !s.contents().contains("Since you were last here")
    });
    session.keys("q");
    assert_eq!(session.wait_end(), 0);
    let mut session = console(&project, "mara");
    session.wait_text("APPROVE?");
    assert!(
        !session.text().contains("Since you were"),
        "{}",
        session.text()
    );
    session.keys("q");
    assert_eq!(session.wait_end(), 0);
    // Somebody who was never here has no news.
    let mut session = console(&project, "jon");
    session.wait_text("APPROVE?");
    assert!(
        !session.text().contains("Since you were"),
        "{}",
        session.text()
    );
    session.keys("q");
    session.wait_end();
}
