//! What every stage is given and what it gives back.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::events::{CheckVerdict, Event, StageName};
use crate::learners::FitControl;
use crate::schema::Schema;
use crate::workspace::Workspace;

/// Where a stage says what happens. Cheap, callable from any thread; progress and metric events
/// may be joined, everything else is written in order. A failing disk is reported by the runner
/// when the stage ends, not to the stage.
pub trait Recorder: Sync {
    /// Records an event of a stage.
    fn record(&self, stage: StageName, event: Event);
}

/// What a stage works with.
pub struct StageContext<'a> {
    /// The project's folder.
    pub workspace: &'a Workspace,
    /// The settings of this run.
    pub config: &'a Config,
    /// The schema of this run.
    pub schema: &'a Schema,
    /// `Artifacts/<run>/`, where finished stages lie.
    pub run_dir: &'a Path,
    /// The folder this stage writes into; renamed to `run_dir/<stage>` when it returns.
    pub work_dir: &'a Path,
    /// Where events go.
    pub recorder: &'a dyn Recorder,
    /// The operator's wish; a stage checks it often enough to end within a second.
    pub control: &'a FitControl,
    /// Cores to use, at least 1. The runner installs a rayon pool of this size.
    pub cores: usize,
}

impl StageContext<'_> {
    /// The folder of a finished stage.
    pub fn stage_dir(&self, stage: StageName) -> PathBuf {
        self.run_dir.join(stage.as_str())
    }
}

/// What a stage gives back, besides its files.
#[derive(Clone, Debug)]
pub struct StageOutput<T> {
    /// The typed artifact; also written as `artifact.json` by the runner.
    pub artifact: T,
    /// `Ok` or `Warn`; a stage that must stop the run returns an error instead.
    pub verdict: CheckVerdict,
    /// One line for people.
    pub summary: String,
}
