//! Drift between two tables: statistics per column, their verdicts, the report.
//!
//! Definitions and their sources stand at each function; every figure is checked against an
//! outside oracle in the tests. Reads no files.

pub mod binned;
pub mod bins;
mod compare;
pub mod concept;
pub mod contingency;
pub mod kolmogorov;
mod moved_features;
mod report;
pub mod states;
#[cfg(test)]
mod tests;
pub mod two_sample;
pub mod verdict;

pub use bins::{Bin, BinOf, ColumnBins, Moved};
pub use compare::{DriftError, compare, compare_with_bins};
pub use moved_features::{FeatureDrift, most_moved};
pub use report::{
    ChiSquare, ColumnDrift, Decile, DriftKind, DriftReport, KolmogorovSmirnov, Wasserstein,
};
