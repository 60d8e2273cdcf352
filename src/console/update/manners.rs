//! Theme and mouse.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Update;
use crate::console::canvas::Canvas;
use crate::console::commands::{Command, Screen};
use crate::console::effect::Effect;
use crate::console::hits::{Hits, Target};
use crate::console::screens;
use crate::console::terminal;
use crate::console::theme::{self, Colours, Tone};

impl Update<'_> {
    pub(super) fn next_theme(&mut self) {
        let next = theme::next_theme(self.model.capabilities.theme);
        self.model.capabilities.theme = next;
        let name = theme::theme_name(next);
        let colours = self.model.capabilities.colours;
        let text = match colours {
            Colours::None => format!("Theme: {name}. Without colours all themes look the same."),
            Colours::Sixteen if next != crate::config::UiTheme::Terminal => {
                format!("Theme: {name}, in the terminal's own 16 colours.")
            }
            _ => format!("Theme: {name}."),
        };
        self.say(Tone::Plain, text);
    }

    pub(super) fn toggle_mouse(&mut self) {
        self.model.mouse = !self.model.mouse;
        let modes = if self.model.mouse {
            terminal::MOUSE_ON
        } else {
            terminal::MOUSE_OFF
        };
        self.effects.push(Effect::Send(modes.into()));
        let key = self.model.keymap.first(Command::ToggleMouse);
        let key = key.map_or("view.mouse".to_owned(), |k| k.to_string());
        let text = if self.model.mouse {
            format!("Mouse on: click tabs and rows, scroll; Shift selects text. {key} ends it.")
        } else {
            "Mouse off: it selects text again.".to_owned()
        };
        self.say(Tone::Plain, text);
    }

    pub(super) fn mouse(&mut self, event: MouseEvent) {
        if !self.model.mouse {
            // What was on its way when the mouse was given back.
            return;
        }
        let dialog = !self.model.dialogs.is_empty();
        match event.kind {
            MouseEventKind::ScrollDown if dialog => self.dialog_command(Command::DialogDown),
            MouseEventKind::ScrollUp if dialog => self.dialog_command(Command::DialogUp),
            MouseEventKind::ScrollDown => self.wheel(1),
            MouseEventKind::ScrollUp => self.wheel(-1),
            // A dialog is answered with keys: a stray click must not press a button.
            MouseEventKind::Down(MouseButton::Left) if !dialog => {
                match self.hits().at(event.column, event.row) {
                    Some(Target::Run(command)) => self.command(command),
                    Some(Target::Step(by)) if by != 0 => {
                        self.step(by);
                        self.model.dirty = true;
                    }
                    Some(Target::Step(_)) | None => {}
                }
            }
            _ => {}
        }
    }

    fn wheel(&mut self, direction: isize) {
        let rows = match self.model.screen {
            // Long lists and texts.
            Screen::Data | Screen::Validation | Screen::Comparison | Screen::Logs => 3,
            Screen::Home | Screen::Training | Screen::Approval | Screen::Runs => 1,
        };
        self.step(direction * rows);
        self.model.dirty = true;
    }

    /// Draws the screen once more, for what its places choose.
    fn hits(&self) -> Hits {
        let hits = Hits::default();
        let (w, h) = self.model.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, w, h));
        let canvas = Canvas::new(&mut buffer, self.model.glyphs(), self.model.theme());
        screens::view(self.model, &mut canvas.noting(&hits));
        hits
    }
}
