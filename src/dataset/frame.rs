//! A table of named columns: numbers are `f64`, everything else is text.
//!
//! Wraps a Polars data frame and fixes the two readings the pipeline needs, so that no stage
//! has to know Polars' types. [`TrainFrame`] and [`TestFrame`] are the same table with its part
//! in the split fixed by type: what is fitted takes a `TrainFrame`, so fitting on test rows does
//! not compile.

use polars::prelude::{Column, DataFrame, DataType, IdxCa, IdxSize, NamedFrom, Series};
use thiserror::Error;

use crate::error::CommandError;

/// What can go wrong with a table in memory.
#[derive(Debug, Error)]
pub enum FrameError {
    /// A column is missing.
    #[error("there is no column `{column}`; the columns are {available}")]
    NoColumn {
        /// The column asked for.
        column: String,
        /// The first columns there are.
        available: String,
    },
    /// A column is of another type.
    #[error("column `{column}` is {found}, not {wanted}")]
    WrongType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// The type asked for.
        wanted: &'static str,
    },
    /// Polars refused.
    #[error("the table engine failed: {0}")]
    Engine(#[from] polars::error::PolarsError),
}

impl From<FrameError> for CommandError {
    fn from(e: FrameError) -> Self {
        match e {
            FrameError::Engine(_) => CommandError::internal(e.to_string()),
            _ => CommandError::data(e.to_string()),
        }
    }
}

/// A table of named columns of equal length.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    inner: DataFrame,
}

impl Frame {
    /// Wraps a Polars data frame.
    pub fn new(inner: DataFrame) -> Self {
        Self { inner }
    }
    /// Builds a frame from columns; all must have the same length and different names.
    pub fn from_columns(columns: Vec<Column>) -> Result<Self, FrameError> {
        let rows = columns.first().map_or(0, Column::len);
        Ok(Self {
            inner: DataFrame::new(rows, columns)?,
        })
    }
    /// A numeric column; NaN stays NaN, `None` is missing.
    pub fn number_column(name: &str, values: Vec<Option<f64>>) -> Column {
        Series::new(name.into(), values).into()
    }
    /// A text column.
    pub fn text_column<S: AsRef<str>>(name: &str, values: &[Option<S>]) -> Column {
        let values: Vec<Option<&str>> = values
            .iter()
            .map(|v| v.as_ref().map(AsRef::as_ref))
            .collect();
        Series::new(name.into(), values).into()
    }
    /// The Polars data frame.
    pub fn polars(&self) -> &DataFrame {
        &self.inner
    }
    /// Unwraps into the Polars data frame.
    pub fn into_polars(self) -> DataFrame {
        self.inner
    }
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.inner.height()
    }
    /// Names of the columns in order.
    pub fn names(&self) -> Vec<String> {
        self.inner
            .get_column_names()
            .into_iter()
            .map(|n| n.to_string())
            .collect()
    }
    /// Whether there is a column of this name.
    pub fn has(&self, column: &str) -> bool {
        self.inner.column(column).is_ok()
    }
    /// Whether a column is numeric (integers, reals, booleans).
    pub fn is_numeric(&self, column: &str) -> Result<bool, FrameError> {
        let dtype = self.column(column)?.dtype();
        Ok(dtype.is_primitive_numeric() || *dtype == DataType::Boolean)
    }
    /// Borrows a column.
    pub fn column(&self, column: &str) -> Result<&Column, FrameError> {
        self.inner.column(column).map_err(|_| FrameError::NoColumn {
            column: column.to_owned(),
            available: preview(&self.names()),
        })
    }
    /// Takes a column out of the frame.
    pub fn take_column(&mut self, column: &str) -> Option<Column> {
        self.inner.drop_in_place(column).ok()
    }
    /// The numbers of a column; missing values become NaN, infinities stay.
    pub fn numbers(&self, column: &str) -> Result<Vec<f64>, FrameError> {
        if !self.is_numeric(column)? {
            return Err(FrameError::WrongType {
                column: column.to_owned(),
                found: self.column(column)?.dtype().to_string(),
                wanted: "a number",
            });
        }
        let cast = self
            .column(column)?
            .as_materialized_series()
            .cast(&DataType::Float64)?;
        let values = cast.f64()?;
        if let Ok(all) = values.cont_slice() {
            return Ok(all.to_vec());
        }
        Ok(values.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
    }
    /// The values of a column as text; numbers that are whole print without a point.
    pub fn texts(&self, column: &str) -> Result<Vec<Option<String>>, FrameError> {
        let series = self.column(column)?.as_materialized_series();
        if *series.dtype() == DataType::String {
            return Ok(series.str()?.iter().map(|v| v.map(str::to_owned)).collect());
        }
        if self.is_numeric(column)? {
            return Ok(self
                .numbers(column)?
                .into_iter()
                .map(|v| {
                    if v.is_nan() {
                        None
                    } else {
                        Some(number_text(v))
                    }
                })
                .collect());
        }
        let cast = series.cast(&DataType::String)?;
        Ok(cast.str()?.iter().map(|v| v.map(str::to_owned)).collect())
    }
    /// Hands every cell of a column to `visit` as text, with its row; [`Frame::texts`] without a
    /// copy of a text column.
    pub fn visit_texts(
        &self,
        column: &str,
        mut visit: impl FnMut(usize, Option<&str>),
    ) -> Result<(), FrameError> {
        let series = self.column(column)?.as_materialized_series();
        match series.dtype() {
            DataType::String => {
                for (row, cell) in series.str()?.iter().enumerate() {
                    visit(row, cell);
                }
            }
            DataType::Null => (0..self.rows()).for_each(|row| visit(row, None)),
            _ => {
                for (row, cell) in self.texts(column)?.iter().enumerate() {
                    visit(row, cell.as_deref());
                }
            }
        }
        Ok(())
    }
    /// The rows at `rows`, in that order.
    pub fn take(&self, rows: &[usize]) -> Result<Self, FrameError> {
        let index: Vec<IdxSize> = rows.iter().map(|&r| r as IdxSize).collect();
        let index = IdxCa::from_vec("rows".into(), index);
        Ok(Self {
            inner: self.inner.take(&index)?,
        })
    }
    /// The named columns, in that order.
    pub fn select<S: AsRef<str>>(&self, columns: &[S]) -> Result<Self, FrameError> {
        let picked: Result<Vec<Column>, FrameError> = columns
            .iter()
            .map(|c| self.column(c.as_ref()).cloned())
            .collect();
        let picked = picked?;
        Ok(Self {
            inner: DataFrame::new(self.rows(), picked)?,
        })
    }
    /// Appends the rows of another frame with the same columns.
    pub fn append(&mut self, other: &Self) -> Result<(), FrameError> {
        if self.inner.width() == 0 {
            self.inner = other.inner.clone();
        } else {
            self.inner.vstack_mut(&other.inner)?;
        }
        Ok(())
    }
}

/// Prints a number the way a person writes it: `3`, not `3.0`; shortest form that reads back.
pub fn number_text(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        format!("{value}")
    }
}

fn preview(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// The train part of a split. Fitting takes this type and nothing else.
#[derive(Clone, Debug)]
pub struct TrainFrame(pub Frame);

/// The test part of a split. Nothing can be fitted on it.
///
/// ```compile_fail,E0308
/// # use netsec::dataset::TestFrame;
/// # use netsec::pipeline::data_transformation::{Preprocessor, TransformationPlan};
/// fn cheat(test: &TestFrame, plan: &TransformationPlan) {
///     let _ = Preprocessor::fit(test, plan);
/// }
/// ```
///
/// The same with the train part compiles, so what fails above is the type and nothing else:
///
/// ```
/// # use netsec::dataset::TrainFrame;
/// # use netsec::pipeline::data_transformation::{Preprocessor, TransformationPlan};
/// fn honest(train: &TrainFrame, plan: &TransformationPlan) {
///     let _ = Preprocessor::fit(train, plan);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct TestFrame(pub Frame);

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame::from_columns(vec![
            Frame::number_column("a", vec![Some(1.0), None, Some(2.5)]),
            Frame::text_column("b", &[Some("x"), None, Some("y")]),
        ])
        .unwrap()
    }

    #[test]
    fn reads_numbers_and_texts() {
        let f = frame();
        assert_eq!(f.rows(), 3);
        let a = f.numbers("a").unwrap();
        assert!(a[0] == 1.0 && a[1].is_nan() && a[2] == 2.5);
        assert_eq!(
            f.texts("a").unwrap(),
            [Some("1".into()), None, Some("2.5".into())]
        );
        assert_eq!(f.texts("b").unwrap()[2].as_deref(), Some("y"));
        assert!(matches!(f.numbers("b"), Err(FrameError::WrongType { .. })));
        assert!(f.numbers("c").unwrap_err().to_string().contains("`c`"));
    }

    #[test]
    fn takes_rows_in_order() {
        let f = frame().take(&[2, 0]).unwrap();
        assert_eq!(f.numbers("a").unwrap(), [2.5, 1.0]);
    }
}
