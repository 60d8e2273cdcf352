//! Keys: how they are written, and which command they mean. [`remap`] puts `[ui.keys]` on top.

pub mod remap;

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::commands::{self, COMMANDS, Command, CommandSpec, Scope, Screen};

/// A key with its modifiers, as people write it: `a`, `G`, `ctrl-c`, `shift-tab`, `pageup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    code: KeyCode,
    ctrl: bool,
    alt: bool,
}

const NAMED: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

impl Chord {
    /// Reads a chord.
    pub fn parse(text: &str) -> Option<Chord> {
        let mut rest = text;
        let (mut ctrl, mut alt) = (false, false);
        loop {
            if let Some(after) = rest.strip_prefix("ctrl-").filter(|a| !a.is_empty()) {
                (ctrl, rest) = (true, after);
            } else if let Some(after) = rest.strip_prefix("alt-").filter(|a| !a.is_empty()) {
                (alt, rest) = (true, after);
            } else {
                break;
            }
        }
        let code = if let Some((_, code)) = NAMED.iter().find(|(name, _)| *name == rest) {
            *code
        } else if rest == "space" {
            KeyCode::Char(' ')
        } else if let Some(n) = rest
            .strip_prefix('f')
            .and_then(|n| n.parse::<u8>().ok())
            .filter(|n| (1..=12).contains(n))
        {
            KeyCode::F(n)
        } else {
            let mut chars = rest.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) if !c.is_control() && c != ' ' => KeyCode::Char(c),
                _ => return None,
            }
        };
        Some(Chord { code, ctrl, alt })
    }
    /// The chord of a key press.
    pub fn of(event: &KeyEvent) -> Chord {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            // With Ctrl, terminals report letters without their case.
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            code => code,
        };
        Chord {
            code,
            ctrl,
            alt: event.modifiers.contains(KeyModifiers::ALT),
        }
    }
    /// The key press of the chord.
    pub fn event(self) -> KeyEvent {
        let mut modifiers = KeyModifiers::NONE;
        if self.ctrl {
            modifiers |= KeyModifiers::CONTROL;
        }
        if self.alt {
            modifiers |= KeyModifiers::ALT;
        }
        KeyEvent::new(self.code, modifiers)
    }
    /// The character it types into a field, if it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
    /// The key without modifiers.
    pub fn code(self) -> KeyCode {
        self.code
    }
    /// Whether Ctrl is held.
    pub fn ctrl(self) -> bool {
        self.ctrl
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("space"),
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "f{n}"),
            code => f.write_str(
                NAMED
                    .iter()
                    .find(|(_, c)| *c == code)
                    .map_or("?", |(name, _)| name),
            ),
        }
    }
}

/// Which keys mean what: the table's defaults with `[ui.keys]` on top.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    /// By row of the table.
    keys: Vec<Vec<Chord>>,
    /// Keys that mean nothing in a place.
    unbound: Vec<(Place, Chord)>,
}

/// Where a key can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Everywhere,
    Dialog,
    On(Screen),
}

impl Place {
    fn all() -> Vec<Place> {
        let mut all = vec![Place::Everywhere, Place::Dialog];
        all.extend(Screen::ALL.map(Place::On));
        all
    }
    fn name(self) -> String {
        match self {
            Place::Everywhere => "everywhere".to_owned(),
            Place::Dialog => "dialog".to_owned(),
            Place::On(screen) => screen.title().to_lowercase(),
        }
    }
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = COMMANDS
            .iter()
            .map(|s| s.keys.iter().filter_map(|k| Chord::parse(k)).collect())
            .collect();
        Self {
            keys,
            unbound: Vec::new(),
        }
    }
}

impl Keymap {
    /// The keys of a command.
    pub fn keys(&self, spec: &CommandSpec) -> &[Chord] {
        COMMANDS
            .iter()
            .position(|s| s.id == spec.id)
            .map_or(&[], |row| &self.keys[row])
    }
    /// The keys of a command as people write them, `-` when it has none.
    pub fn text(&self, spec: &CommandSpec) -> String {
        let keys = self.keys(spec);
        if keys.is_empty() {
            return "-".to_owned();
        }
        keys.iter()
            .map(Chord::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }
    /// The first key of a command.
    pub fn first(&self, command: Command) -> Option<Chord> {
        self.keys(commands::of(command)).first().copied()
    }
    /// The first key of a command that works on a screen.
    pub fn first_on(&self, command: Command, screen: Screen) -> Option<Chord> {
        self.keys(commands::of(command))
            .iter()
            .copied()
            .find(|c| !self.is_unbound(Place::On(screen), *c))
    }
    /// The command a key means on a screen.
    pub fn on_screen(&self, screen: Screen, chord: Chord) -> Option<Command> {
        if self.is_unbound(Place::On(screen), chord) {
            return None;
        }
        self.find(chord, |s| s.covers(screen))
    }
    /// The command a key means in a dialog. Keys with Ctrl that no dialog command takes keep
    /// their meaning of everywhere: a dialog must not swallow quit and suspend.
    pub fn in_dialog(&self, chord: Chord) -> Option<Command> {
        if self.is_unbound(Place::Dialog, chord) {
            return None;
        }
        self.find(chord, |s| s == Scope::Dialog).or_else(|| {
            self.find(chord, |s| s == Scope::Everywhere)
                .filter(|_| chord.ctrl)
        })
    }
    fn is_unbound(&self, place: Place, chord: Chord) -> bool {
        self.unbound.iter().any(|(at, key)| {
            *key == chord && (*at == place || (*at == Place::Everywhere && place != Place::Dialog))
        })
    }
    fn find(&self, chord: Chord, scope: impl Fn(Scope) -> bool) -> Option<Command> {
        COMMANDS
            .iter()
            .zip(&self.keys)
            .find(|(s, keys)| scope(s.scope) && keys.contains(&chord))
            .map(|(s, _)| s.command)
    }
}

/// The scopes in the order they are printed.
fn scopes() -> Vec<Scope> {
    let mut scopes: Vec<Scope> = Vec::new();
    for spec in COMMANDS {
        if !scopes.contains(&spec.scope) {
            scopes.push(spec.scope);
        }
    }
    scopes
}

/// The table of `netsec keys`.
pub fn table(map: &Keymap) -> String {
    let mut out = String::new();
    for scope in scopes() {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{}\n", scope.title()));
        for spec in COMMANDS.iter().filter(|s| s.scope == scope) {
            out.push_str(&format!(
                "  {:<17} {:<26} {}{}\n",
                map.text(spec),
                spec.id,
                spec.doc,
                spec.shell.map_or(String::new(), |s| format!("  [{s}]")),
            ));
        }
    }
    out.push_str("\nNo single key writes to production. Change keys in config.toml, [ui.keys].\n");
    out
}

/// The same table in Markdown, as it stands in the README.
pub fn markdown(map: &Keymap) -> String {
    let mut out = String::from(
        "| where | keys | command | does | in the shell |\n| --- | --- | --- | --- | --- |\n",
    );
    for scope in scopes() {
        for spec in COMMANDS.iter().filter(|s| s.scope == scope) {
            let keys: Vec<String> = map.keys(spec).iter().map(|k| format!("`{k}`")).collect();
            out.push_str(&format!(
                "| {} | {} | `{}` | {} | {} |\n",
                scope.title(),
                keys.join(" "),
                spec.id,
                spec.doc,
                spec.shell.map_or(String::new(), |s| format!("`{s}`")),
            ));
        }
    }
    out
}
