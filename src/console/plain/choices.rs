//! Numbered choices from the command table, with availability and reasons; and what a typed line
//! means. A number belongs to the list that was printed last: what changes meanwhile can make a
//! choice impossible, never something else.

use crate::console::commands::{self, COMMANDS, Command, CommandSpec, Scope};
use crate::console::dialogs::{PartKind, Told};
use crate::console::keymap::Chord;
use crate::console::model::{Availability, Model};

/// Commands that mean nothing without a painted screen, or that plain mode answers itself.
const PAINTED: [Command; 6] = [
    Command::CycleGlyphs,
    Command::CycleTheme,
    Command::ToggleMouse,
    Command::Suspend,
    Command::Palette,
    Command::Help,
];

/// One choice.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A command of the table.
    Command(Command),
    /// A field or button of the dialog on top, from 0.
    Part(usize),
    /// Closes the dialog.
    Close,
    /// Prints every choice with its explanation.
    All,
}

/// What a line of the person means.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// A choice.
    Choice(Choice),
    /// Put the cursor on this row, from 0.
    Row(usize),
    /// Tell the screen again.
    Again,
    /// Wait until the run on screen is not at work any more.
    Wait,
    /// Press these keys.
    Keys(Vec<Chord>),
    /// Type this text.
    Type(String),
    /// Nothing, for this reason.
    Nothing(String),
}

/// The commands for here, those of the footer first.
fn here(model: &Model) -> impl Iterator<Item = &'static CommandSpec> {
    let screen = model.screen;
    COMMANDS
        .iter()
        .filter(move |s| s.scope.covers(screen) && !PAINTED.contains(&s.command))
}

/// The choices that are offered in one line: what can be done now.
pub fn short(model: &Model) -> Vec<Choice> {
    let mut specs: Vec<&CommandSpec> = here(model)
        .filter(|s| s.footer > 0 && model.availability(s.command) == Availability::Enabled)
        .collect();
    specs.sort_by_key(|s| s.footer);
    let mut choices: Vec<Choice> = specs.iter().map(|s| Choice::Command(s.command)).collect();
    choices.push(Choice::All);
    choices
}

/// Every choice of the screen, in the order of the table.
pub fn all(model: &Model) -> Vec<Choice> {
    here(model).map(|s| Choice::Command(s.command)).collect()
}

/// The choices in a dialog.
pub fn dialog(told: &Told) -> Vec<Choice> {
    let mut choices: Vec<Choice> = (0..told.parts.len()).map(Choice::Part).collect();
    choices.push(Choice::Close);
    choices
}

/// The line that offers choices.
pub fn line(choices: &[Choice], told: Option<&Told>) -> String {
    let mut parts = Vec::new();
    for (i, choice) in choices.iter().enumerate() {
        let text = match choice {
            Choice::Command(command) => commands::of(*command).label.to_owned(),
            Choice::Part(at) => told
                .and_then(|t| t.parts.get(*at))
                .map_or(String::new(), |part| match &part.kind {
                    PartKind::Field { text, .. } if text.is_empty() => {
                        format!("{}, empty", part.label)
                    }
                    PartKind::Field { text, .. } => format!("{}, \"{text}\"", part.label),
                    PartKind::Button { hindrance: None } => part.label.clone(),
                    PartKind::Button {
                        hindrance: Some(why),
                    } => format!("{} (not now: {why})", part.label),
                }),
            Choice::Close => "close without doing anything".to_owned(),
            Choice::All => "all choices".to_owned(),
        };
        parts.push(format!("{} {text}", i + 1));
    }
    format!("Choices: {}. Choice?", parts.join(", "))
}

/// Every choice with its explanation, and how lines are read.
pub fn explained(model: &Model, choices: &[Choice]) -> Vec<String> {
    let mut lines = vec![format!("Choices on {}:", model.screen.title())];
    for (i, choice) in choices.iter().enumerate() {
        let Choice::Command(command) = choice else {
            continue;
        };
        let spec = commands::of(*command);
        let mut text = format!("  {} {}", i + 1, spec.title);
        if let Availability::Disabled(why) = model.availability(*command) {
            text.push_str(&format!(" (not now: {why})"));
        }
        text.push_str(&format!(". {} Name {}", spec.doc, spec.id));
        let keys: Vec<String> = model
            .keymap
            .keys(spec)
            .iter()
            .filter(|k| k.to_string().parse::<u32>().is_err())
            .map(|k| k.to_string())
            .collect();
        if !keys.is_empty() {
            text.push_str(&format!(", keys {}", keys.join(" ")));
        }
        if let Some(shell) = model.shell(*command) {
            text.push_str(&format!(", shell {shell}"));
        }
        lines.push(text);
    }
    lines.push(
        "A line is a number, a name or a key of these, or `row N`, `wait` (until the run has \
         ended), an empty line (the screen again), `keys tab enter`, `type TEXT`. Numbers belong \
         to the choices printed last."
            .to_owned(),
    );
    lines
}

/// What a line means, given the choices that were printed last.
pub fn read(line: &str, model: &Model, offered: &[Choice]) -> Meaning {
    let line = line.trim();
    if line.is_empty() {
        return Meaning::Again;
    }
    if let Ok(n) = line.parse::<usize>() {
        return match n.checked_sub(1).and_then(|i| offered.get(i)) {
            Some(choice) => Meaning::Choice(choice.clone()),
            None => Meaning::Nothing(format!(
                "There is no choice {n}; they go from 1 to {}.",
                offered.len()
            )),
        };
    }
    let (first, rest) = match line.split_once(char::is_whitespace) {
        Some((first, rest)) => (first.to_lowercase(), rest.trim()),
        None => (line.to_lowercase(), ""),
    };
    match (first.as_str(), rest) {
        ("row", n) => {
            return match n.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) {
                Some(row) => Meaning::Row(row),
                None => Meaning::Nothing("`row` needs a number from 1 on.".to_owned()),
            };
        }
        ("keys", names) => {
            let chords: Option<Vec<Chord>> = names.split_whitespace().map(Chord::parse).collect();
            return match chords {
                Some(chords) if !chords.is_empty() => Meaning::Keys(chords),
                _ => Meaning::Nothing("`keys` needs names such as `tab enter`.".to_owned()),
            };
        }
        ("type", text) => return Meaning::Type(text.to_owned()),
        ("wait", "") => return Meaning::Wait,
        ("show" | "again", "") => return Meaning::Again,
        ("?" | "help" | "h" | "all", "") => return Meaning::Choice(Choice::All),
        _ => {}
    }
    if !model.dialogs.is_empty() {
        return in_dialog(&line.to_lowercase(), model, offered);
    }
    match by_name(line, model) {
        Ok(command) => Meaning::Choice(Choice::Command(command)),
        Err(why) => Meaning::Nothing(why),
    }
}

fn in_dialog(name: &str, model: &Model, offered: &[Choice]) -> Meaning {
    if matches!(name, "close" | "esc" | "back") {
        return Meaning::Choice(Choice::Close);
    }
    if matches!(name, "quit" | "app.quit") {
        return Meaning::Choice(Choice::Command(Command::Quit));
    }
    let told = model.dialogs.last().map(|d| d.told(model));
    let named: Vec<&Choice> = offered
        .iter()
        .filter(|choice| match choice {
            Choice::Part(at) => told
                .as_ref()
                .and_then(|t| t.parts.get(*at))
                .is_some_and(|p| p.label.to_lowercase().starts_with(name)),
            _ => false,
        })
        .collect();
    match named.as_slice() {
        [one] => Meaning::Choice((*one).clone()),
        _ => Meaning::Nothing(format!(
            "`{name}` is no choice here; `close` closes the dialog."
        )),
    }
}

/// A command by its id, key, label, title or the beginning of its id; those of this screen first.
fn by_name(name: &str, model: &Model) -> Result<Command, String> {
    let lower = name.to_lowercase();
    let bare = |label: &str| label.trim_end_matches('.').to_lowercase();
    if let Some(spec) = commands::by_id(&lower) {
        if spec.scope == Scope::Dialog || PAINTED.contains(&spec.command) {
            return Err(format!("{} means nothing in plain mode.", spec.id));
        }
        if !spec.scope.covers(model.screen) {
            return Err(format!(
                "{}: not here, works on {}.",
                spec.title,
                spec.scope.title()
            ));
        }
        return Ok(spec.command);
    }
    let key = || {
        let command = model.keymap.on_screen(model.screen, Chord::parse(name)?)?;
        (!PAINTED.contains(&command)).then_some(command)
    };
    // A letter is a key before it is the beginning of a name; `home` and `end` are names first.
    if let Some(command) = key().filter(|_| name.chars().count() == 1) {
        return Ok(command);
    }
    let by = |fits: &dyn Fn(&CommandSpec) -> bool| -> Vec<&'static CommandSpec> {
        here(model).filter(|s| fits(s)).collect()
    };
    for found in [
        by(&|s| bare(s.label) == lower && matches!(s.scope, Scope::On(_))),
        by(&|s| bare(s.label) == lower),
        by(&|s| s.title.to_lowercase() == lower),
        by(&|s| s.id.split('.').nth(1) == Some(lower.as_str())),
        by(&|s| s.id.starts_with(&lower)),
        by(&|s| s.title.to_lowercase().starts_with(&lower)),
    ] {
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one.command),
            more => {
                let ids: Vec<&str> = more.iter().map(|s| s.id).take(5).collect();
                return Err(format!("`{name}` may be {}.", ids.join(", ")));
            }
        }
    }
    Err(format!("`{name}` means nothing here; ? lists the choices."))
}
