//! Who decided what, when, on which evidence: the policy and the hash-chained journal.
//!
//! The journal is the truth about decisions: a record is appended and fsynced before its effect
//! begins, so that a crash leaves a decision to carry out, never an effect nobody decided. This
//! module decides and records; it moves no model (see `pipeline::model_pusher`).

mod deployable;
mod journal;
mod policy;
mod record;

pub use deployable::{Deployable, NotDeployable, prove_deployable};
pub use journal::{Journal, JournalError, VerifyReport};
pub use policy::{PolicyError, check_approver, check_plan_age};
pub use record::{Decision, Evidence, JournalRecord, PublishTarget, Subject};
