//! The plain copies for readers that know no pointer: `final_model/` in the bucket, the manifest
//! last.
//!
//! Two pushes one after the other may both be writing copies. A copy is therefore replaced only by
//! who has read it and then still finds its own pointer in place: whoever is late gives way, and
//! the last copies are always those of the last pointer.

use super::documents::Pointer;
use super::publish::Release;
use super::{PublishError, PublishedStore};
use crate::storage::crash_point::crash_point;
use crate::storage::object_store::{Condition, ObjectError, Payload, Put};
use crate::storage::{FINAL_MODEL_README, MANIFEST_FILE, README_FILE};

/// How often a copy is read again when a write to it was refused.
const TRIES: u32 = 5;

impl PublishedStore {
    /// Writes the plain copies of a version the pointer names; returns a line for each. Writes
    /// nothing more when the pointer has been moved on, and says so.
    pub fn put_copies(
        &self,
        release: &Release,
        pointer: &Pointer,
    ) -> Result<Vec<String>, PublishError> {
        let Some(copies) = &self.copies else {
            return Ok(Vec::new());
        };
        let mut names: Vec<&str> = release.manifest.files.keys().map(String::as_str).collect();
        names.push(README_FILE);
        // Last, so that a reader who finds it finds what it names.
        names.push(MANIFEST_FILE);
        let mut lines = Vec::new();
        for name in names {
            let payload = if name == README_FILE {
                Payload::bytes(FINAL_MODEL_README.as_bytes().to_vec())
            } else {
                Payload::file(&release.folder.join(name))?
            };
            crash_point("before a copy")?;
            let key = format!("{copies}{name}");
            match self.put_copy(&key, &payload, pointer)? {
                Copied::Written => lines.push(format!(
                    "{} written ({} bytes)",
                    self.objects.shown(&key),
                    payload.size()
                )),
                Copied::Same => {
                    lines.push(format!("{} was there already", self.objects.shown(&key)));
                }
                Copied::Overtaken(by) => {
                    lines.push(format!("{} is left to {by}", self.objects.shown(copies)));
                    break;
                }
            }
        }
        Ok(lines)
    }

    fn put_copy(
        &self,
        key: &str,
        payload: &Payload,
        ours: &Pointer,
    ) -> Result<Copied, PublishError> {
        for _ in 0..TRIES {
            let found = self.objects.fingerprint(key)?;
            // Between reading the copy and replacing it: see the top of this file.
            match self.pointer()? {
                Some(pointer) if pointer.approval == ours.approval => {}
                Some(pointer) => return Ok(Copied::Overtaken(pointer.who())),
                None => return Ok(Copied::Overtaken("nobody: the pointer is gone".to_owned())),
            }
            let condition = match found {
                Some(found) if found.sha256 == payload.sha256() => return Ok(Copied::Same),
                Some(found) => Condition::Matches(found.etag),
                None => Condition::Absent,
            };
            match self.put(key, payload, &condition, &|_, _| {})? {
                Put::Refused => {}
                Put::Written(_) => match self.objects.fingerprint(key)? {
                    Some(found) if found.sha256 == payload.sha256() => return Ok(Copied::Written),
                    // Replaced or damaged since: looked at again.
                    _ => {}
                },
            }
        }
        Err(ObjectError::Internal(format!(
            "{} could not be written: other writes came in between again and again",
            self.objects.shown(key)
        ))
        .into())
    }
}

enum Copied {
    Written,
    Same,
    Overtaken(String),
}
