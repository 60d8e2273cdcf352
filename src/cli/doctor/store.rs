//! Checks of the published store: reachable, writable, and whether it keeps conditions of writes.

use super::Finding;
use crate::config::{StorageConfig, StorageKind};
use crate::error::CommandError;
use crate::storage::published::{Conditions, PublishedStore, StoreAddress};
use crate::workspace::Workspace;

const CHECK: &str = "storage";

/// Runs the check: reads the pointer, and writes and removes a scratch object in a bucket.
pub(super) fn check(workspace: &Workspace, config: &StorageConfig) -> Finding {
    let root = StoreAddress::of(config).root;
    let look = || -> Result<(String, Conditions), CommandError> {
        let store = PublishedStore::look(workspace, config)?;
        let champion = match store.pointer()? {
            Some(pointer) => format!("names {}", pointer.version),
            None => "no champion yet".to_owned(),
        };
        match config.kind {
            StorageKind::Local => {
                writable(workspace, config)?;
                Ok((champion, Conditions::Kept))
            }
            StorageKind::S3 => Ok((champion, store.probe(workspace)?)),
        }
    };
    match look() {
        Ok((champion, Conditions::Kept)) => Finding::ok(
            CHECK,
            format!("{root} {champion}; it can be written and keeps conditions of writes"),
        ),
        Ok((champion, Conditions::Ignored)) => Finding::warn(
            CHECK,
            format!(
                "{root} {champion}; it can be written, but the server ignores conditions of writes"
            ),
            "Two pushes at the same moment may not notice each other: let one machine push, or \
             use a server with conditional writes.",
        ),
        Err(e) => Finding::fail(CHECK, &e),
    }
}

/// Whether the folder, or the nearest one above it that exists, can be written.
fn writable(workspace: &Workspace, config: &StorageConfig) -> Result<(), CommandError> {
    let path = workspace.resolve(&config.path);
    let folder = path
        .ancestors()
        .find(|p| p.exists())
        .unwrap_or_else(|| std::path::Path::new("."));
    if !folder.is_dir() {
        return Err(
            CommandError::backend(format!("{} is not a folder", folder.display()))
                .hint("[storage] path names the folder of the published store."),
        );
    }
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).map_err(|e| {
        CommandError::backend(format!("{} cannot be written", folder.display()))
            .because(std::io::Error::from(e))
            .hint("Pushing needs the right to write there; looking does not.")
    })
}
