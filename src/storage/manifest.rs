//! `manifest.json`: what lies beside it, by hash, and where it came from.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::events::Actor;

/// Name of the manifest.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the model file.
pub const MODEL_FILE: &str = "model.json";
/// Name of the preprocessor file.
pub const PREPROCESSOR_FILE: &str = "preprocessor.json";
/// Name of the schema file.
pub const SCHEMA_FILE: &str = "schema.json";
/// Name of the train snapshot, kept beside the version, not in `final_model/`.
pub const REFERENCE_FILE: &str = "reference.parquet";

/// The manifest of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// `netsec-final-model`.
    pub format: String,
    /// Version of the format, 1.
    pub format_version: u32,
    /// Version of the model, `v3`.
    pub version: String,
    /// The run that made it.
    pub run_id: String,
    /// The plan that was approved.
    pub plan_id: String,
    /// Learner id.
    pub learner: String,
    /// Class names, the harmless one first.
    pub classes: Vec<String>,
    /// Operating point on the probability of the threat class (binary tasks).
    pub threshold: Option<f64>,
    /// SHA-256 of each file by name.
    pub files: BTreeMap<String, String>,
    /// Digest of the rows it was trained and tested on.
    pub data_digest: String,
    /// F1 on the test split of its run.
    pub f1: Option<f64>,
    /// Who approved it and why.
    pub approvals: Vec<Approval>,
    /// The champion before it.
    pub champion_before: Option<String>,
    /// Hash of the journal record that ordered the push: anchors the journal's chain.
    pub journal_hash: String,
    /// When the push was ordered.
    pub pushed_at: DateTime<Utc>,
    /// The program that pushed it, `netsec 0.1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// SHA-256 of the gate's rules and what came of them, as the plan holds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_sha256: Option<String>,
}

/// One approval, as it stands in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: Actor,
    /// Why.
    pub reason: String,
}

impl Manifest {
    /// The value of `format`.
    pub const FORMAT: &'static str = "netsec-final-model";
    /// The value of `format_version`.
    pub const FORMAT_VERSION: u32 = 1;
}
