//! `report.json`: everything ingestion found out, for people and for later issues.

use serde::Serialize;

use crate::config::SplitKind;
use crate::source::{CoercionReport, Detected, Ingested};

/// One source file.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    /// As it stands in the configuration.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
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

impl FileReport {
    pub fn new(path: String, sha256: String, read: &Ingested) -> Self {
        Self {
            path,
            sha256,
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
