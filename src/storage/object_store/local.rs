//! A folder as a store of objects.
//!
//! Files are written aside, made durable and moved into place. Every write holds the lock of the
//! folder for the moment between looking and moving, so that of two writers with the same
//! condition exactly one wins; creating also refuses by itself to replace a file, for file systems
//! whose locks are weak.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};

use super::{Condition, Etag, Fingerprint, Head, Listed, Object, ObjectError, Payload, Put};
use crate::files;
use crate::hash;

/// Name of the lock file; not an object, since no key begins with a dot.
const LOCK_FILE: &str = ".lock";

/// A folder that holds objects.
#[derive(Clone, Debug)]
pub struct LocalStore {
    root: PathBuf,
    shown: String,
    /// For tests: a store that ignores conditions, as some S3 servers do.
    #[cfg(test)]
    pub(crate) ignores_conditions: bool,
}

impl LocalStore {
    /// Uses `root` as the store; `shown` is its name for people.
    pub fn new(root: impl Into<PathBuf>, shown: impl Into<String>) -> Self {
        Self {
            root: root.into(),
            shown: shown.into(),
            #[cfg(test)]
            ignores_conditions: false,
        }
    }

    pub(super) fn shown(&self, key: &str) -> String {
        if key.is_empty() {
            self.shown.clone()
        } else {
            format!("{}/{key}", self.shown)
        }
    }

    #[cfg(test)]
    fn ignores_conditions(&self) -> bool {
        self.ignores_conditions
    }
    #[cfg(not(test))]
    fn ignores_conditions(&self) -> bool {
        false
    }

    pub(super) fn put(
        &self,
        key: &str,
        payload: &Payload,
        condition: &Condition,
    ) -> Result<Put, ObjectError> {
        let path = self.root.join(key);
        let dir = path.parent().unwrap_or(&self.root);
        create_dirs(&self.root, dir)?;
        // All objects are for whoever may read the folder; temporary files are private by default.
        use std::os::unix::fs::PermissionsExt;
        let mut file = tempfile::Builder::new()
            .prefix(".writing-")
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(dir)
            .map_err(|e| at(dir)(io::Error::from(e.kind())))?;
        let bytes = payload.read()?;
        let etag = Etag(hash::sha256(&bytes));
        file.write_all(&bytes).map_err(at(&path))?;
        file.as_file().sync_all().map_err(at(&path))?;
        let _lock = self.lock()?;
        let condition = if self.ignores_conditions() {
            &Condition::Always
        } else {
            condition
        };
        let moved = match condition {
            Condition::Always => file.persist(&path).map(drop),
            Condition::Absent => file.persist_noclobber(&path).map(drop),
            Condition::Matches(expected) => match self.fingerprint(key)? {
                Some(found) if found.etag == *expected => file.persist(&path).map(drop),
                _ => return Ok(Put::Refused),
            },
        };
        match moved {
            Ok(()) => {}
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => return Ok(Put::Refused),
            Err(e) => return Err(at(&path)(e.error)),
        }
        files::sync_dir(dir).map_err(at(dir))?;
        Ok(Put::Written(etag))
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Object>, ObjectError> {
        let path = self.root.join(key);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(Object {
                etag: Etag(hash::sha256(&bytes)),
                bytes,
            })),
            Err(e) if absent(&e) => Ok(None),
            Err(e) => Err(at(&path)(e)),
        }
    }

    pub(super) fn head(&self, key: &str) -> Result<Option<Head>, ObjectError> {
        Ok(self.fingerprint(key)?.map(|f| Head {
            size: f.size,
            etag: f.etag,
        }))
    }

    pub(super) fn fingerprint(&self, key: &str) -> Result<Option<Fingerprint>, ObjectError> {
        let path = self.root.join(key);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if absent(&e) => return Ok(None),
            Err(e) => return Err(at(&path)(e)),
        };
        let mut hasher = Sha256::new();
        let mut size = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = file.read(&mut buffer).map_err(at(&path))?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            size += n as u64;
        }
        let sha256 = hash::hex(&hasher.finalize());
        Ok(Some(Fingerprint {
            etag: Etag(sha256.clone()),
            sha256,
            size,
        }))
    }

    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError> {
        // The folder that every such key lies in.
        let folder = prefix.rfind('/').map_or("", |at| &prefix[..at]);
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let path = self.root.join(&folder);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(e) if absent(&e) => continue,
                Err(e) => return Err(at(&path)(e)),
            };
            for entry in entries {
                let entry = entry.map_err(at(&path))?;
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                    continue;
                };
                if name.starts_with('.') {
                    continue;
                }
                let key = if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                };
                let meta = match entry.metadata() {
                    Ok(meta) => meta,
                    Err(e) if absent(&e) => continue,
                    Err(e) => return Err(at(&entry.path())(e)),
                };
                if meta.is_dir() {
                    folders.push(key);
                } else if key.starts_with(prefix) {
                    found.push(Listed {
                        key,
                        size: meta.len(),
                    });
                }
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    pub(super) fn delete(&self, key: &str) -> Result<(), ObjectError> {
        let path = self.root.join(key);
        match fs::remove_file(&path) {
            Err(e) if !absent(&e) => Err(at(&path)(e)),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> Result<File, ObjectError> {
        let path = self.root.join(LOCK_FILE);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(at(&path))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|e| at(&path)(e.into()))?;
        Ok(file)
    }
}

/// Makes folders whose names are durable up to the root.
fn create_dirs(root: &Path, dir: &Path) -> Result<(), ObjectError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(at(dir))?;
    let mut parent = dir.parent();
    while let Some(dir) = parent.filter(|p| p.starts_with(root)) {
        files::sync_dir(dir).map_err(at(dir))?;
        parent = dir.parent();
    }
    Ok(())
}

fn absent(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn at(path: &Path) -> impl Fn(io::Error) -> ObjectError + '_ {
    move |source| ObjectError::File {
        path: path.to_owned(),
        source,
    }
}
