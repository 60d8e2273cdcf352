//! `netsec drift --scored`: what was really scored against what the champion was trained on.

use super::Globals;
use crate::config::Config;
use crate::drift::DriftReport;
use crate::error::CommandError;
use crate::traffic::{LogStore, Recent, scored_drift};

/// Which part of the prediction log.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Scored {
    /// Compare what `netsec serve` scored lately with the data the champion was trained on.
    #[arg(long, conflicts_with_all = ["reference", "current", "schema"])]
    pub scored: bool,
    /// Only what was scored in the last days.
    #[arg(long, value_name = "DAYS", default_value_t = 7, requires = "scored")]
    pub days: u32,
    /// Rows at most, the latest.
    #[arg(long, value_name = "N", default_value_t = 100_000, requires = "scored")]
    pub rows: usize,
}

/// Compares the features in the prediction log with those of the champion's train rows.
pub(super) fn report(
    which: Scored,
    config: &Config,
    globals: &Globals,
) -> Result<DriftReport, CommandError> {
    let workspace = globals.workspace();
    let recent = Recent {
        days: which.days,
        rows: which.rows,
    };
    let store = LogStore::of(&config.serve, &workspace)?;
    scored_drift(recent, &store, &config.drift, &workspace)
}
