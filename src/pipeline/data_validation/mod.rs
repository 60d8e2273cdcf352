//! Checks the snapshot and measures drift against the champion's.

use serde::{Deserialize, Serialize};

use super::data_ingestion::DataIngestionArtifact;
use super::{StageContext, StageOutput};
use crate::error::CommandError;
use crate::storage::Champion;

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

/// Runs the stage.
pub fn run(
    ctx: &StageContext<'_>,
    _ingestion: &DataIngestionArtifact,
    _champion: Option<&Champion>,
) -> Result<StageOutput<DataValidationArtifact>, CommandError> {
    let _ = ctx;
    Err(CommandError::internal("data_validation is not built yet"))
}
