//! Fits the preprocessor on the train split only: impute, encode, scale.

mod categorical;
mod cells;
mod compiled;
mod error;
mod knn;
mod numeric;
mod plan;
mod preprocessor;
#[cfg(test)]
mod tests;

pub use categorical::CategoricalColumn;
pub use compiled::{CompiledPreprocessor, RawColumn, TextColumn};
pub use error::TransformError;
pub use knn::KnnReference;
pub use numeric::{NumericColumn, Scale};
pub use plan::TransformationPlan;
pub use preprocessor::{FittedColumn, Preprocessor};

use serde::{Deserialize, Serialize};

use super::data_ingestion::{self, DataIngestionArtifact};
use super::{StageContext, StageOutput};
use crate::dataset::TrainFrame;
use crate::error::CommandError;
use crate::events::{CheckVerdict, Event, StageName};
use crate::learners::StopRequest;
use crate::text::count;
use crate::{files, hash};

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

/// `report.json`: what was fitted, for people.
#[derive(Serialize)]
struct Report<'a> {
    train_rows: u64,
    columns_in: u64,
    columns_out: u64,
    imputed_in_train: u64,
    columns: Vec<ColumnReport<'a>>,
}

#[derive(Serialize)]
struct ColumnReport<'a> {
    column: &'a str,
    features: u64,
    imputed_in_train: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    vocabulary: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rare_joined: Option<u64>,
}

/// Runs the stage.
pub fn run(
    ctx: &StageContext<'_>,
    _ingestion: &DataIngestionArtifact,
) -> Result<StageOutput<DataTransformationArtifact>, CommandError> {
    let train = data_ingestion::load_train(&ctx.stage_dir(StageName::DataIngestion))?;
    go_on(ctx)?;
    fit_and_write(ctx, &train)
}

fn fit_and_write(
    ctx: &StageContext<'_>,
    train: &TrainFrame,
) -> Result<StageOutput<DataTransformationArtifact>, CommandError> {
    let plan = TransformationPlan::new(ctx.schema, &ctx.config.transformation);
    let fitted = Preprocessor::fit(train, &plan)?;
    go_on(ctx)?;
    let path = ctx.work_dir.join("preprocessor.json");
    fitted.save(&path)?;
    let preprocessor_sha256 = hash::sha256_file(&path)
        .map_err(|e| CommandError::backend(format!("{}: {e}", path.display())))?;
    let report = report(&fitted);
    let path = ctx.work_dir.join("report.json");
    files::write_json(&path, &report)
        .map_err(|e| CommandError::backend(format!("{}: {e}", path.display())))?;
    let empty = fitted.empty_columns();
    for column in &empty {
        ctx.recorder.record(
            StageName::DataTransformation,
            Event::Warning {
                code: "column_all_missing".to_owned(),
                text: format!(
                    "column `{column}` has no value in the train split; every value is made up \
                     and the column cannot help a model"
                ),
            },
        );
    }
    let artifact = DataTransformationArtifact {
        preprocessor_sha256,
        columns_in: report.columns_in,
        columns_out: report.columns_out,
    };
    Ok(StageOutput {
        verdict: if empty.is_empty() {
            CheckVerdict::Ok
        } else {
            CheckVerdict::Warn
        },
        summary: format!(
            "{} -> {} columns, fitted on {} train rows",
            count(artifact.columns_in),
            count(artifact.columns_out),
            count(fitted.train_rows())
        ),
        artifact,
    })
}

fn go_on(ctx: &StageContext<'_>) -> Result<(), CommandError> {
    match ctx.control.stop() {
        StopRequest::Now => Err(CommandError::cancelled(
            "the run was cancelled during data transformation",
        )),
        StopRequest::None | StopRequest::AfterRound => Ok(()),
    }
}

fn report(fitted: &Preprocessor) -> Report<'_> {
    let columns: Vec<ColumnReport<'_>> = fitted
        .columns()
        .iter()
        .map(|column| {
            let (vocabulary, rare_joined) = match column {
                FittedColumn::Numeric(_) => (None, None),
                FittedColumn::Categorical(c) => {
                    (Some(c.values.len() as u64), Some(c.joined.len() as u64))
                }
            };
            ColumnReport {
                column: column.name(),
                features: column.width() as u64,
                imputed_in_train: column.missing_in_train(),
                vocabulary,
                rare_joined,
            }
        })
        .collect();
    Report {
        train_rows: fitted.train_rows(),
        columns_in: columns.len() as u64,
        columns_out: fitted.feature_names().len() as u64,
        imputed_in_train: columns.iter().map(|c| c.imputed_in_train).sum(),
        columns,
    }
}
