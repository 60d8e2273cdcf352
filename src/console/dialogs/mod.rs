//! Dialogs: a stack above the screen; keys go to the one on top. A dialog never writes anything
//! by itself, it answers with a [`Reply`] that `update` turns into a job.

mod acknowledge;
mod confirm;
mod data;
mod decision;
mod find;
mod help;
mod notice;
mod palette;
mod start;
mod takeover;
mod told;

pub use acknowledge::Acknowledge;
pub use confirm::{Confirm, Purpose};
pub use data::{DataDialog, DataReply};
pub use decision::Decision;
pub use find::Find;
pub use help::Help;
pub use notice::Notice;
pub use palette::Palette;
pub use start::StartForm;
pub use takeover::TakeOver;
pub use told::{Part, PartKind, Told, drawn, lines_of};

use super::canvas::Canvas;
use super::commands::{Command, Screen};
use super::jobs::Job;
use super::keymap::Chord;
use super::layout;
use super::model::Model;

/// A dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum Dialog {
    /// Keys.
    Help(Help),
    /// Commands by name.
    Palette(Palette),
    /// The text a list is narrowed to.
    Find(Find),
    /// One of the Data screen.
    Data(DataDialog),
    /// A question with two buttons, and perhaps a field.
    Confirm(Confirm),
    /// Take note of a problem.
    Acknowledge(Acknowledge),
    /// The settings of a new run.
    Start(Box<StartForm>),
    /// Somebody else has the run in hand.
    TakeOver(TakeOver),
    /// Approve or reject a plan.
    Decision(Box<Decision>),
    /// Something to read: a receipt, an error.
    Notice(Notice),
}

/// What a dialog wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing; it stays.
    Stay,
    /// It closes.
    Close,
    /// It closes and this job starts.
    Do(Job),
    /// It stays and this job starts; what it brings closes the dialog or is shown in it.
    Keep(Job),
    /// It closes and the list of the screen is narrowed to what contains this.
    Find(Screen, String),
    /// It closes and the Data screen does this.
    Data(DataReply),
    /// It stays and the Data screen does this.
    DataStay(DataReply),
    /// It closes and this command runs.
    Run(Command),
}

impl Dialog {
    /// Takes a command of the dialog scope.
    pub fn command(&mut self, command: Command, model: &Model) -> Reply {
        if command == Command::DialogClose {
            return Reply::Close;
        }
        match self {
            Dialog::Help(d) => d.command(command, model),
            Dialog::Palette(d) => d.command(command, model),
            Dialog::Find(d) => d.command(command),
            Dialog::Data(d) => d.command(command),
            Dialog::Confirm(d) => d.command(command),
            Dialog::Acknowledge(d) => d.command(command),
            Dialog::Start(d) => d.command(command, model),
            Dialog::TakeOver(d) => d.command(command, model),
            Dialog::Decision(d) => d.command(command, model),
            Dialog::Notice(d) => d.command(command),
        }
    }
    /// Offers a key to the field with the focus; returns whether the field took it.
    pub fn typed(&mut self, chord: Chord) -> bool {
        match self {
            Dialog::Help(_) | Dialog::Notice(_) | Dialog::Confirm(_) => false,
            Dialog::Palette(d) => d.typed(chord),
            Dialog::Find(d) => d.typed(chord),
            Dialog::Data(d) => d.typed(chord),
            Dialog::Acknowledge(d) => d.typed(chord),
            Dialog::Start(d) => d.typed(chord),
            Dialog::TakeOver(d) => d.typed(chord),
            Dialog::Decision(d) => d.typed(chord),
        }
    }
    /// Offers pasted text to the field with the focus; returns whether it was taken.
    pub fn pasted(&mut self, text: &str) -> bool {
        match self {
            // What confirms a takeover is typed by hand.
            Dialog::Help(_) | Dialog::Notice(_) | Dialog::Confirm(_) | Dialog::TakeOver(_) => false,
            Dialog::Palette(d) => d.pasted(text),
            Dialog::Find(d) => d.pasted(text),
            Dialog::Data(d) => d.pasted(text),
            Dialog::Acknowledge(d) => d.pasted(text),
            Dialog::Start(d) => d.pasted(text),
            Dialog::Decision(d) => d.pasted(text),
        }
    }
    /// Draws it in the middle; returns where the cursor of its field stands.
    pub fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let (w, h) = (canvas.width(), canvas.height());
        let wanted = match self {
            Dialog::Help(d) => d.size(model, w, h),
            Dialog::Palette(d) => d.size(w, h),
            Dialog::Find(d) => d.size(w),
            Dialog::Data(d) => d.size(w, h),
            Dialog::Confirm(d) => d.size(w),
            Dialog::Acknowledge(d) => d.size(w),
            Dialog::Start(d) => d.size(w, h),
            Dialog::TakeOver(d) => d.size(model, w),
            Dialog::Decision(d) => d.size(model, w, h),
            Dialog::Notice(d) => d.size(w),
        };
        let place = layout::centred(w, h, wanted);
        // What peeks out beside a wide dialog is only noise.
        if place.width >= w / 5 * 4 {
            canvas.part(0, place.y, w, place.height).clear();
        }
        let mut part = canvas.part(place.x, place.y, place.width, place.height);
        match self {
            Dialog::Help(d) => d.view(model, &mut part),
            Dialog::Palette(d) => d.view(model, &mut part),
            Dialog::Find(d) => d.view(&mut part),
            Dialog::Data(d) => d.view(model, &mut part),
            Dialog::Confirm(d) => d.view(model, &mut part),
            Dialog::Acknowledge(d) => d.view(model, &mut part),
            Dialog::Start(d) => d.view(model, &mut part),
            Dialog::TakeOver(d) => d.view(model, &mut part),
            Dialog::Decision(d) => d.view(model, &mut part),
            Dialog::Notice(d) => d.view(&mut part),
        }
    }
}
