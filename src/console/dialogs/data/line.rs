//! One field: a text to find in the columns shown.

use super::super::Reply;
use super::DataReply;
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::theme::Tone;
use crate::console::widgets::TextField;

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct FindText {
    pub(super) field: TextField,
}

impl FindText {
    /// Asks; `now` is the text of last time.
    pub fn new(now: &str) -> Self {
        let mut field = TextField::new(120);
        field.paste(now);
        Self { field }
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::DialogActivate => Reply::Data(DataReply::Find(self.field.text())),
            _ => Reply::Stay,
        }
    }
    pub(super) fn size(&self, width: u16) -> (u16, u16) {
        (width.saturating_sub(4).min(72), 6)
    }
    pub(super) fn view(&self, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let mut inside = canvas.boxed("Find in the columns shown", "Enter finds  Esc closes");
        let width = inside.width().saturating_sub(2);
        let cursor = self.field.view(&mut inside, 1, 1, width, true);
        inside.put(
            1,
            2,
            "From the cursor on, in capitals or small letters.",
            Tone::Dim,
        );
        inside.put(1, 3, "n finds the next one, N the one before.", Tone::Dim);
        cursor
    }
}
