//! Runs on disk: their ids, their folders, and whether one is alive.

mod run_id;

pub use run_id::RunId;
