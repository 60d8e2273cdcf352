//! The table of calls: verb and path of each.
//!
//! Paths are constants. A path is never built from what a server says; the few that end in an id
//! or an artifact's path take checked types only.

/// An HTTP verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Calls.
    Post,
    /// Writes a file.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

macro_rules! endpoints {
    ($($(#[$about:meta])* $name:ident = $verb:ident $path:literal;)*) => {
        /// A call of the server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Endpoint {
            $($(#[$about])* $name,)*
        }

        impl Endpoint {
            /// Every call.
            pub const ALL: &'static [Endpoint] = &[$(Endpoint::$name),*];

            /// The verb.
            pub const fn verb(self) -> Verb {
                match self {
                    $(Endpoint::$name => Verb::$verb,)*
                }
            }

            /// The path below the server's address. Calls that name one thing in the path have
            /// its checked name appended.
            pub const fn path(self) -> &'static str {
                match self {
                    $(Endpoint::$name => $path,)*
                }
            }
        }
    };
}

endpoints! {
    /// The server's version, as plain text.
    Version = Get "version";
    /// Whether the server lives, as plain text.
    Health = Get "health";
    /// What the server is; 3.x only.
    ServerInfo = Get "api/3.0/mlflow/server-info";
    /// Makes an experiment.
    ExperimentsCreate = Post "api/2.0/mlflow/experiments/create";
    /// Reads an experiment by its name.
    ExperimentsGetByName = Get "api/2.0/mlflow/experiments/get-by-name";
    /// Makes a run; twice makes two.
    RunsCreate = Post "api/2.0/mlflow/runs/create";
    /// Reads a run.
    RunsGet = Get "api/2.0/mlflow/runs/get";
    /// Finds runs.
    RunsSearch = Post "api/2.0/mlflow/runs/search";
    /// Changes status, end or name of a run.
    RunsUpdate = Post "api/2.0/mlflow/runs/update";
    /// Marks a run as deleted.
    RunsDelete = Post "api/2.0/mlflow/runs/delete";
    /// Logs metrics, parameters and tags.
    RunsLogBatch = Post "api/2.0/mlflow/runs/log-batch";
    /// Sets one tag.
    RunsSetTag = Post "api/2.0/mlflow/runs/set-tag";
    /// Names the data sets a run read.
    RunsLogInputs = Post "api/2.0/mlflow/runs/log-inputs";
    /// Names the logged models a run made; 3.x only.
    RunsOutputs = Post "api/2.0/mlflow/runs/outputs";
    /// Tells a run that it holds a model folder; the way of 2.x.
    RunsLogModel = Post "api/2.0/mlflow/runs/log-model";
    /// Every point of a metric.
    MetricsGetHistory = Get "api/2.0/mlflow/metrics/get-history";
    /// Lists a run's artifacts.
    ArtifactsList = Get "api/2.0/mlflow/artifacts/list";
    /// Writes an artifact through the server.
    ArtifactPut = Put "api/2.0/mlflow-artifacts/artifacts";
    /// Reads an artifact through the server.
    ArtifactGet = Get "api/2.0/mlflow-artifacts/artifacts";
    /// Lists a folder of artifacts through the server.
    ArtifactFolder = Get "api/2.0/mlflow-artifacts/artifacts";
    /// Makes a logged model; 3.x only; twice makes two.
    LoggedModelsCreate = Post "api/2.0/mlflow/logged-models";
    /// Finds logged models.
    LoggedModelsSearch = Post "api/2.0/mlflow/logged-models/search";
    /// Reads a logged model.
    LoggedModelsGet = Get "api/2.0/mlflow/logged-models";
    /// Says that a logged model is whole, or failed.
    LoggedModelsFinalize = Patch "api/2.0/mlflow/logged-models";
    /// Removes a logged model.
    LoggedModelsDelete = Delete "api/2.0/mlflow/logged-models";
    /// Makes a registered model.
    RegisteredModelsCreate = Post "api/2.0/mlflow/registered-models/create";
    /// Reads a registered model.
    RegisteredModelsGet = Get "api/2.0/mlflow/registered-models/get";
    /// Points an alias at a version.
    AliasSet = Post "api/2.0/mlflow/registered-models/alias";
    /// Reads the version an alias points at.
    AliasGet = Get "api/2.0/mlflow/registered-models/alias";
    /// Removes an alias.
    AliasDelete = Delete "api/2.0/mlflow/registered-models/alias";
    /// Makes a version; twice makes two.
    ModelVersionsCreate = Post "api/2.0/mlflow/model-versions/create";
    /// Finds versions.
    ModelVersionsSearch = Get "api/2.0/mlflow/model-versions/search";
    /// Reads a version.
    ModelVersionsGet = Get "api/2.0/mlflow/model-versions/get";
    /// Sets one tag of a version.
    ModelVersionsSetTag = Post "api/2.0/mlflow/model-versions/set-tag";
    /// Removes a version.
    ModelVersionsDelete = Delete "api/2.0/mlflow/model-versions/delete";
}

impl Endpoint {
    /// A short name for people: `runs/create`, with the verb where the path alone is no name.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::ArtifactPut => "artifact upload",
            Endpoint::ArtifactGet => "artifact download",
            Endpoint::ArtifactFolder => "artifact list",
            Endpoint::LoggedModelsCreate => "logged-models create",
            Endpoint::LoggedModelsGet => "logged-models get",
            Endpoint::LoggedModelsFinalize => "logged-models finalize",
            Endpoint::LoggedModelsDelete => "logged-models delete",
            Endpoint::AliasSet => "registered-models/alias set",
            Endpoint::AliasGet => "registered-models/alias get",
            Endpoint::AliasDelete => "registered-models/alias delete",
            other => other
                .path()
                .rsplit_once("mlflow/")
                .map_or(other.path(), |(_, name)| name),
        }
    }

    /// Whether sending the same request twice has the effect of sending it once. Where not, the
    /// caller searches before it sends again.
    pub const fn repeatable(self) -> bool {
        !matches!(
            self,
            Endpoint::RunsCreate
                | Endpoint::LoggedModelsCreate
                | Endpoint::ModelVersionsCreate
                // The second call adds the model to the run's history once more.
                | Endpoint::RunsLogModel
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_and_plain() {
        for call in Endpoint::ALL {
            let path = call.path();
            assert!(!path.starts_with('/') && !path.ends_with('/'), "{path}");
            assert!(
                path.split('/').all(|part| !part.is_empty()
                    && part != ".."
                    && part.bytes().all(|b| b.is_ascii_lowercase()
                        || b.is_ascii_digit()
                        || b"-.".contains(&b))),
                "{path}"
            );
        }
    }

    #[test]
    fn names_tell_the_calls_apart() {
        let mut names: Vec<&str> = Endpoint::ALL.iter().map(|e| e.name()).collect();
        assert!(names.contains(&"runs/create") && names.contains(&"server-info"));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Endpoint::ALL.len());
    }
}
