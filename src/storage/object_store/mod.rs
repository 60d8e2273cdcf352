//! Objects under keys: a folder or an S3 bucket behind one set of calls.
//!
//! The calls are the ones a published store needs and no more: create only when absent, replace
//! only what was read before, replace, read, list. What the objects mean is none of this module's
//! business, and nothing is decided here: a condition that does not hold is an answer
//! ([`Put::Refused`]), not an error.
//!
//! Calls block until they are done. The S3 side runs on the one runtime of [`crate::runtime`] and
//! must therefore not be called from within a future.

mod error;
mod local;
mod s3;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::hash;

pub use error::{ObjectError, Problem};
pub use local::LocalStore;
pub use s3::{S3Store, S3Target};

/// What identifies the content of an object at one moment; another content has another tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(String);

/// Under which condition an object is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// In any case.
    Always,
    /// Only when there is no object under the key.
    Absent,
    /// Only when the object is still the one with this tag.
    Matches(Etag),
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is written and durable.
    Written(Etag),
    /// The condition does not hold: somebody else was there. Nothing was written.
    Refused,
}

/// An object that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The tag of these bytes.
    pub etag: Etag,
}

/// An object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes.
    pub size: u64,
    /// The tag of its content.
    pub etag: Etag,
}

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
}

/// What the bytes of an object turned out to be when they were read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// SHA-256 of the bytes.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// The tag of these bytes.
    pub etag: Etag,
}

/// What is to be written, with its hash.
#[derive(Clone, Debug)]
pub struct Payload {
    content: Content,
    size: u64,
    sha256: String,
}

#[derive(Clone, Debug)]
enum Content {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Payload {
    /// Bytes in memory.
    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self {
            size: bytes.len() as u64,
            sha256: hash::sha256(&bytes),
            content: Content::Bytes(bytes),
        }
    }

    /// A file, which must not change while it is written to the store. It is read once here, for
    /// its hash, and again in pieces when it is sent.
    pub fn file(path: &Path) -> Result<Self, ObjectError> {
        let at = |source| ObjectError::File {
            path: path.to_owned(),
            source,
        };
        Ok(Self {
            size: std::fs::metadata(path).map_err(at)?.len(),
            sha256: hash::sha256_file(path).map_err(at)?,
            content: Content::File(path.to_owned()),
        })
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the bytes.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    fn read(&self) -> Result<Vec<u8>, ObjectError> {
        match &self.content {
            Content::Bytes(bytes) => Ok(bytes.clone()),
            Content::File(path) => std::fs::read(path).map_err(|source| ObjectError::File {
                path: path.clone(),
                source,
            }),
        }
    }
}

/// Told how many bytes of how many have been sent. Called from another thread.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// How long a store is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A look in passing: seconds, one repetition.
    Short,
    /// A push: attempts are repeated, large files take the time they take.
    Long,
}

/// A store of objects.
#[derive(Clone, Debug)]
pub enum ObjectStore {
    /// A folder.
    Local(LocalStore),
    /// An S3 bucket.
    S3(S3Store),
}

impl ObjectStore {
    /// Writes an object.
    pub fn put(
        &self,
        key: &str,
        payload: &Payload,
        condition: &Condition,
        progress: Progress<'_>,
    ) -> Result<Put, ObjectError> {
        check_key(key)?;
        match self {
            ObjectStore::Local(store) => store.put(key, payload, condition),
            ObjectStore::S3(store) => store.put(key, payload, condition, progress),
        }
    }

    /// Creates an object from bytes; refused when the key is taken.
    pub fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Put, ObjectError> {
        let payload = Payload::bytes(bytes.to_vec());
        self.put(key, &payload, &Condition::Absent, &|_, _| {})
    }

    /// Replaces an object by bytes; refused when it is no longer the one with this tag.
    pub fn put_if_matches(&self, key: &str, bytes: &[u8], etag: &Etag) -> Result<Put, ObjectError> {
        let payload = Payload::bytes(bytes.to_vec());
        let condition = Condition::Matches(etag.clone());
        self.put(key, &payload, &condition, &|_, _| {})
    }

    /// Reads an object; `None` when there is none.
    pub fn get(&self, key: &str) -> Result<Option<Object>, ObjectError> {
        check_key(key)?;
        match self {
            ObjectStore::Local(store) => store.get(key),
            ObjectStore::S3(store) => store.get(key),
        }
    }

    /// Asks about an object; `None` when there is none.
    pub fn head(&self, key: &str) -> Result<Option<Head>, ObjectError> {
        check_key(key)?;
        match self {
            ObjectStore::Local(store) => store.head(key),
            ObjectStore::S3(store) => store.head(key),
        }
    }

    /// Reads an object and hashes it piece by piece; `None` when there is none.
    pub fn fingerprint(&self, key: &str) -> Result<Option<Fingerprint>, ObjectError> {
        check_key(key)?;
        match self {
            ObjectStore::Local(store) => store.fingerprint(key),
            ObjectStore::S3(store) => store.fingerprint(key),
        }
    }

    /// The objects whose keys begin with `prefix`, in the order of their keys.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError> {
        match self {
            ObjectStore::Local(store) => store.list(prefix),
            ObjectStore::S3(store) => store.list(prefix),
        }
    }

    /// Removes an object; only scratch objects are ever removed.
    pub fn delete(&self, key: &str) -> Result<(), ObjectError> {
        check_key(key)?;
        match self {
            ObjectStore::Local(store) => store.delete(key),
            ObjectStore::S3(store) => store.delete(key),
        }
    }

    /// An object's name for people: a path or `s3://bucket/key`.
    pub fn shown(&self, key: &str) -> String {
        match self {
            ObjectStore::Local(store) => store.shown(key),
            ObjectStore::S3(store) => store.shown(key),
        }
    }

    /// What tells this store from every other one, the server's address included.
    pub fn identity(&self) -> String {
        match self {
            ObjectStore::Local(store) => store.shown(""),
            ObjectStore::S3(store) => store.identity(),
        }
    }
}

/// Keys are relative, without empty or dotted parts, so that one and the same key is good for a
/// folder and a bucket and never leads out of either.
fn check_key(key: &str) -> Result<(), ObjectError> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part
                .chars()
                .any(|c| c.is_control() || matches!(c, '\\' | '?' | '#'))
    };
    if key.split('/').all(plain) {
        Ok(())
    } else {
        Err(ObjectError::Key {
            key: key.to_owned(),
        })
    }
}
