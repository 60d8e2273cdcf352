//! `netsec console`: open the console.

use super::Globals;
use crate::config::UiConfig;
use crate::console;
use crate::error::{CommandError, ErrorKind};

/// Arguments of `netsec console`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Append-only, numbered choices; for screen readers, scripts and bad links.
    #[arg(long)]
    pub plain: bool,
    /// Look, change nothing.
    #[arg(long)]
    pub view_only: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    console::run(console::Options {
        workspace: globals.workspace(),
        config_file: globals.config_file().to_owned(),
        ui: ui(globals)?,
        view_only: args.view_only,
        plain: args.plain || dumb,
    })
}

/// `[ui]` of the configuration. A configuration that is wrong elsewhere still opens the console,
/// which shows what is wrong with it; without one the defaults hold.
pub(super) fn ui(globals: &Globals) -> Result<UiConfig, CommandError> {
    if !globals.has_config() {
        return Ok(UiConfig::default());
    }
    match globals.config() {
        Ok(config) => Ok(config.ui),
        Err(e) if e.kind == ErrorKind::Config => Ok(UiConfig::default()),
        Err(e) => Err(e),
    }
}
