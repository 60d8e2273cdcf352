//! `netsec validate`: run all checks over a file.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec validate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file.
    pub file: std::path::PathBuf,
    /// A preset's name or a schema file; without it the configuration's, else inferred.
    #[arg(long)]
    pub schema: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Write a JUnit report to this file.
    #[arg(long, conflicts_with = "json")]
    pub junit: Option<std::path::PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec validate` is not built yet"))
}
