//! `netsec keys`: the key table.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec keys`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec keys` is not built yet"))
}
