//! Somebody else has the run in hand: leave it to them, or take it over, typed and told.

use super::{Part, Reply, Told};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::desk::LeaseRow;
use crate::console::jobs::{Job, JobKey};
use crate::console::keymap::Chord;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::console::widgets::{TextField, button};
use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    Field,
    No,
    Yes,
}

/// The order of Tab; the start is the button that does nothing.
const ORDER: [Focus; 3] = [Focus::Field, Focus::No, Focus::Yes];

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct TakeOver {
    lease: LeaseRow,
    /// What was to be done.
    then: Box<Job>,
    field: TextField,
    focus: Focus,
}

impl TakeOver {
    /// Asks whether to do `then` although somebody else has the run.
    pub fn new(lease: LeaseRow, then: Job) -> Self {
        Self {
            lease,
            then: Box::new(then),
            field: TextField::new(20),
            focus: Focus::No,
        }
    }
    fn typed_right(&self) -> bool {
        self.field.text().trim() == self.lease.run.short()
    }
    fn step(&mut self, by: usize) {
        let at = ORDER.iter().position(|f| *f == self.focus).unwrap_or(0);
        self.focus = ORDER[(at + by) % ORDER.len()];
    }
    fn enabled(&self, model: &Model) -> bool {
        self.typed_right() && model.session.view_only.is_none() && !model.jobs.busy(JobKey::Action)
    }
    pub(super) fn command(&mut self, command: Command, model: &Model) -> Reply {
        match command {
            Command::DialogNext | Command::DialogDown => self.step(1),
            Command::DialogPrevious | Command::DialogUp => self.step(ORDER.len() - 1),
            Command::DialogActivate => {
                return match self.focus {
                    Focus::No => Reply::Close,
                    Focus::Yes if self.enabled(model) => Reply::Do(Job::TakeOver {
                        run: self.lease.run.clone(),
                        then: self.then.clone(),
                    }),
                    Focus::Field | Focus::Yes => Reply::Stay,
                };
            }
            _ => {}
        }
        Reply::Stay
    }
    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        self.focus == Focus::Field && self.field.key(chord)
    }
    fn words(&self, model: &Model) -> String {
        format!(
            "{} has run {} in hand since {}. Ask them first; what they are doing may be undone by \
             what you do. Their console is told who took it over, and so is the run's log.",
            self.lease.who(),
            self.lease.run,
            model.day(self.lease.since),
        )
    }
    pub(super) fn told(&self, model: &Model) -> Told {
        let here = |focus| self.focus == focus;
        let hindrance = match self.enabled(model) {
            true => None,
            false => Some(format!("type {} to confirm", self.lease.run.short())),
        };
        let field = format!("confirmation (type {})", self.lease.run.short());
        Told {
            title: "Somebody else has it".to_owned(),
            lines: vec![self.words(model)],
            parts: vec![
                Part::field(field, self.field.text(), here(Focus::Field)),
                Part::button("Leave it", None, here(Focus::No)),
                Part::button("Take it over", hindrance, here(Focus::Yes)),
            ],
        }
    }
    pub(super) fn size(&self, model: &Model, width: u16) -> (u16, u16) {
        let w = width.saturating_sub(4).min(76);
        let words = self.words(model);
        let lines = text::wrap(&words, w.saturating_sub(4) as usize, text::Marks::UTF8).len();
        (w, lines as u16 + 8)
    }
    pub(super) fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let marks = canvas.glyphs.marks();
        let mut inside = canvas.boxed("Somebody else has it", "Esc closes");
        let width = inside.width();
        let mut y = 1;
        for line in text::wrap(&self.words(model), width.saturating_sub(2) as usize, marks) {
            inside.put(1, y, &line, Tone::Plain);
            y += 1;
        }
        y += 1;
        let ask = format!("Type {} to confirm ", self.lease.run.short());
        let x = inside.put(1, y, &ask, Tone::Plain);
        let room = 14.min(width.saturating_sub(x + 1));
        let cursor = self
            .field
            .view(&mut inside, x, y, room, self.focus == Focus::Field);
        y += 2;
        let x = button(&mut inside, 1, y, "Leave it", true, self.focus == Focus::No);
        let yes = self.focus == Focus::Yes;
        button(
            &mut inside,
            x + 3,
            y,
            "Take it over",
            self.enabled(model),
            yes,
        );
        cursor
    }
}
