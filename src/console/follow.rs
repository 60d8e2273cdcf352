//! Threads that watch the disk for the loop: the log of the run on screen, and the folder of the
//! project. They send messages and decide nothing.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::UnboundedSender;

use super::message::Message;
use crate::error::CommandError;
use crate::events::{FollowStop, LogFollower, changes_are_told};
use crate::findings::ACKNOWLEDGED_FILE;
use crate::runs::{EVENTS_FILE, Queue, RunId, RunStore, liveness};
use crate::storage::MANIFEST_FILE;
use crate::workspace::Workspace;

/// Slices of this many lines mean that more of the log is to come at once.
const FULL_SLICE: usize = 1_000;
/// Time between two looks at the project's folder, where its changes are not told.
const LOOK: Duration = Duration::from_secs(2);
/// The same where they are: a look in case one was lost.
const REST: Duration = Duration::from_secs(30);
/// How long the changes that come with a change are waited for.
const BURST: Duration = Duration::from_millis(50);
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
    let mut follower = LogFollower::beside(&dir.join(EVENTS_FILE), &[ACKNOWLEDGED_FILE]);
    let stop = follower.stop_handle();
    let held = {
        let dir = dir.clone();
        move || liveness(&dir).is_ok_and(|l| l.is_held())
    };
    let noted = move || {
        let file = dir.join(ACKNOWLEDGED_FILE).metadata();
        file.map_or(0, |m| m.len())
    };
    let work = move || {
        let (mut before, mut notes) = (held(), noted());
        // Whether the log has a line, and whether it was said that nobody writes it.
        let (mut begun, mut said) = (false, false);
        while let Some(slice) = follower.next() {
            let after = held();
            let message = match slice {
                Ok(lines) => {
                    // The lock is looked at before and after reading: a worker that begins or
                    // ends in between must not look crashed.
                    let alive = before || after || lines.len() >= FULL_SLICE;
                    begun |= !lines.is_empty();
                    // How a run without a line stands is a matter of time.
                    let silent = begun && !alive;
                    follower.rest(silent);
                    let again = silent && said && lines.is_empty();
                    said = silent;
                    (!again).then_some(Message::RunEvents {
                        generation,
                        alive,
                        lines,
                        created_at,
                    })
                }
                Err(e) => Some(Message::FollowFailed {
                    generation,
                    error: CommandError::backend("the run's log cannot be read")
                        .because(e)
                        .report(),
                }),
            };
            before = after;
            let failed = matches!(message, Some(Message::FollowFailed { .. }));
            // Somebody has taken note of a finding.
            let now = noted();
            let news = (now != notes).then_some(Message::WorkspaceChanged);
            notes = now;
            let gone = message
                .into_iter()
                .chain(news)
                .any(|m| inbox.send(m).is_err());
            if gone || failed {
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
/// changes or `config.toml` is edited. A few `stat` calls whenever the file system tells of a
/// change, and now and then anyway; every two seconds where it tells nothing.
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
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    let work = move || {
        let look = || -> Vec<Option<SystemTime>> {
            paths
                .iter()
                .map(|p| p.metadata().and_then(|m| m.modified()).ok())
                .collect()
        };
        // Watched before they are looked at: what changes in between is not missed.
        let mut told = Told::new(&paths);
        let mut pause = told.watch();
        let mut seen = look();
        let mut minute = Instant::now();
        while !stop.load(Ordering::SeqCst) {
            let begun = Instant::now();
            std::thread::park_timeout(pause);
            if stop.load(Ordering::SeqCst) {
                return;
            }
            if begun.elapsed() < pause {
                // One change seldom comes alone: a push writes a dozen files.
                std::thread::sleep(BURST);
            }
            if minute.elapsed() >= MINUTE {
                minute = Instant::now();
                if inbox.send(Message::Minute).is_err() {
                    return;
                }
            }
            pause = told.watch();
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

/// The folders whose changes wake the thread that made this.
struct Told {
    watcher: Option<RecommendedWatcher>,
    /// The folders, and which one was watched under the name.
    folders: Vec<(PathBuf, Option<(u64, u64)>)>,
}

impl Told {
    /// For files and folders: they and the folders they lie in.
    fn new(paths: &[PathBuf]) -> Self {
        let me = std::thread::current();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|e| !matches!(e.kind, notify::EventKind::Access(_))) {
                me.unpark();
            }
        });
        let mut folders: Vec<PathBuf> = paths
            .iter()
            .flat_map(|p| [Some(p.as_path()), p.parent()])
            .flatten()
            .map(|p| match p.as_os_str().is_empty() {
                true => PathBuf::from("."),
                false => p.to_owned(),
            })
            .collect();
        folders.sort();
        folders.dedup();
        Self {
            watcher: watcher.ok(),
            folders: folders.into_iter().map(|f| (f, None)).collect(),
        }
    }

    /// Watches the folders that are there by now: `final_model` is replaced as a whole, others
    /// come later. Returns how long a change may be waited for: not long unless all are told.
    fn watch(&mut self) -> Duration {
        let Some(watcher) = &mut self.watcher else {
            return LOOK;
        };
        let mut all = true;
        for (folder, watched) in &mut self.folders {
            let there = folder.metadata().ok().filter(|m| m.is_dir());
            let now = there.map(|m| (m.dev(), m.ino()));
            if now == *watched {
                continue;
            }
            if watched.take().is_some() {
                // The watch goes with the folder; where that was only moved away it is ended here.
                let _ = watcher.unwatch(folder);
            }
            if now.is_some() {
                let told = watcher.watch(folder, RecursiveMode::NonRecursive).is_ok()
                    && changes_are_told(folder);
                all &= told;
                // One that cannot be watched is tried again the next time.
                *watched = now.filter(|_| told);
            }
        }
        if all { REST } else { LOOK }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for the next message, less long than the slow look takes.
    fn told(inbox: &mut tokio::sync::mpsc::UnboundedReceiver<Message>) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < REST / 2 {
            match inbox.try_recv() {
                Ok(Message::WorkspaceChanged) => return true,
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        false
    }

    #[test]
    fn folders_that_come_later_and_one_that_is_replaced_are_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        let (sender, mut inbox) = tokio::sync::mpsc::unbounded_channel();
        let watch = folder(&workspace, dir.path().join("config.toml"), sender);
        // The thread begins to look.
        std::thread::sleep(Duration::from_millis(300));
        std::fs::create_dir_all(workspace.artifacts().join("leases")).unwrap();
        assert!(told(&mut inbox), "Artifacts appeared");
        std::fs::write(workspace.artifacts().join("leases/x"), "").unwrap();
        assert!(told(&mut inbox), "somebody took a run in hand");
        for version in ["a", "b"] {
            let aside = dir.path().join(version);
            std::fs::create_dir(&aside).unwrap();
            std::fs::write(aside.join(MANIFEST_FILE), version).unwrap();
            let _ = std::fs::rename(workspace.final_model(), dir.path().join("old"));
            std::fs::rename(aside, workspace.final_model()).unwrap();
            assert!(told(&mut inbox), "champion {version}");
        }
        std::thread::sleep(Duration::from_millis(300));
        std::fs::write(workspace.final_model().join(MANIFEST_FILE), "c").unwrap();
        assert!(told(&mut inbox), "the new folder is watched");
        drop(watch);
    }
}
