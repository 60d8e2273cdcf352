//! The console in a real pseudo-terminal with an emulated screen: keys in, screens out, and the
//! terminal as it was before, however the console ends.

use std::path::Path;
use std::time::Instant;

use crate::pty::{PATIENCE, Session, fresh_modes, project, size, wait_for_file};

/// `stty -g` before and after, and the console's exit code.
pub const AROUND: &str = "stty -g > before; sh -c 'echo $$ > pid; exec \"$NETSEC\" console'; \
                      echo $? > code; stty -g > after; echo the-end; read rest";

pub fn assert_restored(dir: &Path, code: &str) {
    assert_eq!(wait_for_file(&dir.join("code")), code);
    let after = wait_for_file(&dir.join("after"));
    assert_eq!(wait_for_file(&dir.join("before")), after);
}

#[test]
fn keys_drive_it_and_quit_restores_everything() {
    let dir = project();
    let mut session = Session::start(dir.path(), "sh", AROUND);
    let fresh = fresh_modes();
    session.wait_text("summary of data_ingestion");
    assert_ne!(session.modes(), fresh);
    assert!(session.text().contains("[1Home]"), "{}", session.text());
    session.keys("\r");
    session.wait_text("[4Train]");
    session.wait_text("xgboost");
    session.keys("6");
    session.wait_text("No plan waits for a decision.");
    session.keys("?");
    session.wait_text("Keys on Approve");
    session.keys("\x1b");
    session.wait("the help to close", |s| {
        !s.contents().contains("Keys on Approve")
    });
    // Pasted text is no command.
    session.keys("\x1b[200~q\r\x1b[201~");
    session.wait_text("Pasted text is ignored here.");
    let master = session.master.as_ref().unwrap();
    master.resize(size((40, 10))).unwrap();
    session.wait_text("netsec needs 60x15, this is 40x10.");
    master.resize(size((80, 24))).unwrap();
    session.wait_text("No plan waits for a decision.");
    session.keys("1");
    session.wait_text("[1Home]");
    session.keys("q");
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert_restored(dir.path(), "0");
}

#[test]
fn every_key_is_answered_without_waiting_for_anything_else() {
    let dir = project();
    let mut session = Session::start(dir.path(), "sh", AROUND);
    session.wait_text("[1Home]");
    // A key that only the next wake-up of the loop brings to the screen takes up to two seconds:
    // that many would end the patience of the whole walk.
    let begun = Instant::now();
    for _ in 0..30 {
        for (key, tab) in [("4", "[4Train]"), ("6", "[6Appr]"), ("1", "[1Home]")] {
            session.keys(key);
            session.wait_text(tab);
        }
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    session.keys("q");
    session.wait_text("the-end");
}

#[test]
fn a_termination_signal_restores_everything() {
    let dir = project();
    let session = Session::start(dir.path(), "sh", AROUND);
    let fresh = fresh_modes();
    session.wait_text("[1Home]");
    let pid = wait_for_file(&dir.path().join("pid"));
    let status = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(status.unwrap().success());
    session.wait_text("the-end");
    assert!(session.text().contains("SIGTERM"), "{}", session.text());
    assert_eq!(session.modes(), fresh);
    assert_restored(dir.path(), "130");
}

#[test]
fn suspending_gives_the_terminal_back_and_fg_repaints() {
    if std::process::Command::new("bash")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: needs bash (suspending_gives_the_terminal_back_and_fg_repaints)");
        return;
    }
    let dir = project();
    let script = "set -m; stty -g > before; \"$NETSEC\" console; stty -g > stopped; \
                  echo is-stopped; read go; fg > /dev/null; echo $? > code; stty -g > after; \
                  echo the-end; read rest";
    let mut session = Session::start(dir.path(), "bash", script);
    let fresh = fresh_modes();
    session.wait_text("summary of data_ingestion");
    session.keys("\x1a");
    session.wait_text("is-stopped");
    assert_eq!(session.modes(), fresh);
    assert_eq!(
        wait_for_file(&dir.path().join("before")),
        wait_for_file(&dir.path().join("stopped"))
    );
    session.keys("go\n");
    session.wait("the screen again", |s| {
        s.alternate_screen() && s.contents().contains("summary of data_ingestion")
    });
    session.keys("4");
    session.wait_text("[4Train]");
    session.keys("q");
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert_restored(dir.path(), "0");
}

#[test]
fn a_hang_up_ends_it_even_when_the_signal_never_comes() {
    // The shell leads the session and ignores SIGHUP, so the kernel tells nobody else.
    let dir = project();
    let script = "trap '' HUP; \"$NETSEC\" console; echo $? > code";
    let mut session = Session::start(dir.path(), "sh", script);
    session.wait_text("[1Home]");
    session.hang_up();
    assert_eq!(wait_for_file(&dir.path().join("code")), "129");
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let dir = project();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_netsec"))
        .arg("console")
        .current_dir(dir.path())
        .env_remove("NETSEC_CONFIG")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("netsec watch latest --plain"), "{text}");
}
