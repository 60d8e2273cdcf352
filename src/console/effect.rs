//! What `update` wants done in the outside world, as data.

use std::time::Duration;

use super::jobs::{Job, JobKey};
use crate::runs::RunId;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Run a job on a blocking thread and send back its result.
    Run {
        /// Its kind.
        key: JobKey,
        /// Its number.
        generation: u64,
        /// The work.
        job: Job,
    },
    /// Follow this run's log from its beginning instead of the one followed before.
    Follow {
        /// The run.
        run: RunId,
        /// The number of this following.
        generation: u64,
    },
    /// Send `Message::Look` after this time.
    Wake(Duration),
    /// Send this to the terminal as it is; it moves no cursor and draws nothing.
    Send(Vec<u8>),
    /// Forget what is on the screen and paint everything.
    Repaint,
    /// Give the terminal back and stop, as Ctrl-Z does.
    Suspend,
}
