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
pub(crate) const FINAL_MODEL_README: &str = include_str!("../../final_model/README.md");
/// Its name.
pub(crate) const README_FILE: &str = "README.md";

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
    /// A file that hashes right cannot be read by this program.
    #[error("{path} cannot be read: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
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
            StorageError::Hash { .. }
            | StorageError::Manifest { .. }
            | StorageError::Content { .. } => CommandError::backend(e.to_string())
                .hint("`netsec rollback --reason ..` puts a kept version back in place."),
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
    let writing = readable_dir()
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

/// The folder and the manifest of a kept version.
pub fn kept_version(
    workspace: &Workspace,
    version: &str,
) -> Result<(PathBuf, Manifest), StorageError> {
    let dir = workspace.versions().join(version);
    if number(version).is_none() || !dir.join(MANIFEST_FILE).is_file() {
        return Err(StorageError::NoVersion {
            version: version.to_owned(),
            available: versions(workspace)?.join(", "),
        });
    }
    let manifest = read_manifest(&dir)?;
    Ok((dir, manifest))
}

/// Takes back a version that was kept for a push that did not happen; does nothing when another
/// plan's version lies there.
pub fn forget_version(
    workspace: &Workspace,
    version: &str,
    plan_id: &str,
) -> Result<(), StorageError> {
    match kept_version(workspace, version) {
        Ok((dir, manifest)) if manifest.plan_id == plan_id => {
            fs::remove_dir_all(&dir).map_err(at(&dir))?;
            let versions = workspace.versions();
            files::sync_dir(&versions).map_err(at(&versions))
        }
        Ok(_) | Err(StorageError::NoVersion { .. }) => Ok(()),
        Err(e) => Err(e),
    }
}

/// The manifest in `final_model/`, when there is one that can be read.
pub fn in_place(workspace: &Workspace) -> Option<Manifest> {
    read_manifest(&workspace.final_model()).ok()
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
    let next = readable_dir()
        .prefix(".final_model-")
        .tempdir_in(root)
        .map_err(at(root))?;
    for (name, expected) in &manifest.files {
        copy_checked(&source.join(name), &next.path().join(name), Some(expected))?;
    }
    let readme = next.path().join(README_FILE);
    files::write_atomic(&readme, FINAL_MODEL_README.as_bytes()).map_err(at(&readme))?;
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
fn read_manifest(dir: &Path) -> Result<Manifest, StorageError> {
    let path = dir.join(MANIFEST_FILE);
    let bytes = fs::read(&path).map_err(at(&path))?;
    parse_manifest(&path, &bytes)
}

/// Parses a manifest; refuses other formats and names that lead out of its folder.
pub(super) fn parse_manifest(path: &Path, bytes: &[u8]) -> Result<Manifest, StorageError> {
    let wrong = |reason: String| StorageError::Manifest {
        path: path.to_owned(),
        reason,
    };
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
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

/// A temporary folder is private by default; these become folders of the project, which its
/// other users read as the umask allows.
fn readable_dir() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{MODEL_FILE, PREPROCESSOR_FILE, SCHEMA_FILE};
    use super::*;

    /// Keeps a version whose files all hold the version's name.
    fn keep(workspace: &Workspace, version: &str, plan: &str) -> Result<PathBuf, StorageError> {
        let run = workspace.root().join(format!("run-{version}"));
        fs::create_dir_all(&run).unwrap();
        let names = [MODEL_FILE, PREPROCESSOR_FILE, SCHEMA_FILE];
        let sources = names.map(|name| {
            let path = run.join(name);
            fs::write(&path, format!("{name} of {version}")).unwrap();
            (name, path)
        });
        let manifest = Manifest {
            format: Manifest::FORMAT.into(),
            format_version: Manifest::FORMAT_VERSION,
            version: version.into(),
            run_id: "20261122-1230-7f3a".into(),
            plan_id: plan.into(),
            learner: "xgboost".into(),
            classes: vec!["normal".into(), "attack".into()],
            threshold: Some(0.5),
            files: sources
                .iter()
                .map(|(name, path)| ((*name).to_owned(), hash::sha256_file(path).unwrap()))
                .collect(),
            data_digest: "d".into(),
            f1: None,
            approvals: Vec::new(),
            champion_before: None,
            journal_hash: "h".into(),
            pushed_at: chrono::Utc::now(),
            program: None,
            gate_sha256: None,
        };
        keep_version(workspace, &manifest, &sources, None)
    }

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        (dir, workspace)
    }

    #[test]
    fn keeps_versions_in_order_and_swaps_them_in() {
        let (_dir, workspace) = workspace();
        for version in ["v2", "v10", "v1"] {
            keep(&workspace, version, "p").unwrap();
        }
        assert_eq!(versions(&workspace).unwrap(), ["v1", "v2", "v10"]);
        for version in ["v1", "v2", "v1"] {
            put_in_production(&workspace, version).unwrap();
            let dir = workspace.final_model();
            assert_eq!(read_manifest(&dir).unwrap().version, version);
            let model = fs::read_to_string(dir.join(MODEL_FILE)).unwrap();
            assert_eq!(model, format!("{MODEL_FILE} of {version}"));
            assert!(dir.join("README.md").is_file());
        }
        let left: Vec<_> = fs::read_dir(workspace.root())
            .unwrap()
            .flatten()
            .filter(|e| e.file_name().to_string_lossy().starts_with(".final_model"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn keeping_the_same_version_twice_changes_nothing() {
        let (_dir, workspace) = workspace();
        let dir = keep(&workspace, "v1", "p").unwrap();
        let before = fs::read(dir.join(MANIFEST_FILE)).unwrap();
        keep(&workspace, "v1", "p").unwrap();
        assert_eq!(fs::read(dir.join(MANIFEST_FILE)).unwrap(), before);
    }

    #[test]
    fn an_altered_version_is_never_put_in_production() {
        let (_dir, workspace) = workspace();
        keep(&workspace, "v1", "p").unwrap();
        put_in_production(&workspace, "v1").unwrap();
        let dir = keep(&workspace, "v2", "q").unwrap();
        fs::write(dir.join(MODEL_FILE), "something else").unwrap();
        let e = put_in_production(&workspace, "v2").unwrap_err();
        assert!(matches!(e, StorageError::Hash { .. }), "{e}");
        assert_eq!(
            read_manifest(&workspace.final_model()).unwrap().version,
            "v1"
        );
        let e = put_in_production(&workspace, "v3").unwrap_err();
        assert!(e.to_string().contains("v1, v2"), "{e}");
    }

    #[test]
    fn a_manifest_cannot_name_files_outside_its_folder() {
        let (_dir, workspace) = workspace();
        let dir = keep(&workspace, "v1", "p").unwrap();
        let text = fs::read_to_string(dir.join(MANIFEST_FILE)).unwrap();
        fs::write(
            dir.join(MANIFEST_FILE),
            text.replace("\"model.json\"", "\"../model.json\""),
        )
        .unwrap();
        assert!(matches!(
            read_manifest(&dir),
            Err(StorageError::Manifest { .. })
        ));
    }
}
