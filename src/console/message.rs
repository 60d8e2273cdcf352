//! Everything that can happen to the console. The loop turns the outside world into these, and
//! nothing else reaches the model.

use std::time::Duration;

use chrono::{DateTime, Utc};
use crossterm::event::{KeyEvent, MouseEvent};

use super::commands::Command;
use super::jobs::{Done, JobKey};
use crate::error::ErrorReport;
use crate::events::ReadLine;

/// One thing that happened.
#[allow(
    clippy::large_enum_variant,
    reason = "messages are moved one by one and never kept; a box would only cost"
)]
#[derive(Clone, Debug)]
pub enum Message {
    /// A key was pressed or repeats.
    Key(KeyEvent),
    /// The mouse did something; only when it was asked for.
    Mouse(MouseEvent),
    /// A command of the table was chosen by name or number, not by a key.
    Command(Command),
    /// A frame was sent to the terminal.
    Frame {
        /// Its bytes.
        bytes: usize,
        /// How long writing it took.
        took: Duration,
    },
    /// Text was pasted.
    Paste(String),
    /// The terminal has a new size.
    Resize(u16, u16),
    /// Events of the run that is followed.
    RunEvents {
        /// Which following this belongs to; older ones are dropped.
        generation: u64,
        /// What was read, in order.
        lines: Vec<ReadLine>,
        /// Whether a worker holds the run's lock, or more of the log is still to be read.
        alive: bool,
        /// When the run was made.
        created_at: Option<DateTime<Utc>>,
    },
    /// The run that is followed cannot be read.
    FollowFailed {
        /// Which following this belongs to.
        generation: u64,
        /// Why.
        error: ErrorReport,
    },
    /// Another minute has gone by.
    Minute,
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
    /// The process was asked to stop, and nobody could continue it.
    NoShell,
    /// Time to look again at work that takes long.
    Look,
    /// The process was continued after a stop; the screen may show anything.
    Continued,
}
