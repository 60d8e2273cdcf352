//! Rows that could not be read, with line and reason, one JSON object a line.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A row set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedRow {
    /// Its position among the rows of the source, from 0.
    pub row: u64,
    /// The line it begins on, from 1 (Parquet: the row, from 1).
    pub line: u64,
    /// Why it could not be read; names the column where there is one.
    pub reason: String,
    /// The beginning of the row as it stands in the source.
    pub text: String,
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
                reason: "2 fields, expected 3".to_owned(),
                text: "a,\"b\nc".to_owned(),
            },
            QuarantinedRow {
                row: 9,
                line: 12,
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
