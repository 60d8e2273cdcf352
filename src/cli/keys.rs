//! `netsec keys`: the key table.

use std::io::Write;

use super::Globals;
use crate::console::keymap::{self, Keymap, remap};
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
    let (map, mut problems) = Keymap::lenient(&config.keys);
    let text = std::fs::read_to_string(globals.config_file()).unwrap_or_default();
    remap::locate(&mut problems, &text);
    let text = if args.markdown {
        keymap::markdown(&map)
    } else {
        keymap::table(&map)
    };
    // A reader that closed the pipe has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    // The table shows what holds; what does not is an error all the same.
    let mut problems = problems.into_iter();
    match problems.next() {
        None => Ok(()),
        Some(first) => Err(problems.fold(first.into(), |error: CommandError, p| {
            error.hint(format!("{}. {}", p.sentence(), p.hint))
        })),
    }
}
