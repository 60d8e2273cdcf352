//! The champion: the model in production, ready to score.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::local::{StorageError, read_manifest};
use super::manifest::{
    MANIFEST_FILE, MODEL_FILE, Manifest, PREPROCESSOR_FILE, REFERENCE_FILE, SCHEMA_FILE,
};
use crate::error::CommandError;
use crate::hash;
use crate::learners::Model;
use crate::pipeline::data_transformation::Preprocessor;
use crate::runs::RunId;
use crate::schema::Schema;
use crate::workspace::Workspace;

/// How often a read is tried again when a swap came in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// The model in production with all it needs to score a table.
#[derive(Clone, Debug)]
pub struct Champion {
    /// Its version, `v3`.
    pub version: String,
    /// The run that made it.
    pub run_id: RunId,
    /// The model.
    pub model: Model,
    /// Its preprocessor.
    pub preprocessor: Preprocessor,
    /// The schema it was trained with.
    pub schema: Schema,
    /// Its operating point (binary tasks).
    pub threshold: Option<f64>,
    /// The train snapshot it was fitted on (Parquet), while it is kept.
    pub reference: Option<PathBuf>,
    /// Its manifest.
    pub manifest: Manifest,
}

/// Reads the champion of `final_model/`, hashes checked; `None` when there is none yet.
///
/// A push may swap the folder between two reads; then a hash does not match, and everything is
/// read again.
pub fn load_champion(workspace: &Workspace) -> Result<Option<Champion>, CommandError> {
    let dir = workspace.final_model();
    let mut tried = 0;
    loop {
        tried += 1;
        let result = if dir.join(MANIFEST_FILE).exists() {
            load(workspace, &dir).map(Some)
        } else {
            Ok(None)
        };
        match result {
            Ok(Some(champion)) => return Ok(Some(champion)),
            // The folder may be away for a moment where directories cannot be exchanged.
            Ok(None) if dir.exists() || tried == TRIES => return Ok(None),
            Err(e) if tried == TRIES => return Err(e),
            Ok(None) | Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Reads a kept version, hashes checked.
pub fn load_version(workspace: &Workspace, version: &str) -> Result<Champion, CommandError> {
    let dir = workspace.versions().join(version);
    if !dir.join(MANIFEST_FILE).is_file() {
        return Err(StorageError::NoVersion {
            version: version.to_owned(),
            available: super::versions(workspace)?.join(", "),
        }
        .into());
    }
    load(workspace, &dir)
}

fn load(workspace: &Workspace, dir: &Path) -> Result<Champion, CommandError> {
    let manifest = read_manifest(dir)?;
    for (name, expected) in &manifest.files {
        let path = dir.join(name);
        let found = hash::sha256_file(&path).map_err(|source| StorageError::File {
            path: path.clone(),
            source,
        })?;
        if found != *expected {
            return Err(StorageError::Hash {
                path,
                found,
                expected: expected.clone(),
            }
            .into());
        }
    }
    let schema_path = dir.join(SCHEMA_FILE);
    let schema: Schema = read_json(&schema_path).map_err(|source| StorageError::File {
        path: schema_path.clone(),
        source,
    })?;
    let run_id = manifest
        .run_id
        .parse()
        .map_err(|reason| StorageError::Manifest {
            path: dir.join(MANIFEST_FILE),
            reason,
        })?;
    let reference = workspace
        .versions()
        .join(&manifest.version)
        .join(REFERENCE_FILE);
    let model = Model::load(&dir.join(MODEL_FILE))?;
    let preprocessor = Preprocessor::load(&dir.join(PREPROCESSOR_FILE))?;
    // The second read of the manifest closes the window between hashing and loading.
    if read_manifest(dir)?.plan_id != manifest.plan_id {
        return Err(CommandError::backend(format!(
            "{} was replaced while it was read",
            dir.display()
        )));
    }
    Ok(Champion {
        version: manifest.version.clone(),
        run_id,
        model,
        preprocessor,
        schema,
        threshold: manifest.threshold,
        reference: reference.exists().then_some(reference),
        manifest,
    })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
