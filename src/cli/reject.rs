//! `netsec reject`: refuse a plan.

use super::{Globals, decision};
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
    #[command(flatten)]
    pub take_over: super::in_hand::TakeOver,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let (workspace, config) = (globals.workspace(), globals.config()?);
    let run = model_pusher::find_plan(&workspace, &args.plan)?.run_id;
    super::in_hand::check(&workspace, &run, &Actor::current(), args.take_over)?;
    let receipt = model_pusher::reject(
        &workspace,
        &config,
        &args.plan,
        Actor::current(),
        &args.reason,
    );
    decision::told(globals, &config, receipt)
}
