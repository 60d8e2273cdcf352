//! Rows on their way into the prediction log, column by column: a thousand requests of one row take
//! the memory of a thousand rows and not of a thousand tables.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};

use super::prediction_id::PredictionId;
use super::prediction_log::{FeatureCells, ScoredBatch};
use super::segments::{AT, ID, LABEL, OWN, SCORE, VERSION};
use crate::dataset::{Frame, FrameError};

/// A row besides its features.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoggedRow {
    pub id: PredictionId,
    pub at: DateTime<Utc>,
    pub class: usize,
    pub score: f64,
}

/// Rows that one model scored.
#[derive(Clone, Debug)]
pub(super) struct LoggedRows {
    pub version: Arc<str>,
    pub classes: Arc<[String]>,
    pub names: Arc<[String]>,
    /// As many columns as names.
    pub features: Vec<FeatureCells>,
    pub rows: Vec<LoggedRow>,
}

impl From<ScoredBatch> for LoggedRows {
    fn from(batch: ScoredBatch) -> Self {
        let row = |&(number, class, score): &(u32, usize, f64)| LoggedRow {
            id: batch.id.row(number),
            at: batch.at,
            class,
            score,
        };
        Self {
            rows: batch.rows.iter().map(row).collect(),
            version: batch.version,
            classes: batch.classes,
            names: batch.names,
            features: batch.features,
        }
    }
}

impl LoggedRows {
    /// Cells it holds.
    pub fn cells(&self) -> usize {
        self.rows.len() * (self.features.len() + OWN.len())
    }

    /// Takes the rows of another one, unless it is of another model or has other columns.
    pub fn join(&mut self, other: LoggedRows) -> Option<LoggedRows> {
        let same = self.version == other.version
            && self.classes == other.classes
            && self.names == other.names
            && self.features.len() == other.features.len()
            && self
                .features
                .iter()
                .zip(&other.features)
                .all(|(a, b)| std::mem::discriminant(a) == std::mem::discriminant(b));
        if !same {
            return Some(other);
        }
        self.rows.extend(other.rows);
        for (column, more) in self.features.iter_mut().zip(other.features) {
            match (column, more) {
                (FeatureCells::Numbers(column), FeatureCells::Numbers(more)) => column.extend(more),
                (FeatureCells::Texts(column), FeatureCells::Texts(more)) => column.extend(more),
                // Of one kind, as was looked at above.
                (FeatureCells::Numbers(_), _) | (FeatureCells::Texts(_), _) => {}
            }
        }
        None
    }

    /// The table of these rows: our own columns, then the features.
    pub fn frame(&self) -> Result<Frame, FrameError> {
        let mut ids = Vec::with_capacity(self.rows.len());
        let mut times = Vec::with_capacity(self.rows.len());
        let mut labels = Vec::with_capacity(self.rows.len());
        let mut scores = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            ids.push(Some(row.id.to_string()));
            times.push(Some(row.at.to_rfc3339_opts(SecondsFormat::Millis, true)));
            labels.push(self.classes.get(row.class).map(String::as_str));
            scores.push(Some(row.score));
        }
        let versions = vec![Some(&*self.version); self.rows.len()];
        let mut columns = vec![
            Frame::text_column(ID, &ids),
            Frame::text_column(AT, &times),
            Frame::text_column(VERSION, &versions),
            Frame::text_column(LABEL, &labels),
            Frame::number_column(SCORE, scores),
        ];
        for (name, cells) in self.names.iter().zip(&self.features) {
            // A feature may have one of our own names: ours decide how a segment is read.
            if OWN.contains(&name.as_str()) {
                continue;
            }
            columns.push(match cells {
                FeatureCells::Numbers(values) => {
                    let values = values.iter().map(|v| (!v.is_nan()).then_some(*v));
                    Frame::number_column(name, values.collect())
                }
                FeatureCells::Texts(texts) => Frame::text_column(name, texts),
            });
        }
        Frame::from_columns(columns)
    }
}
