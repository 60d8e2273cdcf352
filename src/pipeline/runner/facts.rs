//! Listening to a stage: what it says goes to the log, and what matters afterwards is kept.

use std::sync::{Mutex, PoisonError};

use crate::events::{Event, StageName};
use crate::pipeline::Recorder;

/// Passes events on and keeps those that describe the result.
pub(super) struct FactKeeper<'a> {
    log: &'a dyn Recorder,
    facts: Mutex<Vec<Event>>,
}

impl<'a> FactKeeper<'a> {
    pub(super) fn new(log: &'a dyn Recorder) -> Self {
        Self {
            log,
            facts: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn into_facts(self) -> Vec<Event> {
        self.facts
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for FactKeeper<'_> {
    fn record(&self, stage: StageName, event: Event) {
        if is_fact(&event) {
            self.facts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(event.clone());
        }
        self.log.record(stage, event);
    }
}

/// Whether an event is about the result; the others are about the work or the run.
fn is_fact(event: &Event) -> bool {
    match event {
        Event::DataIngested { .. }
        | Event::CheckFinished { .. }
        | Event::DriftMeasured { .. }
        | Event::LearnerFinished { .. }
        | Event::LearnerFailed { .. }
        | Event::ModelSelected { .. }
        | Event::TestMeasured(_)
        | Event::GateEvaluated(_)
        | Event::GateDecided { .. }
        | Event::ApprovalRequested { .. }
        | Event::Warning { .. } => true,
        Event::RunStarted { .. }
        | Event::StageStarted { .. }
        | Event::StageReused { .. }
        | Event::StageFinished { .. }
        | Event::StageFailed { .. }
        | Event::RowsRead { .. }
        | Event::FitStarted { .. }
        | Event::TrainingProgress { .. }
        | Event::MetricObserved { .. }
        | Event::CurveMeasured { .. }
        | Event::ApprovalDecided { .. }
        | Event::PushStepFinished { .. }
        | Event::Heartbeat { .. }
        | Event::ControlReceived { .. }
        | Event::LeaseTaken { .. }
        | Event::RunFinished { .. }
        | Event::Unknown => false,
    }
}
