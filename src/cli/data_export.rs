//! `netsec data --export`: writes the rows that were found to a file, by the exporter of the
//! console's Data screen.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::output;
use crate::browse::{Cancel, Format, Selection, Table};
use crate::error::CommandError;
use crate::text::{clean, count};

/// Where to write and what.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
    format: Format,
}

impl Target {
    /// Checks the name before anything is read.
    ///
    /// # Errors
    /// Kind `Usage` when the ending says no format, `Refused` when the file is there already and
    /// may not be replaced.
    pub fn new(path: &Path, overwrite: bool) -> Result<Self, CommandError> {
        let shown = path.display();
        let format = Format::of(path).ok_or_else(|| {
            CommandError::usage(format!("--export: the ending of {shown} says no format"))
                .hint("Name it .csv, .parquet or .ndjson.")
        })?;
        if path.is_dir() {
            return Err(CommandError::usage(format!(
                "--export: {shown} is a folder"
            )));
        }
        if path.exists() && !overwrite {
            return Err(CommandError::refused(format!("{shown} is there already"))
                .hint("Give it another name, or add --overwrite."));
        }
        Ok(Self {
            path: path.to_owned(),
            format,
        })
    }
}

/// Writes the rows of a selection and says so.
///
/// Ctrl-C needs no handling: what is half written has no name and goes with the process.
pub(super) fn write(
    target: &Target,
    table: &Table,
    rows: &Selection,
    columns: &[usize],
    json: bool,
) -> Result<(), CommandError> {
    let place = (target.path.as_path(), target.format);
    let written = table.export(rows, columns, place, &Cancel::new(), &|_, _| {})?;
    let bytes = std::fs::metadata(&target.path).map_or(0, |m| m.len());
    if json {
        return output::write_json(&json!({
            "source": table.title(),
            "rows": rows.of(),
            "written": written,
            "columns": columns.len(),
            "path": target.path,
            "bytes": bytes,
        }));
    }
    output::say!(
        "{} rows, {} columns written to {} ({} bytes)",
        count(written),
        columns.len(),
        clean(&target.path.display().to_string()),
        count(bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Frame;
    use crate::error::ErrorKind;

    #[test]
    fn names_are_checked_first() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("x.csv");
        std::fs::write(&there, "").unwrap();
        let kind = |path: &Path, overwrite| Target::new(path, overwrite).map_err(|e| e.kind);
        assert_eq!(kind(&there, false).unwrap_err(), ErrorKind::Refused);
        assert!(kind(&there, true).is_ok());
        let other = dir.path().join("x.xlsx");
        assert_eq!(kind(&other, true).unwrap_err(), ErrorKind::Usage);
        let folder = dir.path().join("d.csv");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(kind(&folder, true).unwrap_err(), ErrorKind::Usage);
        let new = Target::new(&dir.path().join("x.NDJSON"), false).unwrap();
        assert_eq!(new.format, Format::Ndjson);
    }

    #[test]
    fn rows_arrive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        let values = vec![Some(1.0), None, Some(2.5)];
        let frame = Frame::from_columns(vec![Frame::number_column("n", values)]).unwrap();
        let table = Table::of_frame("memory", frame).unwrap();
        let target = Target::new(&path, false).unwrap();
        write(&target, &table, &table.all(), &[0], true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "n\n1\n\"\"\n2.5\n");
    }
}
