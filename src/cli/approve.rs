//! `netsec approve`: approve a plan; with enough approvals the push runs.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec approve`.
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
    Err(CommandError::internal("`netsec approve` is not built yet"))
}
