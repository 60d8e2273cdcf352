//! Take note of a problem: what it is, and a field for why it may stay. Nothing is written before
//! the field says something.

use super::Reply;
use super::told::{Part, Told};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::jobs::Job;
use crate::console::keymap::Chord;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::console::widgets::{TextField, button};
use crate::findings::Finding;
use crate::runs::RunId;
use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    Note,
    No,
    Yes,
}

const ORDER: [Focus; 3] = [Focus::Note, Focus::No, Focus::Yes];

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct Acknowledge {
    run: RunId,
    check: String,
    observed: String,
    what: String,
    note: TextField,
    focus: Focus,
}

impl Acknowledge {
    /// About a finding of a run.
    pub fn new(run: RunId, finding: &Finding) -> Self {
        Self {
            run,
            check: finding.id.clone(),
            observed: finding.observed.clone(),
            what: format!(
                "{}, {} (limit {}): {}",
                finding.standing.word(),
                finding.observed,
                finding.limit,
                finding.text
            ),
            note: TextField::new(400),
            // Typing the note is the reason to come here, and nothing can be lost by it.
            focus: Focus::Note,
        }
    }
    fn noted(&self) -> bool {
        !self.note.text().trim().is_empty()
    }
    fn step(&mut self, by: usize) {
        let at = ORDER.iter().position(|f| *f == self.focus).unwrap_or(0);
        self.focus = ORDER[(at + by) % ORDER.len()];
    }
    /// The dialog in words.
    pub(super) fn told(&self, model: &Model) -> Told {
        let hindrance = match (&model.session.view_only, self.noted()) {
            (Some(why), _) => Some(why.clone()),
            (None, false) => Some("the note is required".to_owned()),
            (None, true) => None,
        };
        Told {
            title: format!("Acknowledge {}?", self.check),
            lines: vec![
                self.what.clone(),
                "The note goes to whoever approves, and to MLflow.".to_owned(),
            ],
            parts: vec![
                Part::field(
                    "Why it may stay",
                    self.note.text(),
                    self.focus == Focus::Note,
                ),
                Part::button("Do nothing", None, self.focus == Focus::No),
                Part::button("Acknowledge", hindrance, self.focus == Focus::Yes),
            ],
        }
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::DialogNext | Command::DialogDown => self.step(1),
            Command::DialogPrevious | Command::DialogUp => self.step(ORDER.len() - 1),
            Command::DialogActivate => {
                return match self.focus {
                    Focus::Note => {
                        // To the button that can be pressed: nothing is lost by pressing it.
                        if self.noted() {
                            self.focus = Focus::Yes;
                        }
                        Reply::Stay
                    }
                    Focus::No => Reply::Close,
                    Focus::Yes if self.noted() => Reply::Do(Job::Acknowledge {
                        run: self.run.clone(),
                        check: self.check.clone(),
                        observed: self.observed.clone(),
                        note: self.note.text().trim().to_owned(),
                    }),
                    Focus::Yes => Reply::Stay,
                };
            }
            _ => {}
        }
        Reply::Stay
    }
    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        self.focus == Focus::Note && self.note.key(chord)
    }
    pub(super) fn pasted(&mut self, text: &str) -> bool {
        if self.focus == Focus::Note {
            self.note.paste(text);
        }
        self.focus == Focus::Note
    }
    pub(super) fn size(&self, width: u16) -> (u16, u16) {
        let w = width.saturating_sub(4).min(84);
        let lines = text::wrap(&self.what, w.saturating_sub(4) as usize, text::Marks::UTF8).len();
        (w, lines.min(6) as u16 + 9)
    }
    pub(super) fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let marks = canvas.glyphs.marks();
        let title = format!("Acknowledge {}?", self.check);
        let mut inside = canvas.boxed(&title, "nothing has been written yet");
        let w = inside.width();
        let mut y = 1;
        for line in text::wrap(&self.what, w.saturating_sub(2) as usize, marks)
            .into_iter()
            .take(6)
        {
            inside.put(1, y, &line, Tone::Plain);
            y += 1;
        }
        y += 1;
        inside.put_in(
            1,
            y,
            w.saturating_sub(2),
            "Why it may stay (required; goes to whoever approves, and to MLflow)",
            Tone::Plain,
        );
        let cursor = self.note.view(
            &mut inside,
            1,
            y + 1,
            w.saturating_sub(2),
            self.focus == Focus::Note,
        );
        y += 3;
        let enabled = self.noted() && model.session.view_only.is_none();
        let x = button(
            &mut inside,
            1,
            y,
            "Do nothing",
            true,
            self.focus == Focus::No,
        );
        button(
            &mut inside,
            x + 3,
            y,
            "Acknowledge",
            enabled,
            self.focus == Focus::Yes,
        );
        cursor
    }
}
