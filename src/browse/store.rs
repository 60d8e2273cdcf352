//! Where pieces of columns come from: Parquet files or a frame in memory, in groups of rows.

use std::sync::Arc;

use polars::prelude::{AnyValue, DataType, Series};

use super::BrowseError;
use super::parquet::ParquetFile;
use crate::dataset::Frame;

/// Rows of a group of a frame in memory.
const FRAME_GROUP: usize = 1 << 16;

/// Which rows of a group are wanted.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// All.
    All,
    /// A stretch.
    Range(usize, usize),
    /// Those marked; as long as the group.
    Marked(Vec<bool>),
}

/// A stretch of rows that lie together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// Position of its first row in the table.
    pub first: u64,
    /// Rows.
    pub rows: usize,
    part: usize,
    inside: usize,
}

enum Part {
    Parquet(Box<ParquetFile>),
    Memory(Frame),
}

/// The columns of a table, readable group by group from any thread.
pub(super) struct Store {
    parts: Vec<Part>,
    groups: Vec<Group>,
    rows: u64,
    /// No rows, but the names and types of all columns.
    header: Frame,
}

impl Store {
    /// Parquet files with the same columns, one below the other.
    pub fn parquet(files: Vec<ParquetFile>) -> Result<Self, BrowseError> {
        let mut header: Option<Frame> = None;
        for file in &files {
            let theirs = file.header()?;
            match &header {
                None => header = Some(theirs),
                Some(first) if first.polars().schema() == theirs.polars().schema() => {}
                Some(_) => {
                    return Err(BrowseError::OtherColumns {
                        path: file.path().to_owned(),
                        other: files[0].path().to_owned(),
                    });
                }
            }
        }
        let parts = files
            .into_iter()
            .map(|file| Part::Parquet(Box::new(file)))
            .collect();
        Ok(Self::of(parts, header.unwrap_or_default()))
    }

    /// A frame in memory.
    pub fn memory(frame: Frame) -> Result<Self, BrowseError> {
        let columns: Result<Vec<_>, BrowseError> = frame
            .polars()
            .columns()
            .iter()
            .map(|c| Ok(normal(c.as_materialized_series().rechunk())?.into()))
            .collect();
        let frame = Frame::from_columns(columns?)?;
        let header = Frame::new(frame.polars().slice(0, 0));
        Ok(Self::of(vec![Part::Memory(frame)], header))
    }

    fn of(parts: Vec<Part>, header: Frame) -> Self {
        let mut groups = Vec::new();
        let mut first = 0;
        for (part, held) in parts.iter().enumerate() {
            let sizes = match held {
                Part::Parquet(file) => file.group_rows(),
                Part::Memory(frame) => {
                    let rows = frame.rows();
                    (0..rows.div_ceil(FRAME_GROUP))
                        .map(|g| FRAME_GROUP.min(rows - g * FRAME_GROUP))
                        .collect()
                }
            };
            for (inside, rows) in sizes.into_iter().enumerate() {
                if rows > 0 {
                    groups.push(Group {
                        first,
                        rows,
                        part,
                        inside,
                    });
                }
                first += rows as u64;
            }
        }
        Self {
            parts,
            groups,
            rows: first,
            header,
        }
    }

    /// Rows of all groups.
    pub fn rows(&self) -> u64 {
        self.rows
    }
    /// The groups, in order.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
    /// No rows, but the names and types of all columns.
    pub fn header(&self) -> &Frame {
        &self.header
    }
    /// The group a row lies in.
    pub fn group_of(&self, position: u64) -> usize {
        self.groups
            .partition_point(|g| g.first + g.rows as u64 <= position)
    }
    /// An error when a file was written to since it was opened.
    pub fn check_unchanged(&self) -> Result<(), BrowseError> {
        self.parts.iter().try_for_each(|part| match part {
            Part::Parquet(file) => file.check_unchanged(),
            Part::Memory(_) => Ok(()),
        })
    }
    /// Bytes that a column of a group takes when decoded, about; 0 when it need not be decoded.
    pub fn weight(&self, group: usize, column: usize) -> usize {
        let group = self.groups[group];
        match &self.parts[group.part] {
            Part::Parquet(file) => file.weight(group.inside, column),
            Part::Memory(_) => 0,
        }
    }
    /// The wanted rows of a column of a group.
    pub fn column(
        &self,
        group: usize,
        column: usize,
        wanted: &Wanted,
    ) -> Result<Series, BrowseError> {
        let group = self.groups[group];
        match &self.parts[group.part] {
            Part::Parquet(file) => normal(file.column(group.inside, column, wanted)?),
            Part::Memory(frame) => {
                let series = frame.polars().columns()[column].as_materialized_series();
                let start = group.inside * FRAME_GROUP;
                Ok(match wanted {
                    Wanted::All => series.slice(start as i64, group.rows),
                    Wanted::Range(a, b) => series.slice((start + a) as i64, b - a),
                    Wanted::Marked(marked) => {
                        let mask = marked.iter().copied().collect();
                        series
                            .slice(start as i64, group.rows)
                            .filter(&mask)
                            .map_err(BrowseError::engine)?
                    }
                })
            }
        }
    }
    /// The wanted rows of some columns of a group as a frame.
    pub fn frame(
        &self,
        group: usize,
        columns: &[usize],
        wanted: &Wanted,
    ) -> Result<Frame, BrowseError> {
        let held: Result<Vec<_>, BrowseError> = columns
            .iter()
            .map(|&c| Ok(self.column(group, c, wanted)?.into()))
            .collect();
        Ok(Frame::from_columns(held?)?)
    }
    /// The file of a group, and its place there; `None` for a frame in memory.
    pub fn parquet_group(&self, group: usize) -> Option<(&ParquetFile, usize)> {
        let group = self.groups[group];
        match &self.parts[group.part] {
            Part::Parquet(file) => Some((file, group.inside)),
            Part::Memory(_) => None,
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("rows", &self.rows)
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}

/// Brings a column into one of the types that everything here knows: whole numbers, reals, truth
/// values, texts, dates and times. Decimals become reals, as when a file is read for training;
/// bytes and nested values become text.
pub(super) fn normal(series: Series) -> Result<Series, BrowseError> {
    let dtype = series.dtype().clone();
    let cast = |to: &DataType| series.cast(to).map_err(BrowseError::engine);
    Ok(match &dtype {
        DataType::String | DataType::Boolean => series,
        t if t.is_primitive_numeric() || t.is_temporal() => series,
        DataType::Decimal(..) => cast(&DataType::Float64)?,
        DataType::Null => Series::full_null(series.name().clone(), series.len(), &DataType::String),
        DataType::Binary => {
            let bytes = series.binary().map_err(BrowseError::engine)?;
            let texts: Vec<Option<String>> = bytes
                .iter()
                .map(|b| b.map(|b| String::from_utf8_lossy(b).into_owned()))
                .collect();
            text_series(&series, &texts)
        }
        t if t.is_nested() => {
            let texts: Vec<Option<String>> = series
                .iter()
                .map(|v| match v {
                    AnyValue::Null => None,
                    other => Some(other.to_string()),
                })
                .collect();
            text_series(&series, &texts)
        }
        _ => cast(&DataType::String)?,
    })
}

fn text_series(like: &Series, texts: &[Option<String>]) -> Series {
    Frame::text_column(like.name(), texts)
        .as_materialized_series()
        .clone()
}

/// A store that many threads read.
pub(super) type Shared = Arc<Store>;
