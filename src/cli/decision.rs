//! What comes after a decision over production: metrics, tracking, words.

use super::{Globals, output};
use crate::config::Config;
use crate::error::CommandError;
use crate::monitoring;
use crate::pipeline::model_pusher::Receipt;
use crate::text::clean;
use crate::tracking::background::{self, Errand};

/// Passes on what came of a decision and prints it.
///
/// # Errors
/// The decision's own, or stdout's.
pub(super) fn told<E: Into<CommandError>>(
    globals: &Globals,
    config: &Config,
    receipt: Result<Receipt, E>,
) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    // Also after a failure: that the journal could not be written is worth an alert.
    monitoring::refresh(&workspace, config);
    let receipt = receipt.map_err(Into::into)?;
    background::start(
        globals.config_file(),
        &workspace,
        &config.tracking,
        Errand::Short,
    );
    for line in &receipt.lines {
        output::say!("{}", clean(line))?;
    }
    if receipt.pushed {
        output::say!("{} is in production.", receipt.version)?;
    }
    Ok(())
}
