//! The link between the console and the terminal: bytes, frames and how long writing them took.
//! A write that takes long means that the other side cannot keep up, be it SSH over a bad line or
//! a terminal that is stopped; after the second the console draws less.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// A write that takes longer has stalled.
pub const STALL: Duration = Duration::from_millis(100);
/// Stalls within [`WINDOW`] after which the console draws less.
const PATIENCE: usize = 2;
/// How long a stall counts.
const WINDOW: TimeDelta = TimeDelta::minutes(1);
/// Over how long the rate is measured.
const RATE: TimeDelta = TimeDelta::seconds(10);

/// What has been sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// When the first frame was sent.
    pub since: Option<DateTime<Utc>>,
    /// Frames.
    pub frames: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Bytes of the largest.
    pub largest: usize,
    /// Writes that stalled.
    pub stalls: u64,
    /// The longest write.
    pub longest: Duration,
    /// Whether the console draws less because of stalls.
    pub slow: bool,
    recent: VecDeque<(DateTime<Utc>, usize)>,
    stalled: VecDeque<DateTime<Utc>>,
}

impl Link {
    /// A frame was sent. Returns whether this is the moment to draw less from now on.
    pub fn frame(&mut self, bytes: usize, took: Duration, at: DateTime<Utc>) -> bool {
        self.since.get_or_insert(at);
        self.frames += 1;
        self.bytes += bytes as u64;
        self.largest = self.largest.max(bytes);
        self.longest = self.longest.max(took);
        self.recent.push_back((at, bytes));
        while self.recent.front().is_some_and(|(t, _)| at - *t > RATE) {
            self.recent.pop_front();
        }
        if took <= STALL {
            return false;
        }
        self.stalls += 1;
        self.stalled.push_back(at);
        while self.stalled.front().is_some_and(|t| at - *t > WINDOW) {
            self.stalled.pop_front();
        }
        let enough = !self.slow && self.stalled.len() >= PATIENCE;
        self.slow |= enough;
        enough
    }

    /// Bytes a second over the last ten seconds.
    pub fn rate(&self, now: DateTime<Utc>) -> f64 {
        let recent = self.recent.iter().filter(|(t, _)| now - *t <= RATE);
        recent.map(|(_, bytes)| *bytes as f64).sum::<f64>() / RATE.num_seconds() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn the_second_stall_within_a_minute_slows_once() {
        let mut link = Link::default();
        let (fast, slow) = (Duration::from_millis(2), Duration::from_millis(140));
        assert!(!link.frame(100, slow, at(0)));
        assert!(!link.frame(100, fast, at(30)));
        assert!(!link.frame(100, slow, at(70)), "the first is forgotten");
        assert!(link.frame(100, slow, at(80)));
        assert!(!link.frame(100, slow, at(81)), "only once");
        assert_eq!((link.stalls, link.frames, link.slow), (4, 5, true));
        assert_eq!(link.longest, slow);
    }

    #[test]
    fn the_rate_is_of_the_last_ten_seconds() {
        let mut link = Link::default();
        link.frame(6_000, Duration::ZERO, at(0));
        link.frame(200, Duration::ZERO, at(15));
        link.frame(300, Duration::ZERO, at(20));
        assert_eq!(link.rate(at(20)), 50.0);
        assert_eq!(link.rate(at(60)), 0.0);
        assert_eq!((link.bytes, link.largest), (6_500, 6_000));
    }
}
