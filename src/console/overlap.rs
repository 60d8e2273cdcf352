//! For tests: notices text that is written over other text, which no reader could tell from a
//! defect. What is cleared, a box or the ground under a dialog, may be written again, and so may
//! a cell that holds the very same character; what begins with a blank covers on purpose.

use std::cell::RefCell;
use std::collections::HashSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

thread_local! {
    /// Cells that text was written to; `None` while nobody asks.
    static INK: RefCell<Option<HashSet<(u16, u16)>>> = const { RefCell::new(None) };
    static FOUND: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Runs a drawing and returns what it wrote over text.
pub fn watch<T>(draw: impl FnOnce() -> T) -> (T, Vec<String>) {
    INK.set(Some(HashSet::new()));
    FOUND.take();
    let drawn = draw();
    INK.set(None);
    (drawn, FOUND.take())
}

/// A part is blank again.
pub fn forget(area: Rect) {
    INK.with_borrow_mut(|ink| {
        if let Some(ink) = ink {
            ink.retain(|at| !area.contains((*at).into()));
        }
    });
}

/// Text comes to a place.
pub fn text(buffer: &Buffer, (x, y): (u16, u16), text: &str) {
    INK.with_borrow_mut(|ink| {
        let Some(ink) = ink else { return };
        let covers = text.starts_with(' ');
        for (i, c) in text.chars().enumerate() {
            let at = (x.saturating_add(i as u16), y);
            let Some(cell) = buffer.cell(at) else { return };
            let other = cell.symbol() != " " && !cell.symbol().starts_with(c);
            if c != ' ' && other && !covers && !ink.insert(at) {
                FOUND.with_borrow_mut(|found| {
                    found.push(format!("{text:?} at {x},{y} over {:?}", cell.symbol()));
                });
                return;
            }
            if c != ' ' {
                ink.insert(at);
            }
        }
    });
}

mod tests {
    use super::*;
    use crate::console::canvas::Canvas;
    use crate::console::glyphs::Glyphs;
    use crate::console::theme::{Colours, Theme, Tone};

    #[test]
    fn text_over_text_is_noticed_and_what_was_cleared_is_free() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 4));
        let theme = Theme::terminal(Colours::Sixteen);
        let mut canvas = Canvas::new(&mut buffer, Glyphs::Braille, theme);
        let mut put = |x, text: &str, clear: bool| {
            if clear {
                canvas.clear();
            }
            canvas.put(x, 1, text, Tone::Plain);
        };
        let (_, found) = watch(|| {
            put(0, "first", false);
            put(6, "second", false);
            put(0, "fi", false);
            put(8, " covers", false);
        });
        assert_eq!(found, Vec::<String>::new());
        let (_, found) = watch(|| {
            put(0, "first", true);
            put(3, "second", false);
        });
        assert_eq!(found.len(), 1, "{found:?}");
        let (_, found) = watch(|| {
            put(0, "first", true);
            put(3, "second", true);
        });
        assert_eq!(found, Vec::<String>::new());
    }
}
