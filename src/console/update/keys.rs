//! Keys and pasted text: to the dialog on top, else to the command table.

use super::{Update, at_work};
use crate::console::commands::{self, Command};
use crate::console::dialogs::{Dialog, Reply};
use crate::console::jobs::{Job, JobKey};
use crate::console::keymap::Chord;
use crate::console::screens::capital;
use crate::console::theme::Tone;
use crossterm::event::{KeyEvent, KeyEventKind};

impl Update<'_> {
    pub(super) fn key(&mut self, key: KeyEvent) {
        // Some terminals report releases as well; a key acts once.
        if key.kind == KeyEventKind::Release {
            return;
        }
        let chord = Chord::of(&key);
        let dialog = self.model.dialogs.last_mut();
        if let Some(dialog) = dialog {
            if dialog.typed(chord) {
                self.model.dirty = true;
                return;
            }
            match self.model.keymap.in_dialog(chord) {
                Some(command) if commands::of(command).scope == commands::Scope::Dialog => {
                    self.dialog_command(command);
                }
                Some(command) => self.command(command),
                // The key that opened the help closes it.
                None if matches!(self.model.dialogs.last(), Some(Dialog::Help(_)))
                    && matches!(
                        self.model.keymap.on_screen(self.model.screen, chord),
                        Some(Command::Help | Command::Quit)
                    ) =>
                {
                    self.dialog_command(Command::DialogClose);
                }
                None => {}
            }
            return;
        }
        match self.model.keymap.on_screen(self.model.screen, chord) {
            Some(command) => self.command(command),
            None => {
                let help = self.model.keymap.first(Command::Help);
                let help = help.map_or("?".to_owned(), |k| k.to_string());
                let key = capital(&chord.to_string());
                self.say(
                    Tone::Plain,
                    format!("{key} means nothing here; {help} lists the keys."),
                );
            }
        }
    }

    /// A command that was chosen by name: to the dialog on top when it is one for dialogs.
    pub(super) fn chosen(&mut self, command: Command) {
        if commands::of(command).scope == commands::Scope::Dialog {
            self.dialog_command(command);
        } else {
            self.command(command);
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        let taken = self
            .model
            .dialogs
            .last_mut()
            .is_some_and(|d| d.pasted(text));
        self.model.dirty = true;
        if !taken {
            self.say(Tone::Plain, "Pasted text is ignored here.");
        }
    }

    pub(super) fn dialog_command(&mut self, command: Command) {
        self.model.dirty = true;
        let Some(mut dialog) = self.model.dialogs.pop() else {
            return;
        };
        match dialog.command(command, self.model) {
            Reply::Stay => self.model.dialogs.push(dialog),
            Reply::Close => {
                if let Dialog::Decision(decision) = &dialog
                    && self.model.session.view_only.is_none()
                {
                    self.submit(Job::LetGo(decision.run_id().clone()));
                }
            }
            Reply::Find(screen, text) => self.narrow(screen, text),
            Reply::Data(reply) => self.data_reply(reply),
            Reply::DataStay(reply) => {
                self.model.dialogs.push(dialog);
                self.data_reply(reply);
            }
            Reply::Run(command) => self.command(command),
            Reply::Keep(job) => {
                self.model.dialogs.push(dialog);
                self.say(Tone::Busy, at_work(&job));
                self.submit(job);
            }
            Reply::Do(job) => {
                if let Some(why) = self.model.session.view_only.clone() {
                    self.say(Tone::Warn, format!("Not done: {why}."));
                } else if self.model.jobs.busy(JobKey::Action) {
                    self.say(Tone::Warn, "Not done: the last action is still at work.");
                } else {
                    self.say(Tone::Busy, at_work(&job));
                    self.submit(job);
                }
            }
        }
    }
}
