//! `netsec watch`: follow or replay a run's log.

use std::io::IsTerminal;

use chrono::{Local, Offset};

use super::follow::{self, Viewer};
use super::output::{self, Reader};
use super::progress::Progress;
use super::{Globals, show_text};
use crate::console::plain::narrator::{Narrator, Rival};
use crate::error::CommandError;
use crate::events::{ReadLine, RunState};
use crate::pipeline::model_pusher;
use crate::runs::{RunStore, RunView, ShowDocument};
use crate::storage::{MANIFEST_FILE, Manifest};
use crate::workspace::Workspace;

/// Arguments of `netsec watch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// Append-only sentences, no cursor movement; so without asking where stdout is no terminal
    /// or TERM is `dumb`.
    #[arg(long)]
    pub plain: bool,
    /// One event a line.
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,
}

/// Runs the command. Ctrl-C ends the watching, not the run; the exit code tells about the
/// watching too, not about the run (`netsec show` does).
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let run = RunStore::new(&workspace).resolve(&args.run)?;
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    if args.json {
        follow::follow(&workspace, &run, &mut RawEvents)?;
    } else if args.plain || dumb || !std::io::stdout().is_terminal() {
        let mut plain = Plain::new(&workspace);
        let view = follow::follow(&workspace, &run, &mut plain)?;
        if let Some(need) = need(&workspace, globals, &view) {
            output::say!("{need}")?;
        }
    } else {
        let view = follow::follow(&workspace, &run, &mut Progress::on_stderr())?;
        output::write(&show_text::text(&ShowDocument::new(&view)))?;
    }
    Ok(())
}

/// The lines of the log as they stand in it.
struct RawEvents;

impl Viewer for RawEvents {
    fn line(&mut self, line: &ReadLine, _state: &RunState) -> Result<Reader, CommandError> {
        match line {
            ReadLine::Event { raw, .. } => output::write(&format!("{raw}\n")),
            ReadLine::Damaged(d) => {
                output::note!("LOG DAMAGED at event {}: {}", d.seq, d.reason);
                Ok(Reader::There)
            }
            ReadLine::Restarted => Ok(Reader::There),
        }
    }
}

/// Sentences, one below the other.
pub(super) struct Plain {
    narrator: Narrator,
    workspace: Workspace,
    rival_of: Option<String>,
}

impl Plain {
    /// Tells runs of a project.
    pub(super) fn new(workspace: &Workspace) -> Self {
        Self {
            narrator: Narrator::new(Local::now().offset().fix()),
            workspace: workspace.clone(),
            rival_of: None,
        }
    }
}

impl Viewer for Plain {
    fn line(&mut self, line: &ReadLine, state: &RunState) -> Result<Reader, CommandError> {
        if state.champion_before != self.rival_of {
            self.rival_of.clone_from(&state.champion_before);
            let version = state.champion_before.as_deref();
            self.narrator
                .set_rival(version.map(|v| rival(&self.workspace, v)));
        }
        let mut lines = Vec::new();
        match line {
            ReadLine::Event { envelope, .. } => {
                lines.extend(self.narrator.line(envelope, state));
                lines.extend(Narrator::hints(envelope));
            }
            ReadLine::Damaged(d) => lines.push(format!(
                "LOG DAMAGED at event {}: {}",
                d.seq,
                crate::text::clean(&d.reason)
            )),
            ReadLine::Restarted => lines.push("the log was replaced; from its start:".to_owned()),
        }
        if lines.is_empty() {
            return Ok(Reader::There);
        }
        output::write(&(lines.join("\n") + "\n"))
    }
}

/// The champion the run was started against, with the F1 its manifest tells. Of a version that is
/// not kept here, or whose name is none, only the name is known.
fn rival(workspace: &Workspace, version: &str) -> Rival {
    let digits = version.strip_prefix('v').unwrap_or_default();
    let named = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let manifest: Option<Manifest> = named
        .then(|| workspace.versions().join(version).join(MANIFEST_FILE))
        .and_then(|path| std::fs::read(path).ok())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Rival {
        version: version.to_owned(),
        f1: manifest.and_then(|m| m.f1),
    }
}

/// What the run leaves to be done by a person.
fn need(workspace: &Workspace, globals: &Globals, view: &RunView) -> Option<String> {
    let (plan, version) = view.state.plan.as_ref()?;
    // Without a configuration the plan may wait all the same.
    let config = globals.config().unwrap_or_default();
    let waiting = model_pusher::pending(workspace, &config).ok()?;
    waiting.iter().find(|w| w.plan.plan_id == *plan)?;
    Some(format!(
        "Needs you: approve {}. `netsec plan {}` shows what it would do, `netsec approve {} \
         --reason TEXT` does it, `netsec reject {} --reason TEXT` does not.",
        crate::text::clean(version),
        view.run_id,
        crate::text::clean(plan),
        crate::text::clean(plan)
    ))
}
