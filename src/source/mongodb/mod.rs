//! MongoDB: connecting to a server, and what its errors mean.
//!
//! Connecting (`connect`) hands out one [`MongoServer`], which knows where it leads and what the
//! driver heard from each member; every error of the driver goes through it and comes out as a
//! [`MongoError`] (`error`, `reach`): a sentence, a hint, whether trying again is worth while, and
//! never a credential.

mod connect;
mod error;
mod reach;

pub use connect::{MongoServer, Namespace, URI_VARIABLES};
pub use error::{MongoError, Problem};
pub use reach::{Attempt, Reach};
