//! A question with two buttons. The focus starts on the one that does nothing.

use super::{Part, Reply, Told};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::jobs::Job;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::console::widgets::button;
use crate::events::ControlCommand;
use crate::runs::RunId;
use crate::text;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// Cancel a run.
    Cancel(RunId),
    /// Resume a run.
    Resume(RunId),
    /// Take a queued run out of the queue.
    Unqueue(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    No,
    Yes,
}

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    purpose: Purpose,
    focus: Focus,
}

impl Confirm {
    /// Asks.
    pub fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            focus: Focus::No,
        }
    }
    fn step(&mut self) {
        self.focus = match self.focus {
            Focus::No => Focus::Yes,
            Focus::Yes => Focus::No,
        };
    }
    fn job(&self) -> Job {
        match &self.purpose {
            Purpose::Cancel(run) => Job::Control(run.clone(), ControlCommand::Cancel),
            Purpose::Resume(run) => Job::Resume(run.clone()),
            Purpose::Unqueue(id) => Job::Unqueue(id.clone()),
        }
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::DialogNext
            | Command::DialogDown
            | Command::DialogPrevious
            | Command::DialogUp => self.step(),
            Command::DialogActivate => {
                return match self.focus {
                    Focus::No => Reply::Close,
                    Focus::Yes => Reply::Do(self.job()),
                };
            }
            _ => {}
        }
        Reply::Stay
    }
    fn words(&self) -> (&'static str, String, &'static str, &'static str) {
        match &self.purpose {
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
            Purpose::Unqueue(id) => (
                "Take it out of the queue?",
                format!("{id} does not wait for its turn any more. Nothing of it has run yet."),
                "Let it wait",
                "Take it out",
            ),
        }
    }
    pub(super) fn told(&self, model: &Model) -> Told {
        let (title, text, no, yes) = self.words();
        let here = |focus| self.focus == focus;
        let parts = vec![
            Part::button(no, None, here(Focus::No)),
            Part::button(yes, model.session.view_only.clone(), here(Focus::Yes)),
        ];
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
        (w, lines as u16 + 6)
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
        None
    }
}
