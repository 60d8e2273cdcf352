//! `netsec keys`: the key table.

use std::io::Write;

use super::Globals;
use crate::console::keymap::{self, Keymap};
use crate::error::CommandError;

/// Arguments of `netsec keys`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print Markdown, as it stands in the README.
    #[arg(long)]
    pub markdown: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let config = if globals.has_config() {
        globals.config()?.ui
    } else {
        crate::config::UiConfig::default()
    };
    let map = Keymap::new(&config.keys)?;
    let text = if args.markdown {
        keymap::markdown(&map)
    } else {
        keymap::table(&map)
    };
    // A reader that closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
