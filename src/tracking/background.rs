//! Senders in processes of their own: one that follows a run, and a short one after a decision.
//!
//! Nobody waits for them and nobody fails because of them.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::mlflow::Server as Address;
use crate::config::TrackingConfig;
use crate::runs::RunId;
use crate::workspace::Workspace;

/// What a background sender is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand<'a> {
    /// Follow this run until its end, then send what is left of everything.
    Follow(&'a RunId),
    /// Send what is left of everything, for a short while.
    Short,
}

/// Whether senders start by themselves: there is a server, and `[tracking] automatic` is on.
pub fn is_wanted(tracking: &TrackingConfig) -> bool {
    // A wrong address counts: the sender says what is wrong with it, in its log.
    tracking.automatic && !matches!(Address::from_env(tracking.uri.as_deref()), Ok(None))
}

/// Starts a sender where one is wanted. What goes wrong is a line in the program's own log.
pub fn start(
    config_file: &Path,
    workspace: &Workspace,
    tracking: &TrackingConfig,
    errand: Errand<'_>,
) {
    if !is_wanted(tracking) {
        return;
    }
    if let Err(e) = spawn(config_file, workspace, errand) {
        tracing::warn!("no background sync: {e}");
    }
}

fn spawn(config_file: &Path, workspace: &Workspace, errand: Errand<'_>) -> io::Result<()> {
    let mut command = Command::new(program()?);
    command
        .arg("--config")
        .arg(std::path::absolute(config_file)?)
        .arg("sync");
    match errand {
        Errand::Follow(run) => command.args(["--follow", run.as_str()]),
        Errand::Short => command.arg("--background"),
    };
    std::fs::create_dir_all(workspace.logs())?;
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(workspace.logs().join("sync.log"))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    // Reaped when it ends, for a process that lives longer.
    std::thread::Builder::new()
        .name("sync-reaper".into())
        .spawn(move || child.wait())?;
    Ok(())
}

/// This program's file; when it was replaced meanwhile, `/proc` still leads to the running one.
fn program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let running = Path::new("/proc/self/exe");
    Ok(if !path.exists() && running.exists() {
        running.to_owned()
    } else {
        path
    })
}
