//! `Artifacts/sync.lock`: one sender at a time in a project.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::CommandError;
use crate::workspace::Workspace;

/// Name of the lock file in `Artifacts/`.
const LOCK_FILE: &str = "sync.lock";

/// The lock, held until dropped.
#[derive(Debug)]
pub struct SyncLock {
    _file: File,
}

impl SyncLock {
    fn path(workspace: &Workspace) -> PathBuf {
        workspace.artifacts().join(LOCK_FILE)
    }

    /// Takes the lock; `None` when another sender has had it for all of `patience`.
    ///
    /// # Errors
    /// When the lock file cannot be made or locked.
    pub fn acquire(
        workspace: &Workspace,
        patience: Duration,
    ) -> Result<Option<Self>, CommandError> {
        let path = Self::path(workspace);
        let failed = |e: io::Error| {
            CommandError::backend(format!("{} cannot be locked", path.display())).because(e)
        };
        std::fs::create_dir_all(workspace.artifacts()).map_err(failed)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Self { _file: file })),
                Err(Errno::WOULDBLOCK) if begun.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(e) => return Err(failed(e.into())),
            }
        }
    }

    /// Whether a sender is at work.
    pub fn is_held(workspace: &Workspace) -> bool {
        let Ok(file) = File::open(Self::path(workspace)) else {
            return false;
        };
        matches!(
            flock(&file, FlockOperation::NonBlockingLockShared),
            Err(Errno::WOULDBLOCK)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        assert!(!SyncLock::is_held(&workspace));
        let lock = SyncLock::acquire(&workspace, Duration::ZERO).unwrap();
        assert!(lock.is_some() && SyncLock::is_held(&workspace));
        assert!(
            SyncLock::acquire(&workspace, Duration::from_millis(60))
                .unwrap()
                .is_none()
        );
        drop(lock);
        assert!(!SyncLock::is_held(&workspace));
        assert!(
            SyncLock::acquire(&workspace, Duration::ZERO)
                .unwrap()
                .is_some()
        );
    }
}
