//! Several analysts on one machine: who is here, who has which run in hand, and what somebody has
//! seen already.
//!
//! A [`Session`] is a console that is open. A [`Lease`] says who has a run in hand, so that two
//! people do not stop, approve or resume the same run against each other; taking over is possible
//! and explicit. [`LastSeen`] is where somebody left off. None of this protects anything: who may
//! write the folder may do everything, and names are claims. It keeps colleagues from surprises.

mod last_seen;
mod lease;
mod session;

pub use last_seen::{LastSeen, News, SeenRun, Snapshot, news};
pub use lease::{
    Claim, Lease, LeaseError, Purpose, acquire, fresh_leases, holder, release, take_over,
};
pub use session::Session;
