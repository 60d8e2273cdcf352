//! `netsec drift --scored`: what was really scored against what the champion was trained on.

use chrono::{TimeDelta, Utc};

use super::Globals;
use crate::config::Config;
use crate::dataset::read_frame;
use crate::drift::{self, DriftReport};
use crate::error::CommandError;
use crate::storage;
use crate::traffic::{LogStore, scored_features};

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
    let Some(champion) = storage::load_champion(&workspace)? else {
        return Err(CommandError::not_found(
            "there is no champion yet, so nothing it was trained on",
        )
        .hint("`netsec retrain`, then `netsec approve`."));
    };
    let Some(reference) = champion.reference else {
        return Err(CommandError::not_found(format!(
            "the data that {} was trained on is not kept here",
            champion.version
        ))
        .hint("It lies in Artifacts/versions/ of the project that pushed it."));
    };
    let since = Utc::now() - TimeDelta::days(i64::from(which.days));
    let frames = LogStore::of(&config.serve, &workspace)?.recent(Some(since), which.rows)?;
    if frames.is_empty() {
        return Err(CommandError::not_found(format!(
            "the prediction log holds nothing of the last {} days",
            which.days
        ))
        .hint(
            "`netsec serve` writes it when `[serve] log_sample` is above 0; see also `--days`.",
        ));
    }
    let (reference, scored) = (read_frame(&reference)?, scored_features(&frames)?);
    Ok(drift::compare(
        &reference,
        &scored,
        &champion.schema,
        &config.drift,
    )?)
}
