//! The JSON documents of a published store. All are written in canonical form (keys sorted, no
//! white space), so that the same content always is the same bytes and the same hash.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::events::Actor;
use crate::hash;

/// A file of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFile {
    /// Its name in the version's folder.
    pub path: String,
    /// SHA-256 of its bytes: the name of its blob.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// `manifests/<sha256>.json`: everything a version consists of and rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedManifest {
    /// `netsec-published-manifest`.
    pub format: String,
    /// Version of the format, 1.
    pub format_version: u32,
    /// The name the model is published under.
    pub model: String,
    /// Version of the model, `v3`.
    pub version: String,
    /// The program that made it.
    pub program: Option<String>,
    /// The run that made it.
    pub run_id: String,
    /// The plan that was approved.
    pub plan_id: String,
    /// Learner id.
    pub learner: String,
    /// Its files, sorted by path.
    pub files: Vec<PublishedFile>,
    /// Digest of the rows it was trained and tested on.
    pub data_digest: String,
    /// SHA-256 of `schema.json`.
    pub schema_sha256: String,
    /// SHA-256 of the gate's evidence.
    pub gate_sha256: Option<String>,
    /// Hash of the journal record that ordered the push, with the approvals before it in its chain.
    pub approval: String,
}

impl PublishedManifest {
    /// The value of `format`.
    pub const FORMAT: &'static str = "netsec-published-manifest";
}

/// `models/<name>/versions/<n>.json`: written once, never replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionObject {
    /// `netsec-model-version`.
    pub format: String,
    /// Version of the format, 1.
    pub format_version: u32,
    /// The name the model is published under.
    pub model: String,
    /// Version of the model, `v3`.
    pub version: String,
    /// SHA-256 of its manifest.
    pub manifest: String,
    /// The run that made it.
    pub run_id: String,
    /// Hash of the journal record that ordered the push.
    pub approval: String,
    /// Who ordered it.
    pub by: Actor,
    /// When it was ordered.
    pub at: DateTime<Utc>,
}

impl VersionObject {
    /// The value of `format`.
    pub const FORMAT: &'static str = "netsec-model-version";
}

/// What a pointer says about the champion before it; also what a plan or an order expects to find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointerRef {
    /// Version of the model, `v3`.
    pub version: String,
    /// SHA-256 of its manifest.
    pub manifest: String,
    /// How many times the pointer had been moved.
    pub seq: u64,
    /// Hash of the journal record that ordered the move.
    pub approval: String,
}

/// `models/<name>/champion.json`: what is in production. The only object that is ever replaced
/// besides the plain copies, and only by who has read the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    /// `netsec-champion-pointer`.
    pub format: String,
    /// Version of the format, 1.
    pub format_version: u32,
    /// The name the model is published under.
    pub model: String,
    /// Version of the model, `v3`.
    pub version: String,
    /// SHA-256 of its manifest.
    pub manifest: String,
    /// How many times the pointer has been moved, this time included.
    pub seq: u64,
    /// The champion before.
    pub previous: Option<PointerRef>,
    /// The run that made the model.
    pub run_id: String,
    /// Hash of the journal record that ordered the move.
    pub approval: String,
    /// Who ordered it.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// When it was ordered.
    pub at: DateTime<Utc>,
}

impl Pointer {
    /// The value of `format`.
    pub const FORMAT: &'static str = "netsec-champion-pointer";

    /// The pointer, as the next one refers to it.
    pub fn reference(&self) -> PointerRef {
        PointerRef {
            version: self.version.clone(),
            manifest: self.manifest.clone(),
            seq: self.seq,
            approval: self.approval.clone(),
        }
    }

    /// Who put what there and when, as part of a sentence.
    pub fn who(&self) -> String {
        format!(
            "{} of run {}, put there by {} (from {}) at {} (\"{}\")",
            self.version,
            self.run_id,
            self.by.name,
            self.by.from,
            self.at.format("%Y-%m-%d %H:%M:%S UTC"),
            self.reason
        )
    }
}

/// `audit/<seq>.json`: the records of the pusher's journal since its move of the pointer before,
/// up to the order of this one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditSegment<'a, T> {
    /// `netsec-audit-segment`.
    pub format: &'static str,
    /// Version of the format, 1.
    pub format_version: u32,
    /// Which move of the pointer it belongs to.
    pub seq: u64,
    /// Hash of the first record of the journal: which journal it is.
    pub journal: &'a str,
    /// The records, as they stand in the journal.
    pub records: &'a [T],
}

/// The canonical bytes of a document.
pub(super) fn canonical<T: Serialize>(document: &T) -> Vec<u8> {
    // Going through Value sorts the keys, as in `hash::sha256_json`.
    serde_json::to_value(document)
        .expect("our own documents have string keys and no failing Serialize")
        .to_string()
        .into_bytes()
}

/// The canonical bytes of a document and their hash.
pub(super) fn canonical_with_hash<T: Serialize>(document: &T) -> (Vec<u8>, String) {
    let bytes = canonical(document);
    let sha256 = hash::sha256(&bytes);
    (bytes, sha256)
}
