//! `netsec watch`: follow or replay a run's log.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec watch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// Append-only lines, no cursor movement.
    #[arg(long)]
    pub plain: bool,
    /// One event a line.
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec watch` is not built yet"))
}
