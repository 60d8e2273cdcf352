//! `Artifacts/queue/`: runs that wait for their turn, one file each.
//!
//! An entry holds the whole configuration as it was asked for: what was seen when the run was
//! queued is what will run. Everything that changes the queue holds its lock, an `flock` that the
//! kernel gives back however its holder ends. Starting the next run is `worker::drain`'s matter.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rand::Rng;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::NewRun;
use crate::config::{ChangedSetting, Config};
use crate::error::CommandError;
use crate::events::{Actor, StageName};
use crate::files;
use crate::workspace::Workspace;

/// Name of the lock in the queue's folder.
const LOCK_FILE: &str = "queue.lock";
/// How long the lock is waited for: whoever has it may be starting a worker.
const PATIENCE: Duration = Duration::from_secs(30);

/// A run that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueEntry {
    /// Version of the format, 1.
    pub v: u16,
    /// Its id, `q-7f3a`; also the name of the file.
    pub id: String,
    /// The smallest starts first.
    pub place: u64,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// Who asked.
    pub by: Actor,
    /// The user's note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The first stage that must run even when unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StageName>,
    /// The settings that were changed for it.
    #[serde(default)]
    pub settings: Vec<ChangedSetting>,
    /// The configuration, as TOML.
    pub config: String,
    /// Why it could not be started; it is passed over until somebody tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// What waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// In the order in which they start.
    pub entries: Vec<QueueEntry>,
    /// Names of files that are no entries.
    pub damaged: Vec<String>,
}

/// Why the queue could not be read or changed.
#[derive(Debug, Error)]
pub enum QueueError {
    /// A file or the folder failed.
    #[error("{path} cannot be {verb}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// `read`, `written`, `locked`.
        verb: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// Somebody has held the lock all the time.
    #[error("another process has been changing the queue for {} s", PATIENCE.as_secs())]
    Locked,
    /// Nothing, or more than one entry, answers to this text.
    #[error("there is no queued run `{0}`")]
    NoSuchEntry(String),
    /// The configuration cannot be written as TOML.
    #[error("the configuration cannot be frozen: {0}")]
    Config(String),
}

impl From<QueueError> for CommandError {
    fn from(e: QueueError) -> Self {
        let message = e.to_string();
        match e {
            QueueError::File { source, .. } => CommandError::backend(message).because(source).hint(
                "The queue lies in Artifacts/queue/; queueing needs the right to write there.",
            ),
            QueueError::Locked => CommandError::backend(message).hint("Try again in a moment."),
            QueueError::NoSuchEntry(_) => CommandError::not_found(message)
                .hint("`netsec queue` lists them; it may have started in the meantime."),
            QueueError::Config(_) => CommandError::internal(message),
        }
    }
}

/// The queue of a workspace.
#[derive(Clone, Debug)]
pub struct Queue {
    dir: PathBuf,
}

/// The queue with its lock, which is given back when this is dropped.
#[derive(Debug)]
pub struct LockedQueue {
    queue: Queue,
    _lock: File,
}

impl Queue {
    /// The folder of the queue.
    pub fn dir(workspace: &Workspace) -> PathBuf {
        workspace.artifacts().join("queue")
    }

    /// The queue of a workspace.
    pub fn new(workspace: &Workspace) -> Self {
        Self {
            dir: Self::dir(workspace),
        }
    }

    /// What waits, in order. Needs no lock: files appear and disappear whole.
    ///
    /// # Errors
    /// When the folder is there but cannot be read.
    pub fn waiting(&self) -> Result<Waiting, QueueError> {
        let names = match fs::read_dir(&self.dir) {
            Ok(names) => names,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Waiting::default()),
            Err(e) => return Err(fail(&self.dir, "read")(e)),
        };
        let mut found = Waiting::default();
        for name in names {
            let path = name.map_err(fail(&self.dir, "read"))?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            if file.starts_with('.') || path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                // Started or taken out in the meantime.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(fail(&path, "read")(e)),
            };
            match serde_json::from_slice::<QueueEntry>(&bytes) {
                Ok(entry) if *file == *format!("{}.json", entry.id) => found.entries.push(entry),
                _ => found.damaged.push(file.into_owned()),
            }
        }
        found
            .entries
            .sort_by(|a, b| (a.place, a.created_at, &a.id).cmp(&(b.place, b.created_at, &b.id)));
        found.damaged.sort();
        Ok(found)
    }

    /// Takes the lock, waiting for whoever has it.
    ///
    /// # Errors
    /// When the lock cannot be made, or is not given back in time.
    pub fn lock(&self) -> Result<LockedQueue, QueueError> {
        fs::create_dir_all(&self.dir).map_err(fail(&self.dir, "written"))?;
        let path = self.dir.join(LOCK_FILE);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail(&path, "locked"))?;
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(Errno::WOULDBLOCK) => return Err(QueueError::Locked),
                Err(Errno::INTR) => {}
                Err(e) => return Err(fail(&path, "locked")(e.into())),
            }
        }
        files::sweep(&self.dir);
        Ok(LockedQueue {
            queue: self.clone(),
            _lock: file,
        })
    }
}

impl LockedQueue {
    /// What waits, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn waiting(&self) -> Result<Waiting, QueueError> {
        self.queue.waiting()
    }

    /// Puts a run at the end.
    ///
    /// # Errors
    /// When the entry cannot be written.
    pub fn add(&self, config: &Config, new: NewRun) -> Result<QueueEntry, QueueError> {
        let config = toml::to_string(config).map_err(|e| QueueError::Config(e.to_string()))?;
        let waiting = self.waiting()?;
        let taken = |id: &str| self.path(id).exists();
        let mut random = rand::thread_rng();
        let mut id = format!("q-{:04x}", random.r#gen::<u16>());
        while taken(&id) {
            id = format!("q-{:06x}", random.r#gen::<u32>() >> 8);
        }
        let entry = QueueEntry {
            v: 1,
            id,
            place: waiting.entries.iter().map(|e| e.place).max().unwrap_or(0) + 1,
            created_at: Utc::now(),
            by: new.by,
            note: new.note,
            from: new.from,
            settings: new.settings,
            config,
            held: None,
        };
        self.write(&entry)?;
        Ok(entry)
    }

    /// The entry with this id, or with this unique end or beginning of one.
    ///
    /// # Errors
    /// When nothing, or more than one, answers to it.
    pub fn find(&self, text: &str) -> Result<QueueEntry, QueueError> {
        let entries = self.waiting()?.entries;
        let text = text.trim();
        if let Some(entry) = entries.iter().find(|e| e.id == text) {
            return Ok(entry.clone());
        }
        let mut fits = entries
            .into_iter()
            .filter(|e| !text.is_empty() && (e.id.starts_with(text) || e.id.ends_with(text)));
        match (fits.next(), fits.next()) {
            (Some(entry), None) => Ok(entry),
            _ => Err(QueueError::NoSuchEntry(crate::text::clean(text))),
        }
    }

    /// Takes an entry out.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self, id: &str) -> Result<(), QueueError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(fail(&path, "written")(e)),
            _ => files::sync_dir(&self.queue.dir).map_err(fail(&self.queue.dir, "written")),
        }
    }

    /// Lets an entry and the one before it change places. Returns whether there was one before.
    ///
    /// # Errors
    /// When there is no such entry, or a file cannot be written.
    pub fn sooner(&self, id: &str) -> Result<bool, QueueError> {
        let mut entries = self.waiting()?.entries;
        let Some(at) = entries.iter().position(|e| e.id == id) else {
            return Err(QueueError::NoSuchEntry(crate::text::clean(id)));
        };
        if at == 0 {
            return Ok(false);
        }
        entries.swap(at - 1, at);
        // Written anew from 1: places may be equal after a crash between two writes.
        for (i, entry) in entries.iter_mut().enumerate() {
            let place = i as u64 + 1;
            if entry.place != place {
                entry.place = place;
                self.write(entry)?;
            }
        }
        Ok(true)
    }

    /// Says why an entry cannot be started, or lets it be tried again.
    ///
    /// # Errors
    /// When there is no such entry, or it cannot be written.
    pub fn hold(&self, id: &str, why: Option<String>) -> Result<(), QueueError> {
        let mut entry = self.find(id)?;
        entry.held = why;
        self.write(&entry)
    }

    fn write(&self, entry: &QueueEntry) -> Result<(), QueueError> {
        let path = self.path(&entry.id);
        files::write_json(&path, entry).map_err(fail(&path, "written"))
    }

    fn path(&self, id: &str) -> PathBuf {
        self.queue.dir.join(format!("{id}.json"))
    }
}

fn fail(path: &Path, verb: &'static str) -> impl Fn(io::Error) -> QueueError + use<> {
    let path = path.to_owned();
    move |source| QueueError::File {
        path: path.clone(),
        verb,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> (tempfile::TempDir, Queue) {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::new(&Workspace::new(dir.path()));
        (dir, queue)
    }

    fn new(name: &str) -> NewRun {
        let by = Actor {
            name: name.into(),
            from: "host".into(),
        };
        NewRun::by(by)
    }

    fn names(queue: &Queue) -> Vec<String> {
        let entries = queue.waiting().unwrap().entries;
        entries.into_iter().map(|e| e.by.name).collect()
    }

    #[test]
    fn entries_wait_in_order_and_can_be_moved_and_removed() {
        let (_dir, queue) = queue();
        assert_eq!(queue.waiting().unwrap(), Waiting::default());
        let locked = queue.lock().unwrap();
        let ids: Vec<String> = ["ada", "bob", "cy"]
            .map(|n| locked.add(&Config::default(), new(n)).unwrap().id)
            .into();
        assert_eq!(names(&queue), ["ada", "bob", "cy"]);
        assert!(locked.sooner(&ids[2]).unwrap());
        assert_eq!(names(&queue), ["ada", "cy", "bob"]);
        assert!(!locked.sooner(&ids[0]).unwrap(), "it is the first");
        assert_eq!(locked.find(&ids[1][2..]).unwrap().by.name, "bob");
        locked.remove(&ids[0]).unwrap();
        assert_eq!(names(&queue), ["cy", "bob"]);
        let e = CommandError::from(locked.find(&ids[0]).unwrap_err());
        assert_eq!(e.kind.exit_code(), 7);
        locked.hold(&ids[1], Some("no disk".into())).unwrap();
        assert_eq!(
            locked.find(&ids[1]).unwrap().held.as_deref(),
            Some("no disk")
        );
    }

    #[test]
    fn the_configuration_of_an_entry_reads_back() {
        let (_dir, queue) = queue();
        let mut config = Config::default();
        config.training.folds = 7;
        let entry = queue.lock().unwrap().add(&config, new("ada")).unwrap();
        assert_eq!(
            crate::config::parse(&entry.config, "q", []).unwrap(),
            config
        );
    }

    #[test]
    fn rubbish_is_named_and_stops_nothing() {
        let (_dir, queue) = queue();
        queue
            .lock()
            .unwrap()
            .add(&Config::default(), new("ada"))
            .unwrap();
        fs::write(queue.dir.join("q-9999.json"), "{\"v\":1").unwrap();
        fs::write(queue.dir.join(".writing-x.json"), "").unwrap();
        let found = queue.waiting().unwrap();
        assert_eq!(found.damaged, ["q-9999.json"]);
        assert_eq!(found.entries.len(), 1);
    }

    #[test]
    fn the_lock_keeps_others_out_until_it_is_dropped() {
        let (_dir, queue) = queue();
        let locked = queue.lock().unwrap();
        let other = File::open(queue.dir.join(LOCK_FILE)).unwrap();
        let try_lock = || flock(&other, FlockOperation::NonBlockingLockExclusive);
        assert_eq!(try_lock(), Err(Errno::WOULDBLOCK));
        drop(locked);
        assert_eq!(try_lock(), Ok(()));
    }
}
