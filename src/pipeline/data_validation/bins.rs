//! `drift_bins.json`: the rows behind the drift figures, bin by bin, and what they were held
//! against. Beside the report rather than in it: the report is read by other programs, and values
//! of rows do not leave the machine with it.

use serde::{Deserialize, Serialize};

use crate::drift::ColumnBins;

/// Name of the file.
pub const BINS_FILE: &str = "drift_bins.json";

/// What the data was compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The champion whose train snapshot it is.
    pub version: String,
    /// The run that made that champion.
    pub run_id: String,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinsDocument {
    /// Version of the format, 1.
    pub version: u32,
    /// What the data was compared with.
    pub reference: Reference,
    /// A column each, in the order of the drift report.
    pub columns: Vec<ColumnBins>,
}
