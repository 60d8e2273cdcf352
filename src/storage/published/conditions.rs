//! Whether a store keeps the conditions of writes. Not every S3 server does: some ignore them and
//! say nothing. It is found out with a scratch object, once for every store.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{PublishError, PublishedStore};
use crate::files;
use crate::storage::object_store::{ObjectError, ObjectStore, Problem, Put};
use crate::workspace::Workspace;

/// What was found out, beside the other state of the workspace.
const FILE: &str = "store_conditions.json";
/// How long two writers may be apart to notice each other where conditions are ignored.
const SETTLE: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 500 });

/// What a store does with the condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conditions {
    /// A write whose condition does not hold is refused.
    Kept,
    /// Every write succeeds.
    Ignored,
}

/// Waits until another writer's object can be seen.
pub(super) fn settle() {
    std::thread::sleep(SETTLE);
}

/// What this store does, remembered from an earlier look or found out now.
pub(super) fn of(
    store: &PublishedStore,
    workspace: &Workspace,
) -> Result<Conditions, PublishError> {
    // A folder keeps conditions by the locks of the file system.
    if matches!(store.objects, ObjectStore::Local(_)) {
        return Ok(Conditions::Kept);
    }
    match remembered(&workspace.artifacts().join(FILE)).get(&name(store)) {
        Some(conditions) => Ok(*conditions),
        None => find_out(store, workspace),
    }
}

fn name(store: &PublishedStore) -> String {
    format!("{} {}", store.objects.identity(), store.root)
}

fn find_out(store: &PublishedStore, workspace: &Workspace) -> Result<Conditions, PublishError> {
    let found = probe(&store.objects, &store.root)?;
    let path = workspace.artifacts().join(FILE);
    let mut known = remembered(&path);
    // Not to remember it costs a few calls next time.
    if known.insert(name(store), found) != Some(found)
        && let Err(e) = files::write_json(&path, &known)
    {
        tracing::warn!("{} cannot be written: {e}", path.display());
    }
    Ok(found)
}

fn remembered(path: &Path) -> BTreeMap<String, Conditions> {
    std::fs::read(path)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

impl PublishedStore {
    /// What the store does with conditions, remembered from an earlier look or found out now.
    pub fn find_conditions(&self, workspace: &Workspace) -> Result<Conditions, PublishError> {
        of(self, workspace)
    }

    /// Finds out anew whether the store can be written and keeps conditions, and remembers it;
    /// leaves nothing behind in the store where objects may be removed.
    pub fn probe(&self, workspace: &Workspace) -> Result<Conditions, PublishError> {
        find_out(self, workspace)
    }
}

/// Creates a scratch object twice and replaces it under a condition that does not hold.
fn probe(objects: &ObjectStore, root: &str) -> Result<Conditions, ObjectError> {
    let key = format!("{root}probe/{:016x}", rand::random::<u64>());
    let result = probe_with(objects, &key);
    // Without the right to remove objects some bytes stay behind.
    let _ = objects.delete(&key);
    result
}

fn probe_with(objects: &ObjectStore, key: &str) -> Result<Conditions, ObjectError> {
    let unknown = |e: &ObjectError| matches!(e.problem(), Some(Problem::NotImplemented));
    let first = match objects.put_if_absent(key, b"netsec looks what this store can do\n") {
        Ok(Put::Written(etag)) => etag,
        // A key that nobody else can have made: an answer without sense.
        Ok(Put::Refused) => return Ok(Conditions::Ignored),
        Err(e) if unknown(&e) => return Ok(Conditions::Ignored),
        Err(e) => return Err(e),
    };
    match objects.put_if_absent(key, b"again\n") {
        Ok(Put::Refused) => {}
        Ok(Put::Written(_)) => return Ok(Conditions::Ignored),
        Err(e) if unknown(&e) => return Ok(Conditions::Ignored),
        Err(e) => return Err(e),
    }
    let second = match objects.put_if_matches(key, b"second\n", &first) {
        Ok(Put::Written(etag)) => etag,
        Ok(Put::Refused) => return Ok(Conditions::Ignored),
        Err(e) if unknown(&e) => return Ok(Conditions::Ignored),
        Err(e) => return Err(e),
    };
    match objects.put_if_matches(key, b"third\n", &first) {
        Ok(Put::Refused) if first != second => Ok(Conditions::Kept),
        Ok(_) => Ok(Conditions::Ignored),
        Err(e) if unknown(&e) => Ok(Conditions::Ignored),
        Err(e) => Err(e),
    }
}
