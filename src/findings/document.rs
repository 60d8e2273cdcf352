//! Everything the Validate screen shows of a run, read from what its stages wrote.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::de::DeserializeOwned;

use super::acknowledged::{ACKNOWLEDGED_FILE, Acknowledgements, acknowledgements};
use super::effect::{self, Effect};
use super::error::FindingsError;
use super::finding::{Finding, Standing, name_apart};
use super::history::Past;
use super::label_mix::LabelMix;
use crate::config::DriftConfig;
use crate::drift::{ColumnBins, ColumnDrift, DriftReport};
use crate::error::CommandError;
use crate::events::{LogReader, RunState, StageName, StageStatus};
use crate::pipeline::data_ingestion::DataIngestionArtifact;
use crate::pipeline::data_validation::{
    BINS_FILE, BinsDocument, DRIFT_FILE, GroupSummary, VALIDATION_FILE, ValidationReport,
};
use crate::pipeline::model_evaluation::EVALUATION_FILE;
use crate::runs::{CONFIG_FILE, EVENTS_FILE, RunId, RunStore};
use crate::schema::Schema;
use crate::storage::REFERENCE_FILE;
use crate::workspace::Workspace;

/// Runs that a history goes back, this one among them.
const HISTORY: usize = 8;
/// Runs that are looked at for them; a folder of failed runs is no history.
const LOOKED_AT: usize = 60;

/// Where findings come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The reports of the stage.
    Reports,
    /// The run's log: the stage did not finish, or its files are gone.
    Log,
    /// Nowhere: the run has not come so far.
    Nothing,
}

/// What a run found out about its data.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// The run.
    pub run: RunId,
    /// Where this comes from.
    pub source: Source,
    /// Checks that were made.
    pub checks: u64,
    /// The checks in a line per group; empty when only the log is left.
    pub groups: Vec<GroupSummary>,
    /// Every finding: drift first, then the checks, each in the order of its report.
    pub findings: Vec<Finding>,
    /// The report on the checks.
    pub validation: Option<ValidationReport>,
    /// The drift report; `None` without a reference.
    pub drift: Option<DriftReport>,
    /// Its bins; `None` for runs of former versions of the program.
    pub bins: Option<BinsDocument>,
    /// The limits of the run.
    pub limits: DriftConfig,
    /// The schema of the run.
    pub schema: Option<Schema>,
    /// The mix of the classes.
    pub label_mix: Option<LabelMix>,
    /// This run and the ones before it that have validated data, newest first.
    pub history: Vec<Past>,
    /// The champion on this data; `None` without a champion, or before the evaluation.
    pub effect: Option<Effect>,
    /// Whether the evaluation has been done.
    pub evaluated: bool,
    /// Feature columns with an importance, out of which [`Finding::importance`] is a place.
    pub important_columns: usize,
    /// Who has taken note of what.
    pub acknowledged: Acknowledgements,
}

impl Findings {
    /// The finding of a name.
    pub fn find(&self, id: &str) -> Option<&Finding> {
        self.findings.iter().find(|f| f.id == id)
    }
    /// The finding of a name, or an error that tells which names there are.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(&self, id: &str) -> Result<&Finding, FindingsError> {
        self.find(id).ok_or_else(|| FindingsError::NoFinding {
            run: self.run.to_string(),
            id: id.to_owned(),
            problems: self.problems().map(|f| f.id.clone()).collect(),
        })
    }
    /// Findings that somebody should look at.
    pub fn problems(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.standing.is_problem())
    }
    /// Number of findings that stand so.
    pub fn count(&self, standing: Standing) -> usize {
        self.findings
            .iter()
            .filter(|f| f.standing == standing)
            .count()
    }
    /// The bins of a column.
    pub fn bins_of(&self, column: &str) -> Option<&ColumnBins> {
        self.bins
            .as_ref()?
            .columns
            .iter()
            .find(|b| b.column == column)
    }
    /// The drift of a column.
    pub fn drift_of(&self, column: &str) -> Option<&ColumnDrift> {
        self.drift
            .as_ref()?
            .columns
            .iter()
            .find(|c| c.column == column)
    }
    /// The champion whose data was the reference, as far as it is known.
    pub fn reference(&self) -> Option<&str> {
        match (&self.bins, &self.effect) {
            (Some(bins), _) => Some(&bins.reference.version),
            (None, Some(effect)) => Some(&effect.version),
            (None, None) => None,
        }
    }
    /// The files slices are made from: the reference and the parts of this run.
    pub fn snapshots(&self, workspace: &Workspace) -> Option<(PathBuf, Vec<PathBuf>)> {
        let version = &self.bins.as_ref()?.reference.version;
        let reference = workspace.versions().join(version).join(REFERENCE_FILE);
        let stage = workspace
            .run_dir(&self.run)
            .join(StageName::DataIngestion.as_str());
        let parts = ["train.parquet", "test.parquet"].map(|name| stage.join(name));
        Some((reference, parts.to_vec()))
    }
    /// The drift of a column in the runs of the history, oldest first; runs that measured none are
    /// left out.
    pub fn psi_history(&self, column: &str) -> Vec<(&RunId, f64)> {
        self.history
            .iter()
            .rev()
            .filter_map(|past| Some((&past.run, past.psi(column)?)))
            .collect()
    }
}

/// When a file was written and how long it is.
type Stamp = Option<(SystemTime, u64)>;

/// Reads findings and remembers them: a run whose files have not changed is not read again.
#[derive(Debug, Default)]
pub struct FindingsReader {
    known: HashMap<RunId, ([Stamp; 5], Arc<Findings>)>,
    past: HashMap<RunId, ([Stamp; 2], Option<Arc<Past>>)>,
}

impl FindingsReader {
    /// The findings of a run.
    ///
    /// # Errors
    /// When a report is damaged or cannot be read.
    pub fn read(
        &mut self,
        workspace: &Workspace,
        run: &RunId,
    ) -> Result<Arc<Findings>, CommandError> {
        let dir = workspace.run_dir(run);
        let stage = dir.join(StageName::DataValidation.as_str());
        let stamps = [
            stamp(&stage.join(VALIDATION_FILE)),
            stamp(&stage.join(DRIFT_FILE)),
            stamp(&dir.join(ACKNOWLEDGED_FILE)),
            stamp(
                &dir.join(StageName::ModelEvaluation.as_str())
                    .join(EVALUATION_FILE),
            ),
            // Reports do not change once they are there; until then the log is what is read.
            stamp(&stage.join(VALIDATION_FILE)).map_or_else(|| stamp(&dir.join(EVENTS_FILE)), Some),
        ];
        if let Some((_, found)) = self.known.get(run).filter(|(s, _)| *s == stamps) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(self.read_anew(workspace, run, &dir)?);
        self.known.insert(run.clone(), (stamps, Arc::clone(&found)));
        Ok(found)
    }

    fn read_anew(
        &mut self,
        workspace: &Workspace,
        run: &RunId,
        dir: &Path,
    ) -> Result<Findings, CommandError> {
        let stage = dir.join(StageName::DataValidation.as_str());
        let validation: Option<ValidationReport> = read(&stage.join(VALIDATION_FILE))?;
        let drift: Option<DriftReport> = read(&stage.join(DRIFT_FILE))?;
        let bins: Option<BinsDocument> = read(&stage.join(BINS_FILE))?;
        let schema: Option<Schema> = read(&dir.join("schema.json"))?;
        let limits = limits(dir);
        let acknowledged = acknowledgements(dir)?;
        let mut found = Findings {
            run: run.clone(),
            source: Source::Reports,
            checks: 0,
            groups: Vec::new(),
            findings: Vec::new(),
            validation,
            drift,
            bins,
            limits,
            schema,
            label_mix: None,
            history: Vec::new(),
            effect: None,
            evaluated: false,
            important_columns: 0,
            acknowledged,
        };
        match &found.validation {
            Some(report) => {
                found.checks = report.checks.len() as u64;
                found.groups = report.groups();
                let drift = found.drift.iter().flat_map(|d| &d.columns).enumerate();
                let drift = drift.map(|(at, c)| Finding::of_drift(at, c, &found.limits));
                let checks = report.checks.iter().enumerate();
                let checks = checks.map(|(at, c)| Finding::of_check(at, c));
                found.findings = drift.chain(checks).collect();
                name_apart(&mut found.findings);
            }
            None => from_log(&mut found, dir)?,
        }
        found.label_mix = label_mix(&found, dir);
        found.history = self.history(workspace, &found)?;
        let columns: Vec<String> = found
            .schema
            .iter()
            .flat_map(|s| s.features().map(|c| c.name.clone()))
            .collect();
        if let Some(evaluated) = effect::read(workspace, dir, &columns) {
            found.evaluated = true;
            found.effect = evaluated.effect;
            let mut order: Vec<(&String, &f64)> = evaluated.importance.iter().collect();
            order.sort_by(|a, b| b.1.total_cmp(a.1).then_with(|| a.0.cmp(b.0)));
            found.important_columns = order.len();
            for finding in &mut found.findings {
                finding.importance = finding
                    .column
                    .as_ref()
                    .and_then(|c| order.iter().position(|(name, _)| *name == c))
                    .map(|at| at + 1);
            }
        }
        Ok(found)
    }

    /// The run itself and those before it.
    fn history(
        &mut self,
        workspace: &Workspace,
        found: &Findings,
    ) -> Result<Vec<Past>, CommandError> {
        let mut history = Vec::new();
        if let Some(validation) = &found.validation {
            history.push(Past::of(&found.run, validation, found.drift.as_ref()));
        }
        // Newest first; run ids begin with the time of their start.
        let before = RunStore::new(workspace)
            .list()?
            .into_iter()
            .skip_while(|run| *run != found.run)
            .skip(1)
            .take(LOOKED_AT);
        for run in before {
            if history.len() >= HISTORY {
                break;
            }
            if let Some(past) = self.past(workspace, &run) {
                history.push(past.as_ref().clone());
            }
        }
        Ok(history)
    }

    fn past(&mut self, workspace: &Workspace, run: &RunId) -> Option<Arc<Past>> {
        let dir = workspace.run_dir(run);
        let stage = dir.join(StageName::DataValidation.as_str());
        let stamps = [
            stamp(&stage.join(VALIDATION_FILE)),
            stamp(&stage.join(DRIFT_FILE)),
        ];
        if let Some((_, past)) = self.past.get(run).filter(|(s, _)| *s == stamps) {
            return past.clone();
        }
        let past = Past::read(run, &dir).map(Arc::new);
        self.past.insert(run.clone(), (stamps, past.clone()));
        past
    }
}

/// What the log still says when there are no reports: a stage that stops the run leaves no files.
fn from_log(found: &mut Findings, dir: &Path) -> Result<(), CommandError> {
    let path = dir.join(EVENTS_FILE);
    let lines = LogReader::open(&path).read_all().map_err(|e| {
        CommandError::backend(format!("{} cannot be read", path.display())).because(e)
    })?;
    let state = RunState::replay(lines.iter().filter_map(|l| l.event()));
    let stage = state.stage(StageName::DataValidation);
    found.checks = state.checks;
    found.source = match stage.status {
        StageStatus::Waiting | StageStatus::Running if state.checks == 0 => Source::Nothing,
        _ if state.checks == 0 && state.drift.is_empty() => Source::Nothing,
        _ => Source::Log,
    };
    let drift = state
        .drift
        .iter()
        .map(|d| Finding::logged_drift(d, &found.limits));
    let checks = state
        .problems
        .iter()
        .map(|(check, column, observed, limit, verdict)| {
            Finding::logged_check(check, column.as_deref(), observed, limit, *verdict)
        });
    found.findings = drift.chain(checks).collect();
    name_apart(&mut found.findings);
    Ok(())
}

fn label_mix(found: &Findings, dir: &Path) -> Option<LabelMix> {
    let compared = || {
        let schema = found.schema.as_ref()?;
        let column = &schema.target.column;
        let artifact = dir
            .join(StageName::DataIngestion.as_str())
            .join("artifact.json");
        let artifact: Option<DataIngestionArtifact> = read(&artifact).ok()?;
        let order = artifact.map_or_else(|| schema.target.classes(), |a| a.classes);
        LabelMix::of_bins(
            found.bins_of(column)?,
            found.drift_of(column),
            schema,
            &order,
        )
    };
    compared().or_else(|| LabelMix::of_run(dir))
}

/// The limits the run was made with.
fn limits(dir: &Path) -> DriftConfig {
    let read = || -> Option<DriftConfig> {
        let text = fs::read_to_string(dir.join(CONFIG_FILE)).ok()?;
        let config: toml::Table = text.parse().ok()?;
        config.get("drift")?.clone().try_into().ok()
    };
    read().unwrap_or_default()
}

/// Reads a report; no file is no report.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FindingsError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(FindingsError::File {
                path: path.to_owned(),
                what: "read",
                source,
            });
        }
    };
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(e) => Err(FindingsError::Damaged {
            path: path.to_owned(),
            reason: e.to_string(),
        }),
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = path.metadata().ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
