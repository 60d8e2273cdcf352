//! Rows that could not be read, with line and reason, one JSON object a line.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

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
}
