//! What the readers of the formats say to those who collect rows.

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::SourceError;
use super::report::CoercionKind;
use crate::learners::{FitControl, StopRequest};

/// One cell as the format gives it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    /// Not there, `null`.
    Missing,
    /// A number of a typed format.
    Number(f64),
    /// A truth value of a typed format.
    Truth(bool),
    /// Text: a CSV field, a JSON or Parquet string, or a number that must stay exact.
    Text(&'a [u8]),
    /// A value of a type that a table does not have (a date, an id) as text, and what reading it
    /// so is called.
    Made(CoercionKind, &'a [u8]),
    /// A value that cannot stand in a table; says what it is.
    Nested(&'static str),
}

/// Tells the name a row has in its source (a document's `_id`); asked only when it is reported.
pub(super) type RowName<'a> = &'a dyn Fn() -> Option<String>;

/// Collects rows. The readers call `columns` before the first row, and again when a format
/// without a header (NDJSON) shows new names.
pub(super) trait RowConsumer {
    /// The names of the columns so far, in the order of the cells. `complete`: no more will come.
    fn columns(&mut self, names: &[String], complete: bool) -> Result<(), SourceError>;
    /// A row; `cells` may be shorter than the names (missing at the end). Returns whether to go on.
    fn row(&mut self, line: u64, cells: &[Cell<'_>]) -> Result<bool, SourceError>;
    /// A row that is broken already. Returns whether to go on.
    fn broken(&mut self, line: u64, reason: String, text: String) -> Result<bool, SourceError>;
    /// A row that has a name of its own in the source.
    fn named_row(
        &mut self,
        line: u64,
        cells: &[Cell<'_>],
        _name: RowName<'_>,
    ) -> Result<bool, SourceError> {
        self.row(line, cells)
    }
    /// A broken row that has a name of its own, as far as it could be read.
    fn named_broken(
        &mut self,
        line: u64,
        reason: String,
        text: String,
        _name: RowName<'_>,
    ) -> Result<bool, SourceError> {
        self.broken(line, reason, text)
    }
    /// Whether the reader may read a column as text already (so that large whole numbers stay
    /// exact) or must as numbers.
    fn wants_text(&self, column: &str) -> bool;
}

/// Reports progress and looks for the operator's wish now and then.
pub(super) struct Watch<'a> {
    /// The file, for errors.
    pub path: &'a Path,
    progress: &'a dyn Fn(u64, Option<u64>),
    control: &'a FitControl,
    rows: u64,
}

impl<'a> Watch<'a> {
    /// Watches the reading of a file.
    pub fn new(
        path: &'a Path,
        progress: &'a dyn Fn(u64, Option<u64>),
        control: &'a FitControl,
    ) -> Self {
        Self {
            path,
            progress,
            control,
            rows: 0,
        }
    }
    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }
    /// Counts a row. The rows expected are estimated from the bytes read.
    pub fn row(&mut self, size: u64, consumed: &AtomicU64) -> Result<(), SourceError> {
        self.rows += 1;
        if self.rows.is_multiple_of(4096) {
            let consumed = consumed.load(Ordering::Relaxed).clamp(1, size.max(1));
            let of = (self.rows as f64 * size as f64 / consumed as f64) as u64;
            self.say(Some(of.max(self.rows)))?;
        }
        Ok(())
    }
    /// Counts a row of a file whose number of rows is known.
    pub fn row_of(&mut self, of: u64) -> Result<(), SourceError> {
        self.rows += 1;
        if self.rows.is_multiple_of(4096) {
            self.say(Some(of))?;
        }
        Ok(())
    }
    /// The end: all rows are read.
    pub fn finished(&self) -> Result<(), SourceError> {
        self.say(Some(self.rows))
    }
    /// Reports and looks for the operator's wish.
    pub fn say(&self, of: Option<u64>) -> Result<(), SourceError> {
        if self.control.stop() == StopRequest::Now {
            return Err(SourceError::Cancelled);
        }
        (self.progress)(self.rows, of);
        Ok(())
    }
}

/// Decodes a field: UTF-8, else Windows-1252 (`true` beside it). `None` when it holds a zero byte
/// or one of the five bytes Windows-1252 leaves undefined: then nobody can say what it means.
pub(super) fn decode(bytes: &[u8]) -> Option<(Cow<'_, str>, bool)> {
    if bytes.contains(&0) {
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some((Cow::Borrowed(text), false)),
        Err(_) => {
            if bytes
                .iter()
                .any(|b| matches!(b, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d))
            {
                return None;
            }
            let (text, _, _) = encoding_rs::WINDOWS_1252.decode(bytes);
            Some((text, true))
        }
    }
}

/// Bytes for people: decoded as well as can be.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    decode(bytes).map_or_else(|| String::from_utf8_lossy(bytes), |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_utf8_then_windows_1252() {
        assert_eq!(
            decode("caf\u{e9}".as_bytes()),
            Some(("caf\u{e9}".into(), false))
        );
        assert_eq!(
            decode(b"Web \x96 XSS"),
            Some(("Web \u{2013} XSS".into(), true))
        );
        assert_eq!(decode(b"a\x81b"), None);
        assert_eq!(decode(b"a\0b"), None);
    }
}
