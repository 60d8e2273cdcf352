//! Collects rows as text, nothing interpreted: for inference and browsing.

use super::error::SourceError;
use super::header;
use super::rows::{Cell, RowConsumer, lossy};
use crate::dataset::{RawTable, number_text};

/// The untyped collector. Rows that cannot be read at all (a wrong number of fields, a line that
/// is no object) are left out, as there is nothing to put into the columns; or, when every row is
/// wanted, kept with their text in the first column.
#[derive(Default)]
pub(super) struct Raw {
    table: RawTable,
    rows: usize,
    max_rows: Option<usize>,
    keep_broken: bool,
}

impl Raw {
    /// Collects every row, broken ones too.
    pub fn every_row() -> Self {
        Self {
            keep_broken: true,
            ..Self::default()
        }
    }
    pub fn new(max_rows: Option<usize>) -> Self {
        Self {
            max_rows,
            ..Self::default()
        }
    }
    pub fn finish(self) -> RawTable {
        self.table
    }
    fn full(&self) -> bool {
        self.max_rows.is_some_and(|max| self.rows >= max)
    }
}

impl RowConsumer for Raw {
    fn columns(&mut self, names: &[String], _complete: bool) -> Result<(), SourceError> {
        self.table.names = header::unique_names(names).0;
        let rows = self.rows;
        self.table
            .columns
            .resize_with(names.len(), || vec![None; rows]);
        Ok(())
    }

    fn row(&mut self, _line: u64, cells: &[Cell<'_>]) -> Result<bool, SourceError> {
        if self.full() {
            return Ok(false);
        }
        for (i, column) in self.table.columns.iter_mut().enumerate() {
            column.push(match cells.get(i) {
                None | Some(Cell::Missing) => None,
                Some(Cell::Number(v)) => Some(number_text(*v)),
                Some(Cell::Truth(v)) => Some(v.to_string()),
                Some(Cell::Text([])) => None,
                Some(Cell::Text(t) | Cell::Made(_, t)) => Some(lossy(t).into_owned()),
                Some(Cell::Nested(what)) => Some(format!("({what})")),
            });
        }
        self.rows += 1;
        Ok(!self.full())
    }

    fn broken(&mut self, _line: u64, _reason: String, text: String) -> Result<bool, SourceError> {
        if self.keep_broken {
            let mut text = Some(text);
            for column in &mut self.table.columns {
                column.push(text.take());
            }
            self.rows += 1;
        }
        Ok(!self.full())
    }

    fn wants_text(&self, _column: &str) -> bool {
        true
    }
}
