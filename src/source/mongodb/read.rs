//! Reading a collection into a table, as a file is read into one.
//!
//! Values, quarantine and counts come from the collector that files use, so the same rows give
//! the same table. Rows are collected in parts of bounded size; what a part needs beyond its table
//! at any moment are a few batches.

use std::path::Path;
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, RawDocument};
use polars::prelude::{Column, Series};

use super::document::{Fields, Walker};
use super::parts::{PartFolder, PartWriter, Place};
use super::query::{Query, bound_text, parse_bound};
use super::retry::Patience;
use super::snapshot::Snapshot;
use super::stream::{Batches, Request};
use super::{MongoServer, Problem, value};
use crate::dataset::{Frame, ROW_COLUMN, RawTable};
use crate::learners::FitControl;
use crate::schema::{Role, Schema};
use crate::source::detect::{Compression, Detected, Format, LineEnds, TextEncoding};
use crate::source::error::SourceError;
use crate::source::header::{self, HeaderReport};
use crate::source::kinds::Kinds;
use crate::source::raw::Raw;
use crate::source::read::Ingested;
use crate::source::report::{CoercionReport, ColumnCoercion};
use crate::source::rows::RowConsumer;
use crate::source::spool::{Parts, Spooled, TakePart};
use crate::source::typed::{Part, Typed};

/// Rows from which a part is closed.
const PART_ROWS: u64 = 100_000;
/// Rows of a batch, by which a part may be longer.
const BATCH_ROWS: u64 = 20_000;
/// While reading takes long, what was read is made durable so often. Less is not worth the
/// writing: reading it again takes no longer.
const KEEP_EVERY: Duration = Duration::from_secs(2);

/// How reading is watched and steered.
pub struct Watching<'a> {
    /// Is told documents read and documents expected.
    pub progress: &'a dyn Fn(u64, Option<u64>),
    /// Is told what the operator should know: a server that went away.
    pub notice: &'a dyn Fn(String),
    /// Can cancel.
    pub control: &'a FitControl,
}

/// A collection read into a table, and how it went.
#[derive(Debug)]
pub struct CollectionRead {
    /// The table, as a file gives one.
    pub ingested: Ingested,
    /// Rows that an earlier attempt had read already.
    pub resumed: u64,
    /// Whether all of it was read as of one moment.
    pub one_moment: bool,
}

/// Reads a collection after a schema. With `keep`, a folder, what was read is kept there while it
/// goes on, and a later call with the same snapshot, query and schema goes on from it.
pub fn read_collection(
    server: &MongoServer,
    query: &Query,
    snapshot: &Snapshot,
    schema: &Schema,
    require_label: bool,
    keep: Option<&Path>,
    watching: &Watching<'_>,
) -> Result<CollectionRead, SourceError> {
    read_typed(
        server,
        query,
        snapshot,
        schema,
        require_label,
        keep.map(|dir| (dir, KEEP_EVERY)),
        watching,
    )
}

/// Reads a collection into a table without keeping anything: after a schema (the label may be
/// missing), or without one, where fields whose values are all numbers are `f64` and all others
/// text. The documents are those the collection holds now.
pub fn load_collection(
    server: &MongoServer,
    query: &Query,
    schema: Option<&Schema>,
    watching: &Watching<'_>,
) -> Result<Ingested, SourceError> {
    let snapshot = Snapshot::take(server, query, watching.control)?;
    load(server, query, &snapshot, schema, watching)
}

/// The first documents of a collection, up to the query's limit, as [`load_collection`] gives them.
/// Waits for nothing: documents may still be added among these.
pub fn first_documents(
    server: &MongoServer,
    query: &Query,
    watching: &Watching<'_>,
) -> Result<Ingested, SourceError> {
    let snapshot = Snapshot::glance(server, query, watching.control)?;
    load(server, query, &snapshot, None, watching)
}

fn load(
    server: &MongoServer,
    query: &Query,
    snapshot: &Snapshot,
    schema: Option<&Schema>,
    watching: &Watching<'_>,
) -> Result<Ingested, SourceError> {
    let inferred;
    let schema = match schema {
        Some(schema) => schema,
        None => {
            let mut kinds = Kinds::default();
            let quiet = Watching {
                progress: &|_, _| {},
                ..*watching
            };
            scan(server, query, snapshot, &mut kinds, &quiet)?;
            inferred = kinds.into_schema(&query.shown());
            &inferred
        }
    };
    let read = read_typed(server, query, snapshot, schema, false, None, watching)?;
    Ok(read.ingested)
}

/// Reads a collection in parts of `part_rows` documents; fields whose values are all numbers are
/// `f64`, all others text. The documents are those the collection holds now.
pub fn spool_collection(
    server: &MongoServer,
    query: &Query,
    part_rows: usize,
    take: TakePart<'_>,
    watching: &Watching<'_>,
) -> Result<Spooled, SourceError> {
    let snapshot = Snapshot::take(server, query, watching.control)?;
    let mut kinds = Kinds::default();
    let first = |rows: u64, of: Option<u64>| (watching.progress)(rows / 2, of);
    let second = |rows: u64, of: Option<u64>| match of {
        Some(of) => (watching.progress)(of.saturating_add(rows) / 2, Some(of)),
        None => (watching.progress)(rows, None),
    };
    let pass = Watching {
        progress: &first,
        ..*watching
    };
    scan(server, query, &snapshot, &mut kinds, &pass)?;
    let schema = kinds.into_schema(&query.shown());
    let mut parts = Parts::new(query.shown().into(), &schema, part_rows, take, true);
    let pass = Watching {
        progress: &second,
        ..*watching
    };
    let mut fields = Fields::new(Some(&schema), query.arrays, query.with_id, Vec::new());
    read_documents(
        server,
        query,
        &snapshot,
        &mut fields,
        &mut Position::start(&snapshot),
        &mut Plain(&mut parts),
        &pass,
    )?;
    parts.columns(fields.names(), true)?;
    parts.finish(None)
}

/// Reads the documents of a snapshot as text, nothing interpreted.
pub fn read_raw_collection(
    server: &MongoServer,
    query: &Query,
    snapshot: &Snapshot,
    control: &FitControl,
) -> Result<RawTable, SourceError> {
    let mut raw = Raw::new(None);
    let watching = Watching {
        progress: &|_, _| {},
        notice: &|_| {},
        control,
    };
    scan(server, query, snapshot, &mut raw, &watching)?;
    Ok(raw.finish())
}

/// Where reading stands, to go on after the server went away.
struct Position {
    rows: u64,
    /// The `_id` of the last document; an error when it could not be read.
    after: Option<Bson>,
    unreadable: bool,
    one_moment: bool,
}

/// Takes the rows of a collection, batch by batch.
trait Sink {
    fn consumer(&mut self) -> &mut dyn RowConsumer;
    /// All rows up to `position` were taken.
    fn after_batch(&mut self, position: &Position, fields: &Fields) -> Result<(), SourceError>;
}

/// A consumer that takes everything at once.
struct Plain<'c>(&'c mut dyn RowConsumer);

impl Sink for Plain<'_> {
    fn consumer(&mut self) -> &mut dyn RowConsumer {
        self.0
    }
    fn after_batch(&mut self, _: &Position, _: &Fields) -> Result<(), SourceError> {
        Ok(())
    }
}

fn scan(
    server: &MongoServer,
    query: &Query,
    snapshot: &Snapshot,
    consumer: &mut dyn RowConsumer,
    watching: &Watching<'_>,
) -> Result<(), SourceError> {
    let mut fields = Fields::new(None, query.arrays, query.with_id, Vec::new());
    let mut position = Position::start(snapshot);
    let mut sink = Plain(&mut *consumer);
    read_documents(
        server,
        query,
        snapshot,
        &mut fields,
        &mut position,
        &mut sink,
        watching,
    )?;
    consumer.columns(fields.names(), true)
}

impl Position {
    fn start(snapshot: &Snapshot) -> Self {
        Self {
            rows: 0,
            after: None,
            unreadable: false,
            one_moment: snapshot.as_of.is_some(),
        }
    }
}

/// Reads all documents of a snapshot from a position on, and goes on when the server comes back.
fn read_documents(
    server: &MongoServer,
    query: &Query,
    snapshot: &Snapshot,
    fields: &mut Fields,
    position: &mut Position,
    sink: &mut dyn Sink,
    watching: &Watching<'_>,
) -> Result<(), SourceError> {
    let mut patience = Patience::new(watching.control);
    let expected = match query.limit {
        Some(limit) => snapshot.documents.min(limit),
        None => snapshot.documents,
    };
    loop {
        let limit = match query.limit {
            Some(limit) if limit <= position.rows => break,
            Some(limit) => i64::try_from(limit - position.rows).ok(),
            None => None,
        };
        let request = Request {
            namespace: query.namespace.clone(),
            filter: snapshot.condition(query, position.after.as_ref())?,
            projection: query.projection(),
            limit,
            moment: snapshot.moment().filter(|_| position.one_moment),
            may_sort: query.filter.is_some() || query.time_field.is_some(),
            documents: if snapshot.mixed_ids {
                0
            } else {
                expected.saturating_sub(position.rows)
            },
        };
        let mut batches =
            Batches::open(server, request).map_err(|e| SourceError::Internal(e.to_string()))?;
        let ended = loop {
            let batch = match batches.next(watching.control) {
                Ok(Some(batch)) => batch,
                Ok(None) => break Ok(()),
                Err(e) => break Err(e),
            };
            let array = batch
                .doc_slices()
                .map_err(|_| SourceError::BrokenReply("a reply holds no documents".to_owned()))?;
            take_batch(array.as_bytes(), fields, position, sink.consumer())?;
            sink.after_batch(position, fields)?;
            patience.renew();
            (watching.progress)(position.rows, Some(expected.max(position.rows)));
        };
        drop(batches);
        match ended {
            Ok(()) => break,
            Err(SourceError::Mongo(e)) if !position.unreadable => {
                if position.one_moment && moment_is_gone(&e.problem) {
                    // The bound still holds; only changes to documents may show from here on.
                    position.one_moment = false;
                    (watching.notice)(format!(
                        "the server keeps no picture of {} as it was any more; the rest is read \
                         as it is now, up to the same bound",
                        query.shown()
                    ));
                } else if e.is_transient() {
                    patience.wait(e, watching.notice)?;
                } else {
                    return Err(e.into());
                }
            }
            Err(e) => return Err(e),
        }
    }
    (watching.progress)(position.rows, Some(position.rows));
    Ok(())
}

/// Snapshot too old, snapshot unavailable: the server keeps the past for five minutes.
fn moment_is_gone(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::Server {
            code: 239 | 246,
            ..
        }
    )
}

/// Decodes the documents of a batch, an array in its bytes.
fn take_batch(
    array: &[u8],
    fields: &mut Fields,
    position: &mut Position,
    consumer: &mut dyn RowConsumer,
) -> Result<(), SourceError> {
    let mut walker = Walker::new(fields);
    let mut last = None;
    for document in value::fields(array) {
        let document = match document {
            Ok((_, value::Value::Document(bytes))) => bytes,
            Ok((_, other)) => {
                return Err(SourceError::BrokenReply(format!(
                    "a reply holds {} instead of a document",
                    other.what()
                )));
            }
            // What follows cannot be found; leaving it out would lose rows without a word.
            Err(value::Malformed(what)) => return Err(SourceError::BrokenReply(what)),
        };
        position.rows += 1;
        last = Some(document);
        walker.document(document, position.rows, consumer)?;
    }
    if let Some(document) = last {
        let id = RawDocument::from_bytes(document)
            .ok()
            .and_then(|d| d.get("_id").ok().flatten())
            .and_then(|id| Bson::try_from(id).ok());
        position.unreadable = id.is_none();
        position.after = id;
    }
    Ok(())
}

/// Collects typed rows in parts.
struct Collector<'s> {
    query: &'s Query,
    schema: &'s Schema,
    require_label: bool,
    /// Documents there should be.
    expected: u64,
    typed: Typed<'s>,
    parts: Vec<Part>,
    /// The place after each part that is not yet on its way to disk.
    unwritten: Vec<Place>,
    part_begins: u64,
    keep: Option<Keep>,
}

struct Keep {
    writer: PartWriter,
    every: Duration,
    last: Instant,
}

impl<'s> Collector<'s> {
    /// Makes room for the rows of the next part.
    fn begin_part(&mut self, first: u64) -> Typed<'s> {
        let left = self.expected.saturating_sub(first);
        let typed = Typed::new(self.query.shown().into(), self.schema, self.require_label)
            .of_documents(first, left.min(PART_ROWS + BATCH_ROWS) as usize);
        self.part_begins = first;
        std::mem::replace(&mut self.typed, typed)
    }

    fn close_part(&mut self, position: &Position, fields: &Fields) -> Result<(), SourceError> {
        let full = self.begin_part(position.rows);
        self.typed.columns(fields.names(), false)?;
        self.parts.push(full.into_part()?);
        self.unwritten.push(Place {
            rows: position.rows,
            after: position.after.as_ref().map(bound_text),
            names: fields.names().to_vec(),
        });
        Ok(())
    }
}

impl Sink for Collector<'_> {
    fn consumer(&mut self) -> &mut dyn RowConsumer {
        &mut self.typed
    }

    fn after_batch(&mut self, position: &Position, fields: &Fields) -> Result<(), SourceError> {
        if position.unreadable {
            // Nobody could go on from here; the next batch gives a better place.
            return Ok(());
        }
        let due = self
            .keep
            .as_ref()
            .is_some_and(|keep| keep.last.elapsed() >= keep.every);
        if due || position.rows - self.part_begins >= PART_ROWS {
            self.close_part(position, fields)?;
        }
        if let (true, Some(keep)) = (due, &mut self.keep) {
            let first = self.parts.len() - self.unwritten.len();
            for (i, place) in self.unwritten.drain(..).enumerate() {
                keep.writer
                    .write(first + i, &self.parts[first + i], place)?;
            }
            keep.last = Instant::now();
        }
        Ok(())
    }
}

fn read_typed(
    server: &MongoServer,
    query: &Query,
    snapshot: &Snapshot,
    schema: &Schema,
    require_label: bool,
    keep: Option<(&Path, Duration)>,
    watching: &Watching<'_>,
) -> Result<CollectionRead, SourceError> {
    let mut position = Position::start(snapshot);
    let mut place = Place::default();
    let mut collector = Collector {
        query,
        schema,
        require_label,
        expected: snapshot.documents,
        typed: Typed::new(query.shown().into(), schema, require_label),
        parts: Vec::new(),
        unwritten: Vec::new(),
        part_begins: 0,
        keep: None,
    };
    if let Some((dir, every)) = keep {
        let key = key_of(query, snapshot, schema, require_label);
        (collector.parts, place) = PartFolder::new(dir, key.clone()).load()?;
        collector.keep = Some(Keep {
            writer: PartWriter::start(PartFolder::new(dir, key))?,
            every,
            last: Instant::now(),
        });
    }
    position.rows = place.rows;
    position.after = place.after.as_deref().map(parse_bound);
    collector.begin_part(place.rows);
    let mut fields = Fields::new(Some(schema), query.arrays, query.with_id, place.names);
    if !fields.names().is_empty() {
        collector.typed.columns(fields.names(), false)?;
    }
    read_documents(
        server,
        query,
        snapshot,
        &mut fields,
        &mut position,
        &mut collector,
        watching,
    )?;
    if let Some(keep) = &mut collector.keep {
        keep.writer.finish()?;
    }
    let Collector {
        typed, mut parts, ..
    } = collector;
    if position.rows == 0 {
        return Err(SourceError::NoDocuments {
            what: query.shown(),
            filtered: query.filter.is_some(),
        });
    }
    parts.push(typed.into_part()?);
    let ingested = joined(query, schema, require_label, parts, fields.names())?;
    Ok(CollectionRead {
        ingested,
        resumed: place.rows,
        one_moment: position.one_moment,
    })
}

/// What the rows of a part depend on.
fn key_of(query: &Query, snapshot: &Snapshot, schema: &Schema, require_label: bool) -> String {
    crate::hash::sha256_json(&serde_json::json!({
        "program": env!("CARGO_PKG_VERSION"),
        "collection": query.namespace.to_string(),
        "filter": query.filter,
        "fields": query.fields,
        "arrays": query.arrays,
        "with_id": query.with_id,
        "field": snapshot.field,
        "until": snapshot.until,
        "schema": schema.sha256(),
        "label": require_label,
    }))
}

/// Puts the parts together, column after column, without copying them.
fn joined(
    query: &Query,
    schema: &Schema,
    require_label: bool,
    parts: Vec<Part>,
    names: &[String],
) -> Result<Ingested, SourceError> {
    let mapping = header::match_columns(schema, names, require_label);
    if !mapping.missing.is_empty() {
        return Err(SourceError::MissingColumns {
            path: query.shown().into(),
            nearest: header::nearest(&mapping.missing, &mapping.report.unused),
            missing: mapping.missing,
            found: header::unique_names(names).0,
        });
    }
    let rows = parts.last().map_or(0, |p| p.next_row);
    let mut quarantine = Vec::new();
    let mut coercions: Vec<ColumnCoercion> = Vec::new();
    let mut frames = Vec::with_capacity(parts.len());
    for part in parts {
        quarantine.extend(part.quarantine);
        for change in part.coercions.columns {
            match coercions
                .iter_mut()
                .find(|c| c.column == change.column && c.kind == change.kind)
            {
                Some(known) => known.cells += change.cells,
                None => coercions.push(change),
            }
        }
        frames.push(part.frame);
    }
    let order = |name: &str| schema.columns.iter().position(|c| c.name == name);
    coercions.sort_by_key(|c| (order(&c.column), c.kind));
    let mut columns: Vec<Column> = Vec::new();
    for (column, position) in schema.columns.iter().zip(&mapping.positions) {
        if position.is_some() {
            let label = column.role == Role::Label || column.name == schema.target.column;
            let number = column.kind.is_numeric() && !label;
            columns.push(joined_column(&column.name, number, &mut frames)?);
        }
    }
    columns.push(joined_column(ROW_COLUMN, true, &mut frames)?);
    Ok(Ingested {
        frame: Frame::from_columns(columns)?,
        rows,
        quarantine,
        coercions: CoercionReport { columns: coercions },
        detected: detected(names, mapping.report),
    })
}

/// One column of all parts, taken out of them. A part read before the field first showed has no
/// such column: its values are missing.
fn joined_column(name: &str, number: bool, frames: &mut [Frame]) -> Result<Column, SourceError> {
    let failed = |e| SourceError::Frame(crate::dataset::FrameError::Engine(e));
    let mut whole: Option<Series> = None;
    for frame in frames {
        let rows = frame.rows();
        let piece: Column = match frame.take_column(name) {
            Some(column) => column,
            None if number => Frame::number_column(name, vec![None; rows]),
            None => Frame::text_column::<&str>(name, &vec![None; rows]),
        };
        let piece = piece.take_materialized_series();
        match &mut whole {
            None => whole = Some(piece),
            Some(series) => {
                series.append_owned(piece).map_err(failed)?;
            }
        }
    }
    // Left in pieces: in one piece every column would stand twice for a while, and the pieces
    // freed behind it are too scattered to be given back.
    Ok(whole.unwrap_or_default().into())
}

fn detected(names: &[String], columns: HeaderReport) -> Detected {
    Detected {
        format: Format::Mongodb,
        compression: Compression::None,
        encoding: TextEncoding::Binary,
        line_ends: LineEnds::None,
        delimiter: None,
        header: None,
        names: names.to_vec(),
        columns,
    }
}
