//! The published store: approved models where other machines find them.
//!
//! ```text
//! <root>/blobs/sha256/<2>/<64>            files by their hash, written once
//! <root>/manifests/<sha256>.json          what a version consists of and rests on
//! <root>/models/<name>/versions/<n>.json  created once
//! <root>/models/<name>/champion.json      the pointer, replaced only by who has read it
//! <root>/audit/<seq>.json                 the journal's records behind each move of the pointer
//! <copies>/                               plain copies for older readers (S3), written last
//! ```
//!
//! The root is a folder (`[storage] path`) or a prefix of a bucket; the layout is the same. Several
//! workspaces may push to one store: the pointer decides, and who comes too late is told who was
//! there. This module moves the pointer when it is told to; when to, and what that means for the
//! workspace, is decided by `pipeline::model_pusher`.

mod conditions;
mod copies;
mod documents;
mod publish;
mod read;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object_store::{
    Condition, Etag, LocalStore, ObjectError, ObjectStore, Patience, Payload, Progress, Put,
    S3Store, S3Target,
};
use crate::config::{StorageConfig, StorageKind};
use crate::error::CommandError;
use crate::workspace::Workspace;

pub use conditions::Conditions;
pub use documents::{
    AuditSegment, Pointer, PointerRef, PublishedFile, PublishedManifest, VersionObject,
};
pub use publish::{Order, Published, Release};

/// Why the published store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] ObjectError),
    /// An object is not what it must be.
    #[error("{object} cannot be read: {reason}")]
    Content {
        /// The object.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A kept version cannot be read.
    #[error(transparent)]
    Version(#[from] super::StorageError),
    /// The configuration names no store.
    #[error("{0}")]
    Config(String),
}

impl From<PublishError> for CommandError {
    fn from(e: PublishError) -> Self {
        match e {
            PublishError::Store(e) => e.into(),
            PublishError::Version(e) => e.into(),
            PublishError::Content { .. } => CommandError::backend(e.to_string())
                .hint("Another program wrote it, or it was damaged; restore it from a backup."),
            PublishError::Config(message) => CommandError::config(message),
        }
    }
}

/// Where a push publishes to, from the configuration alone: the names that a plan shows and hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreAddress {
    /// The root of the layout.
    pub root: String,
    /// The plain copies, where they are not `final_model/` here.
    pub copies: Option<String>,
}

impl StoreAddress {
    /// The addresses of the configured store.
    pub fn of(config: &StorageConfig) -> Self {
        match config.kind {
            StorageKind::Local => Self {
                root: format!("{}/", config.path.display()),
                copies: None,
            },
            StorageKind::S3 => {
                let bucket = config.bucket.as_deref().unwrap_or_default();
                Self {
                    root: format!("s3://{bucket}/{}", folder(&config.prefix)),
                    copies: Some(format!("s3://{bucket}/{}", folder(&config.copies))),
                }
            }
        }
    }
}

/// A prefix as it stands before keys: empty, or with one slash at its end.
fn folder(prefix: &str) -> String {
    let parts: Vec<&str> = prefix.split('/').filter(|p| !p.is_empty()).collect();
    if parts.is_empty() {
        String::new()
    } else {
        parts.join("/") + "/"
    }
}

/// A published store.
#[derive(Clone, Debug)]
pub struct PublishedStore {
    objects: ObjectStore,
    address: StoreAddress,
    /// Before every key of the layout.
    root: String,
    /// Before every key of the plain copies.
    copies: Option<String>,
    model: String,
    conditions: Conditions,
}

impl PublishedStore {
    /// Opens the configured store for a look: nothing is written, not even to find out what the
    /// store can do.
    pub fn look(workspace: &Workspace, config: &StorageConfig) -> Result<Self, PublishError> {
        Self::new(workspace, config, Patience::Short)
    }

    /// Opens the configured store for writing. What it can do is found out once and remembered.
    pub fn open(workspace: &Workspace, config: &StorageConfig) -> Result<Self, PublishError> {
        let mut store = Self::new(workspace, config, Patience::Long)?;
        store.conditions = conditions::of(&store, workspace)?;
        Ok(store)
    }

    fn new(
        workspace: &Workspace,
        config: &StorageConfig,
        patience: Patience,
    ) -> Result<Self, PublishError> {
        let address = StoreAddress::of(config);
        let (objects, root, copies) = match config.kind {
            StorageKind::Local => {
                let shown = config.path.display().to_string();
                let store = LocalStore::new(workspace.resolve(&config.path), shown);
                (ObjectStore::Local(store), String::new(), None)
            }
            StorageKind::S3 => {
                let bucket = config.bucket.clone().filter(|b| !b.trim().is_empty());
                let bucket = bucket.ok_or_else(|| {
                    PublishError::Config(
                        "[storage] kind is \"s3\", but [storage] bucket names none".to_owned(),
                    )
                })?;
                let store = S3Store::connect(&S3Target { bucket, patience })?;
                (
                    ObjectStore::S3(store),
                    folder(&config.prefix),
                    Some(folder(&config.copies)),
                )
            }
        };
        Ok(Self {
            objects,
            address,
            root,
            copies,
            model: config.model.clone(),
            conditions: Conditions::Kept,
        })
    }

    /// A store over given objects, for tests.
    #[cfg(test)]
    pub(crate) fn over(objects: ObjectStore, conditions: Conditions) -> Self {
        Self {
            address: StoreAddress {
                root: objects.shown(""),
                copies: None,
            },
            objects,
            root: "root/".to_owned(),
            copies: Some("copies/".to_owned()),
            model: "netsec".to_owned(),
            conditions,
        }
    }

    /// Where it lies, for people.
    pub fn address(&self) -> &StoreAddress {
        &self.address
    }

    /// Whether the store keeps conditions of writes.
    pub fn conditions(&self) -> Conditions {
        self.conditions
    }

    /// The objects themselves.
    pub fn objects(&self) -> &ObjectStore {
        &self.objects
    }

    fn key(&self, rest: &str) -> String {
        format!("{}{rest}", self.root)
    }

    fn blob_key(&self, sha256: &str) -> String {
        // A hash is 64 ASCII digits; another text gives a key that is refused or not found.
        let folder = sha256.get(..2).unwrap_or_default();
        self.key(&format!("blobs/sha256/{folder}/{sha256}"))
    }

    fn manifest_key(&self, sha256: &str) -> String {
        self.key(&format!("manifests/{sha256}.json"))
    }

    fn version_key(&self, number: u64) -> String {
        self.key(&format!("models/{}/versions/{number}.json", self.model))
    }

    fn pointer_key(&self) -> String {
        self.key(&format!("models/{}/champion.json", self.model))
    }

    fn audit_key(&self, seq: u64) -> String {
        self.key(&format!("audit/{seq}.json"))
    }

    /// The pointer: what is in production, for everybody who uses this store.
    pub fn pointer(&self) -> Result<Option<Pointer>, PublishError> {
        Ok(self.read_pointer()?.map(|(pointer, _)| pointer))
    }

    fn read_pointer(&self) -> Result<Option<(Pointer, Etag)>, PublishError> {
        let found: Option<(Pointer, Etag)> = self.read(&self.pointer_key())?;
        match &found {
            Some((pointer, _)) if pointer.format != Pointer::FORMAT => Err(PublishError::Content {
                object: self.objects.shown(&self.pointer_key()),
                reason: format!(
                    "its format is `{}`, not `{}`",
                    pointer.format,
                    Pointer::FORMAT
                ),
            }),
            _ => Ok(found),
        }
    }

    /// The highest number a version of the model has, 0 when there is none.
    pub fn highest_version(&self) -> Result<u64, PublishError> {
        let folder = self.key(&format!("models/{}/versions/", self.model));
        Ok(self
            .objects
            .list(&folder)?
            .iter()
            .filter_map(|o| o.key[folder.len()..].strip_suffix(".json")?.parse().ok())
            .max()
            .unwrap_or(0))
    }

    fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(T, Etag)>, PublishError> {
        let Some(object) = self.objects.get(key)? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&object.bytes).map_err(|e| PublishError::Content {
            object: self.objects.shown(key),
            reason: e.to_string(),
        })?;
        Ok(Some((value, object.etag)))
    }

    /// Writes under a condition, whatever the store can do. Without conditional writes the state
    /// is read before and after: two writers at the same moment are mostly noticed, not always.
    fn put(
        &self,
        key: &str,
        payload: &Payload,
        condition: &Condition,
        progress: Progress<'_>,
    ) -> Result<Put, PublishError> {
        match self.conditions {
            Conditions::Kept => Ok(self.objects.put(key, payload, condition, progress)?),
            Conditions::Ignored => {
                let before = self.objects.head(key)?;
                let holds = match condition {
                    Condition::Always => true,
                    Condition::Absent => before.is_none(),
                    Condition::Matches(etag) => before.is_some_and(|h| h.etag == *etag),
                };
                if !holds {
                    return Ok(Put::Refused);
                }
                self.objects
                    .put(key, payload, &Condition::Always, progress)?;
                conditions::settle();
                match self.objects.fingerprint(key)? {
                    Some(found) if found.sha256 == payload.sha256() => Ok(Put::Written(found.etag)),
                    _ => Ok(Put::Refused),
                }
            }
        }
    }

    fn put_document<T: Serialize>(
        &self,
        key: &str,
        document: &T,
        condition: &Condition,
    ) -> Result<Put, PublishError> {
        let payload = Payload::bytes(documents::canonical(document));
        self.put(key, &payload, condition, &|_, _| {})
    }
}
