//! What a worker does: lock, log, schema, champion, pipeline, end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::control::ControlWatch;
use super::heartbeat::Heartbeat;
use super::spawn::{Begin, frozen_config};
use crate::config::Config;
use crate::error::{CommandError, ErrorKind};
use crate::events::{Actor, Event, LogReader, LogRecorder, Outcome, RunState};
use crate::files;
use crate::hash;
use crate::learners::FitControl;
use crate::pipeline::runner::{PipelineStages, Runner};
use crate::runs::{EVENTS_FILE, RunId, RunLock, RunRequest, RunStore};
use crate::schema::Schema;
use crate::storage;
use crate::workspace::Workspace;

/// The schema of a run, frozen when the run first starts.
const SCHEMA_FILE: &str = "schema.json";

/// Runs the pipeline of a run to its end and records the outcome. Whatever stops a stage is an
/// outcome in the log and not an error here.
///
/// # Errors
/// When the lock is taken, the run has finished, or the log cannot be written.
pub fn execute(
    workspace: &Workspace,
    run: &RunId,
    spawn_id: &str,
    begin: Begin,
) -> Result<(), CommandError> {
    let dir = workspace.run_dir(run);
    if !dir.is_dir() {
        return Err(CommandError::not_found(format!("there is no run `{run}`")));
    }
    let lock = RunLock::acquire(&dir, spawn_id)?;
    files::sweep(&dir);
    let before = replay(&dir)?;
    if before.outcome == Outcome::Finished {
        return Err(CommandError::usage(format!("run {run} has finished")));
    }
    if begin == Begin::Fresh && before.run_id.is_some() {
        return Err(CommandError::usage(format!("run {run} has begun already")));
    }
    let recorder = Arc::new(LogRecorder::open(&dir.join(EVENTS_FILE))?);
    let control = Arc::new(FitControl::new());
    let internal = |e: std::io::Error| CommandError::internal("a thread cannot be made").because(e);
    let watch =
        ControlWatch::start(&dir, Arc::clone(&control), Arc::clone(&recorder)).map_err(internal)?;
    let heartbeat = Heartbeat::start(Arc::clone(&recorder)).map_err(internal)?;
    let attempt = Attempt {
        workspace,
        run,
        dir: &dir,
        spawn_id,
        resumed: before.run_id.is_some(),
        recorder: &recorder,
        control: &control,
    };
    let result = catch_unwind(AssertUnwindSafe(|| attempt.run())).unwrap_or_else(|_| {
        // The panic hook has written where to worker.log.
        Err(CommandError::internal("the worker panicked")
            .hint("`worker.log` in the run's folder says where."))
    });
    // Nothing may speak after the end of the run.
    drop(heartbeat);
    drop(watch);
    let (outcome, error) = match &result {
        Ok(()) => (Outcome::Finished, None),
        Err(e) if e.kind == ErrorKind::Cancelled => (Outcome::Cancelled, None),
        Err(e) => (Outcome::Failed, Some(e.report())),
    };
    if let Err(e) = &result {
        tracing::error!(%run, error = %e, "the run did not finish");
    }
    recorder.record_run(Event::RunFinished { outcome, error });
    recorder.check()?;
    drop(recorder);
    drop(lock);
    Ok(())
}

/// What earlier attempts of this run said.
fn replay(dir: &Path) -> Result<RunState, CommandError> {
    let path = dir.join(EVENTS_FILE);
    let lines = LogReader::open(&path).read_all().map_err(|e| {
        CommandError::backend(format!("{} cannot be read", path.display())).because(e)
    })?;
    Ok(RunState::replay(lines.iter().filter_map(|l| l.event())))
}

/// One attempt at a run.
struct Attempt<'a> {
    workspace: &'a Workspace,
    run: &'a RunId,
    dir: &'a Path,
    spawn_id: &'a str,
    resumed: bool,
    recorder: &'a LogRecorder,
    control: &'a FitControl,
}

impl Attempt<'_> {
    fn run(&self) -> Result<(), CommandError> {
        let store = RunStore::new(self.workspace);
        let request = store.request(self.run);
        let config = frozen_config(self.dir);
        let champion = storage::load_champion(self.workspace);
        self.recorder.record_run(Event::RunStarted {
            run_id: self.run.clone(),
            by: self.by(request.as_ref()),
            config_sha256: config.as_ref().map(hash::sha256_json).unwrap_or_default(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            note: request.as_ref().and_then(|r| r.note.clone()),
            resumed: self.resumed,
            learners: config.as_ref().map_or_else(
                |_| Vec::new(),
                |c| c.training.learners.iter().map(|l| l.to_string()).collect(),
            ),
            champion: champion
                .as_ref()
                .ok()
                .and_then(|c| c.as_ref().map(|c| c.version.clone())),
        });
        let config = config?;
        // A champion that cannot be read cannot be compared with; going on would present the
        // challenger as the first model ever.
        let champion = champion?;
        let schema = self.schema(&config)?;
        let others: Vec<_> = store
            .list()?
            .into_iter()
            .filter(|other| other != self.run)
            .map(|other| self.workspace.run_dir(&other))
            .collect();
        let mut stages = PipelineStages::new(champion.as_ref());
        Runner {
            workspace: self.workspace,
            config: &config,
            schema: &schema,
            run_dir: self.dir,
            other_runs: &others,
            recorder: self.recorder,
            control: self.control,
            cores: config.training.core_budget(),
            spawn_id: self.spawn_id,
            from: request.and_then(|r| r.from),
            champion: champion
                .as_ref()
                .map(|c| format!("{} of {}", c.version, c.run_id)),
        }
        .run(&mut stages)
    }

    /// Who this attempt works for: who made the run, or who resumed it.
    fn by(&self, request: Option<&RunRequest>) -> Actor {
        match request {
            Some(request) if !self.resumed => request.by.clone(),
            _ => Actor::current(),
        }
    }

    /// The frozen schema, made and frozen first where there is none yet.
    fn schema(&self, config: &Config) -> Result<Schema, CommandError> {
        let path = self.dir.join(SCHEMA_FILE);
        let unreadable = |e: std::io::Error| {
            CommandError::backend(format!("{} cannot be read or written", path.display()))
                .because(e)
        };
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| unreadable(e.into())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let schema =
                    super::sample::resolve_schema(config, self.workspace, self.dir, self.control)?;
                files::write_json(&path, &schema).map_err(unreadable)?;
                Ok(schema)
            }
            Err(e) => Err(unreadable(e)),
        }
    }
}
