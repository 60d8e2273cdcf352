//! `report.json`: everything ingestion found out, for people and for later issues.

use serde::Serialize;

use crate::config::SplitKind;
use crate::source::mongodb::Snapshot;
use crate::source::{CoercionReport, Detected, Ingested};

/// One source file or collection.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    /// As it stands in the configuration.
    pub path: String,
    /// SHA-256 of its bytes; a collection has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What was read of a collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotReport>,
    /// Rows in it.
    pub rows: u64,
    /// Rows kept.
    pub kept: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Format, packing, encoding, line ends, header.
    pub detected: Detected,
    /// Values changed on the way in.
    pub coercions: CoercionReport,
}

/// Which documents of a collection were read. Only what says the same when they are read again;
/// `snapshot.json` in the run's folder tells the rest.
#[derive(Debug, Serialize)]
pub(super) struct SnapshotReport {
    /// The field that bounds it.
    pub field: String,
    /// The greatest value read, as `[source] until` takes it.
    pub until: String,
    /// Documents that have no such value, not read.
    pub without_bound: u64,
    /// Whether all was read as of one moment of the server.
    pub one_moment: bool,
}

impl FileReport {
    pub fn of_file(path: String, sha256: String, read: &Ingested) -> Self {
        Self {
            sha256: Some(sha256),
            ..Self::new(path, read)
        }
    }

    pub fn of_collection(
        path: String,
        snapshot: &Snapshot,
        one_moment: bool,
        read: &Ingested,
    ) -> Self {
        Self {
            snapshot: Some(SnapshotReport {
                field: snapshot.field.clone(),
                until: snapshot.until.clone(),
                without_bound: snapshot.without_bound,
                one_moment,
            }),
            ..Self::new(path, read)
        }
    }

    /// One line for people: `flows.csv (CSV, comma)`.
    pub fn summary(&self) -> String {
        match &self.snapshot {
            None => format!("{} ({})", self.path, self.detected.summary()),
            Some(snapshot) => format!(
                "{} ({}, {} up to {})",
                self.path,
                self.detected.summary(),
                crate::text::clean(&snapshot.field),
                crate::text::clean_to(&snapshot.until, 60)
            ),
        }
    }

    fn new(path: String, read: &Ingested) -> Self {
        Self {
            path,
            sha256: None,
            snapshot: None,
            rows: read.rows,
            kept: read.frame.rows() as u64,
            quarantined: read.quarantine.len() as u64,
            detected: read.detected.clone(),
            coercions: read.coercions.clone(),
        }
    }
}

/// Rows of one class.
#[derive(Debug, Serialize)]
pub(super) struct ClassReport {
    pub class: String,
    pub train: u64,
    pub test: u64,
    pub left_out: u64,
}

/// The whole report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub files: Vec<FileReport>,
    pub split: SplitReport,
    pub classes: Vec<ClassReport>,
    pub distinct_vectors: u64,
    pub digest: String,
    pub column_digests: Vec<(String, String)>,
    pub warnings: Vec<String>,
}

/// How the rows were divided.
#[derive(Debug, Serialize)]
pub(super) struct SplitReport {
    pub kind: SplitKind,
    pub seed: u64,
    pub test_share_wanted: f64,
    pub train_rows: u64,
    pub test_rows: u64,
    pub left_out: u64,
    pub shared_vectors: u64,
}
