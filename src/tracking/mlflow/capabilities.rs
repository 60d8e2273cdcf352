//! What a server can hold, found out once with calls that change nothing.
//!
//! MLflow 3 has logged models and aliases, MLflow 2 a registry, DAGsHub's older server sometimes
//! only runs and artifacts. A level that is missing never fails a run.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::{Class, MlflowError, Problem};

/// The ladder, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// No server answers; everything waits in the outbox.
    Offline,
    /// Runs and artifacts only.
    Runs,
    /// Also a registry with aliases; models are artifacts of their run.
    Registry,
    /// Also logged models.
    Full,
}

impl Capability {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Capability::Offline => "offline: everything waits in the outbox",
            Capability::Runs => "runs and artifacts only, no model registry",
            Capability::Registry => "runs and model registry, no logged models",
            Capability::Full => "runs, logged models and model registry with aliases",
        }
    }
    /// One step down, when a call turns out to be missing after all.
    pub fn lower(self) -> Self {
        match self {
            Capability::Full => Capability::Registry,
            Capability::Registry => Capability::Runs,
            Capability::Runs | Capability::Offline => Capability::Offline,
        }
    }
}

/// What one probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The call is there.
    Works,
    /// The call is not there, or fails as old servers do.
    Missing,
}

/// What the probes of a server that is MLflow found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    /// `registered-models/create`.
    pub registry: Answer,
    /// `registered-models/alias`.
    pub aliases: Answer,
    /// `logged-models/search`.
    pub logged_models: Answer,
    /// `runs/log-model`.
    pub log_model: Answer,
}

/// The level that probes add up to. A registry without aliases counts as none: our champion is an
/// alias. So does one without a way to get a model into it.
pub fn level(probes: Probes) -> Capability {
    use Answer::Works;
    let registry = probes.registry == Works && probes.aliases == Works;
    if registry && probes.logged_models == Works {
        Capability::Full
    } else if registry && probes.log_model == Works {
        Capability::Registry
    } else {
        Capability::Runs
    }
}

/// What a server can hold, and how that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Capabilities {
    /// The level.
    pub level: Capability,
    /// The server's version, where it tells.
    pub version: Option<String>,
    /// Why it is offline.
    pub problem: Option<MlflowError>,
}

impl Client {
    /// Finds out what the server can hold. Never fails: a server that does not answer as MLflow is
    /// [`Capability::Offline`], with the reason.
    pub async fn capabilities(&self) -> Capabilities {
        match self.probe().await {
            Ok((level, version)) => Capabilities {
                level,
                version,
                problem: None,
            },
            Err(problem) => Capabilities {
                level: Capability::Offline,
                version: None,
                problem: Some(problem),
            },
        }
    }

    async fn probe(&self) -> Result<(Capability, Option<String>), MlflowError> {
        // First the one call that every MLflow has had for ever; it needs the credentials too.
        let known = self.experiment_by_name("Default").await.map(drop);
        match known {
            Ok(()) => {}
            Err(e) => match e.problem {
                Problem::Unsupported { status } => {
                    return Err(self.error(
                        e.call,
                        Problem::NotMlflow {
                            saw: format!("{status} for a call that every MLflow has"),
                        },
                    ));
                }
                // No right to this one experiment; the server is MLflow, if it says so as MLflow.
                Problem::Forbidden { .. } | Problem::Invalid { .. } => {
                    self.version().await.map_err(|_| e)?;
                }
                _ => return Err(e),
            },
        }
        let version = match self.version().await {
            Ok(version) => Some(version),
            // DAGsHub does not tell.
            Err(e) if e.problem.class() != Class::Transient => None,
            Err(e) => return Err(e),
        };
        // Calls that lack a required field: refused as wrong where the call is there, and without
        // effect either way.
        let empty = serde_json::json!({});
        let registry = self.tell(Endpoint::RegisteredModelsCreate, &empty).await;
        let registry = answer(registry)?;
        let missing = Probes {
            registry,
            aliases: Answer::Missing,
            logged_models: Answer::Missing,
            log_model: Answer::Missing,
        };
        if registry == Answer::Missing {
            return Ok((level(missing), version));
        }
        let aliases = self
            .version_by_alias("netsec-probe", "netsec-probe")
            .await
            .map(drop);
        let search = serde_json::json!({"experiment_ids": ["0"], "max_results": 1});
        let logged_models = self.tell(Endpoint::LoggedModelsSearch, &search).await;
        let log_model = self.tell(Endpoint::RunsLogModel, &empty).await;
        let probes = Probes {
            registry,
            aliases: answer(aliases)?,
            logged_models: answer(logged_models)?,
            log_model: answer(log_model)?,
        };
        Ok((level(probes), version))
    }
}

/// What the reply to a probe means. A refusal in MLflow's own words shows that the call is there; a
/// server error is how DAGsHub's old server answers calls it does not know well.
fn answer(reply: Result<(), MlflowError>) -> Result<Answer, MlflowError> {
    let Err(e) = reply else {
        return Ok(Answer::Works);
    };
    match &e.problem {
        Problem::Invalid { .. }
        | Problem::NotFound { .. }
        | Problem::AlreadyExists { .. }
        | Problem::Forbidden { .. } => Ok(Answer::Works),
        Problem::Unsupported { .. }
        | Problem::Refused { .. }
        | Problem::NotMlflow { .. }
        | Problem::Redirected { .. }
        | Problem::Server { status: 500, .. } => Ok(Answer::Missing),
        _ => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Answer::{Missing, Works};

    #[test]
    fn the_ladder() {
        let of = |registry, aliases, logged_models, log_model| {
            level(Probes {
                registry,
                aliases,
                logged_models,
                log_model,
            })
        };
        assert_eq!(of(Works, Works, Works, Works), Capability::Full);
        assert_eq!(of(Works, Works, Works, Missing), Capability::Full);
        assert_eq!(of(Works, Works, Missing, Works), Capability::Registry);
        assert_eq!(of(Works, Works, Missing, Missing), Capability::Runs);
        assert_eq!(of(Works, Missing, Works, Works), Capability::Runs);
        assert_eq!(of(Missing, Works, Works, Works), Capability::Runs);
        assert_eq!(of(Missing, Missing, Missing, Missing), Capability::Runs);
        assert!(Capability::Full > Capability::Registry && Capability::Runs > Capability::Offline);
    }

    #[test]
    fn each_step_down_is_lower_and_the_ladder_ends() {
        let mut level = Capability::Full;
        for _ in 0..3 {
            assert!(level.lower() < level);
            level = level.lower();
        }
        assert_eq!(level, Capability::Offline);
        assert_eq!(level.lower(), Capability::Offline);
    }
}
