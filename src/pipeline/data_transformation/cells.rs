//! Reads the columns of a table as the preprocessor understands them.

use polars::prelude::DataType;

use super::TransformError;
use crate::dataset::Frame;

/// The numbers of a column. Missing values and infinities become NaN; a text column is parsed.
pub(super) fn numbers(frame: &Frame, column: &str) -> Result<Vec<f64>, TransformError> {
    if *frame.column(column)?.dtype() == DataType::Null {
        return Ok(vec![f64::NAN; frame.rows()]);
    }
    if frame.is_numeric(column)? {
        let mut values = frame.numbers(column)?;
        for value in &mut values {
            if value.is_infinite() {
                *value = f64::NAN;
            }
        }
        return Ok(values);
    }
    let mut values = Vec::with_capacity(frame.rows());
    let mut wrong = None;
    frame.visit_texts(column, |row, cell| {
        let cell = cell.map_or("", str::trim);
        let value = match cell.parse::<f64>() {
            Ok(value) if value.is_finite() => value,
            Ok(_) => f64::NAN,
            Err(_) => {
                if !cell.is_empty() && wrong.is_none() {
                    wrong = Some((row, cell.to_owned()));
                }
                f64::NAN
            }
        };
        values.push(value);
    })?;
    match wrong {
        None => Ok(values),
        Some((row, value)) => Err(TransformError::NotANumber {
            column: column.to_owned(),
            row: source_row(frame, row),
            value,
        }),
    }
}

/// The row of the source behind a row of the table: `__row` where there is one.
pub(super) fn source_row(frame: &Frame, row: usize) -> u64 {
    frame
        .numbers("__row")
        .ok()
        .and_then(|rows| rows.get(row).copied())
        .filter(|r| *r >= 0.0)
        .map_or(row as u64, |r| r as u64)
}
