//! What the commands that speak to MongoDB share.

mod ticker;

pub(super) use ticker::Ticker;
