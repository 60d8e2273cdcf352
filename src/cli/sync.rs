//! `netsec sync`: send what MLflow / DAGsHub has not got yet.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec sync`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec sync` is not built yet"))
}
