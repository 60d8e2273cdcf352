//! The jobs themselves: blocking calls into the rest of the program. Everything the console reads
//! or writes besides the log of the run on screen goes through here.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::browser;
use super::comparison::{Other, Pair};
use super::desk::{Desk, QueueRow};
use super::hands::Hands;
use super::jobs::{Done, Job};
use super::model::{ChampionLine, Health, PlanProblem, PlanRow, RunRow};
use super::validation::Slicing;
use crate::approval::{Decision, Journal, JournalRecord};
use crate::config::{self, Config, SettingChange};
use crate::error::CommandError;
use crate::events::{Actor, Outcome, RunState};
use crate::findings::{self, Finding, Findings, FindingsReader};
use crate::monitoring;
use crate::pipeline::model_evaluation;
use crate::pipeline::model_pusher::{self, PendingPlan, Receipt};
use crate::presence::LastSeen;
use crate::runs::{EVENTS_FILE, Queue, RunId, RunStore};
use crate::storage::{MANIFEST_FILE, load_champion};
use crate::tracking::background::{self, Errand};
use crate::tracking::status::{Status, StatusReader};
use crate::traffic::{self, ConceptReader};
use crate::worker::{self, Delivery, Drained, StartRequest};
use crate::workspace::Workspace;

/// Runs that are read for the list; older ones are a matter for `netsec runs`.
const RUNS: usize = 200;

/// Columns of a run whose drift is kept in the list.
const DRIFT: usize = 50;

/// What jobs work with.
pub struct Work {
    workspace: Workspace,
    config_file: PathBuf,
    by: Actor,
    // Rows of runs that have ended, by the length of their log: a log that grew is read again.
    rows: Mutex<HashMap<RunId, (u64, RunRow)>>,
    // The champion by the bytes of its manifest: hashing the model once is enough.
    champion: Mutex<Option<(Vec<u8>, ChampionLine)>>,
    // Who has which run in hand.
    hands: Hands,
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
            hands: Hands::new(workspace.clone(), by.clone()),
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
        if let Some(in_hand) = self.hands.before(&job)? {
            return Ok(in_hand);
        }
        match job {
            Job::TakeOver { run, then } => {
                self.hands.take_over(&run, &then)?;
                self.perform(*then)
            }
            Job::Hold(run) => self.hands.hold(&run).map(|()| Done::Hands),
            Job::LetGo(run) => self.hands.let_go(&run).map(|()| Done::Hands),
            Job::LastSeen => {
                let before = LastSeen::read(&self.workspace, &self.by.name);
                Ok(Done::LastSeen(Box::new(before)))
            }
            Job::Seen(seen) => {
                // Who may only look cannot be remembered; that is no error.
                if let Err(e) = seen.write(&self.workspace, &self.by.name) {
                    tracing::debug!(error = %e, "where somebody is cannot be noted");
                }
                Ok(Done::SeenNoted)
            }
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
            Job::Desk => self.desk().map(Done::Desk),
            Job::Drain => self.drain(),
            Job::Start { note, set, queue } => self.start(note, set, queue),
            Job::Unqueue(id) => {
                let queue = Queue::new(&self.workspace).lock()?;
                queue.remove(&queue.find(&id)?.id)?;
                Ok(Done::QueueChanged(format!("{id} does not wait any more.")))
            }
            Job::Sooner(id) => {
                Queue::new(&self.workspace).lock()?.sooner(&id)?;
                Ok(Done::QueueChanged(format!("{id} starts sooner.")))
            }
            Job::StartQueued(held) => {
                if let Some(id) = held {
                    Queue::new(&self.workspace).lock()?.hold(&id, None)?;
                }
                match worker::drain(&self.config_file)? {
                    Drained::Started(run) => Ok(Done::Started(run)),
                    Drained::Waits(run) => Ok(Done::QueueChanged(format!(
                        "Run {run} is at work; the queue waits for its end."
                    ))),
                    Drained::Empty => Ok(Done::QueueChanged(
                        "Nothing waits that could be started.".to_owned(),
                    )),
                }
            }
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
                    model_pusher::approve(&self.workspace, &config, &plan_id, by, &reason);
                self.hands.decided(&plan_id);
                let receipt = receipt?;
                self.send_in_background(&config);
                Ok(decided(receipt, true))
            }
            Job::Reject { plan_id, reason } => {
                let config = self.config()?;
                let by = self.by.clone();
                let receipt = model_pusher::reject(&self.workspace, &config, &plan_id, by, &reason);
                self.hands.decided(&plan_id);
                let receipt = receipt?;
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

    fn start(
        &self,
        note: Option<String>,
        set: Vec<SettingChange>,
        queue: bool,
    ) -> Result<Done, CommandError> {
        let request = StartRequest {
            note,
            set,
            ..StartRequest::by(self.by.clone())
        };
        let (config, settings) = request.config(&self.config_file)?;
        let problems = worker::preflight(&self.workspace, &config);
        if !problems.is_empty() {
            return Ok(Done::NotStarted(problems));
        }
        if !queue {
            let run = worker::start(&self.config_file, request)?;
            self.hands.started(&run);
            return Ok(Done::Started(run));
        }
        let entry = worker::enqueue(&self.config_file, &config, request.new_run(settings))?;
        let behind = match worker::drain(&self.config_file)? {
            Drained::Started(run) => return Ok(Done::Started(run)),
            Drained::Waits(run) => Some(run),
            Drained::Empty => None,
        };
        Ok(Done::Queued {
            id: entry.id,
            behind,
        })
    }

    fn desk(&self) -> Result<Desk, CommandError> {
        let waiting = Queue::new(&self.workspace).waiting()?;
        Ok(Desk {
            stuck: worker::is_stuck(&self.workspace)?,
            leases: self.hands.leases(),
            decisions: Some(self.decisions()?),
            queue: waiting.entries.into_iter().map(QueueRow::from).collect(),
        })
    }

    /// Decisions in a few words; the person's own are no news to them.
    fn decisions(&self) -> Result<Vec<(u64, String)>, CommandError> {
        let words = |r: &JournalRecord| {
            let version = &r.subject.version;
            match r.decision {
                _ if r.by.name == self.by.name => String::new(),
                Decision::Approve => format!("{version} approved by {}", r.by.name),
                Decision::Reject => format!("{version} rejected by {}", r.by.name),
                Decision::Pushed => format!("{version} in production"),
                Decision::RolledBack => format!("{version} put back by {}", r.by.name),
                Decision::PushLost | Decision::RollbackLost => format!("{version} not pushed"),
                Decision::Push | Decision::Rollback => String::new(),
            }
        };
        let records = Journal::read(&self.workspace)?;
        Ok(records.iter().map(|r| (r.seq, words(r))).collect())
    }

    fn drain(&self) -> Result<Done, CommandError> {
        Ok(Done::Drained(match worker::drain(&self.config_file)? {
            Drained::Started(run) => Some(run),
            Drained::Waits(_) | Drained::Empty => None,
        }))
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
            seq: state.last_seq,
            drift: Arc::new(drift(state)),
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
        let (config, settings, tracking) = match self.config_file.is_file().then(|| self.config()) {
            Some(Ok(config)) => {
                let tracking = self.tracking(&config);
                (None, Some(Box::new(config)), tracking)
            }
            Some(Err(e)) => (Some(e.report()), None, Status::default()),
            None => (None, None, Status::default()),
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
            settings,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
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

/// PSI by column, the largest first, as many as are worth remembering.
fn drift(state: &RunState) -> Vec<(String, f64)> {
    let measured = state.drift.iter();
    let mut drift: Vec<(String, f64)> = measured
        .filter_map(|d| Some((d.column.clone(), d.psi?)))
        .collect();
    drift.sort_by(|a, b| b.1.total_cmp(&a.1));
    drift.truncate(DRIFT);
    drift
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
        worse_slice: plan.evidence.worse_slice,
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
