//! The command line: one file per command, and the dispatch.
//!
//! Results go to stdout, progress and messages to stderr. This is the only place besides the
//! console that talks to a person.

mod acknowledge;
mod approve;
mod cancel;
mod compare;
mod console;
mod data;
mod data_export;
mod data_files;
mod decision;
mod demo;
mod doctor;
mod drift;
mod drift_scored;
mod export;
mod follow;
mod healthcheck;
mod import;
mod in_hand;
mod init;
mod journal;
mod keys;
mod mongodb;
mod output;
mod plan;
mod predict;
mod progress;
mod queue;
mod reject;
mod replay;
mod resume;
mod retrain;
mod rollback;
mod runs;
mod sagemaker;
mod schema;
mod serve;
mod show;
mod show_text;
mod stand_back;
mod stop;
mod sync;
pub mod table;
mod validate;
mod watch;
mod worker;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::error::{CommandError, ErrorKind};
use crate::workspace::Workspace;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "netsec", version, about, propagate_version = true)]
pub struct Cli {
    /// The configuration; the folder it lies in holds all state.
    #[arg(long, global = true, env = "NETSEC_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do; without it the console opens.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything on made-up network flows: no server, no account, no data needed.
    Demo(demo::Args),
    /// Write a commented config.toml for your own data.
    Init(init::Args),
    /// Load a file into the configured MongoDB.
    Import(import::Args),
    /// Start a run in its own worker process and follow it.
    Retrain(retrain::Args),
    /// The runs that wait for their turn.
    Queue(queue::Args),
    /// Follow or replay a run's log.
    Watch(watch::Args),
    /// List the runs.
    Runs(runs::Args),
    /// Everything known about a run.
    Show(show::Args),
    /// Finish the round and keep the best.
    Stop(stop::Args),
    /// End a run now.
    Cancel(cancel::Args),
    /// Go on from the last good stage.
    Resume(resume::Args),
    /// Look at rows: filter, sort, choose columns, profile.
    Data(data::Args),
    /// Propose a schema, or compare two.
    Schema(schema::Args),
    /// Run all checks over a file, or print what those of a run found.
    Validate(validate::Args),
    /// Take note of a problem of a run's data, and say why it may stay.
    Acknowledge(acknowledge::Args),
    /// Compare the distributions of two files, or print the drift of a run.
    Drift(drift::Args),
    /// Compare two runs, or a run with the champion, on the same rows.
    Compare(compare::Args),
    /// What a push would do, without doing it.
    Plan(plan::Args),
    /// Approve a plan; with enough approvals the push runs.
    Approve(approve::Args),
    /// Refuse a plan.
    Reject(reject::Args),
    /// Put a former champion back.
    Rollback(rollback::Args),
    /// Who decided what, when, on which evidence.
    Journal(journal::Args),
    /// Batch prediction with the champion.
    Predict(predict::Args),
    /// Score recent traffic with a run's model: the alerts that would come and go.
    Replay(replay::Args),
    /// The scoring service.
    Serve(serve::Args),
    /// Ask the scoring service on this machine whether it is well.
    Healthcheck(healthcheck::Args),
    /// Send what MLflow / DAGsHub has not got yet.
    Sync(sync::Args),
    /// Write a model in a format that other programs read.
    Export(export::Args),
    /// Check configuration, disk, terminal and lingering.
    Doctor(doctor::Args),
    /// The key table.
    Keys(keys::Args),
    /// Open the console.
    Console(console::Args),
    /// The entrypoint of the container image for SageMaker.
    #[command(hide = true)]
    Sagemaker(sagemaker::Args),
    /// The detached worker; started by the other commands.
    #[command(hide = true)]
    Worker(worker::Args),
}

/// What every command may need: the configuration in use and the folder of its state.
#[derive(Debug)]
pub struct Globals {
    config_file: PathBuf,
    /// Whether the user named it.
    named: bool,
}

impl Globals {
    /// Uses this configuration file.
    pub fn new(config_file: PathBuf) -> Self {
        Self {
            config_file,
            named: false,
        }
    }
    /// Uses the configuration file that the user named.
    pub fn named(config_file: PathBuf) -> Self {
        Self {
            config_file,
            named: true,
        }
    }
    /// The configuration file in use; it may not exist.
    pub fn config_file(&self) -> &std::path::Path {
        &self.config_file
    }
    /// Whether there is a configuration to read. One that the user named counts as there, so that
    /// a wrong path is an error and not silently no configuration.
    pub fn has_config(&self) -> bool {
        self.named || self.config_file.exists()
    }
    /// The folder of the configuration.
    pub fn workspace(&self) -> Workspace {
        let dir = match self.config_file.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
            _ => PathBuf::from("."),
        };
        Workspace::new(dir)
    }
    /// Reads the configuration.
    pub fn config(&self) -> Result<Config, CommandError> {
        Ok(config::load(&self.config_file)?)
    }
}

impl Command {
    fn run(&self, globals: &Globals) -> Result<(), CommandError> {
        match self {
            Command::Demo(args) => demo::run(args, globals),
            Command::Init(args) => init::run(args, globals),
            Command::Import(args) => import::run(args, globals),
            Command::Retrain(args) => retrain::run(args, globals),
            Command::Queue(args) => queue::run(args, globals),
            Command::Watch(args) => watch::run(args, globals),
            Command::Runs(args) => runs::run(args, globals),
            Command::Show(args) => show::run(args, globals),
            Command::Stop(args) => stop::run(args, globals),
            Command::Cancel(args) => cancel::run(args, globals),
            Command::Resume(args) => resume::run(args, globals),
            Command::Data(args) => data::run(args, globals),
            Command::Schema(args) => schema::run(args, globals),
            Command::Validate(args) => validate::run(args, globals),
            Command::Acknowledge(args) => acknowledge::run(args, globals),
            Command::Drift(args) => drift::run(args, globals),
            Command::Compare(args) => compare::run(args, globals),
            Command::Plan(args) => plan::run(args, globals),
            Command::Approve(args) => approve::run(args, globals),
            Command::Reject(args) => reject::run(args, globals),
            Command::Rollback(args) => rollback::run(args, globals),
            Command::Journal(args) => journal::run(args, globals),
            Command::Predict(args) => predict::run(args, globals),
            Command::Replay(args) => replay::run(args, globals),
            Command::Serve(args) => serve::run(args, globals),
            Command::Healthcheck(args) => healthcheck::run(args, globals),
            Command::Sync(args) => sync::run(args, globals),
            Command::Export(args) => export::run(args, globals),
            Command::Doctor(args) => doctor::run(args, globals),
            Command::Keys(args) => keys::run(args, globals),
            Command::Console(args) => console::run(args, globals),
            Command::Sagemaker(args) => sagemaker::run(args),
            Command::Worker(args) => worker::run(args, globals),
        }
    }
}

/// Parses the command line, runs the command and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // clap prints help to stdout and errors to stderr, and knows which is which.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() {
                ErrorKind::Usage.exit_code()
            } else {
                0
            });
        }
    };
    let globals = match cli.config {
        Some(file) => Globals::named(file),
        None => Globals::new(PathBuf::from("config.toml")),
    };
    let command = cli.command.unwrap_or(Command::Console(console::Args {
        plain: false,
        view_only: false,
    }));
    match command.run(&globals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Not `eprint!`: it panics when the terminal is gone, and that is one of the errors.
            let _ = std::io::stderr().write_all(describe(&e).as_bytes());
            ExitCode::from(e.kind.exit_code())
        }
    }
}

/// An error as it is printed: what happened, then what to do. Names and values of a file may stand
/// in it, so escape sequences are made harmless.
pub fn describe(e: &CommandError) -> String {
    let clean = crate::text::clean;
    let mut text = format!("error: {}\n", clean(&e.full_message()));
    for hint in &e.hints {
        text.push_str(&format!("  hint: {}\n", clean(hint)));
    }
    text
}
