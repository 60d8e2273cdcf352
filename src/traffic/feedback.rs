//! Analysts' verdicts: labels that come after the prediction, joined to what was predicted.
//!
//! Every verdict is a line of `feedback.jsonl`, synced before it is answered, with the prediction
//! it was joined to; the state of the detectors is a fold over that file, so a restart loses
//! nothing. Only verdicts on the present model move the detectors, and a corrected verdict changes
//! the counts but not what the detectors have seen.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::prediction_id::{BatchId, PredictionId};
use super::segments::{Found, LogError};
use super::store::LogStore;
use crate::drift::concept::{ConceptWatch, DetectorName, Standing};
use crate::error::CommandError;

/// Predictions kept in memory for verdicts that come soon, and for those not yet written.
const RECENT: usize = 500_000;

/// What an analyst said of a prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The prediction.
    pub id: PredictionId,
    /// The class it should have been.
    pub label: String,
    /// Who said so.
    pub by: String,
}

/// A verdict as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackRecord {
    /// The prediction.
    pub prediction_id: PredictionId,
    /// When the verdict came.
    pub at: DateTime<Utc>,
    /// Who gave it.
    pub by: String,
    /// The class it should have been.
    pub label: String,
    /// The class it was given.
    pub predicted: String,
    /// The model that gave it.
    pub model_version: String,
}

impl FeedbackRecord {
    /// Whether the model was wrong.
    pub fn wrong(&self) -> bool {
        self.label != self.predicted
    }
    /// Seconds from the prediction to the verdict; 0 when clocks disagree.
    pub fn delay_seconds(&self) -> f64 {
        let scored = i64::try_from(self.prediction_id.batch().milliseconds()).unwrap_or(0);
        ((self.at.timestamp_millis() - scored) as f64 / 1000.0).max(0.0)
    }
}

/// What came of a verdict.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is new.
    Recorded {
        /// Whether the model was wrong.
        wrong: bool,
        /// Detectors that raised an alarm at it.
        alarms: Vec<DetectorName>,
    },
    /// It takes the place of a former one.
    Corrected {
        /// Whether the model was wrong.
        wrong: bool,
    },
    /// The same was said before.
    Known,
    /// No such prediction is in the log.
    UnknownPrediction,
}

/// What can go wrong.
#[derive(Debug, Error)]
pub enum FeedbackError {
    /// The file cannot be read or written.
    #[error("{path} cannot be {what}")]
    Io {
        /// Which.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A line that is not the last one is no verdict.
    #[error("{path}, line {line}: no verdict ({reason})")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<FeedbackError> for CommandError {
    fn from(e: FeedbackError) -> Self {
        let message = e.to_string();
        match e {
            FeedbackError::Io { source, .. } => CommandError::backend(message).because(source),
            FeedbackError::Damaged { .. } => CommandError::data(message)
                .hint("Move the line out of the file; verdicts before and after it are good."),
        }
    }
}

/// One detector, for people and programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectorStatus {
    /// Which.
    pub detector: DetectorName,
    /// How it stands.
    pub standing: Standing,
    /// Alarms on this model.
    pub drifts: u64,
}

/// How the present model does by its verdicts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConceptStatus {
    /// The model; none before the first verdict.
    pub model_version: Option<String>,
    /// Verdicts on it.
    pub labelled: u64,
    /// Of these, wrong predictions.
    pub wrong: u64,
    /// Errors among the latest verdicts that look alike.
    pub error_rate: Option<f64>,
    /// How many those are.
    pub window: u64,
    /// The detectors.
    pub detectors: Vec<DetectorStatus>,
    /// When the latest verdict came.
    pub last_at: Option<DateTime<Utc>>,
}

impl ConceptStatus {
    /// The worst of the detectors.
    pub fn standing(&self) -> Standing {
        let standings = self.detectors.iter().map(|d| d.standing);
        standings.max().unwrap_or_default()
    }
    /// A sentence for people: how many verdicts on which model, how many of the latest were wrong,
    /// which detectors speak.
    pub fn sentence(&self) -> String {
        let Some(version) = &self.model_version else {
            return "no verdicts yet".to_owned();
        };
        let speaking: Vec<String> = self
            .detectors
            .iter()
            .filter(|d| d.standing != Standing::Stable)
            .map(|d| format!("{} {}", d.detector.as_str(), d.standing.as_str()))
            .collect();
        let plural = if self.labelled == 1 { "" } else { "s" };
        let wrong = self.error_rate.unwrap_or(0.0) * 100.0;
        let speaking = match speaking.is_empty() {
            true => String::new(),
            false => format!("; {}", speaking.join(", ")),
        };
        format!(
            "{wrong:.1} % of the last {} wrong ({version}, {} verdict{plural}){speaking}",
            self.window, self.labelled
        )
    }
}

/// Reads how the present model does, again only when the file has grown.
#[derive(Debug, Default)]
pub struct ConceptReader {
    known: Option<(u64, Option<ConceptStatus>)>,
}

impl ConceptReader {
    /// The state by the verdicts in a file; `None` without any.
    ///
    /// # Errors
    /// As [`Feedback::open`].
    pub fn read(&mut self, path: &Path) -> Result<Option<ConceptStatus>, FeedbackError> {
        let length = path.metadata().map_or(0, |m| m.len());
        if let Some((known, status)) = &self.known
            && *known == length
        {
            return Ok(status.clone());
        }
        let status = match length {
            0 => None,
            _ => Some(Feedback::open(path)?.status()),
        };
        let status = status.filter(|s| s.model_version.is_some());
        self.known = Some((length, status.clone()));
        Ok(status)
    }
}

/// A batch that was answered, for verdicts to come.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Its name.
    pub id: BatchId,
    /// The model's version.
    pub version: Arc<str>,
    /// Class names of the model.
    pub classes: Arc<[String]>,
    /// For every row its number in the request and its class.
    pub rows: Vec<(u32, u32)>,
}

/// What the log says of predictions.
#[derive(Clone, Debug, Default)]
pub struct Logged(HashMap<PredictionId, Found>);

impl Logged {
    /// Looks predictions up; those that are not there are left out.
    ///
    /// # Errors
    /// When the log cannot be read or its server cannot be asked.
    pub fn find(store: &LogStore, ids: &[PredictionId]) -> Result<Self, LogError> {
        store.find(ids).map(Self)
    }
}

/// The verdicts of a project.
#[derive(Debug)]
pub struct Feedback {
    path: PathBuf,
    /// Opened when the first verdict is written.
    file: Option<File>,
    labels: HashMap<PredictionId, String>,
    recent: VecDeque<Scored>,
    recent_rows: usize,
    version: Option<String>,
    watch: ConceptWatch,
    labelled: u64,
    wrong: u64,
    last_at: Option<DateTime<Utc>>,
}

impl Feedback {
    /// Reads the verdicts there are. A last line without its end is a write that was cut off: it
    /// was never answered, and the next write begins on a line of its own.
    pub fn open(path: &Path) -> Result<Self, FeedbackError> {
        let mut feedback = Self {
            path: path.to_owned(),
            file: None,
            labels: HashMap::new(),
            recent: VecDeque::new(),
            recent_rows: 0,
            version: None,
            watch: ConceptWatch::default(),
            labelled: 0,
            wrong: 0,
            last_at: None,
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(feedback),
            Err(e) => return Err(feedback.io("read", e)),
        };
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        let mut number = 0;
        loop {
            line.clear();
            number += 1;
            let read = reader.read_line(&mut line);
            if read.map_err(|e| feedback.io("read", e))? == 0 {
                return Ok(feedback);
            }
            let whole = line.ends_with('\n');
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str(&line) {
                Ok(record) => {
                    feedback.fold(&record);
                }
                Err(_) if !whole => return Ok(feedback),
                Err(e) => {
                    return Err(FeedbackError::Damaged {
                        path: path.to_owned(),
                        line: number,
                        reason: e.to_string(),
                    });
                }
            }
        }
    }

    /// Remembers what was answered, so that a verdict can come before the log is written.
    pub fn remember(&mut self, scored: Scored) {
        self.recent_rows += scored.rows.len();
        self.recent.push_back(scored);
        while self.recent_rows > RECENT
            && let Some(oldest) = self.recent.pop_front()
        {
            self.recent_rows -= oldest.rows.len();
        }
    }

    /// Which of these predictions are not in memory: whoever asks looks for them in the log, which
    /// may take long, without holding the verdicts.
    pub fn not_recent(&self, ids: &[PredictionId]) -> Vec<PredictionId> {
        let wanted = |id: &&PredictionId| self.recent(**id).is_none();
        ids.iter().filter(wanted).copied().collect()
    }

    /// Takes a verdict: joins it to its prediction, in memory or among `logged`, writes it down,
    /// moves the detectors.
    pub fn take(
        &mut self,
        verdict: Verdict,
        logged: &Logged,
        now: DateTime<Utc>,
    ) -> Result<Outcome, FeedbackError> {
        if self.labels.get(&verdict.id) == Some(&verdict.label) {
            return Ok(Outcome::Known);
        }
        let Some(found) = self
            .recent(verdict.id)
            .or_else(|| logged.0.get(&verdict.id).cloned())
        else {
            return Ok(Outcome::UnknownPrediction);
        };
        let record = FeedbackRecord {
            prediction_id: verdict.id,
            at: now,
            by: verdict.by,
            label: verdict.label,
            predicted: found.label,
            model_version: found.version,
        };
        self.write(&record)?;
        Ok(self.fold(&record))
    }

    /// How the present model does.
    pub fn status(&self) -> ConceptStatus {
        let drifts = [
            self.watch.adwin.drifts,
            self.watch.ddm.drifts,
            self.watch.page_hinkley.drifts,
        ];
        ConceptStatus {
            model_version: self.version.clone(),
            labelled: self.labelled,
            wrong: self.wrong,
            error_rate: self.watch.error_rate(),
            window: self.watch.window(),
            detectors: self
                .watch
                .standings()
                .into_iter()
                .zip(drifts)
                .map(|((detector, standing), drifts)| DetectorStatus {
                    detector,
                    standing,
                    drifts,
                })
                .collect(),
            last_at: self.last_at,
        }
    }

    fn recent(&self, id: PredictionId) -> Option<Found> {
        // A large request was scored in parts, each with rows of its own.
        for scored in self.recent.iter().rev().filter(|s| s.id == id.batch()) {
            if let Some((_, class)) = scored.rows.iter().find(|(row, _)| *row == id.row())
                && let Some(label) = scored.classes.get(*class as usize)
            {
                return Some(Found {
                    label: label.clone(),
                    version: scored.version.to_string(),
                });
            }
        }
        None
    }

    /// Appends a line and syncs it.
    fn write(&mut self, record: &FeedbackRecord) -> Result<(), FeedbackError> {
        let mut line = serde_json::to_vec(record).map_err(|e| self.io("written", e.into()))?;
        line.push(b'\n');
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open_to_append()?,
        };
        let written = file.write_all(&line).and_then(|()| file.sync_data());
        written.map_err(|e| self.io("written", e))?;
        // After a failed write the file is opened anew, and a half line ended, before the next.
        self.file = Some(file);
        Ok(())
    }

    fn open_to_append(&self) -> Result<File, FeedbackError> {
        let failed = |e| self.io("written", e);
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir).map_err(failed)?;
        }
        let before = fs::read(&self.path).unwrap_or_default();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(failed)?;
        if before.last().is_some_and(|b| *b != b'\n') {
            let end = before
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |i| i + 1);
            if serde_json::from_slice::<FeedbackRecord>(&before[end..]).is_ok() {
                file.write_all(b"\n").map_err(failed)?;
            } else {
                file.set_len(end as u64).map_err(failed)?;
            }
        }
        Ok(file)
    }

    fn fold(&mut self, record: &FeedbackRecord) -> Outcome {
        let former = self
            .labels
            .insert(record.prediction_id, record.label.clone());
        self.last_at = Some(record.at);
        let wrong = record.wrong();
        if self.version.as_deref() != Some(record.model_version.as_str()) {
            // A verdict on a former model comes late and says nothing of the present one.
            if self
                .version
                .as_deref()
                .is_some_and(|v| newer(v, &record.model_version))
            {
                return match former {
                    Some(_) => Outcome::Corrected { wrong },
                    None => Outcome::Recorded {
                        wrong,
                        alarms: Vec::new(),
                    },
                };
            }
            self.version = Some(record.model_version.clone());
            self.watch = ConceptWatch::default();
            (self.labelled, self.wrong) = (0, 0);
        }
        match former {
            Some(label) => {
                let was_wrong = label != record.predicted;
                self.wrong = self.wrong + u64::from(wrong) - u64::from(was_wrong && self.wrong > 0);
                Outcome::Corrected { wrong }
            }
            None => {
                self.labelled += 1;
                self.wrong += u64::from(wrong);
                let alarms = self.watch.update(wrong);
                Outcome::Recorded { wrong, alarms }
            }
        }
    }

    fn io(&self, what: &'static str, source: std::io::Error) -> FeedbackError {
        FeedbackError::Io {
            path: self.path.clone(),
            what,
            source,
        }
    }
}

/// Whether version `a` came after `b`: `v10` after `v9`. Names without a number are not ordered,
/// so that the one that comes later in the file counts as the later.
fn newer(a: &str, b: &str) -> bool {
    let number = |v: &str| v.strip_prefix('v').and_then(|n| n.parse::<u64>().ok());
    matches!((number(a), number(b)), (Some(a), Some(b)) if a > b)
}
