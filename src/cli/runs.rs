//! `netsec runs`: list the runs.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec runs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec runs` is not built yet"))
}
