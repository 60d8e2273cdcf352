//! One field: the text a list is narrowed to. An empty field shows everything again.

use super::{Part, PartKind, Reply, Told};
use crate::console::canvas::Canvas;
use crate::console::commands::{Command, Screen};
use crate::console::keymap::Chord;
use crate::console::theme::Tone;
use crate::console::widgets::TextField;

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct Find {
    screen: Screen,
    field: TextField,
}

impl Find {
    /// Asks on a screen; `now` is what the list is narrowed to already.
    pub fn new(screen: Screen, now: &str) -> Self {
        let mut field = TextField::new(120);
        field.paste(now);
        Self { screen, field }
    }
    pub(super) fn told(&self) -> Told {
        let kind = PartKind::Field {
            text: self.field.text(),
            acts: true,
        };
        Told {
            title: "Show what contains".to_owned(),
            lines: vec!["Nothing typed shows everything.".to_owned()],
            parts: vec![Part {
                label: "text".to_owned(),
                kind,
                focused: true,
            }],
        }
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::DialogActivate => {
                Reply::Find(self.screen, self.field.text().trim().to_owned())
            }
            _ => Reply::Stay,
        }
    }
    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        self.field.key(chord)
    }
    pub(super) fn pasted(&mut self, text: &str) -> bool {
        self.field.paste(text);
        true
    }
    pub(super) fn size(&self, width: u16) -> (u16, u16) {
        (width.saturating_sub(4).min(72), 5)
    }
    pub(super) fn view(&self, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let mut inside = canvas.boxed("Show what contains", "Enter shows  Esc closes");
        let width = inside.width().saturating_sub(2);
        let cursor = self.field.view(&mut inside, 1, 1, width, true);
        inside.put(1, 2, "Nothing typed shows everything.", Tone::Dim);
        cursor
    }
}
