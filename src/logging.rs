//! The program's own log: a rolling file under `Artifacts/logs/`, never the terminal.
//!
//! Only this program's own lines are written, whatever `NETSEC_LOG` says: the libraries that speak
//! to servers log headers, addresses and signatures at their finer levels.

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

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
    let own = filter_fn(|line| line.target().split("::").next() == Some("netsec"));
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(appender)
        .with_filter(filter.and(own));
    // Fails only when there is a subscriber already.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}
