//! A run told as it goes: one sentence an event, figures beside the champion's. For plain mode and
//! `netsec watch --plain`; progress is said by the log's clock, so that a replay says the same as
//! the run did live.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

use crate::console::widgets::mean_by_step;
use crate::error::ErrorReport;
use crate::events::{
    CheckVerdict, ControlCommand, DriftVerdict, Envelope, Event, FitPhase, GateVerdict, Outcome,
    RunState, Split, StageName, drift_figure,
};
use crate::text::{clean, count};

/// Progress of a stage is said at most this often.
const SAY_EVERY: TimeDelta = TimeDelta::seconds(10);
/// Columns of a run that are named when they drift; the stage's summary counts all.
const DRIFTED: usize = 8;

/// The champion that figures are held against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rival {
    /// Its version.
    pub version: String,
    /// F1 on the test rows of the run that made it.
    pub f1: Option<f64>,
}

/// Tells one run.
#[derive(Clone, Debug)]
pub struct Narrator {
    offset: FixedOffset,
    rival: Option<Rival>,
    said: BTreeMap<&'static str, DateTime<Utc>>,
    drifted: usize,
}

impl Narrator {
    /// A narrator for where the person sits.
    pub fn new(offset: FixedOffset) -> Self {
        Self {
            offset,
            rival: None,
            said: BTreeMap::new(),
            drifted: 0,
        }
    }

    /// Names the champion; without one figures stand alone.
    pub fn set_rival(&mut self, rival: Option<Rival>) {
        self.rival = rival;
    }

    /// The line of an event, `state` being the run's after it; `None` when it is not worth one.
    pub fn line(&mut self, envelope: &Envelope, state: &RunState) -> Option<String> {
        let text = self.sentence(envelope, state)?;
        let time = envelope.at.with_timezone(&self.offset).format("%H:%M:%S");
        Some(format!("{time} {text}"))
    }

    /// What to do about an event, when it says so.
    pub fn hints(envelope: &Envelope) -> Vec<String> {
        let error = match &envelope.event {
            Event::StageFailed { error } | Event::LearnerFailed { error, .. } => Some(error),
            _ => None,
        };
        let hints = error.map_or(&[] as &[String], |e| e.hints.as_slice());
        hints.iter().map(|h| format!("do: {}", clean(h))).collect()
    }

    /// Whether a series is due by the log's clock.
    fn due(&mut self, series: &'static str, at: DateTime<Utc>) -> bool {
        let due = self
            .said
            .get(series)
            .is_none_or(|last| at - *last >= SAY_EVERY || at < *last);
        if due {
            self.said.insert(series, at);
        }
        due
    }

    fn sentence(&mut self, envelope: &Envelope, state: &RunState) -> Option<String> {
        let stage = envelope.stage.map_or("run", short);
        Some(match &envelope.event {
            Event::RunStarted {
                run_id,
                by,
                resumed,
                ..
            } => {
                let verb = if *resumed { "resumed" } else { "started" };
                let mut text = format!(
                    "run {} {verb} by {}, worker alive",
                    run_id.short(),
                    clean(&by.name)
                );
                if let Some(rival) = &self.rival {
                    text.push_str(&format!(", champion {}", clean(&rival.version)));
                    if let Some(f1) = rival.f1 {
                        text.push_str(&format!(" with F1 {f1:.4} on its own test rows"));
                    }
                }
                text
            }
            Event::StageStarted { .. } | Event::FitStarted { .. } => return None,
            Event::StageReused { why, .. } => format!("{stage} reused, {}", clean(why)),
            Event::StageFinished {
                verdict,
                seconds,
                summary,
                ..
            } => {
                let word = match verdict {
                    CheckVerdict::Ok | CheckVerdict::Masked => "ok",
                    CheckVerdict::Warn => "WARN",
                    CheckVerdict::Fail => "FAILED",
                };
                format!("{stage} {word}, {}, {}", took(*seconds), clean(summary))
            }
            Event::StageFailed { error } => failed(stage, error),
            Event::RowsRead { rows, of } => {
                if !self.due("rows", envelope.at) {
                    return None;
                }
                match of {
                    Some(of) => format!("{stage} {} of {} rows read", count(*rows), count(*of)),
                    None => format!("{stage} {} rows read", count(*rows)),
                }
            }
            Event::DataIngested {
                source,
                rows,
                kept,
                quarantined,
                train_rows,
                test_rows,
                features,
                ..
            } => format!(
                "{stage} {} rows of {}, {} kept, {} in quarantine, {} to train, {} to test, \
                 {features} features",
                count(*rows),
                clean(source),
                count(*kept),
                count(*quarantined),
                count(*train_rows),
                count(*test_rows)
            ),
            Event::CheckFinished {
                check,
                column,
                observed,
                limit,
                verdict,
            } => {
                let word = match verdict {
                    CheckVerdict::Ok => return None,
                    CheckVerdict::Masked => "masks values",
                    CheckVerdict::Warn => "WARN",
                    CheckVerdict::Fail => "FAILED",
                };
                let column = match column {
                    Some(column) => format!(" of {}", clean(column)),
                    None => String::new(),
                };
                format!(
                    "{stage} check {}{column} {word}, {}, limit {}",
                    clean(check),
                    clean(observed),
                    clean(limit)
                )
            }
            Event::DriftMeasured {
                column,
                psi,
                verdict,
                decided_by,
                ..
            } => {
                if *verdict != DriftVerdict::Drift {
                    return None;
                }
                self.drifted += 1;
                if self.drifted > DRIFTED {
                    return None;
                }
                let figure = drift_figure(*psi, decided_by.as_ref());
                format!("{stage} {} drifted{figure}", clean(column))
            }
            Event::TrainingProgress {
                learner,
                phase,
                round,
                of,
            } => {
                if !self.due("training", envelope.at) {
                    return None;
                }
                let phase = match phase {
                    FitPhase::Fold { fold, folds } => format!("fold {fold} of {folds}"),
                    FitPhase::Final => "final fit".to_owned(),
                };
                let mut text = format!("{stage} {} {phase}, round {round} of {of}", clean(learner));
                let l = state.learner.get(learner);
                let last = |metric: &str| {
                    let key = (metric.to_owned(), Split::Valid);
                    l.and_then(|l| l.curves.get(&key)?.last().copied())
                };
                if let Some((_, f1)) = last("f1") {
                    text.push_str(&format!(", F1 {f1:.4}{}", self.beside()));
                } else if let Some((_, loss)) = last("log_loss") {
                    text.push_str(&format!(", log loss {loss:.4}"));
                }
                text
            }
            Event::LearnerFinished {
                learner,
                fit_seconds,
                cv,
                ..
            } => {
                let mut text = format!("{stage} {} done, {}", clean(learner), took(*fit_seconds));
                let key = ("f1".to_owned(), Split::Valid);
                let curve = state.learner.get(learner).and_then(|l| l.curves.get(&key));
                let best = curve.map(|points| mean_by_step(points)).and_then(|points| {
                    points
                        .into_iter()
                        .reduce(|a, b| if b.1 > a.1 { b } else { a })
                });
                if let Some((round, best)) = best {
                    text.push_str(&format!(", best {best:.4} at round {round}"));
                }
                if let Some(f1) = cv.get("f1") {
                    text.push_str(&format!(
                        ", cross-validated F1 {:.4} [{:.4}, {:.4}]{}",
                        f1.mean,
                        f1.low,
                        f1.high,
                        self.verdict(f1.low, f1.high)
                    ));
                }
                text
            }
            Event::LearnerFailed { learner, error } => {
                failed(&format!("{stage} {}", clean(learner)), error)
            }
            Event::ModelSelected {
                learner, reason, ..
            } => format!("{stage} {} selected, {}", clean(learner), clean(reason)),
            Event::TestMeasured(measured) => {
                let f1 = match measured.test.f1 {
                    Some(v) => format!("F1 {v:.4}{}", self.beside()),
                    None => "F1 undefined".to_owned(),
                };
                format!(
                    "{stage} {} on the test rows, {f1}, accuracy {:.4}",
                    clean(&measured.learner),
                    measured.test.accuracy
                )
            }
            Event::GateEvaluated(rule) => {
                let word = match rule.verdict {
                    GateVerdict::Accept => "pass",
                    GateVerdict::Refuse => "REFUSED",
                    GateVerdict::CannotTell => "cannot tell",
                };
                format!(
                    "{stage} rule {} {word}, {}",
                    clean(&rule.rule),
                    clean(&rule.reason)
                )
            }
            Event::GateDecided { verdict, reason } => {
                let word = match verdict {
                    GateVerdict::Accept => "accepts",
                    GateVerdict::Refuse => "REFUSES",
                    GateVerdict::CannotTell => "cannot tell",
                };
                format!("{stage} the gate {word}, {}", clean(reason))
            }
            Event::ApprovalRequested { plan_id, version } => format!(
                "{stage} {} planned, waits for approval of plan {}",
                clean(version),
                clean(plan_id)
            ),
            Event::ApprovalDecided {
                plan_id,
                decision,
                by,
                reason,
            } => format!(
                "{stage} plan {}: {} by {}, {}",
                clean(plan_id),
                clean(decision),
                clean(&by.name),
                clean(reason)
            ),
            Event::PushStepFinished { step, .. } => format!("{stage} done: {}", clean(step)),
            Event::ControlReceived { command, by } => {
                let what = match command {
                    ControlCommand::StopAfterRound => "stop after this round",
                    ControlCommand::Cancel => "end now",
                };
                format!("{} asked the run to {what}", clean(&by.name))
            }
            Event::LeaseTaken { by, from } => format!(
                "{} took the run over from {}",
                clean(&by.name),
                clean(&from.name)
            ),
            Event::Warning { text, .. } => format!("{stage} warning, {}", clean(text)),
            Event::RunFinished { outcome, error } => {
                let run = state.run_id.as_ref().map_or("", |r| r.short());
                let word = match outcome {
                    Outcome::Finished => "finished",
                    Outcome::Cancelled => "cancelled",
                    Outcome::Running => "running",
                    Outcome::Failed => "FAILED",
                    Outcome::Stalled => "STALLED",
                    Outcome::Crashed => "CRASHED",
                };
                match error {
                    Some(error) => format!("run {run} {word}, {}", clean(&error.message)),
                    None => format!("run {run} {word}"),
                }
            }
            Event::MetricObserved { .. }
            | Event::CurveMeasured { .. }
            | Event::Heartbeat { .. }
            | Event::Unknown => return None,
        })
    }

    /// The champion's figure, to stand beside one.
    fn beside(&self) -> String {
        match self.rival.as_ref().and_then(|r| r.f1) {
            Some(f1) => format!(", champion {f1:.4}"),
            None => String::new(),
        }
    }

    /// How an interval lies to the champion's figure. Only the gate compares on the same rows.
    fn verdict(&self, low: f64, high: f64) -> String {
        let Some(f1) = self.rival.as_ref().and_then(|r| r.f1) else {
            return String::new();
        };
        if low > f1 {
            format!(", better than champion {f1:.4}")
        } else if high < f1 {
            format!(", worse than champion {f1:.4}")
        } else {
            format!(", not separable from champion {f1:.4}")
        }
    }
}

fn failed(what: &str, error: &ErrorReport) -> String {
    format!("{what} FAILED, {}", clean(&error.message))
}

/// A stage in one word.
fn short(stage: StageName) -> &'static str {
    match stage {
        StageName::DataIngestion => "ingestion",
        StageName::DataValidation => "validation",
        StageName::DataTransformation => "transformation",
        StageName::ModelTrainer => "training",
        StageName::ModelEvaluation => "evaluation",
        StageName::ModelPusher => "push",
    }
}

/// Seconds for a sentence.
fn took(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "time unknown".to_owned();
    }
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 600.0 => format!("{s:.0} s"),
        s => format!("{} min {} s", s as u64 / 60, s as u64 % 60),
    }
}
