//! Which columns of a text file hold numbers, when no schema says so.
//!
//! Decided by column and not by cell: a column in which `0.5` were a number and `0.50` a text
//! would be of no use to anybody who queries the collection.

use crate::source::SourceError;
use crate::source::header;
use crate::source::number;
use crate::source::rows::{Cell, RowConsumer};

/// Texts that stand for a missing value in columns of numbers, as schema inference has them.
const NULL_TEXTS: [&[u8]; 9] = [
    b"NA", b"N/A", b"#N/A", b"<NA>", b"NaN", b"nan", b"null", b"NULL", b"?",
];
/// A column is still one of numbers when at most one value in so many is none; such a value is
/// kept as text.
const STRAYS_ONE_IN: u64 = 100;

/// Whether a text means missing in a column of numbers.
pub(super) fn is_null_text(text: &[u8]) -> bool {
    // NaN is a number that BSON can hold.
    NULL_TEXTS.contains(&text) && !text.eq_ignore_ascii_case(b"nan")
}

/// A whole number with a leading zero, `007`: a code, whose digits all matter.
fn is_code(text: &[u8]) -> bool {
    matches!(text, [b'0', second, ..] if second.is_ascii_digit())
        && text.iter().all(u8::is_ascii_digit)
}

/// What was seen in a column.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    numbers: u64,
    strays: u64,
    codes: u64,
}

impl Seen {
    fn is_numeric(self) -> bool {
        self.numbers > 0
            && self.codes == 0
            && self.strays * STRAYS_ONE_IN <= self.numbers + self.strays
    }
}

/// The first look at the columns.
#[derive(Debug, Default)]
pub(super) struct Look {
    names: Vec<String>,
    seen: Vec<Seen>,
}

impl Look {
    /// The names of the columns of numbers.
    pub fn types(self) -> Vec<String> {
        self.names
            .into_iter()
            .zip(self.seen)
            .filter(|(_, seen)| seen.is_numeric())
            .map(|(name, _)| name)
            .collect()
    }
}

impl RowConsumer for Look {
    fn columns(&mut self, names: &[String], _complete: bool) -> Result<(), SourceError> {
        self.names = header::unique_names(names).0;
        self.seen.resize(names.len(), Seen::default());
        Ok(())
    }

    fn row(&mut self, _line: u64, cells: &[Cell<'_>]) -> Result<bool, SourceError> {
        for (seen, cell) in self.seen.iter_mut().zip(cells) {
            let Cell::Text(text) = cell else { continue };
            let text = text.trim_ascii();
            if text.is_empty() || is_null_text(text) {
            } else if is_code(text) {
                seen.codes += 1;
            } else if number::parse(text).is_some() {
                seen.numbers += 1;
            } else {
                seen.strays += 1;
            }
        }
        Ok(true)
    }

    fn broken(&mut self, _line: u64, _reason: String, _text: String) -> Result<bool, SourceError> {
        Ok(true)
    }

    fn wants_text(&self, _column: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(values: &[&str]) -> bool {
        let mut look = Look::default();
        look.columns(&["x".to_owned()], true).unwrap();
        for value in values {
            look.row(1, &[Cell::Text(value.as_bytes())]).unwrap();
        }
        !look.types().is_empty()
    }

    #[test]
    fn columns_of_numbers() {
        assert!(numeric(&[
            "1", "-2.50", "", "NA", "?", "Infinity", "NaN", "0", "0.5"
        ]));
        for values in [
            &["1", "tcp"][..],
            &["007", "12"],
            &["", ""],
            &["NA"],
            &["10.0.0.1"],
        ] {
            assert!(!numeric(values), "{values:?}");
        }
        let mut many = vec!["7"; 99];
        many.push("seven");
        assert!(numeric(&many));
        many.push("eight");
        assert!(!numeric(&many));
    }
}
