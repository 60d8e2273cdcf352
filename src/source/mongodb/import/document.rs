//! From a row's cells to a BSON document.
//!
//! Names of columns are keys as they stand, with dots or a leading `$` too: MongoDB 5 and newer
//! keep such keys, and they read back equal. Nothing is trimmed, cut or translated: reading the
//! collection applies the same rules to the same texts as reading the file does.

use std::path::{Path, PathBuf};

use mongodb::bson::raw::CString;
use mongodb::bson::{RawDocumentBuf, oid::ObjectId};

use super::ImportError;
use super::insert::{Inserter, Problems, RowProblem};
use super::types::is_null_text;
use crate::dataset::number_text;
use crate::schema::{Role, Schema};
use crate::source::SourceError;
use crate::source::error::capped;
use crate::source::header;
use crate::source::number;
use crate::source::rows::{Cell, RowConsumer, decode, lossy};

/// The largest document that a server takes, less some room for the rest of the request.
const LARGEST: usize = 16 * 1024 * 1024 - 16 * 1024;
/// From here on `f64` does not hold every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// How a column is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storing {
    /// Numbers; what is none is kept as text.
    Numbers,
    /// Text as it stands.
    Texts,
    /// A number where its text is the number's own, else text: columns that nobody described.
    AsWritten,
    /// Not at all.
    LeftOut,
}

struct Column {
    key: CString,
    name: String,
    storing: Storing,
}

/// Values in columns of numbers that are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAsText {
    /// How many.
    pub cells: u64,
    /// The row of the first, from 1.
    pub row: u64,
    /// Its column.
    pub column: String,
    /// The value.
    pub value: String,
}

/// What was made of the rows.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Rows seen, the unreadable ones too.
    pub rows: u64,
    /// Rows that are no documents.
    pub unreadable: Problems,
    pub stored_as_text: Option<StoredAsText>,
    pub missing_texts: u64,
    pub rounded: u64,
    pub left_out: Vec<String>,
    /// Columns of numbers, and all columns.
    pub columns: (usize, usize),
}

/// Makes documents of rows and hands them to the inserter.
pub(super) struct Documents<'a> {
    path: PathBuf,
    schema: Option<&'a Schema>,
    /// The columns of numbers, when there is no schema and the format has no types of its own.
    numeric: Option<Vec<String>>,
    columns: Vec<Column>,
    inserter: &'a Inserter,
    batch: Vec<(u32, RawDocumentBuf)>,
    batch_bytes: usize,
    failed: Option<ImportError>,
    made: Made,
}

/// A batch is sent when it has as many rows, or as many bytes.
const BATCH_ROWS: usize = 2_000;
const BATCH_BYTES: usize = 4 << 20;

impl<'a> Documents<'a> {
    pub fn new(
        path: &Path,
        schema: Option<&'a Schema>,
        numeric: Option<Vec<String>>,
        inserter: &'a Inserter,
    ) -> Self {
        Self {
            path: path.to_owned(),
            schema,
            numeric,
            columns: Vec::new(),
            inserter,
            batch: Vec::new(),
            batch_bytes: 0,
            failed: None,
            made: Made::default(),
        }
    }

    /// Sends the rest and says what was made.
    pub fn finish(mut self) -> Result<Made, ImportError> {
        self.send();
        match self.failed {
            Some(e) => Err(e),
            None => Ok(self.made),
        }
    }

    fn send(&mut self) -> bool {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        batch.is_empty() || self.inserter.send(batch)
    }

    fn next_row(&mut self) -> Option<u32> {
        let row = u32::try_from(self.made.rows).ok();
        self.made.rows += 1;
        if row.is_none() {
            self.failed = Some(ImportError::TooManyRows);
        }
        row
    }

    fn unreadable(&mut self, line: u64, reason: String) {
        self.made.unreadable.add(RowProblem {
            row: self.made.rows,
            line: Some(line),
            reason: capped(&reason, 300),
        });
    }

    /// Appends a cell to a document, or says why it cannot be stored.
    fn append(
        &mut self,
        document: &mut RawDocumentBuf,
        at: usize,
        cell: Cell<'_>,
    ) -> Result<(), String> {
        let column = &self.columns[at];
        let key = &column.key;
        if column.storing == Storing::LeftOut {
            return Ok(());
        }
        let text = match cell {
            Cell::Missing => return Ok(()),
            Cell::Truth(v) => {
                document.append(key, v);
                return Ok(());
            }
            Cell::Number(v) => {
                self.made.rounded += u64::from(v == v.trunc() && v.is_finite() && v.abs() >= EXACT);
                append_number(document, key, v);
                return Ok(());
            }
            Cell::Nested(what) => return Err(format!("column `{}` holds {what}", column.name)),
            Cell::Text(text) | Cell::Made(_, text) => text,
        };
        let trimmed = text.trim_ascii();
        if trimmed.is_empty() {
            return Ok(());
        }
        let means_missing = match self.schema {
            Some(schema) => {
                column.storing != Storing::AsWritten
                    && schema
                        .null_texts
                        .iter()
                        .any(|t| t.trim().as_bytes() == trimmed)
            }
            None => column.storing == Storing::Numbers && is_null_text(trimmed),
        };
        if means_missing {
            self.made.missing_texts += 1;
            return Ok(());
        }
        match column.storing {
            Storing::Numbers => {
                if append_parsed(document, key, trimmed) {
                    return Ok(());
                }
                let row = self.made.rows;
                self.made
                    .stored_as_text
                    .get_or_insert_with(|| StoredAsText {
                        cells: 0,
                        row,
                        column: column.name.clone(),
                        value: capped(&lossy(trimmed), 60),
                    })
                    .cells += 1;
            }
            Storing::AsWritten => {
                let own =
                    number::parse(trimmed).is_some_and(|p| number_text(p.value).as_bytes() == text);
                if own && append_parsed(document, key, trimmed) {
                    return Ok(());
                }
            }
            Storing::Texts | Storing::LeftOut => {}
        }
        match decode(text) {
            Some((decoded, _)) => {
                document.append(key, decoded.as_ref());
                Ok(())
            }
            None => Err(format!(
                "column `{}` holds bytes that are neither UTF-8 nor Windows-1252",
                column.name
            )),
        }
    }
}

/// Appends a number's text as the smallest type that holds it exactly; `false` when it is none.
/// `1.0` stays a double: reading counts whole numbers that are written with a point.
fn append_parsed(document: &mut RawDocumentBuf, key: &CString, text: &[u8]) -> bool {
    let Some(parsed) = number::parse(text) else {
        return false;
    };
    let whole = (!parsed.pointed)
        .then(|| std::str::from_utf8(text).ok()?.parse::<i64>().ok())
        .flatten()
        // -0 is no whole number of BSON.
        .filter(|&v| v != 0 || parsed.value.is_sign_positive());
    match whole {
        Some(v) => append_whole(document, key, v),
        None => document.append(key, parsed.value),
    }
    true
}

/// Appends a number of a typed format.
fn append_number(document: &mut RawDocumentBuf, key: &CString, value: f64) {
    let whole = value == value.trunc()
        && value.abs() < EXACT
        && !(value == 0.0 && value.is_sign_negative());
    if whole {
        append_whole(document, key, value as i64);
    } else {
        document.append(key, value);
    }
}

fn append_whole(document: &mut RawDocumentBuf, key: &CString, value: i64) {
    match i32::try_from(value) {
        Ok(small) => document.append(key, small),
        Err(_) => document.append(key, value),
    }
}

impl RowConsumer for Documents<'_> {
    fn columns(&mut self, names: &[String], complete: bool) -> Result<(), SourceError> {
        let unique = header::unique_names(names).0;
        let mut storing = vec![Storing::AsWritten; unique.len()];
        match (self.schema, &self.numeric) {
            (Some(schema), _) => {
                let mapping = header::match_columns(schema, names, false);
                if complete && !mapping.missing.is_empty() {
                    return Err(SourceError::MissingColumns {
                        path: self.path.clone(),
                        nearest: header::nearest(&mapping.missing, &mapping.report.unused),
                        missing: mapping.missing,
                        found: unique,
                    });
                }
                for (spec, position) in schema.columns.iter().zip(&mapping.positions) {
                    if let Some(at) = *position {
                        storing[at] = if spec.kind.is_numeric() {
                            Storing::Numbers
                        } else {
                            Storing::Texts
                        };
                    }
                }
            }
            (None, Some(numeric)) => {
                for (storing, name) in storing.iter_mut().zip(&unique) {
                    *storing = if numeric.contains(name) {
                        Storing::Numbers
                    } else {
                        Storing::Texts
                    };
                }
            }
            // A format with types of its own: its texts are texts.
            (None, None) => storing.fill(Storing::Texts),
        }
        self.made.left_out.clear();
        self.columns.clear();
        for (name, storing) in unique.into_iter().zip(storing) {
            let Ok(key) = CString::try_from(name.as_str()) else {
                self.failed.get_or_insert(ImportError::Key(name));
                return Ok(());
            };
            // Documents have ids of their own, made of file and row.
            let storing = if name == "_id" {
                self.made.left_out.push(name.clone());
                Storing::LeftOut
            } else {
                storing
            };
            self.columns.push(Column { key, name, storing });
        }
        let numbers = self
            .columns
            .iter()
            .filter(|c| c.storing == Storing::Numbers);
        self.made.columns = (numbers.count(), self.columns.len());
        Ok(())
    }

    fn row(&mut self, line: u64, cells: &[Cell<'_>]) -> Result<bool, SourceError> {
        if self.failed.is_some() {
            return Ok(false);
        }
        let Some(row) = self.next_row() else {
            return Ok(false);
        };
        let mut document = RawDocumentBuf::new();
        let id: ObjectId = self.inserter.id(row);
        document.append(crate::source::mongodb::ID, id);
        for (at, cell) in cells.iter().enumerate().take(self.columns.len()) {
            if let Err(reason) = self.append(&mut document, at, *cell) {
                self.unreadable(line, reason);
                return Ok(true);
            }
        }
        let size = document.as_bytes().len();
        if size > LARGEST {
            self.unreadable(
                line,
                "the row is larger than the 16 MB a document may have".to_owned(),
            );
            return Ok(true);
        }
        self.batch.push((row, document));
        self.batch_bytes += size;
        if self.batch.len() >= BATCH_ROWS || self.batch_bytes >= BATCH_BYTES {
            return Ok(self.send());
        }
        Ok(true)
    }

    fn broken(&mut self, line: u64, reason: String, _text: String) -> Result<bool, SourceError> {
        if self.next_row().is_some() {
            self.unreadable(line, reason);
        }
        Ok(self.failed.is_none())
    }

    fn wants_text(&self, column: &str) -> bool {
        self.schema.is_some_and(|schema| {
            schema
                .columns
                .iter()
                .find(|c| c.answers_to(column))
                .is_some_and(|c| {
                    !c.kind.is_numeric() || c.role == Role::Label || c.name == schema.target.column
                })
        })
    }
}
