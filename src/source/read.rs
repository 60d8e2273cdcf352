//! The three ways to read a file: after a schema, without one, as plain text.

use std::path::Path;

use super::detect::{Detected, Format, format_of};
use super::error::SourceError;
use super::kinds::Kinds;
use super::raw::Raw;
use super::report::CoercionReport;
use super::rows::{RowConsumer, Watch};
use super::typed::Typed;
use super::{csv, ndjson, open, parquet};
use crate::dataset::{Frame, QuarantinedRow, RawTable};
use crate::learners::FitControl;
use crate::schema::Schema;

/// What the user says about a file; what is left out is detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// CSV: whether the first line is a header.
    pub header: Option<bool>,
    /// CSV: the delimiter, one ASCII character.
    pub delimiter: Option<char>,
    /// [`load_table`]: whether the label must be there. [`read_file`] always requires it.
    pub require_label: bool,
}

/// A file read into a table. `rows = frame.rows() + quarantine.len()`, always.
#[derive(Debug)]
pub struct Ingested {
    /// The kept rows: the schema's columns in its order, then [`crate::dataset::ROW_COLUMN`].
    /// Number columns are `f64`, the label and all others text. Optional columns that the file
    /// does not have are not there.
    pub frame: Frame,
    /// Rows in the file.
    pub rows: u64,
    /// Rows that could not be read.
    pub quarantine: Vec<QuarantinedRow>,
    /// What was changed in the values of kept rows.
    pub coercions: CoercionReport,
    /// What the file turned out to be.
    pub detected: Detected,
}

/// Reads a file after a schema. `progress` is told rows read and rows expected (estimated from
/// the bytes for text formats); `control` can cancel.
pub fn read_file(
    path: &Path,
    schema: &Schema,
    options: &ReadOptions,
    progress: &dyn Fn(u64, Option<u64>),
    control: &FitControl,
) -> Result<Ingested, SourceError> {
    let mut watch = Watch::new(path, progress, control);
    typed(path, schema, options, true, &mut watch)
}

/// Reads a file into a table without progress: after a schema (the label may be missing unless
/// the options require it), or without one, where columns whose values all parse as numbers are
/// `f64` and all others text.
pub fn load_table(
    path: &Path,
    schema: Option<&Schema>,
    options: &ReadOptions,
) -> Result<Ingested, SourceError> {
    let control = FitControl::new();
    let quiet = |_: u64, _: Option<u64>| {};
    let inferred;
    let (schema, options) = match schema {
        Some(schema) => (schema, *options),
        None => {
            // Two passes keep memory at the size of the columns: text cells of a large file would
            // take many times that.
            let mut kinds = Kinds::default();
            let mut watch = Watch::new(path, &quiet, &control);
            let detected = stream(path, None, options, false, None, &mut kinds, &mut watch)?;
            inferred = kinds.into_schema(&path.display().to_string());
            let settled = ReadOptions {
                header: detected.header.or(options.header),
                delimiter: detected.delimiter.or(options.delimiter),
                require_label: false,
            };
            (&inferred, settled)
        }
    };
    let mut watch = Watch::new(path, &quiet, &control);
    typed(path, schema, &options, options.require_label, &mut watch)
}

/// Reads a file as text, at most `max_rows` rows.
pub fn read_raw(
    path: &Path,
    options: &ReadOptions,
    max_rows: Option<usize>,
) -> Result<(RawTable, Detected), SourceError> {
    let control = FitControl::new();
    let mut watch = Watch::new(path, &|_, _| {}, &control);
    let mut raw = Raw::new(max_rows);
    let detected = stream(path, None, options, false, max_rows, &mut raw, &mut watch)?;
    Ok((raw.finish(), detected))
}

/// Reads a file as text with every row of it, in order: row `n` here is row `n` of
/// [`crate::dataset::ROW_COLUMN`]. A row that is broken has its text in the first column.
pub fn read_every_row(
    path: &Path,
    options: &ReadOptions,
) -> Result<(RawTable, Detected), SourceError> {
    let control = FitControl::new();
    let mut watch = Watch::new(path, &|_, _| {}, &control);
    let mut raw = Raw::every_row();
    let detected = stream(path, None, options, false, None, &mut raw, &mut watch)?;
    Ok((raw.finish(), detected))
}

fn typed(
    path: &Path,
    schema: &Schema,
    options: &ReadOptions,
    require_label: bool,
    watch: &mut Watch<'_>,
) -> Result<Ingested, SourceError> {
    let mut typed = Typed::new(path.to_owned(), schema, require_label);
    let detected = stream(
        path,
        Some(schema),
        options,
        require_label,
        None,
        &mut typed,
        watch,
    )?;
    typed.finish(detected)
}

/// The format of a file, by its first bytes.
pub(super) fn format(path: &Path) -> Result<Format, SourceError> {
    let opened = open::open(path)?;
    format_of(path, &opened.head).map_err(|what| SourceError::Binary {
        path: path.to_owned(),
        what,
    })
}

/// Reads a file row by row into `consumer`.
pub(super) fn stream(
    path: &Path,
    schema: Option<&Schema>,
    options: &ReadOptions,
    require_label: bool,
    max_rows: Option<usize>,
    consumer: &mut dyn RowConsumer,
    watch: &mut Watch<'_>,
) -> Result<Detected, SourceError> {
    let opened = open::open(path)?;
    match format_of(path, &opened.head) {
        Ok(Format::Mongodb) => Err(SourceError::Binary {
            path: path.to_owned(),
            what: "it is a collection".to_owned(),
        }),
        Err(what) => Err(SourceError::Binary {
            path: path.to_owned(),
            what,
        }),
        Ok(Format::Csv) => csv::read(opened, schema, options, require_label, consumer, watch),
        Ok(Format::Ndjson) => ndjson::read(opened, consumer, watch),
        Ok(Format::Parquet) => parquet::read(opened, max_rows, consumer, watch),
    }
}
