//! The time that the ids of a file's rows begin with, frozen when the file first meets a
//! collection.
//!
//! It stands in a collection of its own beside the user's, never in it. It stays when the user's
//! collection is dropped, so filling that again gives the same ids.

use std::path::Path;

use chrono::Utc;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::ReturnDocument;

use super::super::{MongoError, MongoServer, Namespace};

/// The collection that imports are noted in, one document for each file and collection.
pub const LEDGER: &str = "netsec_imports";

/// The time for a file's rows in a collection: that of its first import, else now, later than
/// that of every other file, so that later imports sort later.
pub(super) async fn time_of(
    server: &MongoServer,
    namespace: &Namespace,
    sha256: &str,
    path: &Path,
) -> Result<u32, MongoError> {
    let doing = format!("importing into {namespace}");
    let ledger = server.collection::<Document>(&Namespace {
        database: namespace.database.clone(),
        collection: LEDGER.to_owned(),
    });
    let id = doc! { "collection": &namespace.collection, "sha256": sha256 };
    let fail = |e: &mongodb::error::Error| server.error(doing.clone(), e);
    let known = ledger.find_one(doc! { "_id": id.clone() }).await;
    if let Some(known) = known.map_err(|e| fail(&e))?
        && let Some(time) = time_in(&known)
    {
        return Ok(time);
    }
    let latest = ledger
        .find_one(doc! { "_id.collection": &namespace.collection })
        .sort(doc! { "time": -1 })
        .await
        .map_err(|e| fail(&e))?;
    let now = Utc::now();
    let time = next_time(now.timestamp(), latest.as_ref().and_then(time_in));
    let file = path
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    // Two imports of the same file may begin at once: whoever comes second gets the first one's
    // time.
    let noted = ledger
        .find_one_and_update(
            doc! { "_id": id },
            doc! { "$setOnInsert": {
                "time": i64::from(time), "file": file,
                "begun": DateTime::from_millis(now.timestamp_millis()),
            } },
        )
        .upsert(true)
        .return_document(ReturnDocument::After)
        .await
        .map_err(|e| fail(&e))?;
    Ok(noted.as_ref().and_then(time_in).unwrap_or(time))
}

/// A new file's time: now, but later than the latest.
fn next_time(now: i64, latest: Option<u32>) -> u32 {
    let now = u32::try_from(now).unwrap_or(u32::MAX);
    latest.map_or(now, |latest| now.max(latest.saturating_add(1)))
}

fn time_in(noted: &Document) -> Option<u32> {
    match noted.get("time")? {
        Bson::Int64(time) => u32::try_from(*time).ok(),
        Bson::Int32(time) => u32::try_from(*time).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_imports_have_later_times() {
        assert_eq!(next_time(100, None), 100);
        assert_eq!(next_time(100, Some(50)), 100);
        // Two files within a second, or a clock that went back.
        assert_eq!(next_time(100, Some(100)), 101);
        assert_eq!(next_time(100, Some(500)), 501);
    }
}
