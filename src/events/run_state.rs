//! The fold: everything known about a run, from its events alone.
//!
//! `RunState::apply` is the only way state comes about; live view, replay, command line and
//! tests all use it. It is total: any event in any order changes the state without a panic.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    Actor, ArtifactRef, CheckVerdict, ControlCommand, DriftFigure, DriftVerdict, Envelope, Event,
    FitPhase, GateVerdict, Outcome, RuleResult, Split, StageName, Summary,
};
use crate::error::ErrorReport;
use crate::metrics::TestMetrics;
use crate::runs::RunId;

/// How a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageStatus {
    /// Not begun.
    Waiting,
    /// At work.
    Running,
    /// Done.
    Ok,
    /// Done, with something worth a look.
    Warn,
    /// Taken over from a former run.
    Reused,
    /// Stopped with an error.
    Failed,
    /// Cancelled.
    Cancelled,
}

impl StageStatus {
    /// The word used in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            StageStatus::Waiting => "waiting",
            StageStatus::Running => "running",
            StageStatus::Ok => "ok",
            StageStatus::Warn => "warn",
            StageStatus::Reused => "reused",
            StageStatus::Failed => "failed",
            StageStatus::Cancelled => "cancelled",
        }
    }
}

/// What is known about one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageState {
    /// Which stage.
    pub name: StageName,
    /// How it stands.
    pub status: StageStatus,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// Seconds it took, when done.
    pub seconds: Option<f64>,
    /// Why it ran or not.
    pub why: String,
    /// Its summary line.
    pub summary: String,
    /// The files it made.
    pub artifacts: Vec<ArtifactRef>,
    /// The error that stopped it.
    pub error: Option<ErrorReport>,
}

/// What is known about one learner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LearnerState {
    /// What the fit at hand is for.
    pub phase: Option<FitPhase>,
    /// Rounds done in it.
    pub round: u32,
    /// Rounds at most.
    pub of: u32,
    /// Rounds done and rounds at most of every fold; several may be at work at a time.
    pub folds: BTreeMap<u32, (u32, u32)>,
    /// When its first fit began.
    pub started_at: Option<DateTime<Utc>>,
    /// Settings, once done.
    pub params: Option<Value>,
    /// Wall seconds of the final fit.
    pub fit_seconds: Option<f64>,
    /// Cross-validated metrics.
    pub cv: BTreeMap<String, Summary>,
    /// Test figures.
    pub test: Option<TestMetrics>,
    /// Curves by (metric, split): points (step, value), exact up to 2,000, then halved.
    pub curves: BTreeMap<(String, Split), Vec<(u32, f64)>>,
    /// Why it failed.
    pub error: Option<ErrorReport>,
}

/// Points kept exactly in a curve before its resolution is halved.
const CURVE_POINTS: usize = 2_000;

/// The drift of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredDrift {
    /// The column.
    pub column: String,
    /// Population stability index.
    pub psi: Option<f64>,
    /// Kolmogorov-Smirnov statistic.
    pub ks: Option<f64>,
    /// The verdict.
    pub verdict: DriftVerdict,
    /// The figure that decided it; logs of older programs do not say.
    pub decided_by: Option<DriftFigure>,
}

impl MeasuredDrift {
    /// Name and value of the figure to show beside the verdict: the one it rests on.
    pub fn figure(&self) -> Option<(&str, f64)> {
        match &self.decided_by {
            Some(figure) => Some((&figure.name, figure.value)),
            None => Some(("PSI", self.psi?)),
        }
    }
}

/// Everything known about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    /// The run, once it has started.
    pub run_id: Option<RunId>,
    /// Who started it.
    pub by: Option<Actor>,
    /// The user's note.
    pub note: Option<String>,
    /// SHA-256 of its configuration.
    pub config_sha256: Option<String>,
    /// When it first started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The outcome in the log; liveness is judged by the lock, elsewhere.
    pub outcome: Outcome,
    /// What was read.
    pub source: Option<String>,
    /// Rows read so far, and of how many.
    pub rows_read: (u64, Option<u64>),
    /// Rows in the source, kept, quarantined, in train, in test, feature columns.
    pub rows: u64,
    /// Rows kept.
    pub kept: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Rows in the train split.
    pub train_rows: u64,
    /// Rows in the test split.
    pub test_rows: u64,
    /// Feature columns.
    pub features: u64,
    /// Digest of the kept rows.
    pub digest: Option<String>,
    /// The stages in running order.
    pub stages: Vec<StageState>,
    /// Checks that were not `ok`: (check, column, observed, limit, verdict).
    pub problems: Vec<(String, Option<String>, String, String, CheckVerdict)>,
    /// Number of checks finished.
    pub checks: u64,
    /// Drift by column, as measured.
    pub drift: Vec<MeasuredDrift>,
    /// The learners this run trains, in the order given.
    pub learners: Vec<String>,
    /// What is known about each learner.
    pub learner: BTreeMap<String, LearnerState>,
    /// The learner at work last.
    pub current_learner: Option<String>,
    /// The selected learner.
    pub selected: Option<String>,
    /// The operating point of the selected model.
    pub threshold: Option<f64>,
    /// Why it was selected.
    pub selection_reason: Option<String>,
    /// The gate's rules.
    pub gate_rules: Vec<RuleResult>,
    /// The gate's verdict and its sentence.
    pub gate: Option<(GateVerdict, String)>,
    /// The plan waiting, or decided: (plan id, version).
    pub plan: Option<(String, String)>,
    /// The decision on it: (decision, by, reason).
    pub decision: Option<(String, Actor, String)>,
    /// Steps of the push done.
    pub push_steps: Vec<String>,
    /// The champion's version when the run started.
    pub champion_before: Option<String>,
    /// Last heartbeat: (rss, cpu).
    pub heartbeat: Option<(u64, f32)>,
    /// Commands received.
    pub controls: Vec<(ControlCommand, Actor)>,
    /// Who took the run over, and from whom.
    pub takeovers: Vec<(Actor, Actor)>,
    /// Warnings: (code, text).
    pub warnings: Vec<(String, String)>,
    /// The error that ended the run.
    pub error: Option<ErrorReport>,
    /// Worker process id.
    pub pid: Option<u32>,
    /// Time of the last event.
    pub last_event_at: Option<DateTime<Utc>>,
    /// Sequence number of the last event.
    pub last_seq: u64,
    /// Lines that were missing or unreadable, by the sequence number expected.
    pub damage: Vec<u64>,
}

impl Default for RunState {
    fn default() -> Self {
        Self {
            run_id: None,
            by: None,
            note: None,
            config_sha256: None,
            started_at: None,
            finished_at: None,
            outcome: Outcome::Running,
            source: None,
            rows_read: (0, None),
            rows: 0,
            kept: 0,
            quarantined: 0,
            train_rows: 0,
            test_rows: 0,
            features: 0,
            digest: None,
            stages: StageName::ALL
                .into_iter()
                .map(StageState::waiting)
                .collect(),
            problems: Vec::new(),
            checks: 0,
            drift: Vec::new(),
            learners: Vec::new(),
            learner: BTreeMap::new(),
            current_learner: None,
            selected: None,
            threshold: None,
            selection_reason: None,
            gate_rules: Vec::new(),
            gate: None,
            plan: None,
            decision: None,
            push_steps: Vec::new(),
            champion_before: None,
            heartbeat: None,
            controls: Vec::new(),
            takeovers: Vec::new(),
            warnings: Vec::new(),
            error: None,
            pid: None,
            last_event_at: None,
            last_seq: 0,
            damage: Vec::new(),
        }
    }
}

impl StageState {
    fn waiting(name: StageName) -> Self {
        Self {
            name,
            status: StageStatus::Waiting,
            started_at: None,
            seconds: None,
            why: String::new(),
            summary: String::new(),
            artifacts: Vec::new(),
            error: None,
        }
    }
}

impl RunState {
    /// Folds a whole log.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Envelope>) -> Self {
        let mut state = Self::default();
        for envelope in events {
            state.apply(envelope);
        }
        state
    }

    /// The state of a stage.
    pub fn stage(&self, name: StageName) -> &StageState {
        &self.stages[name as usize]
    }

    /// Takes one event in.
    pub fn apply(&mut self, envelope: &Envelope) {
        let expected = self.last_seq.saturating_add(1);
        if envelope.seq > expected {
            self.damage.push(expected);
        }
        self.last_seq = self.last_seq.max(envelope.seq);
        self.last_event_at = Some(envelope.at);
        let at = envelope.at;
        match &envelope.event {
            Event::RunStarted {
                run_id,
                by,
                config_sha256,
                pid,
                note,
                resumed,
                learners,
                champion,
                ..
            } => {
                self.run_id = Some(run_id.clone());
                self.pid = Some(*pid);
                self.outcome = Outcome::Running;
                self.finished_at = None;
                self.error = None;
                self.config_sha256 = Some(config_sha256.clone());
                self.learners.clone_from(learners);
                self.champion_before.clone_from(champion);
                if *resumed {
                    for stage in &mut self.stages {
                        if matches!(
                            stage.status,
                            StageStatus::Running | StageStatus::Failed | StageStatus::Cancelled
                        ) {
                            *stage = StageState::waiting(stage.name);
                        }
                    }
                } else {
                    self.started_at = Some(at);
                    self.by = Some(by.clone());
                    self.note.clone_from(note);
                }
            }
            Event::StageStarted { why } => {
                self.forget_from(envelope.stage);
                if envelope.stage.is_some_and(|s| s <= StageName::ModelTrainer) {
                    self.learner.clear();
                    self.current_learner = None;
                }
                self.with_stage(envelope.stage, |s| {
                    s.status = StageStatus::Running;
                    s.started_at = Some(at);
                    s.why.clone_from(why);
                });
            }
            Event::StageReused {
                why,
                artifacts,
                summary,
                ..
            } => {
                // What the stage had to say is recorded again after this event. Curves are not,
                // so those of an earlier attempt of this run stay.
                self.forget_from(envelope.stage);
                self.with_stage(envelope.stage, |s| {
                    s.status = StageStatus::Reused;
                    s.started_at = Some(at);
                    s.seconds = Some(0.0);
                    s.why.clone_from(why);
                    s.summary.clone_from(summary);
                    s.artifacts.clone_from(artifacts);
                });
            }
            Event::StageFinished {
                verdict,
                seconds,
                summary,
                artifacts,
            } => {
                self.with_stage(envelope.stage, |s| {
                    s.status = match verdict {
                        CheckVerdict::Ok | CheckVerdict::Masked => StageStatus::Ok,
                        CheckVerdict::Warn => StageStatus::Warn,
                        CheckVerdict::Fail => StageStatus::Failed,
                    };
                    s.seconds = Some(*seconds);
                    s.summary.clone_from(summary);
                    s.artifacts.clone_from(artifacts);
                });
            }
            Event::StageFailed { error } => self.with_stage(envelope.stage, |s| {
                s.status = StageStatus::Failed;
                s.error = Some(error.clone());
                s.seconds = s.started_at.map(|t| seconds_between(t, at));
            }),
            Event::RowsRead { rows, of } => self.rows_read = (*rows, *of),
            Event::DataIngested {
                source,
                rows,
                kept,
                quarantined,
                digest,
                train_rows,
                test_rows,
                features,
            } => {
                self.source = Some(source.clone());
                self.rows = *rows;
                self.kept = *kept;
                self.quarantined = *quarantined;
                self.digest = Some(digest.clone());
                self.train_rows = *train_rows;
                self.test_rows = *test_rows;
                self.features = *features;
            }
            Event::CheckFinished {
                check,
                column,
                observed,
                limit,
                verdict,
            } => {
                self.checks += 1;
                if *verdict != CheckVerdict::Ok {
                    self.problems.push((
                        check.clone(),
                        column.clone(),
                        observed.clone(),
                        limit.clone(),
                        *verdict,
                    ));
                }
            }
            Event::DriftMeasured {
                column,
                psi,
                ks,
                verdict,
                decided_by,
                ..
            } => {
                self.drift.push(MeasuredDrift {
                    column: column.clone(),
                    psi: *psi,
                    ks: *ks,
                    verdict: *verdict,
                    decided_by: decided_by.clone(),
                });
            }
            Event::FitStarted { learner, phase, of } => {
                self.current_learner = Some(learner.clone());
                let l = self.learner.entry(learner.clone()).or_default();
                l.phase = Some(*phase);
                l.round = 0;
                l.of = *of;
                if let FitPhase::Fold { fold, .. } = phase {
                    l.folds.insert(*fold, (0, *of));
                }
                l.started_at.get_or_insert(at);
                // Curves are those of the first fold: only its start makes them void.
                if matches!(phase, FitPhase::Fold { fold: 1, .. }) {
                    l.curves.clear();
                }
            }
            Event::TrainingProgress {
                learner,
                phase,
                round,
                of,
            } => {
                self.current_learner = Some(learner.clone());
                let l = self.learner.entry(learner.clone()).or_default();
                l.phase = Some(*phase);
                l.round = *round;
                l.of = *of;
                if let FitPhase::Fold { fold, .. } = phase {
                    l.folds.insert(*fold, (*round, *of));
                }
            }
            Event::MetricObserved {
                learner,
                metric,
                split,
                step,
                value,
                ..
            } => {
                if let Some(value) = value {
                    let l = self.learner.entry(learner.clone()).or_default();
                    let curve = l.curves.entry((metric.clone(), *split)).or_default();
                    curve.push((*step, *value));
                    if curve.len() > CURVE_POINTS {
                        let mut keep = false;
                        curve.retain(|_| {
                            keep = !keep;
                            keep
                        });
                    }
                }
            }
            Event::CurveMeasured {
                learner,
                metric,
                split,
                points,
                ..
            } => {
                // The whole curve replaces the points seen while it grew.
                self.learner
                    .entry(learner.clone())
                    .or_default()
                    .curves
                    .insert((metric.clone(), *split), points.clone());
            }
            Event::LearnerFinished {
                learner,
                params,
                fit_seconds,
                cv,
            } => {
                let l = self.learner.entry(learner.clone()).or_default();
                l.params = Some(params.clone());
                l.fit_seconds = Some(*fit_seconds);
                l.cv.clone_from(cv);
            }
            Event::LearnerFailed { learner, error } => {
                self.learner.entry(learner.clone()).or_default().error = Some(error.clone());
            }
            Event::ModelSelected {
                learner,
                threshold,
                reason,
            } => {
                self.selected = Some(learner.clone());
                self.threshold = *threshold;
                self.selection_reason = Some(reason.clone());
            }
            Event::TestMeasured(measured) => {
                self.learner
                    .entry(measured.learner.clone())
                    .or_default()
                    .test = Some(measured.test.clone());
            }
            Event::GateEvaluated(rule) => self.gate_rules.push(rule.clone()),
            Event::GateDecided { verdict, reason } => {
                self.gate = Some((*verdict, reason.clone()));
            }
            Event::ApprovalRequested { plan_id, version } => {
                self.plan = Some((plan_id.clone(), version.clone()));
            }
            Event::ApprovalDecided {
                decision,
                by,
                reason,
                ..
            } => {
                self.decision = Some((decision.clone(), by.clone(), reason.clone()));
            }
            Event::PushStepFinished { step, .. } => self.push_steps.push(step.clone()),
            Event::Heartbeat { rss, cpu } => self.heartbeat = Some((*rss, *cpu)),
            Event::ControlReceived { command, by } => {
                self.controls.push((*command, by.clone()));
            }
            Event::LeaseTaken { by, from } => self.takeovers.push((by.clone(), from.clone())),
            Event::Warning { code, text } => {
                // A resumed run says again what its reused stages had said.
                let warning = (code.clone(), text.clone());
                if !self.warnings.contains(&warning) {
                    self.warnings.push(warning);
                }
            }
            Event::RunFinished { outcome, error } => {
                self.outcome = *outcome;
                self.finished_at = Some(at);
                self.error.clone_from(error);
                let left_open = match outcome {
                    Outcome::Cancelled => StageStatus::Cancelled,
                    _ => StageStatus::Failed,
                };
                for stage in &mut self.stages {
                    if stage.status == StageStatus::Running {
                        stage.status = left_open;
                        stage.seconds = stage.started_at.map(|t| seconds_between(t, at));
                    }
                }
            }
            Event::Unknown => {}
        }
    }

    /// Forgets what a stage and all after it said: they will say it again. Learners are kept but
    /// for their test figures, which belong to the evaluation.
    fn forget_from(&mut self, stage: Option<StageName>) {
        let Some(first) = stage else { return };
        for later in StageName::ALL.into_iter().filter(|s| *s >= first) {
            self.stages[later as usize] = StageState::waiting(later);
            match later {
                StageName::DataIngestion => {
                    self.source = None;
                    self.rows_read = (0, None);
                }
                StageName::DataValidation => {
                    self.problems.clear();
                    self.drift.clear();
                    self.checks = 0;
                }
                StageName::DataTransformation => {}
                StageName::ModelTrainer => {
                    self.selected = None;
                    self.threshold = None;
                    self.selection_reason = None;
                }
                StageName::ModelEvaluation => {
                    for learner in self.learner.values_mut() {
                        learner.test = None;
                    }
                    self.gate_rules.clear();
                    self.gate = None;
                }
                StageName::ModelPusher => {
                    self.plan = None;
                    self.decision = None;
                    self.push_steps.clear();
                }
            }
        }
    }

    fn with_stage(&mut self, name: Option<StageName>, change: impl FnOnce(&mut StageState)) {
        if let Some(name) = name {
            change(&mut self.stages[name as usize]);
        }
    }
}

fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds() as f64 / 1000.0
}

#[cfg(test)]
#[path = "run_state_tests.rs"]
mod tests;
