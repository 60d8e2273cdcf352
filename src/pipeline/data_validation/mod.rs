//! Checks the snapshot and measures drift against the champion's.
//!
//! A check is a [`Rule`] over tallies that merge; [`check_table`] runs all of them over a table,
//! [`check_split`] those over train and test. The stage prints nothing: it writes
//! `validation.json`, `drift.json` and `drift_bins.json`, records an event a finding, and stops the run with a data
//! error when a check of severity `stop` fails.

mod bins;
mod check;
mod file;
mod group;
mod junit;
mod leakage;
mod report;
mod rule;
mod stage;
mod tally;

use serde::{Deserialize, Serialize};

pub use bins::{BINS_FILE, BinsDocument, Reference};
pub use check::{check_readable, check_split, check_table};
pub use file::check_file;
pub use group::{Group, GroupSummary};
pub use junit::junit_xml;
pub use report::{CheckResult, Example, Figure, ValidationReport};
pub use rule::{Rule, check_config};
pub use stage::{refusal, run};

/// Name of the report on the checks.
pub const VALIDATION_FILE: &str = "validation.json";
/// Name of the drift report.
pub const DRIFT_FILE: &str = "drift.json";

/// The artifact of the stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataValidationArtifact {
    /// Checks run.
    pub checks: u64,
    /// Checks that warn.
    pub warnings: u64,
    /// Columns that drifted against the champion's snapshot; `None` without a champion.
    pub drifted: Option<u64>,
}

#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod tests;
