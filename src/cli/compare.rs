//! `netsec compare`: compare two runs, or a run with the champion, on the same rows.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec compare`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// The other run, or `champion`.
    pub other: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec compare` is not built yet"))
}
