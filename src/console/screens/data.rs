//! Data: the rows of a run, a file or a collection.

use crate::console::canvas::Canvas;
use crate::console::layout::Room;
use crate::console::model::Model;

/// Draws the screen.
pub fn view(_model: &Model, canvas: &mut Canvas<'_>, _room: Room) {
    canvas.rule(0, "Data", "");
}
