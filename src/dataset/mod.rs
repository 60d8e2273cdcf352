//! Tables in memory and on disk: frames, digests, quarantine, filters, profiles.

mod frame;
mod matrix;
pub mod profile;
pub mod query;
mod raw_table;

pub use frame::{Frame, FrameError, TestFrame, TrainFrame, number_text};
pub use matrix::{Labels, Matrix};
pub use profile::{ColumnProfile, TableProfile, profile};
pub use query::{Filter, QueryError};
pub use raw_table::RawTable;
