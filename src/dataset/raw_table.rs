//! A table as it stands in a file: header names and text cells, nothing interpreted.

/// Untyped columns of equal length; `None` is an empty field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawTable {
    /// Column names as found, or `column_1`, .. for a file without a header.
    pub names: Vec<String>,
    /// The cells by column.
    pub columns: Vec<Vec<Option<String>>>,
}

impl RawTable {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }
}
