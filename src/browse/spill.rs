//! Rows on their way into a table: kept in memory while they are few, then in a temporary Parquet
//! file that has no name and goes with the process.

use std::fs::File;
use std::path::Path;

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{ParquetCompression, ParquetWriter};

use super::BrowseError;
use super::parquet::ParquetFile;
use super::store::Store;
use crate::dataset::Frame;
use crate::source::SourceError;
use crate::text::count;

/// Rows of a part, which becomes a row group.
pub(super) const PART_ROWS: usize = 1 << 16;
/// Bytes that are kept in memory.
const IN_MEMORY: usize = 48 << 20;

/// Parts collected so far.
#[derive(Default)]
pub(super) struct Spill {
    parts: Vec<Frame>,
    bytes: usize,
    file: Option<(File, Box<BatchedWriter<File>>)>,
}

impl Spill {
    /// Takes the next part.
    pub fn take(&mut self, part: Frame) -> Result<(), SourceError> {
        if let Some((_, writer)) = &mut self.file {
            return write(writer, &part);
        }
        self.bytes += part.polars().estimated_size();
        self.parts.push(part);
        if self.bytes > IN_MEMORY {
            self.write_out()?;
        }
        Ok(())
    }

    fn write_out(&mut self) -> Result<(), SourceError> {
        let failed = |source| SourceError::Write {
            path: std::env::temp_dir(),
            source,
        };
        let file = tempfile::tempfile().map_err(failed)?;
        let reader = file.try_clone().map_err(failed)?;
        let Some(first) = self.parts.first() else {
            return Ok(());
        };
        let writer = ParquetWriter::new(file)
            // Packing costs less than writing what it saves.
            .with_compression(ParquetCompression::Lz4Raw)
            .with_row_group_size(Some(PART_ROWS))
            .batched(first.polars().schema())
            .map_err(engine)?;
        let mut writer = Box::new(writer);
        for part in self.parts.drain(..) {
            write(&mut writer, &part)?;
        }
        self.file = Some((reader, writer));
        Ok(())
    }

    /// Whether rows went to a file.
    #[cfg(test)]
    pub fn file_is_there(&self) -> Option<&File> {
        self.file.as_ref().map(|(file, _)| file)
    }

    /// What a viewer should know of a file that rows went to; nothing when all are in memory.
    pub fn note(&self) -> Option<String> {
        let (file, _) = self.file.as_ref()?;
        let bytes = file.metadata().ok()?.len();
        Some(format!(
            "a temporary file of {} MB in {} holds these rows; it goes when something else is opened",
            count(bytes.div_ceil(1_000_000)),
            std::env::temp_dir().display()
        ))
    }

    /// The table of all parts; `path` is what it is called in errors.
    pub fn finish(self, path: &Path) -> Result<Store, BrowseError> {
        let Some((file, writer)) = self.file else {
            let mut all = Frame::default();
            for part in &self.parts {
                all.append(part)?;
            }
            return Store::memory(all);
        };
        writer.finish().map_err(BrowseError::engine)?;
        Store::parquet(vec![ParquetFile::of(file, path)?])
    }
}

fn write(writer: &mut BatchedWriter<File>, part: &Frame) -> Result<(), SourceError> {
    let mut table = part.polars().clone();
    if table.height() == 0 {
        return Ok(());
    }
    table.rechunk_mut();
    writer.write_batch(&table).map_err(engine)
}

/// An error of the writer: most often the disk for temporary files is full.
fn engine(e: polars::error::PolarsError) -> SourceError {
    match e {
        polars::error::PolarsError::IO { error, .. } => SourceError::Write {
            path: std::env::temp_dir(),
            source: std::io::Error::from(error.kind()),
        },
        other => SourceError::Internal(other.to_string()),
    }
}
