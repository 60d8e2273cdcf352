//! When a failed call is tried again, as pure decisions: exponential backoff with jitter, the
//! server's Retry-After honoured and bounded, and a breaker that stops asking a dead server.

use std::future::Future;
use std::time::{Duration, Instant};

use super::error::{Class, MlflowError, Problem};

/// How often and how fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Tries at most, the first one included.
    pub tries: u32,
    /// The longest first pause.
    pub first: Duration,
    /// The longest pause, also against what the server asks for.
    pub longest: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tries: 5,
            first: Duration::from_millis(250),
            longest: Duration::from_secs(60),
        }
    }
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// Try again after a pause.
    Again(Duration),
    /// Give up.
    GiveUp,
}

impl Policy {
    /// What follows after `tries` tries have failed, the last one with `problem`. `jitter` is a
    /// random number in 0 to 1: with it, many clients of one server do not come back together.
    pub fn next(&self, tries: u32, problem: &Problem, jitter: f64) -> Decision {
        if tries >= self.tries || problem.class() != Class::Transient {
            return Decision::GiveUp;
        }
        let doubled = 1u32
            .checked_shl(tries.saturating_sub(1).min(31))
            .unwrap_or(1);
        let ceiling = self.first.saturating_mul(doubled).min(self.longest);
        // Between half and the whole: never at once, never all together.
        let pause = ceiling.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        let asked = problem.retry_after().unwrap_or_default();
        Decision::Again(pause.max(asked).min(self.longest))
    }
}

/// Makes a call until it succeeds or the policy gives up. Only for calls whose repetition has the
/// effect of one ([`super::Endpoint::repeatable`]).
pub async fn retrying<T, F, Fut>(policy: Policy, mut call: F) -> Result<T, MlflowError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, MlflowError>>,
{
    let mut tries = 0;
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        tries += 1;
        match policy.next(tries, &error.problem, rand::random()) {
            Decision::Again(pause) => tokio::time::sleep(pause).await,
            Decision::GiveUp => return Err(error),
        }
    }
}

/// Stops asking a server that does not answer. Closed: ask. Open: do not ask until a time. Then
/// one call is let through, and its result decides.
#[derive(Clone, Debug)]
pub struct Breaker {
    /// Failures in a row that open it.
    threshold: u32,
    /// How long it stays open first; doubled each time up to `longest`.
    first: Duration,
    longest: Duration,
    failures: u32,
    opened: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(threshold: u32, first: Duration, longest: Duration) -> Self {
        Self {
            threshold: threshold.max(1),
            first,
            longest,
            failures: 0,
            opened: 0,
            open_until: None,
        }
    }

    /// How long not to ask; none: ask.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        self.open_until
            .map(|until| until.saturating_duration_since(now))
            .filter(|left| !left.is_zero())
    }

    /// Takes the result of a call. What the server refused in good health counts as an answer.
    pub fn record(&mut self, problem: Option<&Problem>, now: Instant) {
        let failed =
            problem.is_some_and(|p| matches!(p.class(), Class::Transient | Class::Blocked));
        if !failed {
            self.failures = 0;
            self.opened = 0;
            self.open_until = None;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let half_open = self.open_until.is_some_and(|until| until <= now);
        if self.failures < self.threshold && !half_open {
            return;
        }
        let doubled = 1u32.checked_shl(self.opened.min(16)).unwrap_or(1);
        let asked = problem.and_then(Problem::retry_after).unwrap_or_default();
        let pause = self
            .first
            .saturating_mul(doubled)
            .max(asked)
            .min(self.longest);
        self.opened = self.opened.saturating_add(1);
        self.open_until = Some(now + pause);
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(4, Duration::from_secs(5), Duration::from_secs(300))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOWN: Problem = Problem::Interrupted;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let policy = Policy::default();
        let again = |p: &Problem| matches!(policy.next(1, p, 0.5), Decision::Again(_));
        assert!(again(&DOWN));
        assert!(again(&Problem::RateLimited { retry_after: None }));
        for stays in [
            Problem::Invalid {
                said: String::new(),
            },
            Problem::Unauthorized {
                said: String::new(),
                sent: true,
            },
            Problem::Unsupported { status: 404 },
            Problem::NotMlflow { saw: String::new() },
            Problem::Redirected { to: String::new() },
        ] {
            assert!(!again(&stays), "{stays}");
        }
        assert_eq!(policy.next(policy.tries, &DOWN, 0.5), Decision::GiveUp);
    }

    #[test]
    fn retry_after_is_honoured_and_bounded() {
        let policy = Policy::default();
        let asked = |s| Problem::RateLimited {
            retry_after: Some(Duration::from_secs(s)),
        };
        assert_eq!(
            policy.next(1, &asked(7), 0.0),
            Decision::Again(Duration::from_secs(7))
        );
        assert_eq!(
            policy.next(1, &asked(86_400), 0.0),
            Decision::Again(policy.longest)
        );
        assert_eq!(
            policy.next(1, &asked(0), 1.0),
            Decision::Again(policy.first)
        );
    }

    #[test]
    fn the_breaker_opens_lets_one_through_and_closes() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut b = Breaker::new(2, Duration::from_secs(10), Duration::from_secs(30));
        b.record(Some(&DOWN), at(0));
        assert_eq!(b.wait(at(0)), None);
        b.record(Some(&DOWN), at(0));
        assert_eq!(b.wait(at(4)), Some(Duration::from_secs(6)));
        assert_eq!(b.wait(at(10)), None);
        // The one let through fails: open again, for longer, at most as long as allowed.
        b.record(Some(&DOWN), at(10));
        assert_eq!(b.wait(at(10)), Some(Duration::from_secs(20)));
        b.record(Some(&DOWN), at(30));
        assert_eq!(b.wait(at(30)), Some(Duration::from_secs(30)));
        // A refusal is an answer.
        b.record(
            Some(&Problem::Invalid {
                said: String::new(),
            }),
            at(61),
        );
        assert_eq!(b.wait(at(61)), None);
        b.record(Some(&DOWN), at(62));
        assert_eq!(b.wait(at(62)), None);
    }

    proptest! {
        #[test]
        fn pauses_grow_and_stay_bounded(tries in 1u32..200, a in 0.0f64..1.0, b in 0.0f64..1.0) {
            let policy = Policy { tries: u32::MAX, ..Policy::default() };
            let pause = |tries, jitter| match policy.next(tries, &DOWN, jitter) {
                Decision::Again(pause) => pause,
                Decision::GiveUp => Duration::MAX,
            };
            prop_assert!(pause(tries, a) <= policy.longest);
            prop_assert!(pause(tries, 0.0) >= policy.first / 2);
            // The shortest pause of a later try is no shorter than half the longest of this one.
            prop_assert!(pause(tries + 1, a) * 2 >= pause(tries, b));
        }
    }
}
