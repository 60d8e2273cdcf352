//! Where the prediction log lies, and what can be asked of it there.

use std::collections::HashMap;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};

use super::logged_rows::LoggedRows;
use super::mongo_log::MongoLog;
use super::prediction_id::PredictionId;
use super::predictions_dir;
use super::segments::{self, Found, LogError, Segments};
use crate::config::{PredictionLogKind, ServeConfig};
use crate::dataset::{Frame, write_frame};
use crate::error::CommandError;
use crate::source::mongodb::Namespace;
use crate::workspace::Workspace;

/// Free bytes that the log leaves on its disk.
const RESERVE: u64 = 1 << 30;

/// Where the prediction log lies.
#[derive(Clone, Debug)]
pub enum LogStore {
    /// Parquet segments in a folder.
    Parquet(PathBuf),
    /// A MongoDB collection. Segments of before it was one, in the folder, are still read.
    MongoDb(MongoLog, PathBuf),
}

impl LogStore {
    /// The store of a configuration.
    ///
    /// # Errors
    /// When it is a collection and the environment names no server that could be asked.
    pub fn of(config: &ServeConfig, workspace: &Workspace) -> Result<Self, CommandError> {
        let dir = predictions_dir(workspace);
        match config.log_to {
            PredictionLogKind::Parquet => Ok(Self::Parquet(dir)),
            PredictionLogKind::MongoDb => {
                let namespace = Namespace::new(&config.log_database, &config.log_collection)?;
                Ok(Self::MongoDb(MongoLog::open(namespace)?, dir))
            }
        }
    }

    /// What predictions said, those that are there.
    ///
    /// # Errors
    /// When the log cannot be read or its server cannot be asked.
    pub(super) fn find(
        &self,
        ids: &[PredictionId],
    ) -> Result<HashMap<PredictionId, Found>, LogError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        match self {
            Self::Parquet(dir) => Segments::list(dir)?.find(ids),
            Self::MongoDb(log, dir) => {
                let mut found = log.find(ids)?;
                let missing: Vec<_> = ids.iter().filter(|id| !found.contains_key(id)).collect();
                let missing: Vec<PredictionId> = missing.into_iter().copied().collect();
                found.extend(Segments::list(dir)?.find(&missing)?);
                Ok(found)
            }
        }
    }

    /// The latest rows, at most `rows`, scored after `since`: the newest frame first, each in its
    /// own order. Frames are not joined, for their columns may differ.
    ///
    /// # Errors
    /// When the log cannot be read or its server cannot be asked.
    pub fn recent(
        &self,
        since: Option<DateTime<Utc>>,
        rows: usize,
    ) -> Result<Vec<Frame>, LogError> {
        match self {
            Self::Parquet(dir) => Segments::list(dir)?.recent(since, rows),
            Self::MongoDb(log, dir) => {
                let from = since.map_or(0, |t| u64::try_from(t.timestamp_millis()).unwrap_or(0));
                let mut frames = log.recent(from, rows)?;
                let left = rows.saturating_sub(frames.iter().map(Frame::rows).sum());
                frames.extend(Segments::list(dir)?.recent(since, left)?);
                Ok(frames)
            }
        }
    }

    /// Writes rows. Returns how many of them were refused and are lost.
    pub(super) fn write(&self, rows: &LoggedRows) -> Result<u64, LogError> {
        match self {
            Self::Parquet(dir) => {
                let times = rows.rows.iter().map(|r| r.id.batch().milliseconds());
                let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
                    return Ok(0);
                };
                if disk_is_full(dir) {
                    return Err(LogError::DiskFull { path: dir.clone() });
                }
                let path = segments::path_of(dir, first, last, rand::random());
                let frame = rows.frame().map_err(|source| LogError::Columns {
                    path: path.clone(),
                    source,
                })?;
                write_frame(&frame, &path)?;
                Ok(0)
            }
            Self::MongoDb(log, _) => log.write(rows),
        }
    }

    /// Lets go of what was scored before a day.
    pub(super) fn remove_older(&self, keep_from: NaiveDate) -> Result<(), LogError> {
        let (Self::Parquet(dir) | Self::MongoDb(_, dir)) = self;
        segments::remove_older(dir, keep_from)?;
        if let Self::MongoDb(log, _) = self {
            log.remove_older(keep_from)?;
        }
        Ok(())
    }
}

fn disk_is_full(dir: &std::path::Path) -> bool {
    // Where the system does not tell, writing will.
    let dir = dir.ancestors().find(|d| d.is_dir());
    dir.and_then(|d| rustix::fs::statvfs(d).ok())
        .is_some_and(|s| s.f_bavail.saturating_mul(s.f_frsize) < RESERVE)
}
