//! The documents of `netsec show` and `netsec runs`, made from what is known about a run.
//!
//! The structs are the contract: their JSON is read by other programs. Nothing here prints.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use super::{RunId, RunView};
use crate::config::ChangedSetting;
use crate::error::ErrorReport;
use crate::events::{ArtifactRef, GateVerdict, Outcome, RuleResult, Summary};
use crate::metrics::TestMetrics;

/// `netsec show RUN --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShowDocument {
    /// The run.
    pub run_id: RunId,
    /// How it stands.
    pub outcome: Outcome,
    /// When it started, UTC.
    pub started_at: Option<String>,
    /// When it ended, UTC.
    pub finished_at: Option<String>,
    /// Who started it.
    pub by: Option<String>,
    /// The user's note.
    pub note: Option<String>,
    /// SHA-256 of the configuration in force.
    pub config_sha256: Option<String>,
    /// The settings that were changed for this run, with what the configuration said.
    pub settings: Vec<ChangedSetting>,
    /// What was read; null until the snapshot is complete.
    pub data: Option<ShowData>,
    /// The six stages in running order.
    pub stages: Vec<ShowStage>,
    /// One row per learner, the selected one first, then by cross-validated F1.
    pub leaderboard: Vec<ShowLearner>,
    /// The selected learner.
    pub selected: Option<String>,
    /// Its operating point (binary tasks).
    pub threshold: Option<f64>,
    /// The gate; null until it has decided.
    pub gate: Option<ShowGate>,
    /// The plan; null exactly when the gate did not accept.
    pub plan_id: Option<String>,
    /// The champion's version when the run started.
    pub champion_before: Option<String>,
    /// What was decided on the plan.
    pub decision: Option<ShowDecision>,
    /// Warnings.
    pub warnings: Vec<ShowWarning>,
    /// The error that ended the run.
    pub error: Option<ErrorReport>,
    /// Damage found in the log.
    pub log_damage: Vec<String>,
}

/// `data` of [`ShowDocument`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShowData {
    /// What was read, for people, without secrets.
    pub source: String,
    /// Rows in the source.
    pub rows: u64,
    /// Order-independent digest of the kept rows.
    pub digest: Option<String>,
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
}

/// A stage of [`ShowDocument`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShowStage {
    /// Its name.
    pub name: &'static str,
    /// `waiting`, `running`, `ok`, `warn`, `reused`, `failed`, `cancelled`.
    pub state: &'static str,
    /// Seconds it took.
    pub seconds: Option<f64>,
    /// Why it ran or was reused.
    pub why: Option<String>,
    /// Its summary line.
    pub summary: Option<String>,
    /// The files it made.
    pub artifacts: Vec<ArtifactRef>,
    /// The error that stopped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

/// A row of the leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShowLearner {
    /// Learner id.
    pub learner: String,
    /// Its settings, once it is done.
    pub params: Option<Value>,
    /// Wall seconds of the final fit.
    pub fit_seconds: Option<f64>,
    /// Cross-validated metrics.
    pub cv: BTreeMap<String, Summary>,
    /// Figures on the untouched test split.
    pub test: Option<TestMetrics>,
    /// Why it could not be fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

/// `gate` of [`ShowDocument`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShowGate {
    /// The verdict.
    pub verdict: GateVerdict,
    /// A sentence.
    pub reason: String,
    /// Its rules.
    pub rules: Vec<RuleResult>,
}

/// `decision` of [`ShowDocument`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShowDecision {
    /// `approve`, `reject`.
    pub decision: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A warning of [`ShowDocument`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShowWarning {
    /// A stable code.
    pub code: String,
    /// A sentence.
    pub text: String,
}

/// An entry of `netsec runs --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunsEntry {
    /// The run.
    pub run_id: RunId,
    /// When it started, UTC.
    pub started_at: Option<String>,
    /// How it stands.
    pub outcome: Outcome,
    /// The selected learner.
    pub selected: Option<String>,
    /// F1 of the selected learner on the test split.
    pub f1: Option<f64>,
    /// Who started it.
    pub by: Option<String>,
    /// The user's note.
    pub note: Option<String>,
}

/// A time as the documents write it: `2026-11-22T12:30:05Z`.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl ShowDocument {
    /// Everything known about a run.
    pub fn new(view: &RunView) -> Self {
        let state = &view.state;
        let accepted = state
            .gate
            .as_ref()
            .is_some_and(|(verdict, _)| *verdict == GateVerdict::Accept);
        Self {
            run_id: view.run_id.clone(),
            outcome: view.outcome(),
            started_at: view.started_at().map(time),
            finished_at: state.finished_at.map(time),
            by: view.by().map(|a| a.name.clone()),
            note: view.note().map(str::to_owned),
            config_sha256: state.config_sha256.clone(),
            settings: view
                .request
                .as_ref()
                .map_or_else(Vec::new, |r| r.settings.clone()),
            data: state.source.as_ref().map(|source| ShowData {
                source: source.clone(),
                rows: state.rows,
                digest: state.digest.clone(),
                kept: state.kept,
                quarantined: state.quarantined,
                train_rows: state.train_rows,
                test_rows: state.test_rows,
                features: state.features,
            }),
            stages: state
                .stages
                .iter()
                .map(|s| ShowStage {
                    name: s.name.as_str(),
                    state: s.status.as_str(),
                    seconds: s.seconds,
                    why: some_text(&s.why),
                    summary: some_text(&s.summary),
                    artifacts: s.artifacts.clone(),
                    error: s.error.clone(),
                })
                .collect(),
            leaderboard: leaderboard(view),
            selected: state.selected.clone(),
            threshold: state.threshold,
            gate: state.gate.as_ref().map(|(verdict, reason)| ShowGate {
                verdict: *verdict,
                reason: reason.clone(),
                rules: state.gate_rules.clone(),
            }),
            plan_id: state
                .plan
                .as_ref()
                .filter(|_| accepted)
                .map(|(plan, _)| plan.clone()),
            champion_before: state.champion_before.clone(),
            decision: state
                .decision
                .as_ref()
                .map(|(decision, by, reason)| ShowDecision {
                    decision: decision.clone(),
                    by: by.name.clone(),
                    reason: reason.clone(),
                }),
            warnings: state
                .warnings
                .iter()
                .map(|(code, text)| ShowWarning {
                    code: code.clone(),
                    text: text.clone(),
                })
                .collect(),
            error: state.error.clone(),
            log_damage: view
                .damage
                .iter()
                .map(|d| format!("event {}: {}", d.seq, d.reason))
                .collect(),
        }
    }
}

/// One row per learner this run trains, also those that have not begun.
fn leaderboard(view: &RunView) -> Vec<ShowLearner> {
    let state = &view.state;
    let mut names: Vec<&String> = state.learners.iter().collect();
    names.extend(state.learner.keys().filter(|l| !state.learners.contains(l)));
    let mut rows: Vec<ShowLearner> = names
        .into_iter()
        .map(|name| {
            let known = state.learner.get(name).cloned().unwrap_or_default();
            ShowLearner {
                learner: name.clone(),
                params: known.params,
                fit_seconds: known.fit_seconds,
                cv: known.cv,
                test: known.test,
                error: known.error,
            }
        })
        .collect();
    let f1 = |row: &ShowLearner| row.cv.get("f1").map_or(f64::NEG_INFINITY, |s| s.mean);
    rows.sort_by(|a, b| {
        let selected = |row: &ShowLearner| state.selected.as_ref() == Some(&row.learner);
        selected(b).cmp(&selected(a)).then(f1(b).total_cmp(&f1(a)))
    });
    rows
}

impl RunsEntry {
    /// The line of a run.
    pub fn new(view: &RunView) -> Self {
        let state = &view.state;
        Self {
            run_id: view.run_id.clone(),
            started_at: view.started_at().map(time),
            outcome: view.outcome(),
            selected: state.selected.clone(),
            f1: state
                .selected
                .as_ref()
                .and_then(|l| state.learner.get(l))
                .and_then(|l| l.test.as_ref())
                .and_then(|t| t.f1),
            by: view.by().map(|a| a.name.clone()),
            note: view.note().map(str::to_owned),
        }
    }
}
