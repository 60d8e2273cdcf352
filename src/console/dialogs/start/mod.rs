//! The form that starts a retrain: every field begins with the configuration's value, shows what
//! it allows and is checked while typing; the whole is checked before the start, and what speaks
//! against it stands at its field. `config.toml` is not touched: what differs travels with the run.

mod fields;

use crossterm::event::KeyCode;

use self::fields::{Item, learner_changes, quoted, wrong};
use super::{Part, Reply, Told};
use crate::config::{self, Config, SettingChange};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::jobs::{Job, JobKey};
use crate::console::keymap::Chord;
use crate::console::layout::first_row;
use crate::console::model::{Availability, Model};
use crate::console::screens::capital;
use crate::console::theme::Tone;
use crate::console::widgets::{TextField, button};
use crate::learners::LearnerId;
use crate::worker::Problem;

/// Columns before the fields.
const LABELS: u16 = 23;
/// Columns of a field for a number.
const NUMBER: u16 = 13;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    Item(Item),
    No,
    Start,
    Queue,
}

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct StartForm {
    config: Box<Config>,
    cores: usize,
    texts: Vec<(Item, TextField)>,
    chosen: Vec<LearnerId>,
    /// The learner under the cursor of the list.
    at: usize,
    /// Names of learners as they are typed, with commas, instead of ticking boxes.
    names: String,
    focus: Focus,
    /// What is wrong with what was typed.
    wrong: Vec<(Item, String)>,
    /// What the check before the start found.
    problems: Vec<Problem>,
    /// What is wrong with the whole and with no field.
    general: Option<String>,
}

impl StartForm {
    /// A form that begins with the values of a configuration, on a machine with so many cores.
    pub fn new(config: Config, cores: usize) -> Self {
        let texts = Item::texts().into_iter().map(|item| {
            let mut field = TextField::new(if item == Item::Note { 200 } else { 400 });
            field.paste(&item.initial(&config));
            (item, field)
        });
        Self {
            texts: texts.collect(),
            chosen: config.training.learners.clone(),
            config: Box::new(config),
            cores,
            at: 0,
            names: String::new(),
            // Nothing can be lost by a note, and typing it is what most come for.
            focus: Focus::Item(Item::Note),
            wrong: Vec::new(),
            problems: Vec::new(),
            general: None,
        }
    }

    /// Shows what the check before the start found.
    pub fn refused(&mut self, problems: Vec<Problem>) {
        let first = problems.iter().find_map(|p| Item::of_key(&p.key));
        if let Some(item) = first.filter(|item| self.items().contains(item)) {
            self.focus = Focus::Item(item);
        }
        self.problems = problems;
    }

    /// The same as a shell command.
    pub fn shell(&self) -> String {
        let how = match self.focus {
            Focus::Queue => "--queue",
            _ => "--detach",
        };
        let mut line = format!("netsec retrain {how}");
        let settings = config::with_changes(&self.config, &self.changes());
        let arguments: Vec<String> = match &settings {
            Ok((_, settings)) => settings.iter().map(|s| s.argument()).collect(),
            Err(_) => {
                let asked = self.changes();
                asked
                    .iter()
                    .map(|c| format!("{}={}", c.key, c.value))
                    .collect()
            }
        };
        for argument in arguments {
            line.push_str(&format!(" --set {}", quoted(&argument)));
        }
        if let Some(note) = self.note() {
            line.push_str(&format!(" --note {}", quoted(&note)));
        }
        line
    }

    /// What is shown: a learner that is not trained has no rounds to ask for.
    fn items(&self) -> Vec<Item> {
        let mut items = vec![Item::Note, Item::Data, Item::Learners, Item::Folds];
        let asked = |l: &LearnerId| self.chosen.contains(l) && l.budget_setting().is_some();
        items.extend(LearnerId::ALL.into_iter().filter(asked).map(Item::Budget));
        items.push(Item::Cores);
        items
    }

    fn text(&self, item: Item) -> String {
        let found = self.texts.iter().find(|(i, _)| *i == item);
        found.map_or_else(String::new, |(_, field)| field.text())
    }

    fn note(&self) -> Option<String> {
        let note = self.text(Item::Note).trim().to_owned();
        (!note.is_empty()).then_some(note)
    }

    fn changes_of(&self, item: Item) -> Vec<SettingChange> {
        match item {
            Item::Learners => learner_changes(&self.chosen, &self.config),
            item => item.changes(&self.text(item), &self.config),
        }
    }

    fn changes(&self) -> Vec<SettingChange> {
        let items = self.items();
        items.into_iter().flat_map(|i| self.changes_of(i)).collect()
    }

    /// Checks what was typed, with the checks of the configuration.
    fn check(&mut self) {
        let items = self.items();
        self.problems.clear();
        self.wrong = items
            .iter()
            .filter_map(|item| {
                let allowed = item.allowed(&self.config, self.cores);
                let why = wrong(&self.changes_of(*item), &self.config, &allowed)?;
                Some((*item, why))
            })
            .collect();
        self.general = None;
        if self.wrong.is_empty()
            && let Err(e) = config::with_changes(&self.config, &self.changes())
        {
            match e.key.as_deref().and_then(Item::of_key) {
                Some(item) => self.wrong.push((item, e.message)),
                None => self.general = Some(e.message),
            }
        }
    }

    /// What is wrong at an item: what was typed, else what the check before the start found.
    fn error(&self, item: Item) -> Option<&str> {
        let typed = self.wrong.iter().find(|(i, _)| *i == item);
        typed.map(|(_, why)| why.as_str()).or_else(|| {
            let found = self.problems.iter();
            found
                .filter(|p| Item::of_key(&p.key) == Some(item))
                .map(|p| p.message.as_str())
                .next()
        })
    }

    /// What is wrong and belongs to no field that is shown, and what to do.
    fn elsewhere(&self) -> Option<String> {
        let items = self.items();
        let hidden = |p: &&Problem| Item::of_key(&p.key).is_none_or(|i| !items.contains(&i));
        let found = self.problems.iter().find(hidden);
        self.general
            .clone()
            .or_else(|| found.map(|p| p.message.clone()))
    }

    fn may_start(&self, model: &Model) -> Result<(), String> {
        if model.jobs.busy(JobKey::Action) {
            return Err("looking whether it can start".to_owned());
        }
        if let Availability::Disabled(why) = model.availability(Command::NewRun) {
            return Err(why);
        }
        match (self.wrong.first(), &self.general) {
            (Some((item, why)), _) => Err(format!("{}: {why}", item.label())),
            (None, Some(why)) => Err(why.clone()),
            (None, None) => Ok(()),
        }
    }

    fn order(&self) -> Vec<Focus> {
        let mut order: Vec<Focus> = self.items().into_iter().map(Focus::Item).collect();
        order.extend([Focus::No, Focus::Start, Focus::Queue]);
        order
    }

    fn step(&mut self, by: isize) {
        let order = self.order();
        let at = order.iter().position(|f| *f == self.focus).unwrap_or(0);
        let to = (at as isize + by).rem_euclid(order.len() as isize);
        self.focus = order[to as usize];
        self.names.clear();
    }

    pub(super) fn command(&mut self, command: Command, model: &Model) -> Reply {
        match command {
            Command::DialogNext | Command::DialogDown => self.step(1),
            Command::DialogPrevious | Command::DialogUp => self.step(-1),
            Command::DialogPageDown => self.focus = Focus::No,
            Command::DialogPageUp => self.focus = Focus::Item(Item::Note),
            Command::DialogActivate => {
                let queue = self.focus == Focus::Queue;
                return match self.focus {
                    // From any field straight to the buttons, the harmless one first.
                    Focus::Item(_) => {
                        self.focus = Focus::No;
                        Reply::Stay
                    }
                    Focus::No => Reply::Close,
                    Focus::Start | Focus::Queue if self.may_start(model).is_ok() => {
                        Reply::Keep(Job::Start {
                            note: self.note(),
                            set: self.changes(),
                            queue,
                        })
                    }
                    Focus::Start | Focus::Queue => Reply::Stay,
                };
            }
            _ => {}
        }
        Reply::Stay
    }

    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        let taken = match self.focus {
            Focus::Item(Item::Learners) => match chord.code() {
                KeyCode::Left => {
                    self.at = self.at.saturating_sub(1);
                    return true;
                }
                KeyCode::Right => {
                    self.at = (self.at + 1).min(LearnerId::ALL.len() - 1);
                    return true;
                }
                KeyCode::Char('u') if chord.ctrl() => {
                    self.names.clear();
                    self.chosen.clear();
                    true
                }
                KeyCode::Char(' ') if self.names.is_empty() => {
                    self.toggle(LearnerId::ALL[self.at]);
                    true
                }
                _ => match chord.typed() {
                    Some(c) => {
                        self.names.push(c);
                        self.choose_named();
                        true
                    }
                    None => false,
                },
            },
            Focus::Item(item) => {
                let field = self.texts.iter_mut().find(|(i, _)| *i == item);
                field.is_some_and(|(_, field)| field.key(chord))
            }
            Focus::No | Focus::Start | Focus::Queue => false,
        };
        if taken {
            self.check();
        }
        taken
    }

    /// Chooses the learners whose names were typed; a name that is not whole yet chooses nothing.
    fn choose_named(&mut self) {
        let separators = |c: char| c == ',' || c.is_whitespace();
        let named = self.names.split(separators).filter_map(|n| n.parse().ok());
        let mut chosen: Vec<LearnerId> = Vec::new();
        for learner in named {
            if !chosen.contains(&learner) {
                chosen.push(learner);
            }
        }
        if !chosen.is_empty() {
            self.chosen = chosen;
        }
    }

    /// The form in words.
    pub(super) fn told(&self, model: &Model) -> Told {
        let mut lines = vec![format!("Shell: {}", self.shell())];
        lines.extend(self.elsewhere().map(|why| format!("Wrong: {why}")));
        let mut parts: Vec<Part> = Vec::new();
        for item in self.items() {
            let here = self.focus == Focus::Item(item);
            let text = match item {
                Item::Learners => {
                    let names: Vec<&str> = self.chosen.iter().map(|l| l.as_str()).collect();
                    names.join(", ")
                }
                item => self.text(item),
            };
            if let Some(why) = self.error(item) {
                lines.push(format!("Wrong: {}: {why}", item.label()));
            }
            let allowed = match item {
                Item::Learners => LearnerId::ALL.map(LearnerId::as_str).join(", "),
                item => item.allowed(&self.config, self.cores),
            };
            parts.push(Part::field(
                format!("{} ({allowed})", item.label()),
                text,
                here,
            ));
        }
        let here = |focus| self.focus == focus;
        let hindrance = self.may_start(model).err();
        parts.push(Part::button("Do nothing", None, here(Focus::No)));
        parts.push(Part::button(
            "Start now",
            hindrance.clone(),
            here(Focus::Start),
        ));
        parts.push(Part::button("Queue", hindrance, here(Focus::Queue)));
        Told {
            title: "Start a retrain".to_owned(),
            lines,
            parts,
        }
    }

    fn toggle(&mut self, learner: LearnerId) {
        match self.chosen.iter().position(|l| *l == learner) {
            Some(at) => drop(self.chosen.remove(at)),
            None => self.chosen.push(learner),
        }
    }

    pub(super) fn pasted(&mut self, text: &str) -> bool {
        let Focus::Item(item) = self.focus else {
            return false;
        };
        let Some((_, field)) = self.texts.iter_mut().find(|(i, _)| *i == item) else {
            return false;
        };
        field.paste(text);
        self.check();
        true
    }

    pub(super) fn size(&self, width: u16, height: u16) -> (u16, u16) {
        let w = width.saturating_sub(4).min(96);
        let errors = self
            .items()
            .iter()
            .filter(|i| self.error(**i).is_some())
            .count();
        let lines = self.items().len() + usize::from(rows_of_learners(w.saturating_sub(2)) - 1);
        (w, ((lines + errors) as u16 + 8).min(height))
    }

    pub(super) fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let mut inside = canvas.boxed("Start a retrain", "Tab next field   Enter to the buttons");
        let (w, h) = (inside.width(), inside.height());
        let lines = self.lines(w);
        // The last rows say what differs, the shell command, what is the matter, and the buttons.
        let below = if h >= 14 { 5 } else { 2 };
        let shown = h.saturating_sub(below) as usize;
        let at = lines.iter().position(|l| self.has_focus(l)).unwrap_or(0);
        // A learner far down must not hide the list's first row or an error below a field.
        let at = (at + 1).min(lines.len().saturating_sub(1));
        let first = first_row(at, lines.len(), shown);
        let mut cursor = None;
        for (y, line) in lines.iter().skip(first).take(shown).enumerate() {
            cursor = cursor.or(self.line(line, &mut inside, y as u16));
        }
        let mut y = h.saturating_sub(below);
        if below == 5 {
            self.summary(&mut inside, y + 1, model);
            y += 3;
        }
        self.buttons(model, &mut inside, y);
        cursor
    }

    /// What differs, and the same as a shell command.
    fn summary(&self, canvas: &mut Canvas<'_>, y: u16, model: &Model) {
        let w = canvas.width().saturating_sub(2);
        let n = self
            .items()
            .iter()
            .filter(|i| !self.changes_of(**i).is_empty())
            .count();
        let text = match n {
            0 => "As config.toml says. The worker plans a push, it never pushes.".to_owned(),
            1 => "1 setting (*) differs from config.toml, for this run only.".to_owned(),
            n => format!("{n} settings (*) differ from config.toml, for this run only."),
        };
        canvas.put_in(1, y, w, &text, Tone::Plain);
        let copy = model
            .keymap
            .first(Command::Copy)
            .map_or(String::new(), |k| {
                format!("{} copies: ", capital(&k.to_string()))
            });
        canvas.put_in(1, y + 1, w, &format!("{copy}{}", self.shell()), Tone::Dim);
    }

    fn buttons(&self, model: &Model, canvas: &mut Canvas<'_>, y: u16) {
        let may = self.may_start(model);
        let w = canvas.width();
        let (say, tone) = match (self.elsewhere(), &may, self.focus) {
            (Some(why), ..) => (format!("! {why}"), Tone::Bad),
            (None, Err(why), _) => (format!("not yet: {why}"), Tone::Warn),
            (None, Ok(()), Focus::Item(item)) => (
                format!(
                    "{}: {}",
                    item.label(),
                    item.allowed(&self.config, self.cores)
                ),
                Tone::Dim,
            ),
            (None, Ok(()), Focus::No) => ("closes the form".to_owned(), Tone::Dim),
            (None, Ok(()), Focus::Start) => (
                "looks at data and disk, then starts a worker of its own".to_owned(),
                Tone::Dim,
            ),
            (None, Ok(()), Focus::Queue) => (
                "starts when no run is at work, after those queued before".to_owned(),
                Tone::Dim,
            ),
        };
        canvas.put_in(1, y, w.saturating_sub(2), &say, tone);
        let ok = may.is_ok();
        let x = button(
            canvas,
            1,
            y + 1,
            "Do nothing",
            true,
            self.focus == Focus::No,
        );
        let x = button(
            canvas,
            x + 2,
            y + 1,
            "Start now",
            ok,
            self.focus == Focus::Start,
        );
        button(
            canvas,
            x + 2,
            y + 1,
            "Queue",
            ok,
            self.focus == Focus::Queue,
        );
    }

    fn lines(&self, width: u16) -> Vec<Line> {
        let mut lines = Vec::new();
        for item in self.items() {
            match item {
                Item::Learners => {
                    let per_row = learners_per_row(width);
                    let rows = rows_of_learners(width);
                    lines.extend((0..rows).map(|row| Line::Learners {
                        from: usize::from(row) * per_row,
                        to: (usize::from(row) * per_row + per_row).min(LearnerId::ALL.len()),
                    }));
                }
                item => lines.push(Line::Text(item)),
            }
            // Beside a number there is room for what is wrong with it.
            let beside = matches!(item, Item::Folds | Item::Budget(_) | Item::Cores);
            if let Some(why) = self.error(item).filter(|_| !beside) {
                lines.push(Line::Error(why.to_owned()));
            }
        }
        lines
    }

    fn has_focus(&self, line: &Line) -> bool {
        match (line, self.focus) {
            (Line::Text(item), Focus::Item(focus)) => *item == focus,
            (Line::Learners { from, to }, Focus::Item(Item::Learners)) => {
                (*from..*to).contains(&self.at)
            }
            // From the buttons the end of the form is looked at.
            (Line::Text(Item::Cores), Focus::No | Focus::Start | Focus::Queue) => true,
            _ => false,
        }
    }

    fn line(&self, line: &Line, canvas: &mut Canvas<'_>, y: u16) -> Option<(u16, u16)> {
        let w = canvas.width();
        match line {
            Line::Error(why) => {
                let room = w.saturating_sub(LABELS + 1);
                canvas.put_in(LABELS, y, room, &format!("! {why}"), Tone::Bad);
                None
            }
            Line::Learners { from, to } => {
                if *from == 0 {
                    self.label(Item::Learners, canvas, y);
                }
                let mut x = LABELS;
                for at in *from..*to {
                    let learner = LearnerId::ALL[at];
                    let mark = if self.chosen.contains(&learner) {
                        "x"
                    } else {
                        " "
                    };
                    let here = self.focus == Focus::Item(Item::Learners) && at == self.at;
                    let tone = if here { Tone::Cursor } else { Tone::Plain };
                    canvas.put(x - 1, y, if here { ">" } else { " " }, Tone::Cursor);
                    canvas.put(x, y, &format!("[{mark}] {learner}"), tone);
                    x += LEARNER;
                }
                None
            }
            Line::Text(item) => {
                self.label(*item, canvas, y);
                let (_, field) = self.texts.iter().find(|(i, _)| i == item)?;
                let focus = self.focus == Focus::Item(*item);
                let wide = matches!(item, Item::Note | Item::Data);
                let width = if wide {
                    w.saturating_sub(LABELS + 1)
                } else {
                    NUMBER
                };
                let cursor = field.view(canvas, LABELS, y, width, focus);
                if !wide {
                    let x = LABELS + NUMBER + 2;
                    let room = w.saturating_sub(x + 1);
                    match self.error(*item) {
                        Some(why) => canvas.put_in(x, y, room, &format!("! {why}"), Tone::Bad),
                        None => {
                            let allowed = item.allowed(&self.config, self.cores);
                            canvas.put_in(x, y, room, &allowed, Tone::Dim)
                        }
                    };
                }
                cursor
            }
        }
    }

    /// The name of an item, with a star when it differs from the configuration.
    fn label(&self, item: Item, canvas: &mut Canvas<'_>, y: u16) {
        let star = if self.changes_of(item).is_empty() {
            " "
        } else {
            "*"
        };
        canvas.put(0, y, star, Tone::Key);
        canvas.put_in(1, y, LABELS - 2, &item.label(), Tone::Plain);
    }
}

enum Line {
    Text(Item),
    Learners { from: usize, to: usize },
    Error(String),
}

/// Columns of a learner with its box.
const LEARNER: u16 = 24;

fn learners_per_row(width: u16) -> usize {
    usize::from((width.saturating_sub(LABELS) / LEARNER).max(1))
}

fn rows_of_learners(width: u16) -> u16 {
    LearnerId::ALL.len().div_ceil(learners_per_row(width)) as u16
}

#[cfg(test)]
mod tests;
