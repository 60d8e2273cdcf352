//! The registry: registered models, their versions and aliases.
//!
//! An alias is a plain pointer without history and without compare-and-set. Who moves it, and
//! whether it may be moved, is decided elsewhere; here it is set, read and removed.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::{MlflowError, Problem};
use super::ids::{LoggedModelId, MlflowRunId};
use super::lenient;
use super::runs::PAGES;
use super::values::{Tag, valid_alias};

/// A registered model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RegisteredModel {
    /// Its name.
    pub name: String,
    /// Its tags.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
}

/// The state of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum VersionStatus {
    /// Its files are on their way.
    #[serde(rename = "PENDING_REGISTRATION")]
    Pending,
    /// It failed.
    #[serde(rename = "FAILED_REGISTRATION")]
    Failed,
    /// It is there.
    #[default]
    #[serde(rename = "READY")]
    Ready,
    /// A state of a newer server.
    #[serde(other)]
    Other,
}

/// A version of a registered model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ModelVersion {
    /// The registered model.
    pub name: String,
    /// The number, a text of digits.
    #[serde(deserialize_with = "lenient::text")]
    pub version: String,
    /// Where its files lie.
    #[serde(default)]
    pub source: String,
    /// The run it came from.
    #[serde(default)]
    pub run_id: String,
    /// Its state.
    #[serde(default)]
    pub status: VersionStatus,
    /// Its tags.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
    /// The aliases that point at it; not every call fills them.
    #[serde(default, deserialize_with = "lenient::list")]
    pub aliases: Vec<String>,
}

impl ModelVersion {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|t| t.key() == key).map(Tag::value)
    }
    /// The number, to put versions in order.
    pub fn number(&self) -> Option<u64> {
        self.version.parse().ok()
    }
}

/// A version to be made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewModelVersion {
    /// The registered model.
    pub name: String,
    /// `models:/<logged model>`, or the run's artifact address and `/model`.
    pub source: String,
    /// The run it came from.
    pub run_id: MlflowRunId,
    /// The logged model; not for servers without them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_id: Option<LoggedModelId>,
    /// A sentence about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags, the one it is found by among them.
    pub tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct OneRegistered {
    registered_model: RegisteredModel,
}

#[derive(Deserialize)]
struct OneVersion {
    model_version: ModelVersion,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, deserialize_with = "lenient::list")]
    model_versions: Vec<ModelVersion>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    version: &'a str,
}

impl Client {
    /// Makes a registered model.
    pub async fn create_registered_model(
        &self,
        name: &str,
        description: &str,
        tags: &[Tag],
    ) -> Result<RegisteredModel, MlflowError> {
        #[derive(Serialize)]
        struct Create<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "str::is_empty")]
            description: &'a str,
            #[serde(skip_serializing_if = "<[Tag]>::is_empty")]
            tags: &'a [Tag],
        }
        let made: OneRegistered = self
            .send(
                Endpoint::RegisteredModelsCreate,
                &Create {
                    name,
                    description,
                    tags,
                },
            )
            .await?;
        Ok(made.registered_model)
    }

    /// Reads a registered model; none when there is none.
    pub async fn registered_model(
        &self,
        name: &str,
    ) -> Result<Option<RegisteredModel>, MlflowError> {
        let found: Result<OneRegistered, MlflowError> = self
            .get(Endpoint::RegisteredModelsGet, &[("name", name)])
            .await;
        match found {
            Ok(found) => Ok(Some(found.registered_model)),
            Err(e) if matches!(e.problem, Problem::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Makes sure that a registered model exists.
    pub async fn ensure_registered_model(
        &self,
        name: &str,
        description: &str,
    ) -> Result<(), MlflowError> {
        match self.create_registered_model(name, description, &[]).await {
            Err(e) if matches!(e.problem, Problem::AlreadyExists { .. }) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Makes a version. Repeating it makes a second one: search by a tag first.
    pub async fn create_model_version(
        &self,
        version: &NewModelVersion,
    ) -> Result<ModelVersion, MlflowError> {
        let made: OneVersion = self.send(Endpoint::ModelVersionsCreate, version).await?;
        Ok(made.model_version)
    }

    /// Every version of a registered model, the lowest number first.
    pub async fn model_versions(&self, name: &str) -> Result<Vec<ModelVersion>, MlflowError> {
        let call = Endpoint::ModelVersionsSearch;
        if name.contains(['\'', '"', '`', '\\', '%']) {
            return Err(self.error(
                call,
                Problem::Invalid {
                    said: "a quote in the name of a registered model".to_owned(),
                },
            ));
        }
        let filter = format!("name='{name}'");
        let mut found = Vec::new();
        let mut token = String::new();
        for _ in 0..PAGES {
            let mut query = vec![("filter", filter.as_str()), ("max_results", "1000")];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let page: Page = self.get(call, &query).await?;
            found.extend(page.model_versions);
            token = page.next_page_token.unwrap_or_default();
            if token.is_empty() {
                break;
            }
        }
        found.sort_by_key(ModelVersion::number);
        Ok(found)
    }

    /// The versions of a registered model that carry a tag, the lowest number first. Old servers
    /// cannot search by tag, so the versions are read and looked through.
    pub async fn model_versions_by_tag(
        &self,
        name: &str,
        key: &str,
        value: &str,
    ) -> Result<Vec<ModelVersion>, MlflowError> {
        let mut found = self.model_versions(name).await?;
        found.retain(|v| v.tag(key) == Some(value));
        Ok(found)
    }

    /// Reads a version.
    pub async fn model_version(
        &self,
        name: &str,
        version: &str,
    ) -> Result<ModelVersion, MlflowError> {
        let found: OneVersion = self
            .get(
                Endpoint::ModelVersionsGet,
                &[("name", name), ("version", version)],
            )
            .await?;
        Ok(found.model_version)
    }

    /// Sets one tag of a version.
    pub async fn set_model_version_tag(
        &self,
        name: &str,
        version: &str,
        tag: &Tag,
    ) -> Result<(), MlflowError> {
        #[derive(Serialize)]
        struct Set<'a> {
            name: &'a str,
            version: &'a str,
            #[serde(flatten)]
            tag: &'a Tag,
        }
        self.tell(Endpoint::ModelVersionsSetTag, &Set { name, version, tag })
            .await
    }

    /// Removes a version.
    pub async fn delete_model_version(&self, name: &str, version: &str) -> Result<(), MlflowError> {
        self.tell(Endpoint::ModelVersionsDelete, &Named { name, version })
            .await
    }

    /// Points an alias at a version. The last writer wins: read it back.
    pub async fn set_alias(
        &self,
        name: &str,
        alias: &str,
        version: &str,
    ) -> Result<(), MlflowError> {
        #[derive(Serialize)]
        struct Set<'a> {
            name: &'a str,
            alias: &'a str,
            version: &'a str,
        }
        if !valid_alias(alias) {
            return Err(self.error(
                Endpoint::AliasSet,
                Problem::Invalid {
                    said: format!("`{}` cannot be an alias", crate::text::clean_to(alias, 60)),
                },
            ));
        }
        self.tell(
            Endpoint::AliasSet,
            &Set {
                name,
                alias,
                version,
            },
        )
        .await
    }

    /// The version that an alias points at; none when there is no such alias or model.
    pub async fn version_by_alias(
        &self,
        name: &str,
        alias: &str,
    ) -> Result<Option<ModelVersion>, MlflowError> {
        let found: Result<OneVersion, MlflowError> = self
            .get(Endpoint::AliasGet, &[("name", name), ("alias", alias)])
            .await;
        match found {
            Ok(found) => Ok(Some(found.model_version)),
            Err(e) => match &e.problem {
                Problem::NotFound { .. } => Ok(None),
                // MLflow says 400 and not 404 for an alias that is missing.
                Problem::Invalid { said }
                    if said.contains("alias") && said.contains("not found") =>
                {
                    Ok(None)
                }
                _ => Err(e),
            },
        }
    }

    /// Removes an alias. Removing one that is not there is no error.
    pub async fn delete_alias(&self, name: &str, alias: &str) -> Result<(), MlflowError> {
        #[derive(Serialize)]
        struct Delete<'a> {
            name: &'a str,
            alias: &'a str,
        }
        self.tell(Endpoint::AliasDelete, &Delete { name, alias })
            .await
    }
}
