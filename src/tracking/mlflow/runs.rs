//! Runs: make, read, find, change, log to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::{MlflowError, Problem};
use super::ids::{ExperimentId, LoggedModelId, MlflowRunId};
use super::lenient;
use super::values::{DATASET_DIGEST, LogBatch, Metric, Param, Tag, cut_text, milliseconds};

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// It runs.
    Running,
    /// It waits.
    Scheduled,
    /// It ended well.
    Finished,
    /// It failed.
    Failed,
    /// Somebody ended it.
    Killed,
    /// A state of a newer server.
    #[serde(other)]
    Other,
}

/// What a run is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RunInfo {
    /// Its id.
    pub run_id: MlflowRunId,
    /// The experiment it belongs to.
    pub experiment_id: ExperimentId,
    /// Its name.
    #[serde(default)]
    pub run_name: String,
    /// Its state.
    pub status: RunStatus,
    /// When it began, milliseconds since 1970.
    #[serde(default, deserialize_with = "lenient::maybe_whole")]
    pub start_time: Option<i64>,
    /// When it ended.
    #[serde(default, deserialize_with = "lenient::maybe_whole")]
    pub end_time: Option<i64>,
    /// Where its artifacts lie.
    #[serde(default)]
    pub artifact_uri: String,
    /// `active` or `deleted`.
    #[serde(default)]
    pub lifecycle_stage: String,
}

/// What a run holds; of each metric the last point.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct RunData {
    /// Metrics.
    #[serde(default, deserialize_with = "lenient::list")]
    pub metrics: Vec<Metric>,
    /// Parameters.
    #[serde(default, deserialize_with = "lenient::list")]
    pub params: Vec<Param>,
    /// Tags.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
}

impl RunData {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|t| t.key() == key).map(Tag::value)
    }
}

/// What a run read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct RunInputs {
    /// Data sets.
    #[serde(default, deserialize_with = "lenient::list")]
    pub dataset_inputs: Vec<DatasetInput>,
}

/// What a run made.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct RunOutputs {
    /// Logged models.
    #[serde(default, deserialize_with = "lenient::list")]
    pub model_outputs: Vec<ModelOutput>,
}

/// A logged model that a run made.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ModelOutput {
    /// The model.
    pub model_id: LoggedModelId,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Run {
    /// What it is.
    pub info: RunInfo,
    /// What it holds.
    #[serde(default)]
    pub data: RunData,
    /// What it read.
    #[serde(default)]
    pub inputs: RunInputs,
    /// What it made; 3.x only.
    #[serde(default)]
    pub outputs: RunOutputs,
}

/// A run to be made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewRun {
    /// The experiment.
    pub experiment_id: ExperimentId,
    /// The name.
    pub run_name: String,
    /// When it began, milliseconds since 1970.
    pub start_time: i64,
    /// Who began it; servers of 2.x show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Tags, the one it is found by among them.
    pub tags: Vec<Tag>,
}

/// A data set that a run read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Its digest, at most 36 characters.
    pub digest: String,
    /// What `source` is: `local`, `mongodb`.
    #[serde(default)]
    pub source_type: String,
    /// Where it came from, as JSON; the whole digest too. At most 64 KiB.
    #[serde(default)]
    pub source: String,
    /// Its columns, as JSON. At most 1 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Figures about it, as JSON. At most 16 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// A data set and what it was for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetInput {
    /// `mlflow.data.context`: `training`, `test`.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
    /// The data set.
    pub dataset: Dataset,
}

impl DatasetInput {
    /// A data set in a context, within the limits: name and digest are cut; a schema or profile
    /// that is too long is left out, because half a JSON text is none.
    pub fn new(context: &str, mut dataset: Dataset) -> Self {
        dataset.name = cut_text(&dataset.name, 500).0.into_owned();
        dataset.digest = dataset.digest.chars().take(DATASET_DIGEST).collect();
        dataset.schema = dataset.schema.filter(|s| s.len() <= 1_000_000);
        dataset.profile = dataset.profile.filter(|p| p.len() <= 1_000_000);
        if dataset.source.len() > 65_000 {
            dataset.source = "{}".to_owned();
        }
        Self {
            tags: vec![Tag::short("mlflow.data.context", context)],
            dataset,
        }
    }
}

/// What changes about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunUpdate {
    /// The state.
    pub status: RunStatus,
    /// When it ended, for a final state.
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct OneRun {
    run: Run,
}

#[derive(Deserialize)]
struct Updated {
    run_info: RunInfo,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, deserialize_with = "lenient::list")]
    runs: Vec<Run>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct History {
    #[serde(default, deserialize_with = "lenient::list")]
    metrics: Vec<Metric>,
    #[serde(default)]
    next_page_token: Option<String>,
}

/// Pages read of one search, so that a server that never ends cannot hold us.
pub(super) const PAGES: usize = 1_000;

/// The filter that finds what carries a tag; none for a key or value that cannot be quoted.
pub fn tag_filter(key: &str, value: &str) -> Option<String> {
    let quotable = |text: &str| {
        !text.contains(['\'', '"', '`', '\\', '%']) && !text.contains(char::is_control)
    };
    (quotable(key) && quotable(value)).then(|| format!("tags.`{key}` = '{value}'"))
}

impl Client {
    /// Makes a run. Repeating it makes a second one: search by a tag first.
    pub async fn create_run(&self, run: &NewRun) -> Result<Run, MlflowError> {
        let made: OneRun = self.send(Endpoint::RunsCreate, run).await?;
        Ok(made.run)
    }

    /// Reads a run.
    pub async fn run(&self, id: &MlflowRunId) -> Result<Run, MlflowError> {
        let found: OneRun = self
            .get(Endpoint::RunsGet, &[("run_id", id.as_str())])
            .await?;
        Ok(found.run)
    }

    /// Finds every run that a filter matches; deleted ones are left out.
    pub async fn search_runs(
        &self,
        experiments: &[ExperimentId],
        filter: &str,
    ) -> Result<Vec<Run>, MlflowError> {
        #[derive(Serialize)]
        struct Search<'a> {
            experiment_ids: &'a [ExperimentId],
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
                    Endpoint::RunsSearch,
                    &Search {
                        experiment_ids: experiments,
                        filter,
                        max_results: 1_000,
                        page_token: token.as_deref(),
                    },
                )
                .await?;
            found.extend(page.runs);
            token = page.next_page_token.filter(|t| !t.is_empty());
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Finds the runs of an experiment that carry a tag, oldest first.
    pub async fn runs_by_tag(
        &self,
        experiment: &ExperimentId,
        key: &str,
        value: &str,
    ) -> Result<Vec<Run>, MlflowError> {
        let filter = self.tag_filter(Endpoint::RunsSearch, key, value)?;
        let mut found = self
            .search_runs(std::slice::from_ref(experiment), &filter)
            .await?;
        found.sort_by(|a, b| {
            (a.info.start_time, &a.info.run_id).cmp(&(b.info.start_time, &b.info.run_id))
        });
        Ok(found)
    }

    pub(super) fn tag_filter(
        &self,
        call: Endpoint,
        key: &str,
        value: &str,
    ) -> Result<String, MlflowError> {
        tag_filter(key, value).ok_or_else(|| {
            self.error(
                call,
                Problem::Invalid {
                    said: "a quote in a tag that is searched for".to_owned(),
                },
            )
        })
    }

    /// Changes a run's state. The server keeps the old one in silence when it does not know the
    /// new one, so its reply is compared.
    pub async fn update_run(
        &self,
        id: &MlflowRunId,
        update: &RunUpdate,
    ) -> Result<RunInfo, MlflowError> {
        #[derive(Serialize)]
        struct Update<'a> {
            run_id: &'a MlflowRunId,
            status: RunStatus,
            #[serde(skip_serializing_if = "Option::is_none")]
            end_time: Option<i64>,
        }
        let updated: Updated = self
            .send(
                Endpoint::RunsUpdate,
                &Update {
                    run_id: id,
                    status: update.status,
                    end_time: update.ended_at.map(milliseconds),
                },
            )
            .await?;
        if updated.run_info.status != update.status {
            return Err(self.error(
                Endpoint::RunsUpdate,
                Problem::Invalid {
                    said: format!("the server kept the state {:?}", updated.run_info.status),
                },
            ));
        }
        Ok(updated.run_info)
    }

    /// Marks a run as deleted.
    pub async fn delete_run(&self, id: &MlflowRunId) -> Result<(), MlflowError> {
        self.tell(Endpoint::RunsDelete, &Named { run_id: id }).await
    }

    /// Logs one batch, made by [`super::batches`].
    pub async fn log_batch(&self, batch: &LogBatch) -> Result<(), MlflowError> {
        self.tell(Endpoint::RunsLogBatch, batch).await
    }

    /// Sets one tag.
    pub async fn set_tag(&self, id: &MlflowRunId, tag: &Tag) -> Result<(), MlflowError> {
        #[derive(Serialize)]
        struct Set<'a> {
            run_id: &'a MlflowRunId,
            #[serde(flatten)]
            tag: &'a Tag,
        }
        self.tell(Endpoint::RunsSetTag, &Set { run_id: id, tag })
            .await
    }

    /// Says which data sets the run read. Repeating it changes nothing.
    pub async fn log_inputs(
        &self,
        id: &MlflowRunId,
        datasets: &[DatasetInput],
    ) -> Result<(), MlflowError> {
        #[derive(Serialize)]
        struct Inputs<'a> {
            run_id: &'a MlflowRunId,
            datasets: &'a [DatasetInput],
        }
        self.tell(
            Endpoint::RunsLogInputs,
            &Inputs {
                run_id: id,
                datasets,
            },
        )
        .await
    }

    /// Says which logged models the run made; 3.x only.
    pub async fn log_outputs(
        &self,
        id: &MlflowRunId,
        models: &[LoggedModelId],
    ) -> Result<(), MlflowError> {
        #[derive(Serialize)]
        struct Output<'a> {
            model_id: &'a LoggedModelId,
            step: i64,
        }
        #[derive(Serialize)]
        struct Outputs<'a> {
            run_id: &'a MlflowRunId,
            models: Vec<Output<'a>>,
        }
        let models = models
            .iter()
            .map(|model_id| Output { model_id, step: 0 })
            .collect();
        self.tell(Endpoint::RunsOutputs, &Outputs { run_id: id, models })
            .await
    }

    /// Tells the run that its artifacts hold a model folder: the way of servers without logged
    /// models. `model_json` is what stands in the folder's MLmodel, as JSON. Repeating it adds a
    /// second line to the tag `mlflow.log-model.history`: look there first.
    pub async fn log_model(&self, id: &MlflowRunId, model_json: &str) -> Result<(), MlflowError> {
        #[derive(Serialize)]
        struct LogModel<'a> {
            run_id: &'a MlflowRunId,
            model_json: &'a str,
        }
        self.tell(
            Endpoint::RunsLogModel,
            &LogModel {
                run_id: id,
                model_json,
            },
        )
        .await
    }

    /// Every point of a metric, in the server's order.
    pub async fn metric_history(
        &self,
        id: &MlflowRunId,
        key: &str,
    ) -> Result<Vec<Metric>, MlflowError> {
        let mut points = Vec::new();
        let mut token = String::new();
        for _ in 0..PAGES {
            let mut query = vec![
                ("run_id", id.as_str()),
                ("metric_key", key),
                ("max_results", "10000"),
            ];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let page: History = self.get(Endpoint::MetricsGetHistory, &query).await?;
            points.extend(page.metrics);
            token = page.next_page_token.unwrap_or_default();
            if token.is_empty() {
                break;
            }
        }
        Ok(points)
    }
}

#[derive(Serialize)]
struct Named<'a> {
    run_id: &'a MlflowRunId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_cannot_be_broken_out_of() {
        assert_eq!(
            tag_filter("netsec.idempotency_key", "a-1").unwrap(),
            "tags.`netsec.idempotency_key` = 'a-1'"
        );
        for hostile in ["x' OR 'a", "`", "a\"", "a\\", "50%", "a\nb"] {
            assert_eq!(tag_filter("k", hostile), None, "{hostile}");
            assert_eq!(tag_filter(hostile, "v"), None, "{hostile}");
        }
    }

    #[test]
    fn replies_of_old_and_new_servers_are_read() {
        let run: Run = serde_json::from_str(
            r#"{"info": {"run_uuid": "r", "run_id": "r", "experiment_id": "1", "status": "PAUSED",
                "start_time": "1795352250377", "new": {}}, "data": {"metrics": null}}"#,
        )
        .unwrap();
        assert_eq!(run.info.status, RunStatus::Other);
        assert_eq!(run.info.start_time, Some(1_795_352_250_377));
        assert!(run.data.metrics.is_empty() && run.outputs.model_outputs.is_empty());
        assert_eq!(
            serde_json::to_string(&RunStatus::Finished).unwrap(),
            "\"FINISHED\""
        );
    }

    #[test]
    fn a_data_set_is_made_to_fit() {
        let input = DatasetInput::new(
            "training",
            Dataset {
                name: "n".repeat(600),
                digest: "d".repeat(64),
                source_type: "local".into(),
                source: "s".repeat(70_000),
                schema: Some("x".repeat(2_000_000)),
                profile: Some("{}".into()),
            },
        );
        assert_eq!(input.dataset.name.len(), 500);
        assert_eq!(input.dataset.digest.len(), 36);
        assert_eq!(input.dataset.source, "{}");
        assert_eq!(
            (input.dataset.schema, input.dataset.profile.as_deref()),
            (None, Some("{}"))
        );
    }
}
