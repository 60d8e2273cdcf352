//! One Parquet file: its footer, and single columns of single row groups, read where they lie.
//!
//! Bytes come by positioned reads and not through a mapping: a file cut short under a mapping kills
//! the process, and mapped pages count as its memory. The file stays open, so one that is replaced
//! or removed is still read as it was.

use std::fs::File;
use std::io::{self, Cursor};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use polars::prelude::{ArrowField, DataFrame, Schema, SchemaExt, Series};
use polars_parquet::parquet::page::CompressedPage;
use polars_parquet::parquet::statistics::Statistics;
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, FileMetadata, Filter as Rows, PageReader,
    column_iter_to_arrays, infer_schema, read_metadata,
};

use super::BrowseError;
use super::store::{Wanted, normal};
use crate::dataset::Frame;

/// An open Parquet file.
pub(super) struct ParquetFile {
    path: PathBuf,
    file: File,
    stamp: Stamp,
    meta: FileMetadata,
    /// The columns; finding them out from the footer takes too long to do it for every piece.
    fields: Vec<ArrowField>,
}

/// What changes when a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self {
            size: meta.len(),
            seconds: meta.mtime(),
            nanoseconds: meta.mtime_nsec(),
        })
    }
}

impl ParquetFile {
    /// Opens a file and reads its footer.
    pub fn open(path: &Path) -> Result<Self, BrowseError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => BrowseError::NotFound(format!("file {}", path.display())),
            _ => BrowseError::Io {
                path: path.to_owned(),
                what: "read",
                source,
            },
        };
        let file = File::open(path).map_err(io)?;
        Self::of(file, path)
    }

    /// An open file; `path` is what it is called.
    pub fn of(file: File, path: &Path) -> Result<Self, BrowseError> {
        let io = |source: io::Error| BrowseError::Io {
            path: path.to_owned(),
            what: "read",
            source,
        };
        let stamp = Stamp::of(&file).map_err(io)?;
        let mut reader = file.try_clone().map_err(io)?;
        let meta = guarded(path, || read_metadata(&mut reader))?;
        let schema = guarded(path, || infer_schema(&meta))?;
        check_counts(&meta).map_err(|reason| BrowseError::Damaged {
            path: path.to_owned(),
            reason: reason.to_owned(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            stamp,
            fields: schema.iter_values().cloned().collect(),
            meta,
        })
    }

    /// What it is called.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// No rows, but the names and types of all columns.
    pub fn header(&self) -> Result<Frame, BrowseError> {
        let schema = guarded(&self.path, || infer_schema(&self.meta))?;
        let empty = DataFrame::empty_with_schema(&Schema::from_arrow_schema(&schema));
        let columns: Result<Vec<_>, BrowseError> = empty
            .columns()
            .iter()
            .map(|c| Ok(normal(c.as_materialized_series().clone())?.into()))
            .collect();
        Ok(Frame::from_columns(columns?)?)
    }

    /// Rows of each row group.
    pub fn group_rows(&self) -> Vec<usize> {
        self.meta.row_groups.iter().map(|g| g.num_rows()).collect()
    }

    /// Whether Polars wrote it.
    pub fn is_by_polars(&self) -> bool {
        self.meta
            .created_by
            .as_ref()
            .is_none_or(|by| by.to_lowercase().contains("polars"))
    }

    /// What the footer says of a column of a row group; `None` when nothing, or when the column is
    /// not a flat one.
    pub fn statistics(&self, group: usize, name: &str) -> Option<Statistics> {
        let held = &self.meta.row_groups[group];
        let mut chunks = held.columns_under_root_iter(name)?;
        let (chunk, None) = (chunks.next()?, chunks.next()) else {
            return None;
        };
        let flat = chunk.descriptor().path_in_schema.len() == 1
            && chunk.descriptor().descriptor.max_rep_level == 0;
        let statistics = chunk.statistics(&self.meta.footer_buf)?.ok()?;
        flat.then_some(statistics)
    }

    /// Bytes that a column of a row group takes unpacked.
    pub fn weight(&self, group: usize, column: usize) -> usize {
        self.meta.row_groups[group]
            .columns_under_root_iter(&self.fields[column].name)
            .map_or(0, |chunks| {
                chunks
                    .map(|c| usize::try_from(c.uncompressed_size()).unwrap_or(0))
                    .sum()
            })
    }

    /// An error when the file was written to since it was opened.
    pub fn check_unchanged(&self) -> Result<(), BrowseError> {
        match Stamp::of(&self.file) {
            Ok(now) if now == self.stamp => Ok(()),
            Ok(_) => Err(BrowseError::Changed(self.path.clone())),
            Err(source) => Err(self.io(source)),
        }
    }

    fn io(&self, source: io::Error) -> BrowseError {
        BrowseError::Io {
            path: self.path.clone(),
            what: "read",
            source,
        }
    }

    /// The wanted rows of a column of a row group.
    pub fn column(
        &self,
        group: usize,
        column: usize,
        wanted: &Wanted,
    ) -> Result<Series, BrowseError> {
        let damaged = |reason: &str| BrowseError::Damaged {
            path: self.path.clone(),
            reason: reason.to_owned(),
        };
        let field = self.fields[column].clone();
        let held = &self.meta.row_groups[group];
        let chunks = held
            .columns_under_root_iter(&field.name)
            .ok_or_else(|| damaged("a row group lacks a column"))?;
        let mut packed = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let range = chunk.byte_range();
            if range.end > self.stamp.size {
                return Err(damaged("a column lies behind the end of the file"));
            }
            // Both fit: the range lies within the file, which has been read that far.
            let mut bytes = vec![0; (range.end - range.start) as usize];
            match self.file.read_exact_at(&mut bytes, range.start) {
                Ok(()) => packed.push((chunk, bytes)),
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(BrowseError::Changed(self.path.clone()));
                }
                Err(e) => return Err(self.io(e)),
            }
        }
        let rows = match wanted {
            Wanted::All => None,
            Wanted::Range(from, to) => Some(Rows::new_ranged(*from, *to)),
            Wanted::Marked(marked) => Some(Rows::new_masked(marked.iter().copied().collect())),
        };
        let expected = match wanted {
            Wanted::All => held.num_rows(),
            Wanted::Range(from, to) => to - from,
            Wanted::Marked(marked) => marked.iter().filter(|m| **m).count(),
        };
        let series = guarded(&self.path, || {
            let mut pages = Vec::with_capacity(packed.len());
            let mut types = Vec::with_capacity(packed.len());
            for (chunk, bytes) in packed {
                // No page is larger than the column it is a part of.
                let most = bytes.len();
                let bytes = Cursor::new(bytes.into());
                let reader = PageReader::new(bytes, chunk, Vec::new(), most);
                let (mut bytes, _) = checked(reader, chunk)?.into_inner();
                bytes.set_position(0);
                let reader = PageReader::new(bytes, chunk, Vec::new(), most);
                pages.push(BasicDecompressor::new(reader, Vec::new()));
                types.push(&chunk.descriptor().descriptor.primitive_type);
            }
            let (arrays, _) = column_iter_to_arrays(pages, types, field.clone(), rows)?;
            Series::try_from((&field, arrays))
        });
        match series {
            Ok(series) if series.len() == expected => Ok(series),
            // A file that is being overwritten looks damaged.
            other => {
                self.check_unchanged()?;
                other
                    .and_then(|_| Err(damaged("a column has fewer values than its row group rows")))
            }
        }
    }
}

/// Values of a column of a row group at most.
const MOST_VALUES: i64 = 1 << 31;

/// Looks for numbers that cannot be: the decoder makes room for as many values as a damaged footer
/// says there are, and a failed allocation ends the process.
fn check_counts(meta: &FileMetadata) -> Result<(), &'static str> {
    let mut rows = 0u64;
    for group in &meta.row_groups {
        rows = rows.saturating_add(group.num_rows() as u64);
        for chunk in group.parquet_columns() {
            let values = chunk.num_values();
            let flat = chunk.descriptor().descriptor.max_rep_level == 0;
            if flat && u64::try_from(values) != Ok(group.num_rows() as u64) {
                return Err("a column has another number of values than its row group rows");
            }
            if !(0..=MOST_VALUES).contains(&values) {
                return Err("a column claims more values than can be");
            }
        }
    }
    if rows != meta.num_rows as u64 {
        return Err("its row groups do not add up to its rows");
    }
    Ok(())
}

/// Goes through the headers of a column's pages: they must hold as many values as the column. The
/// decoder believes each of them and makes room accordingly.
fn checked(
    mut pages: PageReader,
    chunk: &ColumnChunkMetadata,
) -> polars::error::PolarsResult<PageReader> {
    let mut left = usize::try_from(chunk.num_values()).unwrap_or(0);
    pages.read_dict()?;
    for page in pages.by_ref() {
        let CompressedPage::Data(page) = page? else {
            polars::error::polars_bail!(ComputeError: "a dictionary stands among the pages");
        };
        match left.checked_sub(page.num_values()) {
            Some(rest) => left = rest,
            None => polars::error::polars_bail!(ComputeError: "its pages hold too many values"),
        }
    }
    if left > 0 {
        polars::error::polars_bail!(ComputeError: "its pages hold too few values");
    }
    Ok(pages)
}

/// Runs the decoder. It panics on some damaged files instead of returning an error (a changed byte
/// in a page is enough), and a damaged file must not take the program down: a panic in there is
/// caught and reported like any other damage. Nothing it touched is used afterwards.
fn guarded<T>(
    path: &Path,
    work: impl FnOnce() -> polars::error::PolarsResult<T>,
) -> Result<T, BrowseError> {
    let reason = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(e)) => e.to_string(),
        Err(_) => "its pages contradict each other".to_owned(),
    };
    Err(BrowseError::Damaged {
        path: path.to_owned(),
        reason,
    })
}
