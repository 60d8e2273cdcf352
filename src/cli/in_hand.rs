//! Whether somebody else has a run in hand, before a command does something with it.

use super::output;
use crate::error::CommandError;
use crate::events::Actor;
use crate::presence::{self, Claim, Purpose};
use crate::runs::RunId;
use crate::text::clean;
use crate::worker;
use crate::workspace::Workspace;

/// Arguments of commands that act on a run.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct TakeOver {
    /// Do it although somebody else has the run in hand; their console and the run's log are told.
    #[arg(long)]
    pub take_over: bool,
}

/// Refuses while somebody else has the run in hand, or takes it over from them.
///
/// # Errors
/// Refused when somebody else has it and nothing is said of taking over.
pub(super) fn check(
    workspace: &Workspace,
    run: &RunId,
    by: &Actor,
    how: TakeOver,
) -> Result<(), CommandError> {
    let Some(lease) = presence::holder(workspace, run).filter(|lease| lease.by != *by) else {
        return Ok(());
    };
    if !how.take_over {
        return Err(presence::LeaseError::Held(Box::new(lease)).into());
    }
    let claim = Claim {
        by,
        session: None,
        purpose: Purpose::Decision,
    };
    if let Some(former) = presence::take_over(workspace, run, claim)? {
        worker::record_takeover(&workspace.run_dir(run), by.clone(), former.by.clone())?;
        output::note!("run {run} was taken over from {}", clean(&former.by.name));
    }
    Ok(())
}
