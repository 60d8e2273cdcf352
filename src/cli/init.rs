//! `netsec init`: write a commented config.toml for your own data.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Built-in schema: phishing, nsl-kdd, unsw-nb15, cicids2017, demo.
    #[arg(long)]
    pub preset: Option<String>,
    /// The file to train on.
    #[arg(long)]
    pub data: Option<std::path::PathBuf>,
    /// A given test file.
    #[arg(long)]
    pub test: Option<std::path::PathBuf>,
    /// Row indices as JSON: {"train": [..], "test": [..]}, 0-based.
    #[arg(long)]
    pub split: Option<std::path::PathBuf>,
    /// The label column.
    #[arg(long)]
    pub label: Option<String>,
    /// Folder to write config.toml into.
    #[arg(long, default_value = ".")]
    pub dir: std::path::PathBuf,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec init` is not built yet"))
}
