//! Where somebody left off: `Artifacts/viewers/<user>.json`, and what has happened since.
//!
//! The file is written while somebody is here and when they leave. What is new is a pure
//! comparison of two moments: the one in the file and now.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::events::Outcome;
use crate::files;
use crate::hash;
use crate::runs::RunId;
use crate::workspace::Workspace;

/// Runs that are remembered; older ones bring no news.
const RUNS: usize = 500;
/// Columns whose drift is remembered.
const COLUMNS: usize = 50;
/// A rise of the PSI below this is noise.
const RISE: f64 = 0.05;

/// A run as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRun {
    /// How far its log went.
    pub seq: u64,
    /// How it stood.
    pub outcome: Outcome,
}

/// What somebody saw last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastSeen {
    /// Version of the format, 1.
    pub v: u16,
    /// When; `None` for somebody who was never here.
    pub at: Option<DateTime<Utc>>,
    /// The runs.
    pub runs: BTreeMap<RunId, SeenRun>,
    /// Records of the journal of decisions.
    pub decisions: u64,
    /// The run whose drift was seen.
    pub drift_of: Option<RunId>,
    /// PSI by column, as far as it was defined.
    pub drift: BTreeMap<String, f64>,
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The runs: how they stand and who started them.
    pub runs: Vec<(RunId, SeenRun, String)>,
    /// Decisions in order: (number in the journal, a few words).
    pub decisions: Vec<(u64, String)>,
    /// The newest run with drift, and its PSI by column.
    pub drift: Option<(RunId, Vec<(String, f64)>)>,
}

/// What has happened since.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// Runs that ended: how.
    pub ended: Vec<(RunId, Outcome)>,
    /// Runs that began and are still at work: by whom.
    pub started: Vec<(RunId, String)>,
    /// Runs that were at work then and still are: by how many events their logs have grown.
    pub went_on: Vec<(RunId, u64)>,
    /// Decisions, in a few words each.
    pub decided: Vec<String>,
    /// The column that drifted most, before and now.
    pub drift: Option<(String, Option<f64>, f64)>,
}

impl News {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty()
            && self.started.is_empty()
            && self.went_on.is_empty()
            && self.decided.is_empty()
            && self.drift.is_none()
    }
}

impl Snapshot {
    /// What somebody who sees this has seen.
    pub fn seen(&self, at: DateTime<Utc>) -> LastSeen {
        let newest = self.runs.iter().take(RUNS);
        LastSeen {
            v: 1,
            at: Some(at),
            runs: newest.map(|(id, seen, _)| (id.clone(), *seen)).collect(),
            decisions: self.decisions.last().map_or(0, |(seq, _)| *seq),
            drift_of: self.drift.as_ref().map(|(run, _)| run.clone()),
            drift: self.drift.as_ref().map_or_else(BTreeMap::new, |(_, d)| {
                d.iter().take(COLUMNS).cloned().collect()
            }),
        }
    }
}

impl LastSeen {
    /// Where somebody left off; nothing for somebody who was never here, or whose file is damaged.
    pub fn read(workspace: &Workspace, user: &str) -> Self {
        fs::read(path(workspace, user))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Notes where somebody is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, workspace: &Workspace, user: &str) -> io::Result<()> {
        files::write_json(&path(workspace, user), self)
    }
}

/// The file of a user. Names are claims and may hold anything: only tame ones become file names.
fn path(workspace: &Workspace, user: &str) -> PathBuf {
    let tame = !user.is_empty()
        && user.len() <= 64
        && !user.starts_with('.')
        && user
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let name = if tame {
        user.to_owned()
    } else {
        // No tame name has a tilde: two people never share a file.
        let mut digest = hash::sha256(user.as_bytes());
        digest.truncate(16);
        format!("~{digest}")
    };
    let viewers = workspace.artifacts().join("viewers");
    viewers.join(format!("{name}.json"))
}

fn is_over(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Running | Outcome::Stalled)
}

/// What has happened since somebody was here. For a first visit everything would be new, which is
/// no news.
pub fn news(before: &LastSeen, now: &Snapshot) -> News {
    if before.at.is_none() {
        return News::default();
    }
    let mut found = News {
        since: before.at,
        ..News::default()
    };
    // Runs older than all that is remembered were left out, not missed.
    let oldest = before.runs.keys().next();
    for (id, seen, by) in &now.runs {
        let known = before.runs.get(id);
        if known.is_none() && oldest.is_some_and(|oldest| id < oldest) {
            continue;
        }
        let was_over = known.is_some_and(|k| is_over(k.outcome) && k.seq >= seen.seq);
        if is_over(seen.outcome) && !was_over && known.is_none_or(|k| k.outcome != seen.outcome) {
            found.ended.push((id.clone(), seen.outcome));
        } else if !is_over(seen.outcome) && known.is_none_or(|k| is_over(k.outcome)) {
            found.started.push((id.clone(), by.clone()));
        } else if let Some(known) = known.filter(|k| !is_over(seen.outcome) && k.seq < seen.seq) {
            found.went_on.push((id.clone(), seen.seq - known.seq));
        }
    }
    found.decided = now
        .decisions
        .iter()
        .filter(|(seq, _)| *seq > before.decisions)
        .map(|(_, words)| words.clone())
        .collect();
    if let Some((run, drift)) = &now.drift
        && before.drift_of.as_ref() != Some(run)
    {
        found.drift = drift
            .iter()
            .filter(|(_, psi)| psi.is_finite())
            .map(|(column, psi)| (column, before.drift.get(column).copied(), *psi))
            .filter(|(_, was, psi)| psi - was.unwrap_or(0.0) >= RISE)
            .max_by(|a, b| a.2.total_cmp(&b.2))
            .map(|(column, was, psi)| (column.clone(), was, psi));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: u16) -> RunId {
        format!("20261122-12{:02}-{n:04x}", n % 60).parse().unwrap()
    }

    fn run(n: u16, outcome: Outcome) -> (RunId, SeenRun, String) {
        (id(n), SeenRun { seq: 9, outcome }, "mara".to_owned())
    }

    fn now(runs: Vec<(RunId, SeenRun, String)>) -> Snapshot {
        Snapshot {
            runs,
            ..Snapshot::default()
        }
    }

    #[test]
    fn ended_started_decided_and_drifted() {
        let mut before = now(vec![run(3, Outcome::Running), run(2, Outcome::Finished)]);
        before.drift = Some((id(2), vec![("a".into(), 0.08), ("b".into(), 0.3)]));
        before.decisions = vec![(1, "v1 approved".into())];
        let seen = before.seen(Utc::now());
        let mut later = now(vec![
            run(5, Outcome::Running),
            run(4, Outcome::Failed),
            run(3, Outcome::Finished),
            run(2, Outcome::Finished),
            run(1, Outcome::Finished),
        ]);
        later.drift = Some((id(4), vec![("b".into(), 0.31), ("a".into(), 0.23)]));
        later.decisions = vec![(1, "v1 approved".into()), (2, "v2 rejected by jon".into())];
        let found = news(&seen, &later);
        assert_eq!(
            found.ended,
            [(id(4), Outcome::Failed), (id(3), Outcome::Finished)]
        );
        assert_eq!(found.started, [(id(5), "mara".to_owned())]);
        assert_eq!(found.decided, ["v2 rejected by jon"]);
        // The worst column did not move; the one that did is told.
        assert_eq!(found.drift, Some(("a".into(), Some(0.08), 0.23)));
    }

    #[test]
    fn a_resumed_run_is_news_again_and_a_first_visit_is_none() {
        let seen = now(vec![run(3, Outcome::Cancelled)]).seen(Utc::now());
        let mut again = run(3, Outcome::Running);
        again.1.seq = 20;
        assert_eq!(news(&seen, &now(vec![again.clone()])).started.len(), 1);
        again.1.outcome = Outcome::Finished;
        assert_eq!(news(&seen, &now(vec![again.clone()])).ended.len(), 1);
        assert!(news(&LastSeen::default(), &now(vec![again])).is_empty());
    }

    #[test]
    fn a_run_that_is_further_on_is_news_and_one_that_stands_still_is_none() {
        let before = now(vec![run(3, Outcome::Running), run(2, Outcome::Stalled)]);
        let mut later = before.clone();
        later.runs[0].1.seq += 31;
        let found = news(&before.seen(Utc::now()), &later);
        assert_eq!(found.went_on, [(id(3), 31)]);
        assert!(found.ended.is_empty() && found.started.is_empty());
    }

    #[test]
    fn a_cursor_is_written_and_read_whatever_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        let seen = now(vec![run(3, Outcome::Finished)]).seen(Utc::now());
        for user in ["mara", "../jon", "", "uid 1000", ".hidden", "m\u{f6}"] {
            assert_eq!(
                LastSeen::read(&workspace, user),
                LastSeen::default(),
                "{user:?}"
            );
            seen.write(&workspace, user).unwrap();
            assert_eq!(LastSeen::read(&workspace, user), seen, "{user:?}");
        }
        let viewers = workspace.artifacts().join("viewers");
        assert_eq!(fs::read_dir(&viewers).unwrap().count(), 6);
        fs::write(viewers.join("mara.json"), "{\"v\":1").unwrap();
        assert_eq!(LastSeen::read(&workspace, "mara"), LastSeen::default());
    }

    fn any_runs() -> impl Strategy<Value = Vec<(RunId, SeenRun, String)>> {
        let outcome = prop_oneof![
            Just(Outcome::Running),
            Just(Outcome::Finished),
            Just(Outcome::Failed),
            Just(Outcome::Stalled),
            Just(Outcome::Crashed),
        ];
        prop::collection::btree_map(0u16..30, (0u64..50, outcome), 0..12).prop_map(|runs| {
            let row = |(n, (seq, outcome))| (id(n), SeenRun { seq, outcome }, String::new());
            runs.into_iter().rev().map(row).collect()
        })
    }

    proptest! {
        /// Whoever has seen everything has no news.
        #[test]
        fn what_was_seen_is_no_news(runs in any_runs(), psi in 0.0f64..2.0) {
            let mut snapshot = now(runs);
            snapshot.drift = Some((id(1), vec![("a".into(), psi)]));
            snapshot.decisions = vec![(4, "x".into())];
            prop_assert!(news(&snapshot.seen(Utc::now()), &snapshot).is_empty());
        }

        /// A run is news once: as ended, as started or as further on.
        #[test]
        fn a_run_is_told_once(before in any_runs(), after in any_runs()) {
            let found = news(&now(before).seen(Utc::now()), &now(after));
            let mut told: Vec<&RunId> = found.ended.iter().map(|(id, _)| id)
                .chain(found.started.iter().map(|(id, _)| id))
                .chain(found.went_on.iter().map(|(id, _)| id)).collect();
            let all = told.len();
            told.sort();
            told.dedup();
            prop_assert_eq!(told.len(), all);
        }
    }
}
