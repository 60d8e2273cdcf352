//! `netsec resume`: go on from the last good stage.

use serde_json::json;

use super::{Globals, follow, output};
use crate::error::CommandError;
use crate::events::Actor;
use crate::runs::RunStore;
use crate::worker;

/// Arguments of `netsec resume`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// Return at once; the run goes on by itself.
    #[arg(long)]
    pub detach: bool,
    /// Print the `show` document at the end (with --detach: the run id).
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub take_over: super::in_hand::TakeOver,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let run = RunStore::new(&workspace).resolve(&args.run)?;
    super::in_hand::check(&workspace, &run, &Actor::current(), args.take_over)?;
    worker::resume(globals.config_file(), &run)?;
    if args.detach {
        if args.json {
            return output::write_json(&json!({"run_id": run}));
        }
        output::write(&format!(
            "run {run} goes on; `netsec watch {run}` follows it\n"
        ))?;
        return Ok(());
    }
    follow::follow_with_progress(&workspace, &run, args.json)
}
