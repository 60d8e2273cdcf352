//! `netsec approve`: approve a plan; with enough approvals the push runs.

use super::{Globals, decision, output};
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
    #[command(flatten)]
    pub take_over: super::in_hand::TakeOver,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let watch = |line: &str| output::note!("{}", crate::text::clean(line));
    let (workspace, config) = (globals.workspace(), globals.config()?);
    let plan = model_pusher::find_plan(&workspace, &args.plan)?;
    if let Some(slice) = &plan.evidence.worse_slice {
        output::note!(
            "note: worse than the champion on {}",
            crate::text::clean(slice)
        );
    }
    let run = plan.run_id;
    super::in_hand::check(&workspace, &run, &Actor::current(), args.take_over)?;
    let receipt = model_pusher::approve_watched(
        &workspace,
        &config,
        &args.plan,
        Actor::current(),
        &args.reason,
        &watch,
    );
    decision::told(globals, &config, receipt)
}
