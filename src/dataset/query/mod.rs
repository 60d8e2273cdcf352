//! The one filter language of the program, used by the data browser and `netsec data --filter`.
//!
//! ```text
//! src_bytes > 1000 and service = http
//! not (flag in (S0, REJ)) or "Flow Bytes/s" is missing
//! label ~ web
//! ```
//!
//! Comparisons are `=` (or `==`), `!=`, `<`, `<=`, `>`, `>=`; `~` is "contains" without regard to
//! case; `in (a, b)`, `not in (a, b)`, `is missing`, `is not missing`. They join with `and`, `or`,
//! `not` and parentheses; `and` binds closer than `or`. Names and values with blanks stand in
//! quotes of any of the three kinds. A missing value satisfies no comparison, `!=` neither; only
//! `is missing` and `not` find it. Numbers are compared as numbers when the column holds numbers,
//! otherwise as text.

mod error;
mod eval;
mod lexer;
mod parser;

use std::fmt;

pub use error::QueryError;
pub use eval::resolve_column;

/// How a column is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `~`, contains
    Contains,
}

impl Comparison {
    /// The comparison as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Contains => "~",
        }
    }
}

/// A name or value and where it stands in the text, in characters from 0.
#[derive(Clone, Debug)]
pub struct Word {
    /// The text, without quotes.
    pub text: String,
    /// Where it begins.
    pub position: usize,
}

impl PartialEq for Word {
    /// Two words are equal when their texts are; the place does not change what a filter means.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A column against a value.
    Compare {
        /// The column.
        column: Word,
        /// How.
        comparison: Comparison,
        /// The value.
        value: Word,
    },
    /// A column among values.
    In {
        /// The column.
        column: Word,
        /// The values.
        values: Vec<Word>,
    },
    /// A column without a value.
    Missing {
        /// The column.
        column: Word,
    },
    /// The opposite.
    Not(Box<Condition>),
    /// Both.
    And(Box<Condition>, Box<Condition>),
    /// Either.
    Or(Box<Condition>, Box<Condition>),
}

impl Condition {
    /// The columns it names, as they are written, each as often as it is named.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Condition::Compare { column, .. }
            | Condition::In { column, .. }
            | Condition::Missing { column } => vec![&column.text],
            Condition::Not(inner) => inner.columns(),
            Condition::And(a, b) | Condition::Or(a, b) => {
                let mut columns = a.columns();
                columns.extend(b.columns());
                columns
            }
        }
    }
}

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    condition: Condition,
    text: String,
}

impl Filter {
    /// Parses a filter.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Ok(Self {
            condition: parser::parse(text)?,
            text: text.to_owned(),
        })
    }
    /// The condition.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }
    /// The text it was parsed from.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Filters of which a row has to satisfy every one: the parts that the outermost `and`s join.
    pub fn conjuncts(&self) -> Vec<Self> {
        let (mut parts, mut open) = (Vec::new(), vec![&self.condition]);
        while let Some(condition) = open.pop() {
            match condition {
                Condition::And(a, b) => open.extend([b.as_ref(), a.as_ref()]),
                Condition::Compare { .. }
                | Condition::In { .. }
                | Condition::Missing { .. }
                | Condition::Not(_)
                | Condition::Or(..) => parts.push(Self {
                    condition: condition.clone(),
                    text: self.text.clone(),
                }),
            }
        }
        parts
    }
    /// Whether each row of the frame satisfies the filter.
    pub fn mask(&self, frame: &super::Frame) -> Result<Vec<bool>, QueryError> {
        eval::mask(&self.condition, frame, &self.text)
    }
    /// The rows of the frame that satisfy the filter, in order.
    pub fn rows(&self, frame: &super::Frame) -> Result<Vec<usize>, QueryError> {
        Ok(self
            .mask(frame)?
            .iter()
            .enumerate()
            .filter_map(|(row, &keep)| keep.then_some(row))
            .collect())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if lexer::needs_quotes(&self.text) {
            write!(
                f,
                "\"{}\"",
                self.text.replace('\\', "\\\\").replace('"', "\\\"")
            )
        } else {
            f.write_str(&self.text)
        }
    }
}

impl fmt::Display for Condition {
    /// Writes the condition so that parsing gives it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Compare {
                column,
                comparison,
                value,
            } => write!(f, "{column} {} {value}", comparison.symbol()),
            Condition::In { column, values } => {
                write!(f, "{column} in (")?;
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Condition::Missing { column } => write!(f, "{column} is missing"),
            Condition::Not(inner) => write!(f, "not ({inner})"),
            Condition::And(a, b) => write!(f, "({a}) and ({b})"),
            Condition::Or(a, b) => write!(f, "({a}) or ({b})"),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

#[cfg(test)]
mod tests;
