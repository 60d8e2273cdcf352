//! A console that is open: a file with an `flock` on it, and a sign of life now and then.
//!
//! The lock tells a crash at once, the kernel gives it back; the sign of life tells a console that
//! was stopped (Ctrl-Z) and forgotten. Nothing is written again and again into the folder: the
//! sign is the file's time of change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use chrono::Utc;
use rand::Rng;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::events::Actor;
use crate::workspace::Workspace;

/// Between two signs of life.
const SIGN: Duration = Duration::from_secs(20);
/// Silence after which a session that still holds its lock counts as left.
pub(super) const SILENT: Duration = Duration::from_secs(75);

/// This process as somebody who is here, until dropped.
#[derive(Debug)]
pub struct Session {
    id: String,
    path: PathBuf,
    // Closing the file gives the lock back.
    _file: Arc<File>,
    ended: Arc<AtomicBool>,
    signs: Option<JoinHandle<()>>,
}

impl Session {
    /// Opens a session in somebody's name.
    ///
    /// # Errors
    /// When its file cannot be made or locked.
    pub fn open(workspace: &Workspace, by: &Actor) -> io::Result<Self> {
        let dir = folder(workspace);
        fs::create_dir_all(&dir)?;
        sweep(&dir);
        let id = format!("{:016x}", rand::thread_rng().r#gen::<u64>());
        let path = dir.join(&id);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let text = serde_json::json!({"by": by, "pid": std::process::id(), "since": Utc::now()});
        file.write_all(format!("{text}\n").as_bytes())?;
        let file = Arc::new(file);
        let ended = Arc::new(AtomicBool::new(false));
        let signs = std::thread::Builder::new().name("presence".into()).spawn({
            let (file, ended) = (Arc::clone(&file), Arc::clone(&ended));
            move || {
                while !ended.load(Ordering::SeqCst) {
                    std::thread::park_timeout(SIGN);
                    let _ = file.set_modified(SystemTime::now());
                }
            }
        })?;
        Ok(Self {
            id,
            path,
            _file: file,
            ended,
            signs: Some(signs),
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(signs) = self.signs.take() {
            signs.thread().unpark();
            let _ = signs.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.artifacts().join("sessions")
}

/// Whether a session is open and not forgotten.
pub(super) fn is_alive(workspace: &Workspace, id: &str) -> bool {
    // Ids come from a file: one that names another folder is none.
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return false;
    }
    let Ok(file) = File::open(folder(workspace).join(id)) else {
        return false;
    };
    let lately = file
        .metadata()
        .and_then(|m| m.modified())
        .is_ok_and(|at| at.elapsed().map_or(true, |silent| silent < SILENT));
    lately && is_locked(&file)
}

fn is_locked(file: &File) -> bool {
    matches!(
        flock(file, FlockOperation::NonBlockingLockShared),
        Err(Errno::WOULDBLOCK)
    )
}

/// Removes what crashed sessions left behind.
fn sweep(dir: &std::path::Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        // A session that is just being made is young and not locked yet.
        let old = entry
            .metadata()
            .and_then(|m| m.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > SILENT));
        if old && File::open(&path).is_ok_and(|file| !is_locked(&file)) {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_until_dropped_or_silent() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        let by = Actor {
            name: "ada".into(),
            from: "h".into(),
        };
        let session = Session::open(&workspace, &by).unwrap();
        let id = session.id().to_owned();
        assert!(is_alive(&workspace, &id));
        let long_ago = SystemTime::now() - SILENT * 2;
        session._file.set_modified(long_ago).unwrap();
        assert!(!is_alive(&workspace, &id), "stopped and forgotten");
        session._file.set_modified(SystemTime::now()).unwrap();
        assert!(is_alive(&workspace, &id));
        drop(session);
        assert!(!is_alive(&workspace, &id));
        assert!(!is_alive(&workspace, "../../etc/passwd"));
    }

    #[test]
    fn what_a_crash_left_behind_is_no_session() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        fs::create_dir_all(folder(&workspace)).unwrap();
        let left = folder(&workspace).join("00000000000000aa");
        fs::write(&left, "{}").unwrap();
        assert!(!is_alive(&workspace, "00000000000000aa"));
        File::options()
            .write(true)
            .open(&left)
            .unwrap()
            .set_modified(SystemTime::now() - SILENT * 2)
            .unwrap();
        let by = Actor {
            name: "ada".into(),
            from: "h".into(),
        };
        let _session = Session::open(&workspace, &by).unwrap();
        assert!(!left.exists());
    }
}
