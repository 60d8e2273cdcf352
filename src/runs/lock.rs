//! Alive means "holds the lock", not "a file says running".
//!
//! The worker takes an exclusive `flock` on `worker.lock` and keeps it until it ends; the kernel
//! gives it back when the process dies, however it dies. Only after winning does the worker
//! write who it is, so that the text always belongs to the latest holder. The lock file is never
//! deleted: a new file under the same name would be a second lock.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error::CommandError;

/// Name of the lock file in a run's folder.
pub const LOCK_FILE: &str = "worker.lock";

/// How long taking the lock is tried. A viewer's probe holds a shared lock for microseconds;
/// without another try it could make a worker believe that somebody else is at work.
const PATIENCE: Duration = Duration::from_millis(500);

/// Who holds, or held, the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// Process id.
    pub pid: u32,
    /// The id its starter gave it.
    pub spawn_id: String,
}

/// Whether a worker is at work on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// The lock is held; by whom, unless the holder has not written it yet.
    Held(Option<LockHolder>),
    /// Nobody holds it.
    Free,
}

impl Liveness {
    /// Whether somebody holds the lock.
    pub fn is_held(&self) -> bool {
        matches!(self, Liveness::Held(_))
    }
}

/// Why the lock was not taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another process{} is at work in {dir}", .holder.as_ref().map(|h| format!(" (pid {})", h.pid)).unwrap_or_default())]
    Held {
        /// The run's folder.
        dir: PathBuf,
        /// Who.
        holder: Option<LockHolder>,
    },
    /// The file cannot be opened, locked or written.
    #[error("the lock {path} cannot be taken")]
    File {
        /// The lock file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl From<LockError> for CommandError {
    fn from(e: LockError) -> Self {
        let message = e.to_string();
        match e {
            LockError::Held { .. } => CommandError::usage(message)
                .hint("`netsec watch RUN` follows it, `netsec cancel RUN` ends it."),
            LockError::File { source, .. } => CommandError::backend(message).because(source),
        }
    }
}

/// The lock, held until dropped.
#[derive(Debug)]
pub struct RunLock {
    // Closing the file gives the lock back.
    _file: File,
}

impl RunLock {
    /// Takes the lock of a run's folder and writes who holds it.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    pub fn acquire(run_dir: &Path, spawn_id: &str) -> Result<Self, LockError> {
        let path = run_dir.join(LOCK_FILE);
        let fail = |source: io::Error| LockError::File {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(Errno::WOULDBLOCK) => {
                    return Err(LockError::Held {
                        dir: run_dir.to_owned(),
                        holder: read_holder(&mut file),
                    });
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(fail(e.into())),
            }
        }
        let holder = LockHolder {
            pid: std::process::id(),
            spawn_id: spawn_id.to_owned(),
        };
        let mut text = serde_json::to_vec(&holder).map_err(|e| fail(e.into()))?;
        text.push(b'\n');
        file.set_len(0).map_err(fail)?;
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        file.write_all(&text).map_err(fail)?;
        Ok(Self { _file: file })
    }
}

/// Who took the lock last; whether they still hold it is [`liveness`]'s to say.
pub fn last_holder(run_dir: &Path) -> Option<LockHolder> {
    read_holder(&mut File::open(run_dir.join(LOCK_FILE)).ok()?)
}

/// Looks whether the lock is held, with a shared lock that is given back at once.
///
/// # Errors
/// When the lock file is there but cannot be opened or asked.
pub fn liveness(run_dir: &Path) -> io::Result<Liveness> {
    let mut file = match File::open(run_dir.join(LOCK_FILE)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Liveness::Free),
        Err(e) => return Err(e),
    };
    loop {
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => return Ok(Liveness::Free),
            Err(Errno::WOULDBLOCK) => return Ok(Liveness::Held(read_holder(&mut file))),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// `None` while the holder is writing.
fn read_holder(file: &mut File) -> Option<LockHolder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_dropped_and_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(liveness(dir.path()).unwrap(), Liveness::Free);
        let lock = RunLock::acquire(dir.path(), "one").unwrap();
        let holder = LockHolder {
            pid: std::process::id(),
            spawn_id: "one".into(),
        };
        assert_eq!(
            liveness(dir.path()).unwrap(),
            Liveness::Held(Some(holder.clone()))
        );
        drop(lock);
        assert_eq!(liveness(dir.path()).unwrap(), Liveness::Free);
        assert_eq!(last_holder(dir.path()), Some(holder));
    }

    #[test]
    fn a_second_lock_is_refused_and_says_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let _lock = RunLock::acquire(dir.path(), "first one with a longer name").unwrap();
        let refused = RunLock::acquire(dir.path(), "second").unwrap_err();
        assert!(matches!(
            &refused,
            LockError::Held { holder: Some(h), .. } if h.spawn_id == "first one with a longer name"
        ));
        assert!(
            refused
                .to_string()
                .contains(&std::process::id().to_string())
        );
    }

    #[test]
    fn a_shorter_name_replaces_a_longer_one() {
        let dir = tempfile::tempdir().unwrap();
        drop(RunLock::acquire(dir.path(), "a rather long spawn id").unwrap());
        let _lock = RunLock::acquire(dir.path(), "b").unwrap();
        assert_eq!(last_holder(dir.path()).unwrap().spawn_id, "b");
    }

    #[test]
    fn probes_do_not_keep_a_worker_from_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        drop(RunLock::acquire(dir.path(), "0").unwrap());
        std::thread::scope(|scope| {
            let prober = scope.spawn(|| {
                for _ in 0..2_000 {
                    liveness(dir.path()).unwrap();
                }
            });
            while !prober.is_finished() {
                drop(RunLock::acquire(dir.path(), "1").unwrap());
            }
        });
    }

    #[test]
    fn rubbish_in_the_lock_file_is_no_holder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(LOCK_FILE), b"\xff\x00 not json").unwrap();
        assert_eq!(liveness(dir.path()).unwrap(), Liveness::Free);
        assert_eq!(last_holder(dir.path()), None);
        RunLock::acquire(dir.path(), "x").unwrap();
    }
}
