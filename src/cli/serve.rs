//! `netsec serve`: the scoring service.

use std::sync::Arc;
use std::time::Duration;

use super::{Globals, output};
use crate::config::{self, Config};
use crate::error::CommandError;
use crate::logging;
use crate::serving::tokens::Tokens;
use crate::serving::{self, ChampionSource, Project, ScoredDrift, Settings, Start, traffic_keeper};
use crate::traffic::LogStore;

/// Arguments of `netsec serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port; comes before [serve] listen.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

/// Runs the command; it ends by SIGTERM or Ctrl-C.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    serve(args.listen.as_deref(), globals, false)
}

/// Serves; `guarded` says that a platform in front lets nobody reach the port unasked.
pub(super) fn serve(
    listen: Option<&str>,
    globals: &Globals,
    guarded: bool,
) -> Result<(), CommandError> {
    let config = config_of(globals)?;
    let workspace = globals.workspace();
    logging::init(&workspace);
    let keeper = traffic_keeper::start(&config.serve, &workspace)?;
    // Without a log there is nothing to compare.
    let watched = config.serve.drift_seconds > 0 && config.serve.log_sample > 0.0;
    let scored_drift = match watched {
        false => None,
        true => Some(ScoredDrift {
            store: LogStore::of(&config.serve, &workspace)?,
            config: config.drift.clone(),
            workspace: workspace.clone(),
            period: Duration::from_secs(config.serve.drift_seconds),
        }),
    };
    let start = Start {
        settings: Settings {
            guarded,
            ..Settings::of(&config.serve, &workspace, listen)?
        },
        tokens: Tokens::from_env()?,
        project: Project {
            config_file: globals.config_file().to_owned(),
            workspace: workspace.clone(),
        },
        source: ChampionSource::of(config.serve.source, &config.storage, &workspace),
        model_name: config.storage.model.clone(),
        log: keeper.outlet.clone(),
        feedback: keeper.feedback,
        kept: Some(keeper.kept),
        scored_drift,
        announce: Arc::new(|text| output::note!("{text}")),
    };
    let served = serving::serve(start);
    // What was scored last is still to be written.
    keeper.outlet.close();
    if keeper.thread.join().is_err() {
        tracing::error!("the keeper of the traffic panicked");
    }
    served
}

/// The configuration; without a file the defaults and the environment, as in a container that only
/// scores.
pub(super) fn config_of(globals: &Globals) -> Result<Config, CommandError> {
    if globals.has_config() {
        return globals.config();
    }
    Ok(config::parse("", "the environment", std::env::vars())?)
}
