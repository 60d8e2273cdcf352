//! Runs on disk: their ids, their folders, and whether one is alive.

mod actor;
mod git;
mod lock;
mod queue;
mod run_id;
mod run_store;
mod show;

pub use lock::{LOCK_FILE, Liveness, LockError, LockHolder, RunLock, last_holder, liveness};
pub use queue::{LockedQueue, Queue, QueueEntry, QueueError, Waiting};
pub use run_id::RunId;
pub use run_store::{
    CONFIG_FILE, CONTROL_FILE, EVENTS_FILE, NewRun, REQUEST_FILE, RunRequest, RunStore,
    RunStoreError, RunView, WORKER_LOG, outcome,
};
pub use show::{
    RunsEntry, ShowData, ShowDecision, ShowDocument, ShowGate, ShowLearner, ShowStage, ShowWarning,
};
