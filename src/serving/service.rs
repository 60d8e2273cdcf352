//! The service as a whole: checked settings, first model, listener, watcher, and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::app::{App, Project};
use super::champion_source::ChampionSource;
use super::prediction_log::PredictionLog;
use super::router::router;
use super::scored_drift::ScoredDrift;
use super::settings::Settings;
use super::tokens::Tokens;
use super::traffic_keeper::Kept;
use super::verdicts::SharedFeedback;
use super::watch::{Announce, Watcher};
use super::{server, tls};
use crate::error::CommandError;

/// Everything a service starts with.
pub struct Start {
    /// The settings.
    pub settings: Settings,
    /// The tokens.
    pub tokens: Tokens,
    /// The project: what can be retrained and shown.
    pub project: Project,
    /// Where the champion comes from.
    pub source: ChampionSource,
    /// Name of the model.
    pub model_name: String,
    /// Takes copies of what is scored.
    pub log: PredictionLog,
    /// Analysts' verdicts, where they are taken.
    pub feedback: Option<SharedFeedback>,
    /// What is kept of the traffic, for the counters.
    pub kept: Option<Arc<Kept>>,
    /// Looks how far what is scored has moved, where that is wanted.
    pub scored_drift: Option<ScoredDrift>,
    /// Told what happens, one sentence each.
    pub announce: Announce,
}

/// Serves until SIGTERM or SIGINT, then lets requests in flight finish.
///
/// # Errors
/// When the settings expose the service without tokens, TLS files cannot be used, or the address
/// cannot be listened on.
pub fn serve(start: Start) -> Result<(), CommandError> {
    start.settings.check_exposure(&start.tokens)?;
    // Installs the TLS provider too.
    let runtime = crate::runtime::runtime()?;
    let acceptor = start.settings.tls.as_ref().map(tls::acceptor).transpose()?;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    let announce = Arc::clone(&start.announce);
    let mut app = App::new(
        start.settings,
        start.tokens,
        start.project,
        start.model_name,
        start.log,
    );
    app.feedback = start.feedback;
    app.kept = start.kept;
    let app = Arc::new(app);
    let failed = |what: &str, e: std::io::Error| CommandError::backend(what.to_owned()).because(e);
    let listen = app.settings.listen;
    let listener = runtime.block_on(TcpListener::bind(listen)).map_err(|e| {
        let in_use = e.kind() == std::io::ErrorKind::AddrInUse;
        let error = failed(&format!("{listen} cannot be listened on"), e);
        if in_use {
            error.hint("Another program listens there; --listen names another address.")
        } else {
            error
        }
    })?;
    let bound = listener
        .local_addr()
        .map_err(|e| failed("the address is not known", e))?;
    // The signals are caught before anybody is told that the service is there.
    let (mut terminate, mut interrupt) = runtime
        .block_on(async {
            Ok((
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
            ))
        })
        .map_err(|e: std::io::Error| failed("signals cannot be caught", e))?;
    let mut watcher = Watcher::new(Arc::clone(&app), start.source, Arc::clone(&announce));
    // What lies on this disk is read before anybody is answered; a store may take long to answer
    // itself, and until then the service says that it lives and is not ready.
    if watcher.is_quick() {
        watcher.look();
    }
    if !bound.ip().is_loopback() && acceptor.is_none() {
        announce(
            "tokens travel unencrypted: set [serve] tls_cert and tls_key, or put a proxy that speaks TLS in front",
        );
    }
    announce(&format!("listening on {scheme}://{bound}"));
    let ending = Arc::new(AtomicBool::new(false));
    let watching = watcher
        .spawn(Arc::clone(&ending))
        .map_err(|e| failed("a thread cannot be made", e))?;
    if let Some(drift) = start.scored_drift {
        drift
            .watch(Arc::clone(&app))
            .map_err(|e| failed("a thread cannot be made", e))?;
    }
    let end = {
        let announce = Arc::clone(&announce);
        async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            announce("ending: requests in flight are finished first");
        }
    };
    let left = runtime.block_on(server::serve(
        listener,
        Arc::clone(&app),
        router(Arc::clone(&app)),
        acceptor,
        end,
    ));
    ending.store(true, Ordering::Relaxed);
    if left > 0 {
        announce(&format!(
            "{left} connections were cut: they were not done in {} s",
            app.settings.limits.drain_time.as_secs()
        ));
    } else {
        announce("ended");
    }
    // Where the pointer lies in a bucket, a last look may still wait for its answer: not waited for.
    drop(watching);
    Ok(())
}
