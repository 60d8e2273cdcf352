//! `netsec demo`: run everything on made-up network flows: no server, no account, no data needed.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the summary and end instead of opening the console.
    #[arg(long)]
    pub headless: bool,
    /// Rows of each of the two batches together.
    #[arg(long, default_value_t = 20_000)]
    pub rows: u64,
    /// Seed of the data and of training.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Folder to work in; made when missing.
    #[arg(long, default_value = "netsec-demo")]
    pub dir: std::path::PathBuf,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec demo` is not built yet"))
}
