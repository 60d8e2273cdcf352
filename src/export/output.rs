//! Files of an export: written aside, named by hash, and never over what is not ours.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ExportError;
use crate::{files, hash};

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenFile {
    /// Its name: as given for a single file, relative to the folder otherwise.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: String,
}

impl WrittenFile {
    /// What is known of a file with this content.
    pub(super) fn new(name: String, bytes: &[u8]) -> Self {
        Self {
            name,
            size: bytes.len() as u64,
            sha256: hash::sha256(bytes),
        }
    }
}

/// Writes a file in one step. A file that is there is replaced, as by `netsec predict -o`; a
/// folder is not.
///
/// # Errors
/// [`ExportError::Occupied`], or what the system says.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<WrittenFile, ExportError> {
    if path.is_dir() {
        return Err(ExportError::Occupied {
            path: path.to_owned(),
            what: "a folder",
        });
    }
    files::write_atomic(path, bytes).map_err(failed(path))?;
    Ok(WrittenFile::new(path.display().to_string(), bytes))
}

/// Writes a folder in one step: beside its place first, then renamed.
///
/// What stands there is replaced when it is empty or when `is_ours` says that it is an earlier
/// export; nothing else is ever touched.
pub(super) fn write_folder(
    path: &Path,
    content: &[(&'static str, Vec<u8>)],
    is_ours: impl Fn(&Path) -> bool,
) -> Result<Vec<WrittenFile>, ExportError> {
    let former = what_is_there(path, is_ours)?;
    let parent = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(failed(parent))?;
    let aside = tempfile::Builder::new()
        .prefix(".writing-")
        .tempdir_in(parent)
        .map_err(|e| failed(path)(std::io::Error::from(e.kind())))?;
    // A folder inside, made in the common way: the temporary one is private.
    let new = aside.path().join("new");
    std::fs::create_dir(&new).map_err(failed(&new))?;
    let mut written = Vec::with_capacity(content.len());
    for (name, bytes) in content {
        let file = new.join(name);
        files::write_atomic(&file, bytes).map_err(failed(&file))?;
        written.push(WrittenFile::new((*name).to_owned(), bytes));
    }
    if former == Former::Ours {
        let old = aside.path().join("old");
        std::fs::rename(path, &old).map_err(failed(path))?;
        // Where the second rename fails, what was there comes back.
        if let Err(e) = std::fs::rename(&new, path) {
            let _ = std::fs::rename(&old, path);
            return Err(failed(path)(e));
        }
    } else {
        std::fs::rename(&new, path).map_err(failed(path))?;
    }
    files::sync_dir(parent).map_err(failed(parent))?;
    Ok(written)
}

/// What stands where a folder is to be written.
#[derive(Clone, Copy, PartialEq)]
enum Former {
    /// Nothing, or an empty folder, which a rename replaces.
    Nothing,
    /// An earlier export.
    Ours,
}

fn what_is_there(path: &Path, is_ours: impl Fn(&Path) -> bool) -> Result<Former, ExportError> {
    let occupied = |what| {
        Err(ExportError::Occupied {
            path: path.to_owned(),
            what,
        })
    };
    match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Former::Nothing),
        Err(e) => Err(failed(path)(e)),
        Ok(found) if !found.is_dir() => occupied("not a folder"),
        Ok(_) => {
            let mut entries = std::fs::read_dir(path).map_err(failed(path))?;
            if entries.next().is_none() {
                Ok(Former::Nothing)
            } else if is_ours(path) {
                Ok(Former::Ours)
            } else {
                occupied("a folder with other things in it")
            }
        }
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> ExportError {
    let path: PathBuf = path.to_owned();
    move |source| ExportError::File {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: [(&str, Vec<u8>); 1] = [("a.txt", Vec::new())];

    #[test]
    fn a_folder_is_replaced_only_when_it_is_ours_or_empty() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("deep").join("model");
        let written = write_folder(&place, &CONTENT, |_| false).unwrap();
        assert_eq!((written[0].name.as_str(), written[0].size), ("a.txt", 0));
        let e = write_folder(&place, &CONTENT, |_| false).unwrap_err();
        assert!(e.to_string().contains("other things"), "{e}");
        std::fs::write(place.join("old"), "x").unwrap();
        write_folder(&place, &CONTENT, |_| true).unwrap();
        assert!(!place.join("old").exists() && place.join("a.txt").exists());
        let empty = dir.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        write_folder(&empty, &CONTENT, |_| false).unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(write_folder(&file, &CONTENT, |_| true).is_err());
        assert!(write_file(&empty, b"x").is_err());
        // Nothing is left lying about.
        let names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }
}
