//! Which documents a run sees, settled before the first is read.
//!
//! A collection grows while it is read. The bound taken at the start (the greatest `_id`, or the
//! latest time) leaves out what comes later; it is recorded, and the same bound gives the same
//! documents again as long as nobody changes or deletes them. The ids that several writers make
//! within one second are in no order, so a bound of this very second is let grow old first. Where the server can, all reading is
//! done as of one moment (read concern `snapshot`), so that changes in between do not show either.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, Timestamp, doc};
use mongodb::{ClientSession, Collection};
use serde::{Deserialize, Serialize};

use super::query::{Query, all_of, beyond, bound_text, parse_bound, type_group, types_like, up_to};
use super::retry::{self, Patience, TICK};
use super::{MongoError, MongoServer, Problem};
use crate::learners::FitControl;
use crate::source::error::SourceError;

/// What a run sees of a collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// `DATABASE.COLLECTION`.
    pub collection: String,
    /// The field that bounds it.
    pub field: String,
    /// The greatest value of it that is read, as `[source] until` takes it.
    pub until: String,
    /// Documents. Counted where there is a filter or a given bound; else the collection's own
    /// count when the bound was taken.
    pub documents: u64,
    /// Documents left out because they have no value of the bound's type in `field`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_bound: u64,
    /// When it was settled.
    pub taken_at: DateTime<Utc>,
    /// Whether `_id` holds values of types that are not compared with each other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mixed_ids: bool,
    /// The moment of the server's clock (seconds, counter) as of which everything is read; none
    /// where the server cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<(u32, u32)>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Snapshot {
    /// Settles what is read now.
    pub fn take(
        server: &MongoServer,
        query: &Query,
        control: &FitControl,
    ) -> Result<Self, SourceError> {
        // What is not of a settled second is left for later; at first nothing is.
        let mut before = None;
        loop {
            let looked = patiently(server, query, before, control)?;
            let Some(wait) = looked.unsettled else {
                return Ok(looked.snapshot);
            };
            // Once is enough: whatever comes meanwhile lies behind the second that is waited for.
            before = looked.second_after;
            let begun = std::time::Instant::now();
            while begun.elapsed() < wait {
                retry::check(control)?;
                std::thread::sleep(TICK);
            }
        }
    }

    /// What lies there now, for a look at it: documents may still be added below its bound.
    pub fn glance(
        server: &MongoServer,
        query: &Query,
        control: &FitControl,
    ) -> Result<Self, SourceError> {
        Ok(patiently(server, query, None, control)?.snapshot)
    }

    /// What the result of reading depends on: everything here, the time among it. Two snapshots
    /// with the same bound and count need not hold the same values, for a document can be changed
    /// in place; no server says cheaply that none was.
    pub fn fingerprint(&self) -> String {
        crate::hash::sha256_json(self)
    }

    /// The condition for what is left to read after the document with `_id` = `after`.
    pub(super) fn condition(
        &self,
        query: &Query,
        after: Option<&Bson>,
    ) -> Result<Document, SourceError> {
        let until = parse_bound(&self.until);
        let mut conditions = vec![
            query.condition()?,
            up_to(&self.field, &until, self.mixed_ids && self.field == "_id"),
        ];
        if let Some(after) = after {
            conditions.push(beyond("_id", after, self.mixed_ids));
        }
        Ok(all_of(conditions))
    }

    /// The moment as the driver takes it.
    pub(super) fn moment(&self) -> Option<Timestamp> {
        let (time, increment) = self.as_of?;
        Some(Timestamp { time, increment })
    }
}

/// Looks, and again when the server went away.
fn patiently(
    server: &MongoServer,
    query: &Query,
    before: Option<ObjectId>,
    control: &FitControl,
) -> Result<Looked, SourceError> {
    let mut patience = Patience::new(control);
    loop {
        let looked = crate::runtime::block_on(look(server, query, before))
            .map_err(|e| SourceError::Internal(e.to_string()))?;
        match looked {
            Err(SourceError::Mongo(e)) if e.is_transient() => patience.wait(e, &|_| {})?,
            other => return other,
        }
    }
}

/// Seconds after which the ids of a second are believed to be all there: its own rest, and the way
/// from a writer that made an id to the server.
const SETTLED: i64 = 3;

/// What was found, and whether it can be believed to stay.
struct Looked {
    snapshot: Snapshot,
    /// How long writers may still add documents below the bound.
    unsettled: Option<Duration>,
    /// The first id of the second after the bound's.
    second_after: Option<ObjectId>,
}

/// Settles the snapshot, and whether others may be adding documents below its bound right now.
async fn look(
    server: &MongoServer,
    query: &Query,
    before: Option<ObjectId>,
) -> Result<Looked, SourceError> {
    let snapshot = at_one_moment(server, query, before).await?;
    let mut looked = Looked {
        snapshot,
        unsettled: None,
        second_after: None,
    };
    let chosen = query.until.is_some() || query.time_field.is_some() || before.is_some();
    if let (false, Bson::ObjectId(id)) = (chosen, parse_bound(&looked.snapshot.until)) {
        // By the server's clock, which is nearer to the writers' than ours. One that does not tell
        // is not waited for.
        let hello = server
            .client()
            .database("admin")
            .run_command(doc! { "hello": 1 })
            .await;
        let now = hello
            .ok()
            .and_then(|h| h.get_datetime("localTime").ok().copied());
        let second = id.timestamp().timestamp_millis() / 1000;
        looked.unsettled = now.and_then(|now| unsettled(second, now.timestamp_millis()));
        looked.second_after = second_after(second);
    }
    Ok(looked)
}

/// How long the ids of `second` are still in the making at `now` (milliseconds), if they are. A
/// second far ahead of the server's clock is not waited for: its writer's clock is wrong.
fn unsettled(second: i64, now: i64) -> Option<Duration> {
    let settled = (second + SETTLED) * 1000;
    let left = settled.checked_sub(now)?;
    (1..=2 * SETTLED * 1000)
        .contains(&left)
        .then(|| Duration::from_millis(left.unsigned_abs()))
}

/// The smallest id that a second after this one can have.
fn second_after(second: i64) -> Option<ObjectId> {
    let after = u32::try_from(second.checked_add(1)?).ok()?;
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&after.to_be_bytes());
    Some(ObjectId::from_bytes(bytes))
}

/// Looks at the collection as of one moment where the server can, else as it is.
async fn at_one_moment(
    server: &MongoServer,
    query: &Query,
    before: Option<ObjectId>,
) -> Result<Snapshot, SourceError> {
    let doing = || format!("reading {}", query.namespace);
    let session = server.client().start_session().snapshot(true).await;
    if let Ok(mut session) = session {
        match seen(server, query, before, Some(&mut session)).await {
            // A second try with a wrong password would find no server at all: the driver avoids
            // one that refused it.
            Err(SourceError::Mongo(e)) if e.problem == Problem::Credentials => return Err(e.into()),
            Err(SourceError::Mongo(e)) if !e.is_transient() && !e.is_denied() => {
                // A single server, or an old one, has no moments.
                tracing::debug!(error = %e, "no snapshot reads");
            }
            other => {
                return other.map(|snapshot| Snapshot {
                    as_of: session.snapshot_time().map(|t| (t.time, t.increment)),
                    ..snapshot
                });
            }
        }
    }
    match seen(server, query, before, None).await {
        Err(SourceError::Mongo(e)) => Err(MongoError {
            doing: doing(),
            ..e
        }
        .into()),
        other => other,
    }
}

async fn seen(
    server: &MongoServer,
    query: &Query,
    before: Option<ObjectId>,
    mut session: Option<&mut ClientSession>,
) -> Result<Snapshot, SourceError> {
    let failed = |e: mongodb::error::Error| {
        SourceError::Mongo(server.error(format!("reading {}", query.namespace), &e))
    };
    let collection: Collection<Document> = server.collection(&query.namespace);
    let filter = query.condition()?;
    let field = query.time_field.clone().unwrap_or_else(|| "_id".to_owned());
    let top = |field: String, direction: i32, filter: Document| {
        collection
            .find_one(filter)
            .sort(doc! { &field: direction })
            .projection(doc! { &field: 1 })
    };
    let nothing = || SourceError::NoDocuments {
        what: query.shown(),
        filtered: !filter.is_empty(),
    };
    let bound = match &query.until {
        Some(text) => parse_bound(text),
        None => {
            let settled = match before {
                Some(before) => all_of(vec![filter.clone(), doc! { "_id": { "$lt": before } }]),
                None => filter.clone(),
            };
            let last = top(field.clone(), -1, settled);
            let last = match &mut session {
                Some(session) => last.session(&mut **session).await,
                None => last.await,
            };
            match last.map_err(failed)? {
                Some(last) => inner(&last, &field).cloned().ok_or_else(|| {
                    SourceError::Setting(format!(
                        "no document of {} has a field `{field}`, which should bound the snapshot",
                        query.shown()
                    ))
                })?,
                None => {
                    server.require_collection(&query.namespace).await?;
                    return Err(nothing());
                }
            }
        }
    };
    let first = top("_id".to_owned(), 1, filter.clone());
    let first = match &mut session {
        Some(session) => first.session(&mut **session).await,
        None => first.await,
    };
    let first = first.map_err(failed)?;
    let last_id = if field == "_id" {
        Some(bound.clone())
    } else {
        let last = top("_id".to_owned(), -1, filter.clone());
        let last = match &mut session {
            Some(session) => last.session(&mut **session).await,
            None => last.await,
        };
        last.map_err(failed)?.and_then(|d| d.get("_id").cloned())
    };
    let Some(first) = first else {
        server.require_collection(&query.namespace).await?;
        return Err(nothing());
    };
    let (Some(first), Some(last_id)) = (first.get("_id"), last_id) else {
        return Err(SourceError::Setting(format!(
            "the documents of {} have no `_id`, by which they are read",
            query.shown()
        )));
    };
    let mixed_ids = type_group(first) != type_group(&last_id);
    let up_to_bound = up_to(&field, &bound, mixed_ids && field == "_id");
    let stored = stored(&collection).await;
    let counted = !filter.is_empty() || query.until.is_some() || query.time_field.is_some();
    let documents = match stored {
        Some(documents) if !counted => documents,
        _ => {
            let condition = all_of(vec![filter.clone(), up_to_bound]);
            let count = collection.count_documents(condition);
            let count = match &mut session {
                Some(session) => count.session(&mut **session).await,
                None => count.await,
            };
            count.map_err(failed)?
        }
    };
    let without_bound = match &query.time_field {
        None => 0,
        Some(field) => {
            let other = doc! { field: { "$not": { "$type": types_like(&bound) } } };
            let count = collection.count_documents(all_of(vec![filter.clone(), other]));
            let count = match &mut session {
                Some(session) => count.session(&mut **session).await,
                None => count.await,
            };
            count.map_err(failed)?
        }
    };
    if documents == 0 {
        return Err(nothing());
    }
    Ok(Snapshot {
        collection: query.namespace.to_string(),
        field,
        until: bound_text(&bound),
        documents,
        without_bound,
        taken_at: Utc::now(),
        mixed_ids,
        as_of: None,
    })
}

/// Documents of a collection from its own books; `None` for a view, or when the user may not ask.
async fn stored(collection: &Collection<Document>) -> Option<u64> {
    let mut cursor = collection
        .aggregate([doc! { "$collStats": { "storageStats": {} } }])
        .await
        .ok()?;
    let mut documents = 0;
    // One reply of every shard.
    while cursor.advance().await.ok()? {
        let stats: Document = cursor.deserialize_current().ok()?;
        let stats = stats.get_document("storageStats").ok()?;
        documents += whole(stats.get("count")?)?;
    }
    Some(documents)
}

fn whole(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(v) => u64::try_from(*v).ok(),
        Bson::Int64(v) => u64::try_from(*v).ok(),
        Bson::Double(v) if *v >= 0.0 => Some(*v as u64),
        _ => None,
    }
}

/// The value of a field, nested ones by dots.
fn inner<'d>(document: &'d Document, field: &str) -> Option<&'d Bson> {
    if let Some(value) = document.get(field) {
        return Some(value);
    }
    let (first, rest) = field.split_once('.')?;
    inner(document.get(first)?.as_document()?, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mongodb::Namespace;

    #[test]
    fn the_condition_joins_filter_bound_and_place() {
        let mut query = Query::whole(Namespace::parse("d.c").unwrap());
        query.filter = Some(r#"{"proto": "tcp"}"#.to_owned());
        let snapshot = Snapshot {
            collection: "d.c".into(),
            field: "_id".into(),
            until: "9".into(),
            documents: 9,
            without_bound: 0,
            taken_at: DateTime::default(),
            mixed_ids: false,
            as_of: Some((7, 1)),
        };
        assert_eq!(
            snapshot.condition(&query, Some(&Bson::Int32(3))).unwrap(),
            doc! { "$and": [
                { "proto": "tcp" }, { "_id": { "$lte": 9 } }, { "_id": { "$gt": 3 } }
            ] }
        );
        assert_eq!(snapshot.fingerprint(), snapshot.clone().fingerprint());
        // A document may have been changed in place since.
        let later = Snapshot {
            taken_at: Utc::now(),
            ..snapshot.clone()
        };
        assert_ne!(snapshot.fingerprint(), later.fingerprint());
    }

    #[test]
    fn only_ids_of_the_present_are_waited_for() {
        let second = 1_000;
        let wait = |now: i64| unsettled(second, now).map(|d| d.as_millis());
        assert_eq!(wait(1_000_250), Some(2_750));
        assert_eq!(wait(1_002_999), Some(1));
        assert_eq!(wait(1_003_000), None);
        assert_eq!(wait(2_000_000), None);
        // A clock a little ahead is waited for, one far ahead is not.
        assert_eq!(wait(999_000), Some(4_000));
        assert_eq!(wait(900_000), None);
        let after = second_after(second).unwrap();
        assert_eq!(after.timestamp().timestamp_millis(), 1_001_000);
        assert_eq!(&after.bytes()[4..], [0; 8]);
        assert_eq!(second_after(i64::from(u32::MAX)), None);
    }

    #[test]
    fn nested_fields_are_found() {
        let document = doc! { "a": { "b": 1 }, "a.c": 2 };
        assert_eq!(inner(&document, "a.b"), Some(&Bson::Int32(1)));
        assert_eq!(inner(&document, "a.c"), Some(&Bson::Int32(2)));
        assert_eq!(inner(&document, "a.d"), None);
    }
}
