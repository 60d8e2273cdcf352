//! `netsec retrain`: start a run in its own worker process and follow it, or queue it.

use serde_json::json;

use super::{Globals, follow, output};
use crate::config::SettingChange;
use crate::error::CommandError;
use crate::events::Actor;
use crate::logging;
use crate::worker::{self, Drained, StartRequest};

/// Arguments of `netsec retrain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Return at once; the run goes on by itself.
    #[arg(long)]
    pub detach: bool,
    /// Run this stage and all after it even when unchanged.
    #[arg(long, value_name = "STAGE")]
    pub from: Option<crate::events::StageName>,
    /// A note that stays with the run.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Another value than config.toml has, for this run only; may be given several times:
    /// `--set training.folds=5`, `--set training.learners=xgboost,decision_tree`,
    /// `--set source.path=new.csv`. Gate, approval and storage are not a run's to change.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<SettingChange>,
    /// Wait for a turn: start when no run is at work, after those that were queued before.
    #[arg(long)]
    pub queue: bool,
    /// Only look whether the run could start: settings, source, columns, room on the disk.
    #[arg(long, conflicts_with_all = ["queue", "detach"])]
    pub check: bool,
    /// Print the `show` document at the end (with --detach: the run id; with --queue: the entry;
    /// with --check: the problems).
    #[arg(long)]
    pub json: bool,
}

/// Runs the command. Ctrl-C ends the following, not the run.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let request = StartRequest {
        note: args.note.clone(),
        from: args.from,
        set: args.set.clone(),
        by: Actor::current(),
    };
    if args.check {
        return check(args, globals, &request);
    }
    if args.queue {
        return queue(args, globals, request);
    }
    let run = worker::start(globals.config_file(), request)?;
    logging::init(&globals.workspace());
    if args.detach {
        if args.json {
            return output::write_json(&json!({"run_id": run}));
        }
        output::write(&format!(
            "run {run} is at work; `netsec watch {run}` follows it\n"
        ))?;
        return Ok(());
    }
    follow::follow_with_progress(&globals.workspace(), &run, args.json)
}

fn check(args: &Args, globals: &Globals, request: &StartRequest) -> Result<(), CommandError> {
    let (config, settings) = request.config(globals.config_file())?;
    let problems = worker::preflight(&globals.workspace(), &config);
    if args.json {
        output::write_json(&json!({"settings": settings, "problems": problems}))?;
    } else {
        for setting in &settings {
            output::say!("changed: {}", crate::text::clean(&setting.to_string()))?;
        }
        if problems.is_empty() {
            output::say!("Nothing speaks against a start.")?;
        }
    }
    worker::refuse(&problems)
}

fn queue(args: &Args, globals: &Globals, request: StartRequest) -> Result<(), CommandError> {
    let file = globals.config_file();
    let (config, settings) = request.config(file)?;
    let entry = worker::enqueue(file, &config, request.new_run(settings))?;
    let drained = worker::drain(file)?;
    let started = match &drained {
        Drained::Started(run) => super::queue::started_as(&globals.workspace(), run)
            .is_some_and(|of| of == entry.id)
            .then(|| run.clone()),
        Drained::Empty | Drained::Waits(_) => None,
    };
    if args.json {
        return output::write_json(&json!({"queued": entry.id, "run_id": started}));
    }
    match (&started, &drained) {
        (Some(run), _) => {
            output::say!("run {run} is at work; `netsec watch {run}` follows it")
        }
        (None, Drained::Waits(run)) => output::say!(
            "queued as {}; run {run} is at work, its worker starts the next one",
            entry.id
        ),
        (None, _) => output::say!("queued as {}; `netsec queue` lists what waits", entry.id),
    }
}
