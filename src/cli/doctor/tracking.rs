//! The check of the tracking server: reachable, authorised, which version, what it can hold.

use super::Finding;
use crate::cli::Globals;
use crate::error::CommandError;
use crate::runtime::block_on;
use crate::tracking::mlflow::{Capabilities, Capability, Client};

const CHECK: &str = "tracking";

/// Runs the check. Without a configuration there is nothing to check.
pub(super) fn check(globals: &Globals) -> Option<Finding> {
    let config = globals.config().ok()?;
    Some(match Client::from_env(&config.tracking) {
        Ok(None) => Finding::ok(
            CHECK,
            "no server: neither MLFLOW_TRACKING_URI nor [tracking] uri names one",
        ),
        Ok(Some(client)) => match block_on(client.capabilities()) {
            Ok(found) => server(&client, found),
            Err(e) => Finding::fail(CHECK, &e),
        },
        Err(e) => Finding::fail(CHECK, &e.into()),
    })
}

fn server(client: &Client, found: Capabilities) -> Finding {
    // Said by the error too, so it is said once.
    if let Some(problem) = found.problem {
        return Finding::fail(CHECK, &CommandError::from(problem));
    }
    let version = found
        .version
        .map_or_else(|| "MLflow".to_owned(), |v| format!("MLflow {v}"));
    let credentials = client.server().credentials().text();
    let text = format!(
        "{version} at {}, {credentials}: {}",
        client.address(),
        found.level.text()
    );
    if let Some(warning) = client.server().warning() {
        return Finding::warn(
            CHECK,
            format!("{text}; {warning}"),
            "Use https:// and give a private CA in SSL_CERT_FILE.",
        );
    }
    match found.level {
        Capability::Full => Finding::ok(CHECK, text),
        Capability::Registry => Finding::warn(
            CHECK,
            text,
            "Nothing must be done: models are logged with their runs. MLflow 3 shows them by themselves.",
        ),
        Capability::Runs | Capability::Offline => Finding::warn(
            CHECK,
            text,
            "Nothing must be done: versions and approvals stand in the journal here, and on the \
             server as tags of the runs.",
        ),
    }
}
