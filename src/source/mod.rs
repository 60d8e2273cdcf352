//! Where rows come from: files, MongoDB and the demo generator.
//!
//! A file is opened and unpacked (`open`), looked at (`detect`, `header`), read row by row by its
//! format (`csv`, `ndjson`, `parquet`) and collected by what is wanted of it: typed columns
//! (`typed`), column kinds (`kinds`) or plain text (`raw`). Nothing in here writes or prints, and
//! nothing decides what a value means beyond its kind: that is validation's work.

mod csv;
pub mod demo;
mod detect;
mod error;
mod header;
mod kinds;
pub mod mongodb;
mod ndjson;
mod number;
mod open;
mod parquet;
mod raw;
mod read;
mod report;
mod rows;
mod spool;
#[cfg(test)]
mod tests;
mod typed;

pub use detect::{Compression, Detected, Format, LineEnds, TextEncoding};
pub use error::SourceError;
pub(crate) use error::listed;
pub use header::HeaderReport;
pub(crate) use header::{is_header_of, match_columns, names_by_position};
pub(crate) use number::{leading as leading_number, parse as parse_number};
pub use read::{Ingested, ReadOptions, load_table, read_every_row, read_file, read_raw};
pub use report::{CoercionKind, CoercionReport, ColumnCoercion};
pub use spool::{Spooled, TakePart, spool_file};
