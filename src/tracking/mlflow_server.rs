//! [`Server`] over the REST client: translation, and repetition of what may be repeated.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use chrono::DateTime;

use super::fact::{Input, Status};
use super::mlflow::{
    ArtifactPath, ArtifactRoot, Capability, Class, Client, Dataset, DatasetInput, ExperimentId,
    IdError, LoggedModel, LoggedModelId, LoggedModelStatus, Metric, MlflowError, MlflowRunId,
    ModelVersion, NewLoggedModel, NewModelVersion, NewRun, Param, Policy, Problem, Run, RunStatus,
    RunUpdate, Tag, batches, retrying,
};
use super::server::{
    Batch, RemoteModel, RemoteRun, RemoteVersion, RunToMake, SendError, SentPoint, Server, Trouble,
    VersionToMake,
};
use crate::hash;

/// The largest artifact that is read back for a comparison.
const LARGEST: u64 = 64 << 20;
/// How often a step down the ladder has to be found.
const PROBES: u32 = 3;
/// Parameters that a logged model takes when it is made.
const MODEL_PARAMS: usize = 100;

/// A real server.
#[derive(Clone, Debug)]
pub struct MlflowServer {
    client: Client,
    policy: Policy,
    /// Probed once: a level is half a dozen requests.
    level: OnceLock<Capability>,
}

impl MlflowServer {
    /// The server of a client.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            policy: Policy::default(),
            level: OnceLock::new(),
        }
    }

    /// The same with other pauses between repetitions.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Its address, without credentials.
    pub fn address(&self) -> &str {
        self.client.address()
    }

    /// Repeats a call as often as makes sense.
    async fn again<T, F, Fut>(&self, call: F) -> Result<T, SendError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, MlflowError>>,
    {
        Ok(retrying(self.policy, call).await?)
    }
}

impl From<MlflowError> for SendError {
    fn from(e: MlflowError) -> Self {
        let trouble = match &e.problem {
            Problem::Forbidden { .. } => Trouble::Forbidden,
            Problem::NotFound { .. } => Trouble::Missing,
            other => match other.class() {
                Class::Transient => Trouble::Down,
                Class::Blocked => Trouble::Blocked,
                Class::Rejected => Trouble::Rejected,
                Class::Unsupported => Trouble::Unsupported,
            },
        };
        SendError {
            trouble,
            text: e.to_string(),
            hint: e.problem.hint().to_owned(),
        }
    }
}

impl From<IdError> for SendError {
    fn from(e: IdError) -> Self {
        SendError {
            trouble: Trouble::Rejected,
            text: format!("the server gave an id that is none: {e}"),
            hint: "Check that the address is MLflow's.".to_owned(),
        }
    }
}

fn tags(map: &BTreeMap<String, String>) -> Vec<Tag> {
    map.iter().map(|(k, v)| Tag::short(k, v)).collect()
}

fn tag_map(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .map(|t| (t.key().to_owned(), t.value().to_owned()))
        .collect()
}

fn metric(point: &SentPoint) -> Metric {
    let at = DateTime::from_timestamp_millis(point.at_ms).unwrap_or_default();
    Metric::new(&point.name, point.value, at, point.step)
}

fn place(root: &str, path: &str) -> Result<(ArtifactRoot, ArtifactPath), SendError> {
    let wrong = |trouble, text: String| SendError {
        trouble,
        text,
        hint: "Start the server with --serve-artifacts.".to_owned(),
    };
    let root = ArtifactRoot::parse(root).map_err(|p| wrong(Trouble::Rejected, p.to_string()))?;
    let path = ArtifactPath::new(path).ok_or_else(|| {
        wrong(
            Trouble::Rejected,
            "the artifact's name cannot be sent".to_owned(),
        )
    })?;
    Ok((root, path))
}

impl From<Run> for RemoteRun {
    fn from(run: Run) -> Self {
        RemoteRun {
            id: run.info.run_id.to_string(),
            root: run.info.artifact_uri,
            status: match run.info.status {
                RunStatus::Running => Some(Status::Running),
                RunStatus::Finished => Some(Status::Finished),
                RunStatus::Failed => Some(Status::Failed),
                RunStatus::Killed => Some(Status::Killed),
                RunStatus::Scheduled | RunStatus::Other => None,
            },
            end_ms: run.info.end_time.filter(|t| *t > 0),
            deleted: run.info.lifecycle_stage == "deleted",
            tags: tag_map(&run.data.tags),
            params: run
                .data
                .params
                .iter()
                .map(|p| (p.key().to_owned(), p.value().to_owned()))
                .collect(),
            metrics: run
                .data
                .metrics
                .iter()
                .map(|m| m.key().to_owned())
                .collect(),
            inputs: run
                .inputs
                .dataset_inputs
                .into_iter()
                .map(|i| (i.dataset.name, i.dataset.digest))
                .collect(),
        }
    }
}

impl From<LoggedModel> for RemoteModel {
    fn from(model: LoggedModel) -> Self {
        RemoteModel {
            id: model.info.model_id.to_string(),
            root: model.info.artifact_uri,
            ready: model.info.status == LoggedModelStatus::Ready,
            tags: tag_map(&model.info.tags),
        }
    }
}

impl From<ModelVersion> for RemoteVersion {
    fn from(version: ModelVersion) -> Self {
        RemoteVersion {
            tags: tag_map(&version.tags),
            number: version.version,
        }
    }
}

impl Server for MlflowServer {
    async fn level(&self) -> Result<Capability, SendError> {
        if let Some(level) = self.level.get() {
            return Ok(*level);
        }
        let mut found = Capability::Offline;
        // A server that fails once under load looks like an old one that does not know the call,
        // and a run that is sent as to an old one has its model in another place: a step down
        // counts when it is found again.
        for _ in 0..PROBES {
            let probed = self
                .again(|| async {
                    let found = self.client.capabilities().await;
                    match found.problem {
                        Some(problem) => Err(problem),
                        None => Ok(found.level),
                    }
                })
                .await?;
            found = found.max(probed);
            if found == Capability::Full {
                break;
            }
        }
        Ok(*self.level.get_or_init(|| found))
    }

    async fn experiment(&self, name: &str) -> Result<String, SendError> {
        let id = self.again(|| self.client.ensure_experiment(name)).await?;
        Ok(id.to_string())
    }

    async fn find_runs(
        &self,
        experiment: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<RemoteRun>, SendError> {
        let experiment = ExperimentId::new(experiment)?;
        let found = self
            .again(|| self.client.runs_by_tag(&experiment, tag, value))
            .await?;
        Ok(found.into_iter().map(RemoteRun::from).collect())
    }

    async fn read_run(&self, id: &str) -> Result<RemoteRun, SendError> {
        let id = MlflowRunId::new(id)?;
        Ok(self.again(|| self.client.run(&id)).await?.into())
    }

    async fn make_run(&self, experiment: &str, run: &RunToMake) -> Result<RemoteRun, SendError> {
        let new = NewRun {
            experiment_id: ExperimentId::new(experiment)?,
            run_name: run.name.clone(),
            start_time: run.start_ms,
            user_id: Some(run.user.clone()),
            tags: tags(&run.tags),
        };
        Ok(self.client.create_run(&new).await?.into())
    }

    async fn delete_run(&self, id: &str) -> Result<(), SendError> {
        let id = MlflowRunId::new(id)?;
        let deleted = self.again(|| self.client.delete_run(&id)).await;
        // A first try may have deleted it although nobody said so.
        deleted.or_else(gone_is_done)
    }

    async fn log(&self, id: &str, batch: &Batch) -> Result<(), SendError> {
        let id = MlflowRunId::new(id)?;
        let pair = |(k, v): &(String, String)| (Param::new(k, v).0, Tag::short(k, v));
        let requests = batches(
            &id,
            batch.points.iter().map(metric).collect(),
            batch.params.iter().map(|p| pair(p).0).collect(),
            batch.tags.iter().map(|t| pair(t).1).collect(),
        );
        for request in &requests {
            self.again(|| self.client.log_batch(request)).await?;
        }
        Ok(())
    }

    async fn log_input(&self, id: &str, input: &Input) -> Result<(), SendError> {
        let id = MlflowRunId::new(id)?;
        let dataset = Dataset {
            name: input.name.clone(),
            digest: input.digest.clone(),
            source_type: input.source_type.clone(),
            source: input.source.clone(),
            schema: input.schema.clone(),
            profile: Some(input.profile.clone()),
        };
        let inputs = [DatasetInput::new("training", dataset)];
        self.again(|| self.client.log_inputs(&id, &inputs)).await
    }

    async fn update_run(
        &self,
        id: &str,
        status: Status,
        end_ms: Option<i64>,
    ) -> Result<(), SendError> {
        let id = MlflowRunId::new(id)?;
        let update = RunUpdate {
            status: match status {
                Status::Running => RunStatus::Running,
                Status::Finished => RunStatus::Finished,
                Status::Failed => RunStatus::Failed,
                Status::Killed => RunStatus::Killed,
            },
            ended_at: end_ms.and_then(DateTime::from_timestamp_millis),
        };
        self.again(|| self.client.update_run(&id, &update))
            .await
            .map(drop)
    }

    async fn put_file(&self, root: &str, path: &str, file: &Path) -> Result<(), SendError> {
        let (root, path) = place(root, path)?;
        self.again(|| self.client.put_file(&root, &path, file))
            .await
    }

    async fn put_bytes(&self, root: &str, path: &str, bytes: &[u8]) -> Result<(), SendError> {
        let (root, path) = place(root, path)?;
        self.again(|| self.client.put_bytes(&root, &path, bytes.to_vec()))
            .await
    }

    async fn sha256_of(&self, root: &str, path: &str) -> Result<Option<String>, SendError> {
        let (root, path) = place(root, path)?;
        match self
            .again(|| self.client.artifact(&root, &path, LARGEST))
            .await
        {
            Ok(bytes) => Ok(Some(hash::sha256(&bytes))),
            Err(e) if matches!(e.trouble, Trouble::Missing | Trouble::Unsupported) => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn find_models(
        &self,
        experiment: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<RemoteModel>, SendError> {
        let experiment = ExperimentId::new(experiment)?;
        let found = self
            .again(|| self.client.logged_models_by_tag(&experiment, tag, value))
            .await?;
        Ok(found.into_iter().map(RemoteModel::from).collect())
    }

    async fn make_model(
        &self,
        experiment: &str,
        name: &str,
        run: &str,
        tag_map: &BTreeMap<String, String>,
        params: &BTreeMap<String, String>,
    ) -> Result<RemoteModel, SendError> {
        let new = NewLoggedModel {
            experiment_id: ExperimentId::new(experiment)?,
            name: name.to_owned(),
            model_type: Some("classifier".to_owned()),
            source_run_id: MlflowRunId::new(run)?,
            params: params
                .iter()
                .take(MODEL_PARAMS)
                .map(|(k, v)| Param::new(k, v).0)
                .collect(),
            tags: tags(tag_map),
        };
        Ok(self.client.create_logged_model(&new).await?.into())
    }

    async fn log_of_model(
        &self,
        run: &str,
        model: &str,
        points: &[SentPoint],
    ) -> Result<(), SendError> {
        let run = MlflowRunId::new(run)?;
        let model = LoggedModelId::new(model)?;
        let metrics = points.iter().map(|p| metric(p).of_model(&model)).collect();
        for request in &batches(&run, metrics, Vec::new(), Vec::new()) {
            self.again(|| self.client.log_batch(request)).await?;
        }
        Ok(())
    }

    async fn finish_model(&self, id: &str) -> Result<(), SendError> {
        let id = LoggedModelId::new(id)?;
        self.again(|| {
            self.client
                .finalize_logged_model(&id, LoggedModelStatus::Ready)
        })
        .await
        .map(drop)
    }

    async fn delete_model(&self, id: &str) -> Result<(), SendError> {
        let id = LoggedModelId::new(id)?;
        let deleted = self.again(|| self.client.delete_logged_model(&id)).await;
        deleted.or_else(gone_is_done)
    }

    async fn add_output(&self, run: &str, model: &str) -> Result<(), SendError> {
        let run = MlflowRunId::new(run)?;
        let models = [LoggedModelId::new(model)?];
        let named = self.again(|| self.client.log_outputs(&run, &models)).await;
        match named {
            // The server refuses to be told twice, with a sentence of its database. Whether the
            // first time arrived, the run itself says.
            Err(e) if e.trouble == Trouble::Rejected => {
                let known = self.again(|| self.client.run(&run)).await?;
                let outputs = &known.outputs.model_outputs;
                if outputs.iter().any(|o| o.model_id == models[0]) {
                    Ok(())
                } else {
                    Err(e)
                }
            }
            other => other,
        }
    }

    async fn registered_model(&self, name: &str) -> Result<(), SendError> {
        self.again(|| self.client.ensure_registered_model(name, ""))
            .await
            .map(drop)
    }

    async fn versions(&self, name: &str) -> Result<Vec<RemoteVersion>, SendError> {
        let found = self.again(|| self.client.model_versions(name)).await?;
        Ok(found.into_iter().map(RemoteVersion::from).collect())
    }

    async fn make_version(&self, version: &VersionToMake) -> Result<RemoteVersion, SendError> {
        let new = NewModelVersion {
            name: version.name.clone(),
            source: version.source.clone(),
            run_id: MlflowRunId::new(version.run.clone())?,
            model_id: version.model.clone().map(LoggedModelId::new).transpose()?,
            description: Some(version.description.clone()),
            tags: tags(&version.tags),
        };
        Ok(self.client.create_model_version(&new).await?.into())
    }

    async fn tag_version(
        &self,
        name: &str,
        number: &str,
        tag: &str,
        value: &str,
    ) -> Result<(), SendError> {
        let tag = Tag::short(tag, value);
        self.again(|| self.client.set_model_version_tag(name, number, &tag))
            .await
    }

    async fn delete_version(&self, name: &str, number: &str) -> Result<(), SendError> {
        let deleted = self
            .again(|| self.client.delete_model_version(name, number))
            .await;
        deleted.or_else(gone_is_done)
    }

    async fn alias(&self, name: &str, alias: &str) -> Result<Option<String>, SendError> {
        let found = self
            .again(|| self.client.version_by_alias(name, alias))
            .await?;
        Ok(found.map(|v| v.version))
    }

    async fn set_alias(&self, name: &str, alias: &str, number: &str) -> Result<(), SendError> {
        self.again(|| self.client.set_alias(name, alias, number))
            .await
    }
}

/// Deleting what is not there (any more) is done.
fn gone_is_done(e: SendError) -> Result<(), SendError> {
    match e.trouble {
        Trouble::Missing | Trouble::Rejected => Ok(()),
        _ => Err(e),
    }
}
