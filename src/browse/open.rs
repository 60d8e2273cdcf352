//! Opens a place.
//!
//! Parquet is read where it lies. Anything else has no rows that could be found without reading all
//! before them: it is read once, into memory while it is small, else into a temporary Parquet file;
//! [`Table::preview`] gives its first rows meanwhile.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use polars::prelude::{Column, NamedFrom, Series};

use super::parquet::ParquetFile;
use super::spill::{PART_ROWS, Spill};
use super::store::Store;
use super::{BrowseError, Cancel, Place, Table};
use crate::config::ArrayPolicy;
use crate::dataset::{
    Frame, QuarantinedRow, ROW_COLUMN, RawTable, read_quarantine, unreadable_documents,
};
use crate::learners::{FitControl, StopRequest};
use crate::runtime::block_on;
use crate::source::mongodb::{
    MongoServer, Namespace, Query, Watching, first_documents, load_collection, spool_collection,
};
use crate::source::{SourceError, read_raw, spool_file};
use crate::text::count;

/// Files up to this size are read before a preview would be drawn.
const SMALL: u64 = 2 << 20;

/// Is told rows read and rows there are, about.
pub type Progress<'a> = &'a dyn Fn(u64, Option<u64>);

impl Table {
    /// Opens a table; what is not Parquet is read whole first.
    pub fn open(place: &Place, cancel: &Cancel) -> Result<Self, BrowseError> {
        Self::open_watched(place, cancel, &|_, _| {})
    }

    /// Opens a table, and tells how far reading it has come.
    pub fn open_watched(
        place: &Place,
        cancel: &Cancel,
        progress: Progress<'_>,
    ) -> Result<Self, BrowseError> {
        cancel.check()?;
        let title = place.title();
        match place {
            Place::File { path, .. } if is_plain_parquet(path)? => {
                let store = Store::parquet(vec![ParquetFile::open(path)?])?;
                Self::of(format!("{title} (Parquet)"), Vec::new(), store, false, None)
            }
            Place::File {
                path,
                options,
                schema,
            } => {
                let mut spill = Spill::default();
                let read = steered(cancel, |control| {
                    let mut take = |part| spill.take(part);
                    let schema = schema.as_deref();
                    let (rows, take) = (PART_ROWS, &mut take);
                    spool_file(path, schema, options, rows, take, progress, control)
                })
                .map_err(cancelled)?;
                let mut notes = Vec::new();
                if let Some(first) = read.quarantine.first() {
                    notes.push(format!(
                        "{} rows cannot be read and are left out, the first on line {}: {}",
                        read.unreadable, first.line, first.reason
                    ));
                }
                let what = read.detected.map(|d| d.summary()).unwrap_or_default();
                notes.extend(spill.note());
                let store = spill.finish(path)?;
                Self::of(format!("{title} ({what})"), notes, store, true, None)
            }
            Place::RunPart { files, .. } => {
                let files: Result<Vec<ParquetFile>, BrowseError> =
                    files.iter().map(|f| ParquetFile::open(f)).collect();
                Self::of(title, Vec::new(), Store::parquet(files?)?, true, None)
            }
            Place::Quarantine { path, .. } => {
                let rows = read_quarantine(path).map_err(|source| BrowseError::Io {
                    path: path.clone(),
                    what: "read",
                    source,
                })?;
                let store = Store::memory(quarantined(&rows)?)?;
                Self::of(title, Vec::new(), store, true, None)
            }
            Place::Collection { namespace, most } => {
                let wanted = match most {
                    Some(most) if *most <= FEW => Documents::Few(*most),
                    Some(most) => Documents::Most(*most),
                    None => Documents::All,
                };
                collection(namespace, wanted, cancel, progress)
            }
        }
    }

    /// The first `rows` rows of a place that takes long to open, at once; `None` where opening it
    /// is as quick. Row numbers are those of the file as long as none of these rows is broken, and
    /// a column is of numbers as far as these rows tell.
    pub fn preview(
        place: &Place,
        rows: usize,
        cancel: &Cancel,
    ) -> Result<Option<Self>, BrowseError> {
        cancel.check()?;
        match place {
            Place::RunPart { .. } | Place::Quarantine { .. } => Ok(None),
            Place::Collection { namespace, most } => {
                let rows = rows.max(1) as u64;
                let rows = most.map_or(rows, |most| most.min(rows));
                let first = collection(namespace, Documents::First(rows), cancel, &|_, _| {})?;
                let all = most.is_some_and(|most| most <= rows) || first.cut_from().is_none();
                // Few documents are all of them.
                Ok(Some(if all { first } else { first.previewing() }))
            }
            Place::File { path, options, .. } => {
                let size = std::fs::metadata(path).map_or(0, |m| m.len());
                if size <= SMALL || is_plain_parquet(path)? {
                    return Ok(None);
                }
                let (raw, detected) = read_raw(path, options, Some(rows))?;
                let title = format!("{} ({})", place.title(), detected.summary());
                let notes = vec![format!(
                    "the first {} rows; the others are being read",
                    count(raw.rows() as u64)
                )];
                let store = Store::memory(of_texts(&raw)?)?;
                let first = Self::of(title, notes, store, true, None)?;
                Ok(Some(first.previewing()))
            }
        }
    }
}

/// How often a cancel is looked for.
const TICK: Duration = Duration::from_millis(50);

/// Does work that a control steers, and passes a cancel on to it, also while nothing comes in: a
/// server that does not answer tells no progress.
fn steered<T>(cancel: &Cancel, work: impl FnOnce(&FitControl) -> T) -> T {
    let control = &FitControl::new();
    let (working, over) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while over.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                if cancel.is_cancelled() {
                    return control.request(StopRequest::Now);
                }
            }
        });
        let done = work(control);
        drop(working);
        done
    })
}

/// Waits for an answer, or for a cancel.
async fn unless_cancelled<T, E: Into<BrowseError>>(
    cancel: &Cancel,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, BrowseError> {
    let cancelled = async {
        while !cancel.is_cancelled() {
            tokio::time::sleep(TICK).await;
        }
    };
    tokio::select! {
        answer = answer => answer.map_err(Into::into),
        () = cancelled => Err(BrowseError::Cancelled),
    }
}

fn cancelled(e: SourceError) -> BrowseError {
    match e {
        SourceError::Cancelled => BrowseError::Cancelled,
        other => other.into(),
    }
}

/// Documents up to which a part of a collection is read at once into memory.
const FEW: u64 = 20_000;

/// Which documents of a collection.
#[derive(Clone, Copy)]
enum Documents {
    /// All, in parts.
    All,
    /// So many, in parts.
    Most(u64),
    /// So many, at once.
    Few(u64),
    /// So many, as they lie there now: who wants to look at once does not wait until those that
    /// come in this second are all there.
    First(u64),
}

fn collection(
    namespace: &Namespace,
    wanted: Documents,
    cancel: &Cancel,
    progress: Progress<'_>,
) -> Result<Table, BrowseError> {
    let internal = |e: crate::error::CommandError| BrowseError::Internal(e.to_string());
    let (server, documents) = block_on(unless_cancelled(cancel, async {
        let server = MongoServer::from_env().await?;
        server.require_collection(namespace).await?;
        let documents = server.documents(namespace).await?;
        Ok::<_, crate::source::mongodb::MongoError>((server, documents))
    }))
    .map_err(internal)??;
    let title = format!(
        "mongodb:{namespace} on {} ({} documents)",
        server.shown(),
        count(documents)
    );
    let most = match wanted {
        Documents::All => None,
        // A limit of 0 would mean all documents to the server.
        Documents::Most(most) | Documents::Few(most) | Documents::First(most) => Some(most.max(1)),
    };
    let query = Query {
        // Somebody who looks wants to see arrays too.
        arrays: ArrayPolicy::Text,
        limit: most,
        ..Query::whole(namespace.clone())
    };
    let said = std::cell::RefCell::new(Vec::new());
    let notice = |notice| said.borrow_mut().push(notice);
    let mut notes = Vec::new();
    let (store, rows, quarantine, unreadable) = steered(cancel, |control| {
        let watching = Watching {
            progress,
            notice: &notice,
            control,
        };
        let at_once = match wanted {
            Documents::Few(_) => Some(load_collection(&server, &query, None, &watching)),
            Documents::First(_) => Some(first_documents(&server, &query, &watching)),
            Documents::All | Documents::Most(_) => None,
        };
        if let Some(read) = at_once {
            let read = read.map_err(cancelled)?;
            let unreadable = read.quarantine.len() as u64;
            let store = Store::memory(read.frame)?;
            return Ok((store, read.rows, read.quarantine, unreadable));
        }
        let mut spill = Spill::default();
        let mut take = |part| spill.take(part);
        let read = spool_collection(&server, &query, PART_ROWS, &mut take, &watching)
            .map_err(cancelled)?;
        notes.extend(spill.note());
        let store = spill.finish(Path::new(&format!("mongodb:{namespace}")))?;
        Ok::<_, BrowseError>((store, read.rows, read.quarantine, read.unreadable))
    })?;
    let unread = unreadable_documents(&quarantine, unreadable);
    let notes = said.into_inner().into_iter().chain(unread).chain(notes);
    let cut_from = most.and(Some(documents)).filter(|all| rows < *all);
    Table::of(title, notes.collect(), store, true, cut_from)
}

/// Whether a file is Parquet and not packed: then it is read where it lies.
fn is_plain_parquet(path: &Path) -> Result<bool, BrowseError> {
    let mut magic = [0; 4];
    // Whoever reads the formats says what is wrong with a file that cannot be opened or is
    // shorter.
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    Ok(read.is_ok() && magic == *b"PAR1")
}

/// Rows set aside as a table.
fn quarantined(rows: &[QuarantinedRow]) -> Result<Frame, BrowseError> {
    let number = |f: fn(&QuarantinedRow) -> u64| -> Column {
        let values: Vec<u64> = rows.iter().map(f).collect();
        Series::new("".into(), values).into()
    };
    let text = |name: &str, f: fn(&QuarantinedRow) -> Option<&str>| {
        Frame::text_column(name, &rows.iter().map(f).collect::<Vec<_>>())
    };
    Ok(Frame::from_columns(vec![
        number(|r| r.line).with_name("line".into()),
        text("reason", |r| Some(&r.reason)),
        text("text", |r| Some(&r.text)),
        text("_id", |r| r.id.as_deref()),
        number(|r| r.row).with_name(ROW_COLUMN.into()),
    ])?)
}

/// Texts as a table: numbers where every value is one.
fn of_texts(raw: &RawTable) -> Result<Frame, BrowseError> {
    let column = |(name, cells): (&String, &Vec<Option<String>>)| {
        let numbers: Option<Vec<Option<f64>>> = cells
            .iter()
            .map(|cell| match cell.as_deref().map(str::trim) {
                None | Some("") => Some(None),
                Some(text) => text.parse().ok().map(Some),
            })
            .collect();
        match numbers {
            Some(numbers) => Frame::number_column(name, numbers),
            None => Frame::text_column(name, cells),
        }
    };
    let columns = raw.names.iter().zip(&raw.columns).map(column).collect();
    Ok(Frame::from_columns(columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browse::{Cell, View};
    use crate::source::load_table;

    #[test]
    fn a_text_file_is_the_same_in_parts_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.ndjson");
        // A field that shows up late, one that is a number only at first, broken lines.
        let mut text = String::new();
        for i in 0..500 {
            match i {
                77 | 300 => text.push_str("{broken\n"),
                _ if i > 400 => {
                    text.push_str(&format!("{{\"n\":{i},\"t\":\"x{i}\",\"late\":{i}.5}}\n"));
                }
                _ => text.push_str(&format!("{{\"n\":{i},\"t\":{i}}}\n")),
            }
        }
        std::fs::write(&path, text).unwrap();
        let whole = load_table(&path, None, &Default::default()).unwrap();
        let mut parts = Frame::default();
        let mut take = |part: Frame| {
            assert!(part.rows() <= 37);
            parts.append(&part).unwrap();
            Ok(())
        };
        let read = spool_file(
            &path,
            None,
            &Default::default(),
            37,
            &mut take,
            &|_, _| {},
            &FitControl::new(),
        )
        .unwrap();
        assert_eq!(read.rows, whole.rows);
        assert_eq!(read.quarantine, whole.quarantine);
        assert_eq!(read.unreadable, 2);
        assert!(parts.polars().equals_missing(whole.frame.polars()));
    }

    #[test]
    fn a_cancel_reaches_work_that_hears_nothing() {
        let cancel = Cancel::new();
        let other = cancel.clone();
        let stopped = steered(&cancel, |control| {
            other.cancel();
            let begun = std::time::Instant::now();
            while control.stop() == StopRequest::None && begun.elapsed().as_secs() < 60 {
                std::thread::yield_now();
            }
            control.stop()
        });
        assert_eq!(stopped, StopRequest::Now);
        assert_eq!(steered(&Cancel::new(), |c| c.stop()), StopRequest::None);
        let answer = std::future::pending::<Result<(), BrowseError>>();
        let ended = block_on(unless_cancelled(&cancel, answer)).unwrap();
        assert!(matches!(ended, Err(BrowseError::Cancelled)));
    }

    #[test]
    fn many_rows_are_kept_in_a_file_and_few_in_memory() {
        let mut spill = Spill::default();
        let part = |first: usize, rows: usize| {
            Frame::from_columns(vec![
                Frame::number_column("n", (first..first + rows).map(|i| Some(i as f64)).collect()),
                Frame::text_column("t", &vec![Some("some text of some length"); rows]),
            ])
            .unwrap()
        };
        let mut rows = 0;
        while spill.file_is_there().is_none() {
            spill.take(part(rows, PART_ROWS)).unwrap();
            rows += PART_ROWS;
        }
        spill.take(part(rows, 10)).unwrap();
        let note = spill.note().unwrap();
        assert!(note.contains("temporary file"), "{note}");
        let store = spill.finish(Path::new("x")).unwrap();
        let table = Table::of("x".into(), Vec::new(), store, true, None).unwrap();
        assert_eq!(table.rows(), Some(rows as u64 + 10));
        let cancel = Cancel::new();
        let window = table
            .window(&table.all(), rows as u64 - 1, 2, &[0, 1], &cancel)
            .unwrap();
        assert_eq!(window.cell(1, 0), &Cell::Decimal(rows as f64));
        let view = View {
            filter: Some(crate::dataset::Filter::parse("n = 5").unwrap()),
            ..View::default()
        };
        assert_eq!(table.select(&view, &cancel).unwrap().position(0), Some(5));
    }

    #[test]
    fn the_first_rows_of_a_large_file_show_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        let mut text = String::from("n,service\n");
        while text.len() <= SMALL as usize {
            text.push_str("12,http\n,\n");
        }
        std::fs::write(&path, &text).unwrap();
        let cancel = Cancel::new();
        let place = Place::file(&path);
        let preview = Table::preview(&place, 100, &cancel).unwrap().unwrap();
        assert!(preview.is_preview());
        assert_eq!(preview.rows(), Some(100));
        let window = preview
            .window(&preview.all(), 0, 2, &[0, 1], &cancel)
            .unwrap();
        assert_eq!(window.cell(0, 0), &Cell::Decimal(12.0));
        assert_eq!(window.cell(1, 1), &Cell::Missing);
        let seen = std::cell::Cell::new(0);
        let table = Table::open_watched(&place, &cancel, &|rows, _| seen.set(rows)).unwrap();
        assert_eq!(table.rows(), Some((text.lines().count() - 1) as u64));
        assert_eq!(Some(seen.get()), table.rows());
        assert!(!table.is_preview());
        cancel.cancel();
        let error = Table::open(&place, &cancel).unwrap_err();
        assert!(matches!(error, BrowseError::Cancelled));
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        assert!(
            Table::preview(&place, 100, &Cancel::new())
                .unwrap()
                .is_none()
        );
    }
}
