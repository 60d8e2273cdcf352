//! A question with two buttons. The focus starts on the one that does nothing.

use super::{Part, Reply, Told};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::jobs::Job;
use crate::console::keymap::Chord;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::console::widgets::TextField;
use crate::console::widgets::button;
use crate::events::ControlCommand;
use crate::runs::RunId;
use crate::text;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// Start a retrain.
    NewRun,
    /// Cancel a run.
    Cancel(RunId),
    /// Resume a run.
    Resume(RunId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    Field,
    No,
    Yes,
}

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    purpose: Purpose,
    note: TextField,
    focus: Focus,
}

impl Confirm {
    /// Asks.
    pub fn new(purpose: Purpose) -> Self {
        let focus = match purpose {
            // Nothing can be lost by a note, and typing it is the reason to come here.
            Purpose::NewRun => Focus::Field,
            Purpose::Cancel(_) | Purpose::Resume(_) => Focus::No,
        };
        Self {
            purpose,
            note: TextField::new(200),
            focus,
        }
    }
    fn order(&self) -> &'static [Focus] {
        match self.purpose {
            Purpose::NewRun => &[Focus::Field, Focus::No, Focus::Yes],
            Purpose::Cancel(_) | Purpose::Resume(_) => &[Focus::No, Focus::Yes],
        }
    }
    fn step(&mut self, by: usize) {
        let order = self.order();
        let at = order.iter().position(|f| *f == self.focus).unwrap_or(0);
        self.focus = order[(at + by) % order.len()];
    }
    fn job(&self) -> Job {
        match &self.purpose {
            Purpose::NewRun => {
                let note = self.note.text().trim().to_owned();
                Job::Start {
                    note: (!note.is_empty()).then_some(note),
                }
            }
            Purpose::Cancel(run) => Job::Control(run.clone(), ControlCommand::Cancel),
            Purpose::Resume(run) => Job::Resume(run.clone()),
        }
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::DialogNext | Command::DialogDown => self.step(1),
            Command::DialogPrevious | Command::DialogUp => self.step(self.order().len() - 1),
            Command::DialogActivate => {
                return match self.focus {
                    Focus::Field => {
                        self.step(1);
                        Reply::Stay
                    }
                    Focus::No => Reply::Close,
                    Focus::Yes => Reply::Do(self.job()),
                };
            }
            _ => {}
        }
        Reply::Stay
    }
    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        self.focus == Focus::Field && self.note.key(chord)
    }
    pub(super) fn pasted(&mut self, text: &str) -> bool {
        if self.focus == Focus::Field {
            self.note.paste(text);
        }
        self.focus == Focus::Field
    }
    fn words(&self) -> (&'static str, String, &'static str, &'static str) {
        match &self.purpose {
            Purpose::NewRun => (
                "Start a retrain?",
                "The worker is a process of its own: it goes on when this console is closed. \
                 At the end it plans a push if the gate accepts; it never pushes by itself."
                    .to_owned(),
                "Do nothing",
                "Start",
            ),
            Purpose::Cancel(run) => (
                "Cancel the run?",
                format!(
                    "Run {run} ends within a second. Finished stages are kept and a resume goes \
                     on from there. Rounds of the learner at work are lost; c would keep them."
                ),
                "Let it run",
                "Cancel the run",
            ),
            Purpose::Resume(run) => (
                "Resume the run?",
                format!(
                    "Run {run} goes on from its last good stage, after its files were hashed again."
                ),
                "Do nothing",
                "Resume",
            ),
        }
    }
    pub(super) fn told(&self, model: &Model) -> Told {
        let (title, text, no, yes) = self.words();
        let parts = self
            .order()
            .iter()
            .map(|focus| {
                let here = *focus == self.focus;
                match focus {
                    Focus::Field => Part::field("note", self.note.text(), here),
                    Focus::No => Part::button(no, None, here),
                    Focus::Yes => Part::button(yes, model.session.view_only.clone(), here),
                }
            })
            .collect();
        Told {
            title: title.to_owned(),
            lines: vec![text],
            parts,
        }
    }
    pub(super) fn size(&self, width: u16) -> (u16, u16) {
        let w = width.saturating_sub(4).min(72);
        let (_, text, _, _) = self.words();
        let lines = text::wrap(&text, w.saturating_sub(4) as usize, text::Marks::UTF8).len();
        let field = if self.purpose == Purpose::NewRun {
            2
        } else {
            0
        };
        (w, lines as u16 + field + 6)
    }
    pub(super) fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let marks = canvas.glyphs.marks();
        let (title, text, no, yes) = self.words();
        let mut inside = canvas.boxed(title, "Esc closes");
        let mut y = 1;
        for line in text::wrap(&text, inside.width().saturating_sub(2) as usize, marks) {
            inside.put(1, y, &line, Tone::Plain);
            y += 1;
        }
        y += 1;
        let mut cursor = None;
        if self.purpose == Purpose::NewRun {
            let x = inside.put(1, y, "Note ", Tone::Plain);
            let width = inside.width().saturating_sub(x + 1);
            cursor = self
                .note
                .view(&mut inside, x, y, width, self.focus == Focus::Field);
            y += 2;
        }
        let enabled = model.session.view_only.is_none();
        let x = button(&mut inside, 1, y, no, true, self.focus == Focus::No);
        button(
            &mut inside,
            x + 3,
            y,
            yes,
            enabled,
            self.focus == Focus::Yes,
        );
        cursor
    }
}
