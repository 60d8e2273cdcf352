//! When to draw: what a person did at once, what data asks for at most ten times a second.

use std::time::Duration;

use tokio::time::Instant;

/// Least time between a frame and one that only data asked for.
pub const FRAME: Duration = Duration::from_millis(100);

/// Remembers the last frame and whether a person waits for the next.
#[derive(Debug, Default)]
pub struct Pacer {
    last: Option<Instant>,
    person: bool,
    slow: bool,
}

/// When the next frame is to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Now.
    Now,
    /// Not before this moment.
    At(Instant),
    /// Nothing has changed.
    Never,
}

impl Pacer {
    /// A person did something.
    pub fn person(&mut self) {
        self.person = true;
    }
    /// Whether frames that only data asks for come half as often.
    pub fn slow(&mut self, slow: bool) {
        self.slow = slow;
    }
    fn gap(&self) -> Duration {
        if self.slow { FRAME * 2 } else { FRAME }
    }
    /// When to draw, if the screen differs from the model.
    pub fn due(&self, dirty: bool, now: Instant) -> Due {
        match self.last {
            _ if !dirty => Due::Never,
            Some(last) if !self.person && now < last + self.gap() => Due::At(last + self.gap()),
            _ => Due::Now,
        }
    }
    /// A frame was drawn, or none was needed for what the person did.
    pub fn settled(&mut self, drawn: bool, now: Instant) {
        self.person = false;
        if drawn {
            self.last = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Arrival {
        Data,
        Key,
    }

    /// The loop, with a clock of its own: returns when frames were drawn, and whether for a key.
    fn drive(arrivals: &[(u64, Arrival)], base: Instant) -> Vec<(u64, bool)> {
        let mut pacer = Pacer::default();
        let (mut dirty, mut frames) = (false, Vec::new());
        let mut queue = arrivals.iter().peekable();
        let mut now = 0;
        loop {
            let at = base + Duration::from_micros(now);
            let due = pacer.due(dirty, at);
            if due == Due::Now {
                frames.push((now, pacer.person));
                dirty = false;
            }
            pacer.settled(due == Due::Now, at);
            let next_frame = match due {
                Due::At(moment) => Some((moment - base).as_micros() as u64),
                _ => None,
            };
            let next_message = queue.peek().map(|(at, _)| (*at).max(now));
            now = match (next_frame, next_message) {
                (None, None) => return frames,
                (Some(frame), Some(message)) => frame.min(message),
                (Some(at), None) | (None, Some(at)) => at,
            };
            while let Some((_, arrival)) = queue.next_if(|(at, _)| *at <= now) {
                dirty = true;
                if matches!(arrival, Arrival::Key) {
                    pacer.person();
                }
            }
        }
    }

    #[test]
    fn data_every_millisecond_is_drawn_ten_times_a_second() {
        let arrivals: Vec<_> = (0..5_000).map(|ms| (ms * 1_000, Arrival::Data)).collect();
        let frames = drive(&arrivals, Instant::now());
        // The last one shows what came after the frame before it.
        assert_eq!(frames.len(), 51);
        assert_eq!(frames[0].0, 0);
    }

    #[test]
    fn a_slow_link_gets_half_the_frames() {
        let now = Instant::now();
        let mut pacer = Pacer::default();
        pacer.settled(true, now);
        assert_eq!(pacer.due(true, now), Due::At(now + FRAME));
        pacer.slow(true);
        assert_eq!(pacer.due(true, now), Due::At(now + FRAME * 2));
        pacer.person();
        assert_eq!(pacer.due(true, now), Due::Now, "a person never waits");
    }

    proptest! {
        #[test]
        fn keys_are_drawn_at_once_and_data_waits(
            mut arrivals in prop::collection::vec(
                (0u64..5_000_000, prop_oneof![4 => Just(Arrival::Data), 1 => Just(Arrival::Key)]), 1..300),
        ) {
            arrivals.sort_by_key(|(at, _)| *at);
            let frames = drive(&arrivals, Instant::now());
            for (at, arrival) in &arrivals {
                match arrival {
                    Arrival::Key => prop_assert!(frames.contains(&(*at, true)), "key at {at}"),
                    // No more than a tenth of a second late.
                    Arrival::Data => prop_assert!(
                        frames.iter().any(|(f, _)| f >= at && f - at <= 100_000), "data at {at}"),
                }
            }
            for pair in frames.windows(2) {
                let (before, (at, for_key)) = (pair[0].0, pair[1]);
                prop_assert!(for_key || at - before >= 100_000, "{pair:?}");
            }
        }
    }
}
