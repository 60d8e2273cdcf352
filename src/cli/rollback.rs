//! `netsec rollback`: put a former champion back.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec rollback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version; without it the one before the present champion.
    pub version: Option<String>,
    /// Why; goes to the journal.
    #[arg(long)]
    pub reason: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec rollback` is not built yet"))
}
