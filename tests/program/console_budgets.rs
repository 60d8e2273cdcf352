//! What the console costs while nothing happens, and how its frames are sent.

use std::fs;
use std::time::Duration;

use netsec::events::changes_are_told;

use crate::console_pty::{AROUND, assert_restored};
use crate::pty::{Session, project, wait_for_file};

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
struct Used {
    /// Clock ticks of CPU time.
    ticks: u64,
    /// Times its threads went to sleep by themselves: once for each time one woke up.
    wakes: u64,
    bytes: usize,
}

fn used(pid: &str, session: &Session) -> Used {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let field = |n: usize| -> u64 { rest.split_whitespace().nth(n).unwrap().parse().unwrap() };
    let wakes = fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line = status
                .lines()
                .find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse::<u64>().unwrap()
        })
        .sum();
    Used {
        // utime and stime, the 14th and 15th field of the whole line.
        ticks: field(11) + field(12),
        wakes,
        bytes: session.bytes(),
    }
}

#[test]
fn an_idle_console_sends_nothing_and_uses_no_processor() {
    if !fs::exists("/proc/self/task").unwrap() {
        println!("skipped: needs /proc (an_idle_console_sends_nothing_and_uses_no_processor)");
        return;
    }
    let dir = project();
    let mut session = Session::start(dir.path(), "sh", AROUND);
    session.wait_text("summary of data_ingestion");
    let pid = wait_for_file(&dir.path().join("pid"));
    // The start settles: the project is read, threads of the pool go.
    let mut seen = Vec::new();
    for _ in 0..5 {
        let before = used(&pid, &session);
        std::thread::sleep(Duration::from_secs(3));
        let after = used(&pid, &session);
        let cost = (
            after.bytes - before.bytes,
            after.ticks - before.ticks,
            after.wakes.saturating_sub(before.wakes),
        );
        seen.push(cost);
        // The file system tells of changes: two threads look at the disk every half minute, each
        // telling the loop at most once. Where it tells nothing they look every two seconds.
        let most = if changes_are_told(dir.path()) { 4 } else { 12 };
        if cost.0 == 0 && cost.1 == 0 && cost.2 <= most {
            println!("idle for 3 s (bytes, ticks, wake-ups): {cost:?}");
            session.keys("q");
            session.wait_text("the-end");
            assert_restored(dir.path(), "0");
            return;
        }
    }
    panic!("never idle for 3 s (bytes, ticks, wake-ups): {seen:?}");
}

#[test]
fn every_frame_is_one_synchronised_update() {
    const BEGIN: &[u8] = b"\x1b[?2026h";
    const END: &[u8] = b"\x1b[?2026l";
    let dir = project();
    let mut session = Session::start(dir.path(), "sh", AROUND);
    session.wait_text("summary of data_ingestion");
    for (key, tab) in [("4", "[4Train]"), ("8", "[8Logs]"), ("?", "Keys on")] {
        session.keys(key);
        session.wait_text(tab);
    }
    session.escape();
    session.keys("q");
    session.wait_text("the-end");
    let raw = session.raw();
    let enter = netsec::console::terminal::ENTER.as_bytes();
    let leave = netsec::console::terminal::LEAVE.as_bytes();
    let find = |what: &[u8]| raw.windows(what.len()).position(|w| w == what).unwrap();
    let mut rest = &raw[find(enter) + enter.len()..find(leave)];
    let mut frames = 0;
    while !rest.is_empty() {
        assert!(
            rest.starts_with(BEGIN),
            "drawn outside of a frame: {:?}",
            String::from_utf8_lossy(&rest[..rest.len().min(60)])
        );
        let end = rest.windows(END.len()).position(|w| w == END).unwrap();
        let begun_again = rest[1..end].windows(BEGIN.len()).any(|w| w == BEGIN);
        assert!(!begun_again, "a frame inside a frame");
        rest = &rest[end + END.len()..];
        frames += 1;
    }
    assert!(frames >= 5, "{frames} frames");
}
