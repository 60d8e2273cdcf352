//! `netsec doctor`: check both ends. The project and the machine: configuration, data or MongoDB,
//! champion, journal, published store, disk, locks, clock, tracking server, analysts' verdicts,
//! lingering. The terminal: what it is taken for, colours, glyphs, clipboard, keys.
//!
//! Looks only; every finding says what to do. A failed check ends the command with the exit code
//! of its kind, warnings do not.

mod machine;
mod mongodb;
mod project;
mod store;
mod terminal;
mod tracking;
mod verdicts;

use serde::Serialize;

use super::{Globals, output};
use crate::error::{CommandError, ErrorKind};

/// Arguments of `netsec doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    text: String,
    fix: Option<String>,
    /// Decides the exit code when the check failed.
    #[serde(skip)]
    kind: ErrorKind,
}

impl Finding {
    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self {
            check,
            state: State::Ok,
            text: text.into(),
            fix: None,
            kind: ErrorKind::Internal,
        }
    }
    fn warn(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            state: State::Warn,
            fix: Some(fix.into()),
            ..Self::ok(check, text)
        }
    }
    fn fail(check: &'static str, error: &CommandError) -> Self {
        let fix = (!error.hints.is_empty()).then(|| error.hints.join(" "));
        Self {
            state: State::Fail,
            fix,
            kind: error.kind,
            ..Self::ok(check, error.full_message())
        }
    }
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let mut findings = project::check(globals);
    findings.extend(tracking::check(globals));
    findings.extend(verdicts::check(globals));
    findings.extend(machine::check(&globals.workspace()));
    let text = std::fs::read_to_string(globals.config_file()).unwrap_or_default();
    let ui = super::console::ui(globals).unwrap_or_default();
    findings.extend(terminal::check(&ui, &text));
    let failed = findings
        .iter()
        .find(|f| f.state == State::Fail)
        .map(|f| f.kind);
    if args.json {
        output::write_json(&findings)?;
    } else {
        for f in &findings {
            let word = match f.state {
                State::Ok => "ok",
                State::Warn => "WARN",
                State::Fail => "FAIL",
            };
            output::say!("{word:<5} {:<14} {}", f.check, crate::text::clean(&f.text))?;
            if let Some(fix) = &f.fix {
                output::say!("{:21}do: {}", "", crate::text::clean(fix))?;
            }
        }
    }
    match failed {
        Some(kind) => Err(CommandError::new(kind, "a check failed")),
        None => Ok(()),
    }
}
