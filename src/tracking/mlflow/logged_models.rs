//! Logged models: what MLflow 3 calls a model that a run made. Older servers have none.

use serde::{Deserialize, Serialize};

use super::client::{Client, Nothing};
use super::endpoint::Endpoint;
use super::error::MlflowError;
use super::ids::{ExperimentId, LoggedModelId, MlflowRunId};
use super::lenient;
use super::runs::PAGES;
use super::values::{Metric, Param, Tag};

/// The state of a logged model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoggedModelStatus {
    /// Its files are on their way.
    #[serde(rename = "LOGGED_MODEL_PENDING")]
    Pending,
    /// Its files are there.
    #[serde(rename = "LOGGED_MODEL_READY")]
    Ready,
    /// Its files did not come.
    #[serde(rename = "LOGGED_MODEL_UPLOAD_FAILED")]
    UploadFailed,
    /// A state of a newer server.
    #[serde(other)]
    Other,
}

/// What a logged model is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LoggedModelInfo {
    /// Its id.
    pub model_id: LoggedModelId,
    /// The experiment it belongs to.
    pub experiment_id: ExperimentId,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Where its files lie.
    #[serde(default)]
    pub artifact_uri: String,
    /// Its state.
    pub status: LoggedModelStatus,
    /// The run that made it.
    #[serde(default)]
    pub source_run_id: Option<MlflowRunId>,
    /// When it was made, milliseconds since 1970.
    #[serde(default, deserialize_with = "lenient::maybe_whole")]
    pub creation_timestamp_ms: Option<i64>,
    /// Its tags.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
}

/// What a logged model holds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct LoggedModelData {
    /// Parameters.
    #[serde(default, deserialize_with = "lenient::list")]
    pub params: Vec<Param>,
    /// Metrics that were logged with its id.
    #[serde(default, deserialize_with = "lenient::list")]
    pub metrics: Vec<Metric>,
}

/// A logged model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LoggedModel {
    /// What it is.
    pub info: LoggedModelInfo,
    /// What it holds.
    #[serde(default)]
    pub data: LoggedModelData,
}

/// A logged model to be made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewLoggedModel {
    /// The experiment.
    pub experiment_id: ExperimentId,
    /// The name.
    pub name: String,
    /// A word about its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run_id: MlflowRunId,
    /// Parameters, 100 at most.
    pub params: Vec<Param>,
    /// Tags, the one it is found by among them.
    pub tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct OneModel {
    model: LoggedModel,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, deserialize_with = "lenient::list")]
    models: Vec<LoggedModel>,
    #[serde(default)]
    next_page_token: Option<String>,
}

impl Client {
    /// Makes a logged model. Repeating it makes a second one: search by a tag first.
    pub async fn create_logged_model(
        &self,
        model: &NewLoggedModel,
    ) -> Result<LoggedModel, MlflowError> {
        let made: OneModel = self.send(Endpoint::LoggedModelsCreate, model).await?;
        Ok(made.model)
    }

    /// Finds the logged models of an experiment that carry a tag, oldest first.
    pub async fn logged_models_by_tag(
        &self,
        experiment: &ExperimentId,
        key: &str,
        value: &str,
    ) -> Result<Vec<LoggedModel>, MlflowError> {
        let filter = self.tag_filter(Endpoint::LoggedModelsSearch, key, value)?;
        let mut found = self.search_logged_models(experiment, &filter).await?;
        found.sort_by(|a, b| {
            (a.info.creation_timestamp_ms, &a.info.model_id)
                .cmp(&(b.info.creation_timestamp_ms, &b.info.model_id))
        });
        Ok(found)
    }

    /// Finds the logged models of an experiment that a filter matches.
    pub async fn search_logged_models(
        &self,
        experiment: &ExperimentId,
        filter: &str,
    ) -> Result<Vec<LoggedModel>, MlflowError> {
        #[derive(Serialize)]
        struct Search<'a> {
            experiment_ids: [&'a ExperimentId; 1],
            #[serde(skip_serializing_if = "str::is_empty")]
            filter: &'a str,
            max_results: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            page_token: Option<&'a str>,
        }
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let page: Page = self
                .send(
                    Endpoint::LoggedModelsSearch,
                    &Search {
                        experiment_ids: [experiment],
                        filter,
                        max_results: 50,
                        page_token: token.as_deref(),
                    },
                )
                .await?;
            found.extend(page.models);
            token = page.next_page_token.filter(|t| !t.is_empty());
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Reads a logged model.
    pub async fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel, MlflowError> {
        let found: OneModel = self
            .get_at(Endpoint::LoggedModelsGet, &[id.as_str()])
            .await?;
        Ok(found.model)
    }

    /// Says that a logged model's files are there, or did not come.
    pub async fn finalize_logged_model(
        &self,
        id: &LoggedModelId,
        status: LoggedModelStatus,
    ) -> Result<LoggedModel, MlflowError> {
        #[derive(Serialize)]
        struct Finalize<'a> {
            model_id: &'a LoggedModelId,
            status: LoggedModelStatus,
        }
        let model: OneModel = self
            .send_to(
                Endpoint::LoggedModelsFinalize,
                &[id.as_str()],
                &Finalize {
                    model_id: id,
                    status,
                },
            )
            .await?;
        Ok(model.model)
    }

    /// Removes a logged model.
    pub async fn delete_logged_model(&self, id: &LoggedModelId) -> Result<(), MlflowError> {
        let _: Nothing = self
            .get_at(Endpoint::LoggedModelsDelete, &[id.as_str()])
            .await?;
        Ok(())
    }
}
