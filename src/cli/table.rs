//! Tables for people on stdout.
//!
//! Column widths are measured in terminal cells, not bytes. Text from files is never trusted: an
//! escape sequence in a label must not move the cursor, and a reversing mark must not turn a word
//! around.

use unicode_width::UnicodeWidthStr;

use crate::text::{clean, clean_to, count};

/// Which side a column is flushed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table that is built row by row and printed once.
#[derive(Clone, Debug, Default)]
pub struct TextTable {
    headers: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
    widest_cell: usize,
}

impl TextTable {
    /// A table with these columns.
    pub fn new<S: AsRef<str>>(headers: impl IntoIterator<Item = (S, Align)>) -> Self {
        Self {
            headers: headers
                .into_iter()
                .map(|(h, a)| (clean(h.as_ref()), a))
                .collect(),
            rows: Vec::new(),
            widest_cell: 40,
        }
    }
    /// Shortens cells wider than this; 40 when not said.
    #[must_use]
    pub fn widest_cell(mut self, cells: usize) -> Self {
        self.widest_cell = cells.max(3);
        self
    }
    /// Adds a row; missing cells are empty, surplus ones dropped.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut row: Vec<String> = cells
            .into_iter()
            .take(self.headers.len())
            .map(|c| clean_to(c.as_ref(), self.widest_cell))
            .collect();
        row.resize(self.headers.len(), String::new());
        self.rows.push(row);
    }
    /// Whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// The text: a header line, the rows, two blanks between columns, no blanks at line ends.
    pub fn render(&self) -> String {
        let headers: Vec<String> = self
            .headers
            .iter()
            .map(|(h, _)| clean_to(h, self.widest_cell))
            .collect();
        let widths: Vec<usize> = (0..headers.len())
            .map(|i| {
                self.rows
                    .iter()
                    .map(|r| r[i].width())
                    .chain([headers[i].width()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&headers).chain(&self.rows) {
            let mut line = String::new();
            for (i, cell) in row.iter().enumerate() {
                if i > 0 {
                    line.push_str("  ");
                }
                let blanks = " ".repeat(widths[i].saturating_sub(cell.width()));
                match self.headers[i].1 {
                    Align::Left => {
                        line.push_str(cell);
                        line.push_str(&blanks);
                    }
                    Align::Right => {
                        line.push_str(&blanks);
                        line.push_str(cell);
                    }
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A number for people: whole numbers with thousands separated, others with at most six
/// significant digits.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return String::new();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == value.trunc() && value.abs() < 1e15 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(value.abs() as u64));
    }
    let size = value.abs();
    if !(1e-4..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let digits = (5 - size.log10().floor() as i32).clamp(0, 8) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_line_up_by_cells() {
        let mut t = TextTable::new([("name", Align::Left), ("rows", Align::Right)]);
        t.row(["ab", "7"]);
        t.row(["日本", "1,234"]);
        assert_eq!(t.render(), "name   rows\nab        7\n日本  1,234\n");
    }

    #[test]
    fn numbers_for_people() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1234567.0, "1,234,567"),
            (-1000.0, "-1,000"),
            (0.5, "0.5"),
            (19.504_060_394, "19.5041"),
            (123_456.789, "123457"),
            (1.0e-9, "1.000e-9"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_table(cells in prop::collection::vec(any::<String>(), 1..8), width in 1..20usize) {
            let mut t = TextTable::new([("a", Align::Left), ("b", Align::Right)]).widest_cell(width);
            for cell in &cells {
                t.row([cell.as_str(), "x"]);
                prop_assert!(clean_to(cell, width).width() <= width);
            }
            let text = t.render();
            prop_assert_eq!(text.lines().count(), cells.len() + 1);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
