//! The validation report, in the shape other programs read.

use serde::{Deserialize, Serialize};

use super::rule::Rule;
use crate::config::Severity;
use crate::events::CheckVerdict;

/// A number or a text, for figures that are not all of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// A count or a share.
    Number(f64),
    /// A range or a list.
    Text(String),
}

impl From<u64> for Figure {
    fn from(count: u64) -> Self {
        Figure::Number(count as f64)
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Figure::Number(n) if n.fract() == 0.0 => write!(f, "{n:.0}"),
            Figure::Number(n) => write!(f, "{n:.4}"),
            Figure::Text(text) => f.write_str(text),
        }
    }
}

/// One failing value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The 0-based row in the source file (its `__row`), or in the table.
    pub row: u64,
    /// The value as text; `None` when it is missing.
    pub value: Option<String>,
}

/// What came of one check, over one column or the whole table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Id of the rule, `nulls` for example.
    pub id: String,
    /// The column, when it is about one.
    pub column: Option<String>,
    /// What a failure does.
    pub severity: Severity,
    /// What was observed.
    pub observed: Figure,
    /// What it was held against.
    pub limit: Figure,
    /// Rows that fail.
    pub failing_rows: u64,
    /// The first few of them.
    pub examples: Vec<Example>,
    /// The verdict.
    pub verdict: CheckVerdict,
    /// The finding in one sentence.
    pub text: String,
}

impl CheckResult {
    /// A result of a rule; `passed` and the severity make the verdict.
    pub(super) fn new(rule: Rule, severity: Severity, passed: bool, text: String) -> Self {
        Self {
            id: rule.id().to_owned(),
            column: None,
            severity,
            observed: Figure::Number(0.0),
            limit: Figure::Number(0.0),
            failing_rows: 0,
            examples: Vec::new(),
            verdict: match (passed, severity) {
                (true, _) | (_, Severity::Off) => CheckVerdict::Ok,
                (false, Severity::Warn) => CheckVerdict::Warn,
                (false, Severity::Stop) => CheckVerdict::Fail,
            },
            text,
        }
    }
    pub(super) fn on(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }
    pub(super) fn figures(mut self, observed: impl Into<Figure>, limit: impl Into<Figure>) -> Self {
        self.observed = observed.into();
        self.limit = limit.into();
        self
    }
    pub(super) fn rows(mut self, failing_rows: u64, examples: Vec<Example>) -> Self {
        self.failing_rows = failing_rows;
        self.examples = examples;
        self
    }
}

/// All checks over a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidationReport {
    /// Rows of the table.
    pub rows: u64,
    /// Columns of the table.
    pub columns: u64,
    /// The checks: by rule, then by column in schema order.
    pub checks: Vec<CheckResult>,
    /// The worst verdict.
    pub verdict: CheckVerdict,
}

impl ValidationReport {
    pub(super) fn new(rows: u64, columns: u64, checks: Vec<CheckResult>) -> Self {
        let verdict = checks
            .iter()
            .map(|c| c.verdict)
            .max()
            .unwrap_or(CheckVerdict::Ok);
        Self {
            rows,
            columns,
            checks,
            verdict,
        }
    }
    /// Adds checks that were made elsewhere, of the split for example.
    pub fn extend(&mut self, checks: Vec<CheckResult>) {
        self.checks.extend(checks);
        *self = Self::new(self.rows, self.columns, std::mem::take(&mut self.checks));
    }
    /// The checks with a verdict.
    pub fn with(&self, verdict: CheckVerdict) -> impl Iterator<Item = &CheckResult> {
        self.checks.iter().filter(move |c| c.verdict == verdict)
    }
}
