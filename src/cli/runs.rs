//! `netsec runs`: list the runs.

use super::{Globals, output};
use crate::error::CommandError;
use crate::runs::{RunStore, RunsEntry};
use crate::text::{clean, clean_to};

/// Arguments of `netsec runs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let store = RunStore::new(&globals.workspace());
    let mut entries = Vec::new();
    for run in store.list()? {
        entries.push(RunsEntry::new(&store.open(&run)?));
    }
    if args.json {
        return output::write_json(&entries);
    }
    output::write(&table(&entries))?;
    Ok(())
}

fn table(entries: &[RunsEntry]) -> String {
    if entries.is_empty() {
        return "no runs yet; `netsec retrain` starts one\n".to_owned();
    }
    let mut out = format!(
        "{:<18} {:<20} {:<9} {:<20} {:>6}  {:<10} note\n",
        "run", "started", "outcome", "selected", "f1", "by"
    );
    for e in entries {
        let line = format!(
            "{:<18} {:<20} {:<9} {:<20} {:>6}  {:<10} {}",
            e.run_id.as_str(),
            e.started_at.as_deref().unwrap_or("-"),
            e.outcome.as_str(),
            clean_to(e.selected.as_deref().unwrap_or("-"), 20),
            e.f1.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}")),
            clean_to(e.by.as_deref().unwrap_or("-"), 10),
            clean(e.note.as_deref().unwrap_or_default()),
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
