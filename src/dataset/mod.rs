//! Tables in memory and on disk: frames, digests, quarantine, filters, profiles.

mod frame;
mod matrix;
mod raw_table;

pub use frame::{Frame, FrameError, TestFrame, TrainFrame, number_text};
pub use matrix::{Labels, Matrix};
pub use raw_table::RawTable;
