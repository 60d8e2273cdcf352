//! What was really scored against what the champion was trained on, column by column.

use chrono::{TimeDelta, Utc};

use super::{LogStore, scored_features};
use crate::config::DriftConfig;
use crate::dataset::read_frame;
use crate::drift::{self, DriftReport};
use crate::error::CommandError;
use crate::storage;
use crate::workspace::Workspace;

/// Which part of the prediction log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// What was scored in the last days.
    pub days: u32,
    /// Rows at most, the latest.
    pub rows: usize,
}

/// Compares the features in the prediction log with those of the champion's train rows.
///
/// # Errors
/// Not found when there is no champion, when the rows that it was trained on are not kept here, or
/// when nothing was scored; else when something cannot be read.
pub fn scored_drift(
    recent: Recent,
    store: &LogStore,
    config: &DriftConfig,
    workspace: &Workspace,
) -> Result<DriftReport, CommandError> {
    let Some(champion) = storage::load_champion(workspace)? else {
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
    let since = Utc::now() - TimeDelta::days(i64::from(recent.days));
    let frames = store.recent(Some(since), recent.rows)?;
    if frames.is_empty() {
        let noun = if recent.days == 1 { "day" } else { "days" };
        return Err(CommandError::not_found(format!(
            "the prediction log holds nothing of the last {} {noun}",
            recent.days
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
        config,
    )?)
}
