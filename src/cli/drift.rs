//! `netsec drift`: compare the distributions of two files.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec drift`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The reference file.
    pub reference: std::path::PathBuf,
    /// The current file.
    pub current: std::path::PathBuf,
    /// A preset's name or a schema file; without it the configuration's, else inferred.
    #[arg(long)]
    pub schema: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec drift` is not built yet"))
}
