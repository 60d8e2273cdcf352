//! Starting the next queued run: by the worker that ends, by consoles, by `netsec queue start`.
//!
//! Each run starts exactly once, whoever drains and wherever they are killed. The steps, all under
//! the queue's lock: make the run's folder, which names its entry; start a worker that refuses a
//! run that has begun; take the entry out. After a crash the next one finds the folder by the
//! entry's id and goes on where the first one ended; should the dead one's worker still come up,
//! the run's own lock and its log let one of the two begin.

use std::path::Path;

use chrono::{TimeDelta, Utc};

use super::spawn::{Begin, spawn, workspace_of};
use crate::config::{self, Config};
use crate::error::CommandError;
use crate::events::Actor;
use crate::runs::{EVENTS_FILE, Liveness, NewRun, Queue, QueueEntry, RunId, RunStore, liveness};
use crate::workspace::Workspace;

/// How long a run without lock and log counts as starting.
const STARTING_FOR: TimeDelta = TimeDelta::seconds(10);
/// Holders of a run's lock that are no workers: they write a line into its log and are gone.
const NO_WORKERS: [&str; 3] = ["decision", "cancel", "takeover"];

/// What came of a look at the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing can be started.
    Empty,
    /// This run is at work; the queue waits for its end.
    Waits(RunId),
    /// The first entry was started as this run.
    Started(RunId),
}

/// Starts the first queued run when no run is at work.
///
/// # Errors
/// When the queue or the runs cannot be read. An entry that cannot be started is held with the
/// reason and the next one is tried.
pub fn drain(config_file: &Path) -> Result<Drained, CommandError> {
    let workspace = workspace_of(config_file);
    let queue = Queue::new(&workspace);
    let startable = |entries: Vec<QueueEntry>| entries.into_iter().find(|e| e.held.is_none());
    if startable(queue.waiting()?.entries).is_none() {
        return Ok(Drained::Empty);
    }
    let locked = queue.lock()?;
    let store = RunStore::new(&workspace);
    loop {
        let Some(entry) = startable(locked.waiting()?.entries) else {
            return Ok(Drained::Empty);
        };
        let claimed = claimed(&store, &entry)?;
        if let Some(run) = &claimed
            && has_begun(&workspace, run)
        {
            // Started by somebody who was killed before the entry was taken out.
            locked.remove(&entry.id)?;
            continue;
        }
        if let Some(run) = at_work(&store, &workspace, claimed.as_ref())? {
            return Ok(Drained::Waits(run));
        }
        match begin(config_file, &workspace, &store, &entry, claimed) {
            Ok(run) => {
                locked.remove(&entry.id)?;
                return Ok(Drained::Started(run));
            }
            Err(e) => {
                tracing::error!(entry = entry.id, error = %e, "a queued run cannot be started");
                locked.hold(&entry.id, Some(e.full_message()))?;
            }
        }
    }
}

/// Puts a run into the queue.
///
/// # Errors
/// When the entry cannot be written.
pub fn enqueue(
    config_file: &Path,
    config: &Config,
    new: NewRun,
) -> Result<QueueEntry, CommandError> {
    let queue = Queue::new(&workspace_of(config_file));
    Ok(queue.lock()?.add(config, new)?)
}

/// Whether runs wait that nobody will start by themselves: no run is at work whose worker would.
///
/// # Errors
/// When the queue or the runs cannot be read.
pub fn is_stuck(workspace: &Workspace) -> Result<bool, CommandError> {
    let waiting = Queue::new(workspace).waiting()?;
    if waiting.entries.iter().all(|e| e.held.is_some()) {
        return Ok(false);
    }
    Ok(at_work(&RunStore::new(workspace), workspace, None)?.is_none())
}

/// The run that was made from an entry. Ids are short: an older run may have come from an entry of
/// the same name.
fn claimed(store: &RunStore, entry: &QueueEntry) -> Result<Option<RunId>, CommandError> {
    let made_of = |run: &RunId| {
        store.request(run).is_some_and(|r| {
            r.queued.as_deref() == Some(&entry.id) && r.created_at >= entry.created_at
        })
    };
    Ok(store.list()?.into_iter().find(made_of))
}

fn has_begun(workspace: &Workspace, run: &RunId) -> bool {
    let dir = workspace.run_dir(run);
    let log = dir.join(EVENTS_FILE).metadata().map_or(0, |m| m.len());
    log > 0 || liveness(&dir).is_ok_and(|l| l.is_held())
}

/// A run that is at work or just starting.
fn at_work(
    store: &RunStore,
    workspace: &Workspace,
    besides: Option<&RunId>,
) -> Result<Option<RunId>, CommandError> {
    let now = Utc::now();
    for run in store.list()? {
        if besides == Some(&run) {
            continue;
        }
        let dir = workspace.run_dir(&run);
        let held = match liveness(&dir) {
            Ok(Liveness::Held(Some(holder))) => !NO_WORKERS.contains(&holder.spawn_id.as_str()),
            Ok(Liveness::Held(None)) => true,
            Ok(Liveness::Free) => false,
            Err(e) => {
                return Err(CommandError::backend("a run's lock cannot be asked").because(e));
            }
        };
        // A worker needs a moment from the folder to the lock.
        let starting = !dir.join(EVENTS_FILE).exists()
            && store
                .request(&run)
                .is_some_and(|r| (now - r.created_at).abs() < STARTING_FOR);
        if held || starting {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// Makes the run of an entry, unless it is made, and starts its worker.
fn begin(
    config_file: &Path,
    workspace: &Workspace,
    store: &RunStore,
    entry: &QueueEntry,
    claimed: Option<RunId>,
) -> Result<RunId, CommandError> {
    let config = config::parse(&entry.config, &format!("queued run {}", entry.id), [])?;
    let run = match claimed {
        // Killed before its worker came up.
        Some(run) => run,
        None => store.create(
            &config,
            NewRun {
                by: Actor::clone(&entry.by),
                note: entry.note.clone(),
                from: entry.from,
                settings: entry.settings.clone(),
                queued: Some(entry.id.clone()),
            },
        )?,
    };
    match spawn(config_file, workspace, &run, &config, Begin::Fresh) {
        // The worker of somebody who was killed came first.
        Err(_) if has_begun(workspace, &run) => Ok(run),
        Err(e) => Err(e),
        Ok(()) => Ok(run),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::RunLock;

    fn queued(names: &[&str]) -> (tempfile::TempDir, Workspace) {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        let locked = Queue::new(&workspace).lock().unwrap();
        for name in names {
            let by = Actor {
                name: (*name).into(),
                from: "h".into(),
            };
            locked.add(&Config::default(), NewRun::by(by)).unwrap();
        }
        (dir, workspace)
    }

    #[test]
    fn a_run_at_work_makes_the_queue_wait_and_a_decision_does_not() {
        let (dir, workspace) = queued(&["ada"]);
        let store = RunStore::new(&workspace);
        let by = Actor {
            name: "bob".into(),
            from: "h".into(),
        };
        let run = store.create(&Config::default(), NewRun::by(by)).unwrap();
        let config = dir.path().join("config.toml");
        assert_eq!(
            drain(&config).unwrap(),
            Drained::Waits(run.clone()),
            "starting"
        );
        std::fs::write(workspace.run_dir(&run).join(EVENTS_FILE), "x\n").unwrap();
        assert!(is_stuck(&workspace).unwrap());
        let lock = RunLock::acquire(&workspace.run_dir(&run), "spawned").unwrap();
        assert_eq!(drain(&config).unwrap(), Drained::Waits(run.clone()));
        assert!(!is_stuck(&workspace).unwrap());
        drop(lock);
        let _lock = RunLock::acquire(&workspace.run_dir(&run), "decision").unwrap();
        assert!(is_stuck(&workspace).unwrap(), "a decision is no worker");
    }

    #[test]
    fn an_entry_whose_run_has_begun_is_taken_out_and_nothing_starts_twice() {
        let (dir, workspace) = queued(&["ada"]);
        let store = RunStore::new(&workspace);
        let entry = Queue::new(&workspace).waiting().unwrap().entries.remove(0);
        let new = NewRun {
            queued: Some(entry.id.clone()),
            ..NewRun::by(entry.by.clone())
        };
        let run = store.create(&Config::default(), new).unwrap();
        std::fs::write(workspace.run_dir(&run).join(EVENTS_FILE), "x\n").unwrap();
        let config = dir.path().join("config.toml");
        assert_eq!(drain(&config).unwrap(), Drained::Empty);
        assert_eq!(store.list().unwrap(), [run]);
        assert!(Queue::new(&workspace).waiting().unwrap().entries.is_empty());
    }

    #[test]
    fn an_entry_with_a_broken_configuration_is_held_with_the_reason() {
        let (dir, workspace) = queued(&["ada"]);
        let queue = Queue::new(&workspace);
        let mut entry = queue.waiting().unwrap().entries.remove(0);
        entry.config = "[training]\nfolds = 1\n".into();
        let file = Queue::dir(&workspace).join(format!("{}.json", entry.id));
        crate::files::write_json(&file, &entry).unwrap();
        let config = dir.path().join("config.toml");
        assert_eq!(drain(&config).unwrap(), Drained::Empty);
        let held = queue.waiting().unwrap().entries.remove(0).held.unwrap();
        assert!(held.contains("at least 2"), "{held}");
        assert!(RunStore::new(&workspace).list().unwrap().is_empty());
    }
}
