//! Reading the champion out of the published store: the pointer names a manifest, the manifest
//! names blobs, and every object is checked against the hash it was found by.

use std::path::Path;

use super::documents::{Pointer, PublishedManifest};
use super::{PublishError, PublishedStore};
use crate::error::CommandError;
use crate::hash;
use crate::storage::champion::{Champion, assemble};
use crate::storage::local::parse_manifest;
use crate::storage::{MANIFEST_FILE, Manifest};

/// The largest file of a version that is read; a model is far smaller.
const LARGEST: u64 = 2 << 30;

impl PublishedStore {
    /// Reads the champion a pointer names. Its train snapshot is not among the published files.
    ///
    /// # Errors
    /// When an object is missing, is not what its hash says, or cannot be read by this program.
    pub fn champion(&self, pointer: &Pointer) -> Result<Champion, CommandError> {
        let key = self.manifest_key(&pointer.manifest);
        let bytes = self.proven(&key, &pointer.manifest)?;
        let published: PublishedManifest =
            serde_json::from_slice(&bytes).map_err(|e| PublishError::Content {
                object: self.objects.shown(&key),
                reason: e.to_string(),
            })?;
        let manifest: Manifest = parse_manifest(
            Path::new(&self.objects.shown(&key)),
            &self.file(&published, MANIFEST_FILE)?,
        )?;
        let place = self.address.root.clone();
        assemble(manifest, Path::new(&place), |name| {
            Ok(self.file(&published, name)?)
        })
    }

    fn file(&self, published: &PublishedManifest, name: &str) -> Result<Vec<u8>, PublishError> {
        let file = published.files.iter().find(|f| f.path == name);
        let wrong = |reason: String| PublishError::Content {
            object: format!("the manifest of {}", published.version),
            reason,
        };
        let file = file.ok_or_else(|| wrong(format!("it names no `{name}`")))?;
        if file.size > LARGEST {
            return Err(wrong(format!("`{name}` has {} bytes", file.size)));
        }
        self.proven(&self.blob_key(&file.sha256), &file.sha256)
    }

    /// The bytes of an object whose key says its hash.
    fn proven(&self, key: &str, sha256: &str) -> Result<Vec<u8>, PublishError> {
        let wrong = |reason: String| PublishError::Content {
            object: self.objects.shown(key),
            reason,
        };
        let object = self.objects.get(key)?;
        let object = object.ok_or_else(|| wrong("there is no such object".to_owned()))?;
        let found = hash::sha256(&object.bytes);
        if found != sha256 {
            return Err(wrong(format!("it hashes to {found}")));
        }
        Ok(object.bytes)
    }
}
