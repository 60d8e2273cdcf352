//! A person at the console from the first key to the champion: a retrain is started, watched
//! through a stop, a storm of sizes and a killed console, and its plan is approved.

use std::process::Command;
use std::time::Instant;

use netsec::events::Outcome;

use crate::console_pty::{AROUND, assert_restored};
use crate::harness::{Project, Training, text};
use crate::pty::{PATIENCE, Session, fresh_modes, wait_for_file};

/// Moves the focus until it is on a button, and presses it.
pub fn press_button(session: &mut Session, label: &str) {
    let focused = format!(">[ {label}");
    let begun = Instant::now();
    while !session.text().contains(&focused) {
        assert!(
            begun.elapsed() < PATIENCE,
            "no way to the button `{label}`:\n{}",
            session.text()
        );
        // One step at a time: a step still on its way would take Enter to the next button.
        let before = session.screen(marks);
        session.keys("\t");
        session.wait("the focus to move", |s| marks(s) != before);
    }
    session.keys("\r");
}

/// Where the marks are that show the focus.
fn marks(screen: &vt100::Screen) -> Vec<(usize, usize)> {
    let rows = screen.rows(0, 200).enumerate();
    rows.flat_map(|(y, row)| {
        let marks: Vec<_> = row.match_indices('>').map(|(x, _)| (y, x)).collect();
        marks
    })
    .collect()
}

/// Starts a retrain with its form, as it is offered.
pub fn start_run(session: &mut Session) {
    session.keys("n");
    session.wait_text("Start a retrain");
    press_button(session, "Start");
    session.wait_text("is at work");
}

/// Waits until the header says how far the training is; returns the per cent.
pub fn training(session: &Session) -> u32 {
    session.wait("TRAINING in the header", |s| per_cent(s).is_some());
    session.screen(per_cent).unwrap_or(0)
}

/// The per cent behind TRAINING in the header.
pub fn per_cent(screen: &vt100::Screen) -> Option<u32> {
    let header = screen.rows(0, 200).next()?;
    let (_, rest) = header.split_once("TRAINING ")?;
    rest.split_once('%')?.0.parse().ok()
}

/// Approves the plan that waits, with reason and typed version.
pub fn approve(session: &mut Session, version: &str) {
    session.wait_text("APPROVE?");
    session.keys("6");
    session.wait_text(version);
    session.keys("\r");
    session.wait_text(&format!("Push {version} to production?"));
    // Without a reason nothing can be decided.
    session.wait_text("( Reject");
    // From Cancel, where the focus begins, back to the first field.
    session.keys("\x1b[Z");
    session.keys("\x1b[Z");
    session.keys("better than nothing");
    session.keys("\t");
    session.keys(version);
    session.wait_text("[ Approve and push");
    press_button(session, "Approve and push");
    session.wait_text(&format!("{version} is in production"));
    session.escape();
}

#[test]
fn from_the_first_key_to_the_champion() {
    let project = Project::new(Training::Long);
    let dir = project.path();
    let mut session = Session::start(dir, "sh", AROUND);
    let fresh = fresh_modes();
    session.wait_text("[1Home]");
    start_run(&mut session);
    let run = project.store().resolve("latest").unwrap();
    training(&session);
    session.keys("4");
    session.wait_text("random_forest");
    session.resize((120, 36));
    session.wait_text("[4 Train]");
    for i in 0..40_u16 {
        session.resize_behind((60 + (i * 31) % 80, 15 + (i * 7) % 30));
    }
    session.resize((80, 24));
    session.wait_text("[4Train]");
    session.wait_text("Leaderboard");
    // The console is killed, the run is not.
    let pid = wait_for_file(&dir.join("pid"));
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert_restored(dir, "130");
    drop(session);

    let mut session = Session::start(dir, "sh", AROUND);
    session.wait_text(run.short());
    project.wait_for_end(&run);
    assert_eq!(project.view(&run).outcome(), Outcome::Finished);
    approve(&mut session, "v1");
    let journal = text(&project.run(&["journal", "--json"]));
    assert!(journal.contains("better than nothing"), "{journal}");
    assert!(journal.contains(run.as_str()), "{journal}");
    session.keys("q");
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert_restored(dir, "0");
}
