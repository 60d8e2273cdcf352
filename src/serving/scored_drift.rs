//! Looks now and then how far the rows that are scored have moved from those that the champion was
//! trained on, and tells the counters. A thread of its own; no request waits for it.

use std::sync::Arc;
use std::time::Duration;

use super::app::App;
use crate::config::DriftConfig;
use crate::error::ErrorKind;
use crate::traffic::{LogStore, Recent, scored_drift};
use crate::workspace::Workspace;

/// What is compared: the rows of the last day, the latest of them. More would tell no more and take
/// longer to read.
const RECENT: Recent = Recent {
    days: 1,
    rows: 20_000,
};

/// What is needed to look.
#[derive(Clone, Debug)]
pub struct ScoredDrift {
    /// Where scored rows are kept.
    pub store: LogStore,
    /// What counts as drift.
    pub config: DriftConfig,
    /// Where the champion and the rows it was trained on lie.
    pub workspace: Workspace,
    /// From one look to the next.
    pub period: Duration,
}

impl ScoredDrift {
    /// Looks again and again, as long as the process lives: reading changes nothing, so nothing is
    /// lost when it ends in between.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub fn watch(self, app: Arc<App>) -> std::io::Result<()> {
        std::thread::Builder::new()
            .name("scored-drift".to_owned())
            .spawn(move || {
                while !app.is_ending() {
                    std::thread::sleep(self.period);
                    self.look(&app);
                }
            })
            .map(drop)
    }

    fn look(&self, app: &App) {
        match scored_drift(RECENT, &self.store, &self.config, &self.workspace) {
            Ok(report) => app.metrics.scored_drift(Some(&report)),
            // No champion, no rows of it here, nothing scored: nothing to tell, and nothing wrong.
            Err(error) if error.kind == ErrorKind::NotFound => app.metrics.scored_drift(None),
            Err(error) => {
                let error = error.full_message();
                tracing::warn!(error, "the drift of what was scored cannot be told");
            }
        }
    }
}
