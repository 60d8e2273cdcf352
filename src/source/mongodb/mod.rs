//! MongoDB: connecting to a server, what its errors mean, and importing files.
//!
//! Connecting (`connect`) hands out one [`MongoServer`], which knows where it leads and what the
//! driver heard from each member; every error of the driver goes through it and comes out as a
//! [`MongoError`] (`error`, `reach`): a sentence, a hint, whether trying again is worth while, and
//! never a credential.

mod connect;
mod error;
pub mod import;
mod reach;

pub use connect::{BadName, MongoServer, Namespace, URI_VARIABLES};
pub use error::{MongoError, Problem};
pub use reach::{Attempt, Reach};

/// The key of every document's id.
pub(crate) const ID: &mongodb::bson::raw::CStr = mongodb::bson::raw::cstr!("_id");
