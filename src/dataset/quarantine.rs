//! Rows that could not be read, with line and reason, one JSON object a line.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::text::count;

/// A row set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedRow {
    /// Its position among the rows of the source, from 0.
    pub row: u64,
    /// The line it begins on, from 1 (Parquet, MongoDB: the row, from 1).
    pub line: u64,
    /// The `_id` of the document, as far as it could be read; files have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why it could not be read; names the column where there is one.
    pub reason: String,
    /// The beginning of the row as it stands in the source.
    pub text: String,
}

impl QuarantinedRow {
    /// Where it stands, for people: `line 7`, or `_id 65f0..`.
    pub fn place(&self) -> String {
        match &self.id {
            Some(id) => format!("_id {id}"),
            None => format!("line {}", self.line),
        }
    }
}

/// Writes the rows as NDJSON, atomically; an empty list makes an empty file.
pub fn write_quarantine(path: &Path, rows: &[QuarantinedRow]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut bytes, row)?;
        bytes.push(b'\n');
    }
    crate::files::write_atomic(path, &bytes)
}

/// Reads the rows back.
pub fn read_quarantine(path: &Path) -> io::Result<Vec<QuarantinedRow>> {
    std::fs::read_to_string(path)?
        .lines()
        .map(|line| serde_json::from_str(line).map_err(io::Error::from))
        .collect()
}

/// What is said of documents that cannot be read, of which `quarantine` holds the first.
pub fn unreadable_documents(quarantine: &[QuarantinedRow], unreadable: u64) -> Option<String> {
    let first = quarantine.first()?;
    let id = match &first.id {
        Some(id) => format!("with the _id {id}"),
        None => format!("at position {}", count(first.row + 1)),
    };
    let (documents, are) = match unreadable {
        1 => ("1 document".to_owned(), "is"),
        n => (format!("{} documents", count(n)), "are"),
    };
    Some(format!(
        "{documents} cannot be read and {are} left out, the first {id}: {}",
        first.reason
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_rows_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("quarantine.ndjson");
        let rows = vec![
            QuarantinedRow {
                row: 3,
                line: 5,
                id: None,
                reason: "2 fields, expected 3".to_owned(),
                text: "a,\"b\nc".to_owned(),
            },
            QuarantinedRow {
                row: 9,
                line: 12,
                id: Some("65f0c0ffee0000000000000a".to_owned()),
                reason: "column `x`: `\u{e9}` is not a number".to_owned(),
                text: String::new(),
            },
        ];
        write_quarantine(&path, &rows).unwrap();
        assert_eq!(read_quarantine(&path).unwrap(), rows);
        write_quarantine(&path, &[]).unwrap();
        assert!(read_quarantine(&path).unwrap().is_empty());
    }

    #[test]
    fn documents_that_cannot_be_read_are_said_with_their_id() {
        assert_eq!(unreadable_documents(&[], 0), None);
        let row = |id: Option<&str>| QuarantinedRow {
            row: 4,
            line: 5,
            id: id.map(str::to_owned),
            reason: "`x` holds an array".to_owned(),
            text: String::new(),
        };
        assert_eq!(
            unreadable_documents(&[row(Some("65ab")), row(None)], 2).unwrap(),
            "2 documents cannot be read and are left out, the first with the _id 65ab: `x` holds \
             an array"
        );
        assert!(
            unreadable_documents(&[row(None)], 1)
                .unwrap()
                .contains("1 document cannot be read and is")
        );
    }
}
