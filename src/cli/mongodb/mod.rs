//! What the commands that speak to MongoDB share.

mod collection;
mod init;
mod ticker;

pub(super) use collection::{Collection, quarantine_text};
pub(super) use init::plan;
pub(super) use ticker::Ticker;
