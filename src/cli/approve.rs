//! `netsec approve`: approve a plan; with enough approvals the push runs.

use super::{Globals, output, print_receipt};
use crate::error::CommandError;
use crate::events::Actor;
use crate::pipeline::model_pusher;

/// Arguments of `netsec approve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Plan id, or a unique beginning of one.
    pub plan: String,
    /// Why; goes to the journal.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let watch = |line: &str| output::note!("{}", crate::text::clean(line));
    let receipt = model_pusher::approve_watched(
        &globals.workspace(),
        &globals.config()?,
        &args.plan,
        Actor::current(),
        &args.reason,
        &watch,
    )?;
    print_receipt(&receipt)?;
    Ok(())
}
