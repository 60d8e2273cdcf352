//! The keys, from the command table. Commands that cannot run now stand there with the reason.

use super::Reply;
use crate::console::canvas::Canvas;
use crate::console::commands::{COMMANDS, Command, Scope, Screen};
use crate::console::model::{Availability, Model};
use crate::console::theme::Tone;

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct Help {
    screen: Screen,
    all: bool,
    first: usize,
}

struct Line {
    keys: String,
    text: String,
    note: String,
    heading: bool,
}

impl Help {
    /// Help for a screen.
    pub fn new(screen: Screen) -> Self {
        Self {
            screen,
            all: false,
            first: 0,
        }
    }
    fn lines(&self, model: &Model) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut scopes: Vec<Scope> = Vec::new();
        for spec in COMMANDS {
            let here = spec.scope.covers(self.screen);
            if (self.all || here) && !scopes.contains(&spec.scope) {
                scopes.push(spec.scope);
            }
        }
        for scope in scopes {
            if !lines.is_empty() {
                lines.push(Line {
                    keys: String::new(),
                    text: String::new(),
                    note: String::new(),
                    heading: false,
                });
            }
            lines.push(Line {
                keys: String::new(),
                text: scope.title(),
                note: String::new(),
                heading: true,
            });
            for spec in COMMANDS.iter().filter(|s| s.scope == scope) {
                let note = match model.availability(spec.command) {
                    Availability::Disabled(why) if spec.scope.covers(self.screen) => {
                        format!("not now: {why}")
                    }
                    _ => model.shell(spec.command).unwrap_or_default(),
                };
                lines.push(Line {
                    keys: model.keymap.text(spec),
                    text: spec.title.to_owned(),
                    note,
                    heading: false,
                });
            }
        }
        lines.push(Line {
            keys: String::new(),
            text: String::new(),
            note: String::new(),
            heading: false,
        });
        lines.push(Line {
            keys: String::new(),
            text: "No single key writes to production. Keys change in config.toml, [ui.keys]."
                .to_owned(),
            note: String::new(),
            heading: true,
        });
        lines
    }
    pub(super) fn command(&mut self, command: Command, model: &Model) -> Reply {
        match command {
            Command::DialogActivate => return Reply::Close,
            Command::DialogNext | Command::DialogPrevious => {
                self.all = !self.all;
                self.first = 0;
            }
            Command::DialogDown => self.first += 1,
            Command::DialogUp => self.first = self.first.saturating_sub(1),
            Command::DialogPageDown => self.first += 10,
            Command::DialogPageUp => self.first = self.first.saturating_sub(10),
            _ => {}
        }
        let rows = self.lines(model).len();
        let (_, height) = self.size(model, model.size.0, model.size.1);
        let inside = (height.min(model.size.1) as usize).saturating_sub(2);
        self.first = self.first.min(rows.saturating_sub(inside.max(1)));
        Reply::Stay
    }
    pub(super) fn size(&self, model: &Model, width: u16, height: u16) -> (u16, u16) {
        let rows = self.lines(model).len() as u16 + 2;
        (
            width.saturating_sub(4).min(100),
            rows.min(height.saturating_sub(2)),
        )
    }
    pub(super) fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let title = if self.all {
            "Keys on every screen".to_owned()
        } else {
            format!("Keys on {}", self.screen.title())
        };
        let lines = self.lines(model);
        let visible = canvas.height().saturating_sub(2) as usize;
        let more = lines.len().saturating_sub(self.first + visible);
        let remark = match (more, self.all) {
            (0, false) => "Tab all screens  Esc close".to_owned(),
            (0, true) => "Tab this screen  Esc close".to_owned(),
            (n, false) => format!("{n} more below  Tab all screens  Esc close"),
            (n, true) => format!("{n} more below  Tab this screen  Esc close"),
        };
        let mut inside = canvas.boxed(&title, &remark);
        let names = if inside.width() >= 90 { 34 } else { 28 };
        for (y, line) in lines.iter().skip(self.first).enumerate() {
            let y = y as u16;
            if y >= inside.height() {
                break;
            }
            if line.heading {
                inside.put(1, y, &line.text, Tone::Title);
                continue;
            }
            inside.put_in(2, y, 16, &line.keys, Tone::Key);
            inside.put_in(19, y, names, &line.text, Tone::Plain);
            let x = 19 + names + 1;
            let width = inside.width().saturating_sub(x + 1);
            inside.put_in(x, y, width, &line.note, Tone::Dim);
        }
        None
    }
}
