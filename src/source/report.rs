//! What was changed in a value on its way in, counted by column.

use serde::{Deserialize, Serialize};

/// How a value was changed, or what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoercionKind {
    /// `1.0` in a column of whole numbers: read as 1.
    WholeNumber,
    /// `1.5` in a column of whole numbers: kept as it is.
    Fraction,
    /// An infinite number: kept as infinity; transformation treats it as missing.
    Infinity,
    /// `NaN`: read as missing.
    NotANumber,
    /// One of the schema's texts for "missing".
    NullText,
    /// A whole number from 2^53 on, rounded to the nearest one a `f64` holds.
    Rounded,
    /// A truth value in a column of numbers: read as 1 or 0.
    TruthValue,
    /// Blanks around a value: cut off.
    Trimmed,
    /// A label that ends with a dot (`normal.`): cut off.
    TrailingDot,
    /// Bytes that are not UTF-8: read as Windows-1252.
    Windows1252,
    /// A text in a column of numbers, in a source that has types (MongoDB): read as the number.
    TextNumber,
    /// A number in a column of texts, in a source that has types: read as its digits.
    NumberText,
    /// A Decimal128: read as the nearest `f64` in a column of numbers, else as its digits.
    Decimal,
    /// A date: read as ISO 8601 text in UTC.
    Date,
    /// An ObjectId or UUID: read as its usual text.
    Identifier,
    /// An array or a document: kept as JSON text, as `[source] arrays = "text"` asks.
    JsonText,
}

impl CoercionKind {
    /// A phrase for people.
    pub fn text(self) -> &'static str {
        match self {
            CoercionKind::WholeNumber => "written with a point, read as whole numbers",
            CoercionKind::Fraction => "fractions in a column of whole numbers, kept",
            CoercionKind::Infinity => "infinite, kept",
            CoercionKind::NotANumber => "NaN, read as missing",
            CoercionKind::NullText => "a text that means missing",
            CoercionKind::Rounded => "of 2^53 or more, perhaps rounded",
            CoercionKind::TruthValue => "true or false, read as 1 or 0",
            CoercionKind::Trimmed => "blanks around the value cut off",
            CoercionKind::TrailingDot => "trailing dot cut off",
            CoercionKind::Windows1252 => "not UTF-8, read as Windows-1252",
            CoercionKind::TextNumber => "texts in a column of numbers, read as numbers",
            CoercionKind::NumberText => "numbers in a column of texts, read as texts",
            CoercionKind::Decimal => "Decimal128, read as the nearest number or as text",
            CoercionKind::Date => "dates, read as ISO 8601 text",
            CoercionKind::Identifier => "ObjectIds or UUIDs, read as text",
            CoercionKind::JsonText => "arrays, kept as JSON text",
        }
    }
}

/// One kind of change in one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnCoercion {
    /// The column.
    pub column: String,
    /// What was changed.
    pub kind: CoercionKind,
    /// Cells of kept rows it happened to.
    pub cells: u64,
    /// The first value it happened to, as it stands in the source.
    pub example: String,
    /// The `_id` of the document that holds it; files have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Every change made while reading, in the order of the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoercionReport {
    /// The changes.
    pub columns: Vec<ColumnCoercion>,
}

impl CoercionReport {
    /// Cells changed in one way over all columns.
    pub fn cells(&self, kind: CoercionKind) -> u64 {
        self.columns
            .iter()
            .filter(|c| c.kind == kind)
            .map(|c| c.cells)
            .sum()
    }
}
