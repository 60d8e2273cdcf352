//! The six stages, in running order, under the names of the pipeline's documents.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A stage of the retraining pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Reads the source, snapshots it and splits it.
    DataIngestion,
    /// Checks the snapshot and measures drift.
    DataValidation,
    /// Fits the preprocessor on the train split.
    DataTransformation,
    /// Cross-validates and fits the learners.
    ModelTrainer,
    /// Measures on the untouched test split and decides.
    ModelEvaluation,
    /// Plans the push; approval executes it.
    ModelPusher,
}

impl StageName {
    /// All stages in running order.
    pub const ALL: [StageName; 6] = [
        StageName::DataIngestion,
        StageName::DataValidation,
        StageName::DataTransformation,
        StageName::ModelTrainer,
        StageName::ModelEvaluation,
        StageName::ModelPusher,
    ];
    /// The name as it stands in JSON, on the command line and as a folder.
    pub fn as_str(self) -> &'static str {
        match self {
            StageName::DataIngestion => "data_ingestion",
            StageName::DataValidation => "data_validation",
            StageName::DataTransformation => "data_transformation",
            StageName::ModelTrainer => "model_trainer",
            StageName::ModelEvaluation => "model_evaluation",
            StageName::ModelPusher => "model_pusher",
        }
    }
    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            StageName::DataIngestion => "Data ingestion",
            StageName::DataValidation => "Data validation",
            StageName::DataTransformation => "Data transformation",
            StageName::ModelTrainer => "Model trainer",
            StageName::ModelEvaluation => "Model evaluation",
            StageName::ModelPusher => "Model pusher",
        }
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StageName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        StageName::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| {
                format!(
                    "`{text}` is not a stage; the stages are {}",
                    StageName::ALL.map(StageName::as_str).join(", ")
                )
            })
    }
}
