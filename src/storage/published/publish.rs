//! The steps of publishing a kept version: blobs, manifest, version object, pointer; then the
//! journal's records. Every step may have been done before, by this push or by another one of the
//! same bytes.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::documents::{
    AuditSegment, Pointer, PointerRef, PublishedFile, PublishedManifest, VersionObject, canonical,
    canonical_with_hash,
};
use super::{PublishError, PublishedStore};
use crate::events::Actor;
use crate::storage::crash_point::crash_point;
use crate::storage::object_store::{Condition, ObjectError, Payload, Put};
use crate::storage::{MANIFEST_FILE, Manifest, number};

/// How often the pointer is read again when a write to it was refused.
const TRIES: u32 = 5;

/// A kept version, as it is to be published.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its folder under `Artifacts/versions/`.
    pub folder: PathBuf,
    /// Its manifest there.
    pub manifest: Manifest,
}

/// The journalled order behind a move of the pointer.
#[derive(Clone, Debug)]
pub struct Order {
    /// Hash of its record.
    pub hash: String,
    /// Who.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The pointer it replaces; `None` when there was none.
    pub before: Option<PointerRef>,
}

/// What came of publishing.
#[derive(Clone, Debug, PartialEq)]
pub enum Published {
    /// The pointer names the version.
    Done {
        /// What was written, one line for each object.
        lines: Vec<String>,
        /// The pointer.
        pointer: Box<Pointer>,
    },
    /// Somebody else was there first; the pointer was not touched.
    Lost {
        /// Who put what there and when, as a sentence.
        reason: String,
    },
}

impl PublishedStore {
    /// Publishes a version and moves the pointer to it.
    pub fn publish(
        &self,
        release: &Release,
        order: &Order,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<Published, PublishError> {
        // Who is too late need not upload anything.
        if let Some(reason) = self.overtaken(order)? {
            return Ok(Published::Lost { reason });
        }
        let mut lines = Vec::new();
        let files = self.put_files(release, progress, &mut lines)?;
        let manifest = self.put_manifest(release, files, &mut lines)?;
        if let Some(reason) = self.put_version(release, &manifest, &mut lines)? {
            return Ok(Published::Lost { reason });
        }
        crash_point("before the pointer")?;
        match self.move_pointer(release, &manifest, order)? {
            Moved::Ours(pointer) => {
                crash_point("after the pointer")?;
                lines.push(format!(
                    "{} names {} (move {})",
                    self.objects.shown(&self.pointer_key()),
                    pointer.version,
                    pointer.seq
                ));
                Ok(Published::Done { lines, pointer })
            }
            Moved::Theirs(reason) => Ok(Published::Lost { reason }),
        }
    }

    fn put_files(
        &self,
        release: &Release,
        progress: &(dyn Fn(&str) + Sync),
        lines: &mut Vec<String>,
    ) -> Result<Vec<PublishedFile>, PublishError> {
        let mut names: Vec<&str> = release.manifest.files.keys().map(String::as_str).collect();
        names.push(MANIFEST_FILE);
        names.sort_unstable();
        let mut files = Vec::new();
        for name in names {
            let payload = Payload::file(&release.folder.join(name))?;
            let expected = release.manifest.files.get(name);
            if expected.is_some_and(|e| e != payload.sha256()) {
                return Err(ObjectError::Damaged {
                    object: release.folder.join(name).display().to_string(),
                    expected: expected.cloned().unwrap_or_default(),
                    found: payload.sha256().to_owned(),
                    size: payload.size(),
                }
                .into());
            }
            crash_point("before a blob")?;
            let key = self.blob_key(payload.sha256());
            let tell = |done: u64, total: u64| {
                if total > 0 && done < total {
                    progress(&format!(
                        "{name}: {} of {}",
                        megabytes(done),
                        megabytes(total)
                    ));
                }
            };
            let how = self.put_proven(&key, &payload, &tell)?;
            lines.push(format!(
                "{} {how} ({name}, {} bytes)",
                self.objects.shown(&key),
                payload.size()
            ));
            files.push(PublishedFile {
                path: name.to_owned(),
                sha256: payload.sha256().to_owned(),
                size: payload.size(),
            });
        }
        Ok(files)
    }

    fn put_manifest(
        &self,
        release: &Release,
        files: Vec<PublishedFile>,
        lines: &mut Vec<String>,
    ) -> Result<String, PublishError> {
        let manifest = &release.manifest;
        let document = PublishedManifest {
            format: PublishedManifest::FORMAT.to_owned(),
            format_version: 1,
            model: self.model.clone(),
            version: manifest.version.clone(),
            program: manifest.program.clone(),
            run_id: manifest.run_id.clone(),
            plan_id: manifest.plan_id.clone(),
            learner: manifest.learner.clone(),
            files,
            data_digest: manifest.data_digest.clone(),
            schema_sha256: manifest
                .files
                .get(crate::storage::SCHEMA_FILE)
                .cloned()
                .unwrap_or_default(),
            gate_sha256: manifest.gate_sha256.clone(),
            approval: manifest.journal_hash.clone(),
        };
        let (bytes, sha256) = canonical_with_hash(&document);
        crash_point("before the manifest")?;
        let key = self.manifest_key(&sha256);
        let how = self.put_proven(&key, &Payload::bytes(bytes), &|_, _| {})?;
        lines.push(format!("{} {how}", self.objects.shown(&key)));
        Ok(sha256)
    }

    /// Writes an object whose key says its content, and reads it back. One that is there already
    /// must be the same; one that was damaged is written anew.
    fn put_proven(
        &self,
        key: &str,
        payload: &Payload,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<&'static str, PublishError> {
        let mut how = match self.put(key, payload, &Condition::Absent, progress)? {
            Put::Written(_) => "written and read back",
            Put::Refused => "was there already",
        };
        let mut found = self.objects.fingerprint(key)?;
        if let Some(damaged) = found
            .as_ref()
            .filter(|f| f.sha256 != payload.sha256())
            .cloned()
        {
            let condition = Condition::Matches(damaged.etag);
            self.put(key, payload, &condition, progress)?;
            how = "was damaged and is written anew";
            found = self.objects.fingerprint(key)?;
        }
        match found {
            Some(found) if found.sha256 == payload.sha256() => Ok(how),
            found => Err(ObjectError::Damaged {
                object: self.objects.shown(key),
                expected: payload.sha256().to_owned(),
                size: found.as_ref().map_or(0, |f| f.size),
                found: found.map_or("nothing".to_owned(), |f| f.sha256),
            }
            .into()),
        }
    }

    /// Creates the version object; says who has the number when it is taken.
    fn put_version(
        &self,
        release: &Release,
        manifest: &str,
        lines: &mut Vec<String>,
    ) -> Result<Option<String>, PublishError> {
        let local = &release.manifest;
        let Some(number) = number(&local.version) else {
            return Err(PublishError::Content {
                object: release.folder.join(MANIFEST_FILE).display().to_string(),
                reason: format!("`{}` is not a version", local.version),
            });
        };
        let by = local.approvals.last().map(|a| a.by.clone());
        let document = VersionObject {
            format: VersionObject::FORMAT.to_owned(),
            format_version: 1,
            model: self.model.clone(),
            version: local.version.clone(),
            manifest: manifest.to_owned(),
            run_id: local.run_id.clone(),
            approval: local.journal_hash.clone(),
            by: by.unwrap_or_else(|| Actor {
                name: "unknown".to_owned(),
                from: String::new(),
            }),
            at: local.pushed_at,
        };
        crash_point("before the version")?;
        let key = self.version_key(number);
        let how = match self.put_document(&key, &document, &Condition::Absent)? {
            Put::Written(_) => "written",
            Put::Refused => "was there already",
        };
        let found: Option<(VersionObject, _)> = self.read(&key)?;
        match found {
            Some((found, _)) if found == document => {
                lines.push(format!("{} {how}", self.objects.shown(&key)));
                Ok(None)
            }
            Some((other, _)) => Ok(Some(format!(
                "{} is another model: {} of run {} was published under that number by {} (from {}) \
                 at {}",
                self.objects.shown(&key),
                other.version,
                other.run_id,
                other.by.name,
                other.by.from,
                other.at.format("%Y-%m-%d %H:%M:%S UTC"),
            ))),
            None => Err(PublishError::Content {
                object: self.objects.shown(&key),
                reason: "it was written and is gone".to_owned(),
            }),
        }
    }

    /// Why the order can no longer be carried out, if so.
    fn overtaken(&self, order: &Order) -> Result<Option<String>, PublishError> {
        let found = self.read_pointer()?.map(|(pointer, _)| pointer);
        Ok(match judge(found.as_ref(), order) {
            Standing::Free | Standing::Ours => None,
            Standing::Theirs => Some(self.theirs(found.as_ref(), order)),
        })
    }

    fn theirs(&self, found: Option<&Pointer>, order: &Order) -> String {
        let name = self.objects.shown(&self.pointer_key());
        let expected = match &order.before {
            Some(before) => format!("{} (move {})", before.version, before.seq),
            None => "no champion".to_owned(),
        };
        match found {
            Some(pointer) => {
                let replaced = pointer
                    .previous
                    .as_ref()
                    .is_some_and(|p| p.approval == order.hash);
                let what = if replaced {
                    "which replaced what this order had put there"
                } else {
                    "where this order expected"
                };
                let expected = if replaced { "" } else { &expected };
                format!("{name} names {}, {what} {expected}", pointer.who())
                    .trim_end()
                    .to_owned()
            }
            None => format!("{name} is gone, where this order expected {expected}"),
        }
    }

    fn move_pointer(
        &self,
        release: &Release,
        manifest: &str,
        order: &Order,
    ) -> Result<Moved, PublishError> {
        let next = Pointer {
            format: Pointer::FORMAT.to_owned(),
            format_version: 1,
            model: self.model.clone(),
            version: release.manifest.version.clone(),
            manifest: manifest.to_owned(),
            seq: order.before.as_ref().map_or(0, |p| p.seq) + 1,
            previous: order.before.clone(),
            run_id: release.manifest.run_id.clone(),
            approval: order.hash.clone(),
            by: order.by.clone(),
            reason: order.reason.clone(),
            at: order.at,
        };
        let key = self.pointer_key();
        for _ in 0..TRIES {
            let found = self.read_pointer()?;
            let condition = match (judge(found.as_ref().map(|(p, _)| p), order), found) {
                (Standing::Ours, Some((pointer, _))) => {
                    return Ok(Moved::Ours(Box::new(pointer)));
                }
                (Standing::Theirs, found) => {
                    let pointer = found.as_ref().map(|(pointer, _)| pointer);
                    return Ok(Moved::Theirs(self.theirs(pointer, order)));
                }
                (_, Some((_, etag))) => Condition::Matches(etag),
                (_, None) => Condition::Absent,
            };
            // Refused or not: what stands there then is read and judged. A write whose answer was
            // lost is found to be ours that way.
            self.put_document(&key, &next, &condition)?;
        }
        Err(ObjectError::Internal(format!(
            "{} could not be moved: the store refuses writes and gives no reason",
            self.objects.shown(&key)
        ))
        .into())
    }

    /// Writes the journal's records behind the move `seq` of the pointer; `records` end with the
    /// order.
    pub fn put_audit<T: Serialize>(
        &self,
        seq: u64,
        journal: &str,
        records: &[T],
    ) -> Result<String, PublishError> {
        let segment = AuditSegment {
            format: "netsec-audit-segment",
            format_version: 1,
            seq,
            journal,
            records,
        };
        let key = self.audit_key(seq);
        let name = self.objects.shown(&key);
        crash_point("before the audit")?;
        let payload = Payload::bytes(canonical(&segment));
        let how = match self.put(&key, &payload, &Condition::Absent, &|_, _| {})? {
            Put::Written(_) => "written",
            Put::Refused => "was there already",
        };
        match self.objects.fingerprint(&key)? {
            Some(found) if found.sha256 == payload.sha256() => {
                Ok(format!("{name} {how} ({} records)", records.len()))
            }
            _ => Err(PublishError::Content {
                object: name,
                reason: "it holds other records than this journal's".to_owned(),
            }),
        }
    }
}

enum Moved {
    Ours(Box<Pointer>),
    Theirs(String),
}

/// How a pointer stands to an order.
enum Standing {
    /// It is what the order expects to replace.
    Free,
    /// The order has been carried out.
    Ours,
    /// It is something else.
    Theirs,
}

fn judge(found: Option<&Pointer>, order: &Order) -> Standing {
    match (found, &order.before) {
        (Some(pointer), _) if pointer.approval == order.hash => Standing::Ours,
        (None, None) => Standing::Free,
        (Some(pointer), Some(before)) if pointer.reference() == *before => Standing::Free,
        _ => Standing::Theirs,
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
