//! The run log: typed events, the one writer, the many readers, and the fold.
//!
//! A stage never prints and never knows who watches; it records events. Everything a viewer,
//! a test or a tracking server learns about a run, it learns from this log.

mod event;
mod follow;
mod notified;
mod reader;
mod recorder;
mod run_state;
mod sentence;
mod stage_name;

pub use event::{
    Actor, ArtifactRef, CheckVerdict, ControlCommand, DriftFigure, DriftVerdict, Envelope, Event,
    FitPhase, GateVerdict, LearnerTest, Outcome, RuleResult, Split, Summary,
};
pub use follow::{FollowStop, LogFollower};
pub use notified::changes_are_told;
pub use reader::{Damage, LogReader, ReadLine};
pub use recorder::{LogRecorder, RecordError};
pub use run_state::{LearnerState, MeasuredDrift, RunState, StageState, StageStatus};
pub(crate) use sentence::drift_figure;
pub use stage_name::StageName;

#[cfg(test)]
pub(crate) mod testing;
