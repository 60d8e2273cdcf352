//! What the columns of a table are.

use polars::prelude::DataType;

/// What kind of values a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Whole numbers.
    Whole,
    /// Numbers with a fraction.
    Decimal,
    /// Texts, and what else is read as text.
    Text,
    /// Truth values.
    Bool,
    /// Dates and times.
    Time,
}

impl Kind {
    /// The kind of a column of a type that [`super::store`] gives.
    pub(super) fn of(dtype: &DataType) -> Self {
        match dtype {
            DataType::Boolean => Kind::Bool,
            DataType::Float32 | DataType::Float64 => Kind::Decimal,
            t if t.is_integer() => Kind::Whole,
            t if t.is_temporal() => Kind::Time,
            _ => Kind::Text,
        }
    }
    /// Whether the values are numbers, which stand to the right.
    pub fn is_number(self) -> bool {
        matches!(self, Kind::Whole | Kind::Decimal)
    }
    /// A word for people.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Whole => "integer",
            Kind::Decimal => "number",
            Kind::Text => "text",
            Kind::Bool => "true/false",
            Kind::Time => "time",
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}
