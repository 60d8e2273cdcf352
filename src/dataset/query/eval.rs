//! Evaluates a condition on a frame, column by column.

use std::cmp::Ordering;

use polars::prelude::DataType;

use super::{Comparison, Condition, QueryError, Word};
use crate::dataset::{Frame, FrameError};
use crate::schema::nearest;

pub(super) fn mask(
    condition: &Condition,
    frame: &Frame,
    text: &str,
) -> Result<Vec<bool>, QueryError> {
    let on = On { frame, text };
    match condition {
        Condition::Compare {
            column,
            comparison,
            value,
        } => on.compare(column, *comparison, value),
        Condition::In { column, values } => on.among(column, values),
        Condition::Missing { column } => on.missing(column),
        Condition::Not(inner) => {
            let mut rows = mask(inner, frame, text)?;
            rows.iter_mut().for_each(|r| *r = !*r);
            Ok(rows)
        }
        Condition::And(a, b) => join(mask(a, frame, text)?, &mask(b, frame, text)?, |x, y| x && y),
        Condition::Or(a, b) => join(mask(a, frame, text)?, &mask(b, frame, text)?, |x, y| x || y),
    }
}

fn join(
    mut a: Vec<bool>,
    b: &[bool],
    with: impl Fn(bool, bool) -> bool,
) -> Result<Vec<bool>, QueryError> {
    for (x, y) in a.iter_mut().zip(b) {
        *x = with(*x, *y);
    }
    Ok(a)
}

/// The name a column has in the frame: as written, else without regard to case and blanks.
pub fn resolve_column(frame: &Frame, wanted: &str) -> Result<String, QueryError> {
    if frame.has(wanted) {
        return Ok(wanted.to_owned());
    }
    let names = frame.names();
    let text = wanted.trim();
    if let Some(name) = names.iter().find(|n| n.trim().eq_ignore_ascii_case(text)) {
        return Ok(name.clone());
    }
    let near = nearest(text, names.iter().map(String::as_str));
    Err(QueryError {
        position: 0,
        message: format!("there is no column `{text}`"),
        suggestion: Some(match near {
            Some(name) => format!("Did you mean `{name}`?"),
            None => {
                // Names that begin like this are ours.
                let theirs: Vec<String> = names
                    .iter()
                    .filter(|n| !n.starts_with("__"))
                    .cloned()
                    .collect();
                format!("The columns are {}.", listed(&theirs))
            }
        }),
        text: wanted.to_owned(),
    })
}

struct On<'a> {
    frame: &'a Frame,
    text: &'a str,
}

impl On<'_> {
    /// The column's name in the frame.
    fn name(&self, column: &Word) -> Result<String, QueryError> {
        resolve_column(self.frame, &column.text).map_err(|e| QueryError {
            position: column.position,
            text: self.text.to_owned(),
            ..e
        })
    }

    fn wrong(&self, at: &Word, message: String, suggestion: Option<String>) -> QueryError {
        QueryError {
            position: at.position,
            message,
            suggestion,
            text: self.text.to_owned(),
        }
    }

    fn engine(&self, at: &Word, e: &FrameError) -> QueryError {
        self.wrong(at, e.to_string(), None)
    }

    fn is_numeric(&self, column: &Word, name: &str) -> Result<bool, QueryError> {
        self.frame
            .is_numeric(name)
            .map_err(|e| self.engine(column, &e))
    }

    fn number(&self, column: &str, value: &Word) -> Result<f64, QueryError> {
        let text = value.text.trim();
        let truth = matches!(
            self.frame.column(column).map(|c| c.dtype()),
            Ok(DataType::Boolean)
        );
        match text {
            _ if !truth => {}
            _ if text.eq_ignore_ascii_case("true") => return Ok(1.0),
            _ if text.eq_ignore_ascii_case("false") => return Ok(0.0),
            _ => {}
        }
        text.parse().map_err(|_| {
            self.wrong(
                value,
                format!(
                    "column `{column}` holds numbers and `{}` is none",
                    value.text
                ),
                Some("Compare with a number, or use `~` to search its digits.".to_owned()),
            )
        })
    }

    fn numbers(&self, column: &Word, name: &str) -> Result<Vec<f64>, QueryError> {
        self.frame
            .numbers(name)
            .map_err(|e| self.engine(column, &e))
    }

    /// Whether each cell satisfies a condition on its text; a missing one does as `missing` says.
    fn texts(
        &self,
        column: &Word,
        name: &str,
        missing: bool,
        satisfies: impl Fn(&str) -> bool,
    ) -> Result<Vec<bool>, QueryError> {
        let mut rows = vec![false; self.frame.rows()];
        let seen = self.frame.visit_texts(name, |row, text| {
            rows[row] = text.map_or(missing, &satisfies);
        });
        seen.map_err(|e| self.engine(column, &e))?;
        Ok(rows)
    }

    fn compare(
        &self,
        column: &Word,
        comparison: Comparison,
        value: &Word,
    ) -> Result<Vec<bool>, QueryError> {
        let name = self.name(column)?;
        if comparison == Comparison::Contains {
            let wanted = value.text.to_lowercase();
            return self.texts(column, &name, false, |t| contains(t, &wanted));
        }
        if self.is_numeric(column, &name)? {
            let wanted = self.number(&name, value)?;
            let numbers = self.numbers(column, &name)?;
            return Ok(compared(&numbers, comparison, wanted));
        }
        let wanted = value.text.as_str();
        match comparison {
            // Most texts differ in their length already.
            Comparison::Equal => self.texts(column, &name, false, |t| t == wanted),
            comparison => self.texts(column, &name, false, |t| holds(comparison, t.cmp(wanted))),
        }
    }

    fn among(&self, column: &Word, values: &[Word]) -> Result<Vec<bool>, QueryError> {
        let name = self.name(column)?;
        if self.is_numeric(column, &name)? {
            let wanted: Result<Vec<f64>, QueryError> =
                values.iter().map(|v| self.number(&name, v)).collect();
            let wanted = wanted?;
            let numbers = self.numbers(column, &name)?;
            return Ok(numbers.iter().map(|n| wanted.contains(n)).collect());
        }
        self.texts(column, &name, false, |t| values.iter().any(|v| v.text == t))
    }

    fn missing(&self, column: &Word) -> Result<Vec<bool>, QueryError> {
        let name = self.name(column)?;
        if self.is_numeric(column, &name)? {
            let numbers = self.numbers(column, &name)?;
            return Ok(numbers.iter().map(|n| n.is_nan()).collect());
        }
        self.texts(column, &name, true, |_| false)
    }
}

/// Whether a text contains another, which is in lower case, without regard to case.
fn contains(text: &str, wanted: &str) -> bool {
    if text.is_ascii() && wanted.is_ascii() {
        // Without a copy: most texts are like this, and there are many.
        let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
        return wanted.is_empty()
            || text
                .windows(wanted.len())
                .any(|part| part.eq_ignore_ascii_case(wanted));
    }
    text.to_lowercase().contains(wanted)
}

/// Whether each number compares so with `wanted`. A missing number is NaN, for which nothing holds,
/// not even that it is another. One loop for each comparison, for there are many numbers.
fn compared(numbers: &[f64], comparison: Comparison, wanted: f64) -> Vec<bool> {
    let numbers = numbers.iter();
    match comparison {
        Comparison::Equal => numbers.map(|&n| n == wanted).collect(),
        Comparison::Less => numbers.map(|&n| n < wanted).collect(),
        Comparison::LessOrEqual => numbers.map(|&n| n <= wanted).collect(),
        Comparison::Greater => numbers.map(|&n| n > wanted).collect(),
        Comparison::GreaterOrEqual => numbers.map(|&n| n >= wanted).collect(),
        Comparison::NotEqual => numbers
            .map(|&n| n != wanted && !n.is_nan() && !wanted.is_nan())
            .collect(),
        // Decided before, on texts.
        Comparison::Contains => numbers.map(|_| false).collect(),
    }
}

fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        // Decided before, on texts.
        Comparison::Contains => false,
    }
}

fn listed(names: &[String]) -> String {
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
