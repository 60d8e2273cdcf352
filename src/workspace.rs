//! Where things lie: the folder beside the `config.toml` in use.
//!
//! All state of a project hangs off one root folder. This module only computes paths; it reads
//! and writes nothing.

use std::path::{Path, PathBuf};

/// The folder that holds `config.toml`, `Artifacts/` and `final_model/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Uses `root` as the folder of the project.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// `config.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config.toml")
    }
    /// `Artifacts/`, one folder per run plus the journal and the former versions.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join("Artifacts")
    }
    /// `Artifacts/<run>/`.
    pub fn run_dir(&self, run: &crate::runs::RunId) -> PathBuf {
        self.artifacts().join(run.as_str())
    }
    /// `Artifacts/journal.jsonl`, every decision ever made.
    pub fn journal(&self) -> PathBuf {
        self.artifacts().join("journal.jsonl")
    }
    /// `Artifacts/versions/`, the champions, present and former.
    pub fn versions(&self) -> PathBuf {
        self.artifacts().join("versions")
    }
    /// `Artifacts/logs/`, the program's own rolling log files.
    pub fn logs(&self) -> PathBuf {
        self.artifacts().join("logs")
    }
    /// `final_model/`, the champion.
    pub fn final_model(&self) -> PathBuf {
        self.root.join("final_model")
    }
    /// Resolves a path from the configuration: relative ones start at the root.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }
}
