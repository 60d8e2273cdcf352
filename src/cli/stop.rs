//! `netsec stop`: finish the round and keep the best.

use super::{Globals, output};
use crate::error::CommandError;
use crate::events::{Actor, ControlCommand};
use crate::runs::RunStore;
use crate::worker::{self, Delivery};

/// Arguments of `netsec stop`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    #[command(flatten)]
    pub take_over: super::in_hand::TakeOver,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let store = RunStore::new(&workspace);
    let run = store.resolve(&args.run)?;
    let dir = workspace.run_dir(&run);
    let by = Actor::current();
    super::in_hand::check(&workspace, &run, &by, args.take_over)?;
    match worker::send(&dir, ControlCommand::StopAfterRound, by)? {
        Delivery::Sent => {
            output::note!(
                "run {run} was asked to finish its round, keep the best and go on to the evaluation"
            );
            Ok(())
        }
        Delivery::NotRunning => Err(super::cancel::not_at_work(&store.open(&run)?)),
    }
}
