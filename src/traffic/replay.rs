//! Recent traffic scored again by a candidate: which alerts would come and go.

use std::collections::BTreeMap;

use serde::Serialize;

use super::segments::{ID, LABEL, OWN, VERSION};
use crate::dataset::{Frame, FrameError};
use crate::learners::Model;
use crate::pipeline::batch_prediction::predict_with;
use crate::pipeline::data_transformation::Preprocessor;

/// Rows shown of each kind of change.
const SHOWN: usize = 20;

/// A row on which the candidate answers otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangedRow {
    /// The prediction in the log.
    pub prediction_id: String,
    /// What was answered.
    pub from: String,
    /// What the candidate answers.
    pub to: String,
    /// The candidate's score.
    pub score: f64,
    /// The row's features as text, by name.
    pub features: BTreeMap<String, Option<String>>,
}

/// What a candidate would have done with recent traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AlertDifference {
    /// Rows that were scored again.
    pub rows: u64,
    /// Rows that the candidate cannot score, for its columns are not in the log.
    pub not_scored: u64,
    /// Why, of the first of them.
    pub not_scored_why: Option<String>,
    /// Models that answered then, with their rows.
    pub answered_by: BTreeMap<String, u64>,
    /// Rows with an alert then.
    pub alerts_before: u64,
    /// Rows with an alert by the candidate.
    pub alerts_after: u64,
    /// Rows that would be new alerts.
    pub new_alerts: u64,
    /// Alerts that would be gone.
    pub gone_alerts: u64,
    /// Alerts whose class would change.
    pub other_class: u64,
    /// Changes by class: from, to, rows.
    pub changes: Vec<(String, String, u64)>,
    /// Some of the rows.
    pub examples: Vec<ChangedRow>,
}

/// Scores frames of the log with a candidate. `harmless` is the class that is no alert.
///
/// # Errors
/// When the log's own columns cannot be read; a frame that the candidate cannot score is counted.
pub fn replay(
    frames: &[Frame],
    model: &Model,
    preprocessor: &Preprocessor,
    threshold: Option<f64>,
    harmless: &str,
) -> Result<AlertDifference, FrameError> {
    let mut found = AlertDifference::default();
    let mut changes: BTreeMap<(String, String), u64> = BTreeMap::new();
    for frame in frames {
        let before = frame.texts(LABEL)?;
        for version in frame.texts(VERSION)?.into_iter().flatten() {
            *found.answered_by.entry(version).or_default() += 1;
        }
        let answers = match predict_with(model, preprocessor, threshold, frame) {
            Ok(answers) => answers,
            Err(e) => {
                found.not_scored += frame.rows() as u64;
                found.not_scored_why.get_or_insert(e.full_message());
                continue;
            }
        };
        let mut changed = Vec::new();
        for (row, (before, answer)) in before.iter().zip(&answers).enumerate() {
            let before = before.as_deref().unwrap_or_default();
            let after = model.classes.get(answer.class).map_or("", String::as_str);
            let (was, is) = (before != harmless, after != harmless);
            found.rows += 1;
            found.alerts_before += u64::from(was);
            found.alerts_after += u64::from(is);
            found.new_alerts += u64::from(is && !was);
            found.gone_alerts += u64::from(was && !is);
            found.other_class += u64::from(was && is && before != after);
            if before != after {
                *changes
                    .entry((before.to_owned(), after.to_owned()))
                    .or_default() += 1;
                changed.push((row, before, after, answer.score));
            }
        }
        let room = SHOWN.saturating_sub(found.examples.len());
        let shown = &changed[..changed.len().min(room)];
        found.examples.extend(examples(frame, shown)?);
    }
    found.changes = changes
        .into_iter()
        .map(|((from, to), rows)| (from, to, rows))
        .collect();
    found.changes.sort_by_key(|c| std::cmp::Reverse(c.2));
    Ok(found)
}

fn examples(
    frame: &Frame,
    rows: &[(usize, &str, &str, f64)],
) -> Result<Vec<ChangedRow>, FrameError> {
    let few = frame.take(&rows.iter().map(|r| r.0).collect::<Vec<_>>())?;
    let ids = few.texts(ID)?;
    let mut columns = Vec::new();
    for name in few.names() {
        if !OWN.contains(&name.as_str()) {
            let values = few.texts(&name)?;
            columns.push((name, values));
        }
    }
    Ok(rows
        .iter()
        .enumerate()
        .map(|(at, (_, from, to, score))| ChangedRow {
            prediction_id: ids[at].clone().unwrap_or_default(),
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            score: *score,
            features: columns
                .iter()
                .map(|(name, values)| (name.clone(), values[at].clone()))
                .collect(),
        })
        .collect())
}
