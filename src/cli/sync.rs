//! `netsec sync`: send what MLflow / DAGsHub has not got yet.
//!
//! By hand it makes one pass and says what became of it. With the hidden `--follow RUN` it is the
//! sender beside a worker, with `--background` the short one after a decision: those have a session
//! of their own, stand back behind everything else and never matter to whoever started them.

use std::time::{Duration, Instant};

use super::stand_back::stand_back;
use super::{Globals, output};
use crate::error::CommandError;
use crate::events::{Event, LogReader};
use crate::logging;
use crate::monitoring;
use crate::runs::{EVENTS_FILE, RunId};
use crate::runtime;
use crate::text::{clean, count};
use crate::tracking::lock::SyncLock;
use crate::tracking::mlflow::Client;
use crate::tracking::mlflow_server::MlflowServer;
use crate::tracking::project::{Project, server_key};
use crate::tracking::sync::{self, Report, Scope};

/// How much a background sender stands back; more than a worker does.
const NICENESS: i32 = 15;
/// How long another sender is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a run that is followed.
const LOOK: Duration = Duration::from_millis(500);
/// Between two passes over a run at work.
const BETWEEN: Duration = Duration::from_secs(3);
/// How long a worker may take to come up, or its lock to come back.
const SETTLING: Duration = Duration::from_secs(10);
/// How long what is left is tried after the end; then it waits for the next sync.
const DRAIN: Duration = Duration::from_secs(120);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Arguments of `netsec sync`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Follow a run at work until its end.
    #[arg(long, value_name = "RUN", hide = true)]
    pub follow: Option<String>,
    /// Send for a short while, apart from the terminal.
    #[arg(long, hide = true)]
    pub background: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let follow: Option<RunId> = args
        .follow
        .as_ref()
        .map(|run| run.parse().map_err(CommandError::usage))
        .transpose()?;
    if follow.is_some() || args.background {
        stand_back(NICENESS);
        logging::init(&globals.workspace());
        return Background { globals, follow }.run();
    }
    logging::init(&globals.workspace());
    let Some(server) = server(globals)? else {
        return without_server(args, globals);
    };
    let workspace = globals.workspace();
    let Some(_lock) = SyncLock::acquire(&workspace, PATIENCE)? else {
        return Err(CommandError::backend(format!(
            "another sender has been at work for {} s",
            PATIENCE.as_secs()
        ))
        .hint("It sends the same; try again later."));
    };
    let report = one_pass(&server, globals, &Scope::Everything)?;
    monitoring::refresh(&workspace, &globals.config()?);
    if args.json {
        output::write_json(&report)?;
    } else {
        print(&report)?;
    }
    finish(&report)
}

/// The server in use; none when no address is given.
fn server(globals: &Globals) -> Result<Option<MlflowServer>, CommandError> {
    let config = globals.config()?;
    Ok(Client::from_env(&config.tracking)?.map(MlflowServer::new))
}

fn one_pass(
    server: &MlflowServer,
    globals: &Globals,
    scope: &Scope,
) -> Result<Report, CommandError> {
    let tracking = globals.config()?.tracking;
    let project = Project::open(&globals.workspace(), &tracking)?;
    let key = server_key(server.address(), &tracking.experiment);
    runtime::block_on(sync::pass(server, &key, &project, scope))?
}

/// No server: says so, and how much waits for one.
fn without_server(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let tracking = globals.config()?.tracking;
    let project = Project::open(&globals.workspace(), &tracking)?;
    let report = sync::count("", &project)?;
    if args.json {
        output::write_json(&report)?;
    }
    Err(CommandError::config(format!(
        "no tracking server is named; {} facts of {} runs wait for one",
        count(report.pending),
        project.runs.len()
    ))
    .hint(
        "Set MLFLOW_TRACKING_URI, http://HOST:5000 or https://dagshub.com/USER/REPOSITORY.mlflow.",
    )
    .hint("Or write the address as `uri` under [tracking] in config.toml."))
}

fn print(report: &Report) -> Result<(), CommandError> {
    if let Some(server) = &report.server {
        output::say!("server       {}", clean(server))?;
    }
    output::say!("capability   {}", report.capability.text())?;
    for run in &report.runs {
        let left = match run.pending {
            0 => String::new(),
            n => format!(", {} left", count(n)),
        };
        output::say!(
            "run          {}: {} sent{left}",
            run.run_id,
            count(run.sent)
        )?;
    }
    output::say!("sent         {}", count(report.sent))?;
    output::say!("pending      {}", count(report.pending))?;
    for letter in &report.dead_letters {
        output::say!(
            "dead letter  run {}, {}: {}",
            letter.run_id,
            clean(&letter.fact),
            clean(&letter.why)
        )?;
    }
    for warning in &report.warnings {
        output::note!("warning: {}", clean(warning));
    }
    Ok(())
}

/// Success when nothing is left.
fn finish(report: &Report) -> Result<(), CommandError> {
    let waits = format!("{} facts wait for the next sync", count(report.pending));
    match &report.error {
        Some(error) => {
            let mut e = CommandError::backend(format!("{error}; {waits}"));
            e.hints.extend(report.hint.clone());
            Err(e)
        }
        None if report.pending > 0 => {
            Err(CommandError::backend(waits)
                .hint("The warnings say why; `netsec sync` tries again."))
        }
        None => Ok(()),
    }
}

/// A sender that nobody waits for.
struct Background<'a> {
    globals: &'a Globals,
    follow: Option<RunId>,
}

impl Background<'_> {
    fn run(&self) -> Result<(), CommandError> {
        let server = match server(self.globals) {
            Ok(Some(server)) => server,
            Ok(None) => return Ok(()),
            Err(e) => {
                tracing::warn!("nothing is sent: {e}");
                return Err(e);
            }
        };
        if let Some(run) = &self.follow {
            self.follow_run(&server, run)?;
        }
        let drained = self.drain(&server);
        if let Ok(config) = self.globals.config() {
            monitoring::refresh(&self.globals.workspace(), &config);
        }
        drained
    }

    /// Sends what a run at work says, until its worker is gone.
    fn follow_run(&self, server: &MlflowServer, run: &RunId) -> Result<(), CommandError> {
        let workspace = self.globals.workspace();
        let log = workspace.run_dir(run).join(EVENTS_FILE);
        let mut reader = LogReader::open(&log);
        let mut pause = Pause::default();
        let mut last_alive = Instant::now();
        let mut sent_at: Option<Instant> = None;
        let mut something = false;
        let mut finished = false;
        loop {
            let alive = crate::runs::liveness(&workspace.run_dir(run)).is_ok_and(|l| l.is_held());
            if alive {
                last_alive = Instant::now();
            }
            let lines = reader.read_all().unwrap_or_default();
            something |= !lines.is_empty();
            for event in lines.iter().filter_map(|l| l.event()) {
                match event.event {
                    Event::RunFinished { .. } => finished = true,
                    // Resumed: its former end does not count.
                    Event::RunStarted { .. } => finished = false,
                    _ => {}
                }
            }
            if !alive && (finished || last_alive.elapsed() > SETTLING) {
                return Ok(());
            }
            let due = sent_at.is_none_or(|at| at.elapsed() >= BETWEEN) && pause.is_over();
            if something && due {
                something = false;
                sent_at = Some(Instant::now());
                let failed = self.quiet_pass(server, &Scope::Run(run.clone()))?;
                something |= failed;
                pause.after(failed);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Sends everything that is left, for a while.
    fn drain(&self, server: &MlflowServer) -> Result<(), CommandError> {
        let begun = Instant::now();
        let mut pause = Pause::default();
        while begun.elapsed() < DRAIN {
            if pause.is_over() {
                let failed = self.quiet_pass(server, &Scope::Everything)?;
                if !failed {
                    return Ok(());
                }
                pause.after(true);
            }
            std::thread::sleep(LOOK);
        }
        tracing::warn!("the rest waits for the next sync");
        Ok(())
    }

    /// One pass; true when something is left. Another sender at work is no failure: it may miss
    /// what we know, so we come again.
    fn quiet_pass(&self, server: &MlflowServer, scope: &Scope) -> Result<bool, CommandError> {
        let workspace = self.globals.workspace();
        let Some(_lock) = SyncLock::acquire(&workspace, Duration::from_secs(1))? else {
            return Ok(true);
        };
        let report = one_pass(server, self.globals, scope)?;
        if let Some(error) = &report.error {
            tracing::warn!(pending = report.pending, "sync: {error}");
        } else {
            tracing::info!(sent = report.sent, pending = report.pending, "sync");
        }
        Ok(report.error.is_some() || report.pending > 0)
    }
}

/// Pauses that grow while the server fails: a dead server is asked now and then, not all the time.
#[derive(Debug, Default)]
struct Pause {
    failures: u32,
    until: Option<Instant>,
}

impl Pause {
    fn is_over(&self) -> bool {
        self.until.is_none_or(|until| until <= Instant::now())
    }
    fn after(&mut self, failed: bool) {
        if failed {
            let pause = Duration::from_secs(1 << self.failures.min(5)).min(LONGEST_PAUSE);
            self.failures = self.failures.saturating_add(1);
            self.until = Some(Instant::now() + pause);
        } else {
            *self = Self::default();
        }
    }
}
