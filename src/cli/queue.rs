//! `netsec queue`: the runs that wait for their turn.

use serde_json::json;

use super::{Globals, output};
use crate::error::CommandError;
use crate::runs::{Queue, QueueEntry, RunId, RunStore};
use crate::text::{clean, clean_to};
use crate::worker::{self, Drained};
use crate::workspace::Workspace;

/// Arguments of `netsec queue`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do; without it what waits is listed.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What can be done with the queue.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// List what waits, in order.
    List,
    /// Take a queued run out.
    Remove {
        /// Its id, or a unique end of one.
        id: String,
    },
    /// Let a queued run and the one before it change places.
    Sooner {
        /// Its id, or a unique end of one.
        id: String,
    },
    /// Try a queued run again that could not be started.
    Retry {
        /// Its id, or a unique end of one.
        id: String,
    },
    /// Start the first one now if no run is at work.
    Start,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let queue = Queue::new(&workspace);
    match &args.action {
        None | Some(Action::List) => {}
        Some(Action::Remove { id }) => {
            let locked = queue.lock()?;
            let entry = locked.find(id)?;
            locked.remove(&entry.id)?;
            output::note!("{} does not wait any more", entry.id);
        }
        Some(Action::Sooner { id }) => {
            let locked = queue.lock()?;
            let entry = locked.find(id)?;
            if !locked.sooner(&entry.id)? {
                output::note!("{} is the first already", entry.id);
            }
        }
        Some(Action::Retry { id }) => {
            let locked = queue.lock()?;
            let entry = locked.find(id)?;
            locked.hold(&entry.id, None)?;
            drop(locked);
            drain(globals)?;
        }
        Some(Action::Start) => drain(globals)?,
    }
    list(&workspace, &queue, args.json)
}

fn drain(globals: &Globals) -> Result<(), CommandError> {
    match worker::drain(globals.config_file())? {
        Drained::Started(run) => {
            output::note!("run {run} is at work; `netsec watch {run}` follows it");
        }
        Drained::Waits(run) => output::note!("run {run} is at work, the queue waits for its end"),
        Drained::Empty => output::note!("nothing waits that could be started"),
    }
    Ok(())
}

fn list(workspace: &Workspace, queue: &Queue, as_json: bool) -> Result<(), CommandError> {
    let waiting = queue.waiting()?;
    if as_json {
        let entries: Vec<_> = waiting
            .entries
            .iter()
            .map(|e| {
                json!({
                    "id": e.id, "created_at": e.created_at, "by": e.by, "note": e.note,
                    "from": e.from, "settings": e.settings, "held": e.held,
                })
            })
            .collect();
        return output::write_json(&entries);
    }
    for file in &waiting.damaged {
        output::note!("Artifacts/queue/{} is no queued run", clean(file));
    }
    if waiting.entries.is_empty() {
        return output::say!("nothing is queued; `netsec retrain --queue` does");
    }
    for (i, entry) in waiting.entries.iter().enumerate() {
        output::say!("{}", line(i + 1, entry))?;
        if let Some(why) = &entry.held {
            output::say!("     cannot start: {}", clean(why))?;
            output::say!("     do: netsec queue retry {}", entry.id)?;
        }
    }
    if worker::is_stuck(workspace)? {
        output::note!("no run is at work that would start the next one: `netsec queue start` does");
    }
    Ok(())
}

fn line(place: usize, entry: &QueueEntry) -> String {
    let changes: Vec<String> = entry
        .settings
        .iter()
        .map(|s| clean(&s.to_string()))
        .collect();
    let text = format!(
        "{place:>3}  {:<8} {}  {:<10} {}  {}",
        entry.id,
        entry.created_at.format("%Y-%m-%d %H:%M"),
        clean_to(&entry.by.name, 10),
        if changes.is_empty() {
            "settings of config.toml".to_owned()
        } else {
            changes.join(", ")
        },
        clean(entry.note.as_deref().unwrap_or_default()),
    );
    text.trim_end().to_owned()
}

/// The entry that a run was started from.
pub(super) fn started_as(workspace: &Workspace, run: &RunId) -> Option<String> {
    RunStore::new(workspace).request(run)?.queued
}
