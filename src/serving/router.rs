//! From the table of routes to the router, and the gate every request passes: host, token, time,
//! counters, headers.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use futures_util::FutureExt;
use tokio::time::timeout;

use super::app::App;
use super::handlers::{Admitted, answer};
use super::intake;
use super::refusal::{Broken, Code, Refusal};
use super::routes::{self, Method, ROUTES, Route};
use super::tokens::{Scope, Verdict};
use crate::traffic::BatchId;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The router of all routes.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    let mut paths: Vec<&str> = Vec::new();
    for route in ROUTES {
        if paths.contains(&route.path) {
            continue;
        }
        paths.push(route.path);
        let mut methods: MethodRouter<Arc<App>> = MethodRouter::new();
        for own in ROUTES.iter().filter(|r| r.path == route.path) {
            methods = match own.method {
                Method::Get => methods.merge(get(enter)),
                Method::Post => methods.merge(post(enter)),
            };
        }
        router = router.route(route.path, methods);
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(app)
}

async fn no_route(State(app): State<Arc<App>>, request: Request) -> Response {
    let refusal = Refusal::not_found("there is no such route; /docs lists them");
    refuse(&app, request, "none", refusal).await
}

async fn no_method(State(app): State<Arc<App>>, request: Request) -> Response {
    let refusal = Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "the route does not take this method; /docs says which",
    );
    refuse(&app, request, "none", refusal).await
}

/// Answers a request that does not get in; what it still sends is read, within bounds.
async fn refuse(app: &App, request: Request, route: &'static str, refusal: Refusal) -> Response {
    let begun = Instant::now();
    intake::drain(request.into_body()).await;
    finish(app, route, begun, &new_id(), refusal.into_response())
}

/// Every request that has a route comes through here.
async fn enter(
    State(app): State<Arc<App>>,
    path: MatchedPath,
    parameters: RawPathParams,
    request: Request,
) -> Response {
    let begun = Instant::now();
    let Some(route) = routes::find(path.as_str(), request.method()) else {
        let refusal = Refusal::not_found("there is no such route");
        return refuse(&app, request, "none", refusal).await;
    };
    let who = match admit(&app, route, &request) {
        Ok(who) => who.map(str::to_owned),
        Err(refusal) => return refuse(&app, request, route.path, refusal).await,
    };
    let request_id = new_id();
    let parameters = parameters
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let from = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or_else(|| "http".to_owned(), |info| info.0.ip().to_string());
    let held = app.metrics.in_flight();
    let admitted = Admitted {
        app: Arc::clone(&app),
        request_id: Arc::clone(&request_id),
        who,
        from,
        parameters,
        request,
    };
    let limits = &app.settings.limits;
    let allowed = limits.body_time + limits.request_time;
    // A defect must cost its own request only; the connection and the service go on.
    let work = AssertUnwindSafe(answer(route.endpoint, admitted)).catch_unwind();
    let response = match timeout(allowed, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Refusal::internal().into_response(),
        Err(_) => Refusal::busy(format!(
            "the request took longer than {} s",
            allowed.as_secs()
        ))
        .into_response(),
    };
    drop(held);
    finish(&app, route.path, begun, &request_id, response)
}

/// What a platform in front asks for by its contract; it knows who asks.
const GUARDED: [&str; 2] = ["/ping", "/invocations"];

/// Host, scope, token: whether a request may come in, and as whom.
fn admit<'a>(app: &'a App, route: &Route, request: &Request) -> Result<Option<&'a str>, Refusal> {
    let open = app.tokens.is_empty();
    if open && app.settings.guarded {
        return if GUARDED.contains(&route.path) {
            Ok(None)
        } else {
            Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "needs_token",
                "here only /ping and /invocations are answered without a token",
            ))
        };
    }
    if open && !is_this_machine(request) {
        return Err(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong_host",
            "without tokens only requests to localhost are answered",
        ));
    }
    let Some(scope) = route.scope else {
        return Ok(None);
    };
    if open {
        return if scope == Scope::Train {
            Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "needs_token",
                format!(
                    "training needs a token with the scope `train`; {} holds them",
                    super::tokens::VARIABLE
                ),
            ))
        } else {
            Ok(None)
        };
    }
    let presented = request
        .headers()
        .get(header::AUTHORIZATION)
        .map(HeaderValue::as_bytes);
    match app.tokens.check(presented, scope) {
        Verdict::Allowed(name) => Ok(Some(name)),
        Verdict::Unknown => Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the route needs a token: Authorization: Bearer TOKEN",
        )),
        Verdict::Lacking(name) => Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("the token `{name}` lacks the scope `{}`", scope.as_str()),
        )),
    }
}

/// Whether a request was sent to this machine by name. A page of another site can make a browser
/// connect here under a name of its own; an open service must not answer it.
fn is_this_machine(request: &Request) -> bool {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|v| v.to_str().ok())
        .or_else(|| request.uri().authority().map(|a| a.as_str()));
    // HTTP/1.0 has no host, and no browser speaks it.
    let Some(host) = host else { return true };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Counts a reply and gives it its headers.
fn finish(
    app: &App,
    route: &'static str,
    begun: Instant,
    request_id: &str,
    mut response: Response,
) -> Response {
    if let Some(Broken(rules)) = response.extensions_mut().remove::<Broken>() {
        app.metrics.rejected(&rules);
    }
    if let Some(Code(code)) = response.extensions_mut().remove::<Code>() {
        app.metrics.refused(code);
    }
    app.metrics.answered(
        route,
        response.status().as_u16(),
        begun.elapsed().as_secs_f64(),
    );
    let ending = app.is_ending();
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    if ending {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// An id of a request: the name of its predictions begins with it.
fn new_id() -> Arc<str> {
    BatchId::new(chrono::Utc::now()).to_string().into()
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
