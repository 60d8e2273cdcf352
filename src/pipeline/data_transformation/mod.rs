//! Fits the preprocessor on the train split only: impute, encode, scale.

mod preprocessor;

pub use preprocessor::{Preprocessor, TransformError, TransformationPlan};

use serde::{Deserialize, Serialize};

use super::data_ingestion::DataIngestionArtifact;
use super::{StageContext, StageOutput};
use crate::error::CommandError;

/// The artifact of data transformation; `preprocessor.json` lies beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataTransformationArtifact {
    /// SHA-256 of `preprocessor.json`.
    pub preprocessor_sha256: String,
    /// Feature columns in.
    pub columns_in: u64,
    /// Matrix columns out.
    pub columns_out: u64,
}

/// Runs the stage.
pub fn run(
    ctx: &StageContext<'_>,
    ingestion: &DataIngestionArtifact,
) -> Result<StageOutput<DataTransformationArtifact>, CommandError> {
    let _ = (ctx, ingestion);
    Err(CommandError::internal(
        "data_transformation is not built yet",
    ))
}
