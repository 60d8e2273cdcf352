//! `netsec resume`: go on from the last good stage.

use super::Globals;
use crate::error::CommandError;

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
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec resume` is not built yet"))
}
