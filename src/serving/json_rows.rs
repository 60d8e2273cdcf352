//! Rows from JSON, straight into columns: an object by field names or a list by position.
//!
//! serde walks the text once; no tree of values is built, so a hostile body costs no more than its
//! bytes. Nothing here decides what a document looks like around its rows.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::layout::FieldMap;
use super::refusal::Refusal;
use super::rows::{Cell, Rule};
use super::scoring::Scoring;

/// Rows as they come in, and what stopped them.
pub struct JsonRows<'m> {
    scoring: Scoring<'m>,
    /// Which fields rows without names have.
    pub positions: Option<Arc<FieldMap>>,
    /// Names that were in no column, for suggestions; a few.
    unused: Vec<String>,
    /// Which columns any row had.
    seen: Vec<bool>,
    rows: usize,
    refusal: Option<Refusal>,
}

impl<'m> JsonRows<'m> {
    /// Collects into `scoring`.
    pub fn new(scoring: Scoring<'m>) -> Self {
        let columns = scoring.model().layout().columns().len();
        Self {
            scoring,
            positions: None,
            unused: Vec::new(),
            seen: vec![false; columns],
            rows: 0,
            refusal: None,
        }
    }

    /// All rows, scored. A column that no row had is missing from the request.
    ///
    /// # Errors
    /// When there are no rows, a column is missing, or scoring fails.
    pub fn finish(self) -> Result<super::scoring::Scored, Refusal> {
        if self.rows == 0 {
            return Err(Refusal::malformed("there are no rows"));
        }
        // A row that is no object at all says more than the columns it lacks.
        let named = self.seen.contains(&true) || !self.unused.is_empty();
        if self.positions.is_none() && named && self.seen.contains(&false) {
            let layout = self.scoring.model().layout();
            let missing = layout.missing(|at| self.seen[at], &self.unused);
            return Err(Refusal::missing_columns(&missing));
        }
        self.scoring.finish()
    }

    /// Reads a whole body with a seed.
    ///
    /// # Errors
    /// When it is no JSON, or not of the form the seed reads.
    pub fn read<'b>(
        &mut self,
        body: &'b [u8],
        read: impl FnOnce(
            &mut Self,
            &mut serde_json::Deserializer<serde_json::de::SliceRead<'b>>,
        ) -> Result<(), serde_json::Error>,
    ) -> Result<(), Refusal> {
        let mut text = serde_json::Deserializer::from_slice(body);
        let result = read(self, &mut text).and_then(|()| text.end());
        match (result, self.refusal.take()) {
            (_, Some(refusal)) => Err(refusal),
            (Ok(()), None) => Ok(()),
            (Err(e), None) => Err(no_json(&e, body)),
        }
    }

    /// Ends rows that were put in column by column; all columns must be there.
    pub fn end_inputs<E: Error>(&mut self, rows: usize) -> Result<(), E> {
        self.rows = rows;
        if self.seen.contains(&false) {
            let layout = self.scoring.model().layout();
            let missing = layout.missing(|at| self.seen[at], &self.unused);
            return Err(self.stop(Refusal::missing_columns(&missing)));
        }
        let ended = self.scoring.end_columns(rows);
        ended.map_err(|refusal| self.stop(refusal))
    }

    /// The collector behind.
    pub fn scoring(&mut self) -> &mut Scoring<'m> {
        &mut self.scoring
    }

    /// Notes that a request has a column.
    pub fn saw(&mut self, column: usize) {
        self.seen[column] = true;
    }

    /// Whether a request has had a column.
    pub fn has_seen(&self, column: usize) -> bool {
        self.seen[column]
    }

    /// Notes a name that is no column.
    pub fn unused(&mut self, name: &str) {
        if self.unused.len() < 100 {
            self.unused.push(name.chars().take(100).collect());
        }
    }

    /// Stops reading with a refusal of its own.
    pub fn stop<E: Error>(&mut self, refusal: Refusal) -> E {
        self.refusal = Some(refusal);
        E::custom("stopped")
    }

    fn ended<E: Error>(&mut self, ended: Result<(), Refusal>) -> Result<(), E> {
        self.rows += 1;
        ended.map_err(|refusal| self.stop(refusal))
    }
}

/// Says why a body is no JSON of the wanted form.
pub fn no_json(e: &serde_json::Error, body: &[u8]) -> Refusal {
    let said = crate::text::clean_to(&e.to_string(), 200);
    let nan = [b"NaN".as_slice(), b"Infinity"]
        .iter()
        .any(|word| body.windows(word.len()).any(|w| w == *word));
    if e.is_syntax() && nan {
        return Refusal::malformed(format!(
            "the JSON cannot be read: {said}; NaN and Infinity are no JSON, write null"
        ));
    }
    Refusal::malformed(format!("the JSON cannot be read: {said}"))
}

/// A list of rows.
pub struct RowsSeed<'a, 'm>(pub &'a mut JsonRows<'m>);

impl<'de> DeserializeSeed<'de> for RowsSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(RowSeed(self.0))?.is_some() {}
        Ok(())
    }
}

/// One row.
struct RowSeed<'a, 'm>(&'a mut JsonRows<'m>);

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl RowSeed<'_, '_> {
    fn no_row<E: Error>(self, what: &str) -> Result<(), E> {
        let message = format!("{what} stands where a row is needed, an object by field names");
        let ended = self.0.scoring.broken(Rule::WrongType, message);
        self.0.ended(ended)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(column) = map.next_key_seed(KeySeed(self.0))? {
            match column {
                Some(column) => {
                    self.0.seen[column] = true;
                    map.next_value_seed(CellSeed(&mut self.0.scoring, column))?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let ended = self.0.scoring.end_row();
        self.0.ended(ended)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some(map) = self.0.positions.clone() else {
            // Not known yet: the model's own columns in their order.
            let own = self.0.scoring.model().layout().columns().len();
            let layout = self.0.scoring.model().layout();
            let Some(map) = layout.by_position(own) else {
                return self.no_row("a list");
            };
            self.0.positions = Some(Arc::new(map));
            return self.visit_seq(list);
        };
        let mut fields = 0;
        loop {
            let more = match map.columns.get(fields) {
                Some(Some(column)) => list
                    .next_element_seed(CellSeed(&mut self.0.scoring, *column))?
                    .is_some(),
                _ => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
            fields += 1;
        }
        let wanted = map.columns.len();
        let ended = if fields == wanted {
            self.0.scoring.end_row()
        } else {
            let message = format!("{fields} values, expected {wanted}");
            self.0.scoring.broken(Rule::WrongWidth, message)
        };
        self.0.ended(ended)
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.no_row("null")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.no_row("a truth value")
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.no_row("a number")
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.no_row("a number")
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.no_row("a number")
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.no_row("a text")
    }
}

/// The name of a field, as the column it is.
struct KeySeed<'a, 'm>(&'a mut JsonRows<'m>);

impl<'de> DeserializeSeed<'de> for KeySeed<'_, '_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed<'_, '_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        let found = self.0.scoring.model().layout().find(name);
        if found.is_none() && self.0.rows == 0 {
            self.0.unused(name);
        }
        Ok(found)
    }
}

/// A plain value for a column of the row at work.
struct CellSeed<'a, 'm>(&'a mut Scoring<'m>, usize);

/// A list of values for a column.
pub struct ColumnSeed<'a, 'm>(pub &'a mut JsonRows<'m>, pub usize);

impl<'de> DeserializeSeed<'de> for ColumnSeed<'_, '_> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ColumnSeed<'_, '_> {
    type Value = usize;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
        let mut values = 0;
        while list
            .next_element_seed(InColumnSeed(CellSeed(&mut self.0.scoring, self.1)))?
            .is_some()
        {
            values += 1;
            if let Err(refusal) = self.0.scoring.check_size(values) {
                return Err(self.0.stop(refusal));
            }
        }
        Ok(values)
    }
}

/// A value of a column that is filled from top to bottom; `[[1], [2]]` is as good as `[1, 2]`.
struct InColumnSeed<'a, 'm>(CellSeed<'a, 'm>);

impl<'de> DeserializeSeed<'de> for InColumnSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let cell = TypedCell::deserialize(deserializer)?;
        let one = match &cell {
            TypedCell::List(list) => match list.as_slice() {
                [one] => one,
                _ => &cell,
            },
            _ => &cell,
        };
        self.0.0.row().push_cell(self.0.1, one.as_cell());
        Ok(())
    }
}

/// A value with its type, for formats that are not read row by row.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum TypedCell {
    /// A truth value.
    Truth(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<TypedCell>),
    /// `null`.
    Null(()),
    /// Something else.
    Other(IgnoredAny),
}

impl TypedCell {
    /// The same, borrowed.
    pub fn as_cell(&self) -> Cell<'_> {
        match self {
            TypedCell::Truth(value) => Cell::Truth(*value),
            TypedCell::Number(value) => Cell::Number(*value),
            TypedCell::Text(text) => Cell::Text(text),
            TypedCell::List(_) => Cell::Nested("a list"),
            TypedCell::Null(()) => Cell::Null,
            TypedCell::Other(_) => Cell::Nested("an object"),
        }
    }
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl CellSeed<'_, '_> {
    fn put<E>(self, cell: Cell<'_>) -> Result<(), E> {
        self.0.cell(self.1, cell);
        Ok(())
    }
}

impl<'de> Visitor<'de> for CellSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(Cell::Null)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(Cell::Truth(value))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(Cell::Number(value as f64))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put(Cell::Number(value as f64))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put(Cell::Number(value))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.put(Cell::Text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.put(Cell::Nested("a list"))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.put(Cell::Nested("an object"))
    }
}
