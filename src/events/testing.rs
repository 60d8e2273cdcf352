//! Made-up events for tests: one strategy for every kind.

use chrono::{DateTime, Utc};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::error::{ErrorKind, ErrorReport};
use crate::metrics::{ClassMetrics, TestMetrics};
use crate::runs::RunId;

/// A fixed moment, `seconds` later.
pub(crate) fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
}

/// An envelope at a fixed moment.
pub(crate) fn envelope(seq: u64, stage: Option<StageName>, event: Event) -> Envelope {
    Envelope {
        v: 1,
        seq,
        at: moment((seq % 1_000_000) as i64),
        stage,
        event,
    }
}

/// Envelopes numbered from 1.
pub(crate) fn numbered(events: Vec<(Option<StageName>, Event)>) -> Vec<Envelope> {
    events
        .into_iter()
        .enumerate()
        .map(|(i, (stage, event))| envelope(i as u64 + 1, stage, event))
        .collect()
}

/// Any stage or none.
pub(crate) fn any_stage() -> impl Strategy<Value = Option<StageName>> {
    option::of(proptest::sample::select(StageName::ALL.to_vec()))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z_]{1,8}",
        Just("\u{1b}[2J \"quoted\" \\ \n new line, größe 数据".to_owned()),
    ]
}

/// Numbers whose decimal form is short, so that reading them back is exact.
fn number() -> impl Strategy<Value = f64> {
    (-1_000_000i32..1_000_000).prop_map(|n| f64::from(n) / 1024.0)
}

fn actor() -> impl Strategy<Value = Actor> {
    (text(), text()).prop_map(|(name, from)| Actor { name, from })
}

fn run_id() -> impl Strategy<Value = RunId> {
    (0i64..100_000_000, any::<u16>()).prop_map(|(s, r)| RunId::new(moment(s), r))
}

fn error() -> impl Strategy<Value = ErrorReport> {
    (text(), vec(text(), 0..2)).prop_map(|(message, hints)| ErrorReport {
        kind: ErrorKind::Data,
        message,
        hints,
    })
}

fn artifacts() -> impl Strategy<Value = Vec<ArtifactRef>> {
    vec(
        (text(), text()).prop_map(|(path, sha256)| ArtifactRef { path, sha256 }),
        0..3,
    )
}

fn check_verdict() -> impl Strategy<Value = CheckVerdict> {
    use CheckVerdict::*;
    proptest::sample::select(vec![Ok, Masked, Warn, Fail])
}

fn gate_verdict() -> impl Strategy<Value = GateVerdict> {
    use GateVerdict::*;
    proptest::sample::select(vec![Accept, Refuse, CannotTell])
}

fn outcome() -> impl Strategy<Value = Outcome> {
    use Outcome::*;
    proptest::sample::select(vec![Running, Finished, Failed, Cancelled, Stalled, Crashed])
}

fn phase() -> impl Strategy<Value = FitPhase> {
    prop_oneof![
        Just(FitPhase::Final),
        (0u32..9, 0u32..9).prop_map(|(fold, folds)| FitPhase::Fold { fold, folds }),
    ]
}

fn split() -> impl Strategy<Value = Split> {
    proptest::sample::select(vec![Split::Train, Split::Valid, Split::Test])
}

fn test_metrics() -> impl Strategy<Value = TestMetrics> {
    (any::<u32>(), option::of(number()), number()).prop_map(|(n, some, value)| TestMetrics {
        n: n.into(),
        accuracy: value,
        precision: some,
        recall: None,
        f1: some,
        macro_f1: value,
        weighted_f1: value,
        roc_auc: some,
        pr_auc: None,
        log_loss: Some(value),
        brier: some,
        confusion: vec![vec![1, 2], vec![3, n.into()]],
        classes: vec!["normal".into(), "attack".into()],
        per_class: vec![ClassMetrics {
            class: "attack".into(),
            support: 3,
            precision: some,
            recall: None,
            f1: None,
        }],
        intervals: [("f1".to_owned(), [value, value])].into(),
    })
}

/// Any event of a kind this program knows.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let learner = || proptest::sample::select(vec!["xgboost".to_owned(), "decision_tree".into()]);
    let first = prop_oneof![
        (run_id(), actor(), text(), option::of(text()), any::<bool>()).prop_map(
            |(run_id, by, t, note, resumed)| Event::RunStarted {
                run_id,
                by,
                config_sha256: t.clone(),
                program: t.clone(),
                pid: 7,
                note: note.clone(),
                resumed,
                learners: vec![t],
                champion: note,
            }
        ),
        text().prop_map(|why| Event::StageStarted { why }),
        (text(), artifacts(), check_verdict()).prop_map(|(t, artifacts, verdict)| {
            Event::StageReused {
                why: t.clone(),
                artifacts,
                summary: t,
                verdict,
            }
        }),
        (text(), artifacts(), check_verdict(), number()).prop_map(
            |(summary, artifacts, verdict, seconds)| Event::StageFinished {
                verdict,
                seconds,
                summary,
                artifacts,
            }
        ),
        error().prop_map(|error| Event::StageFailed { error }),
        (any::<u64>(), option::of(any::<u64>()))
            .prop_map(|(rows, of)| Event::RowsRead { rows, of }),
        (text(), any::<u64>()).prop_map(|(t, rows)| Event::DataIngested {
            source: t.clone(),
            rows,
            kept: rows,
            quarantined: 0,
            digest: t,
            train_rows: 1,
            test_rows: 2,
            features: 3,
        }),
        (text(), option::of(text()), check_verdict()).prop_map(|(t, column, verdict)| {
            Event::CheckFinished {
                check: t.clone(),
                column,
                observed: t.clone(),
                limit: t,
                verdict,
            }
        }),
        (text(), option::of(number())).prop_map(|(column, psi)| Event::DriftMeasured {
            column,
            psi,
            ks: None,
            n_reference: 5,
            n_current: 6,
            verdict: DriftVerdict::CannotTell,
            decided_by: psi.map(|value| DriftFigure {
                name: "decile PSI".to_owned(),
                value,
            }),
        }),
        (learner(), phase(), any::<u32>()).prop_map(|(learner, phase, of)| Event::FitStarted {
            learner,
            phase,
            of
        }),
    ];
    let second = prop_oneof![
        (learner(), phase(), any::<u32>()).prop_map(|(learner, phase, round)| {
            Event::TrainingProgress {
                learner,
                phase,
                round,
                of: 100,
            }
        }),
        (learner(), split(), any::<u32>(), option::of(number())).prop_map(
            |(learner, split, step, value)| Event::MetricObserved {
                learner,
                metric: "log_loss".into(),
                split,
                step,
                value,
                n: 10,
                reason: value.is_none().then(|| "one class".to_owned()),
            }
        ),
        (learner(), number(), btree_map("[a-z]{2}", number(), 0..3)).prop_map(
            |(learner, fit_seconds, cv)| Event::LearnerFinished {
                learner,
                params: serde_json::json!({"rounds": 100, "nested": {"eta": 0.5, "list": [1, null]}}),
                fit_seconds,
                cv: cv
                    .into_iter()
                    .map(|(k, mean)| (k, Summary { mean, low: mean, high: mean }))
                    .collect(),
            }
        ),
        (learner(), error()).prop_map(|(learner, error)| Event::LearnerFailed { learner, error }),
        (learner(), option::of(number()), text()).prop_map(|(learner, threshold, reason)| {
            Event::ModelSelected {
                learner,
                threshold,
                reason,
            }
        }),
        (learner(), test_metrics())
            .prop_map(|(learner, test)| Event::TestMeasured(LearnerTest { learner, test })),
        (text(), option::of(number()), gate_verdict()).prop_map(|(t, observed, verdict)| {
            Event::GateEvaluated(RuleResult {
                rule: t.clone(),
                observed,
                limit: None,
                verdict,
                reason: t,
            })
        }),
        (gate_verdict(), text()).prop_map(|(verdict, reason)| Event::GateDecided {
            verdict,
            reason
        }),
        (text(), text()).prop_map(|(plan_id, version)| Event::ApprovalRequested {
            plan_id,
            version
        }),
    ];
    let third = prop_oneof![
        (text(), actor()).prop_map(|(t, by)| Event::ApprovalDecided {
            plan_id: t.clone(),
            decision: "approve".into(),
            by,
            reason: t,
        }),
        (text(), text()).prop_map(|(plan_id, step)| Event::PushStepFinished { plan_id, step }),
        any::<u64>().prop_map(|rss| Event::Heartbeat { rss, cpu: 1.25 }),
        actor().prop_map(|by| Event::ControlReceived {
            command: ControlCommand::StopAfterRound,
            by
        }),
        (actor(), actor()).prop_map(|(by, from)| Event::LeaseTaken { by, from }),
        (text(), text()).prop_map(|(code, text)| Event::Warning { code, text }),
        (outcome(), option::of(error()))
            .prop_map(|(outcome, error)| Event::RunFinished { outcome, error }),
    ];
    prop_oneof![first, second, third]
}

/// A log of up to `n` events with the numbers and times a writer would give them.
pub(crate) fn any_log(n: usize) -> impl Strategy<Value = Vec<Envelope>> {
    vec((any_stage(), any_event()), 0..n).prop_map(numbered)
}

/// The bytes of a log.
pub(crate) fn bytes_of(log: &[Envelope]) -> Vec<u8> {
    log.iter()
        .flat_map(|e| {
            let mut line = serde_json::to_vec(e).unwrap();
            line.push(b'\n');
            line
        })
        .collect()
}
