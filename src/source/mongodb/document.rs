//! From the bytes of documents to the cells of rows.
//!
//! Documents of a collection mostly have the same fields in the same order, so the walker guesses
//! each field from the one before it and looks a name up only when the guess is wrong. Nested
//! documents become columns with dots in their names. Cells borrow from the bytes; only values
//! that have to be put into words are written aside.

use std::collections::HashMap;

use super::value::{self, MAX_DEPTH, Malformed, Value};
use crate::config::ArrayPolicy;
use crate::schema::Schema;
use crate::source::error::{SourceError, capped};
use crate::source::report::CoercionKind;
use crate::source::rows::{Cell, RowConsumer, lossy};

/// Most different fields of a collection. Beyond it the names are data (one per host or day), and
/// no table of them can be trained on.
pub(super) const MAX_FIELDS: usize = 10_000;
/// 2^53: from here on `f64` does not hold every whole number.
const EXACT: u64 = 1 << 53;

/// What a document under a name becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// Its fields become columns.
    Flatten,
    /// The name is a column of its own, which cannot hold a document.
    Refuse,
}

/// A field known at one level of nesting.
#[derive(Debug)]
struct Field {
    /// Its name with the zero byte behind it, as it stands in a document.
    key: Box<[u8]>,
    /// The whole name, with dots.
    name: String,
    /// Its column, once a value was seen.
    column: Option<usize>,
    /// The level of its own fields, once a document was seen.
    level: Option<usize>,
    inside: Inside,
    /// The column is one of texts: digits that an `f64` cannot hold are kept.
    as_text: bool,
    /// The document's `_id`.
    is_id: bool,
}

impl Field {
    /// Its column, where a number needs no second look.
    fn plain_column(&self) -> Option<usize> {
        self.column.filter(|_| !self.is_id)
    }
}

/// The fields at one level of nesting, in the order they were first seen.
#[derive(Debug, Default)]
struct Level {
    prefix: String,
    fields: Vec<Field>,
    index: HashMap<Box<[u8]>, usize>,
}

/// The fields of a collection as far as they were seen.
#[derive(Debug)]
pub(super) struct Fields {
    names: Vec<String>,
    columns: HashMap<String, usize>,
    levels: Vec<Level>,
    /// Names and aliases of the schema's columns, as they are compared.
    known: Vec<String>,
    arrays: ArrayPolicy,
    with_id: bool,
    told: usize,
}

fn folded(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

impl Fields {
    /// Starts with the columns found so far by an earlier attempt, mostly none. `with_id`: whether
    /// `_id` is a column even when the schema does not name it.
    pub fn new(
        schema: Option<&Schema>,
        arrays: ArrayPolicy,
        with_id: bool,
        names: Vec<String>,
    ) -> Self {
        let known = schema
            .into_iter()
            .flat_map(|s| &s.columns)
            .flat_map(|c| std::iter::once(&c.name).chain(&c.aliases))
            .map(|name| folded(name))
            .collect::<Vec<_>>();
        let with_id = with_id || known.iter().any(|name| name == "_id");
        let columns = names.iter().cloned().zip(0..).collect();
        Self {
            names,
            columns,
            levels: vec![Level::default()],
            known,
            arrays,
            with_id,
            told: 0,
        }
    }

    /// The names of the columns, in the order they were first seen.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of a field at its level, known or new.
    fn find(
        &mut self,
        level: usize,
        key: &[u8],
        consumer: &dyn RowConsumer,
    ) -> Result<usize, Malformed> {
        if let Some(&at) = self.levels[level].index.get(key) {
            return Ok(at);
        }
        let text =
            std::str::from_utf8(key).map_err(|_| Malformed::new("a field name is not UTF-8"))?;
        let name = format!("{}{text}", self.levels[level].prefix);
        let own = folded(&name);
        let below = format!("{own}.");
        // A schema that knows a column under this name and none below it means a plain value.
        let inside =
            if self.known.contains(&own) && !self.known.iter().any(|k| k.starts_with(&below)) {
                Inside::Refuse
            } else {
                Inside::Flatten
            };
        let field = Field {
            key: key.iter().copied().chain([0]).collect(),
            as_text: consumer.wants_text(&name),
            is_id: level == 0 && key == b"_id",
            name,
            column: None,
            level: None,
            inside,
        };
        let level = &mut self.levels[level];
        level.fields.push(field);
        level.index.insert(key.into(), level.fields.len() - 1);
        Ok(level.fields.len() - 1)
    }

    /// The column of a field, made when it has none yet.
    fn column(&mut self, level: usize, at: usize) -> usize {
        let field = &mut self.levels[level].fields[at];
        if let Some(column) = field.column {
            return column;
        }
        // A field whose name holds a dot and a nested one may share a column.
        let next = self.names.len();
        let column = *self.columns.entry(field.name.clone()).or_insert(next);
        if column == next {
            self.names.push(field.name.clone());
        }
        field.column = Some(column);
        column
    }

    fn level_of(&mut self, level: usize, at: usize) -> usize {
        if let Some(inner) = self.levels[level].fields[at].level {
            return inner;
        }
        let inner = self.levels.len();
        let field = &mut self.levels[level].fields[at];
        field.level = Some(inner);
        let prefix = format!("{}.", field.name);
        self.levels.push(Level {
            prefix,
            ..Level::default()
        });
        inner
    }
}

/// Whether bytes begin with a key, compared in words of eight: keys are too short for what a call of
/// `memcmp` costs. The last word may overlap the one before.
#[inline]
fn begins_with(bytes: &[u8], key: &[u8]) -> bool {
    let Some(begin) = bytes.get(..key.len()) else {
        return false;
    };
    match (begin.last_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(last), Some(of_key)) => {
            let words = begin.as_chunks().0.iter().zip(key.as_chunks::<8>().0);
            last == of_key && words.into_iter().all(|(a, b)| a == b)
        }
        _ => begin == key,
    }
}

/// A value put into words, with its place in the scratch text.
struct Worded {
    column: usize,
    kind: CoercionKind,
    from: usize,
    to: usize,
}

/// Reads documents one after the other. The bytes live as long as `'b`, one batch.
pub(super) struct Walker<'f, 'b> {
    fields: &'f mut Fields,
    cells: Vec<Cell<'b>>,
    /// The number of the document that last set a column.
    set: Vec<u64>,
    number: u64,
    worded: Vec<Worded>,
    words: String,
    id: Option<Value<'b>>,
}

impl<'f, 'b> Walker<'f, 'b> {
    pub fn new(fields: &'f mut Fields) -> Self {
        let columns = fields.names.len();
        Self {
            fields,
            cells: vec![Cell::Missing; columns],
            set: vec![0; columns],
            number: 0,
            worded: Vec::new(),
            words: String::new(),
            id: None,
        }
    }

    /// Reads a document and hands it to the consumer as row `line`, or as a broken one. Returns
    /// whether to go on.
    pub fn document(
        &mut self,
        bytes: &'b [u8],
        line: u64,
        consumer: &mut dyn RowConsumer,
    ) -> Result<bool, SourceError> {
        self.cells.fill(Cell::Missing);
        self.worded.clear();
        self.words.clear();
        self.id = None;
        self.number += 1;
        let walked = value::whole(bytes).and_then(|()| self.walk(bytes, 0, 0, &*consumer));
        if self.fields.told < self.fields.names.len() {
            if self.fields.names.len() > MAX_FIELDS {
                return Err(SourceError::TooManyFields { limit: MAX_FIELDS });
            }
            consumer.columns(&self.fields.names, false)?;
            self.fields.told = self.fields.names.len();
        }
        let id = self.id;
        let name = move || id.map(value::plain_text);
        if let Err(Malformed(reason)) = walked {
            let text = self.shown();
            return consumer.named_broken(line, reason, text, &name);
        }
        if self.worded.is_empty() {
            return consumer.named_row(line, &self.cells, &name);
        }
        let mut cells = self.cells.clone();
        for word in &self.worded {
            let text = &self.words.as_bytes()[word.from..word.to];
            cells[word.column] = Cell::Made(word.kind, text);
        }
        consumer.named_row(line, &cells, &name)
    }

    /// The columns of the document that could be read before it broke.
    fn shown(&self) -> String {
        let cells = self.cells.iter().zip(&self.fields.names);
        let texts: Vec<String> = cells
            .filter_map(|(cell, name)| match cell {
                Cell::Missing | Cell::Nested(_) => None,
                Cell::Number(v) => Some(format!("{name}: {v}")),
                Cell::Truth(v) => Some(format!("{name}: {v}")),
                Cell::Text(t) | Cell::Made(_, t) => Some(format!(
                    "{name}: {}",
                    capped(&lossy(&t[..t.len().min(200)]), 40)
                )),
            })
            .take(20)
            .collect();
        texts.join(", ")
    }

    fn walk(
        &mut self,
        bytes: &'b [u8],
        level: usize,
        depth: usize,
        consumer: &dyn RowConsumer,
    ) -> Result<(), Malformed> {
        if depth > MAX_DEPTH {
            return Err(value::too_deep());
        }
        let inside = &bytes[..bytes.len() - 1];
        let mut at = 4;
        let mut guess = 0;
        while at < inside.len() {
            let kind = inside[at];
            at += 1;
            let fields = &self.fields.levels[level].fields;
            let guessed = fields
                .get(guess)
                .filter(|field| begins_with(&inside[at..], &field.key));
            let (place, next) = match guessed {
                Some(field) => (guess, at + field.key.len()),
                None => {
                    let (key, next) = value::name(inside, at)?;
                    (self.fields.find(level, key, consumer)?, next)
                }
            };
            guess = place + 1;
            if let Some((number, next)) = value::number(kind, inside, next)
                && let Some(column) = self.fields.levels[level].fields[place].plain_column()
                && self.set.get(column).is_some_and(|set| *set != self.number)
            {
                self.set[column] = self.number;
                self.cells[column] = Cell::Number(number);
                at = next;
                continue;
            }
            let (value, next) = value::read(kind, inside, next)?;
            at = next;
            self.field(value, level, place, depth, consumer)?;
        }
        Ok(())
    }

    #[inline]
    fn field(
        &mut self,
        value: Value<'b>,
        level: usize,
        place: usize,
        depth: usize,
        consumer: &dyn RowConsumer,
    ) -> Result<(), Malformed> {
        let field = &self.fields.levels[level].fields[place];
        if field.is_id && self.id.is_none() {
            self.id = Some(value);
            if !self.fields.with_id {
                return Ok(());
            }
        }
        if let Value::Document(bytes) = value
            && field.inside == Inside::Flatten
        {
            let inner = self.fields.level_of(level, place);
            return self.walk(bytes, inner, depth + 1, consumer);
        }
        let as_text = field.as_text;
        let column = match field.column {
            Some(column) => column,
            None => self.fields.column(level, place),
        };
        if column >= self.cells.len() {
            self.cells.resize(column + 1, Cell::Missing);
            self.set.resize(column + 1, 0);
        }
        if self.set[column] == self.number {
            return Err(Malformed::new(format!(
                "the field `{}` stands more than once",
                self.fields.names[column]
            )));
        }
        self.set[column] = self.number;
        self.cells[column] = match value {
            Value::Double(v) => Cell::Number(v),
            Value::Int32(v) => Cell::Number(f64::from(v)),
            // In a column of texts the digits must stay as they are.
            Value::Int64(v) if as_text && v.unsigned_abs() >= EXACT => {
                return self.word(column, CoercionKind::NumberText, &v.to_string());
            }
            Value::Int64(v) => Cell::Number(v as f64),
            Value::Text(text) | Value::Symbol(text) => Cell::Text(text),
            Value::Null | Value::Undefined => Cell::Missing,
            Value::Truth(v) => Cell::Truth(v),
            Value::Date(at) => match value::date_text(at) {
                Some(text) => return self.word(column, CoercionKind::Date, &text),
                None => Cell::Nested(value.what()),
            },
            Value::ObjectId(id) => {
                return self.word(column, CoercionKind::Identifier, &value::hex(id));
            }
            Value::Binary(subtype, data) => match value::uuid_text(subtype, data) {
                Some(text) => return self.word(column, CoercionKind::Identifier, &text),
                None => Cell::Nested(value.what()),
            },
            Value::Decimal(bytes) => {
                let text = value::decimal_text(bytes);
                return self.word(column, CoercionKind::Decimal, &text);
            }
            Value::Array(_) if self.fields.arrays == ArrayPolicy::Text => {
                let mut text = String::new();
                value::write_json(value, &mut text, depth)?;
                return self.word(column, CoercionKind::JsonText, &text);
            }
            Value::Document(_)
            | Value::Array(_)
            | Value::Regex(..)
            | Value::DbPointer
            | Value::Code(_)
            | Value::CodeWithScope
            | Value::Timestamp(..)
            | Value::MinKey
            | Value::MaxKey => Cell::Nested(value.what()),
        };
        Ok(())
    }

    /// Keeps a value that was put into words.
    fn word(&mut self, column: usize, kind: CoercionKind, text: &str) -> Result<(), Malformed> {
        let from = self.words.len();
        self.words.push_str(text);
        self.worded.push(Worded {
            column,
            kind,
            from,
            to: self.words.len(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn keys_are_compared_as_bytes_are(
            bytes in proptest::collection::vec(0..3_u8, 0..40),
            key in proptest::collection::vec(0..3_u8, 0..20),
            same in 0..40_usize,
        ) {
            proptest::prop_assert_eq!(begins_with(&bytes, &key), bytes.starts_with(&key));
            let own = &bytes[..same.min(bytes.len())];
            proptest::prop_assert!(begins_with(&bytes, own));
        }
    }
}
