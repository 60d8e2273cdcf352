//! A run scrubbed like a recording: its log up to a moment, through the same fold as live.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::events::{Envelope, Event, RunState};

/// Parts of a recording that one step goes.
const STEPS: i64 = 50;

/// Where a replay stands: how many events of the log are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Events shown, at least 1 when there are any.
    pub shown: usize,
}

impl Replay {
    /// The beginning of a recording.
    pub fn start(events: &[Arc<Envelope>]) -> Self {
        Self {
            shown: events.len().min(1),
        }
    }
    /// Goes on or back by a fiftieth of the recording's time, at least one event.
    pub fn step(self, events: &[Arc<Envelope>], forward: bool) -> Self {
        let Some((first, last, now)) = self.times(events) else {
            return self;
        };
        let step = ((last - first) / STEPS as i32).max(chrono::Duration::milliseconds(1));
        let shown = if forward {
            let to = now + step;
            events.partition_point(|e| e.at <= to).max(self.shown + 1)
        } else {
            let to = now - step;
            events
                .partition_point(|e| e.at <= to)
                .min(self.shown.saturating_sub(1))
        };
        Self {
            shown: shown.clamp(1, events.len()),
        }
    }
    /// Goes to the next or former beginning of a stage, or to the end.
    pub fn stage(self, events: &[Arc<Envelope>], forward: bool) -> Self {
        let begins = |e: &Arc<Envelope>| {
            matches!(
                e.event,
                Event::StageStarted { .. } | Event::StageReused { .. }
            )
        };
        let shown = if forward {
            events[self.shown.min(events.len())..]
                .iter()
                .position(begins)
                .map_or(events.len(), |at| self.shown + at + 1)
        } else {
            events[..self.shown.saturating_sub(1)]
                .iter()
                .rposition(begins)
                .map_or(1, |at| at + 1)
        };
        Self {
            shown: shown.clamp(events.len().min(1), events.len()),
        }
    }
    /// The state of the run at this moment.
    pub fn state(self, events: &[Arc<Envelope>]) -> RunState {
        RunState::replay(events.iter().take(self.shown).map(Arc::as_ref))
    }
    /// The moment, and the share of the recording's time before it.
    pub fn moment(self, events: &[Arc<Envelope>]) -> Option<(DateTime<Utc>, f64)> {
        let (first, last, now) = self.times(events)?;
        let all = (last - first).num_milliseconds();
        let share = if all > 0 {
            (now - first).num_milliseconds() as f64 / all as f64
        } else {
            1.0
        };
        Some((now, share.clamp(0.0, 1.0)))
    }
    fn times(
        self,
        events: &[Arc<Envelope>],
    ) -> Option<(DateTime<Utc>, DateTime<Utc>, DateTime<Utc>)> {
        let now = events.get(self.shown.checked_sub(1)?)?;
        Some((events.first()?.at, events.last()?.at, now.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::testing::whole_run;
    use crate::events::testing::any_log;
    use proptest::prelude::*;

    fn recording(events: Vec<Envelope>) -> Vec<Arc<Envelope>> {
        events.into_iter().map(Arc::new).collect()
    }

    #[test]
    fn steps_lead_from_the_beginning_to_the_live_state_and_back() {
        let events = recording(whole_run());
        let mut replay = Replay::start(&events);
        let mut steps = 0;
        while replay.shown < events.len() {
            let next = replay.step(&events, true);
            assert!(next.shown > replay.shown);
            replay = next;
            steps += 1;
        }
        assert!(steps >= 10, "{steps}");
        assert_eq!(
            replay.state(&events),
            RunState::replay(events.iter().map(Arc::as_ref))
        );
        assert_eq!(replay.moment(&events).unwrap().1, 1.0);
        while replay.shown > 1 {
            replay = replay.step(&events, false);
        }
        assert_eq!(replay, Replay::start(&events));
    }

    #[test]
    fn stages_are_marks() {
        let events = recording(whole_run());
        let mut replay = Replay::start(&events);
        let mut seen = Vec::new();
        while replay.shown < events.len() {
            replay = replay.stage(&events, true);
            seen.push(replay.shown);
        }
        assert_eq!(seen.len(), 7, "six stages and the end: {seen:?}");
        for mark in seen.iter().rev().skip(1) {
            replay = replay.stage(&events, false);
            assert_eq!(replay.shown, *mark);
        }
    }

    proptest! {
        #[test]
        fn any_log_can_be_scrubbed(log in any_log(40), ways in prop::collection::vec(0u8..4, 0..60)) {
            let log = recording(log);
            let mut replay = Replay::start(&log);
            for way in ways {
                replay = match way {
                    0 => replay.step(&log, true),
                    1 => replay.step(&log, false),
                    2 => replay.stage(&log, true),
                    _ => replay.stage(&log, false),
                };
                prop_assert!(replay.shown <= log.len());
                drop(replay.state(&log));
            }
        }
    }
}
