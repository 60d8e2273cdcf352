//! Frames on disk: Parquet with Zstandard, the same bytes for the same frame.

use std::fs::File;
use std::path::{Path, PathBuf};

use polars::io::mmap::MmapBytesReader;
use polars::prelude::{
    DataFrame, ParquetCompression, ParquetReader, ParquetWriter, SerReader, StatisticsOptions,
};
use thiserror::Error;

use super::Frame;
use crate::error::CommandError;

/// Rows in a row group. Fixed, so that the bytes do not depend on the machine.
const ROW_GROUP: usize = 1 << 17;

/// Why a snapshot could not be written or read.
#[derive(Debug, Error)]
pub enum ParquetFileError {
    /// The file system refused.
    #[error("{path} cannot be {what}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// The bytes are not what they should be.
    #[error("{path} is damaged or no Parquet file ({reason})")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// The frame cannot be encoded.
    #[error("{path} cannot be encoded")]
    Encode {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: polars::error::PolarsError,
    },
}

impl From<ParquetFileError> for CommandError {
    fn from(e: ParquetFileError) -> Self {
        let message = e.to_string();
        match e {
            ParquetFileError::Io { source, .. } => CommandError::backend(message).because(source),
            ParquetFileError::Damaged { .. } => CommandError::data(message),
            ParquetFileError::Encode { source, .. } => {
                CommandError::internal(message).because(source)
            }
        }
    }
}

/// Writes a frame: aside, fsynced, renamed.
pub fn write_frame(frame: &Frame, path: &Path) -> Result<(), ParquetFileError> {
    let mut table = frame.polars().clone();
    table.rechunk_mut();
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Zstd(None))
        .with_row_group_size(Some(ROW_GROUP))
        .finish(&mut table)
        .map_err(|source| ParquetFileError::Encode {
            path: path.to_owned(),
            source,
        })?;
    crate::files::write_atomic(path, &bytes).map_err(|source| ParquetFileError::Io {
        path: path.to_owned(),
        what: "written",
        source,
    })
}

/// Writes a frame that is soon read again, as fast as can be: as [`write_frame`] does, but not
/// packed. Returns the bytes.
pub fn write_part(frame: &Frame, path: &Path) -> Result<Vec<u8>, ParquetFileError> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Uncompressed)
        .with_statistics(StatisticsOptions::empty())
        .finish(&mut frame.polars().clone())
        .map_err(|source| ParquetFileError::Encode {
            path: path.to_owned(),
            source,
        })?;
    crate::files::write_atomic(path, &bytes).map_err(|source| ParquetFileError::Io {
        path: path.to_owned(),
        what: "written",
        source,
    })?;
    Ok(bytes)
}

/// Reads a frame.
pub fn read_frame(path: &Path) -> Result<Frame, ParquetFileError> {
    let file = File::open(path).map_err(|source| ParquetFileError::Io {
        path: path.to_owned(),
        what: "read",
        source,
    })?;
    decode(file, None)
        .map(Frame::new)
        .map_err(|reason| ParquetFileError::Damaged {
            path: path.to_owned(),
            reason,
        })
}

/// Reads some columns of a frame, those of them that it has.
pub fn read_columns(path: &Path, columns: &[&str]) -> Result<Frame, ParquetFileError> {
    let damaged = |reason: String| ParquetFileError::Damaged {
        path: path.to_owned(),
        reason,
    };
    let file = File::open(path).map_err(|source| ParquetFileError::Io {
        path: path.to_owned(),
        what: "read",
        source,
    })?;
    let work = || {
        let mut reader = ParquetReader::new(file);
        let there = reader.schema()?;
        let wanted: Vec<String> = columns
            .iter()
            .filter(|name| there.contains(name))
            .map(|name| (*name).to_owned())
            .collect();
        reader.with_columns(Some(wanted)).finish()
    };
    // As in `decode`: Polars panics on some damaged files.
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(Ok(table)) => Ok(Frame::new(table)),
        Ok(Err(e)) => Err(damaged(e.to_string())),
        Err(_) => Err(damaged("the decoder gave up".to_owned())),
    }
}

/// Decodes Parquet, at most `rows` rows; says what is wrong with bytes that cannot be decoded.
///
/// Polars panics on some damaged files instead of returning an error (a changed byte in a page is
/// enough), and a damaged file must not take the program down: a panic in there is caught and
/// reported like any other damage. Nothing it touched is used afterwards.
pub(crate) fn decode<R: MmapBytesReader>(
    reader: R,
    rows: Option<usize>,
) -> Result<DataFrame, String> {
    let work = || {
        ParquetReader::new(reader)
            .with_slice(rows.map(|n| (0, n)))
            .finish()
    };
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(Ok(table)) => Ok(table),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err("its pages contradict each other".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_and_has_one_encoding() {
        let dir = tempfile::tempdir().unwrap();
        let frame = Frame::from_columns(vec![
            Frame::number_column("a", vec![Some(1.5), None, Some(f64::INFINITY)]),
            Frame::text_column(
                "b",
                &[Some("x"), None, Some("a text longer than twelve bytes")],
            ),
        ])
        .unwrap();
        let (one, two) = (dir.path().join("1.parquet"), dir.path().join("2.parquet"));
        write_frame(&frame, &one).unwrap();
        // Built in two chunks, the table is the same and so are the bytes.
        let mut chunked = frame.take(&[0]).unwrap();
        chunked.append(&frame.take(&[1, 2]).unwrap()).unwrap();
        write_frame(&chunked, &two).unwrap();
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
        let back = read_frame(&one).unwrap();
        assert!(back.polars().equals_missing(frame.polars()));
        assert_eq!(back.polars().column("a").unwrap().null_count(), 1);
    }

    #[test]
    fn a_damaged_file_is_a_data_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.parquet");
        let frame = Frame::from_columns(vec![Frame::number_column("a", vec![Some(1.0); 100])]);
        write_frame(&frame.unwrap(), &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = CommandError::from(read_frame(&path).unwrap_err());
        assert_eq!(error.kind, crate::error::ErrorKind::Data);
        let absent = CommandError::from(read_frame(&dir.path().join("y")).unwrap_err());
        assert_eq!(absent.kind, crate::error::ErrorKind::Backend);
    }
}
