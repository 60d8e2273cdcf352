//! Collects rows into typed columns after a schema, and sets aside what cannot be read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use polars::prelude::{Column, IntoSeries, NamedFrom, Series, StringChunkedBuilder};

use super::detect::Detected;
use super::error::{SourceError, capped};
use super::header::{self, HeaderReport};
use super::number;
use super::read::Ingested;
use super::report::{CoercionKind, CoercionReport, ColumnCoercion};
use super::rows::{Cell, RowConsumer, RowName, decode, lossy};
use crate::dataset::{Frame, QuarantinedRow, ROW_COLUMN, number_text};
use crate::schema::{ColumnKind, Role, Schema};

/// 2^53: from here on `f64` does not hold every whole number, and one that reads as 2^53 itself may
/// have been another.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Characters of a value or row shown in a report.
const SHOWN: usize = 80;

/// How a column is held.
enum Held {
    Numbers {
        values: Vec<f64>,
        whole: bool,
    },
    Texts(StringChunkedBuilder),
    Label {
        texts: StringChunkedBuilder,
        numeric: bool,
    },
}

/// A stretch of rows as they were collected.
pub(super) struct Part {
    /// The kept rows, with their places in the source.
    pub frame: Frame,
    /// The row of the source after the last one.
    pub next_row: u64,
    /// Rows set aside.
    pub quarantine: Vec<QuarantinedRow>,
    /// Changes of values, in the order of the schema's columns.
    pub coercions: CoercionReport,
}

struct Slot {
    name: String,
    held: Held,
}

/// A cell as its column takes it.
enum Ready {
    Number(f64),
    Text(Option<String>),
    /// A range of the scratch text.
    Scratch(usize, usize),
}

/// How often a change was made, and where first.
struct Counted {
    cells: u64,
    example: String,
    id: Option<String>,
}

/// The typed collector.
pub(super) struct Typed<'s> {
    path: PathBuf,
    schema: &'s Schema,
    require_label: bool,
    slots: Vec<Slot>,
    positions: Vec<Option<usize>>,
    names: Vec<String>,
    report: HeaderReport,
    source_row: u64,
    rows: Vec<i64>,
    quarantine: Vec<QuarantinedRow>,
    counts: BTreeMap<(usize, CoercionKind), Counted>,
    /// Whether the source has types of its own, so that a text in a column of numbers says
    /// something.
    has_types: bool,
    // Reused from row to row. A row that is refused in its middle leaves nothing behind: texts wait
    // here for its end, numbers stand in their columns already and are taken out again.
    ready: Vec<Ready>,
    scratch: String,
    changes: Vec<(usize, CoercionKind)>,
}

impl<'s> Typed<'s> {
    pub fn new(path: PathBuf, schema: &'s Schema, require_label: bool) -> Self {
        let slots = schema
            .columns
            .iter()
            .map(|column| {
                let texts = || StringChunkedBuilder::new(column.name.as_str().into(), 0);
                let numeric = column.kind.is_numeric();
                let held = if column.role == Role::Label || column.name == schema.target.column {
                    Held::Label {
                        texts: texts(),
                        numeric,
                    }
                } else if numeric {
                    Held::Numbers {
                        values: Vec::new(),
                        whole: column.kind == ColumnKind::Integer,
                    }
                } else {
                    Held::Texts(texts())
                };
                Slot {
                    name: column.name.clone(),
                    held,
                }
            })
            .collect();
        Self {
            path,
            schema,
            require_label,
            slots,
            positions: vec![None; schema.columns.len()],
            names: Vec::new(),
            report: HeaderReport::default(),
            source_row: 0,
            rows: Vec::new(),
            quarantine: Vec::new(),
            counts: BTreeMap::new(),
            has_types: false,
            ready: Vec::new(),
            scratch: String::new(),
            changes: Vec::new(),
        }
    }

    /// For a source of documents with types, whose first row here is row `first` of the source
    /// and of which about `rows` rows are expected.
    pub fn of_documents(mut self, first: u64, rows: usize) -> Self {
        self.has_types = true;
        self.source_row = first;
        for slot in &mut self.slots {
            if let Held::Numbers { values, .. } = &mut slot.held {
                values.reserve(rows);
            }
        }
        self
    }

    /// For rows whose first here is row `first` of the source.
    pub fn counting_from(mut self, first: u64) -> Self {
        self.source_row = first;
        self
    }

    /// What became of the names.
    pub fn header_report(&self) -> HeaderReport {
        self.report.clone()
    }

    /// The table; the report on the header goes into `detected`.
    pub fn finish(self, mut detected: Detected) -> Result<Ingested, SourceError> {
        detected.columns = self.report.clone();
        let part = self.into_part()?;
        Ok(Ingested {
            frame: part.frame,
            rows: part.next_row,
            quarantine: part.quarantine,
            coercions: part.coercions,
            detected,
        })
    }

    /// What was collected, without a word about the names.
    pub fn into_part(self) -> Result<Part, SourceError> {
        let coercions = CoercionReport {
            columns: self
                .counts
                .into_iter()
                .map(|((slot, kind), counted)| ColumnCoercion {
                    column: self.slots[slot].name.clone(),
                    kind,
                    cells: counted.cells,
                    example: counted.example,
                    id: counted.id,
                })
                .collect(),
        };
        let mut columns: Vec<Column> = Vec::with_capacity(self.slots.len() + 1);
        for (slot, position) in self.slots.into_iter().zip(&self.positions) {
            if position.is_none() {
                continue;
            }
            columns.push(match slot.held {
                Held::Numbers { values, .. } => number_column(&slot.name, values),
                Held::Texts(texts) | Held::Label { texts, .. } => {
                    texts.finish().into_series().into()
                }
            });
        }
        columns.push(Series::new(ROW_COLUMN.into(), self.rows).into());
        Ok(Part {
            frame: Frame::from_columns(columns)?,
            next_row: self.source_row,
            quarantine: self.quarantine,
            coercions,
        })
    }

    fn set_aside(&mut self, line: u64, reason: String, text: &str, id: Option<String>) {
        self.quarantine.push(QuarantinedRow {
            row: self.source_row,
            line,
            id: id.map(|id| capped(&id, 200)),
            reason: capped(&reason, 300),
            text: capped(text, 200),
        });
        self.source_row += 1;
    }

    /// Reads the cell of a slot, or says why it cannot be read.
    fn read_cell(&mut self, slot: usize, cell: Cell<'_>) -> Result<Ready, String> {
        let held = &self.slots[slot].held;
        let name = || self.slots[slot].name.clone();
        let cell = match cell {
            Cell::Nested(what) => {
                return Err(format!("column `{}` holds {what}", name()));
            }
            other => other,
        };
        let (numeric, whole, label) = match held {
            Held::Numbers { whole, .. } => (true, *whole, false),
            Held::Texts(_) => (false, false, false),
            Held::Label { numeric, .. } => (*numeric, false, true),
        };
        let mut made = None;
        let mut text: &[u8] = match cell {
            Cell::Missing => return self.missing(slot, numeric && !label),
            Cell::Number(v) if numeric && !label => return Ok(self.number(slot, v, false, whole)),
            Cell::Number(v) if v.is_nan() => {
                self.changes.push((slot, CoercionKind::NotANumber));
                return self.missing(slot, false);
            }
            Cell::Number(v) => {
                if self.has_types && !numeric {
                    self.changes.push((slot, CoercionKind::NumberText));
                }
                return Ok(Ready::Text(Some(number_text(v))));
            }
            Cell::Truth(v) if numeric && !label => {
                self.changes.push((slot, CoercionKind::TruthValue));
                return Ok(Ready::Number(f64::from(u8::from(v))));
            }
            Cell::Truth(v) if numeric => {
                self.changes.push((slot, CoercionKind::TruthValue));
                return Ok(Ready::Text(Some(u8::from(v).to_string())));
            }
            Cell::Truth(v) => {
                if v {
                    b"true"
                } else {
                    b"false"
                }
            }
            Cell::Text(text) => {
                if self.has_types && numeric {
                    made = Some(CoercionKind::TextNumber);
                }
                text
            }
            Cell::Made(kind, text) => {
                made = Some(kind);
                text
            }
            Cell::Nested(_) => b"",
        };
        let trimmed = text.trim_ascii();
        if trimmed.is_empty() {
            return self.missing(slot, numeric && !label);
        }
        if self
            .schema
            .null_texts
            .iter()
            .any(|t| t.trim().as_bytes() == trimmed)
        {
            self.changes.push((slot, CoercionKind::NullText));
            return self.missing(slot, numeric && !label);
        }
        if trimmed.len() != text.len() {
            self.changes.push((slot, CoercionKind::Trimmed));
            text = trimmed;
        }
        if let Some(kind) = made {
            self.changes.push((slot, kind));
        }
        if numeric {
            let Some(parsed) = number::parse(text) else {
                return Err(format!(
                    "column `{}`: `{}` is not a number",
                    name(),
                    capped(&lossy(text), SHOWN)
                ));
            };
            if !label {
                return Ok(self.number(slot, parsed.value, parsed.pointed, whole));
            }
            if parsed.value.is_nan() {
                self.changes.push((slot, CoercionKind::NotANumber));
                return self.missing(slot, false);
            }
            if parsed.pointed {
                self.changes.push((slot, CoercionKind::WholeNumber));
            }
            return Ok(Ready::Text(Some(number_text(parsed.value))));
        }
        let Some((decoded, fallback)) = decode(text) else {
            return Err(format!(
                "column `{}` holds bytes that are neither UTF-8 nor Windows-1252",
                name()
            ));
        };
        if fallback {
            self.changes.push((slot, CoercionKind::Windows1252));
        }
        let mut value = decoded.as_ref();
        if label && let Some(cut) = value.strip_suffix('.') {
            if cut.is_empty() {
                return self.missing(slot, false);
            }
            self.changes.push((slot, CoercionKind::TrailingDot));
            value = cut;
        }
        let start = self.scratch.len();
        self.scratch.push_str(value);
        Ok(Ready::Scratch(start, self.scratch.len()))
    }

    fn missing(&mut self, slot: usize, number: bool) -> Result<Ready, String> {
        if number {
            return Ok(Ready::Number(f64::NAN));
        }
        if self.require_label && matches!(self.slots[slot].held, Held::Label { .. }) {
            return Err(format!("the label `{}` is missing", self.slots[slot].name));
        }
        Ok(Ready::Text(None))
    }

    fn number(&mut self, slot: usize, value: f64, pointed: bool, whole: bool) -> Ready {
        if value.is_nan() {
            self.changes.push((slot, CoercionKind::NotANumber));
        } else if value.is_infinite() {
            self.changes.push((slot, CoercionKind::Infinity));
        } else if whole {
            if value != value.trunc() {
                self.changes.push((slot, CoercionKind::Fraction));
            } else if pointed {
                self.changes.push((slot, CoercionKind::WholeNumber));
            } else if value.abs() >= EXACT {
                self.changes.push((slot, CoercionKind::Rounded));
            }
        }
        Ready::Number(value)
    }

    /// Reads the cells of a row: numbers into their columns, the others into `ready`.
    fn read_row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
        for slot in 0..self.slots.len() {
            let Some(at) = self.positions[slot] else {
                continue;
            };
            let cell = cells.get(at).copied().unwrap_or(Cell::Missing);
            if let (Held::Numbers { values, whole }, Cell::Number(v)) =
                (&mut self.slots[slot].held, cell)
                && is_plain(v, *whole)
            {
                values.push(v);
                continue;
            }
            let ready = self.read_cell(slot, cell)?;
            match (&mut self.slots[slot].held, ready) {
                (Held::Numbers { values, .. }, Ready::Number(v)) => values.push(v),
                // `read_cell` gives numbers to number columns and texts to the others.
                (Held::Numbers { values, .. }, _) => values.push(f64::NAN),
                (Held::Texts(_) | Held::Label { .. }, ready) => self.ready.push(ready),
            }
        }
        Ok(())
    }

    /// Takes the numbers of a refused row out of their columns again.
    fn take_back(&mut self) {
        for slot in &mut self.slots {
            if let Held::Numbers { values, .. } = &mut slot.held {
                values.truncate(self.rows.len());
            }
        }
    }
}

/// Whether there is nothing to say about a number: most are so, and are looked at no further.
#[inline]
fn is_plain(value: f64, whole: bool) -> bool {
    if whole {
        // Rounding towards zero by way of an integer is one instruction, `trunc` is a call.
        value.abs() < EXACT && (value as i64) as f64 == value
    } else {
        value.is_finite()
    }
}

impl RowConsumer for Typed<'_> {
    fn columns(&mut self, names: &[String], complete: bool) -> Result<(), SourceError> {
        let mapping = header::match_columns(self.schema, names, self.require_label);
        if complete && !mapping.missing.is_empty() {
            return Err(SourceError::MissingColumns {
                path: self.path.clone(),
                nearest: header::nearest(&mapping.missing, &mapping.report.unused),
                missing: mapping.missing,
                found: header::unique_names(names).0,
            });
        }
        // A column that appears late (NDJSON) was missing in the rows before.
        let kept = self.rows.len();
        for (slot, position) in mapping.positions.iter().enumerate() {
            if self.positions[slot].is_none() && position.is_some() {
                match &mut self.slots[slot].held {
                    Held::Numbers { values, .. } => values.resize(kept, f64::NAN),
                    Held::Texts(texts) | Held::Label { texts, .. } => {
                        (0..kept).for_each(|_| texts.append_null());
                    }
                }
            }
        }
        self.positions = mapping.positions;
        self.report = mapping.report;
        self.names = names.to_vec();
        Ok(())
    }

    fn row(&mut self, line: u64, cells: &[Cell<'_>]) -> Result<bool, SourceError> {
        self.named_row(line, cells, &|| None)
    }

    fn named_row(
        &mut self,
        line: u64,
        cells: &[Cell<'_>],
        name: RowName<'_>,
    ) -> Result<bool, SourceError> {
        self.ready.clear();
        self.scratch.clear();
        self.changes.clear();
        if let Err(reason) = self.read_row(cells) {
            self.take_back();
            let text = row_text(cells);
            self.set_aside(line, reason, &text, name());
            return Ok(true);
        }
        let mut ready = self.ready.drain(..);
        for (slot, position) in self.slots.iter_mut().zip(&self.positions) {
            let (Held::Texts(texts) | Held::Label { texts, .. }, Some(_)) =
                (&mut slot.held, position)
            else {
                continue;
            };
            match ready.next() {
                Some(Ready::Scratch(from, to)) => texts.append_value(&self.scratch[from..to]),
                Some(Ready::Text(text)) => texts.append_option(text),
                Some(Ready::Number(v)) => texts.append_value(number_text(v)),
                None => break,
            }
        }
        drop(ready);
        for &(slot, kind) in &self.changes {
            let entry = self.counts.entry((slot, kind)).or_insert_with(|| {
                let cell = self.positions[slot].and_then(|at| cells.get(at).copied());
                Counted {
                    cells: 0,
                    example: cell.map(cell_text).unwrap_or_default(),
                    id: name(),
                }
            });
            entry.cells += 1;
        }
        self.rows.push(self.source_row as i64);
        self.source_row += 1;
        Ok(true)
    }

    fn broken(&mut self, line: u64, reason: String, text: String) -> Result<bool, SourceError> {
        self.set_aside(line, reason, &text, None);
        Ok(true)
    }

    fn named_broken(
        &mut self,
        line: u64,
        reason: String,
        text: String,
        name: RowName<'_>,
    ) -> Result<bool, SourceError> {
        self.set_aside(line, reason, &text, name());
        Ok(true)
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

/// A number column; NaN stands for missing.
fn number_column(name: &str, values: Vec<f64>) -> Column {
    if values.iter().any(|v| v.is_nan()) {
        let values = values
            .into_iter()
            .map(|v| if v.is_nan() { None } else { Some(v) })
            .collect();
        Frame::number_column(name, values)
    } else {
        Series::new(name.into(), values).into()
    }
}

fn cell_text(cell: Cell<'_>) -> String {
    match cell {
        Cell::Missing => String::new(),
        Cell::Number(v) => number_text(v),
        Cell::Truth(v) => v.to_string(),
        Cell::Text(t) | Cell::Made(_, t) => capped(&lossy(&t[..t.len().min(400)]), SHOWN),
        Cell::Nested(what) => what.to_owned(),
    }
}

fn row_text(cells: &[Cell<'_>]) -> String {
    cells
        .iter()
        .take(50)
        .map(|c| cell_text(*c))
        .collect::<Vec<_>>()
        .join(",")
}
