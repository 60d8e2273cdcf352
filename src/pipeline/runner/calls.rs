//! The six stages behind one call, so that the runner knows their order and nothing else.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::CommandError;
use crate::events::StageName;
use crate::pipeline::data_ingestion::{self, DataIngestionArtifact};
use crate::pipeline::data_transformation::{self, DataTransformationArtifact};
use crate::pipeline::data_validation::{self, DataValidationArtifact};
use crate::pipeline::model_evaluation::{self, ModelEvaluationArtifact};
use crate::pipeline::model_pusher;
use crate::pipeline::model_trainer::{self, ModelTrainerArtifact};
use crate::pipeline::{StageContext, StageOutput};
use crate::storage::Champion;

/// What the runner needs of the stages. The pipeline's own is [`PipelineStages`]; tests bring
/// others.
pub trait StageCalls: Send {
    /// Runs a stage; the artifacts of the stages before it have been accepted.
    ///
    /// # Errors
    /// Whatever stops the stage.
    fn run(
        &mut self,
        stage: StageName,
        ctx: &StageContext<'_>,
    ) -> Result<StageOutput<Value>, CommandError>;

    /// Takes the artifact of a stage that has run or was reused, for the stages after it.
    ///
    /// # Errors
    /// When it is not an artifact of this stage.
    fn accept(&mut self, stage: StageName, artifact: Value) -> Result<(), CommandError>;
}

/// The pipeline's own stages, and the typed artifacts passed between them.
#[derive(Default)]
pub struct PipelineStages<'a> {
    champion: Option<&'a Champion>,
    ingestion: Option<DataIngestionArtifact>,
    validation: Option<DataValidationArtifact>,
    transformation: Option<DataTransformationArtifact>,
    trainer: Option<ModelTrainerArtifact>,
    evaluation: Option<ModelEvaluationArtifact>,
}

impl<'a> PipelineStages<'a> {
    /// The stages, compared with this champion.
    pub fn new(champion: Option<&'a Champion>) -> Self {
        Self {
            champion,
            ..Self::default()
        }
    }
}

impl StageCalls for PipelineStages<'_> {
    fn run(
        &mut self,
        stage: StageName,
        ctx: &StageContext<'_>,
    ) -> Result<StageOutput<Value>, CommandError> {
        match stage {
            StageName::DataIngestion => untyped(data_ingestion::run(ctx)?),
            StageName::DataValidation => untyped(data_validation::run(
                ctx,
                before(&self.ingestion, stage)?,
                self.champion,
            )?),
            StageName::DataTransformation => untyped(data_transformation::run(
                ctx,
                before(&self.ingestion, stage)?,
            )?),
            StageName::ModelTrainer => untyped(model_trainer::run(
                ctx,
                before(&self.ingestion, stage)?,
                before(&self.transformation, stage)?,
            )?),
            StageName::ModelEvaluation => untyped(model_evaluation::run(
                ctx,
                before(&self.ingestion, stage)?,
                before(&self.trainer, stage)?,
                self.champion,
            )?),
            StageName::ModelPusher => untyped(model_pusher::run(
                ctx,
                before(&self.trainer, stage)?,
                before(&self.evaluation, stage)?,
            )?),
        }
    }

    fn accept(&mut self, stage: StageName, artifact: Value) -> Result<(), CommandError> {
        match stage {
            StageName::DataIngestion => self.ingestion = Some(typed(stage, artifact)?),
            StageName::DataValidation => self.validation = Some(typed(stage, artifact)?),
            StageName::DataTransformation => self.transformation = Some(typed(stage, artifact)?),
            StageName::ModelTrainer => self.trainer = Some(typed(stage, artifact)?),
            StageName::ModelEvaluation => self.evaluation = Some(typed(stage, artifact)?),
            // Nothing comes after it.
            StageName::ModelPusher => {}
        }
        Ok(())
    }
}

fn before<T>(artifact: &Option<T>, stage: StageName) -> Result<&T, CommandError> {
    artifact.as_ref().ok_or_else(|| {
        CommandError::internal(format!(
            "{stage} was called before a stage whose artifact it needs"
        ))
    })
}

fn untyped<T: Serialize>(output: StageOutput<T>) -> Result<StageOutput<Value>, CommandError> {
    Ok(StageOutput {
        artifact: serde_json::to_value(&output.artifact)
            .map_err(|e| CommandError::internal("an artifact cannot be written").because(e))?,
        verdict: output.verdict,
        summary: output.summary,
    })
}

fn typed<T: DeserializeOwned>(stage: StageName, artifact: Value) -> Result<T, CommandError> {
    serde_json::from_value(artifact).map_err(|e| {
        CommandError::internal(format!("artifact.json of {stage} cannot be read"))
            .because(e)
            .hint(format!("`netsec retrain --from {stage}` makes it anew."))
    })
}
