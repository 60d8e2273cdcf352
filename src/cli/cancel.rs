//! `netsec cancel`: end a run now.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rustix::process::{Pid, Signal, kill_process};

use super::{Globals, output};
use crate::error::CommandError;
use crate::events::{Actor, ControlCommand, Event, LogRecorder, Outcome};
use crate::runs::{EVENTS_FILE, Liveness, RunId, RunLock, RunStore, RunView, liveness};
use crate::worker::{self, Delivery};

/// How long a worker may take to answer before it is killed.
const PATIENCE: Duration = Duration::from_secs(30);
/// A second cancel within this time kills at once.
const SECOND_CANCEL: TimeDelta = TimeDelta::seconds(10);
/// How long the kernel may take to end a killed process.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// Arguments of `netsec cancel`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    #[command(flatten)]
    pub take_over: super::in_hand::TakeOver,
}

/// Runs the command: asks the worker to end and waits until it has. A worker that does not
/// answer for 30 s, or is cancelled a second time within 10 s, is killed.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let store = RunStore::new(&workspace);
    let run = store.resolve(&args.run)?;
    let dir = workspace.run_dir(&run);
    let by = Actor::current();
    super::in_hand::check(&workspace, &run, &by, args.take_over)?;
    let second = worker::cancel_was_asked_since(&dir, SECOND_CANCEL);
    if worker::send(&dir, ControlCommand::Cancel, by.clone())? == Delivery::NotRunning {
        return Err(not_at_work(&store.open(&run)?));
    }
    if !second && wait_until_free(&dir, PATIENCE)? {
        output::note!("{}", what_became_of(&store.open(&run)?));
        return Ok(());
    }
    let why = if second {
        "it was cancelled a second time within 10 s"
    } else {
        "it did not answer for 30 s"
    };
    kill(&store, &run, by, why)?;
    // A killed worker starts nothing any more.
    worker::drain(globals.config_file())?;
    Ok(())
}

fn what_became_of(view: &RunView) -> String {
    let run = &view.run_id;
    match view.outcome() {
        Outcome::Cancelled => format!("run {run} was cancelled"),
        Outcome::Finished => format!("run {run} had finished before it could be cancelled"),
        Outcome::Failed => format!("run {run} had failed before it could be cancelled"),
        Outcome::Running | Outcome::Stalled | Outcome::Crashed => {
            format!("the worker of run {run} is gone without a word")
        }
    }
}

/// The error for a run that nobody is at work on.
pub(super) fn not_at_work(view: &RunView) -> CommandError {
    let run = &view.run_id;
    let outcome = view.outcome();
    let error = CommandError::usage(format!(
        "run {run} is not at work, it {}",
        match outcome {
            Outcome::Finished => "has finished",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "was cancelled",
            Outcome::Running => "is just starting",
            Outcome::Stalled | Outcome::Crashed => "crashed",
        }
    ));
    match outcome {
        Outcome::Finished | Outcome::Running => error,
        _ => error.hint(format!(
            "`netsec resume {run}` goes on from the last good stage."
        )),
    }
}

fn wait_until_free(dir: &Path, patience: Duration) -> Result<bool, CommandError> {
    let begun = Instant::now();
    loop {
        if !alive(dir)?.is_held() {
            return Ok(true);
        }
        if begun.elapsed() >= patience {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn alive(dir: &Path) -> Result<Liveness, CommandError> {
    liveness(dir).map_err(|e| CommandError::backend("the run's lock cannot be asked").because(e))
}

/// Kills the worker and writes the end of the run in its place.
fn kill(store: &RunStore, run: &RunId, by: Actor, why: &str) -> Result<(), CommandError> {
    let dir = &store.open(run)?.dir;
    if let Liveness::Held(holder) = alive(dir)? {
        // The pid is the holder's as long as the lock is held, which was seen just now.
        let pid = holder.and_then(|h| Pid::from_raw(i32::try_from(h.pid).ok()?));
        let Some(pid) = pid else {
            return Err(CommandError::internal(format!(
                "the worker of run {run} holds the lock without saying who it is"
            )));
        };
        kill_process(pid, Signal::KILL).map_err(|e| {
            CommandError::backend(format!("the worker of run {run} cannot be killed"))
                .because(std::io::Error::from(e))
        })?;
        if !wait_until_free(dir, AFTER_KILL)? {
            return Err(CommandError::backend(format!(
                "the worker of run {run} was killed and still holds its lock"
            )));
        }
        output::note!("run {run} was killed: {why}");
    }
    let _lock = RunLock::acquire(dir, "cancel")?;
    if store.open(run)?.state.finished_at.is_some() {
        // It had answered after all.
        return Ok(());
    }
    let recorder = LogRecorder::open(&dir.join(EVENTS_FILE))?;
    recorder.record_run(Event::Warning {
        code: "killed".to_owned(),
        text: format!("the worker was killed by {}: {why}", by.name),
    });
    recorder.record_run(Event::RunFinished {
        outcome: Outcome::Cancelled,
        error: None,
    });
    Ok(recorder.finish()?)
}
