//! Reads a source of any size in parts: frames of so many rows, one after the other, with the same
//! columns. Memory stays at one part.
//!
//! Values, quarantine and kinds are those of [`super::load_table`]: a first pass finds out which
//! columns are numbers (unless a schema says so), a second one reads.

use std::path::{Path, PathBuf};

use polars::prelude::{Column, DataType, Series};

use super::detect::Detected;
use super::error::SourceError;
use super::header::HeaderReport;
use super::kinds::Kinds;
use super::read::{ReadOptions, stream};
use super::rows::{Cell, RowConsumer, RowName, Watch};
use super::typed::Typed;
use crate::dataset::{Frame, QuarantinedRow, ROW_COLUMN};
use crate::learners::FitControl;
use crate::schema::{Role, Schema};

/// Unreadable rows that are kept; further ones are counted.
const QUARANTINE_KEPT: usize = 10_000;

/// What reading in parts found besides the rows.
#[derive(Debug)]
pub struct Spooled {
    /// Rows of the source, unreadable ones too.
    pub rows: u64,
    /// The first rows that could not be read.
    pub quarantine: Vec<QuarantinedRow>,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// What a file turned out to be; a collection is none.
    pub detected: Option<Detected>,
}

/// Takes parts.
pub type TakePart<'t> = &'t mut dyn FnMut(Frame) -> Result<(), SourceError>;

/// Reads a file in parts of `part_rows` rows, the last one shorter; after a schema, or with the
/// kinds its values have. Progress counts the rows of both passes as one: the first half is the
/// first pass.
pub fn spool_file(
    path: &Path,
    schema: Option<&Schema>,
    options: &ReadOptions,
    part_rows: usize,
    take: TakePart<'_>,
    progress: &dyn Fn(u64, Option<u64>),
    control: &FitControl,
) -> Result<Spooled, SourceError> {
    let inferred;
    let (schema, options) = match schema {
        Some(schema) => (schema, *options),
        None => {
            let mut kinds = Kinds::default();
            let halved = |rows: u64, of: Option<u64>| progress(rows / 2, of);
            let mut watch = Watch::new(path, &halved, control);
            let detected = stream(path, None, options, false, None, &mut kinds, &mut watch)?;
            inferred = kinds.into_schema(&path.display().to_string());
            let settled = ReadOptions {
                header: detected.header.or(options.header),
                delimiter: detected.delimiter.or(options.delimiter),
                require_label: false,
            };
            (&inferred, settled)
        }
    };
    let halved = |rows: u64, of: Option<u64>| match of {
        Some(of) => progress(of.saturating_add(rows) / 2, Some(of)),
        None => progress(rows, None),
    };
    let mut watch = Watch::new(path, &halved, control);
    let mut parts = Parts::new(path.to_owned(), schema, part_rows, take, false);
    let detected = stream(
        path,
        Some(schema),
        &options,
        false,
        None,
        &mut parts,
        &mut watch,
    )?;
    parts.finish(Some(detected))
}

/// Collects rows and hands them on when there are enough.
pub(super) struct Parts<'s, 't> {
    path: PathBuf,
    schema: &'s Schema,
    typed: Option<Typed<'s>>,
    names: Vec<String>,
    complete: bool,
    part_rows: usize,
    in_part: usize,
    taken: bool,
    take: TakePart<'t>,
    next_row: u64,
    quarantine: Vec<QuarantinedRow>,
    unreadable: u64,
    report: HeaderReport,
    /// Whether the source has types of its own.
    documents: bool,
}

impl<'s, 't> Parts<'s, 't> {
    pub fn new(
        path: PathBuf,
        schema: &'s Schema,
        part_rows: usize,
        take: TakePart<'t>,
        documents: bool,
    ) -> Self {
        Self {
            path,
            schema,
            typed: None,
            names: Vec::new(),
            complete: false,
            part_rows,
            in_part: 0,
            taken: false,
            take,
            next_row: 0,
            quarantine: Vec::new(),
            unreadable: 0,
            report: HeaderReport::default(),
            documents,
        }
    }

    /// The collector of the part at hand.
    fn typed(&mut self) -> Result<&mut Typed<'s>, SourceError> {
        if self.typed.is_none() {
            let typed = Typed::new(self.path.clone(), self.schema, false);
            let mut typed = if self.documents {
                typed.of_documents(self.next_row, self.part_rows)
            } else {
                typed.counting_from(self.next_row)
            };
            if !self.names.is_empty() {
                typed.columns(&self.names, self.complete)?;
            }
            self.typed = Some(typed);
        }
        match &mut self.typed {
            Some(typed) => Ok(typed),
            None => Err(SourceError::Internal("a part is not there".to_owned())),
        }
    }

    fn counted(&mut self) -> Result<bool, SourceError> {
        self.in_part += 1;
        if self.in_part >= self.part_rows {
            self.hand_on()?;
        }
        Ok(true)
    }

    fn hand_on(&mut self) -> Result<(), SourceError> {
        // Made when there is none: a source without a row has columns too.
        self.typed()?;
        let Some(part) = self.typed.take() else {
            return Ok(());
        };
        self.report = part.header_report();
        let part = part.into_part()?;
        self.in_part = 0;
        self.next_row = part.next_row;
        self.unreadable += part.quarantine.len() as u64;
        let room = QUARANTINE_KEPT.saturating_sub(self.quarantine.len());
        self.quarantine
            .extend(part.quarantine.into_iter().take(room));
        self.taken = true;
        let part = self.complete_columns(part.frame)?;
        (self.take)(part)
    }

    /// The part with all columns of the schema: one that no row had so far is missing everywhere.
    fn complete_columns(&self, mut frame: Frame) -> Result<Frame, SourceError> {
        let rows = frame.rows();
        let mut columns: Vec<Column> = Vec::with_capacity(self.schema.columns.len() + 1);
        for column in &self.schema.columns {
            let held = frame.take_column(&column.name);
            let label = column.role == Role::Label || column.name == self.schema.target.column;
            let dtype = if column.kind.is_numeric() && !label {
                DataType::Float64
            } else {
                DataType::String
            };
            columns.push(held.unwrap_or_else(|| {
                Series::full_null(column.name.as_str().into(), rows, &dtype).into()
            }));
        }
        columns.extend(frame.take_column(ROW_COLUMN));
        Ok(Frame::from_columns(columns)?)
    }

    pub fn finish(mut self, detected: Option<Detected>) -> Result<Spooled, SourceError> {
        if self.in_part > 0 || !self.taken {
            self.hand_on()?;
        }
        Ok(Spooled {
            rows: self.next_row,
            quarantine: self.quarantine,
            unreadable: self.unreadable,
            detected: detected.map(|detected| Detected {
                columns: self.report,
                ..detected
            }),
        })
    }
}

impl RowConsumer for Parts<'_, '_> {
    fn columns(&mut self, names: &[String], complete: bool) -> Result<(), SourceError> {
        self.names = names.to_vec();
        self.complete = complete;
        self.typed()?.columns(names, complete)
    }
    fn row(&mut self, line: u64, cells: &[Cell<'_>]) -> Result<bool, SourceError> {
        self.typed()?.row(line, cells)?;
        self.counted()
    }
    fn broken(&mut self, line: u64, reason: String, text: String) -> Result<bool, SourceError> {
        self.typed()?.broken(line, reason, text)?;
        self.counted()
    }
    fn named_row(
        &mut self,
        line: u64,
        cells: &[Cell<'_>],
        name: RowName<'_>,
    ) -> Result<bool, SourceError> {
        self.typed()?.named_row(line, cells, name)?;
        self.counted()
    }
    fn named_broken(
        &mut self,
        line: u64,
        reason: String,
        text: String,
        name: RowName<'_>,
    ) -> Result<bool, SourceError> {
        self.typed()?.named_broken(line, reason, text, name)?;
        self.counted()
    }
    fn wants_text(&self, column: &str) -> bool {
        self.schema
            .columns
            .iter()
            .find(|c| c.answers_to(column))
            .is_some_and(|c| {
                !c.kind.is_numeric() || c.role == Role::Label || c.name == self.schema.target.column
            })
    }
}
