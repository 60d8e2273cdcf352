//! Versions on disk and the atomic swap.
//!
//! `Artifacts/versions/<version>/` holds every champion there ever was. `final_model/` is a whole
//! copy of one of them, replaced by exchanging directories in one system call: at any moment a
//! path under `final_model/` resolves, and a folder once opened stays one version.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use thiserror::Error;

use super::manifest::{MANIFEST_FILE, Manifest, REFERENCE_FILE};
use crate::error::CommandError;
use crate::files;
use crate::hash;
use crate::workspace::Workspace;

/// What stands in `final_model/README.md`, so that the committed folder explains itself after
/// every swap.
const README: &str = include_str!("../../final_model/README.md");

/// Why a version could not be kept, read or put in production.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The file system failed.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is not what its manifest says.
    #[error("{path} is not the file its manifest names: it hashes to {found}, not {expected}")]
    Hash {
        /// The file.
        path: PathBuf,
        /// The hash found.
        found: String,
        /// The hash in the manifest.
        expected: String,
    },
    /// The manifest is not one this program reads.
    #[error("{path} is not a manifest this program can read: {reason}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no such version.
    #[error("there is no version {version}; there are {available}")]
    NoVersion {
        /// The version asked for.
        version: String,
        /// The versions there are.
        available: String,
    },
}

impl From<StorageError> for CommandError {
    fn from(e: StorageError) -> Self {
        match &e {
            StorageError::File { .. } => CommandError::backend(e.to_string()),
            StorageError::Hash { .. } | StorageError::Manifest { .. } => {
                CommandError::backend(e.to_string())
                    .hint("`netsec rollback --reason ..` puts a kept version back in place.")
            }
            StorageError::NoVersion { .. } => CommandError::not_found(e.to_string()),
        }
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> StorageError + '_ {
    move |source| StorageError::File {
        path: path.to_owned(),
        source,
    }
}

/// Versions kept, oldest first.
pub fn versions(workspace: &Workspace) -> Result<Vec<String>, StorageError> {
    let dir = workspace.versions();
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(at(&dir)(e)),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry
            .map_err(at(&dir))?
            .file_name()
            .to_string_lossy()
            .into_owned();
        if let Some(number) = number(&name) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers.into_iter().map(|n| format!("v{n}")).collect())
}

/// The number of a version, 3 for `v3`.
pub fn number(version: &str) -> Option<u64> {
    version.strip_prefix('v').and_then(|n| n.parse().ok())
}

/// Keeps a version under `Artifacts/versions/`: the files at `sources` (name, path), the
/// manifest, and the train snapshot at `reference`. Does nothing when the same version is there
/// already (a push that continues after a crash).
pub fn keep_version(
    workspace: &Workspace,
    manifest: &Manifest,
    sources: &[(&str, PathBuf)],
    reference: Option<&Path>,
) -> Result<PathBuf, StorageError> {
    let dir = workspace.versions();
    let target = dir.join(&manifest.version);
    if target.join(MANIFEST_FILE).exists() {
        let kept = read_manifest(&target)?;
        if kept.plan_id == manifest.plan_id && kept.files == manifest.files {
            return Ok(target);
        }
    }
    fs::create_dir_all(&dir).map_err(at(&dir))?;
    let writing = tempfile::Builder::new()
        .prefix(".writing-")
        .tempdir_in(&dir)
        .map_err(at(&dir))?;
    for (name, source) in sources {
        copy_checked(
            source,
            &writing.path().join(name),
            manifest.files.get(*name),
        )?;
    }
    if let Some(reference) = reference {
        let copy = writing.path().join(REFERENCE_FILE);
        // The snapshot can be large and never changes: a hard link costs nothing.
        if fs::hard_link(reference, &copy).is_err() {
            fs::copy(reference, &copy).map_err(at(reference))?;
        }
    }
    let path = writing.path().join(MANIFEST_FILE);
    files::write_json(&path, manifest).map_err(at(&path))?;
    files::sync_dir(writing.path()).map_err(at(writing.path()))?;
    let writing = writing.keep();
    if target.exists() {
        fs::remove_dir_all(&target).map_err(at(&target))?;
    }
    fs::rename(&writing, &target).map_err(at(&target))?;
    open_to_readers(&target);
    files::sync_dir(&dir).map_err(at(&dir))?;
    Ok(target)
}

/// Puts a kept version in production: a whole copy is written aside and exchanged with
/// `final_model/`.
pub fn put_in_production(workspace: &Workspace, version: &str) -> Result<(), StorageError> {
    let source = workspace.versions().join(version);
    if !source.join(MANIFEST_FILE).is_file() {
        return Err(StorageError::NoVersion {
            version: version.to_owned(),
            available: versions(workspace)?.join(", "),
        });
    }
    let manifest = read_manifest(&source)?;
    let root = workspace.root();
    let next = tempfile::Builder::new()
        .prefix(".final_model-")
        .tempdir_in(root)
        .map_err(at(root))?;
    for (name, expected) in &manifest.files {
        copy_checked(&source.join(name), &next.path().join(name), Some(expected))?;
    }
    let readme = next.path().join("README.md");
    files::write_atomic(&readme, README.as_bytes()).map_err(at(&readme))?;
    let path = next.path().join(MANIFEST_FILE);
    files::write_json(&path, &manifest).map_err(at(&path))?;
    open_to_readers(next.path());
    files::sync_dir(next.path()).map_err(at(next.path()))?;
    exchange(next.path(), &workspace.final_model())?;
    files::sync_dir(root).map_err(at(root))?;
    // `next` now holds the former champion's copy; dropping it removes the copy. A reader that
    // opened the folder before the exchange may lose it in the middle of a read: it sees a
    // missing file, never another version's, and `load_champion` reads again.
    Ok(())
}

/// Exchanges two directories in one step, so that `b` resolves at every moment.
fn exchange(a: &Path, b: &Path) -> Result<(), StorageError> {
    if !b.exists() {
        fs::rename(a, b).map_err(at(b))?;
        return Ok(());
    }
    match rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            // Some network file systems cannot exchange. Two renames leave a moment without
            // `final_model/`, in which readers try again; they still never see a mixed pair.
            let aside = a.with_extension("old");
            fs::rename(b, &aside).map_err(at(b))?;
            fs::rename(a, b).map_err(at(b))?;
            fs::rename(&aside, a).map_err(at(a))
        }
        Err(e) => Err(at(b)(e.into())),
    }
}

/// Temporary folders are made private; a version is meant to be read by scoring services.
fn open_to_readers(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // A file system without permissions is no reason to stop a push.
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o755));
    if let Ok(entries) = fs::read_dir(dir) {
        for entry in entries.flatten() {
            let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o644));
        }
    }
}

fn copy_checked(from: &Path, to: &Path, expected: Option<&String>) -> Result<(), StorageError> {
    let bytes = fs::read(from).map_err(at(from))?;
    let found = hash::sha256(&bytes);
    match expected {
        Some(expected) if *expected != found => Err(StorageError::Hash {
            path: from.to_owned(),
            found,
            expected: expected.clone(),
        }),
        _ => files::write_atomic(to, &bytes).map_err(at(to)),
    }
}

/// Reads the manifest of a folder.
pub(super) fn read_manifest(dir: &Path) -> Result<Manifest, StorageError> {
    let path = dir.join(MANIFEST_FILE);
    let bytes = fs::read(&path).map_err(at(&path))?;
    let wrong = |reason: String| StorageError::Manifest {
        path: path.clone(),
        reason,
    };
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
    if manifest.format != Manifest::FORMAT || manifest.format_version != Manifest::FORMAT_VERSION {
        return Err(wrong(format!(
            "its format is {} {}, this program reads {} {}",
            manifest.format,
            manifest.format_version,
            Manifest::FORMAT,
            Manifest::FORMAT_VERSION
        )));
    }
    for name in manifest.files.keys() {
        if Path::new(name).components().count() != 1 || name.starts_with('.') {
            return Err(wrong(format!(
                "it names a file outside its folder, `{name}`"
            )));
        }
    }
    Ok(manifest)
}
