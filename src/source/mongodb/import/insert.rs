//! Batches of documents to the server, each document once.
//!
//! A few batches are on their way at a time, while the file is read on. Insertion is unordered
//! and can be repeated: before a batch is sent, ids that may be there already are asked for, and
//! a duplicate of exactly these ids is no error. When the server goes away, a batch is tried
//! again for a while.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc, oid::ObjectId};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::InsertManyOptions;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::JoinHandle;

use super::ids::IdRange;
use super::status::{ImportStatus, Standing};
use super::{super::error::DUPLICATE_KEY, ImportError};
use crate::source::mongodb::{MongoError, MongoServer, Namespace};
use crate::text::clean_to;

/// Batches on their way at a time.
const SENDERS: usize = 3;
/// Pauses between tries while the server is away; with the time each try takes to find no server,
/// about a minute and a half.
const PAUSES: [Duration; 9] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(5),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(10),
];
/// Problems that are kept for people.
const SHOWN: usize = 20;

type Batch = Vec<(u32, RawDocumentBuf)>;

/// A row that is not in the collection, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowProblem {
    /// The row, from 1.
    pub row: u64,
    /// The line it begins on, from 1, where it is known.
    pub line: Option<u64>,
    /// Why.
    pub reason: String,
}

/// A count of problems and the first of them by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Problems {
    count: u64,
    first: BTreeSet<RowProblem>,
}

impl Problems {
    pub fn add(&mut self, problem: RowProblem) {
        self.count += 1;
        self.first.insert(problem);
        if self.first.len() > SHOWN {
            self.first.pop_last();
        }
    }
    pub fn into_parts(self) -> (u64, Vec<RowProblem>) {
        (self.count, self.first.into_iter().collect())
    }
}

/// What became of the batches.
#[derive(Debug, Default)]
pub(super) struct Inserted {
    pub added: u64,
    pub there: u64,
    pub refused: Problems,
}

/// Sends batches from tasks of its own.
pub(super) struct Inserter {
    range: IdRange,
    batches: mpsc::Sender<Batch>,
    tasks: Vec<JoinHandle<Result<(), MongoError>>>,
    shared: Arc<Shared>,
    runtime: &'static Runtime,
}

/// What the tasks have in common.
struct Shared {
    server: MongoServer,
    namespace: Namespace,
    range: IdRange,
    /// Nothing of this file was there when the import began.
    fresh: bool,
    status: Arc<ImportStatus>,
    inserted: Mutex<Inserted>,
}

impl Inserter {
    pub fn start(
        runtime: &'static Runtime,
        server: &MongoServer,
        namespace: &Namespace,
        range: IdRange,
        fresh: bool,
        status: &Arc<ImportStatus>,
    ) -> Self {
        let (batches, receiver) = mpsc::channel(1);
        let receiver = Arc::new(AsyncMutex::new(receiver));
        let shared = Arc::new(Shared {
            server: server.clone(),
            namespace: namespace.clone(),
            range,
            fresh,
            status: Arc::clone(status),
            inserted: Mutex::default(),
        });
        let tasks = (0..SENDERS)
            .map(|_| runtime.spawn(send_all(Arc::clone(&receiver), Arc::clone(&shared))))
            .collect();
        Self {
            range,
            batches,
            tasks,
            shared,
            runtime,
        }
    }

    /// The id of a row.
    pub fn id(&self, row: u32) -> ObjectId {
        self.range.id(row)
    }

    /// Hands a batch over, waiting while enough are on their way; `false` when they are no longer
    /// taken, because the server failed.
    pub fn send(&self, batch: Batch) -> bool {
        self.batches.blocking_send(batch).is_ok()
    }

    /// Waits for the batches on their way.
    pub fn finish(self) -> Result<Inserted, ImportError> {
        drop(self.batches);
        let mut failed = None;
        for task in self.tasks {
            match self.runtime.block_on(task) {
                Ok(Ok(())) => {}
                Ok(Err(e)) => {
                    failed.get_or_insert(ImportError::Inserting(e));
                }
                Err(e) => {
                    failed.get_or_insert(ImportError::Runtime(format!("a sender failed: {e}")));
                }
            }
        }
        match failed {
            Some(e) => Err(e),
            None => Ok(std::mem::take(
                &mut *self
                    .shared
                    .inserted
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            )),
        }
    }
}

/// Whether none of a file's rows is in the collection.
pub(super) async fn is_fresh(
    server: &MongoServer,
    namespace: &Namespace,
    range: &IdRange,
) -> Result<bool, MongoError> {
    server
        .collection::<Document>(namespace)
        .find_one(doc! { "_id": { "$gte": range.id(0), "$lte": range.id(u32::MAX) } })
        .projection(doc! { "_id": 1 })
        .await
        .map(|found| found.is_none())
        .map_err(|e| server.error(format!("reading {namespace}"), &e))
}

async fn send_all(
    receiver: Arc<AsyncMutex<mpsc::Receiver<Batch>>>,
    shared: Arc<Shared>,
) -> Result<(), MongoError> {
    loop {
        let Some(batch) = receiver.lock().await.recv().await else {
            return Ok(());
        };
        if let Err(e) = shared.send(&batch).await {
            // Whoever waits to hand over the next batch is told that nobody takes it.
            receiver.lock().await.close();
            return Err(e);
        }
    }
}

impl Shared {
    /// Inserts a batch, however often it takes.
    async fn send(&self, batch: &[(u32, RawDocumentBuf)]) -> Result<(), MongoError> {
        let mut pauses = PAUSES.iter();
        // What was there before this import; asked once, for later tries find their own rows too.
        let mut before: Option<BTreeSet<u32>> = self.fresh.then(BTreeSet::new);
        let mut tried = false;
        loop {
            let sent = self.try_once(batch, &mut before, tried).await;
            tried |= before.is_some();
            match sent {
                Ok(refused) => {
                    let there = before.as_ref().map_or(0, BTreeSet::len) as u64;
                    let added = batch.len() as u64 - there - refused.len() as u64;
                    self.status.inserted(added, there);
                    if matches!(self.status.standing(), Standing::Waiting(_)) {
                        self.status.set(Standing::Inserting);
                    }
                    let mut inserted = self.inserted.lock().unwrap_or_else(PoisonError::into_inner);
                    inserted.added += added;
                    inserted.there += there;
                    for problem in refused {
                        inserted.refused.add(problem);
                    }
                    return Ok(());
                }
                Err(e) if e.is_transient() => match pauses.next() {
                    Some(pause) => {
                        self.status.set(Standing::Waiting(e.to_string()));
                        tokio::time::sleep(*pause).await;
                    }
                    None => return Err(e),
                },
                Err(e) => return Err(e),
            }
        }
    }

    /// One try: what is not there is inserted. Returns the rows that the server refuses.
    async fn try_once(
        &self,
        batch: &[(u32, RawDocumentBuf)],
        before: &mut Option<BTreeSet<u32>>,
        again: bool,
    ) -> Result<Vec<RowProblem>, MongoError> {
        let present = match before {
            Some(before) if !again => before.clone(),
            _ => self.present(batch).await?,
        };
        if before.is_none() {
            *before = Some(present.clone());
        }
        let wanted: Vec<&(u32, RawDocumentBuf)> = batch
            .iter()
            .filter(|(row, _)| !present.contains(row))
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let options = InsertManyOptions::builder().ordered(false).build();
        let result = self
            .server
            .collection::<RawDocumentBuf>(&self.namespace)
            .insert_many(wanted.iter().map(|(_, document)| document))
            .with_options(options)
            .await;
        match result {
            Ok(_) => Ok(Vec::new()),
            Err(e) => self.refusals(&wanted, e, before).await,
        }
    }

    /// Divides what an insertion complains about: rows that somebody else inserted meanwhile (no
    /// complaint), rows that are refused, and failures of the whole.
    async fn refusals(
        &self,
        wanted: &[&(u32, RawDocumentBuf)],
        error: Error,
        before: &mut Option<BTreeSet<u32>>,
    ) -> Result<Vec<RowProblem>, MongoError> {
        let doing = || format!("importing into {}", self.namespace);
        let ErrorKind::InsertMany(failure) = error.kind.as_ref() else {
            return Err(self.server.error(doing(), &error));
        };
        let Some(errors) = failure.write_errors.as_ref().filter(|e| !e.is_empty()) else {
            return Err(self.server.error(doing(), &error));
        };
        if failure.write_concern_error.is_some() {
            // Inserted, but not known to be safe: to be tried again, and found to be there.
            let mut whole = self.server.error(doing(), &error);
            whole.problem = super::super::Problem::Interrupted;
            return Err(whole);
        }
        let mut duplicates = Vec::new();
        let mut refused = Vec::new();
        for e in errors {
            let Some((row, _)) = wanted.get(e.index) else {
                continue;
            };
            if e.code == DUPLICATE_KEY {
                duplicates.push(*row);
            } else {
                refused.push(RowProblem {
                    row: u64::from(*row) + 1,
                    line: None,
                    reason: self.reason(e.code, &e.message),
                });
            }
        }
        if !duplicates.is_empty() {
            // A duplicate of the id is there; a duplicate of another unique index is not.
            let ids: Vec<ObjectId> = duplicates.iter().map(|row| self.range.id(*row)).collect();
            let there = self.rows_where(doc! { "_id": { "$in": ids } }).await?;
            for row in duplicates {
                if there.contains(&row) {
                    before.get_or_insert_with(BTreeSet::new).insert(row);
                } else {
                    refused.push(RowProblem {
                        row: u64::from(row) + 1,
                        line: None,
                        reason: "a unique index of the collection has this value already"
                            .to_owned(),
                    });
                }
            }
        }
        Ok(refused)
    }

    fn reason(&self, code: i32, message: &str) -> String {
        match code {
            121 => "the collection's validation rule refuses the document".to_owned(),
            _ => format!(
                "{} (code {code})",
                clean_to(&self.server.redact(message), 200)
            ),
        }
    }

    /// The rows of a batch that are there.
    async fn present(&self, batch: &[(u32, RawDocumentBuf)]) -> Result<BTreeSet<u32>, MongoError> {
        let (Some((first, _)), Some((last, _))) = (batch.first(), batch.last()) else {
            return Ok(BTreeSet::new());
        };
        let (first, last) = (self.range.id(*first), self.range.id(*last));
        self.rows_where(doc! { "_id": { "$gte": first, "$lte": last } })
            .await
    }

    async fn rows_where(&self, filter: Document) -> Result<BTreeSet<u32>, MongoError> {
        let fail = |e: &Error| self.server.error(format!("reading {}", self.namespace), e);
        let mut found = self
            .server
            .collection::<Document>(&self.namespace)
            .find(filter)
            .projection(doc! { "_id": 1 })
            .await
            .map_err(|e| fail(&e))?;
        let mut rows = BTreeSet::new();
        while let Some(document) = found.try_next().await.map_err(|e| fail(&e))? {
            if let Ok(id) = document.get_object_id("_id") {
                rows.extend(self.range.row(id));
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_problems_by_row_are_kept() {
        let mut problems = Problems::default();
        for row in (1..=50).rev() {
            problems.add(RowProblem {
                row,
                line: None,
                reason: "r".to_owned(),
            });
        }
        let (count, first) = problems.into_parts();
        assert_eq!(count, 50);
        let rows: Vec<u64> = first.iter().map(|p| p.row).collect();
        assert_eq!(rows, (1..=20).collect::<Vec<_>>());
    }
}
