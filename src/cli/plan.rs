//! `netsec plan`: what a push would do, without doing it.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec plan` is not built yet"))
}
