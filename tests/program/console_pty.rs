//! The console in a real pseudo-terminal with an emulated screen: keys in, screens out, and the
//! terminal as it was before, however the console ends.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use netsec::events::{Actor, CheckVerdict, Envelope, Event, Outcome, StageName};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;

/// Longest wait for anything; a machine under load is slow, not wrong.
const PATIENCE: Duration = Duration::from_secs(30);
const RUN: &str = "20261122-1230-7f3a";

/// A project with one finished run.
fn project() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("Artifacts").join(RUN);
    fs::create_dir_all(&run).unwrap();
    let mut events = vec![(
        None,
        Event::RunStarted {
            run_id: RUN.parse().unwrap(),
            by: Actor {
                name: "mara".into(),
                from: "ids-02".into(),
            },
            config_sha256: String::new(),
            program: "0.1.0".into(),
            pid: 1,
            note: None,
            resumed: false,
            learners: vec!["xgboost".into()],
            champion: None,
        },
    )];
    for stage in StageName::ALL {
        events.push((Some(stage), Event::StageStarted { why: "new".into() }));
        events.push((
            Some(stage),
            Event::StageFinished {
                verdict: CheckVerdict::Ok,
                seconds: 1.0,
                summary: format!("summary of {stage}"),
                artifacts: vec![],
            },
        ));
    }
    events.push((
        None,
        Event::RunFinished {
            outcome: Outcome::Finished,
            error: None,
        },
    ));
    let mut log = String::new();
    for (i, (stage, event)) in events.into_iter().enumerate() {
        let envelope = Envelope {
            v: 1,
            seq: i as u64 + 1,
            at: Utc::now() - TimeDelta::hours(1),
            stage,
            event,
        };
        log.push_str(&serde_json::to_string(&envelope).unwrap());
        log.push('\n');
    }
    fs::write(run.join("events.jsonl"), log).unwrap();
    dir
}

/// A shell in a pseudo-terminal.
struct Session {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    parser: Arc<Mutex<vt100::Parser>>,
    reader: Option<JoinHandle<()>>,
    stop_reading: Arc<AtomicBool>,
}

impl Session {
    /// Runs a shell script in the project; `$NETSEC` is the program.
    fn start(dir: &Path, shell: &str, script: &str) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize {
                rows: 24,
                cols: 80,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        let mut command = CommandBuilder::new(shell);
        command.args(["-c", script]);
        command.cwd(dir);
        for name in ["NETSEC_CONFIG", "NO_COLOR", "LC_ALL", "LC_CTYPE"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("NETSEC", env!("CARGO_BIN_EXE_netsec"));
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(24, 80, 0)));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let sink = Arc::clone(&parser);
        let stop_reading = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stop_reading);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || stop.load(Ordering::SeqCst) {
                    return;
                }
                sink.lock().unwrap().process(&buffer[..n]);
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self {
            master: Some(pair.master),
            writer: Some(writer),
            child,
            parser,
            reader: Some(reader),
            stop_reading,
        }
    }

    fn screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.parser.lock().unwrap().screen())
    }

    fn text(&self) -> String {
        self.screen(vt100::Screen::contents)
    }

    fn wait(&self, what: &str, seen: impl Fn(&vt100::Screen) -> bool) {
        let begun = Instant::now();
        while !self.screen(&seen) {
            assert!(
                begun.elapsed() < PATIENCE,
                "waited for {what}; the screen is\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn wait_text(&self, text: &str) {
        self.wait(text, |s| s.contents().contains(text));
    }

    fn keys(&mut self, keys: &str) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Closes every handle on the terminal's other side, as a dropped connection does.
    fn hang_up(&mut self) {
        // The reader holds a handle of its own; one more output lets it go.
        self.stop_reading.store(true, Ordering::SeqCst);
        self.keys("?");
        self.reader.take().unwrap().join().unwrap();
        self.writer = None;
        self.master = None;
    }

    /// What a terminal remembers besides its text.
    fn modes(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        self.screen(|s| {
            (
                s.alternate_screen(),
                s.hide_cursor(),
                s.bracketed_paste(),
                s.application_cursor(),
                s.application_keypad(),
                s.mouse_protocol_mode(),
            )
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Only the shell this session started; the console ends with its terminal.
        self.writer = None;
        self.master = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for_file(path: &Path) -> String {
    let begun = Instant::now();
    loop {
        if let Ok(text) = fs::read_to_string(path)
            && text.ends_with('\n')
        {
            return text.trim().to_owned();
        }
        assert!(begun.elapsed() < PATIENCE, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// `stty -g` before and after, and the console's exit code.
const AROUND: &str = "stty -g > before; sh -c 'echo $$ > pid; exec \"$NETSEC\" console'; \
                      echo $? > code; stty -g > after; echo the-end; read rest";

fn assert_restored(dir: &Path, code: &str) {
    assert_eq!(wait_for_file(&dir.join("code")), code);
    let after = wait_for_file(&dir.join("after"));
    assert_eq!(wait_for_file(&dir.join("before")), after);
}

#[test]
fn keys_drive_it_and_quit_restores_everything() {
    let dir = project();
    let mut session = Session::start(dir.path(), "sh", AROUND);
    let fresh = session.modes();
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
    let size = |rows, cols| PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    };
    master.resize(size(10, 40)).unwrap();
    session.wait_text("netsec needs 60x15, this is 40x10.");
    master.resize(size(24, 80)).unwrap();
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
    let fresh = session.modes();
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
    let fresh = session.modes();
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
