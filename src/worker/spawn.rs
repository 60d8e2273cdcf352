//! Starting a worker: the same program again, cut loose from the terminal, and a handshake.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;

use crate::config::{self, ChangedSetting, Config, SettingChange};
use crate::error::CommandError;
use crate::events::{Actor, Outcome, StageName};
use crate::runs::{
    CONFIG_FILE, Liveness, NewRun, RunId, RunStore, RunView, WORKER_LOG, last_holder, liveness,
};
use crate::workspace::Workspace;

/// How long the handshake is waited for.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long a killed worker may hold its lock.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// What is asked of a new run.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// A note that stays with the run.
    pub note: Option<String>,
    /// This stage and all after it run even when unchanged.
    pub from: Option<StageName>,
    /// Settings that are others than in `config.toml`.
    pub set: Vec<SettingChange>,
    /// Who asks.
    pub by: Actor,
}

impl StartRequest {
    /// A run by somebody with the settings as they are.
    pub fn by(by: Actor) -> Self {
        Self {
            note: None,
            from: None,
            set: Vec::new(),
            by,
        }
    }

    /// The configuration of the run, and what in it was changed.
    ///
    /// # Errors
    /// A wrong configuration, or a setting that cannot be changed so.
    pub fn config(
        &self,
        config_file: &Path,
    ) -> Result<(Config, Vec<ChangedSetting>), CommandError> {
        let config = config::load(config_file)?;
        Ok(config::with_changes(&config, &self.set)?)
    }

    /// The run that is asked for.
    pub fn new_run(self, settings: Vec<ChangedSetting>) -> NewRun {
        NewRun {
            note: self.note,
            from: self.from,
            settings,
            ..NewRun::by(self.by)
        }
    }
}

/// Whether a worker may go on with what an earlier one began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It begins a run and refuses one that has begun: two that start the same run start it once.
    Fresh,
    /// It goes on from the last good stage.
    Resume,
}

/// The folder of state that belongs to a configuration file.
pub fn workspace_of(config_file: &Path) -> Workspace {
    match config_file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => Workspace::new(dir),
        _ => Workspace::new("."),
    }
}

/// Makes a run and starts its worker. Returns once the worker is at work.
///
/// # Errors
/// A wrong configuration; a folder that cannot be written; a worker that did not come up.
pub fn start(config_file: &Path, request: StartRequest) -> Result<RunId, CommandError> {
    let (config, settings) = request.config(config_file)?;
    let workspace = workspace_of(config_file);
    let store = RunStore::new(&workspace);
    let run = store.create(&config, request.new_run(settings))?;
    spawn(config_file, &workspace, &run, &config, Begin::Fresh)?;
    Ok(run)
}

/// Starts a worker that goes on with an interrupted, failed or cancelled run.
///
/// # Errors
/// When the run is at work or has finished; when the worker did not come up.
pub fn resume(config_file: &Path, run: &RunId) -> Result<(), CommandError> {
    let workspace = workspace_of(config_file);
    let view = settled(&RunStore::new(&workspace), run)?;
    if let Liveness::Held(holder) = &view.liveness {
        let who = match (view.by(), holder) {
            (Some(by), Some(h)) => {
                format!(", started by {} from {} (pid {})", by.name, by.from, h.pid)
            }
            (Some(by), None) => format!(", started by {} from {}", by.name, by.from),
            (None, Some(h)) => format!(" (pid {})", h.pid),
            (None, None) => String::new(),
        };
        return Err(
            CommandError::usage(format!("run {run} is at work already{who}")).hint(format!(
                "`netsec watch {run}` follows it; `netsec cancel {run}` ends it."
            )),
        );
    }
    if view.outcome() == Outcome::Finished {
        return Err(CommandError::usage(format!(
            "run {run} has finished, there is nothing left to resume"
        ))
        .hint("`netsec retrain` starts a new run and reuses what is unchanged."));
    }
    let config = frozen_config(&view.dir)?;
    spawn(config_file, &workspace, run, &config, Begin::Resume)
}

/// Reads a run; one whose lock is held a second time after a moment. The kernel needs a while to
/// take a killed worker's memory and only then gives its lock back.
fn settled(store: &RunStore, run: &RunId) -> Result<RunView, CommandError> {
    let begun = Instant::now();
    loop {
        let view = store.open(run)?;
        if !view.liveness.is_held() || begun.elapsed() > LAST_BREATH {
            return Ok(view);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reads the configuration a run was made with. The environment was applied when it was frozen
/// and is left alone here, so that a resumed run is the same run.
pub(super) fn frozen_config(run_dir: &Path) -> Result<Config, CommandError> {
    let path = run_dir.join(CONFIG_FILE);
    let text = std::fs::read_to_string(&path).map_err(|e| {
        CommandError::config(format!("{} cannot be read", path.display())).because(e)
    })?;
    Ok(config::parse(&text, &path.display().to_string(), [])?)
}

pub(super) fn spawn(
    config_file: &Path,
    workspace: &Workspace,
    run: &RunId,
    config: &Config,
    begin: Begin,
) -> Result<(), CommandError> {
    let dir = workspace.run_dir(run);
    let spawn_id = format!("{:016x}", rand::thread_rng().r#gen::<u64>());
    let failed =
        |e: io::Error| CommandError::backend("the worker process cannot be started").because(e);
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(dir.join(WORKER_LOG))
        .map_err(failed)?;
    let log_begins = log.metadata().map_err(failed)?.len();
    let cores = config.training.core_budget().to_string();
    let mut command = Command::new(program().map_err(failed)?);
    command
        .arg("--config")
        .arg(std::path::absolute(config_file).map_err(failed)?)
        .args(["worker", "--run", run.as_str(), "--spawn-id", &spawn_id]);
    if begin == Begin::Fresh {
        command.arg("--fresh");
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        // OpenMP threads that spin while waiting would eat the cores other learners could use;
        // how many there are is each learner's decision.
        .env("OMP_WAIT_POLICY", "PASSIVE")
        .env_remove("OMP_NUM_THREADS")
        // A worker that a scoring service starts has no use for its tokens.
        .env_remove("NETSEC_SERVE_TOKENS")
        .env("RAYON_NUM_THREADS", &cores)
        .env("POLARS_MAX_THREADS", &cores)
        .spawn()
        .map_err(failed)?;
    handshake(child, &dir, &spawn_id, log_begins)
}

/// This program's file. When it was replaced since it was started, `/proc` still leads to the
/// one that is running: a worker of another version must not appear in the middle of an upgrade.
fn program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let running = Path::new("/proc/self/exe");
    if !path.exists() && running.exists() {
        return Ok(running.to_owned());
    }
    Ok(path)
}

/// Waits until exactly this worker has the lock (it may have ended again by then).
fn handshake(
    mut child: Child,
    dir: &Path,
    spawn_id: &str,
    log_begins: u64,
) -> Result<(), CommandError> {
    let begun = Instant::now();
    let answered = || last_holder(dir).is_some_and(|holder| holder.spawn_id == spawn_id);
    loop {
        if answered() {
            // Reaps it when it ends, for a console that lives longer than the worker.
            std::thread::spawn(move || child.wait());
            return Ok(());
        }
        let ended = child.try_wait().ok().flatten();
        if let Some(status) = ended
            && !answered()
        {
            let said = tail(&dir.join(WORKER_LOG), log_begins);
            let error = CommandError::internal(format!(
                "the worker ended before it was at work ({status})"
            ));
            return Err(match said.as_str() {
                "" => error,
                said => error.hint(format!("It said: {said}")),
            });
        }
        if begun.elapsed() > HANDSHAKE {
            let at_work = liveness(dir).is_ok_and(|l| l.is_held());
            return Err(CommandError::internal(format!(
                "the worker (pid {}) did not answer within {} s{}",
                child.id(),
                HANDSHAKE.as_secs(),
                if at_work {
                    "; another one holds the lock"
                } else {
                    ""
                }
            ))
            .hint(format!("{} may say why.", dir.join(WORKER_LOG).display())));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The end of what a worker wrote, on one line.
fn tail(path: &Path, from: u64) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(2_000))))?;
        file.read_to_string(&mut text)
    });
    match read {
        Ok(_) => text
            .lines()
            .map(crate::text::clean)
            .collect::<Vec<_>>()
            .join(" | "),
        Err(_) => String::new(),
    }
}
