//! The cells of a few rows.

use std::borrow::Cow;

use polars::prelude::{AnyValue, DataType, Series};

use serde_json::Value;

use super::BrowseError;
use crate::dataset::number_text;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// None.
    Missing,
    /// A whole number.
    Whole(i128),
    /// A number; never NaN, which is missing.
    Decimal(f64),
    /// A truth value.
    Truth(bool),
    /// Text as it stands in the source: not fit for a terminal before [`crate::text::clean`].
    Text(String),
    /// A date or time as text.
    Time(String),
}

impl Cell {
    /// The value as text; `None` when there is none.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Cell::Missing => None,
            Cell::Whole(v) => Some(Cow::Owned(v.to_string())),
            Cell::Decimal(v) => Some(Cow::Owned(number_text(*v))),
            Cell::Truth(v) => Some(Cow::Borrowed(if *v { "true" } else { "false" })),
            Cell::Text(v) | Cell::Time(v) => Some(Cow::Borrowed(v)),
        }
    }
    /// The value as JSON; infinite numbers and ones beyond 64 bits are texts, for JSON has none.
    pub fn json(&self) -> Value {
        match self {
            Cell::Missing => Value::Null,
            Cell::Truth(v) => Value::from(*v),
            Cell::Text(v) | Cell::Time(v) => Value::from(v.as_str()),
            Cell::Whole(v) => match (i64::try_from(*v), u64::try_from(*v)) {
                (Ok(v), _) => Value::from(v),
                (_, Ok(v)) => Value::from(v),
                _ => Value::from(v.to_string()),
            },
            Cell::Decimal(v) if v.is_infinite() => Value::from(number_text(*v)),
            // Whole numbers print without a point.
            Cell::Decimal(v) if *v == v.trunc() && v.abs() < 9e15 => Value::from(*v as i64),
            Cell::Decimal(v) => Value::from(*v),
        }
    }
    /// Whether there is none.
    pub fn is_missing(&self) -> bool {
        matches!(self, Cell::Missing)
    }
}

/// Some rows of a selection with some of their columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Where in the selection the first row stands.
    pub first: u64,
    /// The number each row has in its source, from 0.
    pub rows: Vec<u64>,
    /// The columns asked for.
    pub columns: Vec<usize>,
    /// Their cells, column by column.
    pub cells: Vec<Vec<Cell>>,
}

impl Window {
    /// The cell in row `row` of the window and the `column`-th of the columns asked for.
    pub fn cell(&self, row: usize, column: usize) -> &Cell {
        self.cells
            .get(column)
            .and_then(|c| c.get(row))
            .unwrap_or(&Cell::Missing)
    }
}

/// The values of a column as cells.
pub(super) fn cells(series: &Series) -> Result<Vec<Cell>, BrowseError> {
    let dtype = series.dtype();
    if *dtype == DataType::String {
        let texts = series.str().map_err(BrowseError::engine)?;
        return Ok(texts
            .iter()
            .map(|t| t.map_or(Cell::Missing, |t| Cell::Text(t.to_owned())))
            .collect());
    }
    if dtype.is_temporal() {
        let cast = series
            .cast(&DataType::String)
            .map_err(BrowseError::engine)?;
        let texts = cast.str().map_err(BrowseError::engine)?;
        return Ok(texts
            .iter()
            .map(|t| t.map_or(Cell::Missing, |t| Cell::Time(t.to_owned())))
            .collect());
    }
    Ok(series.iter().map(cell).collect())
}

fn cell(value: AnyValue<'_>) -> Cell {
    let decimal = |v: f64| {
        if v.is_nan() {
            Cell::Missing
        } else {
            Cell::Decimal(v)
        }
    };
    match value {
        AnyValue::Null => Cell::Missing,
        AnyValue::Boolean(v) => Cell::Truth(v),
        AnyValue::Float32(v) => decimal(f64::from(v)),
        AnyValue::Float64(v) => decimal(v),
        AnyValue::Int8(v) => Cell::Whole(v.into()),
        AnyValue::Int16(v) => Cell::Whole(v.into()),
        AnyValue::Int32(v) => Cell::Whole(v.into()),
        AnyValue::Int64(v) => Cell::Whole(v.into()),
        AnyValue::UInt8(v) => Cell::Whole(v.into()),
        AnyValue::UInt16(v) => Cell::Whole(v.into()),
        AnyValue::UInt32(v) => Cell::Whole(v.into()),
        AnyValue::UInt64(v) => Cell::Whole(v.into()),
        other => Cell::Text(other.to_string()),
    }
}
