//! Finds out which columns of a file are numbers, for reading without a schema.

use super::error::SourceError;
use super::header;
use super::number;
use super::rows::{Cell, RowConsumer};
use crate::dataset::ROW_COLUMN;
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Schema, Target};

/// A column is numeric until a value says otherwise.
#[derive(Default)]
pub(super) struct Kinds {
    names: Vec<String>,
    numeric: Vec<bool>,
}

impl Kinds {
    /// A schema that reads the file as it is: numbers where every value is one, else text. It has
    /// no label, so it serves for reading only.
    pub fn into_schema(self, name: &str) -> Schema {
        let columns = self
            .names
            .iter()
            .zip(&self.numeric)
            // A snapshot's own row numbers give way to the positions in this file.
            .filter(|(name, _)| *name != ROW_COLUMN)
            .map(|(name, &numeric)| {
                let kind = if numeric {
                    ColumnKind::Real
                } else {
                    ColumnKind::Category
                };
                ColumnSpec::feature(name, kind)
            })
            .collect();
        Schema {
            name: name.to_owned(),
            columns,
            target: Target {
                name: String::new(),
                column: String::new(),
                mapping: ClassMapping::Identity { order: Vec::new() },
            },
            headerless: false,
            null_texts: Vec::new(),
            oddities: Vec::new(),
        }
    }
}

impl RowConsumer for Kinds {
    fn columns(&mut self, names: &[String], _complete: bool) -> Result<(), SourceError> {
        self.names = header::unique_names(names).0;
        self.numeric.resize(names.len(), true);
        Ok(())
    }

    fn row(&mut self, _line: u64, cells: &[Cell<'_>]) -> Result<bool, SourceError> {
        for (numeric, cell) in self.numeric.iter_mut().zip(cells) {
            if *numeric {
                *numeric = match cell {
                    Cell::Missing | Cell::Number(_) | Cell::Truth(_) | Cell::Nested(_) => true,
                    Cell::Text(text) | Cell::Made(_, text) => {
                        let text = text.trim_ascii();
                        text.is_empty() || number::parse(text).is_some()
                    }
                };
            }
        }
        Ok(true)
    }

    fn broken(&mut self, _line: u64, _reason: String, _text: String) -> Result<bool, SourceError> {
        Ok(true)
    }

    fn wants_text(&self, _column: &str) -> bool {
        false
    }
}
