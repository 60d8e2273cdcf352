//! What the viewers of a run hear of a learner's fits: starts, progress, curves, at a measured
//! pace.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::events::{Event, FitPhase, Split, StageName};
use crate::learners::{LearnerId, Progress};
use crate::pipeline::Recorder;

/// Events a learner may send a second, on average.
const A_SECOND: f64 = 20.0;
/// Events a learner may send at once, so that a quick fit still draws a curve.
const AT_ONCE: f64 = 40.0;
/// Points of a curve that is told as a whole.
const CURVE_POINTS: usize = 100;

/// Tokens that grow with time: an event costs one.
#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

/// Sends the events of one learner's fits, which may run at the same time.
pub struct Announcer<'a> {
    recorder: &'a dyn Recorder,
    learner: LearnerId,
    allowance: Mutex<Allowance>,
    curves: Mutex<BTreeMap<(&'static str, Split), Curve>>,
}

/// A curve as it grows.
#[derive(Debug, Default)]
struct Curve {
    n: u64,
    points: Vec<(u32, f64)>,
}

/// Rows behind the metrics of a fit.
#[derive(Clone, Copy, Debug)]
pub struct RowCounts {
    /// Rows fitted on.
    pub train: u64,
    /// Rows watched.
    pub valid: u64,
}

impl<'a> Announcer<'a> {
    /// An announcer for a learner.
    pub fn new(recorder: &'a dyn Recorder, learner: LearnerId) -> Self {
        Self {
            recorder,
            learner,
            allowance: Mutex::new(Allowance {
                left: AT_ONCE,
                at: Instant::now(),
            }),
            curves: Mutex::new(BTreeMap::new()),
        }
    }
    /// A fit begins.
    pub fn started(&self, phase: FitPhase, of: u32) {
        self.send(Event::FitStarted {
            learner: self.learner.to_string(),
            phase,
            of,
        });
    }
    /// A round is done. The last round is always told; others when the allowance lets them.
    /// Curves come from the first fold alone: those of several folds would be drawn as one.
    pub fn progress(&self, phase: FitPhase, progress: &Progress, rows: RowCounts) {
        let curves = draws_curves(phase);
        if curves {
            self.remember(progress, rows);
        }
        let metrics = if curves {
            progress.train.len() + progress.valid.len()
        } else {
            0
        };
        let last = progress.round >= progress.of;
        if !self.may_send(1 + metrics, last) {
            return;
        }
        self.send(Event::TrainingProgress {
            learner: self.learner.to_string(),
            phase,
            round: progress.round,
            of: progress.of,
        });
        if curves {
            for (split, n, values) in [
                (Split::Train, rows.train, &progress.train),
                (Split::Valid, rows.valid, &progress.valid),
            ] {
                for &(metric, value) in values {
                    let defined = value.is_finite();
                    self.send(Event::MetricObserved {
                        learner: self.learner.to_string(),
                        metric: metric.to_owned(),
                        split,
                        step: progress.round,
                        value: defined.then_some(value),
                        n,
                        reason: (!defined).then(|| "not a finite number".to_owned()),
                    });
                }
            }
        }
    }
    /// A fit has ended: its curves are told as a whole.
    pub fn finished(&self, phase: FitPhase) {
        if !draws_curves(phase) {
            return;
        }
        let curves =
            std::mem::take(&mut *self.curves.lock().unwrap_or_else(PoisonError::into_inner));
        for ((metric, split), curve) in curves {
            self.send(Event::CurveMeasured {
                learner: self.learner.to_string(),
                metric: metric.to_owned(),
                split,
                n: curve.n,
                points: thinned(curve.points),
            });
        }
    }
    fn remember(&self, progress: &Progress, rows: RowCounts) {
        let mut curves = self.curves.lock().unwrap_or_else(PoisonError::into_inner);
        for (split, n, values) in [
            (Split::Train, rows.train, &progress.train),
            (Split::Valid, rows.valid, &progress.valid),
        ] {
            for &(metric, value) in values.iter().filter(|(_, v)| v.is_finite()) {
                let curve = curves.entry((metric, split)).or_default();
                curve.n = n;
                curve.points.push((progress.round, value));
            }
        }
    }
    fn may_send(&self, events: usize, always: bool) -> bool {
        let mut allowance = self
            .allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let grown = now.duration_since(allowance.at).as_secs_f64() * A_SECOND;
        allowance.left = (allowance.left + grown).min(AT_ONCE);
        allowance.at = now;
        let cost = events as f64;
        if allowance.left < cost && !always {
            return false;
        }
        allowance.left = (allowance.left - cost).max(0.0);
        true
    }
    fn send(&self, event: Event) {
        self.recorder.record(StageName::ModelTrainer, event);
    }
}

/// Curves come from the first fold alone: those of several folds would be drawn as one.
fn draws_curves(phase: FitPhase) -> bool {
    matches!(phase, FitPhase::Fold { fold: 1, .. })
}

/// At most [`CURVE_POINTS`] of the points in order of rounds, evenly spread, the last among them.
fn thinned(mut points: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
    // Rounds of a learner that reports from several threads may arrive out of order.
    points.sort_by_key(|p| p.0);
    let n = points.len();
    if n <= CURVE_POINTS {
        return points;
    }
    (1..=CURVE_POINTS)
        .map(|i| points[i * n / CURVE_POINTS - 1])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Recording;
    use super::*;

    fn progress(round: u32, of: u32) -> Progress {
        Progress {
            round,
            of,
            train: vec![("log_loss", 0.5)],
            valid: vec![("log_loss", f64::NAN)],
        }
    }

    #[test]
    fn a_flood_is_cut_and_the_last_round_is_told() {
        let recording = Recording::default();
        let announcer = Announcer::new(&recording, LearnerId::Xgboost);
        let rows = RowCounts { train: 2, valid: 1 };
        let phase = FitPhase::Fold { fold: 1, folds: 3 };
        for round in 1..=10_000 {
            announcer.progress(phase, &progress(round, 10_000), rows);
        }
        let events = recording.events();
        assert!(events.len() < 400, "{}", events.len());
        let last = events.iter().rev().find_map(|e| match e {
            Event::TrainingProgress { round, .. } => Some(*round),
            _ => None,
        });
        assert_eq!(last, Some(10_000));
        let undefined = events.iter().any(|e| {
            matches!(
                e,
                Event::MetricObserved {
                    value: None,
                    reason: Some(_),
                    split: Split::Valid,
                    n: 1,
                    ..
                }
            )
        });
        assert!(undefined);
    }

    #[test]
    fn only_the_first_fold_draws_curves() {
        let recording = Recording::default();
        let announcer = Announcer::new(&recording, LearnerId::Xgboost);
        let rows = RowCounts { train: 2, valid: 1 };
        announcer.progress(FitPhase::Final, &progress(1, 5), rows);
        announcer.progress(FitPhase::Fold { fold: 2, folds: 3 }, &progress(1, 5), rows);
        assert_eq!(recording.events().len(), 2);
    }

    #[test]
    fn the_end_of_the_first_fold_tells_its_curve_thinned() {
        let recording = Recording::default();
        let announcer = Announcer::new(&recording, LearnerId::Xgboost);
        let rows = RowCounts { train: 2, valid: 1 };
        let phase = FitPhase::Fold { fold: 1, folds: 3 };
        for round in 1..=1_000 {
            announcer.progress(phase, &progress(round, 1_000), rows);
        }
        announcer.finished(FitPhase::Fold { fold: 2, folds: 3 });
        announcer.finished(phase);
        let curves: Vec<_> = recording
            .events()
            .into_iter()
            .filter_map(|e| match e {
                Event::CurveMeasured { split, points, .. } => Some((split, points)),
                _ => None,
            })
            .collect();
        assert_eq!(curves.len(), 1, "undefined values make no curve");
        assert_eq!(curves[0].0, Split::Train);
        assert_eq!(curves[0].1.len(), CURVE_POINTS);
        assert_eq!(curves[0].1[CURVE_POINTS - 1].0, 1_000);
    }
}
