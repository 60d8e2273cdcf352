//! What the Data screen's commands do.

use super::Update;
use crate::console::commands::Screen;

impl Update<'_> {
    pub(super) fn go_data(&mut self) {
        self.model.screen = Screen::Data;
    }

    pub(super) fn step_data(&mut self, _by: isize) {}
}
