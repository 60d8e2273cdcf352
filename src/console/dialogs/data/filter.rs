//! The filter line: checked against the columns before it is used, so that what is wrong is said
//! with its place while the text still stands there. Tab completes names, up and down go through
//! filters used before.

use super::super::Reply;
use super::DataReply;
use crate::console::browser::ask::ColumnHead;
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::keymap::Chord;
use crate::console::theme::Tone;
use crate::console::widgets::TextField;
use crate::dataset::query::Word;
use crate::dataset::{Filter, Frame, QueryError, ROW_COLUMN};
use crate::text::{self, Marks};

/// Characters that can be typed.
const MOST: usize = 2_000;
/// Names listed when several fit.
const LISTED: usize = 12;

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterLine {
    field: TextField,
    heads: Vec<ColumnHead>,
    history: Vec<String>,
    /// Which former filter stands in the field, counted from the newest; what was typed before.
    former: Option<(usize, String)>,
    wrong: Option<Wrong>,
    /// Names that fit what was completed.
    names: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Wrong {
    at: Option<usize>,
    message: String,
    suggestion: Option<String>,
}

impl FilterLine {
    pub(super) fn new(
        text: &str,
        heads: &[ColumnHead],
        history: &[String],
        wrong: Option<&str>,
    ) -> Self {
        let mut line = Self {
            field: TextField::new(MOST),
            heads: heads.to_vec(),
            history: history.to_vec(),
            former: None,
            wrong: wrong.map(|message| Wrong {
                at: None,
                message: message.to_owned(),
                suggestion: None,
            }),
            names: Vec::new(),
        };
        line.field.paste(text);
        line
    }

    fn set(&mut self, text: &str) {
        self.field = TextField::new(MOST);
        self.field.paste(text);
    }

    /// What is wrong with it, in a sentence.
    pub(super) fn wrong(&self) -> Option<String> {
        let wrong = self.wrong.as_ref()?;
        let place = wrong
            .at
            .map_or(String::new(), |at| format!("at character {}: ", at + 1));
        let hint = wrong.suggestion.as_deref().unwrap_or_default();
        Some(format!("{place}{}. {hint}", wrong.message))
    }
    /// What was typed.
    pub(super) fn text(&self) -> String {
        self.field.text()
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::DialogActivate => {
                let text = self.field.text().trim().to_owned();
                match check(&text, &self.heads) {
                    Ok(()) => return Reply::Data(DataReply::Filter(text)),
                    Err(e) => {
                        // The field may begin with blanks that were taken away.
                        let typed = self.field.text();
                        let blanks = typed.chars().take_while(|c| c.is_whitespace()).count();
                        self.wrong = Some(Wrong {
                            at: Some(e.position + blanks),
                            message: e.message,
                            suggestion: e.suggestion,
                        });
                    }
                }
            }
            Command::DialogUp => self.step(true),
            Command::DialogDown => self.step(false),
            Command::DialogNext => self.complete(),
            _ => {}
        }
        Reply::Stay
    }

    /// Goes through the filters used before.
    fn step(&mut self, back: bool) {
        let next = match (&self.former, back) {
            (None, true) => Some(0),
            (Some((at, _)), true) => Some(at + 1),
            (Some((0, _)) | None, false) => None,
            (Some((at, _)), false) => Some(at - 1),
        };
        let typed = match &self.former {
            Some((_, typed)) => typed.clone(),
            None => self.field.text(),
        };
        match next {
            None => {
                self.set(&typed);
                self.former = None;
            }
            Some(at) => {
                let Some(text) = self.history.iter().rev().nth(at).cloned() else {
                    return;
                };
                self.set(&text);
                self.former = Some((at, typed));
            }
        }
        self.wrong = None;
    }

    /// Completes the name at the end of the field.
    fn complete(&mut self) {
        let typed = self.field.text();
        let begins = typed
            .char_indices()
            .rev()
            .find(|(_, c)| c.is_whitespace() || "()=!<>~,\"'`".contains(*c))
            .map_or(0, |(at, c)| at + c.len_utf8());
        let word = typed[begins..].to_lowercase();
        let names = self.heads.iter().map(|h| h.name.clone());
        let fitting: Vec<String> = names
            .filter(|n| n.to_lowercase().starts_with(&word))
            .collect();
        self.names = Vec::new();
        match fitting.as_slice() {
            [] => {}
            [one] => {
                let name = Word {
                    text: one.clone(),
                    position: 0,
                };
                let text = format!("{}{name} ", &typed[..begins]);
                self.set(&text);
            }
            [first, ..] => {
                let shared = fitting.iter().fold(first.len(), |n, name| {
                    let same = first
                        .char_indices()
                        .zip(name.chars())
                        .find(|((_, a), b)| a != b)
                        .map_or(first.len().min(name.len()), |((at, _), _)| at);
                    n.min(same)
                });
                if shared > word.len() {
                    let text = format!("{}{}", &typed[..begins], &first[..shared]);
                    self.set(&text);
                }
                self.names = fitting;
            }
        }
    }

    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        let taken = self.field.key(chord);
        if taken {
            self.wrong = None;
            self.names.clear();
            self.former = None;
        }
        taken
    }
    pub(super) fn pasted(&mut self, text: &str) {
        self.field.paste(text);
        self.wrong = None;
    }
    pub(super) fn size(&self, width: u16) -> (u16, u16) {
        (width.saturating_sub(4).min(100), 8)
    }
    pub(super) fn view(&self, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let mut inside = canvas.boxed("Filter the rows", "Enter shows  Esc closes");
        let w = inside.width().saturating_sub(2);
        let cursor = self.field.view(&mut inside, 1, 1, w, true);
        let Some(wrong) = &self.wrong else {
            if self.names.is_empty() {
                let lines = [
                    "src_bytes > 1000 and (service in (http, ftp) or flag != SF)",
                    "label ~ scan    \"Flow Bytes/s\" is missing    not (proto = tcp)",
                    "Tab completes a column, Up brings former filters; empty shows all rows.",
                ];
                for (y, line) in lines.iter().enumerate() {
                    inside.put_in(1, 3 + y as u16, w, line, Tone::Dim);
                }
            } else {
                let mut listed = self.names.iter().take(LISTED).cloned().collect::<Vec<_>>();
                if self.names.len() > LISTED {
                    listed.push(format!("and {} more", self.names.len() - LISTED));
                }
                let marks = inside.glyphs.marks();
                let lines = text::wrap(&listed.join("  "), w as usize, marks);
                for (y, line) in lines.iter().take(3).enumerate() {
                    inside.put_in(1, 3 + y as u16, w, line, Tone::Plain);
                }
            }
            return cursor;
        };
        // The place is pointed at where the whole text can be seen, else named.
        let text = self.field.text();
        let room = usize::from(w.saturating_sub(5));
        let mut message = wrong.message.clone();
        if let Some(at) = wrong.at {
            let before: String = text.chars().take(at).collect();
            if text::width(&text, Marks::UTF8) <= room {
                let x = 3 + text::width(&before, Marks::UTF8) as u16;
                inside.put(x, 2, "^", Tone::Bad);
            } else {
                message = format!("at character {}: {message}", at + 1);
            }
        }
        inside.put_in(1, 3, w, &message, Tone::Bad);
        if let Some(suggestion) = &wrong.suggestion {
            let marks = inside.glyphs.marks();
            for (y, line) in text::wrap(suggestion, w as usize, marks)
                .iter()
                .take(2)
                .enumerate()
            {
                inside.put_in(1, 4 + y as u16, w, line, Tone::Plain);
            }
        }
        cursor
    }
}

/// Whether a filter can be used on a table with these columns. It is tried on no rows at all.
pub(super) fn check(text: &str, heads: &[ColumnHead]) -> Result<(), QueryError> {
    if text.is_empty() {
        return Ok(());
    }
    let filter = Filter::parse(text)?;
    let mut columns: Vec<_> = heads
        .iter()
        .map(|head| match head.numeric {
            true => Frame::number_column(&head.name, Vec::new()),
            false => Frame::text_column::<&str>(&head.name, &[]),
        })
        .collect();
    if !heads.iter().any(|h| h.name == ROW_COLUMN) {
        columns.push(Frame::number_column(ROW_COLUMN, Vec::new()));
    }
    match Frame::from_columns(columns) {
        Ok(frame) => filter.mask(&frame).map(|_| ()),
        // Names that cannot be columns together: the engine will say what it thinks of them.
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads() -> Vec<ColumnHead> {
        let head = |name: &str, numeric| ColumnHead {
            name: name.to_owned(),
            kind: "text",
            numeric,
        };
        vec![
            head("src_bytes", true),
            head("src_port", true),
            head("service", false),
            head("Flow Bytes/s", true),
        ]
    }

    fn line(text: &str) -> FilterLine {
        FilterLine::new(text, &heads(), &["a = 1".into(), "b = 2".into()], None)
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let mut l = line("  src_byte > 1");
        assert_eq!(l.command(Command::DialogActivate), Reply::Stay);
        let wrong = l.wrong.clone().unwrap();
        assert_eq!(wrong.at, Some(2));
        assert!(wrong.suggestion.unwrap().contains("src_bytes"));
        let mut l = line("src_bytes > many");
        l.command(Command::DialogActivate);
        assert_eq!(l.wrong.unwrap().at, Some(12));
        let mut l = line("src_bytes > 1 and __row in (3)");
        assert!(matches!(
            l.command(Command::DialogActivate),
            Reply::Data(DataReply::Filter(_))
        ));
        let mut l = line("   ");
        assert_eq!(
            l.command(Command::DialogActivate),
            Reply::Data(DataReply::Filter(String::new()))
        );
    }

    #[test]
    fn names_are_completed_and_quoted() {
        let mut l = line("service = http and sr");
        l.command(Command::DialogNext);
        assert_eq!(l.field.text(), "service = http and src_");
        assert_eq!(l.names, ["src_bytes", "src_port"]);
        let mut l = line("not (fl");
        l.command(Command::DialogNext);
        assert_eq!(l.field.text(), "not (\"Flow Bytes/s\" ");
    }

    #[test]
    fn former_filters_come_back_and_what_was_typed_too() {
        let mut l = line("typed");
        for expected in ["b = 2", "a = 1", "a = 1"] {
            l.command(Command::DialogUp);
            assert_eq!(l.field.text(), expected);
        }
        l.command(Command::DialogDown);
        l.command(Command::DialogDown);
        assert_eq!(l.field.text(), "typed");
    }
}
