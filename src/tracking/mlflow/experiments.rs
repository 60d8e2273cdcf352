//! Experiments: make one, find one by name.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::{MlflowError, Problem};
use super::ids::ExperimentId;
use super::lenient;
use super::values::{Tag, cut_text};

/// An experiment.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Experiment {
    /// Its id.
    pub experiment_id: ExperimentId,
    /// Its name.
    pub name: String,
    /// `active` or `deleted`.
    #[serde(default)]
    pub lifecycle_stage: String,
    /// Where its artifacts lie.
    #[serde(default)]
    pub artifact_location: String,
    /// Its tags.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
}

impl Experiment {
    /// Whether runs can be logged to it.
    pub fn active(&self) -> bool {
        self.lifecycle_stage != "deleted"
    }
}

#[derive(Serialize)]
struct Create<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "<[Tag]>::is_empty")]
    tags: &'a [Tag],
}

#[derive(Deserialize)]
struct Created {
    experiment_id: ExperimentId,
}

#[derive(Deserialize)]
struct Found {
    experiment: Experiment,
}

impl Client {
    /// Makes an experiment. [`Problem::AlreadyExists`] also when a deleted one has the name.
    pub async fn create_experiment(
        &self,
        name: &str,
        tags: &[Tag],
    ) -> Result<ExperimentId, MlflowError> {
        let name = &*cut_text(name, 500).0;
        let created: Created = self
            .send(Endpoint::ExperimentsCreate, &Create { name, tags })
            .await?;
        Ok(created.experiment_id)
    }

    /// Reads an experiment by its name, deleted ones too; none when there is none.
    pub async fn experiment_by_name(&self, name: &str) -> Result<Option<Experiment>, MlflowError> {
        let name = &*cut_text(name, 500).0;
        let found: Result<Found, MlflowError> = self
            .get(Endpoint::ExperimentsGetByName, &[("experiment_name", name)])
            .await;
        match found {
            Ok(found) => Ok(Some(found.experiment)),
            Err(e) if matches!(e.problem, Problem::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The experiment of a name, made when there is none, also when somebody else makes it at the
    /// same moment. A deleted one of the name is [`Problem::AlreadyExists`].
    pub async fn ensure_experiment(&self, name: &str) -> Result<ExperimentId, MlflowError> {
        let taken = |e: &Experiment| {
            self.error(
                Endpoint::ExperimentsCreate,
                Problem::AlreadyExists {
                    said: format!(
                        "the experiment `{}` is deleted",
                        crate::text::clean_to(&e.name, 60)
                    ),
                },
            )
        };
        match self.experiment_by_name(name).await? {
            Some(e) if e.active() => return Ok(e.experiment_id),
            Some(e) => return Err(taken(&e)),
            None => {}
        }
        match self.create_experiment(name, &[]).await {
            Err(e) if matches!(e.problem, Problem::AlreadyExists { .. }) => {
                match self.experiment_by_name(name).await? {
                    Some(found) if found.active() => Ok(found.experiment_id),
                    Some(found) => Err(taken(&found)),
                    None => Err(e),
                }
            }
            result => result,
        }
    }
}
