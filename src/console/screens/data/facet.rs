//! The values of a column with their counts and shares, in place of the rows.

use super::percent;
use crate::console::browser::cell::MISSING;
use crate::console::browser::{Browser, FacetView};
use crate::console::canvas::Canvas;
use crate::console::layout::first_row;
use crate::console::theme::Tone;
use crate::text::{self, count};

/// Draws the values.
pub fn view(browser: &Browser, view: &FacetView, canvas: &mut Canvas<'_>) {
    let facet = &view.facet;
    let marks = canvas.glyphs.marks();
    let w = canvas.width();
    let widest = facet
        .values
        .iter()
        .map(|(v, _)| text::width(v.as_deref().unwrap_or(MISSING), marks))
        .chain([text::width(browser.name(facet.column), marks)])
        .max()
        .unwrap_or(0);
    let name = (widest.min(u16::MAX as usize) as u16).clamp(8, (w / 2).max(8));
    let rows_end = 3 + name + 14;
    let share_end = rows_end + 11;
    let bar = share_end + 2;
    canvas.put_in(3, 0, name, browser.name(facet.column), Tone::Cursor);
    canvas.put_right(rows_end, 0, "rows", Tone::Dim);
    canvas.put_right(share_end, 0, "share", Tone::Dim);
    let different = format!(
        "{}{} different values",
        if facet.exact { "" } else { "at least " },
        count(facet.distinct)
    );
    canvas.put_in(bar, 0, w.saturating_sub(bar + 1), &different, Tone::Dim);
    if facet.values.is_empty() {
        canvas.put(3, 1, "There are no rows to count.", Tone::Dim);
        return;
    }
    let shown = canvas
        .height()
        .saturating_sub(1 + u16::from(facet.others > 0)) as usize;
    let first = first_row(view.cursor, facet.values.len(), shown);
    let most = facet.values.first().map_or(1, |(_, n)| *n).max(1);
    let mut y = 1;
    for (i, (value, rows)) in facet.values.iter().enumerate().skip(first).take(shown) {
        let here = i == view.cursor;
        let tone = match (here, value) {
            (true, _) => Tone::Cursor,
            (false, None) => Tone::Dim,
            (false, Some(_)) => Tone::Plain,
        };
        if here {
            canvas.put(1, y, ">", Tone::Cursor);
        }
        let label = value.as_deref().unwrap_or(MISSING);
        // An empty text is a value and looks like none.
        let label = if label.is_empty() { "\"\"" } else { label };
        canvas.put_in(3, y, name, label, tone);
        canvas.put_right(rows_end, y, &count(*rows), tone);
        let share = *rows as f64 / facet.rows.max(1) as f64;
        canvas.put_right(share_end, y, &percent(share * 100.0), tone);
        let room = w.saturating_sub(bar + 1).min(40);
        bars(canvas, bar, y, room, *rows as f64 / most as f64);
        y += 1;
    }
    if facet.others > 0 {
        canvas.put_in(3, y, name, "other values", Tone::Dim);
        canvas.put_right(rows_end, y, &count(facet.others), Tone::Dim);
    }
}

/// A bar of `#`, at least one for what is there.
pub fn bars(canvas: &mut Canvas<'_>, x: u16, y: u16, room: u16, share: f64) {
    let cells = (share.clamp(0.0, 1.0) * f64::from(room)).round() as usize;
    let cells = cells.max(usize::from(share > 0.0 && room > 0));
    canvas.put_in(x, y, room, &"#".repeat(cells), Tone::First);
}
