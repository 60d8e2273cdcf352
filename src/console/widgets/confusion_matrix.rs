//! A confusion matrix in shares of the truth, with the counts of each class.

use crate::console::canvas::Canvas;
use crate::console::theme::Tone;
use crate::text::{self, count};

/// The matrix: rows are the truth, columns the prediction.
pub struct ConfusionMatrix<'a> {
    /// Class names.
    pub classes: &'a [String],
    /// Counts.
    pub counts: &'a [Vec<u64>],
    /// Counts of another model on the same rows: then changes in points are shown.
    pub before: Option<&'a [Vec<u64>]>,
}

/// Columns of a share: `100.0` and a blank, without the blank where room is scarce.
const CELLS: [u16; 2] = [6, 5];

impl ConfusionMatrix<'_> {
    /// Draws every class where there is room, else the first ones.
    pub fn view(&self, canvas: &mut Canvas<'_>) {
        let width = canvas.width();
        let totals = self.counts.iter().map(|row| count(row.iter().sum()).len());
        let counts = totals.max().unwrap_or(0) as u16 + 1;
        // Every class comes before long names and wide cells.
        let classes = self.classes.len().min(1000) as u16;
        let all = |cell: u16, names: u16| names + counts + 2 + cell * classes <= width;
        let (cell, names) = CELLS
            .into_iter()
            .find_map(|cell| {
                let names = (6..=14).rev().find(|names| all(cell, *names))?;
                Some((cell, names))
            })
            .unwrap_or((CELLS[1], 6));
        let fits = (width.saturating_sub(names + counts + 2) / cell) as usize;
        let shown = fits.min(self.classes.len());
        let heading = match names + counts {
            16.. => "true \\ predicted",
            11.. => "true \\ pred",
            _ => "true",
        };
        canvas.put_in(1, 0, names + counts, heading, Tone::Dim);
        let column = |c: usize| names + counts + 2 + cell * c as u16;
        let marks = canvas.glyphs.marks();
        for (c, class) in self.classes.iter().take(shown).enumerate() {
            let name = text::fit(class, cell as usize - 1, marks);
            canvas.put_right(column(c) + cell, 0, &name, Tone::Dim);
        }
        for (r, row) in self.counts.iter().enumerate() {
            let y = r as u16 + 1;
            if y >= canvas.height() {
                return;
            }
            let Some(class) = self.classes.get(r) else {
                return;
            };
            let all: u64 = row.iter().sum();
            canvas.put_in(1, y, names, class, Tone::Plain);
            canvas.put_right(names + counts + 1, y, &count(all), Tone::Dim);
            for (c, &n) in row.iter().take(shown).enumerate() {
                let share = percent(n, all);
                let before = self.before.and_then(|b| {
                    let row = b.get(r)?;
                    percent(*row.get(c)?, row.iter().sum())
                });
                let text = match (self.before.is_some(), share, before) {
                    (false, Some(share), _) if n > 0 => format!("{share:.1}"),
                    (true, Some(share), Some(before)) if (share - before).abs() >= 0.05 => {
                        format!("{:+.1}", share - before)
                    }
                    _ => ".".to_owned(),
                };
                // Cells that touch read as one number.
                let text = match text.len() >= usize::from(cell) {
                    true => text.split('.').next().unwrap_or(".").to_owned(),
                    false => text,
                };
                let tone = if r == c { Tone::Title } else { Tone::Plain };
                canvas.put_right(column(c) + cell, y, &text, tone);
            }
        }
    }
}

fn percent(n: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| n as f64 / of as f64 * 100.0)
}
