//! One row with all its columns, one below the other; long values are broken, very long ones cut
//! with a note.

use super::super::Reply;
use super::DataReply;
use crate::console::browser::ask::Record;
use crate::console::browser::cell::MISSING;
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::theme::Tone;
use crate::text::{self, Marks, count};

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordView {
    record: Record,
    first: usize,
}

impl RecordView {
    pub(super) fn new(record: Record) -> Self {
        Self { record, first: 0 }
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::DialogActivate => return Reply::Close,
            Command::DialogNext => {
                // It stays until the other row is there.
                return Reply::DataStay(DataReply::Record(self.record.row + 1));
            }
            Command::DialogPrevious => {
                if let Some(row) = self.record.row.checked_sub(1) {
                    return Reply::DataStay(DataReply::Record(row));
                }
            }
            Command::DialogDown => self.first += 1,
            Command::DialogUp => self.first = self.first.saturating_sub(1),
            Command::DialogPageDown => self.first += 10,
            Command::DialogPageUp => self.first = self.first.saturating_sub(10),
            _ => {}
        }
        self.first = self.first.min(self.most());
        Reply::Stay
    }
    /// Lines there can be at most, so that scrolling ends somewhere.
    fn most(&self) -> usize {
        let of = |v: &Option<String>| v.as_ref().map_or(0, String::len) / 20 + 1;
        let all: usize = self.record.fields.iter().map(|(_, v, _)| of(v)).sum();
        all.saturating_sub(1)
    }
    pub(super) fn view(&self, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let marks = canvas.glyphs.marks();
        let title = format!("Row {}", count(self.record.number));
        let mut inside = canvas.boxed(&title, "Up, Down scroll  Tab next row  Esc closes");
        let (w, h) = (inside.width(), inside.height());
        let names = self
            .record
            .fields
            .iter()
            .map(|(n, ..)| text::width(n, marks));
        let name = names.max().unwrap_or(0).clamp(4, 28).min(w as usize / 3) as u16;
        let value = w.saturating_sub(name + 4);
        let mut lines: Vec<(&str, String, Tone)> = Vec::new();
        let wanted = self.first + h as usize;
        // All lines before the last one on the screen, and no further.
        for (field, text, whole) in &self.record.fields {
            match text {
                None => lines.push((field, MISSING.to_owned(), Tone::Dim)),
                Some(text) => {
                    let mut broken = broken(text, value as usize, marks).into_iter();
                    lines.push((field, broken.next().unwrap_or_default(), Tone::Plain));
                    lines.extend(broken.map(|line| ("", line, Tone::Plain)));
                }
            }
            if let Some(bytes) = whole {
                let note = format!("the beginning of {} bytes", count(*bytes as u64));
                lines.push(("", note, Tone::Warn));
            }
            if lines.len() > wanted {
                break;
            }
        }
        let first = self.first.min(lines.len().saturating_sub(1));
        for (y, (field, text, tone)) in lines.iter().skip(first).take(h as usize).enumerate() {
            inside.put_in(1, y as u16, name, field, Tone::Dim);
            inside.put_in(name + 3, y as u16, value, text, *tone);
        }
        None
    }
}

/// A text in pieces of a width; unlike prose it is broken anywhere, for blanks are part of it.
fn broken(value: &str, width: usize, marks: Marks) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for c in value.chars() {
        let piece = text::fit(&c.to_string(), 2, marks);
        let w = text::width(&piece, marks);
        if used + w > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        line.push_str(&piece);
        used += w;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_broken_anywhere() {
        assert_eq!(broken("abcdef", 4, Marks::UTF8), ["abcd", "ef"]);
        assert_eq!(broken("a  b", 10, Marks::UTF8), ["a  b"]);
        assert_eq!(broken("日本語", 4, Marks::UTF8), ["日本", "語"]);
        assert_eq!(broken("", 4, Marks::UTF8), [""]);
        assert_eq!(broken("a\u{1b}b", 4, Marks::UTF8), ["a\u{fffd}b"]);
    }
}
