//! `netsec cancel`: end a run now.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec cancel`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec cancel` is not built yet"))
}
