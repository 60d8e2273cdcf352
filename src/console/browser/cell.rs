//! What stands in a cell and how it is written for people: numbers with separators, text cut by
//! the canvas, a missing value in a word.

use crate::dataset::number_text;

/// Characters of a text that are kept for the screen; the whole cell is read again when somebody
/// asks for it.
pub const KEPT: usize = 256;

/// A cell of the rows that were read.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// No value.
    Missing,
    /// A number, as the source writes it.
    Number(String),
    /// Text, or the beginning of it.
    Text {
        /// At most [`KEPT`] characters.
        text: String,
        /// Bytes of the whole when this is only the beginning.
        whole: Option<usize>,
    },
}

impl Cell {
    /// A number.
    pub fn number(value: f64) -> Self {
        if value.is_nan() {
            Cell::Missing
        } else {
            Cell::Number(number_text(value))
        }
    }
    /// A text; a long one keeps its beginning.
    pub fn text(text: &str) -> Self {
        match text.char_indices().nth(KEPT) {
            None => Cell::Text {
                text: text.to_owned(),
                whole: None,
            },
            Some((at, _)) => Cell::Text {
                text: text[..at].to_owned(),
                whole: Some(text.len()),
            },
        }
    }
    /// What is drawn.
    pub fn shown(&self) -> String {
        match self {
            Cell::Missing => MISSING.to_owned(),
            Cell::Number(digits) => separated(digits),
            Cell::Text { text, .. } => text.clone(),
        }
    }
    /// What is copied and exported; `None` when only the beginning is here.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Cell::Missing => Some(""),
            Cell::Number(digits) => Some(digits),
            Cell::Text { text, whole: None } => Some(text),
            Cell::Text { .. } => None,
        }
    }
}

/// Stands for a missing value: a word, because an empty text is a value.
pub const MISSING: &str = "null";

/// A number with a comma every three digits before the point. What is no plain number (an
/// exponent, `inf`) stays as it is.
pub fn separated(digits: &str) -> String {
    let (sign, rest) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !fraction.is_none_or(plain) {
        return digits.to_owned();
    }
    let mut text = String::with_capacity(digits.len() + whole.len() / 3 + 1);
    text.push_str(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_stand_before_the_point_only() {
        for (digits, text) in [
            ("1379963888", "1,379,963,888"),
            ("-1234.56789", "-1,234.56789"),
            ("999", "999"),
            ("0.5", "0.5"),
            ("inf", "inf"),
            ("-inf", "-inf"),
            ("1e300", "1e300"),
            ("", ""),
            (".5", ".5"),
        ] {
            assert_eq!(separated(digits), text);
        }
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_says_so() {
        let long = "é".repeat(KEPT + 1);
        let cell = Cell::text(&long);
        assert_eq!(cell.plain(), None);
        assert_eq!(cell.shown().chars().count(), KEPT);
        assert!(matches!(cell, Cell::Text { whole: Some(n), .. } if n == 2 * (KEPT + 1)));
        assert_eq!(Cell::text("-").plain(), Some("-"));
        assert_eq!(Cell::number(f64::NAN), Cell::Missing);
        assert_eq!(Cell::number(2.0).shown(), "2");
    }
}
