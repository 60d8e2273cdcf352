//! A program in a pseudo-terminal with an emulated screen: keys in, screens out.

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
pub const PATIENCE: Duration = Duration::from_secs(60);
const RUN: &str = "20261122-1230-7f3a";

/// A project with one finished run.
pub fn project() -> TempDir {
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

/// A program in a pseudo-terminal.
pub struct Session {
    pub master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    parser: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    stop_reading: Arc<AtomicBool>,
}

/// A size of a terminal.
pub fn size((cols, rows): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

/// A command as it runs in a terminal, without the settings of whoever runs the tests.
pub fn command(program: &str, dir: &Path) -> CommandBuilder {
    const PREFIXES: [&str; 9] = [
        "NETSEC_", "MONGODB_", "MONGO_", "AWS_", "MLFLOW_", "DAGSHUB_", "SSH_", "TMUX", "LC_",
    ];
    let mut command = CommandBuilder::new(program);
    for (name, _) in std::env::vars() {
        if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    for name in ["NO_COLOR", "COLORTERM"] {
        command.env_remove(name);
    }
    command.cwd(dir);
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.env("USER", "tester");
    command.env("NETSEC", env!("CARGO_BIN_EXE_netsec"));
    command
}

impl Session {
    /// Runs a shell script in a terminal of 80x24; `$NETSEC` is the program.
    pub fn start(dir: &Path, shell: &str, script: &str) -> Self {
        let mut command = command(shell, dir);
        command.args(["-c", script]);
        Self::open((80, 24), command)
    }

    /// Runs a command in a terminal.
    pub fn open((cols, rows): (u16, u16), command: CommandBuilder) -> Self {
        let pair = native_pty_system().openpty(size((cols, rows))).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(rows, cols, 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sink, log) = (Arc::clone(&parser), Arc::clone(&raw));
        let stop_reading = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stop_reading);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || stop.load(Ordering::SeqCst) {
                    return;
                }
                log.lock().unwrap().extend_from_slice(&buffer[..n]);
                sink.lock().unwrap().process(&buffer[..n]);
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self {
            master: Some(pair.master),
            writer: Some(writer),
            child,
            parser,
            raw,
            reader: Some(reader),
            stop_reading,
        }
    }

    /// Every byte that came so far.
    pub fn raw(&self) -> Vec<u8> {
        self.raw.lock().unwrap().clone()
    }

    /// How many bytes came so far.
    pub fn bytes(&self) -> usize {
        self.raw.lock().unwrap().len()
    }

    /// The terminal gets another size, and so does the emulated screen.
    pub fn resize(&self, cols_rows: (u16, u16)) {
        // The screen first: what is painted for the new size must find it.
        self.parser
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(cols_rows.1, cols_rows.0);
        self.resize_behind(cols_rows);
    }

    /// The terminal gets another size; the emulated screen keeps its own.
    pub fn resize_behind(&self, cols_rows: (u16, u16)) {
        self.master
            .as_ref()
            .unwrap()
            .resize(size(cols_rows))
            .unwrap();
    }

    /// The process the terminal was opened with.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits for the end of that process; returns its exit code.
    pub fn wait_end(&mut self) -> u32 {
        self.child.wait().unwrap().exit_code()
    }

    pub fn screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.parser.lock().unwrap().screen())
    }

    pub fn text(&self) -> String {
        self.screen(vt100::Screen::contents)
    }

    pub fn wait(&self, what: &str, seen: impl Fn(&vt100::Screen) -> bool) {
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

    pub fn wait_text(&self, text: &str) {
        self.wait(text, |s| s.contents().contains(text));
    }

    pub fn keys(&mut self, keys: &str) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Closes the dialog on top. Waits for it: Esc and another key at once are one key with Alt.
    pub fn escape(&mut self) {
        self.keys("\x1b");
        self.wait("the dialog to close", |s| {
            !s.contents().contains("Esc close")
        });
    }

    /// Closes every handle on the terminal's other side, as a dropped connection does.
    pub fn hang_up(&mut self) {
        // The reader holds a handle of its own; one more output lets it go: Ctrl-L paints anew.
        self.stop_reading.store(true, Ordering::SeqCst);
        self.keys("\x0c");
        self.reader.take().unwrap().join().unwrap();
        self.writer = None;
        self.master = None;
    }

    /// What the terminal remembers besides its text.
    pub fn modes(&self) -> Modes {
        self.screen(modes_of)
    }
}

/// What a terminal remembers besides its text.
#[derive(Debug, PartialEq)]
pub struct Modes {
    alternate_screen: bool,
    hidden_cursor: bool,
    bracketed_paste: bool,
    application_cursor: bool,
    application_keypad: bool,
    mouse: vt100::MouseProtocolMode,
    mouse_form: vt100::MouseProtocolEncoding,
}

fn modes_of(s: &vt100::Screen) -> Modes {
    Modes {
        alternate_screen: s.alternate_screen(),
        hidden_cursor: s.hide_cursor(),
        bracketed_paste: s.bracketed_paste(),
        application_cursor: s.application_cursor(),
        application_keypad: s.application_keypad(),
        mouse: s.mouse_protocol_mode(),
        mouse_form: s.mouse_protocol_encoding(),
    }
}

/// The modes of a terminal nobody has touched.
pub fn fresh_modes() -> Modes {
    modes_of(vt100::Parser::new(24, 80, 0).screen())
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

pub fn wait_for_file(path: &Path) -> String {
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
