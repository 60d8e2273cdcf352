//! `netsec schema`: propose a schema, or compare two.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What `netsec schema` does.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Propose a schema for a file.
    Infer {
        /// The file.
        file: std::path::PathBuf,
    },
    /// Compare two schemas (preset names, schema files or data files).
    Diff {
        /// The first.
        a: String,
        /// The second.
        b: String,
    },
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec schema` is not built yet"))
}
