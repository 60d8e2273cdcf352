//! `netsec rollback`: put a former champion back.

use super::{Globals, decision};
use crate::error::CommandError;
use crate::events::Actor;
use crate::pipeline::model_pusher;

/// Arguments of `netsec rollback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version; without it the newest one older than the present champion.
    // The id `version` belongs to the `--version` of every command.
    #[arg(id = "to-version", value_name = "VERSION")]
    pub version: Option<String>,
    /// Why; goes to the journal.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let (workspace, config) = (globals.workspace(), globals.config()?);
    let receipt = model_pusher::rollback(
        &workspace,
        &config,
        args.version.as_deref(),
        Actor::current(),
        &args.reason,
    );
    decision::told(globals, &config, receipt)
}
