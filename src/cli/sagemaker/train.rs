//! `train`: one retrain of the data in the channels. The folder of the run goes to `output/data`,
//! the model to `model/`: with its manifest when it was approved, as a candidate when not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use super::hyperparameters::Hyperparameters;
use super::layout::Layout;
use crate::cli::{follow, output, watch};
use crate::config::{self, Config, SourceKind};
use crate::error::CommandError;
use crate::events::{Actor, ControlCommand};
use crate::pipeline::model_pusher::{self, PushPlan, plan_of_run};
use crate::runs::RunId;
use crate::text::clean;
use crate::worker::{self, StartRequest};
use crate::workspace::Workspace;

/// The plan of a candidate, beside its files.
pub(super) const PLAN_FILE: &str = "plan.json";

/// Runs the job.
pub(super) fn run(layout: &Layout) -> Result<(), CommandError> {
    let asked = Hyperparameters::read(&layout.hyperparameters())?;
    let workspace = Workspace::new(layout.output_data());
    let config_file = write_config(layout, &workspace, &asked)?;
    let by = actor();
    let run = worker::start(
        &config_file,
        StartRequest {
            note: asked.note.clone(),
            ..StartRequest::by(by.clone())
        },
    )?;
    let stopping = stop_on_sigterm(&workspace, &run, by.clone())?;
    let view = follow::follow(&workspace, &run, &mut watch::Plain::new(&workspace));
    stopping.close();
    follow::verdict(&view?)?;
    let config = config::load(&config_file)?;
    let plan = plan_of_run(&workspace, &run)?;
    match (plan, &asked.approve_reason) {
        (Some(plan), Some(reason)) => approve(layout, &workspace, &config, &plan, by, reason),
        (Some(plan), None) => candidate(layout, &workspace, &plan),
        (None, None) => output::say!("The gate did not accept; model/ stays empty."),
        (None, Some(_)) => Err(CommandError::refused(
            "the gate did not accept, so there is nothing to approve",
        )
        .hint("output/data holds the run; `netsec show latest` there says why.")),
    }
}

/// Who decides here: the job, by its name.
fn actor() -> Actor {
    let job = std::env::var("TRAINING_JOB_NAME").unwrap_or_default();
    Actor {
        name: "sagemaker".to_owned(),
        from: match clean(job.trim()) {
            name if name.is_empty() => "a training job".to_owned(),
            name => name,
        },
    }
}

/// Writes the run's `config.toml` from the channel `config`, the hyperparameters and what lies in
/// the data channels.
fn write_config(
    layout: &Layout,
    workspace: &Workspace,
    asked: &Hyperparameters,
) -> Result<PathBuf, CommandError> {
    let base = layout.channel(&["config"]);
    let (text, name) = match &base {
        Some(folder) => {
            let file = folder.join("config.toml");
            let text = std::fs::read_to_string(&file).map_err(|e| {
                CommandError::config(format!("{} cannot be read", file.display())).because(e)
            })?;
            (text, file.display().to_string())
        }
        None => (String::new(), "hyperparameters.json".to_owned()),
    };
    let mut config = asked.apply(&text, &name)?;
    find_data(layout, &mut config)?;
    if let (Some(base), Some(file)) = (&base, &config.schema.file) {
        config.schema.file = Some(base.join(file));
    }
    let written = toml::to_string(&config)
        .map_err(|e| CommandError::internal("the configuration cannot be written").because(e))?;
    let file = workspace.config_file();
    std::fs::create_dir_all(workspace.root())
        .and_then(|()| std::fs::write(&file, written))
        .map_err(|e| unwritable(&file, e))?;
    Ok(file)
}

/// Names the data files where the configuration does not.
fn find_data(layout: &Layout, config: &mut Config) -> Result<(), CommandError> {
    if config.source.kind != SourceKind::File {
        return Ok(());
    }
    let channel = layout.channel(&["training", "train"]).ok_or_else(|| {
        CommandError::data("there is no channel `training` or `train`")
            .hint("The data lies below input/data/training.")
    })?;
    config.source.path = if config.source.path.as_os_str().is_empty() {
        Layout::only_file(&channel)?
    } else {
        channel.join(&config.source.path)
    };
    if let Some(test) = layout.channel(&["test"]) {
        config.source.test_path = Some(match &config.source.test_path {
            Some(path) => test.join(path),
            None => Layout::only_file(&test)?,
        });
    }
    Ok(())
}

/// SageMaker stops a job with SIGTERM and gives it two minutes: the run finishes its round and
/// keeps the best model.
fn stop_on_sigterm(
    workspace: &Workspace,
    run: &RunId,
    by: Actor,
) -> Result<signal_hook::iterator::Handle, CommandError> {
    let mut signals = Signals::new([SIGTERM])
        .map_err(|e| CommandError::internal("signals cannot be caught").because(e))?;
    let handle = signals.handle();
    let dir = Arc::new(workspace.run_dir(run));
    std::thread::spawn(move || {
        let mut command = ControlCommand::StopAfterRound;
        for _ in signals.forever() {
            output::note!("the job is to stop");
            if let Err(e) = worker::send(&dir, command, by.clone()) {
                output::note!("the worker cannot be told: {}", clean(&e.to_string()));
            }
            // A second one means now.
            command = ControlCommand::Cancel;
        }
    });
    Ok(handle)
}

/// Approves the plan as the policy allows and puts the champion into `model/`.
fn approve(
    layout: &Layout,
    workspace: &Workspace,
    config: &Config,
    plan: &PushPlan,
    by: Actor,
    reason: &str,
) -> Result<(), CommandError> {
    let watch = |line: &str| output::note!("{}", clean(line));
    let receipt =
        model_pusher::approve_watched(workspace, config, &plan.plan_id, by, reason, &watch)?;
    if !receipt.pushed {
        output::say!("The policy asks for more approvals than this job's.")?;
        return candidate(layout, workspace, plan);
    }
    copy_folder(&workspace.final_model(), &layout.model())?;
    output::say!(
        "{} is approved; model/ holds it with its manifest.",
        receipt.version
    )
}

/// Puts the files of a plan that waits for approval into `model/`. Without a manifest nothing
/// serves them.
fn candidate(layout: &Layout, workspace: &Workspace, plan: &PushPlan) -> Result<(), CommandError> {
    let model = layout.model();
    std::fs::create_dir_all(&model).map_err(|e| unwritable(&model, e))?;
    for (name, path, _) in plan.sources(workspace) {
        std::fs::copy(path, model.join(name)).map_err(|e| unwritable(&model.join(name), e))?;
    }
    crate::files::write_json(&model.join(PLAN_FILE), plan)
        .map_err(|e| unwritable(&model.join(PLAN_FILE), e))?;
    output::say!(
        "model/ holds the candidate of plan {}; `netsec approve {}` in the folder of output/data puts it in production.",
        plan.plan_id,
        plan.plan_id
    )
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), CommandError> {
    let copy = || -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
        Ok(())
    };
    copy().map_err(|e| unwritable(to, e))
}

fn unwritable(path: &Path, e: std::io::Error) -> CommandError {
    CommandError::backend(format!("{} cannot be written", path.display())).because(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(dir: &Path, files: &[(&str, &str)]) -> Layout {
        for (name, text) in files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Layout::new(dir)
    }

    fn written(dir: &Path, files: &[(&str, &str)]) -> Result<Config, CommandError> {
        let layout = layout(dir, files);
        let asked = Hyperparameters::read(&layout.hyperparameters())?;
        let workspace = Workspace::new(layout.output_data());
        Ok(config::load(&write_config(&layout, &workspace, &asked)?)?)
    }

    #[test]
    fn the_files_of_the_channels_become_the_source() {
        let dir = tempfile::tempdir().unwrap();
        let config = written(
            dir.path(),
            &[
                ("input/data/train/flows.csv", "a\n"),
                ("input/data/test/held_out.csv", "a\n"),
                (
                    "input/config/hyperparameters.json",
                    "{\"schema.label\": \"attack\"}",
                ),
            ],
        )
        .unwrap();
        let data = dir.path().join("input/data");
        assert_eq!(config.source.path, data.join("train/flows.csv"));
        assert_eq!(
            config.source.test_path,
            Some(data.join("test/held_out.csv"))
        );
        assert_eq!(config.schema.label.as_deref(), Some("attack"));
    }

    #[test]
    fn a_configuration_of_ones_own_names_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let config = written(
            dir.path(),
            &[
                ("input/data/training/a.csv", "a\n"),
                ("input/data/training/b.csv", "a\n"),
                (
                    "input/data/config/config.toml",
                    "[source]\npath = \"b.csv\"\n[schema]\nfile = \"schema.json\"\n",
                ),
            ],
        )
        .unwrap();
        let data = dir.path().join("input/data");
        assert_eq!(config.source.path, data.join("training/b.csv"));
        assert_eq!(config.schema.file, Some(data.join("config/schema.json")));
    }

    #[test]
    fn without_data_the_error_says_where_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let error = written(dir.path(), &[]).unwrap_err();
        assert!(
            error.to_string().contains("no channel `training`"),
            "{error}"
        );
    }
}
