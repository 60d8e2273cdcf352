//! Keeps what was scored: for verdicts to come, for the prediction log, for a candidate in the
//! shadow. Takes the receiving end of the service's channel; one thread, which ends with it.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::prediction_log::{Inlet, PredictionLog as Outlet, ScoredRows};
use super::verdicts::{SharedFeedback, Verdicts};
use crate::config::ServeConfig;
use crate::error::CommandError;
use crate::pipeline::data_transformation::RawColumn;
use crate::pipeline::model_evaluation::Contender;
use crate::pipeline::model_trainer::with_classes;
use crate::runs::RunStore;
use crate::traffic::{
    BatchId, Candidate, FeatureCells, Feedback, LogCounters, LogSettings, LogStore, PredictionId,
    PredictionLog, Scored, ScoredBatch, Shadow, ShadowCounts, feedback_file,
};
use crate::workspace::Workspace;

/// Parts of requests that may wait for the keeper.
const DEPTH: usize = 1_024;
/// Rows of a segment of the log.
const SEGMENT: usize = 10_000;
/// The longest a row waits to be written to it.
const FLUSH: Duration = Duration::from_secs(10);
/// Rows sent to a server together.
const SENT: usize = 5_000;
/// The longest a row waits to be sent.
const SEND: Duration = Duration::from_secs(1);

/// What the service tells of the keeper.
#[derive(Debug)]
pub struct Kept {
    /// The prediction log, where one is kept.
    pub log: Option<Arc<PredictionLog>>,
    /// The candidate in the shadow, where there is one.
    pub shadow: Option<Arc<Shadow>>,
}

impl Kept {
    /// What became of logged rows.
    pub fn log_counters(&self) -> Option<&LogCounters> {
        self.log.as_deref().map(PredictionLog::counters)
    }
    /// How often the shadow differs, with its name.
    pub fn shadow(&self) -> Option<(&str, ShadowCounts)> {
        self.shadow.as_deref().map(|s| (s.name(), s.counts()))
    }
}

/// A keeper at work.
pub struct Keeper {
    /// Where the service hands rows to.
    pub outlet: Outlet,
    /// The verdicts; none when their file cannot be read.
    pub feedback: Option<SharedFeedback>,
    /// For the counters.
    pub kept: Arc<Kept>,
    /// Ends after the last outlet is gone, when all is written.
    pub thread: JoinHandle<()>,
}

/// Starts keeping, as the configuration says.
///
/// # Errors
/// When the candidate of the shadow cannot be loaded, the log's server is not named, or a thread cannot be made.
pub fn start(config: &ServeConfig, workspace: &Workspace) -> Result<Keeper, CommandError> {
    let thread_error =
        |e| CommandError::internal("a thread of the prediction log cannot be made").because(e);
    let store = LogStore::of(config, workspace)?;
    // A file is best when it is large; what lies on a server is looked at by others meanwhile.
    let (rows, wait) = match &store {
        LogStore::Parquet(_) => (SEGMENT, FLUSH),
        LogStore::MongoDb(..) => (SENT, SEND),
    };
    let log = match config.log_sample > 0.0 {
        false => None,
        true => Some(Arc::new(
            PredictionLog::start(LogSettings {
                store: store.clone(),
                sample: config.log_sample,
                segment_rows: rows,
                flush_after: wait,
                keep_days: config.log_days,
            })
            .map_err(thread_error)?,
        )),
    };
    let shadow = match &config.shadow {
        None => None,
        Some(run) => Some(Arc::new(
            Shadow::start(candidate(run, workspace)?).map_err(thread_error)?,
        )),
    };
    let feedback = open_feedback(&feedback_file(workspace), store);
    let (outlet, inlet) = Outlet::with_listener(DEPTH);
    let kept = Arc::new(Kept { log, shadow });
    let worker = Worker {
        kept: Arc::clone(&kept),
        feedback: feedback.clone(),
    };
    let thread = std::thread::Builder::new()
        .name("traffic".to_owned())
        .spawn(move || worker.run(&inlet))
        .map_err(thread_error)?;
    Ok(Keeper {
        outlet,
        feedback,
        kept,
        thread,
    })
}

/// A service that cannot read its verdicts still scores.
fn open_feedback(path: &Path, log: LogStore) -> Option<SharedFeedback> {
    match Feedback::open(path) {
        Ok(feedback) => Some(Arc::new(Verdicts::new(feedback, log))),
        Err(error) => {
            tracing::error!(%error, "verdicts are not taken");
            None
        }
    }
}

/// The selected model of a run, to score in the shadow.
fn candidate(run: &str, workspace: &Workspace) -> Result<Candidate, CommandError> {
    let run = RunStore::new(workspace).resolve(run)?;
    let found = Contender::of_run(run.as_str(), &workspace.run_dir(&run))?;
    let classes = with_classes(&found.schema, &found.model.classes)
        .target
        .classes();
    Ok(Candidate {
        name: run.to_string(),
        model: found.model,
        preprocessor: found.preprocessor,
        threshold: found.threshold,
        harmless: classes.into_iter().next().unwrap_or_default(),
    })
}

struct Worker {
    kept: Arc<Kept>,
    feedback: Option<SharedFeedback>,
}

impl Worker {
    fn run(self, inlet: &Inlet) {
        while let Some(rows) = inlet.next() {
            self.keep(rows);
        }
        if let Some(log) = &self.kept.log {
            log.close();
        }
    }

    fn keep(&self, rows: ScoredRows) {
        let Some(id) = batch_of(&rows.request_id) else {
            return;
        };
        let version: Arc<str> = rows.model_version.as_str().into();
        if let Some(feedback) = &self.feedback {
            let answered = numbered(&rows)
                .map(|(row, outcome)| (row, outcome.class))
                .collect();
            feedback.lock().remember(Scored {
                id,
                version: Arc::clone(&version),
                classes: Arc::clone(&rows.classes),
                rows: answered,
            });
        }
        if self.kept.log.is_none() && self.kept.shadow.is_none() {
            return;
        }
        let batch = batch(id, version, rows);
        match (&self.kept.log, &self.kept.shadow) {
            (Some(log), Some(shadow)) => {
                shadow.observe(batch.clone());
                log.append(batch);
            }
            (Some(log), None) => log.append(batch),
            (None, Some(shadow)) => shadow.observe(batch),
            (None, None) => {}
        }
    }
}

/// The batch whose name a request has.
fn batch_of(request_id: &str) -> Option<BatchId> {
    format!("{request_id}-0")
        .parse::<PredictionId>()
        .ok()
        .map(PredictionId::batch)
}

/// Rows that were scored, with their number in the request.
fn numbered(rows: &ScoredRows) -> impl Iterator<Item = (u32, &super::scoring::Outcome)> {
    let first = rows.first_row;
    rows.outcomes
        .iter()
        .enumerate()
        .filter(|(_, outcome)| outcome.is_scored())
        .map(move |(at, outcome)| (u32::try_from(first + at).unwrap_or(u32::MAX), outcome))
}

fn batch(id: BatchId, version: Arc<str>, rows: ScoredRows) -> ScoredBatch {
    let answered = numbered(&rows)
        .map(|(row, outcome)| (row, outcome.class as usize, outcome.score))
        .collect::<Vec<_>>();
    // Nearly always all of them were scored, and then nothing is copied.
    let scored = (answered.len() < rows.outcomes.len()).then(|| {
        let all = 0..rows.outcomes.len();
        all.filter(|&i| rows.outcomes[i].is_scored())
            .collect::<Vec<_>>()
    });
    let features = rows
        .columns
        .into_iter()
        .map(|column| match (column, &scored) {
            (RawColumn::Numbers(values), None) => FeatureCells::Numbers(values),
            (RawColumn::Numbers(values), Some(at)) => {
                FeatureCells::Numbers(at.iter().map(|&i| values[i]).collect())
            }
            (RawColumn::Texts(texts), at) => {
                let text = |i: usize| texts.get(i).map(str::to_owned);
                FeatureCells::Texts(match at {
                    None => (0..texts.len()).map(text).collect(),
                    Some(at) => at.iter().map(|&i| text(i)).collect(),
                })
            }
        })
        .collect();
    ScoredBatch {
        id,
        at: rows.at,
        version,
        classes: rows.classes,
        names: rows.names,
        features,
        rows: answered,
    }
}
