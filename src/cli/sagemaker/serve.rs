//! `serve`: the scoring service over the model that SageMaker has unpacked.

use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::train::PLAN_FILE;
use crate::cli::{self, Globals};
use crate::error::CommandError;
use crate::pipeline::model_pusher::PushPlan;
use crate::storage::{MANIFEST_FILE, Manifest};
use crate::workspace::Workspace;

/// Where the service listens unless SageMaker says another port.
const PORT: u16 = 8080;

/// Runs the service until SIGTERM.
pub(super) fn run(layout: &Layout) -> Result<(), CommandError> {
    let scratch = tempfile::Builder::new()
        .prefix("netsec-sagemaker-")
        .tempdir()
        .map_err(|e| CommandError::backend("there is no folder for scratch files").because(e))?;
    let config_file = lay_out(&layout.model(), scratch.path())?;
    let port = port(std::env::var("SAGEMAKER_BIND_TO_PORT").ok().as_deref())?;
    // Whoever asks was let through by SageMaker, and nobody else reaches the container.
    cli::serve::serve(
        Some(&format!("0.0.0.0:{port}")),
        &Globals::named(config_file),
        true,
    )
}

/// The port to listen on.
fn port(asked: Option<&str>) -> Result<u16, CommandError> {
    match asked.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(PORT),
        Some(text) => text.parse().map_err(|_| {
            CommandError::config(format!(
                "SAGEMAKER_BIND_TO_PORT is `{}`, not a port",
                crate::text::clean(text)
            ))
        }),
    }
}

/// Makes a workspace of the model's files, whose folder may be read-only; returns its
/// configuration. The hashes are checked where the champion is loaded.
fn lay_out(model: &Path, scratch: &Path) -> Result<PathBuf, CommandError> {
    let source = [model.to_owned(), model.join("final_model")]
        .into_iter()
        .find(|folder| folder.join(MANIFEST_FILE).is_file())
        .ok_or_else(|| no_model(model))?;
    let failed = |path: &Path, e: std::io::Error| {
        CommandError::backend(format!("{} cannot be read", path.display())).because(e)
    };
    let manifest_file = source.join(MANIFEST_FILE);
    let bytes = std::fs::read(&manifest_file).map_err(|e| failed(&manifest_file, e))?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|e| {
        CommandError::data(format!("{} is no manifest", manifest_file.display())).because(e)
    })?;
    let workspace = Workspace::new(scratch);
    let target = workspace.final_model();
    std::fs::create_dir_all(&target).map_err(|e| failed(&target, e))?;
    for name in manifest.files.keys() {
        // A name is a name: nothing outside the model's folder is read.
        let plain = Path::new(name)
            .file_name()
            .is_some_and(|n| n == name.as_str());
        let path = source.join(name);
        let file = std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_file());
        if !plain || !file {
            return Err(CommandError::data(format!(
                "{} names `{}`, which is no file beside it",
                manifest_file.display(),
                crate::text::clean(name)
            )));
        }
        std::fs::copy(&path, target.join(name)).map_err(|e| failed(&path, e))?;
    }
    std::fs::write(target.join(MANIFEST_FILE), bytes).map_err(|e| failed(&target, e))?;
    let config = workspace.config_file();
    std::fs::write(&config, "").map_err(|e| failed(&config, e))?;
    Ok(config)
}

/// Why there is nothing to serve.
fn no_model(model: &Path) -> CommandError {
    let plan = std::fs::read(model.join(PLAN_FILE))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<PushPlan>(&bytes).ok());
    match plan {
        Some(plan) => CommandError::refused(format!(
            "{} holds the candidate of plan {}, which was not approved",
            model.display(),
            crate::text::clean(&plan.plan_id)
        ))
        .hint("Approve it, and put the files of final_model/ into the archive."),
        None => CommandError::not_found(format!("{} holds no {MANIFEST_FILE}", model.display()))
            .hint("The archive is made of the files of final_model/ (deploy/pack-model.sh)."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_folder_without_a_manifest_is_no_model() {
        let dir = tempfile::tempdir().unwrap();
        let error = lay_out(dir.path(), &dir.path().join("scratch")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["../secret", "/etc/hostname", "a/b", "missing.json"] {
            let dir = tempfile::tempdir().unwrap();
            let model = dir.path().join("model");
            std::fs::create_dir_all(&model).unwrap();
            std::fs::write(dir.path().join("secret"), "x").unwrap();
            let manifest = serde_json::json!({
                "format": Manifest::FORMAT, "format_version": Manifest::FORMAT_VERSION,
                "version": "v1", "run_id": "r", "plan_id": "p", "learner": "decision_tree",
                "classes": ["0", "1"], "threshold": null, "files": {name: "00"},
                "data_digest": "", "f1": null, "approvals": [], "champion_before": null,
                "journal_hash": "", "pushed_at": "2026-11-22T00:00:00Z"
            });
            std::fs::write(model.join(MANIFEST_FILE), manifest.to_string()).unwrap();
            let error = lay_out(&model, &dir.path().join("scratch")).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Data, "{name}: {error}");
        }
    }

    #[test]
    fn the_port_is_sagemakers_or_8080() {
        assert_eq!(port(None).unwrap(), 8080);
        assert_eq!(port(Some(" ")).unwrap(), 8080);
        assert_eq!(port(Some("9000")).unwrap(), 9000);
        assert!(port(Some("http")).is_err());
    }
}
