//! `netsec reject`: refuse a plan.

use super::{Globals, print_receipt};
use crate::error::CommandError;
use crate::events::Actor;
use crate::pipeline::model_pusher;

/// Arguments of `netsec reject`.
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
    let receipt = model_pusher::reject(
        &globals.workspace(),
        &globals.config()?,
        &args.plan,
        Actor::current(),
        &args.reason,
    )?;
    print_receipt(&receipt)?;
    Ok(())
}
