//! What is built around the program: the deployment scripts, the entrypoint for SageMaker, the files
//! for Prometheus and Grafana. Each is tried with the real program.

mod approval;
mod deploy;
mod monitoring;
mod sagemaker;
mod scripts;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Project, without_settings};

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A script of the repository for a project, without the settings of whoever runs the tests.
fn script(name: &str, project: &Project) -> Command {
    let mut command = Command::new("bash");
    without_settings(&mut command);
    command
        .arg(repository(name))
        .current_dir(project.path())
        .env("NETSEC", env!("CARGO_BIN_EXE_netsec"))
        .env("NETSEC_CONFIG", project.config())
        .env("USER", "tester")
        .env_remove("GITHUB_OUTPUT")
        .stdin(std::process::Stdio::null());
    command
}
