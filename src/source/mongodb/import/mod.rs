//! `netsec import`: a file into a collection, each row once however often it is imported.
//!
//! The file is read by the same readers as everything else (`crate::source`), each row becomes a
//! document (`document`) typed by the schema or by a first look at the columns (`types`), and
//! batches go to the server (`insert`). A document's `_id` is made of the file's digest and the
//! row's number (`ids`), with a time that is frozen when a file first meets a collection
//! (`ledger`), so a second import adds nothing and one that was killed goes on. No value is
//! changed beyond its type: what does not fit is kept as the text that stands in the file.

mod document;
mod error;
mod ids;
mod insert;
mod ledger;
mod status;
mod types;

use std::path::Path;
use std::sync::Arc;

pub use document::StoredAsText;
pub use error::ImportError;
pub use insert::RowProblem;
pub use ledger::LEDGER;
pub use status::{ImportStatus, Standing};

use self::document::Documents;
use self::ids::IdRange;
use self::insert::Inserter;
use super::{MongoServer, Namespace};
use crate::hash::sha256_file;
use crate::learners::FitControl;
use crate::runtime::{block_on, runtime};
use crate::schema::Schema;
use crate::source::read::{self, ReadOptions};
use crate::source::rows::Watch;
use crate::source::{Detected, Format, SourceError};

/// What came of an import. `rows = added + there + unreadable + refused`, always.
#[derive(Debug)]
pub struct ImportReport {
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    /// Rows in the file.
    pub rows: u64,
    /// Documents that this import added.
    pub added: u64,
    /// Rows that an earlier import had added.
    pub there: u64,
    /// Rows that cannot be read and are not inserted: how many, and the first of them.
    pub unreadable: (u64, Vec<RowProblem>),
    /// Rows that the server refused: how many, and the first of them.
    pub refused: (u64, Vec<RowProblem>),
    /// Values in columns of numbers that are none and are kept as text.
    pub stored_as_text: Option<StoredAsText>,
    /// Cells whose text means missing; they are left out of their documents.
    pub missing_texts: u64,
    /// Numbers of 2^53 or more from a format that does not keep all their digits.
    pub rounded: u64,
    /// Columns that are not stored: `_id` belongs to the collection.
    pub left_out: Vec<String>,
    /// Columns stored as numbers, and all columns.
    pub columns: (usize, usize),
    /// What the file turned out to be.
    pub detected: Detected,
}

/// Imports a file. `schema` says which columns are numbers and names those of a file without a
/// header; without one the columns of a text file are looked at first. `status` can be looked at
/// meanwhile.
pub fn import_file(
    server: &MongoServer,
    namespace: &Namespace,
    path: &Path,
    schema: Option<&Schema>,
    options: &ReadOptions,
    status: &Arc<ImportStatus>,
) -> Result<ImportReport, ImportError> {
    if namespace.collection == LEDGER {
        return Err(ImportError::Ledger);
    }
    let format = read::format(path)?;
    status.set(Standing::Looking);
    let sha256 = sha256_file(path).map_err(|source| SourceError::Io {
        path: path.to_owned(),
        source,
    })?;
    let control = FitControl::new();
    let noted = |rows: u64, of: Option<u64>| status.read(rows, of);
    let (types, options) = match (schema, format) {
        (None, Format::Csv) => {
            let mut look = types::Look::default();
            let mut watch = Watch::new(path, &noted, &control);
            let detected = read::stream(path, None, options, false, None, &mut look, &mut watch)?;
            let settled = ReadOptions {
                header: detected.header.or(options.header),
                delimiter: detected.delimiter.or(options.delimiter),
                require_label: false,
            };
            (Some(look.types()), settled)
        }
        _ => (None, *options),
    };
    // The server is asked before the rows are read, so that a wrong password is told at once.
    let time = block_on(ledger::time_of(server, namespace, &sha256, path))??;
    let range = IdRange::new(time, &sha256);
    let fresh = block_on(insert::is_fresh(server, namespace, &range))??;
    status.set(Standing::Inserting);

    let inserter = Inserter::start(runtime()?, server, namespace, range, fresh, status);
    let mut documents = Documents::new(path, schema, types, &inserter);
    let mut watch = Watch::new(path, &noted, &control);
    let read = read::stream(
        path,
        schema,
        &options,
        false,
        None,
        &mut documents,
        &mut watch,
    );
    // What the server says comes first: when it fails, the reader only notices that nobody takes
    // its rows any more.
    let made = documents.finish();
    let inserted = inserter.finish()?;
    let document::Made {
        rows,
        unreadable,
        stored_as_text,
        missing_texts,
        rounded,
        left_out,
        columns,
    } = made?;

    let detected = read?;
    Ok(ImportReport {
        sha256,
        rows,
        added: inserted.added,
        there: inserted.there,
        unreadable: unreadable.into_parts(),
        refused: inserted.refused.into_parts(),
        stored_as_text,
        missing_texts,
        rounded,
        left_out,
        columns,
        detected,
    })
}
