//! Small things to draw that know nothing of the model.

mod confusion_matrix;
mod gauge;
mod line_plot;
mod table;
mod text_field;

pub use confusion_matrix::ConfusionMatrix;
pub use gauge::gauge;
pub use line_plot::{LinePlot, Series, XAxis, mean_by_step, y_axis};
pub use table::{Column, Table};
pub use text_field::TextField;

use super::canvas::Canvas;
use super::theme::Tone;

/// A button: `[ Yes ]` when it can be pressed, `( Yes )` when not, `>` before the one with the
/// focus. Returns the column after it.
pub fn button(
    canvas: &mut Canvas<'_>,
    x: u16,
    y: u16,
    label: &str,
    enabled: bool,
    focus: bool,
) -> u16 {
    let text = match enabled {
        true => format!("[ {label} ]"),
        false => format!("( {label} )"),
    };
    let tone = match (enabled, focus) {
        (_, true) => Tone::Cursor,
        (true, false) => Tone::Plain,
        (false, false) => Tone::Dim,
    };
    let x = canvas.put(x, y, if focus { ">" } else { " " }, Tone::Cursor);
    canvas.put(x, y, &text, tone)
}
