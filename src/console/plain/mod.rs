//! Plain mode: the console as a conversation in lines, for screen readers, scripts and bad links.
//!
//! Append-only: no cursor movement, no escape sequence, no alternate screen. The same
//! [`super::model::Model`], `update` and command table as the drawn console; only what the eye
//! finds on a screen is said in words here ([`words`]), and every change of the selection is a new
//! line. A new screen or dialog gets its words in `words::screen` and `Dialog::told`; until then
//! it is told as it would be drawn.

pub mod choices;
pub mod input;
pub mod line_editor;
pub mod narrator;
pub mod talk;
pub mod words;

use std::time::Duration;

use chrono::Utc;
use tokio::sync::mpsc::{self, Receiver, UnboundedReceiver};

use super::engine::{Engine, ForScreen};
use super::jobs::JobKey;
use super::message::Message;
use super::pacer::FRAME;
use super::{Options, PATIENCE, Signals, ended_by, new_model, terminal, terminal_lost};
use crate::error::CommandError;
use crate::text;
use input::Input;
use line_editor::LineEditor;
use talk::Talk;

/// The size that screens are made for which read no more than they show.
const PAPER: (u16, u16) = (300, 24);
/// A script's next line waits for what was asked for before, but not for a log that never comes.
const SETTLING: Duration = Duration::from_secs(20);

/// Talks until the input ends or the person quits.
///
/// # Errors
/// Kind `TerminalLost` when the terminal went away, `Cancelled` when a signal ended it.
pub fn run(options: &Options) -> Result<(), CommandError> {
    let mut model = new_model(options)?;
    // No screen limits it; rows are read with this many columns of cells, ten at a time and more.
    model.size = PAPER;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CommandError::internal("the console's runtime cannot start").because(e))?;
    terminal::install_panic_hook();
    let (result, busy) = runtime.block_on(async {
        match Plain::open(options, Talk::new(model, Utc::now())) {
            Ok(mut plain) => {
                let result = plain.run().await;
                let seen = super::update::seen(&mut plain.talk.model, Utc::now());
                plain.engine.leave(seen);
                (result, plain.talk.model.jobs.busy(JobKey::Action))
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

struct Plain {
    talk: Talk,
    engine: Engine,
    inbox: UnboundedReceiver<Message>,
    input: Receiver<Input>,
    /// Set where a person sits at a terminal.
    editor: Option<LineEditor>,
    signals: Signals,
    /// Whether the reader of stdout has gone.
    gone: bool,
    _guard: input::Guard,
}

impl Plain {
    fn open(options: &Options, talk: Talk) -> Result<Self, CommandError> {
        let fail =
            |what: &'static str| move |e: std::io::Error| CommandError::backend(what).because(e);
        let signals = Signals::new().map_err(fail("signals cannot be handled"))?;
        let (sender, inbox) = mpsc::unbounded_channel();
        let engine = Engine::new(&options.workspace, options.config_file.clone(), sender);
        let guard = input::Guard;
        let at_terminal = input::at_terminal();
        if at_terminal {
            input::take_terminal().map_err(fail("the terminal cannot be set up"))?;
        }
        Ok(Self {
            talk,
            engine,
            inbox,
            input: input::read(at_terminal),
            editor: at_terminal.then(LineEditor::default),
            signals,
            gone: false,
            _guard: guard,
        })
    }

    async fn run(&mut self) -> Result<(), CommandError> {
        // The folder's look at runs may take a moment; a script waits for it, within reason.
        let mut patience = Box::pin(tokio::time::sleep(SETTLING));
        loop {
            self.start()?;
            self.print()?;
            if self.talk.ends() || self.gone {
                return Ok(());
            }
            let ready = self.editor.is_some() || self.talk.settled() || patience.is_elapsed();
            tokio::select! {
                biased;
                Some(()) = self.signals.hang_up.recv() => return Err(terminal_lost()),
                Some(()) = self.signals.terminate.recv() => return Err(ended_by("SIGTERM")),
                Some(()) = self.signals.interrupt.recv() => return Err(ended_by("SIGINT")),
                Some(()) = self.signals.stop.recv() => self.stop().await?,
                Some(()) = self.signals.go_on.recv() => self.go_on()?,
                Some(message) = self.inbox.recv() => {
                    self.talk.take(message, Utc::now());
                    while let Ok(message) = self.inbox.try_recv() {
                        self.talk.take(message, Utc::now());
                    }
                }
                entered = self.input.recv(), if ready => {
                    patience.as_mut().reset(tokio::time::Instant::now() + SETTLING);
                    match entered {
                        Some(Input::Line(line)) => {
                            // The transcript of a script shows what it said.
                            self.write(&format!("> {}\n", text::clean(&line)))?;
                            self.talk.answer(&line, Utc::now());
                        }
                        Some(Input::Bytes(bytes)) => self.typed(&bytes)?,
                        Some(Input::End) | None => return Ok(()),
                    }
                }
                () = &mut patience, if !ready && !self.talk.waits() => {}
            }
        }
    }

    /// What a person typed at the terminal.
    fn typed(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        let Some(editor) = &mut self.editor else {
            return Ok(());
        };
        let typed = editor.take(bytes);
        self.write(&typed.echo)?;
        if typed.pasted {
            let line = self.editor.as_ref().map_or("", |e| e.line()).to_owned();
            self.write(&format!(
                "\nPasted lines were made into one; Enter sends it, Ctrl-U takes it back.\n{line}"
            ))?;
        }
        for line in &typed.lines {
            self.talk.answer(line, Utc::now());
        }
        if typed.ended {
            self.talk.model.quit = true;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), CommandError> {
        for effect in self.talk.effects() {
            match self.engine.start(effect) {
                // There is no screen to repaint, and no sequence is ever sent.
                None | Some(ForScreen::Send(_) | ForScreen::Repaint | ForScreen::Suspend) => {}
            }
        }
        Ok(())
    }

    /// Prints what is to be said, whole lines only; nothing while a line is being typed.
    fn print(&mut self) -> Result<(), CommandError> {
        if self.editor.as_ref().is_some_and(|e| !e.is_empty()) {
            return Ok(());
        }
        let lines = self.talk.lines();
        if lines.is_empty() {
            return Ok(());
        }
        self.write(&(lines.join("\n") + "\n"))
    }

    fn write(&mut self, text: &str) -> Result<(), CommandError> {
        if text.is_empty() || self.gone {
            return Ok(());
        }
        match terminal::write_out(text.as_bytes()) {
            Ok(()) => Ok(()),
            // A reader that has seen enough is not an error.
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            Err(_) if self.editor.is_some() => Err(terminal_lost()),
            Err(e) => Err(CommandError::backend("stdout cannot be written").because(e)),
        }
    }

    /// Ctrl-Z: the terminal is the shell's until somebody continues the process.
    async fn stop(&mut self) -> Result<(), CommandError> {
        if !terminal::can_be_continued() {
            return Ok(());
        }
        input::restore();
        let me = rustix::process::getpid();
        let _ = rustix::process::kill_process(me, rustix::process::Signal::STOP);
        // Another thread may be the one that takes the signal; give it the moment it needs.
        let _ = tokio::time::timeout(FRAME, self.signals.go_on.recv()).await;
        self.go_on()
    }

    /// Continued after a stop: the shell had the terminal in between.
    fn go_on(&mut self) -> Result<(), CommandError> {
        if self.editor.is_some() {
            input::take_terminal().map_err(|_| terminal_lost())?;
            let line = self.editor.as_ref().map_or("", |e| e.line()).to_owned();
            self.write(&line)?;
        }
        self.talk.take(Message::Continued, Utc::now());
        Ok(())
    }
}
