//! Which documents a run sees, settled before the first is read.
//!
//! A collection grows while it is read. The bound taken at the start (the greatest `_id`, or the
//! latest time) leaves out what comes later; it is recorded, and the same bound gives the same
//! documents again as long as nobody changes or deletes them. Where the server can, all reading is
//! done as of one moment (read concern `snapshot`), so that changes in between do not show either.

use chrono::{DateTime, Utc};
use mongodb::bson::{Bson, Document, Timestamp, doc};
use mongodb::{ClientSession, Collection};
use serde::{Deserialize, Serialize};

use super::query::{Query, all_of, beyond, bound_text, parse_bound, type_group, types_like, up_to};
use super::retry::Patience;
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
        let mut patience = Patience::new(control);
        loop {
            let taken = crate::runtime::block_on(look(server, query))
                .map_err(|e| SourceError::Internal(e.to_string()))?;
            match taken {
                Err(SourceError::Mongo(e)) if e.is_transient() => patience.wait(e, &|_| {})?,
                other => return other,
            }
        }
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

/// Looks at the collection as of one moment where the server can, else as it is.
async fn look(server: &MongoServer, query: &Query) -> Result<Snapshot, SourceError> {
    let doing = || format!("reading {}", query.namespace);
    let session = server.client().start_session().snapshot(true).await;
    if let Ok(mut session) = session {
        match seen(server, query, Some(&mut session)).await {
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
    match seen(server, query, None).await {
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
            let last = top(field.clone(), -1, filter.clone());
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
    fn nested_fields_are_found() {
        let document = doc! { "a": { "b": 1 }, "a.c": 2 };
        assert_eq!(inner(&document, "a.b"), Some(&Bson::Int32(1)));
        assert_eq!(inner(&document, "a.c"), Some(&Bson::Int32(2)));
        assert_eq!(inner(&document, "a.d"), None);
    }
}
