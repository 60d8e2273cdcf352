//! Parquet: the whole table through Polars, then row by row like any other format, so that bad
//! values meet the same rules.

use std::fs::File;
use std::io::{Cursor, Read};

use polars::prelude::{Column, DataFrame, DataType, StringChunked};

use super::detect::{Compression, Detected, Format, LineEnds, TextEncoding};
use super::error::SourceError;
use super::header::HeaderReport;
use super::open::{Opened, read_error};
use super::rows::{Cell, RowConsumer, Watch};
use crate::dataset::decode;

/// Reads all rows of a Parquet file into `consumer`.
pub(super) fn read(
    opened: Opened,
    max_rows: Option<usize>,
    consumer: &mut dyn RowConsumer,
    watch: &mut Watch<'_>,
) -> Result<Detected, SourceError> {
    let compression = opened.compression;
    let damaged = |e: String| SourceError::Damaged {
        path: watch.path.to_owned(),
        rows: 0,
        reason: format!(
            "the Parquet data is broken or ends too early ({})",
            super::error::capped(&e, 200)
        ),
    };
    let table = if compression == Compression::None {
        let file = File::open(watch.path).map_err(|source| SourceError::Io {
            path: watch.path.to_owned(),
            source,
        })?;
        decode(file, max_rows)
    } else {
        let mut bytes = Vec::new();
        opened
            .into_reader()
            .read_to_end(&mut bytes)
            .map_err(|e| read_error(watch.path, compression, 0, e))?;
        decode(Cursor::new(bytes), max_rows)
    }
    .map_err(damaged)?;
    let names: Vec<String> = table
        .get_column_names()
        .into_iter()
        .map(|n| n.to_string())
        .collect();
    let detected = Detected {
        format: Format::Parquet,
        compression,
        encoding: TextEncoding::Binary,
        line_ends: LineEnds::None,
        delimiter: None,
        header: None,
        names: names.clone(),
        columns: HeaderReport::default(),
    };
    consumer.columns(&names, true)?;
    if table.height() == 0 {
        return Err(SourceError::HeaderOnly {
            path: watch.path.to_owned(),
            columns: names.len(),
        });
    }
    let columns = typed_columns(&table, consumer);
    let rows = table.height() as u64;
    let mut cells = Vec::with_capacity(columns.len());
    for row in 0..table.height() {
        watch.row_of(rows)?;
        cells.clear();
        cells.extend(columns.iter().map(|column| column.cell(row)));
        if !consumer.row(row as u64 + 1, &cells)? {
            return Ok(detected);
        }
    }
    watch.finished()?;
    Ok(detected)
}

/// A column ready to give its cells one by one.
enum Cells {
    Numbers(Vec<Option<f64>>),
    Truths(Vec<Option<bool>>),
    Texts(StringChunked),
    Nested(&'static str),
}

impl Cells {
    fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Cells::Numbers(v) => v[row].map_or(Cell::Missing, Cell::Number),
            Cells::Truths(v) => v[row].map_or(Cell::Missing, Cell::Truth),
            Cells::Texts(v) => v
                .get(row)
                .map_or(Cell::Missing, |text| Cell::Text(text.as_bytes())),
            Cells::Nested(what) => Cell::Nested(what),
        }
    }
}

fn typed_columns(table: &DataFrame, consumer: &dyn RowConsumer) -> Vec<Cells> {
    table
        .columns()
        .iter()
        .map(|column| typed(column, consumer.wants_text(column.name())))
        .collect()
}

fn typed(column: &Column, as_text: bool) -> Cells {
    let series = column.as_materialized_series().rechunk();
    let dtype = series.dtype().clone();
    let numbers = || {
        let cast = series.cast(&DataType::Float64).ok()?;
        Some(Cells::Numbers(cast.f64().ok()?.iter().collect()))
    };
    let texts = || {
        let cast = series.cast(&DataType::String).ok()?;
        Some(Cells::Texts(cast.str().ok()?.clone()))
    };
    let cells = match &dtype {
        DataType::Boolean => series
            .bool()
            .ok()
            .map(|v| Cells::Truths(v.iter().collect())),
        t if t.is_nested() => Some(Cells::Nested("a nested value")),
        // Whole numbers keep all their digits; reals print the way CSV has them.
        t if t.is_integer() && as_text => texts(),
        t if t.is_primitive_numeric() => numbers(),
        DataType::Decimal(..) if !as_text => numbers(),
        _ => texts(),
    };
    cells.unwrap_or(Cells::Nested("a value of a type that cannot be read"))
}
