//! A table with a `>` for the cursor. Columns that do not fit are left out from the right.

use crate::console::canvas::Canvas;
use crate::console::hits::Target;
use crate::console::layout::first_row;
use crate::console::theme::Tone;

/// A column: its heading, its width, and whether it is flush right.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The heading.
    pub title: &'static str,
    /// Columns on the screen; the last column of the table takes what is left.
    pub width: u16,
    /// Flush right, for figures.
    pub right: bool,
}

impl Column {
    /// A column flush left.
    pub const fn left(title: &'static str, width: u16) -> Self {
        Self {
            title,
            width,
            right: false,
        }
    }
    /// A column flush right.
    pub const fn right(title: &'static str, width: u16) -> Self {
        Self {
            title,
            width,
            right: true,
        }
    }
}

/// The rows to draw.
pub struct Table<'a> {
    /// Columns.
    pub columns: &'a [Column],
    /// Cells with their tone, row by row.
    pub rows: Vec<Vec<(String, Tone)>>,
    /// The row under the cursor.
    pub cursor: Option<usize>,
    /// Whether to draw the headings.
    pub headings: bool,
}

impl Table<'_> {
    /// Draws the table; returns the rows used.
    pub fn view(&self, canvas: &mut Canvas<'_>) -> u16 {
        let mut y = 0;
        if self.headings {
            self.row(canvas, y, |c| (c.title, Tone::Dim));
            y += 1;
        }
        let visible = canvas.height().saturating_sub(y) as usize;
        let first = self
            .cursor
            .map_or(0, |c| first_row(c, self.rows.len(), visible));
        for (i, row) in self.rows.iter().enumerate().skip(first).take(visible) {
            let mut cells = row.iter();
            self.row(canvas, y, |_| {
                cells
                    .next()
                    .map_or(("", Tone::Plain), |(text, tone)| (text.as_str(), *tone))
            });
            if let Some(cursor) = self.cursor {
                let way = i as isize - cursor as isize;
                canvas.hit(0, y, canvas.width(), 1, Target::Step(way));
            }
            if self.cursor == Some(i) {
                canvas.put(1, y, ">", Tone::Cursor);
            }
            y += 1;
        }
        y
    }

    fn row<'s>(
        &'s self,
        canvas: &mut Canvas<'_>,
        y: u16,
        mut cell: impl FnMut(&'s Column) -> (&'s str, Tone),
    ) {
        let mut x = 3;
        for (i, column) in self.columns.iter().enumerate() {
            let (text, tone) = cell(column);
            let left = canvas.width().saturating_sub(x);
            let last = i + 1 == self.columns.len();
            let width = if last {
                left.saturating_sub(1)
            } else {
                column.width
            };
            if width > left || (last && width < 4) {
                return;
            }
            if column.right {
                let clean = crate::text::fit(text, width as usize, canvas.glyphs.marks());
                let end = x + column.width.min(width);
                canvas.put_right(end, y, &clean, tone);
            } else {
                canvas.put_in(x, y, width, text, tone);
            }
            x += width + 1;
        }
    }
}
