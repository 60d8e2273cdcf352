//! `[ui.keys]` on top of the table's defaults. What is wrong there is a problem with its place and
//! what to do; the console opens all the same, with the defaults in the place of what is wrong.
//!
//! An entry is a command id with its keys, several separated by blanks, `none` for no key; or
//! `unbind.<place>` with keys that mean nothing there, a place being a screen, `dialog` or
//! `everywhere`.

use std::collections::BTreeMap;

use super::{Chord, Keymap, Place};
use crate::console::commands::{self, COMMANDS, Command, Scope, Screen};
use crate::error::CommandError;
use crate::text::clean;

/// What begins the id of an entry that takes keys away from a place.
const UNBIND: &str = "unbind.";

/// Something wrong in `[ui.keys]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The entry.
    pub id: String,
    /// Its line in the file, once looked up.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    fn new(id: &str, message: String, hint: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            line: None,
            message,
            hint: hint.into(),
        }
    }
    /// The problem in a sentence, with its place.
    pub fn sentence(&self) -> String {
        match self.line {
            Some(line) => format!("config.toml line {line}: {}", clean(&self.message)),
            None => clean(&self.message),
        }
    }
}

impl From<Problem> for CommandError {
    fn from(problem: Problem) -> Self {
        CommandError::config(problem.sentence()).hint(problem.hint)
    }
}

/// Looks up the lines of the entries in the text of the configuration.
pub fn locate(problems: &mut [Problem], text: &str) {
    for problem in problems {
        problem.line = line_of(text, &problem.id);
    }
}

/// The line of an entry of `[ui.keys]`, from 1.
fn line_of(text: &str, id: &str) -> Option<usize> {
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.split('#').next().unwrap_or_default().trim() == "[ui.keys]";
            continue;
        }
        let name = line.split('=').next().unwrap_or_default().trim();
        if inside && name.trim_matches(['"', '\'']) == id {
            return Some(at + 1);
        }
    }
    None
}

impl Keymap {
    /// Applies `[ui.keys]` and refuses what is wrong.
    pub fn new(remapped: &BTreeMap<String, String>) -> Result<Self, CommandError> {
        let (map, problems) = Self::lenient(remapped);
        match problems.into_iter().next() {
            Some(problem) => Err(problem.into()),
            None => Ok(map),
        }
    }

    /// Applies what is right in `[ui.keys]`, and tells what is wrong. Never without a way to help
    /// and out.
    pub fn lenient(remapped: &BTreeMap<String, String>) -> (Self, Vec<Problem>) {
        let mut map = Self::default();
        let mut problems = Vec::new();
        // The rows that were changed, by row of the table.
        let mut changed: BTreeMap<usize, &str> = BTreeMap::new();
        for (id, text) in remapped {
            match id.strip_prefix(UNBIND) {
                Some(place) => match unbind(id, place, text) {
                    Ok(taken) => map.unbound.extend(taken),
                    Err(problem) => problems.push(problem),
                },
                None => match bind(id, text) {
                    Ok((row, chords)) => {
                        map.keys[row] = chords;
                        changed.insert(row, id);
                    }
                    Err(problem) => problems.push(problem),
                },
            }
        }
        // Each turn gives one entry its default back; the defaults alone have no problem.
        while let Some((row, problem)) = map.clash(&changed) {
            changed.remove(&row);
            map.keys[row] = defaults(row);
            problems.push(problem);
        }
        if let Some(problem) = map.locked_out() {
            map.unbound.clear();
            problems.push(problem);
        }
        (map, problems)
    }

    /// The first changed row that takes another's key, or leaves no way out.
    fn clash(&self, changed: &BTreeMap<usize, &str>) -> Option<(usize, Problem)> {
        for (&row, id) in changed.iter().rev() {
            let a = &COMMANDS[row];
            for (other, b) in COMMANDS.iter().enumerate() {
                if other == row || !a.scope.overlaps(b.scope) {
                    continue;
                }
                if let Some(chord) = self.keys[row].iter().find(|c| self.keys[other].contains(c)) {
                    return Some((
                        row,
                        Problem::new(
                            id,
                            format!("[ui.keys]: `{chord}` means both {} and {}", a.id, b.id),
                            "Give one of the two another key, or `none`.",
                        ),
                    ));
                }
            }
            let typed = |c: &Chord| a.scope == Scope::Dialog && c.typed().is_some();
            if MUST.contains(&a.command) && self.keys[row].iter().all(typed) {
                return Some((
                    row,
                    Problem::new(
                        id,
                        format!(
                            "[ui.keys]: {} needs a key that is not typed into a field",
                            a.id
                        ),
                        "Keep one of its default keys; `netsec keys` lists them.",
                    ),
                ));
            }
        }
        None
    }

    /// Whether keys were taken away until there is no way to help or out somewhere.
    fn locked_out(&self) -> Option<Problem> {
        for must in MUST {
            let spec = commands::of(must);
            let places: Vec<Place> = match spec.scope {
                Scope::Dialog => vec![Place::Dialog],
                Scope::Everywhere | Scope::On(_) => Screen::ALL.map(Place::On).to_vec(),
            };
            for place in places {
                if self.keys(spec).iter().all(|c| self.is_unbound(place, *c)) {
                    let name = place.name();
                    return Some(Problem::new(
                        &format!("{UNBIND}{name}"),
                        format!("[ui.keys]: {} would have no key left on {name}", spec.id),
                        "No `unbind` entry holds until one of its keys is left.",
                    ));
                }
            }
        }
        None
    }
}

/// Commands without which nobody finds help or the way out.
const MUST: [Command; 5] = [
    Command::Quit,
    Command::Help,
    Command::DialogClose,
    Command::DialogNext,
    Command::DialogActivate,
];

fn defaults(row: usize) -> Vec<Chord> {
    let keys = COMMANDS[row].keys;
    keys.iter().filter_map(|k| Chord::parse(k)).collect()
}

fn bind(id: &str, text: &str) -> Result<(usize, Vec<Chord>), Problem> {
    let Some(row) = COMMANDS.iter().position(|s| s.id == id) else {
        let message = format!("[ui.keys]: there is no command `{id}`");
        let near = COMMANDS
            .iter()
            .map(|s| (strsim::damerau_levenshtein(s.id, id), s.id))
            .min();
        return Err(match near {
            Some((d, near)) if d <= 4 => {
                Problem::new(id, message, format!("Did you mean `{near}`?"))
            }
            _ => Problem::new(id, message, "`netsec keys` lists the commands."),
        });
    };
    if text.trim() == "none" {
        return Ok((row, Vec::new()));
    }
    let chords = chords(id, text)?;
    Ok((row, chords))
}

fn unbind(id: &str, place: &str, text: &str) -> Result<Vec<(Place, Chord)>, Problem> {
    let places = Place::all();
    let Some(found) = places.iter().find(|p| p.name() == place) else {
        let names: Vec<String> = places.iter().map(|p| p.name()).collect();
        let near = names
            .iter()
            .map(|name| (strsim::damerau_levenshtein(name, place), name))
            .min();
        let message = format!("[ui.keys]: there is no place `{place}` to take keys away from");
        return Err(match near {
            Some((d, near)) if d <= 3 => {
                Problem::new(id, message, format!("Did you mean `{UNBIND}{near}`?"))
            }
            _ => Problem::new(id, message, format!("Places are {}.", names.join(", "))),
        });
    };
    let taken = chords(id, text)?;
    Ok(taken.into_iter().map(|c| (*found, c)).collect())
}

fn chords(id: &str, text: &str) -> Result<Vec<Chord>, Problem> {
    let mut chords = Vec::new();
    for key in text.split_whitespace() {
        let Some(chord) = Chord::parse(key) else {
            return Err(Problem::new(
                id,
                format!("[ui.keys] {id}: `{key}` is not a key"),
                "Keys are written `a`, `G`, `ctrl-r`, `alt-x`, `shift-tab`, `enter`, `space`, \
                 `pageup`, `f5`; `none` takes the keys away.",
            ));
        };
        chords.push(chord);
    }
    if chords.is_empty() {
        return Err(Problem::new(
            id,
            format!("[ui.keys] {id}: no key is given"),
            "`none` takes the keys away.",
        ));
    }
    Ok(chords)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(entries: &[(&str, &str)]) -> (Keymap, Vec<Problem>) {
        let entries = entries
            .iter()
            .map(|(id, keys)| ((*id).to_owned(), (*keys).to_owned()));
        Keymap::lenient(&entries.collect())
    }

    fn chord(text: &str) -> Chord {
        Chord::parse(text).unwrap()
    }

    #[test]
    fn what_is_right_holds_beside_what_is_wrong() {
        let (map, problems) = map(&[
            ("run.cancel", "ctrl-x"),
            ("run.cancl", "y"),
            ("view.glyphs", "strg-b"),
        ]);
        assert_eq!(
            map.on_screen(Screen::Home, chord("ctrl-x")),
            Some(Command::CancelRun)
        );
        assert_eq!(
            map.on_screen(Screen::Home, chord("b")),
            Some(Command::CycleGlyphs),
            "a wrong entry leaves the default"
        );
        let ids: Vec<&str> = problems.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids, ["run.cancl", "view.glyphs"]);
        assert_eq!(problems[0].hint, "Did you mean `run.cancel`?");
    }

    #[test]
    fn two_commands_may_swap_their_keys_but_not_share_one() {
        let (swapped, problems) = map(&[("run.cancel", "c"), ("run.stop-after-round", "x")]);
        assert_eq!(problems, []);
        assert_eq!(
            swapped.on_screen(Screen::Home, chord("c")),
            Some(Command::CancelRun)
        );
        let (kept, problems) = map(&[("run.cancel", "c")]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("run.stop-after-round"));
        assert_eq!(
            kept.on_screen(Screen::Home, chord("x")),
            Some(Command::CancelRun)
        );
    }

    #[test]
    fn a_key_is_taken_away_from_one_screen_only() {
        let (map, problems) = map(&[("unbind.home", "n x")]);
        assert_eq!(problems, []);
        assert_eq!(map.on_screen(Screen::Home, chord("n")), None);
        assert_eq!(
            map.on_screen(Screen::Runs, chord("n")),
            Some(Command::NewRun)
        );
        assert_eq!(map.first_on(Command::NewRun, Screen::Home), None);
        assert_eq!(
            map.first_on(Command::NewRun, Screen::Runs),
            Some(chord("n"))
        );
    }

    #[test]
    fn places_are_suggested_and_nobody_is_locked_in() {
        let (_, problems) = map(&[("unbind.hom", "n")]);
        assert_eq!(problems[0].hint, "Did you mean `unbind.home`?");
        let (map, problems) = map(&[("unbind.everywhere", "q ctrl-c")]);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(map.on_screen(Screen::Home, chord("q")), Some(Command::Quit));
    }

    #[test]
    fn problems_have_a_place_in_the_file() {
        let text = "[ui]\nglyphs = \"ascii\"\n\n[ui.keys] # mine\n\"run.cancl\" = \"y\"\n";
        let (_, mut problems) = map(&[("run.cancl", "y")]);
        locate(&mut problems, text);
        assert_eq!(problems[0].line, Some(5));
        assert!(problems[0].sentence().starts_with("config.toml line 5: "));
        assert_eq!(line_of("[other]\n\"run.cancl\" = 1", "run.cancl"), None);
    }

    proptest! {
        #[test]
        fn whatever_is_written_there_is_a_way_out(entries in prop::collection::btree_map(
            prop_oneof![
                proptest::sample::select(COMMANDS.iter().map(|s| s.id.to_owned()).collect::<Vec<_>>()),
                proptest::sample::select(vec!["unbind.home", "unbind.dialog", "unbind.everywhere", "unbind.x"]).prop_map(str::to_owned),
                "[a-z.]{1,12}",
            ],
            proptest::sample::select(vec!["q", "?", "esc", "tab enter", "none", "", "x y", "ctrl-c q", "f1 ?", "nope"]),
            0..12,
        )) {
            let entries: BTreeMap<String, String> = entries.into_iter().map(|(k, v)| (k, v.to_owned())).collect();
            let (map, _) = Keymap::lenient(&entries);
            for screen in Screen::ALL {
                let keys = map.keys(commands::of(Command::Quit));
                prop_assert!(keys.iter().any(|k| map.on_screen(screen, *k) == Some(Command::Quit)));
            }
            let close = map.keys(commands::of(Command::DialogClose));
            prop_assert!(close.iter().any(|k| k.typed().is_none() && map.in_dialog(*k) == Some(Command::DialogClose)));
        }
    }
}
