//! `netsec serve`: the scoring service.

use std::sync::Arc;

use super::{Globals, output};
use crate::config::{self, Config};
use crate::error::CommandError;
use crate::logging;
use crate::serving::prediction_log::PredictionLog;
use crate::serving::tokens::Tokens;
use crate::serving::{self, ChampionSource, Project, Settings, Start};

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
        log: PredictionLog::default(),
        announce: Arc::new(|text| output::note!("{text}")),
    };
    logging::init(&workspace);
    serving::serve(start)
}

/// The configuration; without a file the defaults and the environment, as in a container that only
/// scores.
pub(super) fn config_of(globals: &Globals) -> Result<Config, CommandError> {
    if globals.has_config() {
        return globals.config();
    }
    Ok(config::parse("", "the environment", std::env::vars())?)
}
