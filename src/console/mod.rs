//! The terminal interface: a plain model, message, update, view loop that sleeps until something
//! happens.
//!
//! The outside world becomes [`message::Message`]s; [`update::update`] changes the
//! [`model::Model`] and answers with [`effect::Effect`]s; [`screens::view`] draws. Everything a
//! person can do is a row of [`commands::COMMANDS`]. The console owns no run: it reads logs that
//! worker processes write and may be closed at any moment.

pub mod away;
pub mod browser;
pub mod canvas;
pub mod capabilities;
pub mod clipboard;
pub mod commands;
pub mod comparison;
pub mod desk;
pub mod dialogs;
pub mod effect;
pub mod engine;
pub mod follow;
pub mod glyphs;
pub mod hands;
pub mod hits;
pub mod jobs;
pub mod keymap;
pub mod layout;
pub mod link;
pub mod log_lines;
pub mod message;
pub mod model;
pub mod pacer;
pub mod painter;
pub mod plain;
pub mod replay;
pub mod run_table;
pub mod screens;
pub mod terminal;
pub mod theme;
pub mod update;
pub mod validation;
pub mod widgets;
pub mod work;

#[cfg(test)]
mod overlap;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use chrono::{Local, Offset, Utc};
use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::Instant;

use self::canvas::Canvas;
use self::capabilities::Capabilities;
use self::effect::Effect;
use self::engine::{Engine, ForScreen};
use self::jobs::JobKey;
use self::keymap::Keymap;
use self::message::Message;
use self::model::{Model, Session};
use self::pacer::{Due, FRAME, Pacer};
use self::painter::Painter;
use crate::config::UiConfig;
use crate::error::{CommandError, ErrorKind};
use crate::events::Actor;
use crate::workspace::Workspace;

/// How long a push that has begun may take to end after the console was closed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the console is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The project.
    pub workspace: Workspace,
    /// Its configuration file; it may not exist.
    pub config_file: PathBuf,
    /// `[ui]`.
    pub ui: UiConfig,
    /// Whether nothing may be changed.
    pub view_only: bool,
    /// Whether it talks in lines instead of drawing.
    pub plain: bool,
}

/// Opens the console and returns when it is closed.
///
/// # Errors
/// Kind `Usage` when stdout is no terminal, `TerminalLost` when the terminal went away,
/// `Cancelled` when a signal ended it.
pub fn run(options: Options) -> Result<(), CommandError> {
    if options.plain {
        return plain::run(&options);
    }
    if !rustix::termios::isatty(rustix::stdio::stdout()) {
        return Err(
            CommandError::usage("the console needs a terminal, and stdout is none")
                .hint("`netsec console --plain` works without one, `netsec watch latest --plain` follows a run."),
        );
    }
    let model = new_model(&options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CommandError::internal("the console's runtime cannot start").because(e))?;
    terminal::install_panic_hook();
    let (result, busy) = runtime.block_on(async {
        match Console::open(&options, model) {
            Ok(mut console) => {
                let result = console.run().await;
                let seen = update::seen(&mut console.model, Utc::now());
                console.engine.leave(seen);
                (result, console.model.jobs.busy(JobKey::Action))
            }
            Err(e) => (Err(e), false),
        }
    });
    if busy {
        // A push that has begun is finished rather than left to the next approval.
        runtime.shutdown_timeout(PATIENCE);
    } else {
        runtime.shutdown_background();
    }
    result
}

fn new_model(options: &Options) -> Result<Model, CommandError> {
    let (keymap, mut problems) = Keymap::lenient(&options.ui.keys);
    if !problems.is_empty() {
        let text = std::fs::read_to_string(&options.config_file).unwrap_or_default();
        keymap::remap::locate(&mut problems, &text);
    }
    let capabilities = Capabilities::detect(|name| std::env::var(name).ok(), &options.ui);
    let root = options.workspace.root();
    let place = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let place = place
        .file_name()
        .map_or("/".to_owned(), |n| n.to_string_lossy().into_owned());
    let by = Actor::current();
    let session = Session {
        place,
        who: format!("{} ({})", by.name, by.from),
        view_only: options
            .view_only
            .then(|| "this session is view only (--view-only)".to_owned()),
        has_config: options.config_file.is_file(),
        offset: Local::now().offset().fix(),
    };
    let size = crossterm::terminal::size().unwrap_or((80, 24));
    let mut model = Model::new(size, capabilities, keymap, session);
    update::key_problems(&mut model, problems, Utc::now());
    Ok(model)
}

/// How long keys behind a key are looked for: the source of events does not look at all within no
/// time.
const LOOK: Duration = Duration::from_micros(100);

type Out = Box<dyn FnMut(&[u8]) -> std::io::Result<()>>;

struct Console {
    model: Model,
    painter: Painter<Out>,
    /// How long the last frame took to write.
    wrote: Rc<Cell<Duration>>,
    engine: Engine,
    inbox: UnboundedReceiver<Message>,
    lost: UnboundedReceiver<()>,
    keys: EventStream,
    signals: Signals,
    pacer: Pacer,
    // Last, so that the terminal is restored after everything else was dropped.
    _guard: terminal::Guard,
}

struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
    stop: Signal,
    go_on: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            stop: signal(SignalKind::from_raw(signal_hook::consts::SIGTSTP))?,
            go_on: signal(SignalKind::from_raw(signal_hook::consts::SIGCONT))?,
        })
    }
}

fn terminal_lost() -> CommandError {
    CommandError::new(ErrorKind::TerminalLost, "the terminal is gone; runs go on")
}

fn ended_by(name: &str) -> CommandError {
    CommandError::cancelled(format!("ended by {name}; runs go on"))
}

impl Console {
    fn open(options: &Options, model: Model) -> Result<Self, CommandError> {
        let fail =
            |what: &'static str| move |e: std::io::Error| CommandError::backend(what).because(e);
        let signals = Signals::new().map_err(fail("signals cannot be handled"))?;
        let (sender, inbox) = mpsc::unbounded_channel();
        let (tell, lost) = mpsc::unbounded_channel();
        let tty = terminal::tty().map_err(fail("there is no terminal to read keys from"))?;
        terminal::watch(tty, move || {
            let _ = tell.send(());
            // The loop may be stuck inside a read of the dead terminal: leave without it.
            std::thread::sleep(Duration::from_millis(800));
            terminal::restore();
            std::process::exit(i32::from(ErrorKind::TerminalLost.exit_code()));
        });
        let engine = Engine::new(&options.workspace, options.config_file.clone(), sender);
        let guard = terminal::Guard::enter().map_err(fail("the terminal cannot be set up"))?;
        let (w, h) = model.size;
        let wrote = Rc::new(Cell::new(Duration::ZERO));
        let took = Rc::clone(&wrote);
        let out: Out = Box::new(move |bytes| {
            let begun = Instant::now();
            let result = terminal::write_out(bytes);
            took.set(begun.elapsed());
            result
        });
        Ok(Self {
            painter: Painter::new(w, h, out),
            wrote,
            model,
            engine,
            inbox,
            lost,
            keys: EventStream::new(),
            signals,
            pacer: Pacer::default(),
            _guard: guard,
        })
    }

    async fn run(&mut self) -> Result<(), CommandError> {
        let first = update::begin(&mut self.model, Utc::now());
        self.start(first).await?;
        self.pacer.person();
        loop {
            let due = self.pacer.due(self.model.dirty, Instant::now());
            if due == Due::Now {
                self.paint()?;
            }
            self.pacer.settled(due == Due::Now, Instant::now());
            let wait = match due {
                Due::At(moment) => Some(moment),
                Due::Now | Due::Never => None,
            };
            let message = tokio::select! {
                biased;
                Some(()) = self.lost.recv() => return Err(terminal_lost()),
                Some(()) = self.signals.hang_up.recv() => return Err(terminal_lost()),
                Some(()) = self.signals.terminate.recv() => return Err(ended_by("SIGTERM")),
                Some(()) = self.signals.interrupt.recv() => return Err(ended_by("SIGINT")),
                Some(()) = self.signals.stop.recv() => {
                    self.stop().await?;
                    None
                }
                Some(()) = self.signals.go_on.recv() => {
                    // Stopped from outside: the shell may have left any mode behind.
                    terminal::restore();
                    self.take_terminal()?;
                    Some(Message::Continued)
                }
                key = self.keys.next() => {
                    self.input(key).await?;
                    None
                }
                message = self.inbox.recv() => message,
                () = until(wait) => None,
            };
            if let Some(message) = message {
                self.take(message).await?;
                // What has piled up is taken in before anything is drawn.
                while let Ok(message) = self.inbox.try_recv() {
                    self.take(message).await?;
                }
            }
            if self.model.quit {
                return Ok(());
            }
        }
    }

    /// Takes a key and all that are waiting behind it: a key held down is drawn once.
    async fn input(&mut self, first: Option<std::io::Result<Event>>) -> Result<(), CommandError> {
        let mut next = Some(first);
        while let Some(event) = next {
            let message = match event {
                None | Some(Err(_)) => return Err(terminal_lost()),
                Some(Ok(Event::Key(key))) => Some(Message::Key(key)),
                Some(Ok(Event::Paste(text))) => Some(Message::Paste(text)),
                Some(Ok(Event::Mouse(event))) => Some(Message::Mouse(event)),
                Some(Ok(Event::Resize(w, h))) => Some(Message::Resize(w, h)),
                Some(Ok(Event::FocusGained | Event::FocusLost)) => None,
            };
            if let Some(message) = message {
                // A window that is dragged resizes hundreds of times a second: that is data.
                if !matches!(message, Message::Resize(..)) {
                    self.pacer.person();
                }
                self.take(message).await?;
            }
            if self.model.quit {
                return Ok(());
            }
            // Not `self.keys.next().now_or_never()`: the stream keeps the first waker it is polled
            // with, and one that does nothing would swallow the next key until something else
            // wakes the loop.
            next = match crossterm::event::poll(LOOK) {
                Ok(true) => Some(Some(crossterm::event::read())),
                Ok(false) => None,
                Err(e) => Some(Some(Err(e))),
            };
        }
        Ok(())
    }

    async fn take(&mut self, message: Message) -> Result<(), CommandError> {
        let effects = update::update(&mut self.model, message, Utc::now());
        self.start(effects).await
    }

    async fn start(&mut self, effects: Vec<Effect>) -> Result<(), CommandError> {
        for effect in effects {
            match self.engine.start(effect) {
                None => {}
                Some(ForScreen::Send(bytes)) => {
                    terminal::write_out(&bytes).map_err(|_| terminal_lost())?;
                }
                Some(ForScreen::Repaint) => self.painter.forget(),
                Some(ForScreen::Suspend) => self.suspend(),
            }
        }
        Ok(())
    }

    /// What the terminal driver does for Ctrl-Z outside raw mode: the whole process group is asked
    /// to stop. The console hears it like a SIGTSTP from anybody else.
    fn suspend(&self) {
        let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
    }

    /// Gives the terminal back, stops, and takes it again when somebody continues the process.
    /// Where nobody could, as under a forced command of sshd, the signal is ignored: the kernel
    /// does the same for a process that does not catch it.
    async fn stop(&mut self) -> Result<(), CommandError> {
        if !terminal::can_be_continued() {
            return self.take(Message::NoShell).await;
        }
        terminal::restore();
        let me = rustix::process::getpid();
        let _ = rustix::process::kill_process(me, rustix::process::Signal::STOP);
        // Another thread may be the one that takes the signal; give it the moment it needs.
        let _ = tokio::time::timeout(FRAME, self.signals.go_on.recv()).await;
        self.take_terminal()?;
        self.take(Message::Continued).await
    }

    fn take_terminal(&mut self) -> Result<(), CommandError> {
        terminal::enter().map_err(|_| terminal_lost())?;
        if self.model.mouse {
            terminal::write_out(terminal::MOUSE_ON.as_bytes()).map_err(|_| terminal_lost())?;
        }
        self.painter.forget();
        if let Ok((w, h)) = crossterm::terminal::size() {
            self.model.size = (w, h);
        }
        Ok(())
    }

    fn paint(&mut self) -> Result<(), CommandError> {
        let (w, h) = self.model.size;
        self.painter.resize(w, h);
        let model = &self.model;
        let sent = self
            .painter
            .paint(|buffer| {
                let mut canvas = Canvas::new(buffer, model.glyphs(), model.theme());
                screens::view(model, &mut canvas)
            })
            .map_err(|_| terminal_lost())?;
        self.model.dirty = false;
        if sent > 0 {
            let message = Message::Frame {
                bytes: sent,
                took: self.wrote.get(),
            };
            // Nothing is to be done outside for it.
            update::update(&mut self.model, message, Utc::now());
            self.pacer.slow(self.model.link.slow);
        }
        Ok(())
    }
}

/// Sleeps until `at`, or for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
