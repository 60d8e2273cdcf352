//! What a click chooses. The screens say it while they are drawn, so that what is clicked is what
//! is seen; nothing else of a screen's arithmetic has to be repeated.

use std::cell::RefCell;

use ratatui::layout::Rect;

use super::commands::Command;

/// What a click does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Runs a command that only looks.
    Run(Command),
    /// Moves the screen's cursor by so many rows.
    Step(isize),
}

/// The places of one frame and what they choose.
#[derive(Debug, Default)]
pub struct Hits(RefCell<Vec<(Rect, Target)>>);

impl Hits {
    /// Notes a place.
    pub fn note(&self, place: Rect, target: Target) {
        self.0.borrow_mut().push((place, target));
    }
    /// What a click at a place chooses; what was drawn last lies on top.
    pub fn at(&self, x: u16, y: u16) -> Option<Target> {
        let places = self.0.borrow();
        let found = places
            .iter()
            .rev()
            .find(|(place, _)| place.contains((x, y).into()));
        found.map(|(_, target)| *target)
    }
}
