//! The rows themselves: headings, row numbers, the bar right of what stands still, the cells.

use crate::console::browser::Browser;
use crate::console::browser::cell::Cell;
use crate::console::browser::grid::{self, Areas};
use crate::console::canvas::Canvas;
use crate::console::theme::Tone;
use crate::text;

/// Draws headings and rows.
pub fn view(browser: &Browser, areas: &Areas, canvas: &mut Canvas<'_>) {
    let Some(opened) = &browser.opened else {
        return;
    };
    let placed = browser.columns(areas.width);
    let marks = canvas.glyphs.marks();
    // The same in every glyph set: it is not the line of the pane.
    let bar = '|';
    let numbers = grid::number_width(browser.all_rows());
    canvas.put_right(numbers, 0, "row", Tone::Dim);
    for p in &placed.placed {
        let Some(head) = opened.columns.get(p.column) else {
            continue;
        };
        let here = p.at == browser.view.col;
        let tone = if here { Tone::Cursor } else { Tone::Dim };
        let name = text::fit(&head.name, p.width as usize, marks);
        let x = match head.numeric {
            true => canvas.put_right(p.x + p.width, 0, &name, tone),
            false => {
                canvas.put_in(p.x, 0, p.width, &name, tone);
                p.x
            }
        };
        if here {
            canvas.put(x.saturating_sub(1), 0, ">", Tone::Cursor);
        }
    }
    canvas.dot(placed.bar, 0, bar, Tone::Dim);
    let rows = browser.rows();
    if rows == 0 {
        let text = match (browser.all_rows(), browser.view.condition().is_empty()) {
            (0, _) => "This table has no rows.",
            (_, false) => "No row satisfies this; u goes back, / changes the filter.",
            (_, true) => "There are no rows.",
        };
        canvas.put(3, 2, text, Tone::Dim);
        return;
    }
    for y in 0..areas.rows {
        let row = browser.painted + u64::from(y);
        if row >= rows {
            break;
        }
        let here = row == browser.view.row;
        let line = y + 1;
        if here {
            canvas.put(0, line, ">", Tone::Cursor);
        }
        canvas.dot(placed.bar, line, bar, Tone::Dim);
        let Some(number) = browser.window.number(row) else {
            continue;
        };
        let tone = if here { Tone::Cursor } else { Tone::Dim };
        canvas.put_right(numbers, line, &number.to_string(), tone);
        for p in &placed.placed {
            let Some(cell) = browser.window.cell(row, p.column) else {
                continue;
            };
            let tone = match (here && p.at == browser.view.col, cell) {
                (true, _) => Tone::Cursor,
                (false, Cell::Missing) => Tone::Dim,
                (false, _) => Tone::Plain,
            };
            let shown = text::fit(&cell.shown(), p.width as usize, marks);
            match cell {
                Cell::Number(_) => drop(canvas.put_right(p.x + p.width, line, &shown, tone)),
                Cell::Missing if opened.columns.get(p.column).is_some_and(|c| c.numeric) => {
                    canvas.put_right(p.x + p.width, line, &shown, tone);
                }
                Cell::Missing | Cell::Text { .. } => {
                    canvas.put_in(p.x, line, p.width, &shown, tone);
                }
            }
        }
    }
}
