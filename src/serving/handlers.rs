//! What each route does, once its request has been let in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use tokio::time::timeout;

use super::app::App;
use super::intake::{self, Intake};
use super::refusal::{Refusal, count_rules};
use super::reply::{self, CsvReply, Predictions};
use super::routes::Endpoint;
use super::scoring::{Scored, Work};
use super::served::ServedModel;
use super::tokens::{Scope, Verdict};
use super::{csv_body, docs_page, mlflow_document, open_inference, openapi, predict_document};

/// Bodies up to here are worked on where they were read: handing them over costs more than that.
const SMALL: usize = 16 << 10;
/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(1);

/// A request that has been let in.
pub struct Admitted {
    /// What all requests share.
    pub app: Arc<App>,
    /// Its own id.
    pub request_id: Arc<str>,
    /// Name of the token it came with.
    pub who: Option<String>,
    /// Where it came from.
    pub from: String,
    /// What stands in the braces of the path.
    pub parameters: Vec<(String, String)>,
    /// The request.
    pub request: Request,
}

impl Admitted {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Answers a request.
pub async fn answer(endpoint: Endpoint, admitted: Admitted) -> Response {
    match endpoint {
        Endpoint::Root => Redirect::temporary("/docs").into_response(),
        Endpoint::Docs => {
            let access = access(&admitted);
            let model = access.model(&admitted.app);
            docs_page::docs(model.as_deref(), access)
        }
        Endpoint::OpenApi => {
            let model = access(&admitted).model(&admitted.app);
            Json(openapi::document(model.as_deref())).into_response()
        }
        Endpoint::Predict => scored(predict(admitted).await),
        Endpoint::Invocations => scored(invocations(admitted).await),
        Endpoint::Infer => scored(infer(admitted).await),
        Endpoint::ServerMetadata => Json(open_inference::server()).into_response(),
        Endpoint::ServerLive => Json(json!({"status": "live", "live": true})).into_response(),
        Endpoint::Live => Json(json!({"status": "live"})).into_response(),
        Endpoint::ServerReady | Endpoint::Ready => ready(&admitted.app),
        Endpoint::ModelMetadata => match named_model(&admitted) {
            Ok(model) => with_model(
                Json(open_inference::metadata(&model)).into_response(),
                &model,
            ),
            Err(refusal) => refusal.into_response(),
        },
        Endpoint::ModelReady => match named_model(&admitted) {
            Ok(model) => with_model(
                Json(json!({"status": "ready", "name": model.name, "ready": true})).into_response(),
                &model,
            ),
            Err(refusal) => refusal.into_response(),
        },
        Endpoint::Version => env!("CARGO_PKG_VERSION").into_response(),
        Endpoint::Feedback => super::verdicts::take(admitted).await,
        Endpoint::FeedbackStatus => super::verdicts::status(&admitted),
        Endpoint::Train => super::retrain::train(admitted).await,
        Endpoint::Runs => super::retrain::runs(admitted).await,
        Endpoint::Run => {
            let id = admitted.parameter("id").unwrap_or_default().to_owned();
            super::retrain::run(admitted, id).await
        }
        Endpoint::Metrics => metrics(&admitted),
    }
}

/// What somebody is told who asks what the service does. The routes are no secret, and a browser
/// sends no token; what the model reads and decides is told to those who may ask it something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// There are no tokens: whoever gets here is on this machine.
    Open,
    /// One of the tokens was presented.
    Known,
    /// There are tokens, and none of them was presented.
    Stranger,
}

impl Access {
    fn model(self, app: &App) -> Option<Arc<ServedModel>> {
        match self {
            Access::Open | Access::Known => app.slot.get(),
            Access::Stranger => None,
        }
    }
}

fn access(admitted: &Admitted) -> Access {
    let tokens = &admitted.app.tokens;
    if tokens.is_empty() {
        return Access::Open;
    }
    let presented = admitted.request.headers().get(header::AUTHORIZATION);
    // Whatever its scopes are.
    match tokens.check(presented.map(HeaderValue::as_bytes), Scope::Read) {
        Verdict::Allowed(_) | Verdict::Lacking(_) => Access::Known,
        Verdict::Unknown => Access::Stranger,
    }
}

fn scored(result: Result<Response, Refusal>) -> Response {
    result.unwrap_or_else(IntoResponse::into_response)
}

/// Puts the model's identity into the headers of a reply.
fn with_model(mut response: Response, model: &ServedModel) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-netsec-model-version", &model.version),
        ("x-netsec-model-sha256", &model.sha256),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

fn ready(app: &App) -> Response {
    let model = app.slot.get();
    let (status, text) = match (&model, app.is_ending()) {
        (_, true) => (StatusCode::SERVICE_UNAVAILABLE, "ending"),
        (None, _) => (StatusCode::SERVICE_UNAVAILABLE, "no model"),
        (Some(_), _) => (StatusCode::OK, "ready"),
    };
    let body = Json(json!({
        "status": text,
        "ready": status == StatusCode::OK,
        "model_version": model.as_ref().map(|m| m.version.clone()),
    }));
    let response = (status, body).into_response();
    match model {
        Some(model) => with_model(response, &model),
        None => response,
    }
}

fn metrics(admitted: &Admitted) -> Response {
    let open = accept(admitted.request.headers())
        .is_some_and(|accept| accept.contains("application/openmetrics-text"));
    let app = &admitted.app;
    if let Some(kept) = &app.kept {
        app.metrics.kept(kept);
    }
    if let Some(feedback) = &app.feedback {
        // Not only when a verdict comes: the state outlives the process.
        app.metrics.concept(&feedback.lock().status());
    }
    let (text, media) = if open {
        (
            app.metrics.open_metrics(&app.log),
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )
    } else {
        (
            app.metrics.text(&app.log),
            "text/plain; version=0.0.4; charset=utf-8",
        )
    };
    ([(header::CONTENT_TYPE, media)], text).into_response()
}

/// The model of the path, when it is the one in use.
fn named_model(admitted: &Admitted) -> Result<Arc<ServedModel>, Refusal> {
    let name = admitted.parameter("model").unwrap_or_default();
    if name != admitted.app.model_name {
        return Err(Refusal::not_found(format!(
            "there is no model `{}`; there is `{}`",
            crate::text::clean_to(name, 64),
            admitted.app.model_name
        )));
    }
    let model = admitted.app.model()?;
    match admitted.parameter("version") {
        Some(version) if version != model.version => Err(Refusal::not_found(format!(
            "version `{}` is not in use; {} is",
            crate::text::clean_to(version, 64),
            model.version
        ))),
        _ => Ok(model),
    }
}

fn accept(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok())
}

/// The type of a body without its parameters, in lower case.
fn media(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(
        text.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
    )
}

enum Format {
    Csv,
    Json,
    Form,
}

fn format(headers: &HeaderMap, form: bool) -> Result<Format, Refusal> {
    match media(headers).as_deref() {
        Some("text/csv" | "application/csv" | "text/plain") => Ok(Format::Csv),
        Some("application/json") => Ok(Format::Json),
        Some("multipart/form-data") if form => Ok(Format::Form),
        Some(other) => Err(Refusal::unsupported(format!(
            "`{}` is not read here; send application/json or text/csv{}",
            crate::text::clean_to(other, 60),
            if form { ", or a form with a file" } else { "" }
        ))),
        None => Err(Refusal::unsupported(
            "the Content-Type is missing; send application/json or text/csv",
        )),
    }
}

/// Sets its flag when nobody waits any more.
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Works on a body: at once when it is small, else on a thread that may take long. The work ends
/// at its next chunk when the request is given up.
async fn work<T: Send + 'static>(
    app: &Arc<App>,
    request_id: &Arc<str>,
    model: &Arc<ServedModel>,
    intake: Intake,
    read: impl FnOnce(&ServedModel, &Bytes, &Work) -> Result<T, Refusal> + Send + 'static,
) -> Result<(T, Intake), Refusal> {
    let turn = match Arc::clone(&app.working).try_acquire_owned() {
        Ok(turn) => turn,
        Err(_) => timeout(TURN, Arc::clone(&app.working).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| {
                Refusal::busy("too many requests are being worked on; come back in a moment")
            })?,
    };
    let cancelled = Arc::new(AtomicBool::new(false));
    let guard = Cancel(Arc::clone(&cancelled));
    let job = Work {
        max_rows: app.settings.limits.rows,
        cancelled,
        log: app.log.clone(),
        request_id: Arc::clone(request_id),
    };
    let result = if intake.bytes.len() <= SMALL {
        // A panic is a defect; it must cost this request and no other.
        catch_unwind(AssertUnwindSafe(|| read(model, &intake.bytes, &job)))
            .unwrap_or_else(|_| Err(Refusal::internal()))
            .map(|value| (value, intake))
    } else {
        let model = Arc::clone(model);
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read(&model, &intake.bytes, &job).map(|value| (value, intake))
        })
        .await
        .unwrap_or_else(|_| Err(Refusal::internal()))
    };
    drop(guard);
    result
}

/// Counts what came of a request. With `all` one unreadable row refuses it.
fn settle(app: &App, model: &ServedModel, scored: &Scored, all: bool) -> Result<(), Refusal> {
    if all && !scored.findings.is_empty() {
        return Err(open_inference::unreadable(model, scored));
    }
    if scored.outcomes.iter().all(|o| !o.is_scored()) {
        return Err(Refusal::findings(
            &scored.findings,
            model.layout(),
            match scored.outcomes.len() {
                1 => "the row cannot be read".to_owned(),
                n => format!("none of the {n} rows can be read"),
            },
        ));
    }
    app.metrics.scored(model, scored);
    app.metrics.rejected(&count_rules(&scored.findings));
    Ok(())
}

async fn body(admitted: Admitted) -> Result<(Arc<App>, Arc<str>, HeaderMap, Intake), Refusal> {
    let (parts, body) = admitted.request.into_parts();
    let intake = intake::read(&admitted.app, &parts.headers, body).await?;
    Ok((admitted.app, admitted.request_id, parts.headers, intake))
}

async fn predict(admitted: Admitted) -> Result<Response, Refusal> {
    let (app, request_id, headers, mut intake) = body(admitted).await?;
    let model = app.model()?;
    let format = format(&headers, true)?;
    // A browser that sends the page's form wants to see the result.
    let fallback = match format {
        Format::Json => CsvReply::Json,
        _ => CsvReply::Csv,
    };
    if let Format::Form = format {
        intake = form_file(&headers, intake).await?;
    }
    if let Format::Json = format {
        let (scored, _intake) = work(&app, &request_id, &model, intake, |m, b, w| {
            predict_document::score(m, b, w)
        })
        .await?;
        settle(&app, &model, &scored, false)?;
        let predictions = Predictions {
            model: Arc::clone(&model),
            scored,
            request_id,
        };
        return Ok(with_model(reply::json(predictions), &model));
    }
    let (mut table, intake) = work(&app, &request_id, &model, intake, |m, b, w| {
        csv_body::score(m, b, w)
    })
    .await?;
    let scored = std::mem::take(&mut table.scored);
    settle(&app, &model, &scored, false)?;
    let predictions = Predictions {
        model: Arc::clone(&model),
        scored,
        request_id,
    };
    let response = match reply::choose(accept(&headers), fallback) {
        CsvReply::Csv => reply::csv(predictions, table, intake),
        CsvReply::Html => reply::html(&predictions, &table, &intake.bytes),
        CsvReply::Json => reply::json(predictions),
    };
    Ok(with_model(response, &model))
}

/// The file of a form. Its name is not looked at.
async fn form_file(headers: &HeaderMap, intake: Intake) -> Result<Intake, Refusal> {
    let wrong = |what: &str| Refusal::malformed(format!("the form cannot be read: {what}"));
    let mut request = Request::new(Body::from(intake.bytes.clone()));
    if let Some(value) = headers.get(header::CONTENT_TYPE) {
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, value.clone());
    }
    // axum's own limit; ours was applied when the body was read.
    request
        .extensions_mut()
        .insert(axum::extract::DefaultBodyLimit::disable());
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|_| wrong("its boundary is missing"))?;
    loop {
        match form.next_field().await {
            Ok(Some(field)) => {
                let is_file = field.name() == Some("file") || field.file_name().is_some();
                let bytes = field
                    .bytes()
                    .await
                    .map_err(|_| wrong("a part is not whole"))?;
                if is_file {
                    return Ok(intake.part(bytes));
                }
            }
            Ok(None) => return Err(wrong("it has no field `file`")),
            Err(_) => return Err(wrong("a part is not whole")),
        }
    }
}

async fn invocations(admitted: Admitted) -> Result<Response, Refusal> {
    let (app, request_id, headers, intake) = body(admitted).await?;
    let model = app.model()?;
    let response = match format(&headers, false)? {
        Format::Csv | Format::Form => {
            let (mut table, intake) = work(&app, &request_id, &model, intake, |m, b, w| {
                csv_body::score(m, b, w)
            })
            .await?;
            let scored = std::mem::take(&mut table.scored);
            settle(&app, &model, &scored, true)?;
            let predictions = Predictions {
                model: Arc::clone(&model),
                scored,
                request_id,
            };
            match reply::choose(accept(&headers), CsvReply::Json) {
                CsvReply::Csv => reply::csv(predictions, table, intake),
                CsvReply::Html | CsvReply::Json => reply::invocations(predictions),
            }
        }
        Format::Json => {
            let (scored, _intake) = work(&app, &request_id, &model, intake, |m, b, w| {
                mlflow_document::score(m, b, w)
            })
            .await?;
            settle(&app, &model, &scored, true)?;
            reply::invocations(Predictions {
                model: Arc::clone(&model),
                scored,
                request_id,
            })
        }
    };
    Ok(with_model(response, &model))
}

async fn infer(admitted: Admitted) -> Result<Response, Refusal> {
    let model = match named_model(&admitted) {
        Ok(model) => model,
        Err(refusal) => {
            intake::drain(admitted.request.into_body()).await;
            return Err(refusal);
        }
    };
    let binary = admitted
        .request
        .headers()
        .contains_key("inference-header-content-length");
    let (app, request_id, headers, intake) = body(admitted).await?;
    if binary {
        return Err(Refusal::unsupported(
            "binary tensors are not read; send them as JSON (binary_data=False in Triton's client)",
        ));
    }
    match media(&headers).as_deref() {
        // Triton's client names no type.
        None | Some("application/json" | "application/octet-stream") => {}
        Some(other) => {
            return Err(Refusal::unsupported(format!(
                "`{}` is not read here; send application/json",
                crate::text::clean_to(other, 60)
            )));
        }
    }
    let (inference, _intake) = work(&app, &request_id, &model, intake, |m, b, w| {
        open_inference::score(m, b, w)
    })
    .await?;
    settle(&app, &model, &inference.scored, true)?;
    let bytes = open_inference::reply(&model, &inference, &request_id)?;
    let response = ([(header::CONTENT_TYPE, "application/json")], bytes).into_response();
    Ok(with_model(response, &model))
}
