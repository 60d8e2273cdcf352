//! The id of a run: `20261122-1230-7f3a`, sortable by time, short enough to type.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The id of a run. The first 13 characters are the start in UTC, the rest is random.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Makes an id from a start time and 16 random bits.
    pub fn new(at: DateTime<Utc>, random: u16) -> Self {
        Self(format!("{}-{random:04x}", at.format("%Y%m%d-%H%M")))
    }
    /// The id as text; also the name of the run's folder.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The last four characters, for narrow places.
    pub fn short(&self) -> &str {
        self.0.rsplit('-').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = String;
    /// Reads a whole id; anything that is not of the form (a path, say) is refused.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('-').collect();
        let well_formed = parts.len() == 3
            && parts[0].len() == 8
            && parts[1].len() == 4
            && parts[2].len() == 4
            && parts[0]
                .bytes()
                .chain(parts[1].bytes())
                .all(|b| b.is_ascii_digit())
            && parts[2].bytes().all(|b| b.is_ascii_hexdigit());
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is not a run id (expected YYYYMMDD-HHMM-xxxx)"
            ))
        }
    }
}
