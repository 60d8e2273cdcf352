//! `netsec console`: open the console.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec console`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Append-only, numbered choices; for screen readers, scripts and bad links.
    #[arg(long)]
    pub plain: bool,
    /// Look, change nothing.
    #[arg(long)]
    pub view_only: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec console` is not built yet"))
}
