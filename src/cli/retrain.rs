//! `netsec retrain`: start a run in its own worker process and follow it.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec retrain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Return at once; the run goes on by itself.
    #[arg(long)]
    pub detach: bool,
    /// Run this stage and all after it even when unchanged.
    #[arg(long)]
    pub from: Option<crate::events::StageName>,
    /// A note that stays with the run.
    #[arg(long)]
    pub note: Option<String>,
    /// Print the `show` document at the end (with --detach: the run id).
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec retrain` is not built yet"))
}
