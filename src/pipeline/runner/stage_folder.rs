//! The folder of a finished stage: put in place in one step, described by `stage.json`, and
//! checked file by file before anything relies on it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::stage_key::KeyParts;
use crate::error::CommandError;
use crate::events::{ArtifactRef, CheckVerdict, Event, StageName};
use crate::{files, hash};

/// The record of a finished stage, in its folder.
pub(super) const RECORD_FILE: &str = "stage.json";
/// The typed artifact of a stage, in its folder.
pub(super) const ARTIFACT_FILE: &str = "artifact.json";

/// `stage.json`: everything needed to reuse the stage without running it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StageRecord {
    /// Version of this format, 1.
    pub version: u32,
    pub stage: StageName,
    /// The run that made the files.
    pub made_by: String,
    /// SHA-256 over `depends_on`.
    pub key: String,
    pub depends_on: KeyParts,
    pub verdict: CheckVerdict,
    pub summary: String,
    pub seconds: f64,
    /// An operator ended the stage early: its files are good, but another run wants them whole.
    pub stopped_early: bool,
    /// Every file of the stage but this one, by path relative to the run's folder.
    pub files: Vec<ArtifactRef>,
    /// What the stage said, without progress; said again when the stage is reused.
    pub facts: Vec<Event>,
}

/// Reads the record of a stage; `None` when there is none this program can read.
pub(super) fn read_record(run_dir: &Path, stage: StageName) -> Option<StageRecord> {
    let path = run_dir.join(stage.as_str()).join(RECORD_FILE);
    let record: StageRecord = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (record.version == 1 && record.stage == stage).then_some(record)
}

/// Reads the artifact of a finished stage.
pub(super) fn read_artifact(run_dir: &Path, stage: StageName) -> Result<Value, CommandError> {
    let path = run_dir.join(stage.as_str()).join(ARTIFACT_FILE);
    let bytes = fs::read(&path).map_err(|e| failed(&path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| failed(&path, e.into()))
}

/// Hashes every file of a stage's folder but its record, in the order of their paths.
pub(super) fn hash_files(dir: &Path, stage: StageName) -> io::Result<Vec<ArtifactRef>> {
    let mut found = Vec::new();
    for path in walk(dir)? {
        let relative = path.strip_prefix(dir).unwrap_or(&path);
        if relative == Path::new(RECORD_FILE) {
            continue;
        }
        found.push(ArtifactRef {
            path: format!("{stage}/{}", relative.display()),
            sha256: hash::sha256_file(&path)?,
        });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The files of `dir` that are not as the record says: altered, missing or new.
pub(super) fn altered(dir: &Path, record: &StageRecord) -> io::Result<Vec<String>> {
    let found = hash_files(dir, record.stage)?;
    let mut names: Vec<String> = record
        .files
        .iter()
        .filter(|file| !found.contains(file))
        .chain(
            found
                .iter()
                .filter(|file| !record.files.iter().any(|r| r.path == file.path)),
        )
        .map(|file| file.path.clone())
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// Hard-links (copies where that cannot be) the files of a stage and its record into `into`.
/// Links cost nothing and are safe here: finished stages are never written to, and whoever
/// alters one behind our back is found out by its hash.
pub(super) fn link_files(from: &Path, into: &Path) -> io::Result<()> {
    for path in walk(from)? {
        let target = into.join(path.strip_prefix(from).unwrap_or(&path));
        if let Some(dir) = target.parent() {
            fs::create_dir_all(dir)?;
        }
        if fs::hard_link(&path, &target).is_err() {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Makes a finished folder durable and puts it in its place, where an older one may stand.
/// Killed in between, the stage is either as before, missing or in place, never half there.
pub(super) fn put_in_place(written: &Path, run_dir: &Path, stage: StageName) -> io::Result<()> {
    for path in walk(written)? {
        File::open(&path)?.sync_all()?;
    }
    for dir in folders(written)? {
        files::sync_dir(&dir)?;
    }
    let place = run_dir.join(stage.as_str());
    if place.exists() {
        let aside = with_suffix(written, ".old");
        fs::rename(&place, &aside)?;
        fs::rename(written, &place)?;
        files::sync_dir(run_dir)?;
        fs::remove_dir_all(&aside)
    } else {
        fs::rename(written, &place)?;
        files::sync_dir(run_dir)
    }
}

/// Removes what an interrupted attempt left behind. Only under the run's lock.
pub(super) fn sweep(run_dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(run_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let left_over = name.to_str().is_some_and(|name| {
            StageName::ALL.iter().any(|stage| {
                name.strip_prefix(stage.as_str())
                    .is_some_and(|rest| rest.starts_with(".writing-"))
            })
        });
        if left_over {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// The folder a stage writes into.
pub(super) fn writing_dir(run_dir: &Path, stage: StageName, spawn_id: &str) -> PathBuf {
    run_dir.join(format!("{stage}.writing-{spawn_id}"))
}

pub(super) fn failed(path: &Path, source: io::Error) -> CommandError {
    CommandError::backend(format!("{} cannot be read or written", path.display())).because(source)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn walk(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for dir in folders(dir)? {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if !path.is_dir() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A folder and all below it.
fn folders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![dir.to_owned()];
    let mut next = 0;
    while next < found.len() {
        for entry in fs::read_dir(&found[next])? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.push(entry.path());
            }
        }
        next += 1;
    }
    Ok(found)
}
