//! Metrics, in the order of their events. The list is only ever appended to.

use std::collections::{HashMap, HashSet};

use crate::events::{Envelope, Event, RunState, Split, StageName};
use crate::metrics::TestMetrics;
use crate::tracking::fact::{Point, Slot};

/// The metrics so far, and what is needed to leave repetitions out.
#[derive(Clone, Debug, Default)]
pub(super) struct Points {
    list: Vec<Point>,
    /// Points of curves, by bits of the value: a resumed run says the same again.
    seen: HashSet<(Slot, String, i64, u64)>,
    /// Single figures: the last value and the next step.
    figures: HashMap<(Slot, String), (u64, i64)>,
    /// Names of curves by learner.
    curves: HashSet<(String, String)>,
}

impl Points {
    pub(super) fn list(&self) -> &[Point] {
        &self.list
    }

    /// Takes an event in; `state` has taken it in already.
    pub(super) fn apply(&mut self, envelope: &Envelope, state: &RunState) {
        let now = Moment {
            at_ms: super::ms(envelope.at),
            seq: envelope.seq,
        };
        match &envelope.event {
            Event::MetricObserved {
                learner,
                metric,
                split,
                step,
                value: Some(value),
                ..
            } => self.curve(now, learner, metric, *split, &[(*step, *value)]),
            Event::CurveMeasured {
                learner,
                metric,
                split,
                points,
                ..
            } => self.curve(now, learner, metric, *split, points),
            Event::LearnerFinished {
                learner,
                fit_seconds,
                cv,
                ..
            } => {
                let slot = Slot::Learner(learner.clone());
                self.figure(now, &slot, "fit_seconds", *fit_seconds);
                for (metric, summary) in cv {
                    self.figure(now, &slot, &format!("cv/{metric}"), summary.mean);
                    self.figure(now, &slot, &format!("cv/{metric}_low"), summary.low);
                    self.figure(now, &slot, &format!("cv/{metric}_high"), summary.high);
                    // The mean over held-out folds is the `valid` figure, unless that name is a
                    // curve, whose points are of one fold.
                    let name = format!("valid/{metric}");
                    if !self.curves.contains(&(learner.clone(), name.clone())) {
                        self.figure(now, &slot, &name, summary.mean);
                    }
                }
            }
            Event::TestMeasured(measured) => {
                let slot = Slot::Learner(measured.learner.clone());
                self.test(now, &slot, &measured.test);
                if state.selected.as_deref() == Some(&measured.learner) {
                    self.test(now, &Slot::Parent, &measured.test);
                }
            }
            Event::ModelSelected { learner, .. } => {
                let known = state.learner.get(learner);
                for (metric, summary) in known.iter().flat_map(|l| &l.cv) {
                    self.figure(now, &Slot::Parent, &format!("cv/{metric}"), summary.mean);
                    self.figure(now, &Slot::Parent, &format!("valid/{metric}"), summary.mean);
                }
            }
            Event::DataIngested {
                rows,
                kept,
                quarantined,
                train_rows,
                test_rows,
                features,
                ..
            } => {
                for (name, value) in [
                    ("data/rows", rows),
                    ("data/kept", kept),
                    ("data/quarantined", quarantined),
                    ("data/train_rows", train_rows),
                    ("data/test_rows", test_rows),
                    ("data/features", features),
                ] {
                    self.figure(now, &Slot::Parent, name, *value as f64);
                }
            }
            Event::DriftMeasured {
                column, psi, ks, ..
            } => {
                for (kind, value) in [("psi", psi), ("ks", ks)] {
                    if let Some(value) = value {
                        self.figure(
                            now,
                            &Slot::Parent,
                            &format!("drift/{column}/{kind}"),
                            *value,
                        );
                    }
                }
            }
            Event::GateEvaluated(rule) => {
                if let Some(observed) = rule.observed {
                    self.figure(now, &Slot::Parent, &format!("gate/{}", rule.rule), observed);
                }
            }
            Event::StageFinished { seconds, .. } => {
                let Some(stage) = envelope.stage else { return };
                self.figure(
                    now,
                    &Slot::Parent,
                    &format!("stage/{stage}/seconds"),
                    *seconds,
                );
                if stage == StageName::DataValidation {
                    let drifted = state
                        .drift
                        .iter()
                        .filter(|d| d.verdict == crate::events::DriftVerdict::Drift)
                        .count();
                    if !state.drift.is_empty() {
                        self.figure(now, &Slot::Parent, "drift/columns_drifted", drifted as f64);
                    }
                    let problems = state.problems.len() as f64;
                    self.figure(now, &Slot::Parent, "checks/not_ok", problems);
                }
            }
            _ => {}
        }
    }

    fn curve(
        &mut self,
        now: Moment,
        learner: &str,
        metric: &str,
        split: Split,
        points: &[(u32, f64)],
    ) {
        let slot = Slot::Learner(learner.to_owned());
        let name = format!("{}/{metric}", split_word(split));
        self.curves.insert((learner.to_owned(), name.clone()));
        for (step, value) in points {
            let step = i64::from(*step);
            let known = (slot.clone(), name.clone(), step, value.to_bits());
            if value.is_finite() && self.seen.insert(known) {
                self.push(now, &slot, &name, *value, step);
            }
        }
    }

    fn test(&mut self, now: Moment, slot: &Slot, test: &TestMetrics) {
        let figures = [
            ("accuracy", Some(test.accuracy)),
            ("precision", test.precision),
            ("recall", test.recall),
            ("f1", test.f1),
            ("macro_f1", Some(test.macro_f1)),
            ("weighted_f1", Some(test.weighted_f1)),
            ("roc_auc", test.roc_auc),
            ("pr_auc", test.pr_auc),
            ("log_loss", test.log_loss),
            ("brier", test.brier),
        ];
        for (metric, value) in figures {
            if let Some(value) = value {
                self.figure(now, slot, &format!("test/{metric}"), value);
            }
        }
        self.figure(now, slot, "test/rows", test.n as f64);
    }

    /// A single figure. Said again with the same value it is nothing new; with another value it
    /// is the next step, so that the server shows the last one.
    fn figure(&mut self, now: Moment, slot: &Slot, name: &str, value: f64) {
        if !value.is_finite() {
            return;
        }
        let known = self
            .figures
            .entry((slot.clone(), name.to_owned()))
            .or_insert((0, 0));
        if known.1 > 0 && known.0 == value.to_bits() {
            return;
        }
        let step = known.1;
        *known = (value.to_bits(), step + 1);
        self.push(now, slot, name, value, step);
    }

    fn push(&mut self, now: Moment, slot: &Slot, name: &str, value: f64, step: i64) {
        self.list.push(Point {
            slot: slot.clone(),
            name: name.to_owned(),
            value,
            step,
            at_ms: now.at_ms,
            seq: now.seq,
        });
    }
}

#[derive(Clone, Copy)]
struct Moment {
    at_ms: i64,
    seq: u64,
}

fn split_word(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Valid => "valid",
        Split::Test => "test",
    }
}
