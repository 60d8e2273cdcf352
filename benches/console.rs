//! What a frame of the console costs, and how long a key takes to the screen while a retrain has
//! every core.
//!
//! `cargo bench --bench console [-- --keys N] [--netsec PROGRAM]` makes a demo project, draws each
//! of its screens at 120x36 (time and bytes of a whole frame, and of the frame after one cursor
//! step), then opens the program in a pseudo-terminal, starts a retrain on all cores and measures
//! from writing a key to the end of the frame that answers it. `--netsec` measures another build
//! of the program in the pseudo-terminal; the drawing is always this build's.

use std::cell::RefCell;
use std::error::Error;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use chrono::{FixedOffset, Utc};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use netsec::config::UiConfig;
use netsec::console::canvas::Canvas;
use netsec::console::capabilities::Capabilities;
use netsec::console::effect::Effect;
use netsec::console::engine::Engine;
use netsec::console::keymap::Keymap;
use netsec::console::message::Message;
use netsec::console::model::{Model, Session};
use netsec::console::painter::Painter;
use netsec::console::screens;
use netsec::console::update::{begin, update};
use netsec::workspace::Workspace;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SIZE: (u16, u16) = (120, 36);
const SCREENS: [(char, &str); 8] = [
    ('1', "Home"),
    ('2', "Data"),
    ('3', "Validate"),
    ('4', "Train"),
    ('5', "Compare"),
    ('6', "Approve"),
    ('7', "Runs"),
    ('8', "Logs"),
];
/// End of a frame.
const END: &[u8] = b"\x1b[?2026l";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|a| a == "--bench") {
        // `cargo test --all-targets` runs this too.
        println!("to measure: cargo bench --bench console");
        return Ok(());
    }
    let after = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1)
    };
    let keys: usize = after("--keys").map_or(Ok(400), |n| n.parse())?;
    let program = after("--netsec").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_netsec")),
        PathBuf::from,
    );
    let folder = tempfile::tempdir()?;
    let project = folder.path().join("ids-demo");
    let demo = Command::new(&program)
        .args(["demo", "--headless", "--dir"])
        .arg(&project)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if !demo.success() {
        return Err("netsec demo failed".into());
    }
    let build = if cfg!(debug_assertions) {
        "an unoptimised build"
    } else {
        "an optimised build"
    };
    println!("frames at {}x{}, {build}", SIZE.0, SIZE.1);
    frames(&project)?;
    println!();
    key_to_paint(&program, &project, keys)
}

/// The console without a terminal: model, engine, and what the jobs send back.
struct Console {
    model: Model,
    engine: Engine,
    inbox: UnboundedReceiver<Message>,
}

impl Console {
    fn open(project: &Path) -> Self {
        let (sender, inbox) = unbounded_channel();
        let workspace = Workspace::new(project);
        let session = Session {
            place: "ids-demo".to_owned(),
            who: "bench".to_owned(),
            view_only: None,
            has_config: true,
            offset: FixedOffset::east_opt(0).expect("zero is an offset"),
        };
        let utf8 = |name: &str| (name == "LANG").then(|| "C.UTF-8".to_owned());
        let capabilities = Capabilities::detect(utf8, &UiConfig::default());
        Self {
            model: Model::new(SIZE, capabilities, Keymap::default(), session),
            engine: Engine::new(&workspace, project.join("config.toml"), sender),
            inbox,
        }
    }

    fn start(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let _ = self.engine.start(effect);
        }
    }

    fn key(&mut self, c: char) {
        let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        let effects = update(&mut self.model, Message::Key(key), Utc::now());
        self.start(effects);
    }

    /// Takes what comes until nothing has come for a while.
    async fn settle(&mut self) {
        let quiet = Duration::from_millis(1_500);
        while let Ok(Some(message)) = tokio::time::timeout(quiet, self.inbox.recv()).await {
            let idle = matches!(&message, Message::RunEvents { lines, .. } if lines.is_empty());
            let effects = update(&mut self.model, message, Utc::now());
            self.start(effects);
            if idle {
                return;
            }
        }
    }
}

fn frames(project: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut console = Console::open(project);
        let effects = begin(&mut console.model, Utc::now());
        console.start(effects);
        console.settle().await;
        println!(
            "{:<10} {:>12} {:>12} {:>12} {:>14} {:>12}",
            "screen", "draw p50 us", "draw p99 us", "whole bytes", "row step p50 us", "step bytes"
        );
        for (key, name) in SCREENS {
            console.key(key);
            console.settle().await;
            let sent = Rc::new(RefCell::new(Vec::new()));
            let sink = Rc::clone(&sent);
            let mut painter = Painter::new(SIZE.0, SIZE.1, move |bytes: &[u8]| {
                sink.borrow_mut().extend_from_slice(bytes);
                Ok(())
            });
            let mut paint = |model: &Model, whole: bool| -> std::io::Result<(f64, usize)> {
                if whole {
                    painter.forget();
                }
                sent.borrow_mut().clear();
                let begun = Instant::now();
                painter.paint(|buffer| {
                    let mut canvas = Canvas::new(buffer, model.glyphs(), model.theme());
                    screens::view(model, &mut canvas)
                })?;
                let took = begun.elapsed().as_secs_f64() * 1e6;
                Ok((took, sent.borrow().len()))
            };
            let mut whole = Vec::new();
            let mut bytes = 0;
            for _ in 0..300 {
                let (took, n) = paint(&console.model, true)?;
                whole.push(took);
                bytes = n;
            }
            let mut step = Vec::new();
            let mut step_bytes = Vec::new();
            for i in 0..60 {
                console.key(if i % 20 < 10 { 'j' } else { 'k' });
                let (took, n) = paint(&console.model, false)?;
                step.push(took);
                step_bytes.push(n as f64);
            }
            println!(
                "{name:<10} {:>12.0} {:>12.0} {bytes:>12} {:>14.0} {:>12.0}",
                percentile(&mut whole, 0.5),
                percentile(&mut whole, 0.99),
                percentile(&mut step, 0.5),
                percentile(&mut step_bytes, 0.5),
            );
        }
        Ok(())
    })
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (share * values.len() as f64).ceil() as usize;
    values.get(at.max(1) - 1).copied().unwrap_or(0.0)
}

/// One read of the terminal's other side, with the moment it came.
type Chunk = (Instant, Vec<u8>);

struct Terminal {
    writer: Box<dyn Write + Send>,
    chunks: Receiver<Chunk>,
    screen: vt100::Parser,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    fn open(program: &Path, project: &Path) -> Result<Self> {
        let size = PtySize {
            rows: SIZE.1,
            cols: SIZE.0,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new(program);
        command.arg("console");
        command.cwd(project);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let child = pair.slave.spawn_command(command)?;
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader()?;
        let (sender, chunks) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(n) = reader.read(&mut buffer) {
                let chunk = (Instant::now(), buffer[..n].to_vec());
                if n == 0 || sender.send(chunk).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            writer: pair.master.take_writer()?,
            chunks,
            screen: vt100::Parser::new(SIZE.1, SIZE.0, 0),
            child,
            _master: pair.master,
        })
    }

    fn send(&mut self, key: &str) -> Result<Instant> {
        let sent = Instant::now();
        self.writer.write_all(key.as_bytes())?;
        self.writer.flush()?;
        Ok(sent)
    }

    /// Reads until a frame has ended in which the screen shows a text; returns when it came.
    fn wait(&mut self, text: &str) -> Result<Instant> {
        let patience = Duration::from_secs(60);
        loop {
            let (came, bytes) = self
                .chunks
                .recv_timeout(patience)
                .map_err(|_| format!("{text} never came:\n{}", self.screen.screen().contents()))?;
            self.screen.process(&bytes);
            let ended = bytes.windows(END.len()).any(|w| w == END);
            if ended && self.screen.screen().contents().contains(text) {
                return Ok(came);
            }
        }
    }
}

fn key_to_paint(program: &Path, project: &Path, keys: usize) -> Result<()> {
    let mut terminal = Terminal::open(program, project)?;
    terminal.wait("[1 Home]")?;
    println!("key to the end of its frame, {} keys each", keys);
    println!(
        "{:<34} {:>8} {:>8} {:>8} {:>8}",
        "", "p50 ms", "p90 ms", "p99 ms", "max ms"
    );
    measure(&mut terminal, "while nothing else runs", keys, || true)?;
    // Every core, and more rounds than the keys will take.
    let cores = std::thread::available_parallelism()?.get();
    let start = Command::new(program)
        .args(["retrain", "--detach", "--json"])
        .current_dir(project)
        .env("NETSEC_TRAINING__CORES", cores.to_string())
        .env("NETSEC_TRAINING__RANDOM_FOREST__TREES", "100000")
        .env("NETSEC_TRAINING__LEARNERS", "[\"random_forest\"]")
        .output()?;
    if !start.status.success() {
        return Err(String::from_utf8_lossy(&start.stderr).into_owned().into());
    }
    terminal.wait("TRAINING")?;
    let load = format!("while a retrain uses {cores} cores");
    let still = |project: &Path| {
        let shown = Command::new(program)
            .args(["show", "latest", "--json"])
            .current_dir(project)
            .output();
        shown.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("\"running\""))
    };
    measure(&mut terminal, &load, keys, || still(project))?;
    let cancelled = Command::new(program)
        .args(["cancel", "latest"])
        .current_dir(project)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    terminal.send("q")?;
    terminal.child.wait()?;
    if !cancelled.success() {
        return Err("the retrain could not be cancelled".into());
    }
    Ok(())
}

/// Walks between tabs; each key changes the whole screen.
fn measure(
    terminal: &mut Terminal,
    what: &str,
    keys: usize,
    valid: impl FnOnce() -> bool,
) -> Result<()> {
    let walk = [
        ("7", "[7 Runs]"),
        ("4", "[4 Train]"),
        ("8", "[8 Logs]"),
        ("1", "[1 Home]"),
    ];
    let mut took = Vec::new();
    for i in 0..keys {
        let (key, text) = walk[i % walk.len()];
        let sent = terminal.send(key)?;
        let came = terminal.wait(text)?;
        took.push((came - sent).as_secs_f64() * 1e3);
        // A person is slower than this, and a frame of data may come in between.
        std::thread::sleep(Duration::from_millis(15));
    }
    if !valid() {
        return Err("the retrain ended before the keys did".into());
    }
    let all: Vec<String> = [0.5, 0.9, 0.99, 1.0]
        .iter()
        .map(|share| format!("{:>8.2}", percentile(&mut took, *share)))
        .collect();
    println!("{what:<34} {}", all.join(" "));
    Ok(())
}
