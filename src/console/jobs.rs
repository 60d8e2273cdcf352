//! Slow work outside the loop: which jobs there are, and who waits for whom.
//!
//! One job of a kind runs at a time and the newest that waits replaces the older one; every job
//! carries a number and a result with a stale number is dropped. This module only keeps the
//! books; `effect.rs` runs the jobs on blocking threads.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::browser::ask::{Asking, BrowseDone, BrowseJob};
use super::comparison::Pair;
use super::desk::{Desk, LeaseRow};
use super::model::{Health, PlanRow, RunRow};
use super::validation::Slicing;
use crate::config::SettingChange;
use crate::events::ControlCommand;
use crate::findings::{Acknowledgement, Findings, Slices};
use crate::pipeline::model_evaluation::CompareDocument;
use crate::presence::LastSeen;
use crate::runs::RunId;
use crate::worker::Problem;

/// A piece of slow work.
#[derive(Clone, Debug, PartialEq)]
pub enum Job {
    /// Read the list of runs.
    Runs,
    /// Read the plans that wait.
    Plans,
    /// Look at the champion and the disk.
    Health,
    /// Start a sender to the tracking server.
    Sync,
    /// Work of the Data screen.
    Browse(Asking, Box<BrowseJob>),
    /// Compare two models.
    Compare(Pair),
    /// Read what a run found out about its data.
    Findings(RunId),
    /// Look for the slices that a drift comes from.
    Slices(Slicing),
    /// Take note of a problem.
    Acknowledge {
        /// The run.
        run: RunId,
        /// The finding.
        check: String,
        /// What the person saw.
        observed: String,
        /// Why it may stay.
        note: String,
    },
    /// Read the queue.
    Desk,
    /// Start the next queued run, if none is at work.
    Drain,
    /// Look whether a retrain can start, then start or queue it.
    Start {
        /// The user's note.
        note: Option<String>,
        /// Settings that are others than in `config.toml`.
        set: Vec<SettingChange>,
        /// Whether it waits for its turn.
        queue: bool,
    },
    /// Do something with a run although somebody else has it in hand.
    TakeOver {
        /// The run.
        run: RunId,
        /// What to do.
        then: Box<Job>,
    },
    /// Take a run in hand while its plan is decided on.
    Hold(RunId),
    /// Give it back.
    LetGo(RunId),
    /// Read where somebody left off.
    LastSeen,
    /// Note where somebody is.
    Seen(Box<LastSeen>),
    /// Take a run out of the queue.
    Unqueue(String),
    /// Let a queued run and the one before it change places.
    Sooner(String),
    /// Try a queued run again that could not be started, or start the next one.
    StartQueued(Option<String>),
    /// Go on with a run.
    Resume(RunId),
    /// Send a command to a worker.
    Control(RunId, ControlCommand),
    /// Approve a plan.
    Approve {
        /// The plan.
        plan_id: String,
        /// Why.
        reason: String,
    },
    /// Reject a plan.
    Reject {
        /// The plan.
        plan_id: String,
        /// Why.
        reason: String,
    },
}

/// What a job brings back.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// The runs, newest first.
    Runs(Vec<RunRow>),
    /// The plans that wait.
    Plans(Vec<PlanRow>),
    /// Champion and disk.
    Health(Health),
    /// A sender was started.
    SyncStarted,
    /// Work of the Data screen: the number of its asking, and what came of it.
    Browsed(u64, Box<BrowseDone>),
    /// Two models compared.
    Compared(Pair, Box<CompareDocument>),
    /// What a run found out about its data.
    Findings(Arc<Findings>),
    /// The slices that a drift comes from, or why there are none.
    Sliced(Slicing, Result<Slices, String>),
    /// A problem was taken note of.
    Acknowledged(RunId, Acknowledgement),
    /// A worker was started for this run.
    Started(RunId),
    /// What lies on the desk.
    Desk(Desk),
    /// Somebody else has the run in hand; nothing was done.
    InHand {
        /// Who.
        lease: LeaseRow,
        /// What was to be done.
        then: Box<Job>,
    },
    /// A run was taken in hand or given back.
    Hands,
    /// Where somebody left off.
    LastSeen(Box<LastSeen>),
    /// It is noted where somebody is.
    SeenNoted,
    /// A look at the queue; the run that was started from it, if one was.
    Drained(Option<RunId>),
    /// The check before the start found this; nothing was started.
    NotStarted(Vec<Problem>),
    /// A run was queued.
    Queued {
        /// Its entry.
        id: String,
        /// The run at work that it waits for.
        behind: Option<RunId>,
    },
    /// The queue was changed; a sentence.
    QueueChanged(String),
    /// The command was written for the worker.
    Controlled(RunId, ControlCommand),
    /// A decision was taken; the receipt.
    Decided {
        /// One sentence.
        title: String,
        /// What was done, step by step.
        lines: Vec<String>,
    },
}

/// The kinds of jobs. Writing jobs share one kind: one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKey {
    /// [`Job::Runs`].
    Runs,
    /// [`Job::Plans`].
    Plans,
    /// [`Job::Health`].
    Health,
    /// [`Job::Sync`].
    Sync,
    /// [`Job::Compare`].
    Compare,
    /// [`Job::Findings`].
    Findings,
    /// [`Job::Slices`].
    Slices,
    /// Opening a table, or finding the rows of a view.
    Select,
    /// Reading the whole of a table whose first rows are shown.
    Fill,
    /// Reading the rows on the screen.
    Rows,
    /// Facets, searches and single rows.
    Look,
    /// The profile of a column.
    Profile,
    /// Writing rows into a file.
    Export,
    /// What could be opened.
    Proposals,
    /// [`Job::Desk`] and [`Job::Drain`].
    Desk,
    /// [`Job::Hold`] and [`Job::LetGo`].
    Hands,
    /// [`Job::LastSeen`] and [`Job::Seen`].
    Seen,
    /// Everything that a person asks for and that writes.
    Action,
}

impl Job {
    /// Its kind.
    pub fn key(&self) -> JobKey {
        match self {
            Job::Runs => JobKey::Runs,
            Job::Plans => JobKey::Plans,
            Job::Health => JobKey::Health,
            Job::Sync => JobKey::Sync,
            Job::Compare(_) => JobKey::Compare,
            Job::Findings(_) => JobKey::Findings,
            Job::Slices(_) => JobKey::Slices,
            Job::Browse(_, job) => job.key(),
            Job::Desk | Job::Drain => JobKey::Desk,
            Job::Hold(_) | Job::LetGo(_) => JobKey::Hands,
            Job::LastSeen | Job::Seen(_) => JobKey::Seen,
            Job::TakeOver { .. }
            | Job::Start { .. }
            | Job::Unqueue(_)
            | Job::Sooner(_)
            | Job::StartQueued(_)
            | Job::Resume(_)
            | Job::Control(..)
            | Job::Acknowledge { .. }
            | Job::Approve { .. }
            | Job::Reject { .. } => JobKey::Action,
        }
    }
}

/// The books of one kind.
#[derive(Clone, Debug, Default)]
struct Slot {
    running: Option<(u64, DateTime<Utc>)>,
    waiting: Option<Job>,
}

/// The books.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    last: u64,
    slots: BTreeMap<JobKey, Slot>,
}

impl Jobs {
    /// Hands in a job. Returns it with its number when it may start now; otherwise it waits, and
    /// an older one of its kind that waited is forgotten.
    pub fn submit(&mut self, job: Job, now: DateTime<Utc>) -> Option<(u64, Job)> {
        let slot = self.slots.entry(job.key()).or_default();
        if slot.running.is_some() {
            slot.waiting = Some(job);
            return None;
        }
        self.last += 1;
        slot.running = Some((self.last, now));
        Some((self.last, job))
    }
    /// Whether a job of the kind is running.
    pub fn busy(&self, key: JobKey) -> bool {
        self.running(key).is_some()
    }
    /// Whether a job of any kind is running.
    pub fn any_busy(&self) -> bool {
        self.slots.values().any(|slot| slot.running.is_some())
    }
    /// The number of the job of a kind that is running.
    pub fn running(&self, key: JobKey) -> Option<u64> {
        self.slots.get(&key)?.running.map(|(g, _)| g)
    }
    /// A job came back. Returns whether its result counts.
    pub fn finish(&mut self, key: JobKey, generation: u64) -> bool {
        let slot = self.slots.entry(key).or_default();
        let current = slot.running.is_some_and(|(g, _)| g == generation);
        if current {
            slot.running = None;
        }
        current
    }
    /// The job of the kind that may start next.
    pub fn next(&mut self, key: JobKey, now: DateTime<Utc>) -> Option<(u64, Job)> {
        if self.busy(key) {
            return None;
        }
        let job = self.slots.get_mut(&key)?.waiting.take()?;
        self.submit(job, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_runs_one_waits_and_stale_results_are_dropped() {
        let now = DateTime::UNIX_EPOCH;
        let mut jobs = Jobs::default();
        let (first, _) = jobs.submit(Job::Runs, now).unwrap();
        assert!(jobs.submit(Job::Runs, now).is_none());
        assert!(jobs.submit(Job::Runs, now).is_none());
        assert!(jobs.submit(Job::Plans, now).is_some(), "kinds are apart");
        assert!(!jobs.finish(JobKey::Runs, first + 100));
        assert!(jobs.finish(JobKey::Runs, first));
        let (second, _) = jobs.next(JobKey::Runs, now).unwrap();
        assert!(second > first);
        assert!(!jobs.finish(JobKey::Runs, first), "the old number is stale");
        assert!(jobs.finish(JobKey::Runs, second));
        assert!(jobs.next(JobKey::Runs, now).is_none(), "only one waited");
    }
}
