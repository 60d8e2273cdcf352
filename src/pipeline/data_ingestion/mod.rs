//! Reads the source, snapshots it in Parquet and splits it.

mod artifact;

pub use artifact::DataIngestionArtifact;

use std::path::Path;

use super::{StageContext, StageOutput};
use crate::dataset::{TestFrame, TrainFrame};
use crate::error::CommandError;

/// Runs the stage.
pub fn run(ctx: &StageContext<'_>) -> Result<StageOutput<DataIngestionArtifact>, CommandError> {
    let _ = ctx;
    Err(CommandError::internal("data_ingestion is not built yet"))
}

/// Reads the train part from the folder of a finished ingestion stage.
pub fn load_train(stage_dir: &Path) -> Result<TrainFrame, CommandError> {
    let _ = stage_dir;
    Err(CommandError::internal("data_ingestion is not built yet"))
}

/// Reads the test part from the folder of a finished ingestion stage.
pub fn load_test(stage_dir: &Path) -> Result<TestFrame, CommandError> {
    let _ = stage_dir;
    Err(CommandError::internal("data_ingestion is not built yet"))
}
