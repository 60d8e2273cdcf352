//! `netsec doctor`: check configuration, disk, terminal and lingering.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec doctor` is not built yet"))
}
