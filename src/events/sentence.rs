//! An event as one plain sentence: for `watch --plain`, for progress lines and for the console's
//! log screen. Text from data is cleaned; nothing here prints.

use super::{
    CheckVerdict, ControlCommand, DriftFigure, DriftVerdict, Envelope, Event, FitPhase,
    GateVerdict, Outcome,
};
use crate::text::clean;

impl Envelope {
    /// What happened, for people; `None` for events that only make sense as a series (metrics,
    /// heartbeats) or say that all is well (checks within their limits).
    pub fn sentence(&self) -> Option<String> {
        let said = said(&self.event)?;
        Some(match self.stage {
            Some(stage) => format!("{stage}: {said}"),
            None => said,
        })
    }
}

impl FitPhase {
    /// `fold 2/3`, or `final fit`.
    pub fn label(self) -> String {
        match self {
            FitPhase::Fold { fold, folds } => format!("fold {fold}/{folds}"),
            FitPhase::Final => "final fit".to_owned(),
        }
    }
}

impl Outcome {
    /// The word used in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Running => "running",
            Outcome::Finished => "finished",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
            Outcome::Stalled => "stalled",
            Outcome::Crashed => "crashed",
        }
    }
}

impl GateVerdict {
    /// The words used for people.
    pub fn words(self) -> &'static str {
        match self {
            GateVerdict::Accept => "accept",
            GateVerdict::Refuse => "refuse",
            GateVerdict::CannotTell => "cannot tell",
        }
    }
}

fn said(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunStarted {
            run_id,
            by,
            resumed,
            champion,
            ..
        } => {
            let verb = if *resumed { "goes on" } else { "started" };
            let champion = champion.as_ref().map_or_else(
                || "no champion yet".to_owned(),
                |c| format!("champion {}", clean(c)),
            );
            format!(
                "run {run_id} {verb}, asked by {} from {}; {champion}",
                clean(&by.name),
                clean(&by.from)
            )
        }
        Event::StageStarted { why } => format!("started ({})", clean(why)),
        Event::StageReused { why, .. } => format!("reused ({})", clean(why)),
        Event::StageFinished {
            verdict,
            seconds,
            summary,
            ..
        } => {
            let word = match verdict {
                CheckVerdict::Ok | CheckVerdict::Masked => "done",
                CheckVerdict::Warn => "done with warnings",
                CheckVerdict::Fail => "failed",
            };
            format!("{word} in {seconds:.1} s, {}", clean(summary))
        }
        Event::StageFailed { error } => format!("failed: {}", clean(&error.message)),
        Event::RowsRead { rows, of } => match of {
            Some(of) => format!("{rows} of {of} rows read"),
            None => format!("{rows} rows read"),
        },
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
            "{rows} rows of {}: {kept} kept, {quarantined} in quarantine; {train_rows} to train, {test_rows} to test, {features} features",
            clean(source)
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
                CheckVerdict::Warn => "warns",
                CheckVerdict::Fail => "fails",
            };
            let column = column
                .as_ref()
                .map_or_else(String::new, |c| format!(" of {}", clean(c)));
            format!(
                "check {}{column} {word}: {} (limit {})",
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
            let figure = drift_figure(*psi, decided_by.as_ref());
            format!("{} drifted{figure}", clean(column))
        }
        Event::FitStarted { learner, phase, of } => {
            format!(
                "{} {} begins, at most {of} rounds",
                clean(learner),
                phase.label()
            )
        }
        Event::TrainingProgress {
            learner,
            phase,
            round,
            of,
        } => format!("{} {} {round}/{of}", clean(learner), phase.label()),
        Event::MetricObserved { .. }
        | Event::CurveMeasured { .. }
        | Event::Heartbeat { .. }
        | Event::Unknown => return None,
        Event::LearnerFinished {
            learner,
            fit_seconds,
            cv,
            ..
        } => {
            let f1 = cv.get("f1").map_or_else(String::new, |s| {
                format!(
                    ", cross-validated F1 {:.4} [{:.4}, {:.4}]",
                    s.mean, s.low, s.high
                )
            });
            format!("{} fitted in {fit_seconds:.1} s{f1}", clean(learner))
        }
        Event::LearnerFailed { learner, error } => {
            format!("{} failed: {}", clean(learner), clean(&error.message))
        }
        Event::ModelSelected {
            learner, reason, ..
        } => format!("{} selected: {}", clean(learner), clean(reason)),
        Event::TestMeasured(measured) => {
            let f1 = measured
                .test
                .f1
                .map_or_else(|| "undefined".to_owned(), |v| format!("{v:.4}"));
            format!(
                "{} on the test split: accuracy {:.4}, F1 {f1}",
                clean(&measured.learner),
                measured.test.accuracy
            )
        }
        Event::GateEvaluated(rule) => format!(
            "rule {}: {}, {}",
            clean(&rule.rule),
            rule.verdict.words(),
            clean(&rule.reason)
        ),
        Event::GateDecided { verdict, reason } => {
            format!("the gate says {}: {}", verdict.words(), clean(reason))
        }
        Event::ApprovalRequested { plan_id, version } => format!(
            "plan {} waits for approval, it would become {}",
            clean(plan_id),
            clean(version)
        ),
        Event::ApprovalDecided {
            plan_id,
            decision,
            by,
            reason,
        } => format!(
            "plan {}: {} by {}: {}",
            clean(plan_id),
            clean(decision),
            clean(&by.name),
            clean(reason)
        ),
        Event::PushStepFinished { step, .. } => format!("push: {}", clean(step)),
        Event::ControlReceived { command, by } => format!(
            "{} asked to {}",
            clean(&by.name),
            match command {
                ControlCommand::StopAfterRound => "stop after this round",
                ControlCommand::Cancel => "cancel",
            }
        ),
        Event::LeaseTaken { by, from } => format!(
            "{} ({}) took the run over from {} ({})",
            clean(&by.name),
            clean(&by.from),
            clean(&from.name),
            clean(&from.from)
        ),
        Event::Warning { text, .. } => format!("warning: {}", clean(text)),
        Event::RunFinished { outcome, error } => match error {
            Some(error) => format!("run {}: {}", outcome.as_str(), clean(&error.message)),
            None => format!("run {}", outcome.as_str()),
        },
    })
}

/// The figure that a verdict on drift rests on, to be put behind it.
pub(crate) fn drift_figure(psi: Option<f64>, decided_by: Option<&DriftFigure>) -> String {
    match (decided_by, psi) {
        (Some(by), _) => format!(", {} {:.3}", clean(&by.name), by.value),
        (None, Some(psi)) => format!(", PSI {psi:.3}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::StageName;
    use crate::events::testing::{any_event, any_stage, envelope};

    proptest! {
        #[test]
        fn a_sentence_is_one_line_without_control_characters(stage in any_stage(), event in any_event()) {
            if let Some(sentence) = envelope(1, stage, event).sentence() {
                prop_assert!(!sentence.is_empty());
                prop_assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
            }
        }
    }

    #[test]
    fn a_stage_is_named_before_what_it_says() {
        let e = envelope(
            1,
            Some(StageName::ModelTrainer),
            Event::StageStarted {
                why: "first run".into(),
            },
        );
        assert_eq!(e.sentence().unwrap(), "model_trainer: started (first run)");
    }

    #[test]
    fn what_is_well_is_not_said() {
        let check = |verdict| {
            envelope(
                1,
                Some(StageName::DataValidation),
                Event::CheckFinished {
                    check: "nulls".into(),
                    column: Some("duration".into()),
                    observed: "31 %".into(),
                    limit: "20 %".into(),
                    verdict,
                },
            )
            .sentence()
        };
        assert_eq!(check(CheckVerdict::Ok), None);
        assert_eq!(
            check(CheckVerdict::Warn).unwrap(),
            "data_validation: check nulls of duration warns: 31 % (limit 20 %)"
        );
    }
}
