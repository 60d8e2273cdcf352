//! A dialog in words: its text, then its fields and buttons as parts that can be numbered. For
//! plain mode; a dialog without words of its own is told as it would be drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Dialog;
use crate::console::canvas::Canvas;
use crate::console::glyphs::Glyphs;
use crate::console::model::Model;

/// A field or a button.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is called.
    pub label: String,
    /// What can be done with it.
    pub kind: PartKind,
    /// Whether it has the focus.
    pub focused: bool,
}

/// What can be done with a part.
#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    /// Text is typed into it.
    Field {
        /// What stands in it.
        text: String,
        /// Whether typing is all there is to do: the dialog acts on Enter at once.
        acts: bool,
    },
    /// It is pressed.
    Button {
        /// Why it cannot be pressed now.
        hindrance: Option<String>,
    },
}

/// A dialog in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its title.
    pub title: String,
    /// Its text, a sentence or a fact a line.
    pub lines: Vec<String>,
    /// Its fields and buttons, in the order of Tab.
    pub parts: Vec<Part>,
}

impl Part {
    /// A field.
    pub fn field(label: impl Into<String>, text: String, focused: bool) -> Self {
        Self {
            label: label.into(),
            kind: PartKind::Field { text, acts: false },
            focused,
        }
    }
    /// A button, and why it cannot be pressed now.
    pub fn button(label: impl Into<String>, hindrance: Option<String>, focused: bool) -> Self {
        Self {
            label: label.into(),
            kind: PartKind::Button { hindrance },
            focused,
        }
    }
}

impl Dialog {
    /// The dialog in words.
    pub fn told(&self, model: &Model) -> Told {
        match self {
            Dialog::Find(d) => d.told(),
            Dialog::Acknowledge(d) => d.told(model),
            Dialog::Confirm(d) => d.told(model),
            Dialog::Start(d) => d.told(model),
            Dialog::TakeOver(d) => d.told(model),
            Dialog::Decision(d) => d.told(model),
            Dialog::Notice(d) => d.told(),
            Dialog::Data(d) => d.told().unwrap_or_else(|| drawn(self, model)),
            // Plain mode prints the table itself instead of opening these two.
            Dialog::Help(_) | Dialog::Palette(_) => drawn(self, model),
        }
    }
}

/// A dialog as it is drawn, line by line. Its keys still work by name (`keys tab enter`).
pub fn drawn(dialog: &Dialog, model: &Model) -> Told {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 34));
    let mut canvas = Canvas::new(&mut buffer, Glyphs::Ascii, model.theme());
    dialog.view(model, &mut canvas);
    let lines = lines_of(&buffer);
    Told {
        title: "A dialog; `keys tab enter` presses keys in it, `type TEXT` types.".to_owned(),
        lines,
        parts: Vec::new(),
    }
}

/// The rows of a buffer that say something, without their frames.
pub fn lines_of(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width).max(1);
    buffer
        .content
        .chunks(width)
        .map(|row| {
            let text: String = row.iter().map(|cell| cell.symbol()).collect();
            text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '|' | '+' | '-'))
                .to_owned()
        })
        .filter(|line| !line.is_empty())
        .collect()
}
