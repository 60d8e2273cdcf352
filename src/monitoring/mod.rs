//! What a monitoring system may know about a project: `Artifacts/metrics/netsec.prom`, in the text
//! format that Prometheus' node exporter collects from files.
//!
//! The file is a view of the run logs, the journal and the cursors of the sender, written anew after
//! a run, a decision and a sending; deleting it loses nothing. The scoring service has its own
//! `/metrics`. Nothing here may stop what it reports on: a file that cannot be written is a line in
//! the log. No run id, address or reason goes into a label: those grow without bound or tell
//! strangers what they need not know.

mod exposition;
mod keeper;
mod snapshot;
mod text;

use std::path::PathBuf;

pub use exposition::{Exposition, Kind};
pub use keeper::Keeper;
pub use snapshot::{ChampionFacts, DriftFacts, JournalFacts, Snapshot, StageFacts};
pub use text::render;

use crate::config::Config;
use crate::files;
use crate::workspace::Workspace;

/// Name of the file.
pub const FILE: &str = "netsec.prom";

/// The folder for the node exporter's `--collector.textfile.directory`.
pub fn folder(workspace: &Workspace) -> PathBuf {
    workspace.artifacts().join("metrics")
}

/// Writes the file anew. Failures are logged, never returned: a full disk must not turn a decision
/// that was made into an error.
pub fn refresh(workspace: &Workspace, config: &Config) {
    let folder = folder(workspace);
    let text = render(&Snapshot::take(workspace, config));
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| files::write_atomic(&folder.join(FILE), text.as_bytes()));
    if let Err(e) = written {
        tracing::warn!(folder = %folder.display(), error = %e, "the metrics file cannot be written");
    }
}
