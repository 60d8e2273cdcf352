//! `netsec journal`: who decided what, when, on which evidence.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec journal`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do; without it the records are listed.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// What was in production at this time (RFC 3339, or YYYY-MM-DD).
    #[arg(long)]
    pub as_of: Option<String>,
    /// One record a line.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What `netsec journal` does besides listing.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Prove the chain; ends non-zero when it is broken.
    Verify,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec journal` is not built yet"))
}
