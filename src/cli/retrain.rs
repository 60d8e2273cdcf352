//! `netsec retrain`: start a run in its own worker process and follow it.

use serde_json::json;

use super::{Globals, follow, output};
use crate::error::CommandError;
use crate::events::Actor;
use crate::logging;
use crate::worker::{self, StartRequest};

/// Arguments of `netsec retrain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Return at once; the run goes on by itself.
    #[arg(long)]
    pub detach: bool,
    /// Run this stage and all after it even when unchanged.
    #[arg(long, value_name = "STAGE")]
    pub from: Option<crate::events::StageName>,
    /// A note that stays with the run.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Print the `show` document at the end (with --detach: the run id).
    #[arg(long)]
    pub json: bool,
}

/// Runs the command. Ctrl-C ends the following, not the run.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let request = StartRequest {
        note: args.note.clone(),
        from: args.from,
        by: Actor::current(),
    };
    let run = worker::start(globals.config_file(), request)?;
    logging::init(&globals.workspace());
    if args.detach {
        if args.json {
            return output::write_json(&json!({"run_id": run}));
        }
        output::write(&format!(
            "run {run} is at work; `netsec watch {run}` follows it\n"
        ))?;
        return Ok(());
    }
    follow::follow_with_progress(&globals.workspace(), &run, args.json)
}
