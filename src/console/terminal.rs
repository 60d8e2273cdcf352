//! The terminal: every mode the console turns on, and the one place that turns them off.
//!
//! `restore` is idempotent and called by the guard's `Drop`, by the panic hook before anything is
//! printed, and before the process stops. No question is ever put to the terminal, the mouse stays
//! the user's until asked for, and the kitty keyboard protocol is not used: all three survive a
//! dropped SSH connection badly.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::process::Standing;

/// Alternate screen, bracketed paste, no cursor, blank.
pub const ENTER: &str = "\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[m\x1b[2J";
/// The reverse, and the end of a synchronised update that may have been cut off. The mouse goes
/// back whether it was taken or not.
pub const LEAVE: &str = "\x1b[?2026l\x1b[m\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// Clicks and the wheel are told, in the form that has no limit at column 223.
pub const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
/// The mouse is the terminal's again.
pub const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

static ACTIVE: AtomicBool = AtomicBool::new(false);

/// Turns the modes on.
pub fn enter() -> io::Result<()> {
    crossterm::terminal::enable_raw_mode()?;
    ACTIVE.store(true, Ordering::SeqCst);
    write_out(ENTER.as_bytes())
}

/// Turns the modes off, once. Errors are dropped: the terminal may be gone, and there is nobody
/// left to tell.
pub fn restore() {
    super::plain::input::restore();
    if ACTIVE.swap(false, Ordering::SeqCst) {
        let _ = write_out(LEAVE.as_bytes());
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Restores the terminal when dropped.
pub struct Guard(());

impl Guard {
    /// Turns the modes on until the guard is dropped.
    pub fn enter() -> io::Result<Self> {
        let guard = Guard(());
        enter()?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Writes to the terminal past Rust's line-buffered stdout and its lock, so that a frame is one
/// write and a panic hook cannot wait for a lock.
pub fn write_out(mut bytes: &[u8]) -> io::Result<()> {
    let out = rustix::stdio::stdout();
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            // Somebody else made the terminal non-blocking: wait until it takes more.
            Err(Errno::AGAIN) => {
                let mut fds = [PollFd::from_borrowed_fd(out, PollFlags::OUT)];
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Whether somebody could continue this process after it stopped: a parent in the same session but
/// another process group, which is what a shell with job control is.
pub fn can_be_continued() -> bool {
    Standing::own().is_some_and(|own| continued_from(own, Standing::of))
}

fn continued_from(own: Standing, of: impl Fn(i32) -> Option<Standing>) -> bool {
    let mut at = own;
    // A shell script between the shell and the console shares its group: look further up.
    for _ in 0..64 {
        match of(at.parent) {
            Some(parent) if parent.session != own.session => return false,
            Some(parent) if parent.group != own.group => return true,
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

thread_local! {
    static IN_JOB: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs work whose panic is an error message and not the end of the console.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    IN_JOB.set(true);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    IN_JOB.set(false);
    result.map_err(|payload| {
        payload
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned())
    })
}

/// A panic hook: `restore` first, then what was there before. Panics inside [`caught`] go to the
/// log instead, the screen belongs to the console.
fn hook(
    restore: impl Fn() + Send + Sync + 'static,
    before: impl Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync + 'static,
) -> impl Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync + 'static {
    move |info| {
        if IN_JOB.get() {
            tracing::error!(panic = %info, "a job panicked");
            return;
        }
        restore();
        before(info);
    }
}

/// Installs the panic hook for the rest of the process.
pub fn install_panic_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(hook(restore, before)));
}

/// The terminal to watch: stdin, or the controlling terminal when stdin is something else.
pub fn tty() -> io::Result<OwnedFd> {
    let stdin = rustix::stdio::stdin();
    if rustix::termios::isatty(stdin) {
        Ok(stdin.try_clone_to_owned()?)
    } else {
        Ok(std::fs::File::open("/dev/tty")?.into())
    }
}

/// Calls `lost` when the terminal hangs up, from a thread of its own.
///
/// Without it a console whose SIGHUP is ignored or lost (`nohup`, `sudo`, some web terminals)
/// spins for ever inside crossterm's reader (crossterm#793).
pub fn watch(tty: OwnedFd, lost: impl FnOnce() + Send + 'static) {
    let watch = move || loop {
        // No events are asked for: a hang-up is always reported.
        let mut fds = [PollFd::new(&tty, PollFlags::empty())];
        match poll(&mut fds, None) {
            Ok(_)
                if fds[0]
                    .revents()
                    .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) =>
            {
                lost();
                return;
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    };
    // A console without the watch still works; it only ends later when the terminal dies.
    let _ = std::thread::Builder::new()
        .name("tty-watch".to_owned())
        .spawn(watch);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    #[test]
    fn leaving_undoes_entering() {
        let mut parser = vt100::Parser::new(24, 80, 0);
        let fresh = |s: &vt100::Screen| {
            (
                s.alternate_screen(),
                s.bracketed_paste(),
                s.hide_cursor(),
                s.mouse_protocol_mode(),
                s.application_keypad(),
                s.application_cursor(),
                s.cursor_position(),
            )
        };
        parser.process(b"$ netsec\r\n");
        let before = fresh(parser.screen());
        parser.process(ENTER.as_bytes());
        assert!(parser.screen().alternate_screen() && parser.screen().hide_cursor());
        parser.process(MOUSE_ON.as_bytes());
        assert_ne!(fresh(parser.screen()), before);
        parser.process(b"\x1b[?2026h\x1b[5;7H\x1b[1;31mcut off in the middle");
        parser.process(LEAVE.as_bytes());
        assert_eq!(fresh(parser.screen()), before);
        assert_eq!(parser.screen().contents(), "$ netsec");
    }

    #[test]
    fn the_hook_restores_before_it_prints_and_leaves_jobs_alone() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (a, b) = (Arc::clone(&seen), Arc::clone(&seen));
        let hook = hook(
            move || a.lock().unwrap().push("restored"),
            move |_| b.lock().unwrap().push("printed"),
        );
        // The test harness owns the global hook; ours is called from a hook of the moment.
        let hook = Arc::new(hook);
        let before = std::panic::take_hook();
        let ours = Arc::clone(&hook);
        let me = std::thread::current().id();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == me {
                ours(info);
            }
        }));
        let job: Result<(), String> = caught(|| panic!("in a job"));
        let console = std::panic::catch_unwind(|| panic!("in the console"));
        std::panic::set_hook(before);
        assert_eq!(job, Err("in a job".to_owned()));
        assert!(console.is_err());
        assert_eq!(*seen.lock().unwrap(), vec!["restored", "printed"]);
    }

    #[test]
    fn only_a_shell_with_job_control_could_continue_it() {
        // Processes as (pid, parent, group, session); the console is 30.
        let could = |others: &[(i32, i32, i32, i32)], own: (i32, i32, i32)| {
            let standing = |(parent, group, session)| Standing {
                parent,
                group,
                session,
                cpu_seconds: 0.0,
            };
            continued_from(standing(own), |pid| {
                let found = others.iter().find(|p| p.0 == pid)?;
                Some(standing((found.1, found.2, found.3)))
            })
        };
        // A shell in a terminal, and a script of its in between.
        assert!(could(&[(10, 1, 10, 10)], (10, 30, 10)));
        assert!(could(&[(20, 10, 20, 10), (10, 1, 10, 10)], (20, 20, 10)));
        // A forced command of sshd: the leader of the session is the console or a shell around it.
        assert!(!could(&[(5, 1, 5, 5)], (5, 30, 30)));
        assert!(!could(&[(20, 5, 20, 20), (5, 1, 5, 5)], (20, 20, 20)));
        // In a container whose first process was given group and session from outside.
        assert!(!could(&[(1, 0, 0, 0)], (1, 30, 30)));
        assert!(!could(&[(1, 0, 0, 0)], (1, 0, 0)));
        // Nothing is told of the parent, and a circle has an end.
        assert!(!could(&[], (10, 30, 10)));
        assert!(!could(&[(10, 10, 30, 10)], (10, 30, 10)));
    }

    #[test]
    fn a_hang_up_is_noticed() {
        let pair = portable_pty::native_pty_system()
            .openpty(portable_pty::PtySize::default())
            .unwrap();
        let name = pair.master.tty_name().unwrap();
        let tty = std::fs::File::options()
            .read(true)
            .write(true)
            .open(name)
            .unwrap();
        let (tell, told) = mpsc::channel();
        watch(tty.into(), move || tell.send(()).unwrap());
        assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
        drop(pair);
        told.recv_timeout(Duration::from_secs(2)).unwrap();
    }
}
