//! `netsec acknowledge`: take note of a problem of a run's data, and say why it may stay.

use chrono::Utc;

use super::{Globals, output};
use crate::error::CommandError;
use crate::events::Actor;
use crate::findings::{FindingsReader, acknowledge};
use crate::runs::RunStore;
use crate::text::clean;
use crate::tracking::background::{self, Errand};

/// Arguments of `netsec acknowledge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// The finding, as `netsec validate RUN` names it: `drift.COLUMN`, `ranges.COLUMN`.
    pub check: String,
    /// Why it may stay; goes to whoever decides on the push, and to MLflow.
    #[arg(long, value_name = "TEXT")]
    pub note: String,
    /// Print the record as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let run = RunStore::new(&workspace).resolve(&args.run)?;
    let found = FindingsReader::default().read(&workspace, &run)?;
    let record = acknowledge(
        &workspace.run_dir(&run),
        run.as_str(),
        found.named(&args.check)?,
        Actor::current(),
        &args.note,
        Utc::now(),
    )?;
    // The note is written; that a server cannot be told is no reason to fail.
    if let Ok(config) = globals.config() {
        background::start(
            globals.config_file(),
            &workspace,
            &config.tracking,
            Errand::Short,
        );
    }
    if args.json {
        return output::write_json(&record);
    }
    output::say!(
        "{} of run {run} ({}) is acknowledged by {}: {}",
        clean(&record.check),
        clean(&record.observed),
        clean(&record.by.name),
        clean(&record.note)
    )
}
