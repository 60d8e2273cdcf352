//! `netsec demo`: run everything on made-up network flows.
//!
//! Two batches of seeded data are written; the older one trains the first champion, approved by
//! the actor `demo`; the newer, drifted one trains a challenger that waits for the user's
//! approval. The runs are the same detached workers that `netsec retrain` starts.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::{Globals, console, follow, output};
use crate::config::{Config, SplitConfig, template};
use crate::error::CommandError;
use crate::events::Actor;
use crate::files;
use crate::pipeline::model_pusher;
use crate::runs::{RunId, RunStore};
use crate::source::demo as generator;
use crate::storage::load_champion;
use crate::worker::{self, StartRequest};
use crate::workspace::Workspace;

/// The smallest demo that still has every rare class on both sides of the split.
const FEWEST_ROWS: u64 = 2_000;

/// Arguments of `netsec demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the summary and end instead of opening the console.
    #[arg(long)]
    pub headless: bool,
    /// Rows of the two batches together.
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    pub rows: u64,
    /// Seed of the data and of training.
    #[arg(long, default_value_t = 42, value_name = "S")]
    pub seed: u64,
    /// Folder to work in; made when missing.
    #[arg(long, default_value = "netsec-demo", value_name = "D")]
    pub dir: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args, _globals: &Globals) -> Result<(), CommandError> {
    if args.rows < FEWEST_ROWS {
        return Err(CommandError::usage(format!(
            "{} rows are too few for five classes with rare attacks",
            args.rows
        ))
        .hint(format!("Use --rows {FEWEST_ROWS} or more.")));
    }
    let workspace = Workspace::new(&args.dir);
    std::fs::create_dir_all(workspace.root()).map_err(|e| {
        CommandError::backend(format!("{} cannot be made", args.dir.display())).because(e)
    })?;
    refuse_foreign_project(&workspace)?;

    output::note!(
        "Making {} rows of network flows in {}",
        args.rows,
        args.dir.display()
    );
    let data = workspace.root().join("data");
    let batches = generator::write_batches(&data, args.rows, args.seed)?;

    // The first run makes the champion; a demo that is run again in the same folder keeps the one
    // it has.
    if load_champion(&workspace)?.is_none() {
        output::note!("\nRun 1 of 2: the older batch, {} rows", batches.rows.0);
        write_config(&workspace, &batches.older, args.seed)?;
        let first = train(&workspace, "demo: the older batch")?;
        approve_as_demo(&workspace, &first)?;
    }
    output::note!(
        "\nRun 2 of 2: the newer batch, which has drifted, {} rows",
        batches.rows.1
    );
    write_config(&workspace, &batches.newer, args.seed)?;
    let second = train(&workspace, "demo: the newer batch")?;

    summary(&workspace, &second)?;
    let globals = Globals::new(workspace.config_file());
    if args.headless || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    console::run(
        &console::Args {
            plain: false,
            view_only: false,
        },
        &globals,
    )
}

/// A folder with somebody's own configuration is not touched.
fn refuse_foreign_project(workspace: &Workspace) -> Result<(), CommandError> {
    let path = workspace.config_file();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => {
            return Err(
                CommandError::backend(format!("{} cannot be read", path.display())).because(e),
            );
        }
    };
    let config = crate::config::parse(&text, &path.display().to_string(), [])?;
    if config.schema.preset.as_deref() == Some("demo") {
        return Ok(());
    }
    Err(
        CommandError::config(format!("{} belongs to another project", path.display()))
            .hint("Choose another folder with --dir."),
    )
}

/// Writes the demo's `config.toml`, reading from this batch.
fn write_config(workspace: &Workspace, batch: &Path, seed: u64) -> Result<(), CommandError> {
    let mut config = Config::default();
    config.source.path = batch
        .strip_prefix(workspace.root())
        .unwrap_or(batch)
        .to_path_buf();
    config.schema.preset = Some("demo".to_owned());
    config.split = SplitConfig {
        seed,
        ..SplitConfig::default()
    };
    config.training.seed = seed;
    let path = workspace.config_file();
    files::write_atomic(&path, template::render(&config).as_bytes()).map_err(|e| {
        CommandError::backend(format!("{} cannot be written", path.display())).because(e)
    })
}

/// Starts a run and follows it to its end, as `netsec retrain` does.
fn train(workspace: &Workspace, note: &str) -> Result<RunId, CommandError> {
    let request = StartRequest {
        note: Some(note.to_owned()),
        ..StartRequest::by(Actor::current())
    };
    let run = worker::start(&workspace.config_file(), request)?;
    follow::follow_to_end(workspace, &run)?;
    Ok(run)
}

/// Approves the first run's plan, under the name `demo` so that nobody takes it for a person.
fn approve_as_demo(workspace: &Workspace, run: &RunId) -> Result<(), CommandError> {
    let config = crate::config::load(&workspace.config_file())?;
    let plan = model_pusher::plan_of_run(workspace, run)?.ok_or_else(|| {
        CommandError::refused(format!(
            "the gate did not accept the demo's first model (run {run})"
        ))
        .hint(format!(
            "`netsec show {run}` says why; another --seed gives other data."
        ))
    })?;
    let by = Actor {
        name: "demo".to_owned(),
        from: Actor::current().from,
    };
    let receipt = model_pusher::approve(
        workspace,
        &config,
        &plan.plan_id,
        by,
        "first champion of the demo",
    )?;
    for line in &receipt.lines {
        output::note!("  {}", crate::text::clean(line));
    }
    Ok(())
}

/// What there is now, and what to do next.
fn summary(workspace: &Workspace, run: &RunId) -> Result<(), CommandError> {
    let store = RunStore::new(workspace);
    let state = store.open(run)?.state;
    let champion = load_champion(workspace)?;
    let f1 = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.4}"));
    output::say!()?;
    output::say!("folder      {}", workspace.root().display())?;
    if let Some(champion) = champion {
        output::say!(
            "champion    {} ({}), macro F1 {} on its own test rows",
            champion.version,
            champion.manifest.learner,
            f1(champion.manifest.f1)
        )?;
    }
    let selected = state.selected.clone().unwrap_or_default();
    let test = state.learner.get(&selected).and_then(|l| l.test.as_ref());
    output::say!(
        "challenger  run {run} ({selected}), macro F1 {}",
        f1(test.and_then(|t| t.f1))
    )?;
    let drifted = state
        .drift
        .iter()
        .filter(|d| d.verdict == crate::events::DriftVerdict::Drift)
        .count();
    output::say!("drift       {drifted} of {} columns", state.drift.len())?;
    if let Some((_, reason)) = &state.gate {
        output::say!("gate        {reason}")?;
    }
    let root = workspace.root().display();
    match &state.plan {
        Some((plan, version)) => {
            output::say!("waiting     plan {plan}, to become {version}")?;
            output::say!()?;
            output::say!("look:       netsec --config {root}/config.toml console")?;
            output::say!(
                "approve:    netsec --config {root}/config.toml approve {plan} --reason \"why\""
            )?;
        }
        None => output::say!("waiting     nothing: the gate did not accept")?,
    }
    Ok(())
}
