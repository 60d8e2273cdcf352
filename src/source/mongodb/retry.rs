//! Waiting for a server that went away, but not for ever.

use std::time::{Duration, Instant};

use super::MongoError;
use crate::learners::{FitControl, StopRequest};
use crate::source::error::SourceError;

/// The pauses between attempts. Together with the time each attempt looks for a server they
/// outlast an election and the restart of a server.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(4),
];
/// How often the operator's wish is looked for.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Counts failed attempts in a row.
pub(super) struct Patience<'a> {
    control: &'a FitControl,
    failures: usize,
}

impl<'a> Patience<'a> {
    pub fn new(control: &'a FitControl) -> Self {
        Self {
            control,
            failures: 0,
        }
    }

    /// Something worked again.
    pub fn renew(&mut self) {
        self.failures = 0;
    }

    /// Waits before the next attempt, or gives up with the error.
    pub fn wait(&mut self, error: MongoError, notice: &dyn Fn(String)) -> Result<(), SourceError> {
        let Some(pause) = PAUSES.get(self.failures) else {
            return Err(error.into());
        };
        self.failures += 1;
        tracing::warn!(%error, attempt = self.failures, "trying again");
        if self.failures == 1 {
            notice(format!("{error}; trying again"));
        }
        let begun = Instant::now();
        while begun.elapsed() < *pause {
            check(self.control)?;
            std::thread::sleep(TICK.min(*pause));
        }
        Ok(())
    }
}

/// Ends when the operator cancelled.
pub(super) fn check(control: &FitControl) -> Result<(), SourceError> {
    match control.stop() {
        StopRequest::Now => Err(SourceError::Cancelled),
        StopRequest::None | StopRequest::AfterRound => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mongodb::Problem;

    fn error() -> MongoError {
        MongoError {
            doing: "reading d.c".to_owned(),
            server: "mongodb://h/".to_owned(),
            problem: Problem::NotPrimary,
        }
    }

    #[test]
    fn a_cancelled_wait_ends() {
        let control = FitControl::new();
        control.request(StopRequest::Now);
        let mut patience = Patience::new(&control);
        assert!(matches!(
            patience.wait(error(), &|_| {}),
            Err(SourceError::Cancelled)
        ));
    }

    #[test]
    fn patience_ends_and_is_renewed_by_progress() {
        let control = FitControl::new();
        let mut patience = Patience {
            control: &control,
            failures: PAUSES.len(),
        };
        assert!(matches!(
            patience.wait(error(), &|_| {}),
            Err(SourceError::Mongo(_))
        ));
        patience.renew();
        let said = std::cell::Cell::new(0);
        patience
            .wait(error(), &|_| said.set(said.get() + 1))
            .unwrap();
        assert_eq!(said.get(), 1);
    }
}
