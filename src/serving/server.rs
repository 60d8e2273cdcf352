//! Connections: accepting them, their limits, and the orderly end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::app::App;
use super::newcomers;
use super::stalled::Stalled;

/// How long a reply may lie unread before its connection ends.
const UNREAD: Duration = Duration::from_secs(30);
/// Pause after an accept that failed for want of something, file handles say.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the queue of connections must be empty for the listener to be closed; a handshake that
/// has begun needs as long as its packets travel.
const LAST_LOOK: Duration = Duration::from_millis(50);
/// And how long it is waited for where connections keep coming all the same.
const LAST_LOOKS: Duration = Duration::from_millis(250);
/// Largest head of a request.
const HEAD: usize = 32 << 10;

/// What is said to a connection too many.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 61\r\n\r\n{\"error\":\"too many connections are open\",\"code\":\"overloaded\"}";

/// What is said to a head that does not come to its end.
const LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 77\r\n\r\n{\"error\":\"the head of the request did not come to its end\",\"code\":\"too_slow\"}";
/// How long the last word on a connection may take.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Accepts and serves connections until `end` says so, then lets the ones in flight finish within
/// their time. Returns how many did not.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    router: Router,
    tls: Option<TlsAcceptor>,
    end: impl Future<Output = ()>,
) -> usize {
    let room = Arc::new(Semaphore::new(app.settings.limits.connections));
    let (ending, ended) = watch::channel(false);
    // Every connection holds a sender; when all are gone, nothing can be received any more.
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    tokio::pin!(end);
    let mut told: Option<Instant> = None;
    loop {
        let accepted = if let Some(at) = told {
            // Who was connected before the end was said is still served.
            match timeout(LAST_LOOK, listener.accept()).await {
                Ok(accepted) if at.elapsed() < LAST_LOOKS => accepted,
                _ => break,
            }
        } else {
            tokio::select! {
                () = &mut end => {
                    told = Some(Instant::now());
                    app.end();
                    newcomers::pass_over(&listener);
                    continue;
                }
                accepted = listener.accept() => accepted,
            }
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                tracing::warn!(error = %e, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            app.metrics.refused("connections");
            tokio::spawn(turn_away(stream, tls.is_some()));
            continue;
        };
        let (app, router, tls) = (Arc::clone(&app), router.clone(), tls.clone());
        let (ended, alive) = (ended.clone(), alive.clone());
        tokio::spawn(async move {
            let _held = (permit, alive, app.metrics.connection());
            let limit = app.settings.limits.header_time;
            let end = match tls {
                None => connection(stream, peer, limit, router, ended).await,
                Some(tls) => match timeout(limit, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, peer, limit, router, ended).await,
                    _ => Err("tls"),
                },
            };
            if let Err(reason) = end {
                app.metrics.refused(reason);
            }
        });
    }
    drop(listener);
    drop(alive);
    let _ = ending.send(true);
    match timeout(app.settings.limits.drain_time, all_gone.recv()).await {
        Ok(_) => 0,
        Err(_) => app.settings.limits.connections - room.available_permits(),
    }
}

async fn turn_away(mut stream: TcpStream, tls: bool) {
    if !tls {
        let _ = timeout(Duration::from_secs(1), stream.write_all(FULL)).await;
        let _ = timeout(Duration::from_secs(1), stream.shutdown()).await;
        // What is still unread when a socket is closed resets it, and the reply is lost.
        let mut rest = [0; 4096];
        let _ = timeout(Duration::from_secs(1), async {
            while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {}
        })
        .await;
    }
}

/// Serves a connection to its end; `Err` is the reason why its last request was refused.
async fn connection<S>(
    stream: S,
    peer: SocketAddr,
    head_time: Duration,
    router: Router,
    mut ended: watch::Receiver<bool>,
) -> Result<(), &'static str>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        // Boxed, for only a future that can be moved lets the stream be had back below.
        Box::pin(router.clone().oneshot(request))
    });
    let io = TokioIo::new(Stalled::new(stream, UNREAD));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_buf_size(HEAD.max(64 << 10))
        .serve_connection(io, service);
    let outcome = tokio::select! {
        // A request that has arrived in the moment of the end is read first, and so answered.
        biased;
        outcome = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(outcome),
        changed = ended.wait_for(|ended| *ended) => {
            drop(changed);
            None
        }
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    // What goes wrong on a connection concerns its client alone.
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    // A connection that only idled is closed without a word: the client would take it for the reply
    // to its next request.
    let late = outcome.is_err_and(|e| e.is_timeout()) && !parts.read_buf.is_empty();
    if late {
        let _ = timeout(LAST_WORD, stream.write_all(LATE)).await;
    }
    let _ = timeout(LAST_WORD, stream.shutdown()).await;
    if late { Err("too_slow") } else { Ok(()) }
}
