//! `netsec reject`: refuse a plan.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec reject`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Plan id, or a unique prefix of one.
    pub plan: String,
    /// Why; goes to the journal.
    #[arg(long)]
    pub reason: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec reject` is not built yet"))
}
