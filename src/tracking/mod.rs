//! Telling MLflow / DAGsHub what the run log says.
//!
//! A viewer of the log like any other: [`projection`] is what the server should hold, a pure
//! function of log, files and journal; [`cursor`] is what it has acknowledged; [`outstanding`] is
//! the difference; [`sender`] closes it and compares at the end of a run; [`aliases`]
//! follow the journal; [`sync`] goes over all runs. [`mlflow`] is the client.
//!
//! No stage and no push ever waits for anything in here, and nothing in here decides or writes
//! anything about a run but its own cursor.

pub mod aliases;
pub mod background;
pub mod cursor;
pub mod fact;
pub mod lock;
pub mod mlflow;
pub mod mlflow_server;
pub mod outstanding;
pub mod project;
pub mod projection;
pub mod sender;
pub mod server;
pub mod status;
pub mod sync;
#[cfg(test)]
mod sync_tests;
#[cfg(test)]
pub(crate) mod testing;
