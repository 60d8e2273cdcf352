//! MongoDB: connecting to a server, what its errors mean, importing files and reading
//! collections.
//!
//! Connecting (`connect`) hands out one [`MongoServer`], which knows where it leads and what the
//! driver heard from each member; every error of the driver goes through it and comes out as a
//! [`MongoError`] (`error`, `reach`): a sentence, a hint, whether trying again is worth while, and
//! never a credential.
//!
//! A [`Query`] says what is read; a [`Snapshot`] settles which documents that are (`snapshot`).
//! Batches come raw (`stream`), are walked in their bytes (`value`, `document`) and collected like
//! the rows of a file (`read`); while that takes long, parts are kept on disk (`parts`), and a
//! server that goes away is waited for (`retry`).

mod connect;
mod describe;
mod document;
mod error;
pub mod import;
mod parts;
mod query;
mod reach;
mod read;
mod retry;
mod snapshot;
mod stream;
#[cfg(test)]
mod tests;
mod value;

pub use connect::{BadName, MongoServer, Namespace, URI_VARIABLES};
pub use describe::{Deployment, ServerFacts};
pub(crate) use error::DUPLICATE_KEY;
pub use error::{MongoError, Problem};
pub use query::Query;
pub use reach::{Attempt, Reach};
pub use read::{
    CollectionRead, Watching, first_documents, load_collection, read_collection,
    read_raw_collection, spool_collection,
};
pub use snapshot::Snapshot;

/// The key of every document's id.
pub(crate) const ID: &mongodb::bson::raw::CStr = mongodb::bson::raw::cstr!("_id");
