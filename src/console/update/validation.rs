//! What the Validate screen's commands do.

use super::Update;
use crate::console::commands::Screen;

impl Update<'_> {
    pub(super) fn go_validation(&mut self) {
        self.model.screen = Screen::Validation;
    }

    pub(super) fn step_validation(&mut self, _by: isize) {}
}
