//! `netsec import`: load a file into the configured MongoDB.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file: CSV, Parquet or NDJSON.
    pub file: std::path::PathBuf,
    /// Built-in schema: phishing, nsl-kdd, unsw-nb15, cicids2017, demo.
    #[arg(long)]
    pub preset: Option<String>,
    /// The database; the configuration's when left out.
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// The collection; the configuration's when left out.
    #[arg(long, value_name = "NAME")]
    pub collection: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec import` is not built yet"))
}
