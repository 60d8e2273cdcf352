//! Two models on the same rows: which rows are fair, the figures of both, the differences.
//!
//! A model is flattered on rows whose feature vector it was trained on. The rows compared are
//! therefore those that neither was trained on, when enough of them remain; otherwise all rows,
//! said so.

use serde::Serialize;

use super::contender::{Contender, NotComparable};
use crate::dataset::{Frame, FrameError, Labels};
use crate::error::CommandError;
use crate::metrics::{
    Agreement, Metric, MetricError, PairedDifference, Resampling, TestMetrics, agreement,
    most_probable, paired_differences,
};
use crate::schema;

/// Rows below which nothing is compared, and below which seen rows are not left out.
pub const MIN_ROWS: usize = 30;

/// Two models on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Test rows there are.
    pub rows_in_test: u64,
    /// Rows compared.
    pub rows: u64,
    /// Test rows whose feature vector the first was trained on; `None` when its train rows are
    /// not kept.
    pub seen_by_first: Option<u64>,
    /// Test rows whose feature vector the second was trained on.
    pub seen_by_second: Option<u64>,
    /// Whether seen rows were left out.
    pub unseen_only: bool,
    /// Figures of the first on the rows compared.
    pub first: TestMetrics,
    /// Figures of the second on the same rows.
    pub second: TestMetrics,
    /// Differences, first minus second, with intervals.
    pub differences: Vec<PairedDifference>,
    /// Where they agree.
    pub agreement: Agreement,
}

/// The rows of a comparison and what both models say of them.
#[derive(Clone, Debug)]
pub struct ScoredRows {
    /// The rows compared.
    pub frame: Frame,
    /// Their truth.
    pub labels: Labels,
    /// Class probabilities by the first, row after row.
    pub first: Vec<f64>,
    /// Class probabilities by the second.
    pub second: Vec<f64>,
}

/// Why there is no comparison.
#[derive(Debug)]
pub enum ComparisonError {
    /// The two models do different things; a sentence.
    NotComparable(NotComparable),
    /// Something failed.
    Failed(CommandError),
}

impl From<NotComparable> for ComparisonError {
    fn from(e: NotComparable) -> Self {
        ComparisonError::NotComparable(e)
    }
}

impl From<CommandError> for ComparisonError {
    fn from(e: CommandError) -> Self {
        ComparisonError::Failed(e)
    }
}

impl From<FrameError> for ComparisonError {
    fn from(e: FrameError) -> Self {
        ComparisonError::Failed(e.into())
    }
}

impl From<MetricError> for ComparisonError {
    fn from(e: MetricError) -> Self {
        ComparisonError::Failed(e.into())
    }
}

impl Comparison {
    /// Compares two models on a test table. The truth is read with the first's schema; the
    /// second must read the same classes from the same rows.
    pub fn measure(
        first: &Contender,
        second: &Contender,
        test: &Frame,
        resampling: Resampling,
    ) -> Result<Self, ComparisonError> {
        Ok(Self::measure_rows(first, second, test, resampling)?.0)
    }

    /// As [`Comparison::measure`], with the rows and what both say of them.
    pub fn measure_rows(
        first: &Contender,
        second: &Contender,
        test: &Frame,
        resampling: Resampling,
    ) -> Result<(Self, ScoredRows), ComparisonError> {
        let labels = schema::labels(&first.schema, test)?;
        same_truth(first, second, test, &labels)?;
        let seen_by_first = first.seen(test)?;
        let seen_by_second = second.seen(test)?;
        let (rows, unseen_only) = fair_rows(
            test.rows(),
            seen_by_first.as_deref(),
            seen_by_second.as_deref(),
        );
        let frame = test.take(&rows)?;
        let labels = labels.take(&rows);
        let a = first.probabilities(&frame, &labels.classes)?;
        let b = second.probabilities(&frame, &labels.classes)?;
        let classes = labels.classes.len();
        let count = |seen: Option<Vec<bool>>| {
            seen.map(|s| s.into_iter().filter(|&seen| seen).count() as u64)
        };
        let comparison = Self {
            rows_in_test: test.rows() as u64,
            rows: rows.len() as u64,
            seen_by_first: count(seen_by_first),
            seen_by_second: count(seen_by_second),
            unseen_only,
            first: TestMetrics::measure_with_intervals(&labels, &a, resampling)?,
            second: TestMetrics::measure_with_intervals(&labels, &b, resampling)?,
            differences: paired_differences(&labels, &a, &b, &Metric::ALL, resampling)?,
            agreement: agreement(
                &labels.codes,
                &most_probable(&a, classes),
                &most_probable(&b, classes),
            ),
        };
        let scored = ScoredRows {
            frame,
            labels,
            first: a,
            second: b,
        };
        Ok((comparison, scored))
    }
    /// The difference of one metric.
    pub fn difference(&self, metric: Metric) -> Option<&PairedDifference> {
        self.differences.iter().find(|d| d.metric == metric)
    }
    /// A sentence on which rows were compared and why.
    pub fn rows_in_words(&self, first: &str, second: &str) -> String {
        let seen = |n: Option<u64>, name: &str| match n {
            None => {
                format!("the train rows of {name} are not kept, so rows it has seen cannot be told")
            }
            Some(n) => format!("{name} was trained on the feature vectors of {n}"),
        };
        let both = format!(
            "of {} test rows, {} and {}",
            self.rows_in_test,
            seen(self.seen_by_first, first),
            seen(self.seen_by_second, second)
        );
        if self.unseen_only {
            format!(
                "{both}; compared on the {} that neither has seen",
                self.rows
            )
        } else if self.is_clean() {
            format!(
                "compared on all {} test rows, none of them seen in training",
                self.rows
            )
        } else {
            format!(
                "{both}; fewer than {MIN_ROWS} are new to both, so all are compared and their figures are flattered"
            )
        }
    }
    /// Whether no compared row is known to have been trained on.
    pub fn is_clean(&self) -> bool {
        self.unseen_only || (self.seen_by_first == Some(0) && self.seen_by_second == Some(0))
    }
}

/// The rows to compare: those unseen by both if some are seen and enough remain, else all.
fn fair_rows(rows: usize, first: Option<&[bool]>, second: Option<&[bool]>) -> (Vec<usize>, bool) {
    let seen = |list: Option<&[bool]>, row: usize| list.is_some_and(|s| s[row]);
    let unseen: Vec<usize> = (0..rows)
        .filter(|&r| !seen(first, r) && !seen(second, r))
        .collect();
    if unseen.len() < rows && unseen.len() >= MIN_ROWS {
        (unseen, true)
    } else {
        ((0..rows).collect(), false)
    }
}

/// Makes sure that both read the same class from every row.
fn same_truth(
    first: &Contender,
    second: &Contender,
    test: &Frame,
    labels: &Labels,
) -> Result<(), ComparisonError> {
    let missing: Vec<&str> = second
        .schema
        .features()
        .filter(|c| !c.optional && !test.has(&c.name))
        .map(|c| c.name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(NotComparable(format!(
            "{} needs columns that the test rows do not have: {}",
            second.name,
            shortened(&missing)
        ))
        .into());
    }
    if !test.has(&second.schema.target.column) {
        return Err(NotComparable(format!(
            "{} predicts `{}`, which the test rows do not have",
            second.name, second.schema.target.column
        ))
        .into());
    }
    let theirs = schema::labels(&second.schema, test).map_err(|e| {
        NotComparable(format!(
            "{} does not know the labels of the test rows: {}",
            second.name,
            e.full_message()
        ))
    })?;
    let mut ours: Vec<&String> = labels.classes.iter().collect();
    let mut others: Vec<&String> = theirs.classes.iter().collect();
    ours.sort();
    others.sort();
    if ours != others {
        return Err(NotComparable(format!(
            "{} predicts the classes {}, {} predicts {}",
            first.name,
            labels.classes.join(", "),
            second.name,
            theirs.classes.join(", ")
        ))
        .into());
    }
    let differ = labels
        .codes
        .iter()
        .zip(&theirs.codes)
        .filter(|(a, b)| labels.classes[**a as usize] != theirs.classes[**b as usize])
        .count();
    if differ > 0 {
        return Err(NotComparable(format!(
            "{} and {} read different classes from the labels of {differ} test rows",
            first.name, second.name
        ))
        .into());
    }
    Ok(())
}

fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seen_rows_are_left_out_when_enough_remain() {
        let first: Vec<bool> = (0..100).map(|r| r < 20).collect();
        let second: Vec<bool> = (0..100).map(|r| (10..40).contains(&r)).collect();
        let (rows, unseen) = fair_rows(100, Some(&first), Some(&second));
        assert!(unseen);
        assert_eq!(rows, (40..100).collect::<Vec<_>>());
        let (rows, unseen) = fair_rows(100, None, Some(&second));
        assert!(unseen);
        assert_eq!(rows.len(), 70);
    }

    #[test]
    fn all_rows_are_used_when_few_or_none_are_seen() {
        let most: Vec<bool> = (0..100).map(|r| r < 80).collect();
        assert_eq!(
            fair_rows(100, Some(&most), None),
            ((0..100).collect(), false)
        );
        assert_eq!(
            fair_rows(50, Some(&[false; 50]), None),
            ((0..50).collect(), false)
        );
    }
}
