//! `netsec worker`: the detached worker; started by the other commands.

use super::Globals;
use super::stand_back::stand_back;
use crate::error::CommandError;
use crate::runs::RunId;
use crate::tracking::background::{self, Errand};
use crate::worker::Begin;
use crate::{logging, monitoring, worker};

/// How much a worker stands back behind what people do on the machine.
const NICENESS: i32 = 10;

/// Arguments of `netsec worker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run.
    #[arg(long)]
    pub run: String,
    /// Id by which the starting process recognises this one.
    #[arg(long)]
    pub spawn_id: String,
    /// Refuse a run that has begun.
    #[arg(long)]
    pub fresh: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    // First of all: no terminal's hang-up may reach this process.
    stand_back(NICENESS);
    let run: RunId = args.run.parse().map_err(CommandError::usage)?;
    let workspace = globals.workspace();
    logging::init(&workspace);
    let mut metrics = None;
    // Beside the worker, not inside: whatever becomes of it is nothing to the run.
    if let Ok(config) = globals.config() {
        metrics = Some(monitoring::Keeper::start(&workspace, &config));
        let errand = Errand::Follow(&run);
        background::start(globals.config_file(), &workspace, &config.tracking, errand);
    }
    let begin = if args.fresh {
        Begin::Fresh
    } else {
        Begin::Resume
    };
    let done = worker::execute(&workspace, &run, &args.spawn_id, begin);
    drop(metrics);
    done?;
    if let Err(e) = worker::drain(globals.config_file()) {
        tracing::error!(error = %e, "the queue cannot be worked on");
    }
    Ok(())
}
