//! Raw batches from the server, ahead of whoever decodes them but never far.
//!
//! Fetching runs on the runtime of the backends, decoding on the caller's thread: the next batch
//! travels while one is decoded. The channel between them is bounded, so a slow decoder slows the
//! server down instead of filling memory.
//!
//! A large collection is fetched in ranges of `_id`, two at a time and handed on in order: one
//! cursor alone leaves the server idle while its batch travels.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use mongodb::Collection;
use mongodb::bson::{Bson, Document, Timestamp, doc};
use mongodb::raw_batch_cursor::RawBatch;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, JoinSet};

use super::query::all_of;
use super::retry::{self, TICK};
use super::{MongoError, MongoServer, Namespace};
use crate::error::CommandError;
use crate::learners::FitControl;
use crate::source::error::SourceError;

/// Documents in a batch. The server sends at most 16 MiB at once, whatever is asked.
const BATCH: u32 = 20_000;
/// Batches that may wait for the decoder.
const AHEAD: usize = 2;
/// Documents of a range, about.
const RANGE: u64 = 20_000;
/// Documents in a batch of a range: smaller, because those of a whole range may wait their turn.
const RANGE_BATCH: u32 = 5_000;
/// Batches of the next range that may wait.
const RANGE_AHEAD: usize = 4;
/// Ranges that are fetched at the same time.
const LANES: usize = 2;
/// Documents from which ranges are worth finding out their ends.
const WORTH: u64 = 3 * RANGE;
/// Ranges at most, however large the collection.
const MOST_RANGES: u64 = 1_000;
/// Documents looked at for each range's end.
const LOOKED_AT: u64 = 20;

/// What is fetched.
pub(super) struct Request {
    pub namespace: Namespace,
    pub filter: Document,
    pub projection: Option<Document>,
    pub limit: Option<i64>,
    /// As of which moment, where the server can.
    pub moment: Option<Timestamp>,
    /// Whether the server may have to sort more than `_id`'s index gives it.
    pub may_sort: bool,
    /// Documents to come, about; 0 when ranges of `_id` cannot be told apart.
    pub documents: u64,
}

enum Message {
    Batch(RawBatch),
    Failed(MongoError),
    End,
}

/// Batches on their way.
pub(super) struct Batches {
    receiver: Receiver<Message>,
    task: JoinHandle<()>,
}

impl Drop for Batches {
    fn drop(&mut self) {
        // A fetch that nobody waits for any more; the driver kills the cursor of a dropped one.
        self.task.abort();
    }
}

impl Batches {
    /// Begins to fetch, in the order of `_id`.
    pub fn open(server: &MongoServer, request: Request) -> Result<Self, CommandError> {
        let (sender, receiver) = channel(AHEAD);
        let request = Arc::new(request);
        let server = server.clone();
        let task = crate::runtime::runtime()?.spawn(async move {
            let last = match fetch(&server, &request, &sender).await {
                Ok(true) => Message::End,
                // Nothing is said then, which the reader takes for what it is.
                Ok(false) => return,
                Err(e) => Message::Failed(e),
            };
            // Nobody listens when reading was given up.
            let _ = sender.send(last).await;
        });
        Ok(Self { receiver, task })
    }

    /// The next batch; `None` after the last one.
    pub fn next(&mut self, control: &FitControl) -> Result<Option<RawBatch>, SourceError> {
        loop {
            retry::check(control)?;
            let waited = crate::runtime::block_on(async {
                tokio::time::timeout(TICK, self.receiver.recv()).await
            });
            let message = match waited {
                Ok(Ok(message)) => message,
                Ok(Err(_)) => continue,
                Err(e) => return Err(SourceError::Internal(e.to_string())),
            };
            return match message {
                Some(Message::Batch(batch)) => Ok(Some(batch)),
                Some(Message::Failed(e)) => Err(e.into()),
                Some(Message::End) => Ok(None),
                // Only a fetch that broke off says nothing at the end: that must not look like
                // the end of the collection.
                None => Err(SourceError::BrokenReply(
                    "fetching stopped without a word".to_owned(),
                )),
            };
        }
    }
}

/// Fetches everything, in ranges where that helps. Returns whether all of it was handed on.
async fn fetch(
    server: &MongoServer,
    request: &Arc<Request>,
    sender: &Sender<Message>,
) -> Result<bool, MongoError> {
    let collection: Collection<Document> = server.collection(&request.namespace);
    let mut ranges = VecDeque::from(ranges(&ends(&collection, request).await));
    if ranges.len() < 2 {
        fetch_range(server, request, Document::new(), BATCH, sender).await?;
        return Ok(true);
    }
    // Dropped, and with it its tasks, when the whole fetch is given up.
    let mut lanes = JoinSet::new();
    let mut open: VecDeque<Receiver<Message>> = VecDeque::new();
    loop {
        while open.len() < LANES
            && let Some(range) = ranges.pop_front()
        {
            let (into, from) = channel(RANGE_AHEAD);
            let (server, request) = (server.clone(), Arc::clone(request));
            lanes.spawn(async move {
                let fetched = fetch_range(&server, &request, range, RANGE_BATCH, &into).await;
                let last = fetched.map_or_else(Message::Failed, |()| Message::End);
                // Nobody listens when reading was given up.
                let _ = into.send(last).await;
            });
            open.push_back(from);
        }
        let Some(mut batches) = open.pop_front() else {
            return Ok(true);
        };
        loop {
            match batches.recv().await {
                Some(Message::Batch(batch)) => {
                    if sender.send(Message::Batch(batch)).await.is_err() {
                        return Ok(false);
                    }
                }
                Some(Message::Failed(e)) => return Err(e),
                Some(Message::End) => break,
                // A range that broke off must not look like its end.
                None => return Ok(false),
            }
        }
    }
}

/// Values of `_id` that divide what is to be read into ranges of about equal size, in order; none
/// when that is not worth it, or cannot be found out. They only steer the reading, so that an
/// error here is no error of it.
async fn ends(collection: &Collection<Document>, request: &Request) -> Vec<Bson> {
    if request.documents < WORTH || request.may_sort || request.limit.is_some() {
        return Vec::new();
    }
    let buckets = (request.documents / RANGE).min(MOST_RANGES);
    let look = [
        // First, so that the server takes documents at random instead of going over all.
        doc! { "$sample": { "size": (buckets * LOOKED_AT) as i64 } },
        doc! { "$match": request.filter.clone() },
        doc! { "$bucketAuto": { "groupBy": "$_id", "buckets": buckets as i64 } },
    ];
    let found: mongodb::error::Result<Vec<Document>> = async {
        collection
            .aggregate(look)
            .allow_disk_use(true)
            .await?
            .try_collect()
            .await
    }
    .await;
    let begins = |bucket: &Document| bucket.get_document("_id").ok()?.get("min").cloned();
    match found {
        Ok(buckets) => buckets.iter().skip(1).filter_map(begins).collect(),
        Err(e) => {
            tracing::debug!(error = %e.kind, "ranges of _id are not known; one cursor reads all");
            Vec::new()
        }
    }
}

/// The conditions of the ranges between these ends: before the first, between each two, from the
/// last on.
fn ranges(ends: &[Bson]) -> Vec<Document> {
    let mut ranges = Vec::with_capacity(ends.len() + 1);
    for at in 0..=ends.len() {
        let mut bounds = Document::new();
        if let Some(from) = at.checked_sub(1).and_then(|i| ends.get(i)) {
            bounds.insert("$gte", from.clone());
        }
        if let Some(before) = ends.get(at) {
            bounds.insert("$lt", before.clone());
        }
        ranges.push(doc! { "_id": bounds });
    }
    ranges
}

/// Fetches the documents of one range, in the order of `_id`.
async fn fetch_range(
    server: &MongoServer,
    request: &Request,
    range: Document,
    batch: u32,
    sender: &Sender<Message>,
) -> Result<(), MongoError> {
    hand_on(server, request, range, batch, sender)
        .await
        .map_err(|e| server.error(format!("reading {}", request.namespace), &e))
}

async fn hand_on(
    server: &MongoServer,
    request: &Request,
    range: Document,
    batch: u32,
    sender: &Sender<Message>,
) -> mongodb::error::Result<()> {
    let collection: Collection<Document> = server.collection(&request.namespace);
    let mut find = collection
        .find(all_of(vec![request.filter.clone(), range]))
        .sort(doc! { "_id": 1 })
        .batch_size(batch);
    if let Some(projection) = &request.projection {
        find = find.projection(projection.clone());
    }
    if let Some(limit) = request.limit {
        find = find.limit(limit);
    }
    if request.may_sort {
        find = find.allow_disk_use(true);
    }
    match request.moment {
        Some(moment) => {
            let session = server.client().start_session().snapshot(true);
            let mut session = session.snapshot_time(moment).await?;
            let mut cursor = find.session(&mut session).batch().await?;
            let mut batches = cursor.stream(&mut session);
            while let Some(batch) = batches.next().await {
                if sender.send(Message::Batch(batch?)).await.is_err() {
                    break;
                }
            }
        }
        None => {
            let mut batches = find.batch().await?;
            while let Some(batch) = batches.next().await {
                if sender.send(Message::Batch(batch?)).await.is_err() {
                    break;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_leave_nothing_out_and_read_nothing_twice() {
        let ends = [Bson::Int32(3), Bson::Int32(7)];
        assert_eq!(
            ranges(&ends),
            [
                doc! { "_id": { "$lt": 3 } },
                doc! { "_id": { "$gte": 3, "$lt": 7 } },
                doc! { "_id": { "$gte": 7 } },
            ]
        );
        assert_eq!(ranges(&[]).len(), 1);
    }
}
