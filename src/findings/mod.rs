//! What a run found out about its data, put together for a person: checks and drift as one list
//! of findings, since when, where it comes from, what it does to the champion, which rows are
//! behind it, and who has taken note of it.
//!
//! Reads what the stages wrote and computes no statistics of its own besides the slices, which
//! nobody needs before they ask. Writes one thing, the acknowledgements. Knows no terminal.

mod acknowledged;
mod document;
mod effect;
mod error;
mod finding;
mod history;
mod label_mix;
mod rows_behind;
mod slices;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use acknowledged::{
    ACKNOWLEDGED_FILE, Acknowledgement, Acknowledgements, acknowledge, acknowledgements,
};
pub use document::{Findings, FindingsReader, Source};
pub use effect::{Effect, Scored};
pub use error::FindingsError;
pub use finding::{Finding, Kind, Standing};
pub use history::Past;
pub use label_mix::{ClassShare, FEW_ROWS, LabelMix};
pub use rows_behind::RowsBehind;
pub use slices::{Slice, Slices, slices};
