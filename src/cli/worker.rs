//! `netsec worker`: the detached worker; started by the other commands.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec worker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run.
    #[arg(long)]
    pub run: String,
    /// Id by which the starting process recognises this one.
    #[arg(long)]
    pub spawn_id: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec worker` is not built yet"))
}
