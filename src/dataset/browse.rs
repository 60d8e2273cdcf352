//! The data browser's engine: which rows of a frame, in which order, with which columns.
//!
//! Gives row positions, not rows: a viewer takes the window it shows and nothing else.

use std::cmp::Ordering;

use super::query::{QueryError, resolve_column};
use super::{Filter, Frame};

/// A column to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column.
    pub column: String,
    /// Largest first.
    pub descending: bool,
}

/// What to look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Browse {
    /// Rows to keep; none = all.
    pub filter: Option<Filter>,
    /// Order; none = as they stand.
    pub sort: Option<Sort>,
    /// Columns; empty = all.
    pub columns: Vec<String>,
}

impl Browse {
    /// Reads the three texts of the command line: a filter, a column to sort by (a leading `-`
    /// sorts descending), columns to show.
    pub fn parse(
        filter: Option<&str>,
        sort: Option<&str>,
        columns: &[String],
    ) -> Result<Self, QueryError> {
        let filter = match filter {
            Some(text) if !text.trim().is_empty() => Some(Filter::parse(text)?),
            _ => None,
        };
        let sort = sort.map(|text| match text.strip_prefix('-') {
            Some(column) => Sort {
                column: column.to_owned(),
                descending: true,
            },
            None => Sort {
                column: text.to_owned(),
                descending: false,
            },
        });
        Ok(Self {
            filter,
            sort,
            columns: columns.to_vec(),
        })
    }

    /// Positions of the rows to show, in order.
    pub fn rows(&self, frame: &Frame) -> Result<Vec<usize>, QueryError> {
        let mut rows = match &self.filter {
            Some(filter) => filter.rows(frame)?,
            None => (0..frame.rows()).collect(),
        };
        if let Some(sort) = &self.sort {
            // A column may really be called `-x`; the exact name wins over "descending by x".
            let literal = format!("-{}", sort.column);
            let (name, descending) = if sort.descending && frame.has(&literal) {
                (literal, false)
            } else {
                (resolve_column(frame, &sort.column)?, sort.descending)
            };
            order(&mut rows, frame, &name, descending).map_err(|e| QueryError {
                position: 0,
                message: e.to_string(),
                suggestion: None,
                text: name,
            })?;
        }
        Ok(rows)
    }

    /// Names of the columns to show, in order; internal ones only when they are asked for.
    pub fn columns(&self, frame: &Frame) -> Result<Vec<String>, QueryError> {
        if self.columns.is_empty() {
            let names = frame.names().into_iter();
            return Ok(names.filter(|n| !n.starts_with("__")).collect());
        }
        self.columns
            .iter()
            .map(|name| resolve_column(frame, name))
            .collect()
    }
}

/// Sorts stably; rows without a value come last in either direction.
fn order(
    rows: &mut [usize],
    frame: &Frame,
    column: &str,
    descending: bool,
) -> Result<(), super::FrameError> {
    let directed = |order: Ordering| if descending { order.reverse() } else { order };
    if frame.is_numeric(column)? {
        let values = frame.numbers(column)?;
        rows.sort_by(|&a, &b| {
            let (a, b) = (values[a], values[b]);
            match (a.is_nan(), b.is_nan()) {
                (false, false) => directed(a.total_cmp(&b)),
                (a, b) => a.cmp(&b),
            }
        });
    } else {
        let values = frame.texts(column)?;
        rows.sort_by(|&a, &b| match (&values[a], &values[b]) {
            (Some(a), Some(b)) => directed(a.cmp(b)),
            (a, b) => a.is_none().cmp(&b.is_none()),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame::from_columns(vec![
            Frame::number_column("n", vec![Some(2.0), None, Some(-1.0), Some(2.0)]),
            Frame::text_column("t", &[Some("b"), Some("a"), None, Some("c")]),
            Frame::number_column("__row", (0..4).map(|i| Some(f64::from(i))).collect()),
        ])
        .unwrap()
    }

    fn rows(filter: Option<&str>, sort: Option<&str>) -> Vec<usize> {
        Browse::parse(filter, sort, &[])
            .unwrap()
            .rows(&frame())
            .unwrap()
    }

    #[test]
    fn filters_and_sorts_with_missing_values_last() {
        assert_eq!(rows(None, None), [0, 1, 2, 3]);
        assert_eq!(rows(None, Some("n")), [2, 0, 3, 1]);
        assert_eq!(rows(None, Some("-N")), [0, 3, 2, 1]);
        assert_eq!(rows(None, Some("-t")), [3, 0, 1, 2]);
        assert_eq!(rows(Some("n > 0"), Some("-t")), [3, 0]);
    }

    #[test]
    fn columns_are_chosen_by_name() {
        let columns = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(|c| (*c).to_owned()).collect();
            Browse::parse(None, None, &list).unwrap().columns(&frame())
        };
        assert_eq!(columns(&[]).unwrap(), ["n", "t"]);
        assert_eq!(columns(&["T", "__row"]).unwrap(), ["t", "__row"]);
        assert!(columns(&["nope"]).is_err());
    }
}
