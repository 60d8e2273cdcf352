//! Lines made of pieces with a tone each, and small pictures in characters.

use crate::console::canvas::Canvas;
use crate::console::glyphs::Glyphs;
use crate::console::theme::Tone;
use crate::text::{self, Marks};

/// A line.
pub(super) type Line = Vec<(String, Tone)>;

/// A line of one piece.
pub(super) fn line(text: impl Into<String>, tone: Tone) -> Line {
    vec![(text.into(), tone)]
}

/// A text over several lines.
pub(super) fn wrapped(text: &str, width: usize, marks: Marks, tone: Tone) -> Vec<Line> {
    text::wrap(text, width, marks)
        .into_iter()
        .map(|l| line(l, tone))
        .collect()
}

/// Draws lines from the top, a column in.
pub(super) fn draw(canvas: &mut Canvas<'_>, lines: &[Line]) {
    let width = canvas.width();
    for (y, pieces) in lines.iter().take(canvas.height() as usize).enumerate() {
        let mut x = 1;
        for (text, tone) in pieces {
            let room = width.saturating_sub(x + 1);
            if room == 0 {
                break;
            }
            x = canvas.put_in(x, y as u16, room, text, *tone);
        }
    }
}

/// A text in exactly `width` columns.
pub(super) fn padded(text: &str, width: usize, marks: Marks) -> String {
    let cut = text::fit(text, width, marks);
    let used = text::width(&cut, marks);
    cut + &" ".repeat(width.saturating_sub(used))
}

/// A text flush right in `width` columns.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{text:>width$}")
}

/// A bar for a share of the largest share.
pub(super) fn bar(share: f64, largest: f64, width: usize) -> String {
    if !(share > 0.0 && largest > 0.0) {
        return " ".repeat(width);
    }
    let cells = ((share / largest).min(1.0) * width as f64).round().max(1.0) as usize;
    let cells = cells.min(width);
    "#".repeat(cells) + &" ".repeat(width - cells)
}

/// Values as one character each, from zero to `top`.
pub(super) fn sparkline(values: &[f64], top: f64, glyphs: Glyphs) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
    let set = match glyphs {
        Glyphs::Ascii => ASCII,
        Glyphs::Braille | Glyphs::Block => BLOCKS,
    };
    let step = |v: &f64| {
        let share = if top > 0.0 && v.is_finite() {
            (v / top).clamp(0.0, 1.0)
        } else {
            0.0
        };
        set[((share * 8.0) as usize).min(7)]
    };
    values.iter().map(step).collect()
}

/// A share as per cent in six columns.
pub(super) fn percent(part: u64, of: u64) -> String {
    if of == 0 {
        return "-".to_owned();
    }
    format!("{:.1} %", 100.0 * part as f64 / of as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stay_in_their_width() {
        assert_eq!(bar(0.5, 1.0, 4), "##  ");
        assert_eq!(bar(0.001, 1.0, 4), "#   ");
        assert_eq!(bar(0.0, 1.0, 4), "    ");
        assert_eq!(bar(9.0, 1.0, 4), "####");
        assert_eq!(bar(f64::NAN, 1.0, 2), "  ");
        assert_eq!(sparkline(&[0.0, 0.1, 0.2], 0.2, Glyphs::Ascii), "_=#");
        assert_eq!(sparkline(&[f64::NAN, 5.0], 0.2, Glyphs::Block), "▁█");
        assert_eq!(padded("abcdef", 4, Marks::ASCII).len(), 4);
        assert_eq!(padded("a", 4, Marks::UTF8), "a   ");
    }
}
