//! What ingestion leaves behind: counts, digests and the split, read by every later stage.

use serde::{Deserialize, Serialize};

/// The artifact of data ingestion.
///
/// Files beside it in `data_ingestion/`: `train.parquet` and `test.parquet` (kept rows by part,
/// columns named as in the schema, plus `__row`, the 0-based row of the source file),
/// `quarantine.ndjson` (unreadable rows with line and reason), `report.json` (coercions, formats
/// detected, digests).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataIngestionArtifact {
    /// What was read, for people, without secrets.
    pub source: String,
    /// Rows in the source; `rows = kept + quarantined`.
    pub rows: u64,
    /// Rows kept.
    pub kept: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Rows in `train.parquet`.
    pub train_rows: u64,
    /// Rows in `test.parquet`.
    pub test_rows: u64,
    /// Kept rows left out of both parts (given indices that name neither).
    pub left_out: u64,
    /// Rows of test whose feature vector also stands in train.
    pub shared_vectors: u64,
    /// Order-independent digest of all kept rows.
    pub digest: String,
    /// Digest of each column, order-independent.
    pub column_digests: Vec<(String, String)>,
    /// Class names in order, harmless first.
    pub classes: Vec<String>,
}
