//! `/feedback`: analysts' verdicts on predictions, and how the champion does by them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::App;
use super::handlers::Admitted;
use super::intake;
use super::json_rows::no_json;
use super::refusal::Refusal;
use crate::error::CommandError;
use crate::traffic::{Feedback, LogStore, Logged, Outcome, PredictionId, Verdict};

/// Verdicts in one request; each is written and synced before the reply.
const MOST: usize = 1_000;
/// Longest name of an analyst, characters.
const NAME: usize = 100;

/// The verdicts of a project, shared by the requests and by whoever remembers what was scored.
#[derive(Debug)]
pub struct Verdicts {
    feedback: Mutex<Feedback>,
    log: LogStore,
}

/// The same, for all who need it.
pub type SharedFeedback = Arc<Verdicts>;

impl Verdicts {
    /// Verdicts on predictions in memory, or in the log.
    pub fn new(feedback: Feedback, log: LogStore) -> Self {
        Self {
            feedback: Mutex::new(feedback),
            log,
        }
    }

    /// The verdicts alone. Nothing may be waited for while they are held: whoever answers requests
    /// and whoever keeps what was scored need them too.
    pub fn lock(&self) -> MutexGuard<'_, Feedback> {
        self.feedback.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    verdicts: Vec<Given>,
    /// Who says so, where the token's name is not enough.
    #[serde(default)]
    by: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    prediction_id: String,
    label: String,
}

/// `POST /feedback`.
pub async fn take(admitted: Admitted) -> Response {
    match verdicts(admitted).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// `GET /feedback`.
pub fn status(admitted: &Admitted) -> Response {
    match feedback(&admitted.app) {
        Ok(feedback) => {
            let feedback = feedback.lock();
            Json(json!({"concept": feedback.status()})).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn feedback(app: &App) -> Result<&SharedFeedback, Refusal> {
    app.feedback.as_ref().ok_or_else(|| {
        Refusal::new(
            StatusCode::CONFLICT,
            "no_feedback",
            "the file of verdicts cannot be read; the service's log says why",
        )
    })
}

async fn verdicts(admitted: Admitted) -> Result<Response, Refusal> {
    let app = Arc::clone(&admitted.app);
    let (parts, body) = admitted.request.into_parts();
    let intake = intake::read(&app, &parts.headers, body).await?;
    let media = parts.headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !media.starts_with("application/json") {
        return Err(Refusal::unsupported("send application/json"));
    }
    let request: Request =
        serde_json::from_slice(&intake.bytes).map_err(|e| no_json(&e, &intake.bytes))?;
    if request.verdicts.is_empty() {
        return Err(Refusal::malformed("verdicts: there is none"));
    }
    if request.verdicts.len() > MOST {
        return Err(Refusal::too_large(format!(
            "verdicts: {} are more than the {MOST} of one request; send them in parts",
            request.verdicts.len()
        )));
    }
    let token = admitted.who.unwrap_or_else(|| "unknown".to_owned());
    let by = match request.by.as_deref().map(str::trim) {
        None | Some("") => token,
        Some(name) if name.chars().count() > NAME => {
            return Err(Refusal::malformed(format!(
                "by: it is longer than {NAME} characters"
            )));
        }
        Some(name) => format!("{} ({token})", crate::text::clean(name)),
    };
    let model = app.model()?;
    let mut checked = Vec::with_capacity(request.verdicts.len());
    for (at, given) in request.verdicts.iter().enumerate() {
        let id: PredictionId = given
            .prediction_id
            .parse()
            .map_err(|e| Refusal::malformed(format!("verdicts[{at}].prediction_id: {e}")))?;
        // A class by its name, or a value of the label column as the data has it.
        let classes = model.classes();
        let named = classes.iter().find(|c| **c == given.label);
        let mapped = || {
            let code = model.schema.target.class_of(&given.label)?;
            classes.get(code as usize)
        };
        let label = named.or_else(mapped).ok_or_else(|| {
            Refusal::malformed(format!(
                "verdicts[{at}].label: `{}` is none of the classes {}",
                crate::text::clean_to(&given.label, 64),
                classes.join(", ")
            ))
        })?;
        checked.push(Verdict {
            id,
            label: label.clone(),
            by: by.clone(),
        });
    }
    // Every verdict is synced to the disk: not on the threads that answer other requests.
    let work = move || record(&app, checked);
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Refusal::internal()))
}

fn record(app: &App, verdicts: Vec<Verdict>) -> Result<Response, Refusal> {
    let shared = feedback(app)?;
    let ids: Vec<PredictionId> = verdicts.iter().map(|v| v.id).collect();
    let missing = shared.lock().not_recent(&ids);
    // Asked without holding the verdicts: a disk or a server may take its time.
    let logged = Logged::find(&shared.log, &missing).map_err(|error| {
        let transient = error.is_transient();
        let error = CommandError::from(error).full_message();
        tracing::error!(error, "the prediction log cannot be searched");
        match transient {
            true => Refusal::busy(
                "the prediction log cannot be searched now; send the verdicts again in a moment",
            ),
            false => Refusal::internal(),
        }
    })?;
    let mut told: Vec<Value> = Vec::with_capacity(verdicts.len());
    let mut unknown = 0;
    for verdict in verdicts {
        let id = verdict.id;
        let now = Utc::now();
        // Held for one verdict, which is synced to the disk, and not for all of them.
        let outcome = shared.lock().take(verdict, &logged, now).map_err(|e| {
            tracing::error!(error = %e, "a verdict could not be recorded");
            Refusal::internal()
        })?;
        let scored = i64::try_from(id.batch().milliseconds()).unwrap_or(0);
        let delay = (now.timestamp_millis() - scored) as f64 / 1000.0;
        app.metrics.verdict(&outcome, delay.max(0.0));
        let mut entry = json!({"prediction_id": id});
        match &outcome {
            Outcome::Recorded { wrong, alarms } => {
                entry["outcome"] = "recorded".into();
                entry["wrong"] = (*wrong).into();
                if !alarms.is_empty() {
                    let names: Vec<&str> = alarms.iter().map(|a| a.as_str()).collect();
                    tracing::warn!(detectors = names.join(", "), "concept drift");
                    entry["alarms"] = json!(names);
                }
            }
            Outcome::Corrected { wrong } => {
                entry["outcome"] = "corrected".into();
                entry["wrong"] = (*wrong).into();
            }
            Outcome::Known => entry["outcome"] = "known".into(),
            Outcome::UnknownPrediction => {
                unknown += 1;
                entry["outcome"] = "unknown_prediction".into();
            }
        }
        told.push(entry);
    }
    if unknown == told.len() {
        return Err(Refusal::not_found(
            "none of these predictions is in the log: its ids come with every reply, and \
             [serve] log_sample and log_days say what is kept",
        ));
    }
    let body = json!({"verdicts": told, "concept": shared.lock().status()});
    Ok(Json(body).into_response())
}
