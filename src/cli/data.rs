//! `netsec data`: look at rows: filter, sort, choose columns, profile.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, or a run (its kept rows).
    pub what: String,
    /// Rows to keep, `src_bytes > 1000 and service = http`.
    #[arg(long)]
    pub filter: Option<String>,
    /// Column to sort by; a leading `-` sorts descending.
    #[arg(long, allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Columns to show, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Rows to show.
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Show a profile of each column instead of rows.
    #[arg(long)]
    pub profile: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let _ = (args, globals);
    Err(CommandError::internal("`netsec data` is not built yet"))
}
