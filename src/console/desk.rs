//! What lies on the desk besides the runs: those that wait for their turn, who has which run in
//! hand, and what has happened since somebody was last here. Read by one job; what is in here is
//! data for the screens.

use chrono::{DateTime, Utc};

use crate::events::Actor;
use crate::presence::Lease;
use crate::runs::{QueueEntry, RunId};

/// A run that waits for its turn.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueRow {
    /// The id of its entry.
    pub id: String,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// Who asked.
    pub by: String,
    /// The user's note.
    pub note: Option<String>,
    /// Settings that differ from `config.toml`, for people.
    pub settings: Vec<String>,
    /// Why it cannot be started.
    pub held: Option<String>,
}

impl From<QueueEntry> for QueueRow {
    fn from(entry: QueueEntry) -> Self {
        Self {
            settings: entry.settings.iter().map(ToString::to_string).collect(),
            id: entry.id,
            created_at: entry.created_at,
            by: entry.by.name,
            note: entry.note,
            held: entry.held,
        }
    }
}

/// Somebody has a run in hand.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaseRow {
    /// The run.
    pub run: RunId,
    /// Who.
    pub by: Actor,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whom it was taken over from.
    pub taken_from: Option<Actor>,
    /// Whether it is the person at this console.
    pub mine: bool,
}

impl LeaseRow {
    /// A lease as the person at this console sees it.
    pub fn new(lease: Lease, me: &Actor) -> Self {
        Self {
            mine: lease.by == *me,
            run: lease.run_id,
            by: lease.by,
            since: lease.since,
            taken_from: lease.taken_from,
        }
    }
    /// Name and origin.
    pub fn who(&self) -> String {
        format!("{} ({})", self.by.name, self.by.from)
    }
}

/// Everything on the desk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    /// In the order in which they start.
    pub queue: Vec<QueueRow>,
    /// Whether nobody at work would start the next one.
    pub stuck: bool,
    /// Who has which run in hand.
    pub leases: Vec<LeaseRow>,
    /// Decisions in order: number in the journal and a few words; the person's own have none.
    /// `None` until they were read.
    pub decisions: Option<Vec<(u64, String)>>,
}

impl Desk {
    /// Somebody else who has a run in hand.
    pub fn other_holder(&self, run: &RunId) -> Option<&LeaseRow> {
        self.leases.iter().find(|l| l.run == *run && !l.mine)
    }
}
