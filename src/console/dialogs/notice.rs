//! Something to read: a receipt, or an error with what to do about it.

use super::{Part, Reply, Told};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::theme::Tone;
use crate::error::ErrorReport;
use crate::text;

/// A title and lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    title: String,
    lines: Vec<String>,
    /// Names and values below the lines, the values in one column.
    facts: Vec<(&'static str, String)>,
    bad: bool,
    first: usize,
}

impl Notice {
    /// A receipt.
    pub fn receipt(title: &str, lines: &[String]) -> Self {
        Self {
            title: title.to_owned(),
            lines: lines.to_vec(),
            facts: Vec::new(),
            bad: false,
            first: 0,
        }
    }
    /// Names and their values.
    pub fn facts(title: &str, facts: Vec<(&'static str, String)>) -> Self {
        Self {
            facts,
            ..Self::receipt(title, &[])
        }
    }
    /// An error.
    pub fn error(title: &str, error: &ErrorReport) -> Self {
        let mut lines = vec![error.message.clone()];
        if !error.hints.is_empty() {
            lines.push(String::new());
        }
        lines.extend(error.hints.iter().map(|h| format!("hint: {h}")));
        Self {
            title: title.to_owned(),
            lines,
            facts: Vec::new(),
            bad: true,
            first: 0,
        }
    }
    pub(super) fn told(&self) -> Told {
        Told {
            title: self.title.clone(),
            lines: self
                .lines
                .iter()
                .cloned()
                .chain(
                    self.facts
                        .iter()
                        .map(|(name, value)| format!("{name}: {value}")),
                )
                .collect(),
            parts: vec![Part::button("close", None, true)],
        }
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::DialogActivate => return Reply::Close,
            Command::DialogDown => self.first += 1,
            Command::DialogUp => self.first = self.first.saturating_sub(1),
            Command::DialogPageDown => self.first += 10,
            Command::DialogPageUp => self.first = self.first.saturating_sub(10),
            _ => {}
        }
        let last = (self.lines.len() + self.facts.len()).saturating_sub(1);
        self.first = self.first.min(last);
        Reply::Stay
    }
    fn wrapped(&self, width: u16, canvas_marks: text::Marks) -> Vec<String> {
        let width = usize::from(width);
        let lines = self.lines.iter();
        let mut rows: Vec<String> = lines
            .flat_map(|l| text::wrap(l, width, canvas_marks))
            .collect();
        let names = self.facts.iter().map(|(name, _)| name.len() + 2);
        let column = names.max().unwrap_or(0);
        for (name, value) in &self.facts {
            let values = text::wrap(value, width.saturating_sub(column), canvas_marks);
            for (i, value) in values.into_iter().enumerate() {
                let name = if i == 0 { name } else { "" };
                rows.push(format!("{name:column$}{value}"));
            }
        }
        rows
    }
    pub(super) fn size(&self, width: u16) -> (u16, u16) {
        let w = width.saturating_sub(8).min(90);
        let rows = self.wrapped(w.saturating_sub(4), text::Marks::UTF8).len();
        (w, (rows as u16).saturating_add(4))
    }
    pub(super) fn view(&self, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let marks = canvas.glyphs.marks();
        let mut inside = canvas.boxed(&self.title, "Enter or Esc close");
        let lines = self.wrapped(inside.width().saturating_sub(2), marks);
        let tone = if self.bad { Tone::Bad } else { Tone::Plain };
        for (y, line) in lines.iter().skip(self.first).enumerate() {
            let row = y as u16 + 1;
            if row + 1 >= inside.height() {
                break;
            }
            let tone = if y + self.first == 0 {
                tone
            } else {
                Tone::Plain
            };
            inside.put(1, row, line, tone);
        }
        None
    }
}
