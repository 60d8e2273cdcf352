//! `netsec show`: everything known about a run.

use super::{Globals, output, show_text};
use crate::error::CommandError;
use crate::runs::{RunStore, ShowDocument};

/// Arguments of `netsec show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let store = RunStore::new(&globals.workspace());
    let document = ShowDocument::new(&store.open(&store.resolve(&args.run)?)?);
    if args.json {
        return output::write_json(&document);
    }
    output::write(&show_text::text(&document))?;
    Ok(())
}
