//! Which columns are shown and in which order: a list, narrowed by what is typed.

use super::super::Reply;
use super::DataReply;
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::keymap::Chord;
use crate::console::layout::first_row;
use crate::console::theme::Tone;
use crate::console::widgets::TextField;
use crossterm::event::KeyCode;

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct ChooseColumns {
    field: TextField,
    names: Vec<String>,
    /// Every column in the order they are listed, and whether it is shown.
    listed: Vec<(usize, bool)>,
    /// The line under the cursor, among those that fit what was typed.
    at: usize,
}

impl ChooseColumns {
    pub(super) fn new(names: Vec<String>, shown: &[usize], here: Option<usize>) -> Self {
        let mut is_shown = vec![false; names.len()];
        for &c in shown {
            if let Some(flag) = is_shown.get_mut(c) {
                *flag = true;
            }
        }
        let hidden = (0..names.len()).filter(|c| !is_shown[*c]);
        let listed: Vec<(usize, bool)> = shown
            .iter()
            .map(|c| (*c, true))
            .chain(hidden.map(|c| (c, false)))
            .collect();
        let at = listed
            .iter()
            .position(|(c, _)| Some(*c) == here)
            .unwrap_or(0);
        Self {
            field: TextField::new(80),
            names,
            listed,
            at,
        }
    }
    /// Places in the list that fit what was typed.
    fn found(&self) -> Vec<usize> {
        let typed = self.field.text().to_lowercase();
        let places = self.listed.iter().enumerate();
        places
            .filter(|(_, (c, _))| fuzzy(&typed, &self.names[*c].to_lowercase()))
            .map(|(i, _)| i)
            .collect()
    }
    fn shown(&self) -> Vec<usize> {
        let shown = self.listed.iter().filter(|(_, on)| *on);
        shown.map(|(c, _)| *c).collect()
    }
    fn shift(&mut self, down: bool) {
        let found = self.found();
        let to = if down {
            self.at + 1
        } else {
            self.at.wrapping_sub(1)
        };
        if let (Some(&a), Some(&b)) = (found.get(self.at), found.get(to)) {
            let line = self.listed.remove(a);
            self.listed.insert(b, line);
            self.at = to;
        }
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        let found = self.found();
        let last = found.len().saturating_sub(1);
        match command {
            Command::DialogActivate => {
                let shown = self.shown();
                if !shown.is_empty() {
                    return Reply::Data(DataReply::Columns(shown));
                }
            }
            Command::DialogDown => self.at = (self.at + 1).min(last),
            Command::DialogUp => self.at = self.at.saturating_sub(1),
            Command::DialogPageDown => self.at = (self.at + 10).min(last),
            Command::DialogPageUp => self.at = self.at.saturating_sub(10),
            Command::DialogNext => {
                if let Some(&place) = found.get(self.at) {
                    self.listed[place].1 ^= true;
                    self.at = (self.at + 1).min(last);
                }
            }
            Command::DialogPrevious => {
                // All that fit: shown, or hidden when all are.
                let all = found.iter().all(|p| self.listed[*p].1);
                for place in found {
                    self.listed[place].1 = !all;
                }
            }
            _ => {}
        }
        Reply::Stay
    }
    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        if chord.ctrl() {
            match chord.code() {
                KeyCode::Char('p') | KeyCode::Up => self.shift(false),
                KeyCode::Char('n') | KeyCode::Down => self.shift(true),
                _ => return self.field.key(chord),
            }
            return true;
        }
        let before = self.field.text();
        let taken = self.field.key(chord);
        if self.field.text() != before {
            self.at = 0;
        }
        taken
    }
    pub(super) fn pasted(&mut self, text: &str) {
        self.field.paste(text);
        self.at = 0;
    }
    pub(super) fn size(&self, width: u16, height: u16) -> (u16, u16) {
        (width.saturating_sub(4).min(66), height)
    }
    pub(super) fn view(&self, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let mut inside = canvas.boxed("Columns", "Enter shows them  Esc closes");
        let (w, h) = (inside.width(), inside.height());
        inside.put(1, 0, "/", Tone::Key);
        let cursor = self
            .field
            .view(&mut inside, 3, 0, w.saturating_sub(4), true);
        let found = self.found();
        let rows = h.saturating_sub(3) as usize;
        let first = first_row(self.at, found.len(), rows);
        for (y, &place) in found.iter().skip(first).take(rows).enumerate() {
            let here = first + y == self.at;
            let (column, on) = self.listed[place];
            let tone = match (here, on) {
                (true, _) => Tone::Cursor,
                (false, true) => Tone::Plain,
                (false, false) => Tone::Dim,
            };
            let y = y as u16 + 1;
            inside.put(0, y, if here { ">" } else { " " }, Tone::Cursor);
            inside.put(2, y, if on { "[x]" } else { "[ ]" }, tone);
            inside.put_in(6, y, w.saturating_sub(7), &self.names[column], tone);
        }
        if found.is_empty() {
            inside.put(2, 1, "No column has such a name.", Tone::Dim);
        }
        let shown = self.shown().len();
        let state = format!("{shown} of {} columns are shown", self.names.len());
        let tone = if shown == 0 { Tone::Bad } else { Tone::Plain };
        inside.put_in(1, h.saturating_sub(2), w.saturating_sub(2), &state, tone);
        inside.put_in(
            1,
            h.saturating_sub(1),
            w.saturating_sub(2),
            "Tab shows or hides  Shift-tab all  Ctrl-p, Ctrl-n move",
            Tone::Dim,
        );
        cursor
    }
}

/// Whether a name has the letters typed, in their order.
fn fuzzy(typed: &str, name: &str) -> bool {
    let mut letters = name.chars();
    typed
        .chars()
        .filter(|c| !c.is_whitespace())
        .all(|c| letters.any(|l| l == c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog() -> ChooseColumns {
        let names = ["duration", "src_bytes", "dst_bytes", "label"];
        let names = names.iter().map(|n| (*n).to_owned()).collect();
        ChooseColumns::new(names, &[3, 0, 1], Some(0))
    }

    #[test]
    fn shown_ones_come_first_in_their_order() {
        let mut d = dialog();
        assert_eq!(d.at, 1);
        assert_eq!(
            d.command(Command::DialogActivate),
            Reply::Data(DataReply::Columns(vec![3, 0, 1]))
        );
        d.command(Command::DialogNext);
        assert_eq!(d.shown(), [3, 1]);
        let key = |k| Chord::parse(k).unwrap();
        assert!(d.typed(key("ctrl-p")));
        assert!(d.typed(key("ctrl-p")));
        assert_eq!(d.shown(), [1, 3]);
    }

    #[test]
    fn all_that_fit_are_hidden_and_an_empty_choice_is_none() {
        let mut d = dialog();
        for key in ["b", "y", "t"] {
            d.typed(Chord::parse(key).unwrap());
        }
        assert_eq!(d.found().len(), 2);
        d.command(Command::DialogPrevious);
        assert_eq!(d.shown(), [3, 0, 1, 2]);
        d.command(Command::DialogPrevious);
        assert_eq!(d.shown(), [3, 0]);
        d.typed(Chord::parse("ctrl-u").unwrap());
        d.command(Command::DialogPrevious);
        d.command(Command::DialogPrevious);
        assert_eq!(d.command(Command::DialogActivate), Reply::Stay);
    }
}
