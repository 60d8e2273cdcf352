//! Tables for people on stdout, and the cleaning of text that came from data.
//!
//! Column widths are measured in terminal cells, not bytes. Text from files is never trusted: an
//! escape sequence in a label must not move the cursor, and a reversing mark must not turn a word
//! around.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Which side a column is flushed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Removes what a terminal would act on: control characters, marks that change the direction of
/// writing, characters without width. Line ends and tabs become a blank.
pub fn clean_text(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\t' | '\r' => Some(' '),
            c if c.is_control() => None,
            // Direction marks, embeddings, overrides and isolates.
            '\u{200e}'
            | '\u{200f}'
            | '\u{061c}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => None,
            // Zero-width characters, the byte order mark, tags, interlinear marks, fillers.
            '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2065}'
            | '\u{feff}'
            | '\u{00ad}'
            | '\u{034f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}' => None,
            // Line and paragraph separators.
            '\u{2028}' | '\u{2029}' => Some(' '),
            c => Some(c),
        })
        .collect()
}

/// Cleans a text and shortens it to `width` cells, with `..` where something was cut.
pub fn fit(text: &str, width: usize) -> String {
    let text = clean_text(text);
    if text.width() <= width {
        return text;
    }
    let room = width.saturating_sub(2);
    let mut used = 0;
    let mut out = String::new();
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w > room {
            break;
        }
        used += w;
        out.push(c);
    }
    out.push_str(&".."[..width.min(2)]);
    out
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
                .map(|(h, a)| (clean_text(h.as_ref()), a))
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
            .map(|c| fit(c.as_ref(), self.widest_cell))
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
            .map(|(h, _)| fit(h, self.widest_cell))
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
        return whole(value);
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

/// A count with thousands separated by commas.
pub fn count(value: u64) -> String {
    whole(value as f64)
}

fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if value < 0.0 && digits != "0" {
        out.insert(0, '-');
    }
    out
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
    fn hostile_text_is_cleaned() {
        assert_eq!(
            clean_text("a\u{1b}[2Jb\u{202e}c\u{200b}d\ne\u{7f}\u{9b}"),
            "a[2Jbcd e"
        );
        assert_eq!(fit("abcdefgh", 5), "abc..");
        assert_eq!(fit("日本語", 5), "日..");
        assert_eq!(fit("abc", 1), ".");
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
        assert_eq!(count(125_973), "125,973");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_table(cells in prop::collection::vec(any::<String>(), 1..8), width in 1..20usize) {
            let mut t = TextTable::new([("a", Align::Left), ("b", Align::Right)]).widest_cell(width);
            for cell in &cells {
                t.row([cell.as_str(), "x"]);
                prop_assert!(fit(cell, width).width() <= width);
            }
            let text = t.render();
            prop_assert_eq!(text.lines().count(), cells.len() + 1);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
