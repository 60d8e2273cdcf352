//! The command palette: every command by name, found by a few of its letters. A command that
//! cannot run here and now stands there with the reason; nothing disappears.

use super::Reply;
use crate::console::canvas::Canvas;
use crate::console::commands::{COMMANDS, Command, CommandSpec, Scope, Screen};
use crate::console::keymap::Chord;
use crate::console::model::{Availability, Model};
use crate::console::theme::Tone;
use crate::console::widgets::TextField;

/// Characters that can be typed.
const MOST: usize = 60;

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    screen: Screen,
    field: TextField,
    at: usize,
}

impl Palette {
    /// The palette of a screen.
    pub fn new(screen: Screen) -> Self {
        Self {
            screen,
            field: TextField::new(MOST),
            at: 0,
        }
    }

    /// The commands that fit what was typed, best first; those of this screen before the others.
    fn found(&self) -> Vec<&'static CommandSpec> {
        let typed = self.field.text().to_lowercase();
        let mut found: Vec<(u32, bool, usize, &CommandSpec)> = COMMANDS
            .iter()
            .enumerate()
            .filter(|(_, spec)| spec.scope != Scope::Dialog && spec.command != Command::Palette)
            .filter_map(|(row, spec)| {
                let away = !spec.scope.covers(self.screen);
                Some((rank(&typed, spec)?, away, row, spec))
            })
            .collect();
        found.sort_by_key(|(rank, away, row, _)| (*rank, *away, *row));
        found.into_iter().map(|(.., spec)| spec).collect()
    }

    /// The command under the cursor.
    pub fn chosen(&self) -> Option<&'static CommandSpec> {
        self.found().get(self.at).copied()
    }

    /// Why a command cannot run here and now, if it cannot.
    fn hindrance(&self, spec: &CommandSpec, model: &Model) -> Option<String> {
        if !spec.scope.covers(self.screen) {
            return Some(format!("works on {}", spec.scope.title()));
        }
        match model.availability(spec.command) {
            Availability::Enabled => None,
            Availability::Disabled(why) => Some(format!("not now: {why}")),
        }
    }

    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        let before = self.field.text();
        let taken = self.field.key(chord);
        if self.field.text() != before {
            self.at = 0;
        }
        taken
    }

    pub(super) fn pasted(&mut self, text: &str) -> bool {
        self.field.paste(text);
        self.at = 0;
        true
    }

    pub(super) fn command(&mut self, command: Command, model: &Model) -> Reply {
        let rows = self.found().len();
        let last = rows.saturating_sub(1);
        match command {
            Command::DialogDown | Command::DialogNext => self.at = (self.at + 1).min(last),
            Command::DialogUp | Command::DialogPrevious => self.at = self.at.saturating_sub(1),
            Command::DialogPageDown => self.at = (self.at + 10).min(last),
            Command::DialogPageUp => self.at = self.at.saturating_sub(10),
            Command::DialogActivate => {
                return match self.chosen() {
                    Some(spec) if self.hindrance(spec, model).is_none() => Reply::Run(spec.command),
                    _ => Reply::Stay,
                };
            }
            _ => {}
        }
        Reply::Stay
    }

    pub(super) fn size(&self, width: u16, height: u16) -> (u16, u16) {
        // Of one height whatever was typed: a box that jumps is hard to read.
        (
            width.saturating_sub(4).min(104),
            height.saturating_sub(2).min(20),
        )
    }

    pub(super) fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let found = self.found();
        let remark = match found.len() {
            0 => "nothing fits".to_owned(),
            n => format!("{} of {n}", self.at + 1),
        };
        let mut inside = canvas.boxed("Commands", &remark);
        let (w, h) = (inside.width(), inside.height());
        inside.put(1, 0, ":", Tone::Key);
        let cursor = self
            .field
            .view(&mut inside, 3, 0, w.saturating_sub(4), true);
        let shown = h.saturating_sub(3) as usize;
        let first = crate::console::layout::first_row(self.at, found.len(), shown);
        let keys = 12.min(w / 6);
        let name = 26.min(w / 3);
        for (y, spec) in found.iter().skip(first).take(shown).enumerate() {
            let here = first + y == self.at;
            let y = y as u16 + 2;
            let hindrance = self.hindrance(spec, model);
            let tone = match (&hindrance, here) {
                (_, true) => Tone::Cursor,
                (Some(_), _) => Tone::Dim,
                (None, _) => Tone::Plain,
            };
            inside.put(0, y, if here { ">" } else { " " }, tone);
            inside.put_in(2, y, name, spec.id, tone);
            let text = match hindrance {
                Some(why) => format!("{} ({why})", spec.title),
                None => spec.title.to_owned(),
            };
            let room = w.saturating_sub(name + keys + 6);
            inside.put_in(3 + name, y, room, &text, tone);
            inside.put_in(
                w.saturating_sub(keys + 1),
                y,
                keys,
                &model.keymap.text(spec),
                Tone::Key,
            );
        }
        if let Some(spec) = self.chosen() {
            let copy = model
                .keymap
                .first(Command::Copy)
                .map_or(String::new(), |k| format!("   {k} copies it"));
            let text = match model.shell(spec.command) {
                Some(shell) => format!("shell: {shell}{copy}"),
                None => spec.doc.to_owned(),
            };
            inside.put_in(
                1,
                h.saturating_sub(1),
                w.saturating_sub(2),
                &text,
                Tone::Dim,
            );
        }
        cursor
    }
}

/// How well a command fits lower-case letters, smaller is better: the beginning of the name, its
/// middle, the title, letters of the name in order, the explanation. `None` when it does not.
fn rank(typed: &str, spec: &CommandSpec) -> Option<u32> {
    let words: Vec<&str> = typed.split_whitespace().collect();
    let doc = spec.doc.to_lowercase();
    let title = spec.title.to_lowercase();
    words
        .iter()
        .map(|word| {
            let place = spec.id.find(word);
            match place {
                Some(0) => Some(0),
                Some(at) if !spec.id.as_bytes()[at - 1].is_ascii_alphanumeric() => Some(1),
                Some(_) => Some(2),
                None if title.contains(word) => Some(3),
                None if in_order(word, spec.id) => Some(4),
                None if doc.contains(word) => Some(5),
                None => None,
            }
        })
        .sum()
}

/// Whether the letters stand in the text in this order, with others between them.
fn in_order(letters: &str, text: &str) -> bool {
    let mut rest = text.chars();
    letters.chars().all(|letter| rest.any(|c| c == letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(typed: &str) -> Vec<&'static str> {
        let mut palette = Palette::new(Screen::Training);
        palette.pasted(typed);
        palette.found().iter().map(|s| s.id).collect()
    }

    #[test]
    fn commands_are_found_by_name_title_letters_and_explanation() {
        assert_eq!(found("pusher.app")[0], "pusher.approve");
        assert_eq!(found("cancel")[0], "run.cancel");
        assert_eq!(found("start a retrain"), ["run.new"]);
        assert_eq!(found("tnm")[0], "training.next-metric");
        assert!(found("braille").contains(&"view.glyphs"));
        assert!(found("no such thing").is_empty());
    }

    #[test]
    fn everything_is_there_before_anything_is_typed() {
        let all = found("");
        let rows = COMMANDS.iter().filter(|s| s.scope != Scope::Dialog).count();
        assert_eq!(all.len(), rows - 1, "all but the palette itself");
        let here = |id: &&str| {
            crate::console::commands::by_id(id).is_some_and(|s| s.scope.covers(Screen::Training))
        };
        let first_away = all.iter().position(|id| !here(id)).unwrap();
        assert!(all[first_away..].iter().all(|id| !here(id)), "{all:?}");
    }
}
