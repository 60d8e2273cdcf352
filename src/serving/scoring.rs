//! From rows to outcomes, chunk by chunk, so that memory stays small whatever a request holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::prediction_log::{PredictionLog, ScoredRows};
use super::refusal::Refusal;
use super::rows::{Cell, Finding, Noticed, Rows, Rule};
use super::served::ServedModel;

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Index of the class; [`Outcome::REJECTED`] when the row could not be read.
    pub class: u32,
    /// The score, 0 when the row could not be read.
    pub score: f64,
}

impl Outcome {
    /// The class of a row that could not be read.
    pub const REJECTED: u32 = u32::MAX;
    /// Whether the row was scored.
    pub fn is_scored(&self) -> bool {
        self.class != Self::REJECTED
    }
}

/// What a piece of work must keep to, and where it tells of itself.
#[derive(Clone, Debug)]
pub struct Work {
    /// Most rows of the request.
    pub max_rows: usize,
    /// Set when nobody waits for the reply any more.
    pub cancelled: Arc<AtomicBool>,
    /// Takes copies of what was scored.
    pub log: PredictionLog,
    /// The request's id, the first part of its predictions' ids.
    pub request_id: Arc<str>,
}

/// The outcomes of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// One per row, in order.
    pub outcomes: Vec<Outcome>,
    /// What could not be read, by row.
    pub findings: Vec<Finding>,
    /// What was noticed besides.
    pub noticed: Noticed,
}

impl Scored {
    /// Rows that could not be read.
    pub fn rejected(&self) -> usize {
        self.outcomes.iter().filter(|o| !o.is_scored()).count()
    }
    /// Appends the outcomes of the rows that follow.
    pub fn append(&mut self, other: Scored) {
        self.outcomes.extend(other.outcomes);
        self.findings.extend(other.findings);
        self.noticed.add(other.noticed);
    }
}

/// Scores rows as they come in.
pub struct Scoring<'m> {
    model: &'m ServedModel,
    work: &'m Work,
    rows: Rows<'m>,
    scored: Scored,
    first: usize,
    /// Rows scored at once.
    chunk: usize,
}

impl<'m> Scoring<'m> {
    /// Begins with row `first` of the request.
    pub fn new(model: &'m ServedModel, work: &'m Work, first: usize) -> Self {
        Self {
            model,
            work,
            rows: model.rows(first),
            scored: Scored::default(),
            first,
            chunk: model.chunk(),
        }
    }

    /// The model at work.
    pub fn model(&self) -> &'m ServedModel {
        self.model
    }

    /// The row at work, to put cells into.
    pub fn row(&mut self) -> &mut Rows<'m> {
        &mut self.rows
    }

    /// Puts a cell into the row at work.
    pub fn cell(&mut self, column: usize, cell: Cell<'_>) {
        if self.rows.has(column) {
            self.rows.repeated(column);
        } else {
            self.rows.push_cell(column, cell);
        }
    }

    /// Ends the row at work.
    ///
    /// # Errors
    /// When there are too many rows, nobody waits any more, or scoring fails.
    pub fn end_row(&mut self) -> Result<(), Refusal> {
        self.rows.end_row();
        self.after_row()
    }

    /// Ends the row at work, of which every column has its cell: as in a CSV, whose header has all
    /// columns, every line of its width has.
    ///
    /// # Errors
    /// As [`Self::end_row`].
    pub fn end_whole_row(&mut self) -> Result<(), Refusal> {
        self.rows.end_whole_row();
        self.after_row()
    }

    /// Ends a row that cannot be read.
    ///
    /// # Errors
    /// As [`Self::end_row`].
    pub fn broken(&mut self, rule: Rule, message: String) -> Result<(), Refusal> {
        self.rows.broken(rule, message);
        self.after_row()
    }

    /// Ends rows that were put in column by column, `rows` of them.
    ///
    /// # Errors
    /// As [`Self::end_row`].
    pub fn end_columns(&mut self, rows: usize) -> Result<(), Refusal> {
        self.rows.end_columns(rows);
        self.check_rows()?;
        self.flush()
    }

    /// Whether a column of so many values is still allowed.
    ///
    /// # Errors
    /// When it is too long.
    pub fn check_size(&self, values: usize) -> Result<(), Refusal> {
        if values > self.work.max_rows {
            return Err(too_many(self.work.max_rows));
        }
        Ok(())
    }

    fn check_rows(&self) -> Result<(), Refusal> {
        if self.first + self.scored.outcomes.len() + self.rows.len() > self.work.max_rows {
            return Err(too_many(self.work.max_rows));
        }
        Ok(())
    }

    fn after_row(&mut self) -> Result<(), Refusal> {
        if self.rows.len() < self.chunk {
            return Ok(());
        }
        self.check_rows()?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        if self.work.cancelled.load(Ordering::Relaxed) {
            return Err(Refusal::busy("nobody waits for the reply any more"));
        }
        let predictions = self.model.score(&self.rows).map_err(|e| {
            tracing::error!(error = %e, version = %self.model.version, "scoring failed");
            Refusal::internal()
        })?;
        let begin = self.scored.outcomes.len();
        self.scored
            .outcomes
            .extend(predictions.iter().map(|p| Outcome {
                class: p.class as u32,
                score: p.score,
            }));
        let (findings, noticed) = self.rows.take_findings();
        for finding in &findings {
            if let Some(outcome) = self.scored.outcomes.get_mut(finding.row - self.first) {
                *outcome = Outcome {
                    class: Outcome::REJECTED,
                    score: 0.0,
                };
            }
        }
        self.scored.findings.extend(findings);
        self.scored.noticed.add(noticed);
        let (rows, columns) = (self.rows.len(), self.rows.columns().len());
        self.work
            .log
            .offer(rows, rows * (columns + 1), || ScoredRows {
                request_id: Arc::clone(&self.work.request_id),
                model_version: self.model.version.clone(),
                model_sha256: self.model.sha256.clone(),
                classes: self.model.class_names(),
                names: self.model.column_names(),
                first_row: self.rows.first(),
                columns: self.rows.columns().to_vec(),
                outcomes: self.scored.outcomes[begin..].to_vec(),
                at: chrono::Utc::now(),
            });
        self.rows.clear();
        Ok(())
    }

    /// Scores what is left.
    ///
    /// # Errors
    /// As [`Self::end_row`].
    pub fn finish(mut self) -> Result<Scored, Refusal> {
        self.check_rows()?;
        self.flush()?;
        // By row, then by column: pushed column by column they came the other way round.
        self.scored.findings.sort_by_key(|f| (f.row, f.column));
        Ok(self.scored)
    }
}

fn too_many(allowed: usize) -> Refusal {
    Refusal::too_large(format!(
        "the request has more than the {allowed} rows that are allowed; send it in parts"
    ))
}
