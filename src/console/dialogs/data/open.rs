//! What to open: a path, a run or a collection, typed or taken from what there is.

use super::super::Reply;
use super::DataReply;
use crate::console::browser::ask::Proposal;
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::keymap::Chord;
use crate::console::layout::first_row;
use crate::console::theme::Tone;
use crate::console::widgets::TextField;

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenTable {
    field: TextField,
    proposals: Vec<Proposal>,
    /// The proposal under the cursor; none while the field itself is meant.
    at: Option<usize>,
}

impl OpenTable {
    pub(super) fn new(proposals: &[Proposal]) -> Self {
        Self {
            field: TextField::new(1_000),
            proposals: proposals.to_vec(),
            at: None,
        }
    }
    /// Takes in what there is.
    pub fn offer(&mut self, proposals: &[Proposal]) {
        self.proposals = proposals.to_vec();
        let rows = self.found().len();
        self.at = self.at.filter(|at| *at < rows);
    }
    /// The proposals that contain every word typed.
    fn found(&self) -> Vec<&Proposal> {
        let typed = self.field.text().to_lowercase();
        let words: Vec<&str> = typed.split_whitespace().collect();
        self.proposals
            .iter()
            .filter(|p| {
                let text = format!("{} {}", p.text, p.what).to_lowercase();
                words.iter().all(|w| text.contains(w))
            })
            .collect()
    }
    fn chosen(&self) -> Option<String> {
        match self.at {
            Some(at) => self.found().get(at).map(|p| p.text.clone()),
            None => {
                let typed = self.field.text().trim().to_owned();
                (!typed.is_empty()).then_some(typed)
            }
        }
    }
    /// What was typed.
    pub(super) fn text(&self) -> String {
        self.field.text()
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        let rows = self.found().len();
        let down = |at: Option<usize>, by: usize| match (at, rows) {
            (_, 0) => None,
            (None, _) => Some(by.min(rows) - 1),
            (Some(at), _) => Some((at + by).min(rows - 1)),
        };
        match command {
            Command::DialogActivate => {
                // Nothing typed and nothing chosen: the first proposal is as good a guess as any,
                // but a guess; the cursor goes there instead.
                return match self.chosen() {
                    Some(text) => Reply::Data(DataReply::Open(text)),
                    None => {
                        self.at = down(None, 1);
                        Reply::Stay
                    }
                };
            }
            Command::DialogDown => self.at = down(self.at, 1),
            Command::DialogPageDown => self.at = down(self.at, 10),
            Command::DialogUp => self.at = self.at.and_then(|at| at.checked_sub(1)),
            Command::DialogPageUp => self.at = self.at.and_then(|at| at.checked_sub(10)),
            Command::DialogNext => {
                // Completes: the proposal becomes the text, to be changed.
                let wanted = self.at.unwrap_or(0);
                if let Some(text) = self.found().get(wanted).map(|p| p.text.clone()) {
                    self.field = TextField::new(1_000);
                    self.field.paste(&text);
                    self.at = None;
                }
            }
            _ => {}
        }
        Reply::Stay
    }
    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        let taken = self.field.key(chord);
        if taken {
            self.at = None;
        }
        taken
    }
    pub(super) fn pasted(&mut self, text: &str) {
        self.field.paste(text);
        self.at = None;
    }
    pub(super) fn size(&self, width: u16, height: u16) -> (u16, u16) {
        (
            width.saturating_sub(4).min(104),
            height.saturating_sub(2).min(20),
        )
    }
    pub(super) fn view(&self, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let mut inside = canvas.boxed("Open", "Enter opens  Tab completes  Esc closes");
        let (w, h) = (inside.width(), inside.height());
        let cursor = self
            .field
            .view(&mut inside, 1, 0, w.saturating_sub(2), self.at.is_none());
        inside.put_in(
            1,
            1,
            w.saturating_sub(2),
            "A file, a run (RUN:train, RUN:test, RUN:quarantine) or mongodb:DATABASE.COLLECTION",
            Tone::Dim,
        );
        let found = self.found();
        let shown = h.saturating_sub(3) as usize;
        let first = first_row(self.at.unwrap_or(0), found.len(), shown);
        let name = w.saturating_sub(4) / 2;
        for (y, p) in found.iter().skip(first).take(shown).enumerate() {
            let here = self.at == Some(first + y);
            let tone = if here { Tone::Cursor } else { Tone::Plain };
            let y = y as u16 + 3;
            inside.put(0, y, if here { ">" } else { " " }, Tone::Cursor);
            inside.put_in(2, y, name, &p.text, tone);
            inside.put_in(3 + name, y, w.saturating_sub(name + 4), &p.what, Tone::Dim);
        }
        if found.is_empty() && !self.proposals.is_empty() {
            inside.put(
                2,
                3,
                "Nothing known contains this; Enter tries it.",
                Tone::Dim,
            );
        }
        cursor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_text_is_meant_until_a_proposal_is_chosen() {
        let p = |text: &str| Proposal {
            text: text.to_owned(),
            what: "file".to_owned(),
        };
        let mut d = OpenTable::new(&[p("a.csv"), p("b.parquet")]);
        assert_eq!(d.command(Command::DialogActivate), Reply::Stay);
        assert_eq!(d.at, Some(0));
        d.command(Command::DialogDown);
        assert_eq!(
            d.command(Command::DialogActivate),
            Reply::Data(DataReply::Open("b.parquet".into()))
        );
        d.pasted("other");
        assert_eq!(
            d.command(Command::DialogActivate),
            Reply::Data(DataReply::Open("other".into()))
        );
        d.command(Command::DialogPageUp);
        d.command(Command::DialogPageDown);
        d.offer(&[]);
        assert_eq!(d.at, None);
    }
}
