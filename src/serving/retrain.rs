//! Starting a retrain and looking at runs. A run goes on in a process of its own; this only starts
//! it, and never decides about what it makes.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::app::App;
use super::handlers::Admitted;
use super::intake;
use super::json_rows::no_json;
use super::refusal::Refusal;
use crate::events::{Actor, StageName};
use crate::runs::{RunStore, RunsEntry, ShowDocument};
use crate::worker::{self, StartRequest};

/// Runs listed when the request does not say.
const LISTED: usize = 100;
/// Most runs listed.
const MOST: usize = 1_000;
/// Runs looked at for one that is at work, newest first.
const LOOKED_AT: usize = 50;
/// Longest note, characters.
const NOTE: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainRequest {
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    from: Option<StageName>,
}

/// `POST /train`.
pub async fn train(admitted: Admitted) -> Response {
    match start(admitted).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn start(admitted: Admitted) -> Result<Response, Refusal> {
    let app = Arc::clone(&admitted.app);
    let by = Actor {
        name: admitted.who.clone().unwrap_or_else(|| "unknown".to_owned()),
        from: admitted.from.clone(),
    };
    let (parts, body) = admitted.request.into_parts();
    let intake = intake::read(&app, &parts.headers, body).await?;
    let wanted: TrainRequest = if intake.bytes.trim_ascii().is_empty() {
        TrainRequest::default()
    } else {
        let media = parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        if !media.starts_with("application/json") {
            return Err(Refusal::unsupported("send application/json, or no body"));
        }
        serde_json::from_slice(&intake.bytes).map_err(|e| no_json(&e, &intake.bytes))?
    };
    let note = wanted.note.map(|note| crate::text::clean(note.trim()));
    if note.as_ref().is_some_and(|n| n.chars().count() > NOTE) {
        return Err(Refusal::malformed(format!(
            "note: it is longer than {NOTE} characters"
        )));
    }
    let request = StartRequest {
        note: note.filter(|n| !n.is_empty()),
        from: wanted.from,
        ..StartRequest::by(by)
    };
    // Starting waits for the worker's first sign.
    tokio::task::spawn_blocking(move || start_one(&app, request))
        .await
        .unwrap_or_else(|_| Err(Refusal::internal()))
}

fn start_one(app: &App, request: StartRequest) -> Result<Response, Refusal> {
    // Two requests at once must not both find nobody at work.
    let _one_at_a_time = app.starting.lock().unwrap_or_else(PoisonError::into_inner);
    if !app.project.config_file.exists() {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "configuration",
            "this service has no configuration to train by; it only scores",
        ));
    }
    let store = RunStore::new(&app.project.workspace);
    for run in store.list()?.into_iter().take(LOOKED_AT) {
        if store.open(&run).is_ok_and(|view| view.liveness.is_held()) {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "at_work",
                format!("run {run} is at work; wait for its end or cancel it"),
            ));
        }
    }
    let run = worker::start(&app.project.config_file, request)?;
    let location = format!("/runs/{run}");
    let body = Json(json!({"run_id": run, "status": "at work"}));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], body).into_response())
}

/// `GET /runs`.
pub async fn runs(admitted: Admitted) -> Response {
    let query = admitted.request.uri().query().unwrap_or_default();
    let mut limit = LISTED;
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        match pair.split_once('=') {
            Some(("limit", value)) => match value.parse::<usize>() {
                Ok(n) if (1..=MOST).contains(&n) => limit = n,
                _ => {
                    return Refusal::malformed(format!(
                        "limit: it must be a whole number from 1 to {MOST}"
                    ))
                    .into_response();
                }
            },
            _ => {
                return Refusal::malformed("the query takes `limit` and nothing else")
                    .into_response();
            }
        }
    }
    let app = Arc::clone(&admitted.app);
    blocking(move || {
        let store = RunStore::new(&app.project.workspace);
        let mut entries = Vec::new();
        for run in store.list()?.into_iter().take(limit) {
            entries.push(RunsEntry::new(&store.open(&run)?));
        }
        Ok(Json(entries).into_response())
    })
    .await
}

/// `GET /runs/{id}`.
pub async fn run(admitted: Admitted, id: String) -> Response {
    if !is_id(&id) {
        return Refusal::malformed("a run id is 1 to 64 of a-z, 0-9 and `-`").into_response();
    }
    let app = Arc::clone(&admitted.app);
    blocking(move || {
        let store = RunStore::new(&app.project.workspace);
        let view = store.open(&store.resolve(&id)?)?;
        Ok(Json(ShowDocument::new(&view)).into_response())
    })
    .await
}

async fn blocking(work: impl FnOnce() -> Result<Response, Refusal> + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_) => Refusal::internal().into_response(),
    }
}

/// Whether a text may be an id; nothing else ever becomes part of a path.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_nowhere_else() {
        for good in ["20261122-1230-7f3a", "latest", "7f3a"] {
            assert!(is_id(good));
        }
        for bad in [
            "",
            "..",
            "a/b",
            "../x",
            "A",
            "a.b",
            "a b",
            "ä",
            &"a".repeat(65),
        ] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn a_request_to_train_takes_its_two_members_only() {
        let read = |text: &str| serde_json::from_str::<TrainRequest>(text);
        assert!(read(r#"{"note": "x", "from": "model_trainer"}"#).is_ok());
        assert!(read(r#"{"from": "nowhere"}"#).is_err());
        assert!(read(r#"{"config": "/etc/passwd"}"#).is_err());
    }
}
