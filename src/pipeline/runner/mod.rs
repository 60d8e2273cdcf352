//! Runs the stages in order: reuses what is unchanged, resumes what was interrupted.
//!
//! A stage works in a folder of its own, `<stage>.writing-<spawn>`, which is hashed, described by
//! `stage.json`, made durable and renamed to `<stage>`: a stage is finished exactly when that
//! folder stands. Killed at any moment, the next attempt finds the finished stages by their keys
//! and hashes, and runs the rest on the same bytes.

mod calls;
mod facts;
mod stage_folder;
mod stage_key;

pub use calls::{PipelineStages, StageCalls};

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::data_ingestion::{self, RunSnapshots};
use super::{Recorder, StageContext, StageOutput};
use crate::config::{Config, SourceKind, SplitKind};
use crate::error::{CommandError, ErrorKind};
use crate::events::{ArtifactRef, Event, LogRecorder, StageName};
use crate::files;
use crate::hash;
use crate::learners::{FitControl, StopRequest};
use crate::schema::Schema;
use crate::workspace::Workspace;

use facts::FactKeeper;
use stage_folder::{ARTIFACT_FILE, RECORD_FILE, StageRecord, failed};
use stage_key::{Inputs, KeyParts, some};

/// Everything a run of the pipeline needs.
pub struct Runner<'a> {
    /// The project's folder.
    pub workspace: &'a Workspace,
    /// The settings of this run.
    pub config: &'a Config,
    /// The schema of this run.
    pub schema: &'a Schema,
    /// `Artifacts/<run>/`, whose lock this process holds.
    pub run_dir: &'a Path,
    /// The folders of other runs, newest first: where unchanged results are looked for.
    pub other_runs: &'a [PathBuf],
    /// The run log.
    pub recorder: &'a LogRecorder,
    /// The operator's wish.
    pub control: &'a FitControl,
    /// Cores to use.
    pub cores: usize,
    /// Distinguishes this attempt's working folders.
    pub spawn_id: &'a str,
    /// This stage and all after it run even when unchanged.
    pub from: Option<StageName>,
    /// The champion by version and run, when there is one.
    pub champion: Option<String>,
}

/// What is to be done about a stage.
enum Decision {
    /// The files stand in this run's folder and are as they were made.
    Reuse {
        record: Box<StageRecord>,
        why: String,
    },
    /// It runs.
    Run { why: String },
}

/// A file ingestion reads: what it is, and its state before the stage.
struct SourceFile {
    path: PathBuf,
    seen: Option<(u64, SystemTime)>,
}

impl Runner<'_> {
    /// Runs all stages.
    ///
    /// # Errors
    /// The error of the stage that stopped the run, already recorded as `stage_failed`; or
    /// `Cancelled`, which is recorded by whoever ends the run; or a log that cannot be written.
    pub fn run(&self, stages: &mut dyn StageCalls) -> Result<(), CommandError> {
        stage_folder::sweep(self.run_dir).map_err(|e| failed(self.run_dir, e))?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.cores)
            .thread_name(|i| format!("stage-{i}"))
            .build()
            .map_err(|e| CommandError::internal("the thread pool cannot be made").because(e))?;
        let sources = self.sources();
        let mut hashes = BTreeMap::new();
        for (what, source) in &sources {
            // Unreadable files have no hash; the stage that reads them says what is wrong.
            hashes.insert(what.clone(), hash::sha256_file(&source.path).ok());
        }
        let snapshots = self.snapshots()?;
        for (what, fingerprint) in snapshots.iter().flat_map(RunSnapshots::fingerprints) {
            hashes.insert(what, Some(fingerprint));
        }
        let mut done: BTreeMap<StageName, Vec<ArtifactRef>> = BTreeMap::new();
        for stage in StageName::ALL {
            self.check_cancelled()?;
            let depends_on = KeyParts::of(
                stage,
                &Inputs {
                    config: self.config,
                    schema_sha256: self.schema.sha256(),
                    files: &hashes,
                    champion: self.champion.as_deref(),
                    done: &done,
                },
            );
            let result = self
                .decide(stage, &depends_on)
                .and_then(|decision| match decision {
                    Decision::Reuse { record, why } => {
                        self.say_reused(&record, why);
                        Ok(*record)
                    }
                    Decision::Run { why } => {
                        self.recorder.record(stage, Event::StageStarted { why });
                        self.work(stage, depends_on, &pool, stages, &sources)
                    }
                })
                .and_then(|record| {
                    stages.accept(stage, stage_folder::read_artifact(self.run_dir, stage)?)?;
                    Ok(record)
                });
            match result {
                Ok(record) => {
                    done.insert(stage, record.files);
                    if stage == StageName::DataIngestion {
                        data_ingestion::forget_parts(self.run_dir)
                            .map_err(|e| failed(self.run_dir, e))?;
                    }
                }
                Err(e) if e.kind == ErrorKind::Cancelled => return Err(e),
                Err(e) => {
                    let error = e.report();
                    self.recorder.record(stage, Event::StageFailed { error });
                    return Err(e);
                }
            }
            self.recorder.check()?;
        }
        Ok(())
    }

    fn check_cancelled(&self) -> Result<(), CommandError> {
        match self.control.stop() {
            StopRequest::Now => Err(CommandError::cancelled("the run was cancelled")),
            StopRequest::None | StopRequest::AfterRound => Ok(()),
        }
    }

    /// The files ingestion reads, by what they are.
    fn sources(&self) -> BTreeMap<String, SourceFile> {
        let source = &self.config.source;
        let mut found = BTreeMap::new();
        let mut add = |what: &str, path: &Path| {
            let path = self.workspace.resolve(path);
            let seen = identity(&path);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = crate::text::clean(&name);
            found.insert(format!("{what} {name}"), SourceFile { path, seen });
        };
        match source.kind {
            SourceKind::File => {
                add("source file", &source.path);
                if let Some(path) = &source.test_path {
                    add("test file", path);
                }
            }
            // Their rows are settled by a snapshot.
            SourceKind::Mongodb => {}
        }
        if let (SplitKind::Indices, Some(path)) =
            (self.config.split.kind, &self.config.split.indices)
        {
            add("row index file", path);
        }
        found
    }

    /// What this run sees of its collections. A server that cannot tell stops the stage that would
    /// read from it.
    fn snapshots(&self) -> Result<Option<RunSnapshots>, CommandError> {
        let settled = RunSnapshots::of_run(self.run_dir, &self.config.source, self.control);
        if let Err(e) = &settled
            && e.kind != ErrorKind::Cancelled
        {
            let stage = StageName::DataIngestion;
            let why = "what the collection holds must be settled first".to_owned();
            self.recorder.record(stage, Event::StageStarted { why });
            let error = e.report();
            self.recorder.record(stage, Event::StageFailed { error });
        }
        settled
    }

    /// Looks for a result that can be reused, first in this run, then in others.
    fn decide(&self, stage: StageName, wanted: &KeyParts) -> Result<Decision, CommandError> {
        let key = wanted.sha256();
        let own = self.run_dir.join(stage.as_str());
        if own.is_dir() {
            return self.decide_own(stage, wanted, &key, &own);
        }
        if let Some(from) = self.from.filter(|from| *from <= stage) {
            return Ok(run(format!("--from {from}")));
        }
        if stage == StageName::ModelPusher {
            return Ok(run("every run makes its own plan".to_owned()));
        }
        let mut nearest = None;
        let mut altered_in = None;
        for other in self.other_runs {
            let Some(record) = stage_folder::read_record(other, stage) else {
                continue;
            };
            let name = run_name(other);
            if record.key != key {
                nearest.get_or_insert_with(|| {
                    format!(
                        "since run {name}: {}",
                        wanted.changes_since(&record.depends_on)
                    )
                });
                continue;
            }
            if record.stopped_early {
                nearest.get_or_insert_with(|| format!("run {name} was told to stop early"));
                continue;
            }
            match self.take_over(&other.join(stage.as_str()), &record)? {
                None => {
                    let why = format!(
                        "unchanged since run {name}: same {}; {} re-hashed",
                        compared(stage, self.config.source.kind),
                        count(record.files.len(), "file")
                    );
                    return Ok(Decision::Reuse {
                        record: Box::new(record),
                        why,
                    });
                }
                Some(names) => {
                    altered_in.get_or_insert_with(|| {
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        format!("files of run {name} were altered: {}", some(&names))
                    });
                }
            }
        }
        Ok(run(altered_in
            .or(nearest)
            .unwrap_or_else(|| "first run".to_owned())))
    }

    /// Decides about a folder an earlier attempt of this run left.
    fn decide_own(
        &self,
        stage: StageName,
        wanted: &KeyParts,
        key: &str,
        own: &Path,
    ) -> Result<Decision, CommandError> {
        let Some(record) = stage_folder::read_record(self.run_dir, stage) else {
            return Ok(run(format!("{RECORD_FILE} of {stage} cannot be read")));
        };
        if record.key != key {
            let changes = wanted.changes_since(&record.depends_on);
            return Ok(run(format!("since this run did it: {changes}")));
        }
        let altered = stage_folder::altered(own, &record).map_err(|e| failed(own, e))?;
        if !altered.is_empty() {
            let names: Vec<&str> = altered.iter().map(String::as_str).collect();
            return Ok(run(format!(
                "files of this run were altered: {}",
                some(&names)
            )));
        }
        let why = format!(
            "finished before the run was interrupted; {} re-hashed",
            count(record.files.len(), "file")
        );
        Ok(Decision::Reuse {
            record: Box::new(record),
            why,
        })
    }

    /// Brings the files of another run here and checks them where they are going to be used.
    /// Gives the names of altered files when there are any.
    fn take_over(
        &self,
        from: &Path,
        record: &StageRecord,
    ) -> Result<Option<Vec<String>>, CommandError> {
        let dir = stage_folder::writing_dir(self.run_dir, record.stage, self.spawn_id);
        let taken = (|| {
            fs::create_dir(&dir)?;
            stage_folder::link_files(from, &dir)?;
            let altered = stage_folder::altered(&dir, record)?;
            if altered.is_empty() {
                stage_folder::put_in_place(&dir, self.run_dir, record.stage)?;
                return Ok(None);
            }
            fs::remove_dir_all(&dir)?;
            Ok(Some(altered))
        })();
        taken.map_err(|e| failed(&dir, e))
    }

    /// Says that a stage is reused, and all it had said when it ran.
    fn say_reused(&self, record: &StageRecord, why: String) {
        self.recorder.record(
            record.stage,
            Event::StageReused {
                why,
                artifacts: record.files.clone(),
                summary: record.summary.clone(),
                verdict: record.verdict,
            },
        );
        for fact in &record.facts {
            self.recorder.record(record.stage, fact.clone());
        }
    }

    /// Runs a stage and puts its folder in place.
    fn work(
        &self,
        stage: StageName,
        depends_on: KeyParts,
        pool: &rayon::ThreadPool,
        stages: &mut dyn StageCalls,
        sources: &BTreeMap<String, SourceFile>,
    ) -> Result<StageRecord, CommandError> {
        let begun = Instant::now();
        let dir = stage_folder::writing_dir(self.run_dir, stage, self.spawn_id);
        fs::create_dir(&dir).map_err(|e| failed(&dir, e))?;
        let facts = FactKeeper::new(self.recorder);
        let ctx = StageContext {
            workspace: self.workspace,
            config: self.config,
            schema: self.schema,
            run_dir: self.run_dir,
            work_dir: &dir,
            recorder: &facts,
            control: self.control,
            cores: self.cores,
        };
        let result =
            guarded(stage, || pool.install(|| stages.run(stage, &ctx))).and_then(|output| {
                if stage == StageName::DataIngestion {
                    check_unchanged(sources)?;
                }
                Ok(output)
            });
        let output = match result {
            Ok(output) => output,
            Err(e) => {
                // A stage that did not finish leaves nothing; why it stopped is in the log. The
                // error at hand tells more than one about cleaning up.
                let _ = fs::remove_dir_all(&dir);
                return Err(e);
            }
        };
        let record = self
            .complete(stage, depends_on, &dir, output, facts.into_facts(), begun)
            .map_err(|e| failed(&dir, e))?;
        self.recorder.record(
            stage,
            Event::StageFinished {
                verdict: record.verdict,
                seconds: record.seconds,
                summary: record.summary.clone(),
                artifacts: record.files.clone(),
            },
        );
        Ok(record)
    }

    fn complete(
        &self,
        stage: StageName,
        depends_on: KeyParts,
        dir: &Path,
        output: StageOutput<serde_json::Value>,
        facts: Vec<Event>,
        begun: Instant,
    ) -> std::io::Result<StageRecord> {
        files::write_json(&dir.join(ARTIFACT_FILE), &output.artifact)?;
        let record = StageRecord {
            version: 1,
            stage,
            made_by: run_name(self.run_dir),
            key: depends_on.sha256(),
            depends_on,
            verdict: output.verdict,
            summary: output.summary,
            seconds: begun.elapsed().as_secs_f64(),
            stopped_early: stage == StageName::ModelTrainer
                && self.control.stop() != StopRequest::None,
            files: stage_folder::hash_files(dir, stage)?,
            facts,
        };
        files::write_json(&dir.join(RECORD_FILE), &record)?;
        stage_folder::put_in_place(dir, self.run_dir, stage)?;
        Ok(record)
    }
}

fn run(why: String) -> Decision {
    Decision::Run { why }
}

/// What is compared before a stage is reused, for people.
fn compared(stage: StageName, source: SourceKind) -> &'static str {
    match stage {
        StageName::DataIngestion => match source {
            SourceKind::File => "source file, schema, settings and program",
            SourceKind::Mongodb => "snapshot of the collection, schema, settings and program",
        },
        StageName::DataValidation | StageName::ModelEvaluation => {
            "input files, champion, schema, settings and program"
        }
        StageName::DataTransformation | StageName::ModelTrainer | StageName::ModelPusher => {
            "input files, schema, settings and program"
        }
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn run_name(dir: &Path) -> String {
    dir.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn identity(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// A source that was written to while it was read gives a snapshot of neither state, under the
/// hash of the first.
fn check_unchanged(sources: &BTreeMap<String, SourceFile>) -> Result<(), CommandError> {
    for source in sources.values() {
        if identity(&source.path) != source.seen {
            return Err(CommandError::data(format!(
                "{} changed while it was read",
                source.path.display()
            ))
            .hint("Start again when nothing writes to it any more."));
        }
    }
    Ok(())
}

/// Runs a stage so that a panic in it ends the stage, not the worker.
fn guarded<T>(
    stage: StageName,
    work: impl FnOnce() -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        tracing::error!(%stage, text, "a stage panicked");
        Err(CommandError::internal(format!("{stage} panicked: {text}"))
            .hint("This is a defect in netsec; `worker.log` in the run's folder says where it is."))
    })
}

#[cfg(test)]
mod tests;
