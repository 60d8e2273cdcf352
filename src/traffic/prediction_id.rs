//! The name of one prediction: when it was made, a number that no other batch has, its row.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The rows that were scored together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId {
    /// Milliseconds since 1970.
    milliseconds: u64,
    /// Tells batches of one millisecond, and of several processes, apart.
    number: u32,
}

impl BatchId {
    /// A new one. Numbers go on from a random start.
    pub fn new(at: DateTime<Utc>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static START: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        let start = *START.get_or_init(rand::random);
        Self {
            milliseconds: u64::try_from(at.timestamp_millis()).unwrap_or(0),
            number: start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }
    /// The prediction of a row, from 0.
    pub fn row(self, row: u32) -> PredictionId {
        PredictionId { batch: self, row }
    }
    /// When it was scored, in milliseconds since 1970.
    pub fn milliseconds(self) -> u64 {
        self.milliseconds
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}-{:08x}", self.milliseconds, self.number)
    }
}

/// One prediction, written `0193a5b6c7d8-1a2b3c4d-17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PredictionId {
    batch: BatchId,
    row: u32,
}

impl PredictionId {
    /// The rows it was scored with.
    pub fn batch(self) -> BatchId {
        self.batch
    }
    /// Its row among them, from 0.
    pub fn row(self) -> u32 {
        self.row
    }
}

impl fmt::Display for PredictionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.batch, self.row)
    }
}

/// A text that is no prediction's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a prediction id looks like 0193a5b6c7d8-1a2b3c4d-17")]
pub struct NotAPredictionId;

impl FromStr for PredictionId {
    type Err = NotAPredictionId;
    fn from_str(text: &str) -> Result<Self, NotAPredictionId> {
        let mut parts = text.splitn(3, '-');
        let hex = |part: Option<&str>, digits: usize| {
            part.filter(|p| p.len() == digits && p.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|p| u64::from_str_radix(p, 16).ok())
                .ok_or(NotAPredictionId)
        };
        let milliseconds = hex(parts.next(), 12)?;
        let number = u32::try_from(hex(parts.next(), 8)?).map_err(|_| NotAPredictionId)?;
        let row = parts
            .next()
            .filter(|p| p.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|p| p.parse().ok())
            .ok_or(NotAPredictionId)?;
        let batch = BatchId {
            milliseconds,
            number,
        };
        Ok(PredictionId { batch, row })
    }
}

impl TryFrom<String> for PredictionId {
    type Error = NotAPredictionId;
    fn try_from(text: String) -> Result<Self, NotAPredictionId> {
        text.parse()
    }
}

impl From<PredictionId> for String {
    fn from(id: PredictionId) -> Self {
        id.to_string()
    }
}
