//! Tables in memory and on disk: frames, digests, quarantine, filters, profiles.

mod digest;
mod frame;
mod matrix;
mod parquet_file;
pub mod profile;
mod quarantine;
pub mod query;
mod raw_table;

pub use digest::{FrameDigests, digest_frame, row_digests};
pub use frame::{Frame, FrameError, TestFrame, TrainFrame, number_text};
pub use matrix::{Labels, Matrix};
pub(crate) use parquet_file::decode;
pub use parquet_file::{ParquetFileError, read_columns, read_frame, write_frame, write_part};
pub use profile::{ColumnProfile, TableProfile, profile};
pub use quarantine::{QuarantinedRow, read_quarantine, unreadable_documents, write_quarantine};
pub use query::{Filter, QueryError};
pub use raw_table::RawTable;

/// The column of a snapshot that holds the row's position in its source, from 0.
pub const ROW_COLUMN: &str = "__row";
