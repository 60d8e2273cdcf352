//! Raw batches from the server, ahead of whoever decodes them but never far.
//!
//! Fetching runs on the runtime of the backends, decoding on the caller's thread: the next batch
//! travels while one is decoded. The channel between them is bounded, so a slow decoder slows the
//! server down instead of filling memory.

use futures_util::StreamExt;
use mongodb::Collection;
use mongodb::bson::{Document, Timestamp, doc};
use mongodb::raw_batch_cursor::RawBatch;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::retry::{self, TICK};
use super::{MongoError, MongoServer, Namespace};
use crate::error::CommandError;
use crate::learners::FitControl;
use crate::source::error::SourceError;

/// Documents in a batch. The server sends at most 16 MiB at once, whatever is asked.
const BATCH: u32 = 20_000;
/// Batches that may wait for the decoder.
const AHEAD: usize = 2;

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
        let server = server.clone();
        let task = crate::runtime::runtime()?.spawn(async move {
            let last = match fetch(&server, &request, &sender).await {
                Ok(()) => Message::End,
                Err(e) => {
                    Message::Failed(server.error(format!("reading {}", request.namespace), &e))
                }
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

async fn fetch(
    server: &MongoServer,
    request: &Request,
    sender: &Sender<Message>,
) -> mongodb::error::Result<()> {
    let collection: Collection<Document> = server.collection(&request.namespace);
    let mut find = collection
        .find(request.filter.clone())
        .sort(doc! { "_id": 1 })
        .batch_size(BATCH);
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
