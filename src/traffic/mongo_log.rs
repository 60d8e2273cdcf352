//! The prediction log in a MongoDB collection: one document a prediction, found by its id.
//!
//! `{_id: "0193a5b6c7d8-1a2b3c4d-17", scored_at, model_version, predicted_label, predicted_score,
//! features: {name: value}}`. Ids begin with the time in hexadecimal, so the index of `_id` answers
//! for a prediction, for a time and for what is to be let go; no further index is made. A document
//! that is there already is the same one: what may have arrived is simply sent again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use futures_util::TryStreamExt;
use mongodb::bson::raw::{CString, RawBsonRef, cstr};
use mongodb::bson::{DateTime, RawDocument, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};

use super::logged_rows::LoggedRows;
use super::prediction_id::PredictionId;
use super::prediction_log::FeatureCells;
use super::segments::{Found, LogError};
use super::traffic_frames::TrafficFrames;
use crate::dataset::Frame;
use crate::error::CommandError;
use crate::secrets::Secret;
use crate::source::mongodb::{
    DUPLICATE_KEY, MongoError, MongoServer, Namespace, Problem, Reach, URI_VARIABLES,
};

/// Documents in one insertion.
const BATCH: usize = 1_000;
/// How long one question may take: a server that stopped answering must not hold anybody for ever.
const LIMIT: Duration = Duration::from_secs(10);
/// And reading many rows.
const READ_LIMIT: Duration = Duration::from_secs(120);

/// A collection that holds a prediction log.
#[derive(Clone, Debug)]
pub struct MongoLog {
    uri: Secret,
    namespace: Namespace,
    /// Made when it is first needed: an address may name a host that is not known yet.
    server: Arc<Mutex<Option<MongoServer>>>,
}

impl MongoLog {
    /// The collection on the server that the environment names. The server need not run.
    ///
    /// # Errors
    /// When no server is named, or its address cannot be used.
    pub fn open(namespace: Namespace) -> Result<Self, CommandError> {
        let uri = Secret::from_env(&URI_VARIABLES).ok_or_else(|| MongoError {
            doing: "opening the prediction log".to_owned(),
            server: "MongoDB".to_owned(),
            problem: Problem::NoAddress,
        })?;
        let log = Self::at(uri, namespace);
        match log.waited(LIMIT, "connecting", log.server())? {
            Err(LogError::MongoDb(e)) if !e.is_transient() => Err(e.into()),
            _ => Ok(log),
        }
    }

    /// The collection on a server by its address.
    pub fn at(uri: Secret, namespace: Namespace) -> Self {
        Self {
            uri,
            namespace,
            server: Arc::default(),
        }
    }

    /// Writes predictions. Returns how many the server refused; those are lost.
    ///
    /// # Errors
    /// When the server cannot be reached. What was written before stays, and may be sent again.
    pub(super) fn write(&self, rows: &LoggedRows) -> Result<u64, LogError> {
        let mut documents = Documents::of(rows);
        let mut refused = 0;
        loop {
            let part: Vec<RawDocumentBuf> = documents.by_ref().take(BATCH).collect();
            if part.is_empty() {
                return Ok(refused);
            }
            let doing = format!("writing {}", self.namespace);
            refused += self.waited(LIMIT, &doing, self.insert(part))??;
        }
    }

    /// What predictions said, those that are there.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub(super) fn find(
        &self,
        ids: &[PredictionId],
    ) -> Result<HashMap<PredictionId, Found>, LogError> {
        let doing = format!("reading {}", self.namespace);
        self.waited(LIMIT, &doing, async {
            let server = self.server().await?;
            let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let failed = |e: &Error| server.error(doing.as_str(), e);
            let mut cursor = server
                .collection::<RawDocumentBuf>(&self.namespace)
                .find(doc! {"_id": {"$in": texts}})
                .projection(doc! {"model_version": 1, "predicted_label": 1})
                .await
                .map_err(|e| failed(&e))?;
            let mut found = HashMap::new();
            while let Some(document) = cursor.try_next().await.map_err(|e| failed(&e))? {
                let text = |key| document.get_str(key).ok();
                if let (Some(id), Some(label), Some(version)) = (
                    text("_id").and_then(|id| id.parse().ok()),
                    text("predicted_label"),
                    text("model_version"),
                ) {
                    let (label, version) = (label.to_owned(), version.to_owned());
                    found.insert(id, Found { label, version });
                }
            }
            Ok(found)
        })?
    }

    /// The latest predictions, at most `rows`, scored from `since` on (milliseconds): frames by
    /// the names of their features, the newest first, each from old to new.
    ///
    /// # Errors
    /// When the server cannot be asked, or a document is none of ours.
    pub(super) fn recent(&self, since: u64, rows: usize) -> Result<Vec<Frame>, LogError> {
        if rows == 0 {
            return Ok(Vec::new());
        }
        let doing = format!("reading {}", self.namespace);
        let frames = self.waited(READ_LIMIT, &doing, async {
            let server = self.server().await?;
            let failed = |e: &Error| server.error(doing.as_str(), e);
            let mut cursor = server
                .collection::<RawDocumentBuf>(&self.namespace)
                .find(doc! {"_id": {"$gte": first_id(since)}})
                .sort(doc! {"_id": -1})
                .limit(i64::try_from(rows).unwrap_or(i64::MAX))
                .await
                .map_err(|e| failed(&e))?;
            let mut frames = TrafficFrames::default();
            while let Some(document) = cursor.try_next().await.map_err(|e| failed(&e))? {
                // A document of somebody else in the same collection is no prediction.
                take(&document, &mut frames);
            }
            Ok::<_, LogError>(frames)
        })??;
        frames.finish().map_err(|source| LogError::Columns {
            path: self.namespace.to_string().into(),
            source,
        })
    }

    /// Lets go of what was scored before a day. Returns how many.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub(super) fn remove_older(&self, keep_from: NaiveDate) -> Result<u64, LogError> {
        let from = keep_from
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp_millis();
        let before = first_id(u64::try_from(from).unwrap_or(0));
        let doing = format!("letting go of old predictions in {}", self.namespace);
        self.waited(READ_LIMIT, &doing, async {
            let server = self.server().await?;
            // Below the bound may lie ids of somebody else; ours begin with a time.
            let removed = server
                .collection::<RawDocumentBuf>(&self.namespace)
                .delete_many(doc! {"_id": {"$gte": first_id(0), "$lt": before}})
                .await
                .map_err(|e| server.error(doing.as_str(), &e))?;
            Ok(removed.deleted_count)
        })?
    }

    async fn server(&self) -> Result<MongoServer, LogError> {
        let known = |log: &Self| {
            let server = log.server.lock().unwrap_or_else(PoisonError::into_inner);
            server.clone()
        };
        if let Some(server) = known(self) {
            return Ok(server);
        }
        let server = MongoServer::at(&self.uri).await?;
        let mut slot = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(slot.get_or_insert(server).clone())
    }

    async fn insert(&self, documents: Vec<RawDocumentBuf>) -> Result<u64, LogError> {
        let server = self.server().await?;
        let inserted = server
            .collection::<RawDocumentBuf>(&self.namespace)
            .insert_many(&documents)
            .ordered(false)
            .await;
        let Err(error) = inserted else { return Ok(0) };
        let doing = format!("writing {}", self.namespace);
        if let ErrorKind::InsertMany(failure) = error.kind.as_ref()
            && failure.write_concern_error.is_none()
            && let Some(errors) = &failure.write_errors
        {
            let refused: Vec<_> = errors.iter().filter(|e| e.code != DUPLICATE_KEY).collect();
            if !refused.is_empty() {
                // The first of them stands for the rest.
                let told = server.error(doing, &error);
                tracing::error!(error = %told, rows = refused.len(), "predictions are refused");
            }
            return Ok(refused.len() as u64);
        }
        let mut told = server.error(doing, &error);
        if let ErrorKind::InsertMany(_) = error.kind.as_ref() {
            // Written, but not known to be safe: to be sent again.
            told.problem = Problem::Interrupted;
        }
        Err(told.into())
    }

    /// Waits for an answer, so long and no longer. Not to be called from within a future.
    fn waited<T>(
        &self,
        limit: Duration,
        doing: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, LogError> {
        let waited = crate::runtime::block_on(async { tokio::time::timeout(limit, work).await })
            .map_err(|e| LogError::Runtime(e.full_message()))?;
        waited.map_err(|_| {
            let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
            LogError::MongoDb(MongoError {
                doing: doing.to_owned(),
                server: server
                    .as_ref()
                    .map_or("MongoDB", MongoServer::shown)
                    .to_owned(),
                problem: Problem::ConnectionLost(Reach::TimedOut),
            })
        })
    }
}

/// Where the ids of a moment begin.
fn first_id(milliseconds: u64) -> String {
    format!("{milliseconds:012x}-")
}

/// The documents of rows, made one by one.
struct Documents<'a> {
    rows: &'a LoggedRows,
    /// Names that are no keys of BSON (a zero byte) are left out.
    keys: Vec<Option<CString>>,
    row: usize,
}

impl<'a> Documents<'a> {
    fn of(rows: &'a LoggedRows) -> Self {
        Self {
            rows,
            keys: rows
                .names
                .iter()
                .map(|name| CString::try_from(name.as_str()).ok())
                .collect(),
            row: 0,
        }
    }
}

impl Iterator for Documents<'_> {
    type Item = RawDocumentBuf;
    fn next(&mut self) -> Option<RawDocumentBuf> {
        let (at, rows) = (self.row, self.rows);
        let row = rows.rows.get(at)?;
        self.row += 1;
        let mut document = RawDocumentBuf::new();
        let id = row.id.to_string();
        document.append(cstr!("_id"), id.as_str());
        let when = DateTime::from_millis(row.at.timestamp_millis());
        document.append(cstr!("scored_at"), when);
        document.append(cstr!("model_version"), &*rows.version);
        match rows.classes.get(row.class) {
            Some(label) => document.append(cstr!("predicted_label"), label.as_str()),
            None => document.append(cstr!("predicted_label"), RawBsonRef::Null),
        }
        document.append(cstr!("predicted_score"), row.score);
        let mut features = RawDocumentBuf::new();
        for (key, cells) in self.keys.iter().zip(&rows.features) {
            let Some(key) = key else { continue };
            match cells {
                FeatureCells::Numbers(values) => match values.get(at) {
                    Some(value) if !value.is_nan() => features.append(key, *value),
                    _ => features.append(key, RawBsonRef::Null),
                },
                FeatureCells::Texts(values) => match values.get(at) {
                    Some(Some(text)) => features.append(key, text.as_str()),
                    _ => features.append(key, RawBsonRef::Null),
                },
            }
        }
        document.append(cstr!("features"), features);
        Some(document)
    }
}

/// Puts a document into the frames. Those that are no predictions are passed over.
fn take(document: &RawDocument, frames: &mut TrafficFrames) -> Option<()> {
    let id = document.get_str("_id").ok()?;
    id.parse::<PredictionId>().ok()?;
    let at = document.get_datetime("scored_at").ok()?;
    let features = document.get_document("features").ok()?;
    let mut cells = Vec::new();
    for pair in features {
        let (name, value) = pair.ok()?;
        cells.push((name.as_str(), cell(value)));
    }
    frames.push(
        [
            Some(id.to_owned()),
            chrono::DateTime::from_timestamp_millis(at.timestamp_millis())
                .map(|t| t.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
            document.get_str("model_version").ok().map(str::to_owned),
            document.get_str("predicted_label").ok().map(str::to_owned),
        ],
        document.get_f64("predicted_score").ok(),
        cells,
    );
    Some(())
}

fn cell(value: RawBsonRef<'_>) -> super::traffic_frames::Cell {
    use super::traffic_frames::Cell;
    match value {
        RawBsonRef::Double(v) => Cell::Number(v),
        RawBsonRef::Int32(v) => Cell::Number(f64::from(v)),
        RawBsonRef::Int64(v) => Cell::Number(v as f64),
        RawBsonRef::String(v) => Cell::Text(v.to_owned()),
        _ => Cell::Missing,
    }
}

#[cfg(test)]
#[path = "mongo_log_tests.rs"]
mod tests;
