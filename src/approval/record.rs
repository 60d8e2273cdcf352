//! One line of `Artifacts/journal.jsonl`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::events::Actor;
use crate::hash;
use crate::storage::published::PointerRef;

/// What was decided or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// One approval of a plan.
    Approve,
    /// A plan was refused for good.
    Reject,
    /// A push begins: enough approvals were there. The effect follows.
    Push,
    /// The push is complete: the version is in production.
    Pushed,
    /// A former champion is to be put back. The effect follows.
    Rollback,
    /// The former champion is in production again.
    RolledBack,
    /// An ordered push was not carried out: somebody else had moved the published pointer. The
    /// reason says who.
    PushLost,
    /// An ordered rollback was not carried out, for the same reason.
    RollbackLost,
}

impl Decision {
    /// The word used in JSON and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Approve => "approve",
            Decision::Reject => "reject",
            Decision::Push => "push",
            Decision::Pushed => "pushed",
            Decision::Rollback => "rollback",
            Decision::RolledBack => "rolled_back",
            Decision::PushLost => "push_lost",
            Decision::RollbackLost => "rollback_lost",
        }
    }
    /// Whether this record says that a version went into production.
    pub fn changes_production(self) -> bool {
        matches!(self, Decision::Pushed | Decision::RolledBack)
    }
    /// Whether this record orders an effect that a later record completes or closes.
    pub fn orders(self) -> bool {
        matches!(self, Decision::Push | Decision::Rollback)
    }
}

/// Where an order publishes to, and what it expects to find there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishTarget {
    /// The root of the published store.
    pub store: String,
    /// The pointer it replaces; `None` when there was none.
    pub before: Option<PointerRef>,
}

/// Exactly what a decision is about: every hash of the model and the data behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The plan, for decisions on a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// The run that made the model.
    pub run_id: String,
    /// The version the model has or will have.
    pub version: String,
    /// SHA-256 of `model.json`.
    pub model_sha256: String,
    /// SHA-256 of `preprocessor.json`.
    pub preprocessor_sha256: String,
    /// Digest of the rows it was trained and tested on.
    pub data_digest: String,
    /// The champion at the time of the plan.
    #[serde(default)]
    pub champion_before: Option<String>,
    /// The published store, for orders and what became of them. Left out where there is none, so
    /// that records of former versions of the program keep their hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishTarget>,
}

/// The evidence a decision rested on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// F1 on the test split.
    #[serde(default)]
    pub f1: Option<f64>,
    /// The gate's verdict, in a sentence.
    #[serde(default)]
    pub gate: String,
    /// Columns that drifted against the champion's data; `None` without a champion.
    #[serde(default)]
    pub drifted: Option<u64>,
}

/// One decision. `hash` covers every other field, `previous` among them, so that no record can be
/// changed, removed from the middle or reordered without breaking the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Version of the format, 1.
    pub v: u16,
    /// Position in the journal, from 1, without gaps.
    pub seq: u64,
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// What was decided or done.
    pub decision: Decision,
    /// Who.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// About what.
    pub subject: Subject,
    /// On which evidence.
    #[serde(default)]
    pub evidence: Evidence,
    /// SSH signature over the record, once signing is configured.
    #[serde(default)]
    pub signature: Option<String>,
    /// Hash of the record before; empty for the first.
    pub previous: String,
    /// SHA-256 of this record's canonical JSON without this field.
    pub hash: String,
}

impl JournalRecord {
    /// Computes what `hash` must be.
    pub fn expected_hash(&self) -> String {
        let mut copy = self.clone();
        copy.hash = String::new();
        hash::sha256_json(&copy)
    }
}
