//! Reads the body of a request: so much and no more, so long and no longer.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};

use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::app::{App, BUDGET_UNIT};
use super::refusal::Refusal;

/// Bytes of an unwanted body that are read and thrown away, so that a client that is still sending
/// gets to read why.
const DRAINED: usize = 64 << 20;
/// And how long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(3);

/// A body, counted in the budget as long as it lives.
#[derive(Debug)]
pub struct Intake {
    /// Its bytes.
    pub bytes: Bytes,
    _budget: Option<OwnedSemaphorePermit>,
}

impl Intake {
    /// A body that was not read from a connection.
    #[cfg(test)]
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            _budget: None,
        }
    }
    /// A part of a body in its place, still counted as the whole.
    #[must_use]
    pub fn part(self, bytes: Bytes) -> Self {
        Self {
            bytes,
            _budget: self._budget,
        }
    }
}

/// Reads a body.
///
/// # Errors
/// 413 when it is larger than allowed, 408 when it takes too long, 415 when it is packed, 503 when
/// other bodies take all the room, 400 when the connection breaks.
pub async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Intake, Refusal> {
    let limit = app.settings.limits.body;
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        drain(body).await;
        return Err(Refusal::unsupported(
            "packed bodies are not read; send it without Content-Encoding",
        )
        .closing());
    }
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<usize>().ok());
    if declared.is_some_and(|n| n > limit) {
        drain(body).await;
        return Err(too_large(limit));
    }
    let deadline = Instant::now() + app.settings.limits.body_time;
    let mut body = body;
    let mut bytes: Vec<u8> = Vec::with_capacity(declared.unwrap_or(0).min(1 << 20));
    let mut budget: Option<OwnedSemaphorePermit> = None;
    let mut granted = 0;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => {
                return Err(Refusal::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "too_slow",
                    format!(
                        "the body took longer than {} s",
                        app.settings.limits.body_time.as_secs()
                    ),
                )
                .closing());
            }
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(Refusal::malformed("the body broke off").closing());
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            drain(body).await;
            return Err(too_large(limit));
        }
        let needed = (bytes.len() + data.len()).div_ceil(BUDGET_UNIT);
        if needed > granted {
            let more = (needed - granted) as u32;
            match Arc::clone(&app.bodies).try_acquire_many_owned(more) {
                Ok(permit) => match &mut budget {
                    Some(own) => own.merge(permit),
                    None => budget = Some(permit),
                },
                Err(_) => {
                    drain(body).await;
                    return Err(
                        Refusal::busy("other requests take all the room for bodies").closing()
                    );
                }
            }
            granted = needed;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Intake {
        bytes: bytes.into(),
        _budget: budget,
    })
}

/// Reads and throws away what is left of a body, within bounds.
pub async fn drain(mut body: Body) {
    let deadline = Instant::now() + DRAIN_TIME;
    let mut read = 0;
    while read < DRAINED {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => read += frame.into_data().map_or(0, |d| d.len()),
            _ => return,
        }
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::too_large(format!(
        "the body is larger than the {} MiB that are allowed; send it in parts",
        limit >> 20
    ))
    .closing()
}
