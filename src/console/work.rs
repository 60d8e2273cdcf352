//! The jobs themselves: blocking calls into the rest of the program. Everything the console reads
//! or writes besides the log of the run on screen goes through here.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::browser;
use super::comparison::{Other, Pair};
use super::jobs::{Done, Job};
use super::model::{ChampionLine, Health, PlanProblem, PlanRow, RunRow};
use super::validation::Slicing;
use crate::config::{self, Config};
use crate::error::CommandError;
use crate::events::{Actor, Outcome};
use crate::findings::{self, Finding, Findings, FindingsReader};
use crate::monitoring;
use crate::pipeline::model_evaluation;
use crate::pipeline::model_pusher::{self, PendingPlan, Receipt};
use crate::runs::{EVENTS_FILE, RunId, RunStore};
use crate::storage::{MANIFEST_FILE, load_champion};
use crate::tracking::background::{self, Errand};
use crate::tracking::status::{Status, StatusReader};
use crate::traffic::{self, ConceptReader};
use crate::worker::{self, Delivery, StartRequest};
use crate::workspace::Workspace;

/// Runs that are read for the list; older ones are a matter for `netsec runs`.
const RUNS: usize = 200;

/// What jobs work with.
pub struct Work {
    workspace: Workspace,
    config_file: PathBuf,
    by: Actor,
    // Rows of runs that have ended, by the length of their log: a log that grew is read again.
    rows: Mutex<HashMap<RunId, (u64, RunRow)>>,
    // The champion by the bytes of its manifest: hashing the model once is enough.
    champion: Mutex<Option<(Vec<u8>, ChampionLine)>>,
    // What waits for the tracking server; runs that have not changed are not read again.
    tracking: Mutex<StatusReader>,
    // Analysts' verdicts, folded again when there are more.
    concept: Mutex<ConceptReader>,
    // What the runs found out about their data; runs that have not changed are not read again.
    findings: Mutex<FindingsReader>,
}

impl Work {
    /// Jobs over a project, in the name of somebody.
    pub fn new(workspace: Workspace, config_file: PathBuf, by: Actor) -> Self {
        Self {
            workspace,
            config_file,
            by,
            rows: Mutex::default(),
            champion: Mutex::default(),
            tracking: Mutex::default(),
            concept: Mutex::default(),
            findings: Mutex::default(),
        }
    }

    fn config(&self) -> Result<Config, CommandError> {
        Ok(config::load(&self.config_file)?)
    }

    /// Does a job.
    pub fn perform(&self, job: Job) -> Result<Done, CommandError> {
        match job {
            Job::Runs => self.runs().map(Done::Runs),
            Job::Plans => self.plans().map(Done::Plans),
            Job::Compare(pair) => self.compare(pair),
            Job::Findings(run) => self.findings(&run).map(Done::Findings),
            Job::Slices(slicing) => self.slices(slicing),
            Job::Acknowledge {
                run,
                check,
                observed,
                note,
            } => self.acknowledge(run, &check, &observed, &note),
            Job::Browse(asking, job) => {
                browser::work::perform(&self.workspace, &self.config_file, &asking, *job)
            }
            Job::Health => Ok(Done::Health(self.health())),
            Job::Sync => {
                self.send_in_background(&self.config()?);
                Ok(Done::SyncStarted)
            }
            Job::Start { note } => self.start(note),
            Job::Resume(run) => self.resume(run),
            Job::Control(run, command) => {
                let dir = self.workspace.run_dir(&run);
                match worker::send(&dir, command, self.by.clone())? {
                    Delivery::Sent => Ok(Done::Controlled(run, command)),
                    Delivery::NotRunning => Err(CommandError::usage(format!(
                        "run {run} has no worker any more"
                    ))),
                }
            }
            Job::Approve { plan_id, reason } => {
                let config = self.config()?;
                let by = self.by.clone();
                let receipt =
                    model_pusher::approve(&self.workspace, &config, &plan_id, by, &reason)?;
                self.send_in_background(&config);
                Ok(decided(receipt, true))
            }
            Job::Reject { plan_id, reason } => {
                let config = self.config()?;
                let by = self.by.clone();
                let receipt =
                    model_pusher::reject(&self.workspace, &config, &plan_id, by, &reason)?;
                self.send_in_background(&config);
                Ok(decided(receipt, false))
            }
        }
    }

    /// Tells the monitoring, and starts a sender of its own where one is wanted; nobody waits for
    /// it.
    fn send_in_background(&self, config: &Config) {
        monitoring::refresh(&self.workspace, config);
        background::start(
            &self.config_file,
            &self.workspace,
            &config.tracking,
            Errand::Short,
        );
    }

    fn compare(&self, pair: Pair) -> Result<Done, CommandError> {
        // Without a configuration there may still be runs to compare.
        let resamples = self.config().unwrap_or_default().gate.resamples;
        let other = match &pair.other {
            Other::Champion => model_evaluation::CHAMPION,
            Other::Run(run) => run.as_str(),
        };
        let found =
            model_evaluation::compare_runs(&self.workspace, pair.first.as_str(), other, resamples)?;
        Ok(Done::Compared(pair, Box::new(found)))
    }

    fn start(&self, note: Option<String>) -> Result<Done, CommandError> {
        let request = StartRequest {
            note,
            from: None,
            by: self.by.clone(),
        };
        worker::start(&self.config_file, request).map(Done::Started)
    }

    fn resume(&self, run: RunId) -> Result<Done, CommandError> {
        worker::resume(&self.config_file, &run)?;
        Ok(Done::Started(run))
    }

    fn runs(&self) -> Result<Vec<RunRow>, CommandError> {
        let store = RunStore::new(&self.workspace);
        let mut rows = Vec::new();
        for run in store.list()?.into_iter().take(RUNS) {
            rows.push(self.row(&store, run)?);
        }
        Ok(rows)
    }

    fn row(&self, store: &RunStore, run: RunId) -> Result<RunRow, CommandError> {
        let log = self.workspace.run_dir(&run).join(EVENTS_FILE);
        let length = log.metadata().map_or(0, |m| m.len());
        let mut known = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, row)) = known.get(&run).filter(|(l, _)| *l == length) {
            return Ok(row.clone());
        }
        let view = store.open(&run)?;
        let state = &view.state;
        let test = state
            .selected
            .as_ref()
            .and_then(|s| state.learner.get(s))
            .and_then(|l| l.test.as_ref());
        let row = RunRow {
            id: run.clone(),
            started_at: view.started_at(),
            outcome: view.outcome(),
            selected: state.selected.clone(),
            f1: test.and_then(|t| t.f1),
            by: view.by().map_or("-".to_owned(), |by| by.name.clone()),
            note: view.note().map(str::to_owned),
        };
        let ended = matches!(
            row.outcome,
            Outcome::Finished | Outcome::Failed | Outcome::Cancelled
        );
        if ended {
            known.insert(run, (length, row.clone()));
        }
        Ok(row)
    }

    fn plans(&self) -> Result<Vec<PlanRow>, CommandError> {
        // Without a configuration there may still be plans to look at.
        let config = self.config().unwrap_or_default();
        let plans = model_pusher::pending(&self.workspace, &config)?;
        let row = |plan: PendingPlan| {
            // A report that cannot be read is told on Validate; the plan is listed anyway.
            let problems = self
                .findings(&plan.plan.run_id)
                .map(|found| problems(&found))
                .unwrap_or_default();
            plan_row(plan, problems)
        };
        Ok(plans.into_iter().map(row).collect())
    }

    fn findings(&self, run: &RunId) -> Result<Arc<Findings>, CommandError> {
        let mut reader = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        reader.read(&self.workspace, run)
    }

    fn slices(&self, slicing: Slicing) -> Result<Done, CommandError> {
        let found = self.findings(&slicing.run)?;
        let column = &slicing.column;
        let figure = found
            .drift_of(column)
            .and_then(|d| d.reasons.get("effect"))
            .map_or("PSI", String::as_str);
        let result = match (&found.bins, found.snapshots(&self.workspace)) {
            (Some(bins), Some((reference, parts))) => {
                let stopped = || slicing.stop.is_stopped();
                findings::slices(&reference, &parts, &bins.columns, column, figure, &stopped)
                    .map_err(|e| e.full_message())
            }
            _ => Err("the run has kept no bins".to_owned()),
        };
        Ok(Done::Sliced(slicing, result))
    }

    fn acknowledge(
        &self,
        run: RunId,
        check: &str,
        observed: &str,
        note: &str,
    ) -> Result<Done, CommandError> {
        let found = self.findings(&run)?;
        let finding = found.named(check)?;
        if finding.observed != observed {
            return Err(CommandError::refused(format!(
                "{check} has changed since it was shown: {observed} then, {} now",
                finding.observed
            )));
        }
        let dir = self.workspace.run_dir(&run);
        let by = self.by.clone();
        let note =
            findings::acknowledge(&dir, run.as_str(), finding, by, note, chrono::Utc::now())?;
        if let Ok(config) = self.config() {
            self.send_in_background(&config);
        }
        Ok(Done::Acknowledged(run, note))
    }

    fn health(&self) -> Health {
        let disk_free = rustix::fs::statvfs(self.workspace.root())
            .ok()
            .map(|s| s.f_bavail.saturating_mul(s.f_frsize));
        let (config, tracking) = match self.config_file.is_file().then(|| self.config()) {
            Some(Ok(config)) => (None, self.tracking(&config)),
            Some(Err(e)) => (Some(e.report()), Status::default()),
            None => (None, Status::default()),
        };
        let mut concept = self.concept.lock().unwrap_or_else(PoisonError::into_inner);
        let concept = match concept.read(&traffic::feedback_file(&self.workspace)) {
            Ok(status) => status,
            Err(error) => {
                // `netsec doctor` names the line.
                tracing::warn!(%error, "verdicts cannot be read");
                None
            }
        };
        Health {
            champion: self.champion(),
            disk_free,
            config,
            tracking,
            concept,
        }
    }

    fn tracking(&self, config: &Config) -> Status {
        let mut reader = self.tracking.lock().unwrap_or_else(PoisonError::into_inner);
        reader
            .read(&self.workspace, &config.tracking)
            .unwrap_or_else(|e| Status {
                problem: Some(e.full_message()),
                ..Status::default()
            })
    }

    fn champion(&self) -> ChampionLine {
        let manifest = std::fs::read(self.workspace.final_model().join(MANIFEST_FILE));
        let manifest = manifest.unwrap_or_default();
        let mut known = self.champion.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, line)) = known.as_ref().filter(|(bytes, _)| *bytes == manifest) {
            return line.clone();
        }
        let line = match load_champion(&self.workspace) {
            Ok(None) => ChampionLine::None,
            Ok(Some(c)) => ChampionLine::Version(c.version, c.run_id),
            Err(e) => ChampionLine::Broken(e.full_message()),
        };
        *known = Some((manifest, line.clone()));
        line
    }
}

/// The problems of a run's data, the largest drift first.
fn problems(found: &Findings) -> Vec<PlanProblem> {
    let mut list: Vec<&Finding> = found.problems().collect();
    list.sort_by(|a, b| {
        b.kind
            .is_drift()
            .cmp(&a.kind.is_drift())
            .then_with(|| b.ratio.total_cmp(&a.ratio))
    });
    list.into_iter()
        .map(|f| PlanProblem {
            id: f.id.clone(),
            observed: f.observed.clone(),
            acknowledged: found
                .acknowledged
                .of(f)
                .map(|a| (a.by.name.clone(), a.note.clone())),
        })
        .collect()
}

fn plan_row(pending: PendingPlan, problems: Vec<PlanProblem>) -> PlanRow {
    let PendingPlan {
        plan,
        approvals,
        needed,
    } = pending;
    PlanRow {
        plan_id: plan.plan_id,
        run_id: plan.run_id,
        version: plan.version,
        selected: plan.selected.as_str().to_owned(),
        model_sha256: plan.model_sha256,
        preprocessor_sha256: plan.preprocessor_sha256,
        data_digest: plan.data_digest,
        champion_before: plan.champion_before,
        steps: plan.steps,
        created_at: plan.created_at,
        expires_at: plan.expires_at,
        f1: plan.evidence.f1,
        gate: plan.evidence.gate,
        drifted: plan.evidence.drifted,
        problems,
        approvals,
        needed,
    }
}

fn decided(receipt: Receipt, approved: bool) -> Done {
    let Receipt {
        pushed,
        version,
        lines,
    } = receipt;
    let title = match (approved, pushed) {
        (true, true) => format!("{version} is in production"),
        (true, false) => format!("{version} is approved; more approvals are needed"),
        (false, _) => format!("{version} is rejected"),
    };
    Done::Decided { title, lines }
}
