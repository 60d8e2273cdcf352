//! A conversation: lines of a person in, lines for the person out, over the console's own model
//! and `update`. No I/O and no clock: the loop in [`super`] prints, reads and runs what is asked
//! for.

use chrono::{DateTime, Utc};

use super::choices::{self, Choice, Meaning};
use super::narrator::{Narrator, Rival};
use super::words;
use crate::console::commands::{Command, Screen};
use crate::console::dialogs::{Dialog, PartKind, Told};
use crate::console::effect::Effect;
use crate::console::keymap::Chord;
use crate::console::message::Message;
use crate::console::model::{ChampionLine, Model, Need, Said};
use crate::console::update;
use crate::events::Outcome;
use crate::text::{self, Marks};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Rows that the cursor is moved over at once.
const MOST_STEPS: usize = 10_000;
/// Columns after which a line is cut: a value of a megabyte is no sentence.
const LONGEST: usize = 2_000;

/// What has been told, so that only what is new is said.
#[derive(Clone, Debug, Default)]
struct Before {
    screen: Option<Screen>,
    occasion: String,
    selection: String,
    said: Option<Said>,
    dialogs: usize,
    dialog: Option<Told>,
    needs: Vec<String>,
    run: u64,
    events: usize,
}

/// The conversation.
pub struct Talk {
    /// Everything the console knows.
    pub model: Model,
    told: Before,
    narrator: Narrator,
    offered: Vec<Choice>,
    /// The field of the dialog that the next line is typed into.
    filling: Option<usize>,
    waiting: bool,
    /// Whether every choice was listed just now: its numbers hold.
    listed: bool,
    greeted: bool,
    // Events before this were told by the screen already.
    begun: DateTime<Utc>,
    out: Vec<String>,
    effects: Vec<Effect>,
    marks: Marks,
}

impl Talk {
    /// Begins to talk.
    pub fn new(mut model: Model, now: DateTime<Utc>) -> Self {
        let effects = update::begin(&mut model, now);
        let marks = Marks {
            ascii: model.glyphs().marks().ascii,
            ..Marks::PRINTED
        };
        let hello = format!(
            "netsec in plain mode, project {}, {}. A line is the number or the name of a choice; \
             home, data, validate, train, compare, approve, runs and logs are the screens; ? lists \
             everything, quit ends.",
            model.session.place, model.session.who
        );
        let mut talk = Self {
            narrator: Narrator::new(model.session.offset),
            model,
            told: Before::default(),
            offered: Vec::new(),
            filling: None,
            waiting: false,
            listed: false,
            greeted: false,
            begun: now,
            out: Vec::new(),
            effects,
            marks,
        };
        talk.put(hello);
        talk
    }

    /// Lines to print, in order.
    pub fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out)
    }

    /// What is to be done outside. Of several followings only the last counts.
    pub fn effects(&mut self) -> Vec<Effect> {
        let mut effects = std::mem::take(&mut self.effects);
        let last = effects
            .iter()
            .rposition(|e| matches!(e, Effect::Follow { .. }));
        let mut at = 0;
        effects.retain(|e| {
            at += 1;
            !matches!(e, Effect::Follow { .. }) || Some(at - 1) == last
        });
        effects
    }

    /// Whether the console ends.
    pub fn ends(&self) -> bool {
        self.model.quit
    }

    /// Whether everything that was asked for has come: the moment for the next line of a script.
    pub fn settled(&self) -> bool {
        let read = self
            .model
            .open
            .as_ref()
            .is_none_or(|open| open.outcome.is_some());
        !self.model.jobs.any_busy() && read && !(self.waiting && self.at_work())
    }

    /// Whether the person asked to wait for the run.
    pub fn waits(&self) -> bool {
        self.waiting
    }

    fn at_work(&self) -> bool {
        let outcome = self.model.open.as_ref().and_then(|o| o.outcome);
        matches!(outcome, Some(Outcome::Running))
    }

    /// Something happened outside.
    pub fn take(&mut self, message: Message, now: DateTime<Utc>) {
        self.update(message, now);
        let prompt = self.tell(now);
        if !self.greeted && self.settled() {
            self.greet();
        } else if prompt {
            self.prompt();
        }
    }

    fn greet(&mut self) {
        self.greeted = true;
        self.tell_screen();
        self.prompt();
    }

    /// The person entered a line.
    pub fn answer(&mut self, line: &str, now: DateTime<Utc>) {
        if !self.greeted {
            self.greet();
        }
        self.waiting = false;
        match self.filling.take() {
            Some(part) => self.fill(part, line, now),
            None => match choices::read(line, &self.model, &self.offered) {
                Meaning::Choice(choice) => self.choose(&choice, now),
                Meaning::Row(row) => self.go_to(row, now),
                Meaning::Again => {
                    self.told = Before {
                        screen: None,
                        dialog: None,
                        ..self.told.clone()
                    }
                }
                Meaning::Wait => {
                    self.waiting = true;
                    if !self.at_work() {
                        self.put("The run is not at work; nothing to wait for.".to_owned());
                    }
                    return;
                }
                Meaning::Keys(chords) => {
                    for chord in chords {
                        self.press(chord, now);
                    }
                }
                Meaning::Type(text) => self.type_in(&text, now),
                Meaning::Nothing(why) => self.put(why),
            },
        }
        self.tell(now);
        if self.filling.is_none() && !self.ends() {
            self.prompt();
        }
    }

    fn choose(&mut self, choice: &Choice, now: DateTime<Utc>) {
        match choice {
            Choice::Command(Command::Copy) => {
                let shell = update::shown_shell(&self.model);
                self.put(match shell {
                    Some(shell) => format!("Shell: {shell}"),
                    None => "This has no shell command.".to_owned(),
                });
            }
            Choice::Command(command) => {
                self.update(Message::Command(*command), now);
                // A dialog with one field that acts at once needs no list of choices.
                if let Some(told) = self.dialog()
                    && let [part] = told.parts.as_slice()
                    && let PartKind::Field { acts: true, .. } = part.kind
                {
                    self.tell(now);
                    self.ask(0, &told);
                }
            }
            Choice::Close => self.update(Message::Command(Command::DialogClose), now),
            Choice::All if self.model.dialogs.is_empty() => {
                self.offered = choices::all(&self.model);
                self.listed = true;
                for line in choices::explained(&self.model, &self.offered) {
                    self.put(line);
                }
            }
            Choice::All => self.told.dialog = None,
            Choice::Part(at) => self.part(*at, now),
        }
    }

    /// A field asks for its text, a button is pressed.
    fn part(&mut self, at: usize, now: DateTime<Utc>) {
        let Some(told) = self.dialog() else {
            self.put("There is no dialog any more.".to_owned());
            return;
        };
        let Some(part) = told.parts.get(at).cloned() else {
            self.put("There is no such choice any more.".to_owned());
            return;
        };
        match part.kind {
            PartKind::Field { .. } => self.ask(at, &told),
            PartKind::Button {
                hindrance: Some(why),
            } => self.put(format!("{}: not now, {why}.", part.label)),
            PartKind::Button { hindrance: None } => {
                if self.focus(at, now) {
                    self.update(Message::Command(Command::DialogActivate), now);
                }
            }
        }
    }

    fn ask(&mut self, at: usize, told: &Told) {
        let Some(part) = told.parts.get(at) else {
            return;
        };
        let acts = matches!(part.kind, PartKind::Field { acts: true, .. });
        let empty = if acts {
            "an empty line clears it"
        } else {
            "an empty line leaves it as it is"
        };
        self.put(format!("{}? In one line; {empty}.", capital(&part.label)));
        self.filling = Some(at);
    }

    /// Types a line into a field, in place of what stood there.
    fn fill(&mut self, at: usize, line: &str, now: DateTime<Utc>) {
        let acts = self
            .dialog()
            .and_then(|told| match told.parts.get(at)?.kind {
                PartKind::Field { acts, .. } => Some(acts),
                PartKind::Button { .. } => None,
            });
        let Some(acts) = acts else {
            self.put("The dialog has closed meanwhile; nothing was typed.".to_owned());
            return;
        };
        let text = line.trim();
        if (text.is_empty() && !acts) || !self.focus(at, now) {
            return;
        }
        if let Some(clear) = Chord::parse("ctrl-u") {
            self.press(clear, now);
        }
        self.type_in(text, now);
        if acts {
            self.update(Message::Command(Command::DialogActivate), now);
        }
    }

    /// Moves the focus of the dialog to a part, with the commands everybody has.
    fn focus(&mut self, at: usize, now: DateTime<Utc>) -> bool {
        let many = self.dialog().map_or(0, |t| t.parts.len());
        for _ in 0..=many {
            let there = self
                .dialog()
                .is_some_and(|t| t.parts.get(at).is_some_and(|p| p.focused));
            if there {
                return true;
            }
            self.update(Message::Command(Command::DialogNext), now);
        }
        self.put("This part of the dialog cannot be reached.".to_owned());
        false
    }

    fn go_to(&mut self, row: usize, now: DateTime<Utc>) {
        let (count, at) = words::rows(&self.model);
        if row >= count {
            self.put(match count {
                0 => "There are no rows here.".to_owned(),
                n => format!("There is no row {}; there are {n}.", row + 1),
            });
            return;
        }
        let (command, steps) = if row > at {
            (Command::Down, row - at)
        } else {
            (Command::Up, at - row)
        };
        if steps > MOST_STEPS {
            self.put(
                "That is far; filter the rows, or use first row, last row and pages.".to_owned(),
            );
            return;
        }
        for _ in 0..steps {
            self.update(Message::Command(command), now);
        }
    }

    fn press(&mut self, chord: Chord, now: DateTime<Utc>) {
        self.update(Message::Key(chord.event()), now);
    }

    fn type_in(&mut self, text: &str, now: DateTime<Utc>) {
        for c in text.chars().filter(|c| !c.is_control()) {
            let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
            self.update(Message::Key(key), now);
        }
    }

    fn update(&mut self, message: Message, now: DateTime<Utc>) {
        let effects = update::update(&mut self.model, message, now);
        self.effects.extend(effects);
    }

    fn dialog(&self) -> Option<Told> {
        self.model.dialogs.last().map(|d| d.told(&self.model))
    }

    fn put(&mut self, line: String) {
        self.out.push(text::fit(&line, LONGEST, self.marks));
    }

    fn prompt(&mut self) {
        if std::mem::take(&mut self.listed) && self.model.dialogs.is_empty() {
            self.put("Choice?".to_owned());
            return;
        }
        let told = self.dialog();
        let line = match &told {
            Some(told) => {
                self.offered = choices::dialog(told);
                choices::line(&self.offered, Some(told))
            }
            None => {
                self.offered = choices::short(&self.model);
                choices::line(&self.offered, None)
            }
        };
        self.put(line);
    }

    /// Says what is new; returns whether it is worth offering the choices again.
    fn tell(&mut self, now: DateTime<Utc>) -> bool {
        let mut worth = false;
        self.tell_events();
        if self.model.said != self.told.said {
            self.told.said.clone_from(&self.model.said);
            if let Some(said) = self.told.said.clone() {
                let at = self.model.clock(said.at);
                self.put(format!("{at} {}", said.text));
            }
        }
        worth |= self.tell_needs();
        worth |= self.tell_dialog(now);
        if !self.greeted || self.ends() {
            return worth;
        }
        if self.told.screen != Some(self.model.screen) {
            if self.model.dialogs.is_empty() {
                self.tell_screen();
                worth = true;
            }
        } else if self.told.occasion != words::occasion(&self.model) {
            self.tell_screen();
            worth = true;
        } else {
            let selection = words::selection(&self.model);
            if selection != self.told.selection {
                self.told.selection = selection;
                for line in words::selected(&self.model) {
                    self.put(line);
                }
            }
        }
        worth
    }

    fn tell_screen(&mut self) {
        for line in words::screen(&self.model) {
            self.put(line);
        }
        self.told.screen = Some(self.model.screen);
        self.told.occasion = words::occasion(&self.model);
        self.told.selection = words::selection(&self.model);
        self.told.needs = self.needs();
    }

    /// Events of the run on screen that came since.
    fn tell_events(&mut self) {
        self.narrator.set_rival(rival(&self.model));
        let Some(open) = &self.model.open else {
            return;
        };
        if open.generation != self.told.run || open.events.len() < self.told.events {
            self.told.run = open.generation;
            self.told.events = 0;
            self.narrator = Narrator::new(self.model.session.offset);
            self.narrator.set_rival(rival(&self.model));
        }
        let mut lines = Vec::new();
        for envelope in open.events.iter().skip(self.told.events) {
            if envelope.at < self.begun {
                continue;
            }
            lines.extend(self.narrator.line(envelope, &open.state));
            lines.extend(Narrator::hints(envelope));
        }
        self.told.events = open.events.len();
        for line in lines {
            self.put(line);
        }
    }

    fn needs(&self) -> Vec<String> {
        let needs = self.model.needs();
        needs
            .iter()
            .map(|need| match need {
                Need::Plan(p) => format!("approve {} of run {}", p.version, p.run_id.short()),
                Need::Run(r) => format!("run {} {}", r.id.short(), r.outcome.as_str()),
            })
            .collect()
    }

    fn tell_needs(&mut self) -> bool {
        let needs = self.needs();
        let new: Vec<String> = needs
            .iter()
            .filter(|need| !self.told.needs.contains(need))
            .cloned()
            .collect();
        self.told.needs = needs;
        // What waited from the start stands on the first screen.
        if new.is_empty() || !self.greeted {
            return false;
        }
        self.put(format!("Needs you: {}.", new.join(", ")));
        true
    }

    fn tell_dialog(&mut self, now: DateTime<Utc>) -> bool {
        // Something to read needs no closing here: it has been read.
        while let Some(Dialog::Notice(_)) = self.model.dialogs.last() {
            if let Some(told) = self.dialog() {
                self.put(told.title);
                for line in told.lines {
                    self.put(format!("  {line}"));
                }
            }
            self.update(Message::Command(Command::DialogClose), now);
        }
        let many = self.model.dialogs.len();
        let Some(told) = self.dialog() else {
            let closed = self.told.dialogs > 0;
            self.told.dialogs = 0;
            self.told.dialog = None;
            if closed {
                self.filling = None;
            }
            return closed;
        };
        let before = self.told.dialog.replace(told.clone());
        let same = before
            .as_ref()
            .filter(|b| b.title == told.title && self.told.dialogs == many);
        self.told.dialogs = many;
        match same {
            None => {
                self.put(told.title);
                for line in told.lines {
                    self.put(line);
                }
                true
            }
            Some(before) => {
                // What a dialog found wrong since.
                let new = told.lines.iter().filter(|l| !before.lines.contains(l));
                for line in new.cloned().collect::<Vec<_>>() {
                    self.put(line);
                }
                for (now, then) in told.parts.iter().zip(&before.parts) {
                    if let (PartKind::Field { text, .. }, PartKind::Field { text: old, .. }) =
                        (&now.kind, &then.kind)
                        && text != old
                    {
                        self.put(format!("{}: {text}", capital(&now.label)));
                    }
                }
                false
            }
        }
    }
}

/// The champion, with the F1 that the list of runs knows of it.
fn rival(model: &Model) -> Option<Rival> {
    let ChampionLine::Version(version, run) = &model.health.champion else {
        return None;
    };
    let f1 = model
        .run_rows()
        .iter()
        .find(|r| r.id == *run)
        .and_then(|r| r.f1);
    Some(Rival {
        version: version.clone(),
        f1,
    })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(c) => c.to_uppercase().to_string() + chars.as_str(),
        None => String::new(),
    }
}
