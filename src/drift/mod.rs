//! Drift between two tables: statistics per column, their verdicts, the report.
//!
//! Definitions and their sources stand at each function; every figure is checked against an
//! outside oracle in the tests. Reads no files.

mod report;

pub use report::{
    ChiSquare, ColumnDrift, Decile, DriftKind, DriftReport, KolmogorovSmirnov, Wasserstein,
};
