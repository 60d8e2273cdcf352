//! What the commands that speak to MongoDB share.

mod collection;
mod init;
mod ticker;

pub(super) use init::plan;
pub(super) use ticker::Ticker;
