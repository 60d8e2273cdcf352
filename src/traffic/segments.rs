//! The segments of the prediction log on disk: their names, which of them hold a time, reading
//! them back, and letting go of old ones.
//!
//! `<day>/<first>-<last>-<number>.parquet`, times in hexadecimal milliseconds as in prediction
//! ids: a prediction's segment is found by its id alone.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use thiserror::Error;

use super::prediction_id::PredictionId;
use crate::dataset::{Frame, FrameError, ParquetFileError, read_frame};
use crate::error::CommandError;
use crate::source::mongodb::MongoError;

/// Columns every segment has besides the features.
pub(super) const ID: &str = "prediction_id";
pub(super) const AT: &str = "scored_at";
pub(super) const VERSION: &str = "model_version";
pub(super) const LABEL: &str = "predicted_label";
pub(super) const SCORE: &str = "predicted_score";
/// All of them, in order.
pub(super) const OWN: [&str; 5] = [ID, AT, VERSION, LABEL, SCORE];

/// What can go wrong with the log.
#[derive(Debug, Error)]
pub enum LogError {
    /// A folder or file cannot be read.
    #[error("{path} cannot be read")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A segment is damaged.
    #[error(transparent)]
    Segment(#[from] ParquetFileError),
    /// The disk is nearly full.
    #[error("{path}: less than 1 GiB is free")]
    DiskFull {
        /// The folder.
        path: PathBuf,
    },
    /// The server of the log failed.
    #[error(transparent)]
    MongoDb(#[from] MongoError),
    /// The program cannot ask servers at all.
    #[error("the prediction log cannot be asked: {0}")]
    Runtime(String),
    /// A segment has other columns than it should.
    #[error("{path}: {source}")]
    Columns {
        /// Which.
        path: PathBuf,
        /// Why.
        source: FrameError,
    },
}

impl LogError {
    /// Whether the same is worth trying again: a server that is away for a while.
    pub fn is_transient(&self) -> bool {
        match self {
            LogError::MongoDb(e) => e.is_transient(),
            _ => false,
        }
    }
}

impl From<LogError> for CommandError {
    fn from(e: LogError) -> Self {
        let message = e.to_string();
        match e {
            LogError::Io { source, .. } => CommandError::backend(message).because(source),
            LogError::Segment(e) => e.into(),
            LogError::Columns { .. } => CommandError::data(message),
            LogError::MongoDb(e) => e.into(),
            LogError::DiskFull { .. } => CommandError::backend(message),
            LogError::Runtime(_) => CommandError::internal(message),
        }
    }
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    path: PathBuf,
    first: u64,
    last: u64,
}

/// The segments there are.
#[derive(Clone, Debug)]
pub struct Segments {
    /// Oldest first.
    all: Vec<Segment>,
}

/// What a prediction said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub label: String,
    pub version: String,
}

impl Segments {
    /// Lists what lies in the folder of the log; one that is not there has none. Names that are
    /// not ours are passed over.
    pub fn list(dir: &Path) -> Result<Self, LogError> {
        let mut all = Vec::new();
        for day in read_dir(dir)? {
            if day_of(&day).is_none() {
                continue;
            }
            for path in read_dir(&day)? {
                if let Some((first, last)) = times_of(&path) {
                    all.push(Segment { path, first, last });
                }
            }
        }
        all.sort_by(|a, b| (a.first, &a.path).cmp(&(b.first, &b.path)));
        Ok(Self { all })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The files, oldest first.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.all.iter().map(|s| s.path.as_path())
    }

    /// What predictions said, those whose segments are there. Each segment is read once.
    pub(super) fn find(
        &self,
        ids: &[PredictionId],
    ) -> Result<HashMap<PredictionId, Found>, LogError> {
        let mut found = HashMap::new();
        for segment in &self.all {
            let wanted: HashMap<String, PredictionId> = ids
                .iter()
                .filter(|id| (segment.first..=segment.last).contains(&id.batch().milliseconds()))
                .filter(|id| !found.contains_key(*id))
                .map(|id| (id.to_string(), *id))
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let frame = read_frame(&segment.path)?;
            let columns = |source| LogError::Columns {
                path: segment.path.clone(),
                source,
            };
            let of_row: Vec<(usize, PredictionId)> = frame
                .texts(ID)
                .map_err(columns)?
                .iter()
                .enumerate()
                .filter_map(|(row, id)| Some((row, *wanted.get(id.as_deref()?)?)))
                .collect();
            let rows: Vec<usize> = of_row.iter().map(|(row, _)| *row).collect();
            let few = frame.take(&rows).map_err(columns)?;
            let labels = few.texts(LABEL).map_err(columns)?;
            let versions = few.texts(VERSION).map_err(columns)?;
            for ((_, id), (label, version)) in of_row.iter().zip(labels.into_iter().zip(versions)) {
                if let (Some(label), Some(version)) = (label, version) {
                    found.insert(*id, Found { label, version });
                }
            }
        }
        Ok(found)
    }

    /// The latest rows, at most `rows`, scored after `since`: newest segments first, each frame in
    /// its own order. Segments are not joined, for their columns may differ.
    pub fn recent(
        &self,
        since: Option<DateTime<Utc>>,
        rows: usize,
    ) -> Result<Vec<Frame>, LogError> {
        let since = since.map_or(0, |t| u64::try_from(t.timestamp_millis()).unwrap_or(0));
        let mut left = rows;
        let mut frames = Vec::new();
        for segment in self.all.iter().rev().filter(|s| s.last >= since) {
            if left == 0 {
                break;
            }
            let frame = read_frame(&segment.path)?;
            let columns = |source| LogError::Columns {
                path: segment.path.clone(),
                source,
            };
            let keep: Vec<usize> = frame
                .texts(ID)
                .map_err(columns)?
                .iter()
                .enumerate()
                .filter(|(_, id)| {
                    let id = id.as_deref().and_then(|i| i.parse::<PredictionId>().ok());
                    id.is_some_and(|i| i.batch().milliseconds() >= since)
                })
                .map(|(row, _)| row)
                .collect();
            let keep = &keep[keep.len().saturating_sub(left)..];
            left -= keep.len();
            if !keep.is_empty() {
                frames.push(frame.take(keep).map_err(columns)?);
            }
        }
        Ok(frames)
    }
}

/// Where a segment with these times belongs.
pub(super) fn path_of(dir: &Path, first: u64, last: u64, number: u32) -> PathBuf {
    let day = i64::try_from(first)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_default()
        .format("%Y-%m-%d");
    dir.join(day.to_string())
        .join(format!("{first:012x}-{last:012x}-{number:08x}.parquet"))
}

/// Removes the days before `keep_from`. Returns how many.
///
/// # Errors
/// The first folder that cannot be removed.
pub fn remove_older(dir: &Path, keep_from: NaiveDate) -> Result<usize, LogError> {
    let mut removed = 0;
    for day in read_dir(dir)? {
        if day_of(&day).is_some_and(|d| d < keep_from) {
            fs::remove_dir_all(&day).map_err(|source| LogError::Io {
                path: day.clone(),
                source,
            })?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn day_of(path: &Path) -> Option<NaiveDate> {
    path.file_name()?.to_str()?.parse().ok()
}

fn times_of(path: &Path) -> Option<(u64, u64)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".parquet")?;
    let mut parts = name.split('-');
    let mut time = || u64::from_str_radix(parts.next()?, 16).ok();
    Some((time()?, time()?))
}

fn read_dir(dir: &Path) -> Result<Vec<PathBuf>, LogError> {
    let failed = |source| LogError::Io {
        path: dir.to_owned(),
        source,
    };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    entries
        .map(|entry| entry.map(|e| e.path()).map_err(failed))
        .collect()
}
