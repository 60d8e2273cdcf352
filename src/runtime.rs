//! The one async runtime that carries database, object store and tracking calls.
//!
//! The pipeline and the commands are plain threads; whatever speaks to a server runs in here and
//! is waited for. Arithmetic never runs on it.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

use crate::error::CommandError;

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

/// The runtime, made when it is first needed. The TLS provider is installed with it, so that
/// every connection uses the same one.
pub fn runtime() -> Result<&'static Runtime, CommandError> {
    RUNTIME
        .get_or_init(|| {
            // Refused only when a provider is installed already, which is then the one in use.
            let _ = rustls::crypto::ring::default_provider().install_default();
            Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("netsec-io")
                .enable_all()
                .build()
                .map_err(|e| e.to_string())
        })
        .as_ref()
        .map_err(|e| CommandError::internal(format!("the async runtime cannot be made: {e}")))
}

/// Runs a future to its end and waits for it. Not to be called from within a future.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, CommandError> {
    Ok(runtime()?.block_on(future))
}
