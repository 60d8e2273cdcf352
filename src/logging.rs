//! The program's own log: a rolling file under `Artifacts/logs/`, never the terminal.

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

use crate::workspace::Workspace;

/// Files kept, one a day.
const FILES_KEPT: usize = 14;

/// Sends `tracing` to a file of the workspace. `NETSEC_LOG` sets what is written (default
/// `info`), in the form `netsec=debug`. A log that cannot be opened is no reason not to work:
/// then nothing is logged. The first call counts, later ones change nothing.
pub fn init(workspace: &Workspace) {
    let dir = workspace.logs();
    let appender = std::fs::create_dir_all(&dir).ok().and_then(|()| {
        RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix("netsec")
            .filename_suffix("log")
            .max_log_files(FILES_KEPT)
            .build(&dir)
            .ok()
    });
    let Some(appender) = appender else { return };
    let filter = EnvFilter::try_from_env("NETSEC_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // Fails only when there is a subscriber already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(appender)
        .try_init();
}
