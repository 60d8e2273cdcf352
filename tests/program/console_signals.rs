//! Signals, panics, storms of sizes: the terminal is as it was before, or the picture is right.

use std::process::Command;
use std::time::{Duration, Instant};

use netsec::console::terminal;

use crate::console_pty::{AROUND, assert_restored};
use crate::pty::{PATIENCE, Session, command, fresh_modes, project, wait_for_file};

/// Sends a signal to a process this test started.
fn signal(name: &str, pid: &str) {
    let status = Command::new("kill").args([name, pid]).status();
    assert!(status.unwrap().success(), "kill {name} {pid}");
}

fn has_bash(test: &str) -> bool {
    let there = Command::new("bash").arg("--version").output().is_ok();
    if !there {
        println!("skipped: needs bash ({test})");
    }
    there
}

/// A shell with job control, a console in it, and what `fg` brings back.
const JOB: &str = "set -m; stty -g > before; sh -c 'echo $$ > pid; exec \"$NETSEC\" console'; \
                   stty -g > stopped; echo is-stopped; read go; fg > /dev/null; echo $? > code; \
                   stty -g > after; echo the-end; read rest";

#[test]
fn stopped_from_outside_it_gives_the_terminal_back_and_takes_it_again() {
    if !has_bash("stopped_from_outside_it_gives_the_terminal_back_and_takes_it_again") {
        return;
    }
    let dir = project();
    let mut session = Session::start(dir.path(), "bash", JOB);
    let fresh = fresh_modes();
    session.wait_text("summary of data_ingestion");
    // The mouse has to go and come back as well.
    session.keys("M");
    session.wait_text("Mouse on");
    let taken = session.modes();
    let pid = wait_for_file(&dir.path().join("pid"));
    signal("-TSTP", &pid);
    session.wait_text("is-stopped");
    assert_eq!(session.modes(), fresh);
    assert_eq!(
        wait_for_file(&dir.path().join("before")),
        wait_for_file(&dir.path().join("stopped"))
    );
    // What the shell left on the screen is painted over.
    session.keys("go\n");
    session.wait("the screen again", |s| {
        s.alternate_screen()
            && s.contents().contains("summary of data_ingestion")
            && !s.contents().contains("is-stopped")
    });
    assert_eq!(session.modes(), taken);
    session.keys("4");
    session.wait_text("[4Train]");
    session.keys("Mq");
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert_restored(dir.path(), "0");
}

#[test]
fn where_nobody_could_continue_it_it_does_not_stop() {
    // No job control: the console's process group is an orphan, as under a forced command.
    let dir = project();
    let mut session = Session::start(dir.path(), "sh", AROUND);
    session.wait_text("[1Home]");
    let pid = wait_for_file(&dir.path().join("pid"));
    signal("-TSTP", &pid);
    session.wait_text("Not suspended");
    session.keys("4");
    session.wait_text("[4Train]");
    session.keys("\x1a");
    session.keys("1");
    session.wait_text("[1Home]");
    session.keys("q");
    session.wait_text("the-end");
    assert_restored(dir.path(), "0");
}

/// What makes the first process of its own PID namespace, as a container does; none where that is
/// not allowed.
fn container() -> Option<String> {
    let unshare = "unshare --user --map-root-user --pid --fork --mount-proc";
    let tried = Command::new("sh")
        .args(["-c", &format!("{unshare} true")])
        .output();
    tried
        .is_ok_and(|out| out.status.success())
        .then(|| unshare.to_owned())
}

#[test]
fn in_a_container_it_does_not_stop_either() {
    // Group and session are those of a process outside: the kernel gives their number as 0.
    let Some(container) = container() else {
        println!("skipped: needs `unshare` and leave to make namespaces");
        return;
    };
    let dir = project();
    let script =
        format!("{container} \"$NETSEC\" console; echo $? > code; echo the-end; read rest");
    let mut session = Session::start(dir.path(), "sh", &script);
    session.wait_text("[1Home]");
    session.keys("\x1a");
    session.wait_text("Not suspended");
    session.keys("4");
    session.wait_text("[4Train]");
    session.keys("q");
    session.wait_text("the-end");
    assert_eq!(wait_for_file(&dir.path().join("code")), "0");
}

#[test]
fn a_hang_up_signal_restores_everything() {
    let dir = project();
    let session = Session::start(dir.path(), "sh", AROUND);
    let fresh = fresh_modes();
    session.wait_text("[1Home]");
    signal("-HUP", &wait_for_file(&dir.path().join("pid")));
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert_restored(dir.path(), "129");
}

#[test]
fn with_the_mouse_on_a_termination_signal_restores_everything() {
    let dir = project();
    let mut session = Session::start(dir.path(), "sh", AROUND);
    let fresh = fresh_modes();
    session.wait_text("[1Home]");
    session.keys("M");
    session.wait("the mouse", |s| {
        s.mouse_protocol_mode() != vt100::MouseProtocolMode::None
    });
    // A click on a tab, as terminals tell it: the fourth.
    let column = session.screen(|s| s.rows(0, 80).nth(1).unwrap().find("4Train").unwrap()) + 1;
    session.keys(&format!("\x1b[<0;{column};2M\x1b[<0;{column};2m"));
    session.wait_text("[4Train]");
    signal("-TERM", &wait_for_file(&dir.path().join("pid")));
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert_restored(dir.path(), "130");
}

/// The crossterm reader spins for ever on a dead terminal (crossterm#793). The design allows two
/// seconds; a machine under load may be slower, so the best of three counts.
#[test]
fn a_hang_up_that_nobody_is_told_of_ends_it_within_two_seconds() {
    let script = "trap '' HUP; \"$NETSEC\" console; echo $? > code; times > times";
    let mut took = Vec::new();
    for _ in 0..3 {
        let dir = project();
        let mut session = Session::start(dir.path(), "sh", script);
        session.wait_text("[1Home]");
        session.hang_up();
        let begun = Instant::now();
        assert_eq!(wait_for_file(&dir.path().join("code")), "129");
        took.push(begun.elapsed());
        if took.last().is_some_and(|t| *t < Duration::from_secs(2)) {
            println!("gone after {took:?}");
            return;
        }
    }
    panic!("the console outlived its terminal by {took:?}");
}

/// The variable that makes this test binary its own victim.
const VICTIM: &str = "TEST_PANIC_IN_A_TERMINAL";

#[test]
fn a_panic_restores_everything() {
    if std::env::var_os(VICTIM).is_some() {
        // In the terminal of the other half: what the console does, and then a defect.
        terminal::install_panic_hook();
        let _guard = terminal::Guard::enter().unwrap();
        terminal::write_out(b"\x1b[?1000h\x1b[?1006h\x1b[5;5Hin the middle").unwrap();
        std::thread::sleep(Duration::from_millis(200));
        panic!("a defect of the console");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut shell = command("sh", dir.path());
    let script = "stty -g > before; \"$VICTIM_PROGRAM\" --exact --nocapture \
                  console_signals::a_panic_restores_everything; echo $? > code; stty -g > after; \
                  echo the-end; read rest";
    shell.args(["-c", script]);
    shell.env(VICTIM, "1");
    shell.env("VICTIM_PROGRAM", std::env::current_exe().unwrap());
    shell.env("RUST_BACKTRACE", "0");
    let session = Session::open((80, 24), shell);
    let fresh = fresh_modes();
    session.wait("the console's modes", |s| s.alternate_screen());
    session.wait_text("the-end");
    assert!(
        session.text().contains("a defect of the console"),
        "the message is readable after the screen was given back:\n{}",
        session.text()
    );
    assert_eq!(session.modes(), fresh);
    assert_restored(dir.path(), "101");
}

#[test]
fn two_hundred_resizes_in_a_second_end_in_a_right_picture() {
    let dir = project();
    let mut session = Session::start(dir.path(), "sh", AROUND);
    session.wait_text("summary of data_ingestion");
    let before = session.bytes();
    for i in 0..200_u16 {
        session.resize_behind((20 + (i * 37) % 180, 5 + (i * 13) % 60));
        std::thread::sleep(Duration::from_millis(5));
    }
    session.resize((120, 36));
    session.wait("the picture at 120x36", |s| {
        s.contents().contains("[1 Home]") && s.contents().contains("summary of data_ingestion")
    });
    // A drag is drawn ten times a second at most, not two hundred times.
    let storm = session.bytes() - before;
    assert!(storm < 200 * 2_000, "{storm} bytes");
    // Ctrl-L paints everything anew: the picture was right when nothing changes by it.
    let picture = settled(&session);
    session.keys("\x0c");
    let begun = Instant::now();
    while session.bytes() - before - storm < 1_000 {
        assert!(begun.elapsed() < PATIENCE, "nothing was painted anew");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(settled(&session), picture);
    session.keys("q");
    session.wait_text("the-end");
    assert_restored(dir.path(), "0");
}

#[test]
fn a_key_pressed_in_the_moment_of_a_resize_is_heard() {
    let dir = project();
    let mut session = Session::start(dir.path(), "sh", AROUND);
    session.wait_text("summary of data_ingestion");
    for i in 0..100_u16 {
        for (key, tab) in [("4", "[4Train]"), ("1", "[1Home]")] {
            session.resize_behind((79 + (i + 1) % 2, 24));
            session.keys(key);
            // Forgotten, it would wait for the next key.
            session.wait_text(tab);
        }
    }
    session.keys("q");
    session.wait_text("the-end");
    assert_restored(dir.path(), "0");
}

/// The screen once nothing more comes.
fn settled(session: &Session) -> String {
    let mut bytes = session.bytes();
    loop {
        std::thread::sleep(Duration::from_millis(400));
        if session.bytes() == bytes {
            // The free space of the disk is everybody's.
            let text = session.text();
            let lines = text.lines().filter(|line| !line.contains(" free"));
            return lines.collect::<Vec<_>>().join("\n");
        }
        bytes = session.bytes();
    }
}
