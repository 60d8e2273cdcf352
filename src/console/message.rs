//! Everything that can happen to the console. The loop turns the outside world into these, and
//! nothing else reaches the model.

use crossterm::event::KeyEvent;

use super::jobs::{Done, JobKey};
use crate::error::ErrorReport;
use crate::events::{Envelope, Outcome};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Message {
    /// A key was pressed or repeats.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has a new size.
    Resize(u16, u16),
    /// Events of the run that is followed.
    RunEvents {
        /// Which following this belongs to; older ones are dropped.
        generation: u64,
        /// New events, in order.
        events: Vec<Envelope>,
        /// How the run stands by its lock and its log.
        outcome: Outcome,
    },
    /// The run that is followed cannot be read.
    FollowFailed {
        /// Which following this belongs to.
        generation: u64,
        /// Why.
        error: ErrorReport,
    },
    /// Something changed among the runs, the journal or the champion.
    WorkspaceChanged,
    /// A job came back.
    JobDone {
        /// Its kind.
        key: JobKey,
        /// Its number; stale ones are dropped.
        generation: u64,
        /// What it brought.
        result: Result<Done, ErrorReport>,
    },
    /// The process was continued after a stop; the screen may show anything.
    Continued,
}
