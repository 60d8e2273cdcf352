//! The champion: the model in production, ready to score.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use super::local::{StorageError, parse_manifest};
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
/// A push may remove the folder that is being read; then everything is read again from the new
/// one.
pub fn load_champion(workspace: &Workspace) -> Result<Option<Champion>, CommandError> {
    let dir = workspace.final_model();
    let mut tried = 0;
    loop {
        tried += 1;
        let result = if dir.join(MANIFEST_FILE).exists() {
            load(Some(workspace), &dir).map(Some)
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
    load(Some(workspace), &dir)
}

/// Reads a version that lies in a folder of its own, hashes checked: where a platform unpacks a
/// model for a scoring service, say.
pub fn load_folder(dir: &Path) -> Result<Champion, CommandError> {
    load(None, dir)
}

/// Reads every file through one handle of the folder: whatever is exchanged meanwhile, all bytes
/// come from the folder that was opened. Each file is hashed before it is parsed.
fn load(workspace: Option<&Workspace>, dir: &Path) -> Result<Champion, CommandError> {
    let folder = Folder::open(dir)?;
    let manifest = parse_manifest(&dir.join(MANIFEST_FILE), &folder.read(MANIFEST_FILE)?)?;
    let mut champion = assemble(manifest, dir, |name| Ok(folder.read(name)?))?;
    champion.reference = workspace
        .map(|w| w.versions().join(&champion.version).join(REFERENCE_FILE))
        .filter(|reference| reference.exists());
    Ok(champion)
}

/// A champion from the bytes of its files, each checked against the manifest before it is parsed.
/// `place` is where they lie, for messages.
pub(super) fn assemble(
    manifest: Manifest,
    place: &Path,
    read: impl Fn(&str) -> Result<Vec<u8>, CommandError>,
) -> Result<Champion, CommandError> {
    let checked = |name: &str| -> Result<Vec<u8>, CommandError> {
        let bytes = read(name)?;
        let found = hash::sha256(&bytes);
        match manifest.files.get(name) {
            Some(expected) if *expected == found => Ok(bytes),
            expected => Err(StorageError::Hash {
                path: place.join(name),
                found,
                expected: expected
                    .cloned()
                    .unwrap_or_else(|| "a hash in the manifest".to_owned()),
            }
            .into()),
        }
    };
    let unreadable = |name: &str, reason: String| {
        CommandError::from(StorageError::Content {
            path: place.join(name),
            reason,
        })
    };
    let schema: Schema = serde_json::from_slice(&checked(SCHEMA_FILE)?)
        .map_err(|e| unreadable(SCHEMA_FILE, e.to_string()))?;
    let model = Model::from_bytes(&checked(MODEL_FILE)?).map_err(|e| unreadable(MODEL_FILE, e))?;
    let preprocessor = String::from_utf8(checked(PREPROCESSOR_FILE)?)
        .map_err(|e| e.to_string())
        .and_then(|text| Preprocessor::parse(&text))
        .map_err(|e| unreadable(PREPROCESSOR_FILE, e))?;
    let run_id = manifest
        .run_id
        .parse()
        .map_err(|reason| StorageError::Manifest {
            path: place.join(MANIFEST_FILE),
            reason,
        })?;
    Ok(Champion {
        version: manifest.version.clone(),
        run_id,
        model,
        preprocessor,
        schema,
        threshold: manifest.threshold,
        reference: None,
        manifest,
    })
}

/// An open folder; its files are found through the handle, not through its path.
struct Folder<'a> {
    path: &'a Path,
    handle: OwnedFd,
}

impl<'a> Folder<'a> {
    fn open(path: &'a Path) -> Result<Self, StorageError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle =
            rustix::fs::open(path, flags, Mode::empty()).map_err(|e| StorageError::File {
                path: path.to_owned(),
                source: e.into(),
            })?;
        Ok(Self { path, handle })
    }
    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        let failed = |source: io::Error| StorageError::File {
            path: self.path.join(name),
            source,
        };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.handle, name, flags, Mode::empty())
            .map_err(|e| failed(e.into()))?;
        let mut bytes = Vec::new();
        File::from(file).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}
