//! What happened while the person was away: where they left off, and what is new since.
//!
//! News are found once, when somebody comes, and stay until they are marked as read or the person
//! has been away again; what happens while somebody looks on is on the screen anyway.

use chrono::{DateTime, TimeDelta, Utc};

use super::desk::Desk;
use super::model::RunRow;
use crate::presence::{LastSeen, News, Snapshot, news};

/// Without a key for this long nobody is there, and nothing counts as seen.
const PRESENT: TimeDelta = TimeDelta::minutes(5);
/// Whoever presses a key after this long comes back.
const AWAY: TimeDelta = TimeDelta::minutes(30);

/// The state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Away {
    /// Where the person left off; `None` until it was read.
    before: Option<LastSeen>,
    /// Whether the news since then were found.
    found: bool,
    /// What is new.
    pub news: News,
    /// When the last key was pressed.
    key_at: Option<DateTime<Utc>>,
}

/// How things stand, as far as everything was read.
fn snapshot(runs: Option<&[RunRow]>, desk: &Desk) -> Option<Snapshot> {
    use crate::presence::SeenRun;
    let (runs, decisions) = (runs?, desk.decisions.clone()?);
    let row = |r: &RunRow| {
        let seen = SeenRun {
            seq: r.seq,
            outcome: r.outcome,
        };
        (r.id.clone(), seen, r.by.clone())
    };
    let drift = runs.iter().find(|r| !r.drift.is_empty());
    Some(Snapshot {
        runs: runs.iter().map(row).collect(),
        decisions,
        drift: drift.map(|r| (r.id.clone(), r.drift.as_ref().clone())),
    })
}

impl Away {
    /// Takes in where the person left off.
    pub fn left_off(&mut self, before: LastSeen) {
        self.before = Some(before);
        self.found = false;
    }

    /// Finds the news, once everything was read.
    pub fn find(&mut self, runs: Option<&[RunRow]>, desk: &Desk) {
        if self.found {
            return;
        }
        if let (Some(before), Some(now)) = (&self.before, snapshot(runs, desk)) {
            self.news = news(before, &now);
            self.found = true;
        }
    }

    /// A key was pressed: somebody is there. Whoever was away for long has news again.
    pub fn key(&mut self, now: DateTime<Utc>, runs: Option<&[RunRow]>, desk: &Desk) {
        let away = self.key_at.is_some_and(|at| now - at > AWAY);
        self.key_at = Some(now);
        if away && self.found {
            self.found = false;
            self.find(runs, desk);
        }
    }

    /// What the person has seen by now; nothing while nobody is there or not all was read.
    pub fn seen(
        &mut self,
        now: DateTime<Utc>,
        runs: Option<&[RunRow]>,
        desk: &Desk,
    ) -> Option<LastSeen> {
        let present = self.key_at.is_some_and(|at| now - at <= PRESENT);
        if !present || !self.found {
            return None;
        }
        let seen = snapshot(runs, desk)?.seen(now);
        // News that are shown stay: only what comes next is compared with this.
        self.before = Some(seen.clone());
        Some(seen)
    }

    /// Everything new was read.
    pub fn mark_read(&mut self) {
        self.news = News::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::testing::{rows, start};

    fn desk() -> Desk {
        Desk {
            decisions: Some(vec![(1, "v1 approved by mara".into())]),
            ..Desk::default()
        }
    }

    #[test]
    fn news_are_found_once_all_was_read_and_stay_until_marked() {
        let all = rows();
        let mut away = Away::default();
        away.find(Some(&all), &desk());
        assert!(
            away.news.is_empty(),
            "where the person left off is not known yet"
        );
        let before = snapshot(
            Some(&all[2..]),
            &Desk {
                decisions: Some(vec![]),
                ..Desk::default()
            },
        );
        away.left_off(before.unwrap().seen(start()));
        away.find(None, &desk());
        assert!(away.news.is_empty(), "the runs were not read yet");
        away.find(Some(&all), &desk());
        assert_eq!(away.news.ended.len(), 1);
        assert_eq!(away.news.started.len(), 1);
        assert_eq!(away.news.decided, ["v1 approved by mara"]);
        away.mark_read();
        away.find(Some(&all), &desk());
        assert!(away.news.is_empty());
    }

    #[test]
    fn whoever_comes_back_after_a_while_has_news_again_and_nobody_there_sees_nothing() {
        let all = rows();
        let mut away = Away::default();
        away.left_off(snapshot(Some(&all[1..]), &desk()).unwrap().seen(start()));
        assert_eq!(away.seen(start(), Some(&all), &desk()), None, "no key yet");
        away.key(start(), Some(&all), &desk());
        assert_eq!(
            away.seen(start(), Some(&all[1..]), &desk()),
            None,
            "not compared yet"
        );
        away.find(Some(&all[1..]), &desk());
        assert!(away.seen(start(), Some(&all[1..]), &desk()).is_some());
        let later = start() + TimeDelta::hours(2);
        assert_eq!(
            away.seen(later, Some(&all), &desk()),
            None,
            "nobody is there"
        );
        away.key(later, Some(&all), &desk());
        assert_eq!(away.news.started.len(), 1, "the run that began meanwhile");
    }
}
