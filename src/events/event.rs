//! The vocabulary of a run: everything that can be said in `events.jsonl`.
//!
//! Every event is one line of JSON with a `kind`. A reader that meets a kind it does not know
//! reads [`Event::Unknown`], so that an older console opens a newer log. Undefined figures are
//! `null` with a reason, never NaN: JSON cannot carry NaN back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::StageName;
use crate::error::ErrorReport;
use crate::metrics::TestMetrics;
use crate::runs::RunId;

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Version of the format, 1.
    pub v: u16,
    /// Position in the log, from 1, without gaps.
    pub seq: u64,
    /// When it was recorded, UTC.
    pub at: DateTime<Utc>,
    /// The stage it belongs to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Who did something: a login name and the host or client address it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Login name, or a given name such as `demo`.
    pub name: String,
    /// Host name, or the client address of an SSH session.
    pub from: String,
}

/// A file a stage made, by path relative to the run's folder, and its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// Path relative to `Artifacts/<run>/`.
    pub path: String,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
}

/// The verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// Within its limit.
    Ok,
    /// Outside, but failing values were masked and training goes on without them.
    Masked,
    /// Outside; worth a look.
    Warn,
    /// Outside; the run stops.
    Fail,
}

/// The verdict on the drift of a column or a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftVerdict {
    /// No change of a size that matters.
    Stable,
    /// Changed by more than the limit.
    Drift,
    /// Too few rows to say.
    CannotTell,
}

/// The figure that a verdict on drift rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftFigure {
    /// What it is: `PSI`, `decile PSI`.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// The verdict of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    /// The challenger may be pushed once approved.
    Accept,
    /// It must not.
    Refuse,
    /// The test split cannot separate the two.
    CannotTell,
}

/// How a run ended, or how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The worker holds the lock and speaks.
    Running,
    /// Done.
    Finished,
    /// A stage failed.
    Failed,
    /// Cancelled by somebody.
    Cancelled,
    /// The worker holds the lock but has been silent for a minute.
    Stalled,
    /// The lock is free and the log has no end.
    Crashed,
}

/// Which rows a metric was measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Rows the learner was fitted on.
    Train,
    /// Held-out fold of the train split.
    Valid,
    /// The untouched test split.
    Test,
}

/// What a fit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum FitPhase {
    /// Cross-validation, fold `fold` (from 1) of `folds`.
    Fold {
        /// This fold, from 1.
        fold: u32,
        /// Number of folds.
        folds: u32,
    },
    /// The fit on the whole train split.
    Final,
}

/// What an operator asked of a running worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlCommand {
    /// Finish the round and keep the best model.
    StopAfterRound,
    /// End now.
    Cancel,
}

/// Mean and 95 % interval of a metric over folds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Mean over folds.
    pub mean: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

/// One rule of the gate and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// Id of the rule, `floor.f1` for example.
    pub rule: String,
    /// What was observed.
    pub observed: Option<f64>,
    /// The limit it was held against.
    pub limit: Option<f64>,
    /// Whether it passed.
    pub verdict: GateVerdict,
    /// A sentence for people.
    pub reason: String,
}

/// The test figures of one learner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnerTest {
    /// Learner id, `random_forest` for example.
    pub learner: String,
    /// Its figures on the untouched test split, at 0.5 / argmax.
    pub test: TestMetrics,
}

/// Everything that can happen in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The worker has the lock and begins, or begins again (`resumed`).
    RunStarted {
        /// The run.
        run_id: RunId,
        /// Who started it.
        by: Actor,
        /// SHA-256 of the configuration in force, secrets not included.
        config_sha256: String,
        /// Program version.
        program: String,
        /// Process id of the worker.
        pid: u32,
        /// The user's note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// Whether this continues an earlier attempt.
        #[serde(default)]
        resumed: bool,
        /// The learners this run will train.
        #[serde(default)]
        learners: Vec<String>,
        /// The champion's version at the start, if there is one.
        #[serde(default)]
        champion: Option<String>,
    },
    /// A stage begins to work; `why` says what made it necessary.
    StageStarted {
        /// Why it runs and is not reused.
        why: String,
    },
    /// A stage's former result was re-hashed and taken over.
    StageReused {
        /// Why it could be reused, and from which run.
        why: String,
        /// The files taken over.
        artifacts: Vec<ArtifactRef>,
        /// The stage's summary line.
        summary: String,
        /// The verdict it had.
        verdict: CheckVerdict,
    },
    /// A stage finished and its files are in place.
    StageFinished {
        /// `ok` or `warn`.
        verdict: CheckVerdict,
        /// Seconds it took.
        seconds: f64,
        /// One line for people: rows, columns, what stood out.
        summary: String,
        /// The files it made.
        artifacts: Vec<ArtifactRef>,
    },
    /// A stage stopped with an error.
    StageFailed {
        /// The error.
        error: ErrorReport,
    },
    /// Rows read so far.
    RowsRead {
        /// Rows read.
        rows: u64,
        /// Rows expected, when known.
        #[serde(default)]
        of: Option<u64>,
    },
    /// The snapshot is complete.
    DataIngested {
        /// What was read, for people, without secrets.
        source: String,
        /// Rows in the source.
        rows: u64,
        /// Rows kept.
        kept: u64,
        /// Rows in quarantine; `rows = kept + quarantined`.
        quarantined: u64,
        /// Order-independent digest of the kept rows.
        digest: String,
        /// Rows in the train split.
        train_rows: u64,
        /// Rows in the test split.
        test_rows: u64,
        /// Feature columns.
        features: u64,
    },
    /// A check of the validation stage finished.
    CheckFinished {
        /// `nulls`, `range`, ..
        check: String,
        /// The column, when it is about one.
        #[serde(default)]
        column: Option<String>,
        /// What was observed, for people.
        observed: String,
        /// The limit, for people.
        limit: String,
        /// The verdict.
        verdict: CheckVerdict,
    },
    /// Drift of one column was measured.
    DriftMeasured {
        /// The column.
        column: String,
        /// Population stability index.
        psi: Option<f64>,
        /// Kolmogorov-Smirnov statistic.
        ks: Option<f64>,
        /// Rows in the reference.
        n_reference: u64,
        /// Rows in the current data.
        n_current: u64,
        /// The verdict.
        verdict: DriftVerdict,
        /// The figure that decided it; logs of older programs do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decided_by: Option<DriftFigure>,
    },
    /// A learner begins a fit.
    FitStarted {
        /// Learner id.
        learner: String,
        /// What the fit is for.
        #[serde(flatten)]
        phase: FitPhase,
        /// Rounds, trees or iterations at most.
        of: u32,
    },
    /// Progress within a fit.
    TrainingProgress {
        /// Learner id.
        learner: String,
        /// What the fit is for.
        #[serde(flatten)]
        phase: FitPhase,
        /// Rounds, trees or iterations done.
        round: u32,
        /// Rounds, trees or iterations at most.
        of: u32,
    },
    /// A metric at a step; joined, at most 10 lines a second.
    MetricObserved {
        /// Learner id.
        learner: String,
        /// Metric key, `log_loss` for example.
        metric: String,
        /// Which rows.
        split: Split,
        /// Round, tree or iteration.
        step: u32,
        /// The value; `None` when undefined.
        value: Option<f64>,
        /// Rows it was measured on.
        n: u64,
        /// Why the value is undefined.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A whole curve of a fit that ended, thinned to a few points: quick fits are over before
    /// the joined [`Event::MetricObserved`] lines could tell their course.
    CurveMeasured {
        /// Learner id.
        learner: String,
        /// Metric key, `log_loss` for example.
        metric: String,
        /// Which rows.
        split: Split,
        /// Rows it was measured on.
        n: u64,
        /// (round, value), rounds ascending; rounds without a defined value are left out.
        points: Vec<(u32, f64)>,
    },
    /// A learner's cross-validation and final fit are done.
    LearnerFinished {
        /// Learner id.
        learner: String,
        /// Its settings, as they were used.
        params: serde_json::Value,
        /// Wall seconds of the final fit.
        fit_seconds: f64,
        /// Cross-validated metrics.
        cv: BTreeMap<String, Summary>,
    },
    /// A learner could not be fitted; the others go on.
    LearnerFailed {
        /// Learner id.
        learner: String,
        /// What happened.
        error: ErrorReport,
    },
    /// The selection, which looks at cross-validation only.
    ModelSelected {
        /// Learner id.
        learner: String,
        /// Its operating point (binary), on the probability of the threat class.
        threshold: Option<f64>,
        /// Why this one, a sentence.
        reason: String,
    },
    /// Test figures of one learner, made after selection.
    TestMeasured(LearnerTest),
    /// One rule of the gate.
    GateEvaluated(RuleResult),
    /// The gate's verdict over all rules.
    GateDecided {
        /// The verdict.
        verdict: GateVerdict,
        /// A sentence.
        reason: String,
    },
    /// A plan waits for approval.
    ApprovalRequested {
        /// The plan's id.
        plan_id: String,
        /// The version it would become.
        version: String,
    },
    /// Somebody decided on the plan.
    ApprovalDecided {
        /// The plan's id.
        plan_id: String,
        /// `approve`, `reject`.
        decision: String,
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// A step of the push is done.
    PushStepFinished {
        /// The plan's id.
        plan_id: String,
        /// What was done.
        step: String,
    },
    /// The worker is alive.
    Heartbeat {
        /// Resident memory in bytes.
        rss: u64,
        /// CPU use since the last heartbeat, 1.0 = one core.
        cpu: f32,
    },
    /// The worker read an operator's command and obeys.
    ControlReceived {
        /// What was asked.
        command: ControlCommand,
        /// By whom.
        by: Actor,
    },
    /// Somebody took the run over from somebody else who had it in hand.
    LeaseTaken {
        /// Who has it now.
        by: Actor,
        /// Who had it.
        from: Actor,
    },
    /// Something worth knowing that stops nothing.
    Warning {
        /// A stable code.
        code: String,
        /// A sentence.
        text: String,
    },
    /// The end of the run.
    RunFinished {
        /// How it ended.
        outcome: Outcome,
        /// Exit-code class of a failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ErrorReport>,
    },
    /// A kind this program does not know.
    #[serde(other)]
    Unknown,
}
