//! `netsec predict`: batch prediction with the champion.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec predict`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV, Parquet or NDJSON file.
    pub input: std::path::PathBuf,
    /// Where to write; the ending decides the format. Without it CSV goes to stdout.
    #[arg(short, long)]
    pub output: Option<std::path::PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec predict` is not built yet"))
}
