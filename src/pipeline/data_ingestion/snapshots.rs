//! What a run sees of its collections, settled once and kept in the run's folder.
//!
//! A collection changes between two attempts at a run; the run does not: `snapshot.json` is
//! written before the first document is read, and every attempt reads by it. Files need none of
//! this, for their bytes are hashed.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{SourceConfig, SourceKind};
use crate::error::CommandError;
use crate::learners::FitControl;
use crate::source::mongodb::{MongoServer, Query, Snapshot};

/// The settled snapshots of a run, in its folder.
const SNAPSHOT_FILE: &str = "snapshot.json";
/// What was read of collections so far, in the run's folder. Beside the stage's working folder,
/// which does not outlive an attempt.
const PARTS_DIR: &str = "data_ingestion.parts";

/// What a run sees of its collections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSnapshots {
    /// The collection to train on.
    pub main: Snapshot,
    /// The collection of given test rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Snapshot>,
}

impl RunSnapshots {
    /// The snapshots of a run: those settled by an earlier attempt, else those of now. `None` when
    /// the source is no collection.
    ///
    /// # Errors
    /// When the server or the settings fail, or the file cannot be read or written.
    pub fn of_run(
        run_dir: &Path,
        source: &SourceConfig,
        control: &FitControl,
    ) -> Result<Option<Self>, CommandError> {
        match source.kind {
            SourceKind::File => return Ok(None),
            SourceKind::Mongodb => {}
        }
        let path = run_dir.join(SNAPSHOT_FILE);
        let failed = |e: io::Error| {
            CommandError::backend(format!("{} cannot be read or written", path.display()))
                .because(e)
        };
        match std::fs::read(&path) {
            Ok(bytes) => {
                return serde_json::from_slice(&bytes)
                    .map(Some)
                    .map_err(|e| failed(e.into()));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
        }
        let (main, test) = Query::of(source)?;
        let server = MongoServer::connect()?;
        let taken = Self {
            main: Snapshot::take(&server, &main, control)?,
            test: match &test {
                Some(test) => Some(Snapshot::take(&server, test, control)?),
                None => None,
            },
        };
        crate::files::write_json(&path, &taken).map_err(failed)?;
        Ok(Some(taken))
    }

    /// Each collection with what its rows depend on, for the stage's key.
    pub fn fingerprints(&self) -> impl Iterator<Item = (String, String)> {
        let entry = |what: &str, snapshot: &Snapshot| {
            let name = crate::text::clean(&snapshot.collection);
            (format!("{what} {name}"), snapshot.fingerprint())
        };
        std::iter::once(entry("collection", &self.main)).chain(
            self.test
                .as_ref()
                .map(|test| entry("test collection", test)),
        )
    }
}

/// The folder for what was read of a collection so far.
pub(super) fn parts_dir(run_dir: &Path, which: &str) -> PathBuf {
    run_dir.join(PARTS_DIR).join(which)
}

/// Removes what was kept while reading; for when the stage has finished.
///
/// # Errors
/// When the folder is there and cannot be removed.
pub fn forget_parts(run_dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(run_dir.join(PARTS_DIR)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(collection: &str) -> Snapshot {
        serde_json::from_value(serde_json::json!({
            "collection": collection, "field": "_id", "until": "65f0c0ffee00000000000001",
            "documents": 3, "taken_at": "2026-11-22T12:30:04Z", "as_of": [7, 1]
        }))
        .unwrap()
    }

    #[test]
    fn a_settled_snapshot_is_used_again_without_a_server() {
        let dir = tempfile::tempdir().unwrap();
        let settled = RunSnapshots {
            main: snapshot("d.flows"),
            test: Some(snapshot("d.test")),
        };
        crate::files::write_json(&dir.path().join(SNAPSHOT_FILE), &settled).unwrap();
        let source = SourceConfig {
            kind: SourceKind::Mongodb,
            ..SourceConfig::default()
        };
        let control = FitControl::new();
        let found = RunSnapshots::of_run(dir.path(), &source, &control).unwrap();
        assert_eq!(found, Some(settled.clone()));
        let names: Vec<String> = settled.fingerprints().map(|(what, _)| what).collect();
        assert_eq!(names, ["collection d.flows", "test collection d.test"]);
        std::fs::write(dir.path().join(SNAPSHOT_FILE), "{").unwrap();
        assert!(RunSnapshots::of_run(dir.path(), &source, &control).is_err());
    }

    #[test]
    fn files_have_no_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let control = FitControl::new();
        let found = RunSnapshots::of_run(dir.path(), &SourceConfig::default(), &control);
        assert_eq!(found.unwrap(), None);
        assert!(!dir.path().join(SNAPSHOT_FILE).exists());
    }

    #[test]
    fn parts_are_forgotten_also_when_there_are_none() {
        let dir = tempfile::tempdir().unwrap();
        forget_parts(dir.path()).unwrap();
        std::fs::create_dir_all(parts_dir(dir.path(), "train")).unwrap();
        forget_parts(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
