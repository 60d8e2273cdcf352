//! Threads that watch the disk for the loop: the log of the run on screen, and the folder of the
//! project. They send messages and decide nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::UnboundedSender;

use super::message::Message;
use crate::error::CommandError;
use crate::events::{FollowStop, LogFollower};
use crate::runs::{EVENTS_FILE, Queue, RunId, RunStore, liveness};
use crate::storage::MANIFEST_FILE;
use crate::workspace::Workspace;

/// Slices of this many lines mean that more of the log is to come at once.
const FULL_SLICE: usize = 1_000;
/// Time between two looks at the project's folder.
const LOOK: Duration = Duration::from_secs(2);
/// How often the console is told that somebody may still be there.
const MINUTE: Duration = Duration::from_secs(60);

/// Follows a run's log until stopped.
pub fn run(
    workspace: &Workspace,
    run: &RunId,
    generation: u64,
    inbox: UnboundedSender<Message>,
) -> FollowStop {
    let dir = workspace.run_dir(run);
    let created_at = RunStore::new(workspace).request(run).map(|r| r.created_at);
    let follower = LogFollower::new(&dir.join(EVENTS_FILE));
    let stop = follower.stop_handle();
    let held = move || liveness(&dir).is_ok_and(|l| l.is_held());
    let work = move || {
        let mut before = held();
        for slice in follower {
            let after = held();
            let message = match slice {
                Ok(lines) => Message::RunEvents {
                    generation,
                    // The lock is looked at before and after reading: a worker that begins or
                    // ends in between must not look crashed.
                    alive: before || after || lines.len() >= FULL_SLICE,
                    lines,
                    created_at,
                },
                Err(e) => Message::FollowFailed {
                    generation,
                    error: CommandError::backend("the run's log cannot be read")
                        .because(e)
                        .report(),
                },
            };
            before = after;
            let failed = matches!(message, Message::FollowFailed { .. });
            if inbox.send(message).is_err() || failed {
                return;
            }
        }
    };
    // Without a thread there is no live view; the lists still work.
    if let Err(e) = std::thread::Builder::new()
        .name("follow-run".to_owned())
        .spawn(work)
    {
        tracing::error!(error = %e, "the run cannot be followed");
    }
    stop
}

/// Ends the folder's watch when dropped.
pub struct FolderWatch(Arc<AtomicBool>, Option<std::thread::Thread>);

impl Drop for FolderWatch {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        if let Some(thread) = &self.1 {
            thread.unpark();
        }
    }
}

/// Says [`Message::WorkspaceChanged`] when a run appears, a decision is journalled, the champion
/// changes or `config.toml` is edited. A few `stat` calls every two seconds, on any file system.
pub fn folder(
    workspace: &Workspace,
    config_file: PathBuf,
    inbox: UnboundedSender<Message>,
) -> FolderWatch {
    let paths = [
        workspace.artifacts(),
        workspace.journal(),
        workspace.final_model(),
        workspace.final_model().join(MANIFEST_FILE),
        config_file,
        Queue::dir(workspace),
        workspace.artifacts().join("leases"),
    ];
    let look = move || -> Vec<Option<SystemTime>> {
        paths
            .iter()
            .map(|p| p.metadata().and_then(|m| m.modified()).ok())
            .collect()
    };
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    let work = move || {
        let mut seen = look();
        let mut minute = Instant::now();
        while !stop.load(Ordering::SeqCst) {
            std::thread::park_timeout(LOOK);
            if minute.elapsed() >= MINUTE {
                minute = Instant::now();
                if inbox.send(Message::Minute).is_err() {
                    return;
                }
            }
            let now = look();
            if now != seen {
                seen = now;
                if inbox.send(Message::WorkspaceChanged).is_err() {
                    return;
                }
            }
        }
    };
    let thread = std::thread::Builder::new()
        .name("watch-folder".to_owned())
        .spawn(work);
    FolderWatch(stopped, thread.ok().map(|t| t.thread().clone()))
}
