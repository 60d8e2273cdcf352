//! Writes the rows of a selection to a file: written aside, fsynced, renamed, or not there at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use polars::prelude::{DataFrame, ParquetCompression, ParquetWriter, Series};
use rayon::prelude::*;

use super::aside::Aside;
use super::store::{Store, Wanted};
use super::view::Rows;
use super::{BrowseError, Cancel, Cell, Selection, gather, scan, window};
use crate::dataset::Frame;

/// Bytes of rows that are gathered at once, about.
const AT_ONCE: u64 = 96 << 20;
/// Rows gathered at once at most.
const ROWS_AT_ONCE: u64 = 1 << 20;
/// Rows of a row group.
const GROUP: usize = 1 << 16;

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header line.
    Csv,
    /// Parquet, packed with Zstandard.
    Parquet,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// Every format.
    pub const EVERY: [Format; 3] = [Format::Csv, Format::Parquet, Format::Ndjson];
    /// The ending of its file names.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::Ndjson => "ndjson",
        }
    }
    /// The format a file name asks for.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Some(Format::Csv),
            "parquet" => Some(Format::Parquet),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            _ => None,
        }
    }
}

/// Writes the rows of a selection, in its order, with some columns of the store. A file that is
/// there already is replaced. Returns the rows written.
pub(super) fn export(
    store: &Store,
    selection: &Selection,
    columns: &[usize],
    (path, format): (&Path, Format),
    cancel: &Cancel,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64, BrowseError> {
    let failed = |source: io::Error| BrowseError::Io {
        path: path.to_owned(),
        what: "written",
        source,
    };
    let mut aside = Aside::beside(path).map_err(failed)?;
    let all = store.header().names();
    let names: Vec<String> = columns.iter().map(|&c| all[c].clone()).collect();
    let mut writer = Writer::new(aside.file(), format, store, columns, &names, path)?;
    let of = selection.len();
    let mut written = 0;
    progress(0, of);
    each_part(store, selection, columns, cancel, &mut |parts| {
        let rows = parts.first().map_or(0, |s| s.len());
        writer.write(parts, &names, path)?;
        written += rows as u64;
        progress(written, of);
        Ok(())
    })?;
    store.check_unchanged()?;
    writer.finish(path)?;
    cancel.check()?;
    aside.finish(path).map_err(failed)?;
    Ok(written)
}

/// Hands the columns of the selection over, some rows at a time, in its order.
fn each_part(
    store: &Store,
    selection: &Selection,
    columns: &[usize],
    cancel: &Cancel,
    take: &mut dyn FnMut(&[Series]) -> Result<(), BrowseError>,
) -> Result<(), BrowseError> {
    if columns.is_empty() {
        return Ok(());
    }
    if let Rows::These {
        positions,
        ascending: false,
    } = &selection.rows
    {
        let bytes: u64 = (0..store.groups().len())
            .flat_map(|g| columns.iter().map(move |&c| (g, c)))
            .map(|(g, c)| store.weight(g, c) as u64)
            .sum();
        let each = (bytes / store.rows().max(1)).max(8 * columns.len() as u64);
        let at_once = (AT_ONCE / each).clamp(1, ROWS_AT_ONCE) as usize;
        for some in positions.chunks(at_once) {
            let parts: Result<Vec<Series>, BrowseError> = columns
                .iter()
                .map(|&column| gather::gathered(store, column, some, cancel))
                .collect();
            take(&parts?)?;
        }
        return Ok(());
    }
    for (group, wanted) in scan::wanted(store, selection).iter().enumerate() {
        let Some(wanted) = wanted else { continue };
        // Groups may be huge: they are handed over in stretches.
        let rows = store.groups()[group].rows;
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + (1 << 17));
            let part = match wanted {
                Wanted::All if rows <= 1 << 17 => Wanted::All,
                Wanted::All => Wanted::Range(from, to),
                Wanted::Range(_, end) => Wanted::Range(from.min(*end), to.min(*end)),
                Wanted::Marked(marked) => {
                    let mut part = vec![false; rows];
                    part[from..to].copy_from_slice(&marked[from..to]);
                    Wanted::Marked(part)
                }
            };
            from = to;
            let parts: Result<Vec<Series>, BrowseError> = columns
                .par_iter()
                .map(|&column| {
                    cancel.check()?;
                    store.column(group, column, &part)
                })
                .collect();
            let parts = parts?;
            if parts.first().is_some_and(|p| !p.is_empty()) {
                take(&parts)?;
            }
        }
    }
    Ok(())
}

/// Rows of a text format that are written out by one thread at a time.
const LINES: usize = 4096;

enum Writer<'f> {
    Lines(BufWriter<&'f mut File>, Format),
    Parquet(Box<polars::io::parquet::write::BatchedWriter<&'f mut File>>),
}

impl<'f> Writer<'f> {
    fn new(
        file: &'f mut File,
        format: Format,
        store: &Store,
        columns: &[usize],
        names: &[String],
        path: &Path,
    ) -> Result<Self, BrowseError> {
        let failed = |source: io::Error| BrowseError::Io {
            path: path.to_owned(),
            what: "written",
            source,
        };
        Ok(match format {
            Format::Parquet => {
                let header = store.header().polars();
                let some: Vec<_> = columns
                    .iter()
                    .map(|&c| header.columns()[c].clone())
                    .collect();
                let schema = Frame::from_columns(some)?.polars().schema().clone();
                let writer = ParquetWriter::new(file)
                    .with_compression(ParquetCompression::Zstd(None))
                    .with_row_group_size(Some(GROUP))
                    .batched(&schema)
                    .map_err(BrowseError::engine)?;
                Writer::Parquet(Box::new(writer))
            }
            Format::Csv => {
                let mut out = BufWriter::with_capacity(1 << 18, file);
                let header: Vec<String> = names.iter().map(|n| field(n)).collect();
                writeln!(out, "{}", header.join(",")).map_err(failed)?;
                Writer::Lines(out, format)
            }
            Format::Ndjson => Writer::Lines(BufWriter::with_capacity(1 << 18, file), format),
        })
    }

    fn write(
        &mut self,
        parts: &[Series],
        names: &[String],
        path: &Path,
    ) -> Result<(), BrowseError> {
        match self {
            Writer::Parquet(writer) => {
                let rows = parts.first().map_or(0, |s| s.len());
                let columns = parts.iter().map(|s| s.rechunk().into()).collect();
                let frame = DataFrame::new(rows, columns).map_err(BrowseError::engine)?;
                for start in (0..rows).step_by(GROUP) {
                    let mut some = frame.slice(start as i64, GROUP);
                    some.rechunk_mut();
                    writer.write_batch(&some).map_err(BrowseError::engine)?;
                }
                Ok(())
            }
            Writer::Lines(out, format) => {
                let rows = parts.first().map_or(0, |s| s.len());
                let starts: Vec<usize> = (0..rows).step_by(LINES).collect();
                let keys: Vec<String> = names
                    .iter()
                    .map(|n| serde_json::Value::from(n.as_str()).to_string())
                    .collect();
                let texts: Result<Vec<String>, BrowseError> = starts
                    .par_iter()
                    .map(|&start| {
                        let cells: Result<Vec<Vec<Cell>>, BrowseError> = parts
                            .iter()
                            .map(|s| window::cells(&s.slice(start as i64, LINES)))
                            .collect();
                        Ok(lines(&cells?, &keys, *format))
                    })
                    .collect();
                for text in texts? {
                    out.write_all(text.as_bytes())
                        .map_err(|source| BrowseError::Io {
                            path: path.to_owned(),
                            what: "written",
                            source,
                        })?;
                }
                Ok(())
            }
        }
    }

    fn finish(self, path: &Path) -> Result<(), BrowseError> {
        match self {
            Writer::Parquet(writer) => {
                writer.finish().map_err(BrowseError::engine)?;
                Ok(())
            }
            Writer::Lines(mut out, _) => out.flush().map_err(|source| BrowseError::Io {
                path: path.to_owned(),
                what: "written",
                source,
            }),
        }
    }
}

/// Rows as lines; `keys` are the names as JSON.
fn lines(cells: &[Vec<Cell>], keys: &[String], format: Format) -> String {
    let mut text = String::new();
    for row in 0..cells.first().map_or(0, Vec::len) {
        let row = cells.iter().map(|column| &column[row]);
        match format {
            Format::Ndjson => {
                text.push('{');
                for (i, (cell, key)) in row.zip(keys).enumerate() {
                    if i > 0 {
                        text.push(',');
                    }
                    text.push_str(key);
                    text.push(':');
                    text.push_str(&cell.json().to_string());
                }
                text.push('}');
            }
            Format::Csv | Format::Parquet => {
                for (i, cell) in row.enumerate() {
                    if i > 0 {
                        text.push(',');
                    }
                    match cell {
                        Cell::Text(t) | Cell::Time(t) => text.push_str(&field(t)),
                        other => text.push_str(&other.text().unwrap_or_default()),
                    }
                }
                // A line with nothing on it would be no row to a reader.
                if cells.len() == 1 && text.ends_with('\n') | text.is_empty() {
                    text.push_str("\"\"");
                }
            }
        }
        text.push('\n');
    }
    text
}

/// A text as a field of CSV: quoted where it would be read as something else.
fn field(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.contains([',', '"', '\n', '\r', ';', '\t'])
        && text.trim() == text;
    if plain {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('"', "\"\""))
}
