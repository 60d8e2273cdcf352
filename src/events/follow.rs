//! Following a log: everything there is, then whatever is added, until told to stop.
//!
//! Woken by the file system where that works, and every two seconds anyway while a worker lives,
//! because notifications do not cross network file systems and can run out (`max_user_watches`).
//! A log that nobody writes is looked at less often where its changes are told.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{LogReader, ReadLine, changes_are_told};

/// Lines handed over at once, so that a screen stays alive while a long log is loaded.
const SLICE: usize = 1_000;
/// The longest silence between two looks at the file.
const POLL: Duration = Duration::from_secs(2);
/// The same for a log that nobody writes, where a change would be told.
const REST: Duration = Duration::from_secs(30);

/// Stops a [`LogFollower`] from any thread; cheap to clone.
#[derive(Clone, Debug)]
pub struct FollowStop {
    stopped: Arc<AtomicBool>,
    wake: Sender<()>,
}

impl FollowStop {
    /// Ends the iteration within moments.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Fails only when the follower is gone already.
        let _ = self.wake.send(());
    }
}

/// A blocking iterator over slices of a log. An empty slice means that nothing came for two
/// seconds (half a minute after [`LogFollower::rest`]): the moment to look whether the worker is
/// still alive. Ends only when stopped.
///
/// Run it on a thread of its own (`spawn_blocking` in the console), never on a tokio worker.
pub struct LogFollower {
    reader: LogReader,
    stopped: Arc<AtomicBool>,
    wake: Sender<()>,
    woken: Receiver<()>,
    told: bool,
    pause: Duration,
    // Kept alive: dropping it ends the notifications.
    _watcher: Option<RecommendedWatcher>,
}

impl LogFollower {
    /// Follows a log from its start. The file need not exist yet, its folder must.
    pub fn new(path: &Path) -> Self {
        Self::beside(path, &[])
    }

    /// The same; a change of one of these files of its folder brings a slice too, an empty one
    /// when the log has nothing new.
    pub fn beside(path: &Path, others: &[&str]) -> Self {
        let (wake, woken) = mpsc::channel();
        let dir = path
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let names = path
            .file_name()
            .into_iter()
            .chain(others.iter().map(OsStr::new))
            .map(OsStr::to_owned)
            .collect();
        let watcher = watch(dir, names, wake.clone()).ok();
        Self {
            told: watcher.is_some() && changes_are_told(dir),
            pause: POLL,
            reader: LogReader::open(path),
            stopped: Arc::new(AtomicBool::new(false)),
            wake,
            woken,
            _watcher: watcher,
        }
    }

    /// The handle that ends the iteration.
    pub fn stop_handle(&self) -> FollowStop {
        FollowStop {
            stopped: Arc::clone(&self.stopped),
            wake: self.wake.clone(),
        }
    }

    /// Nobody writes the log, or somebody does again: without a writer there is no silence to be
    /// measured, and where changes are told a look now and then is enough.
    pub fn rest(&mut self, nobody_writes: bool) {
        self.pause = if nobody_writes && self.told {
            REST
        } else {
            POLL
        };
    }

    /// Reads what is new without waiting; empty = nothing.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn read_now(&mut self) -> io::Result<Vec<ReadLine>> {
        self.reader.read_new(SLICE)
    }

    /// Waits for something new, but not for ever.
    fn wait(&self) {
        match self.woken.recv_timeout(self.pause) {
            // Several writes wake once: drain what has piled up.
            Ok(()) => while self.woken.try_recv().is_ok() {},
            Err(RecvTimeoutError::Timeout) => {}
            // Cannot happen while `self.wake` lives; sleeping keeps a surprise from spinning.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(POLL),
        }
    }
}

impl Iterator for LogFollower {
    type Item = io::Result<Vec<ReadLine>>;

    fn next(&mut self) -> Option<Self::Item> {
        for attempt in 0..2 {
            if self.stopped.load(Ordering::SeqCst) {
                return None;
            }
            match self.reader.read_new(SLICE) {
                Ok(lines) if lines.is_empty() && attempt == 0 => self.wait(),
                other => return Some(other),
            }
        }
        // Stopped while waiting, or woken by a torn line: nothing new yet.
        (!self.stopped.load(Ordering::SeqCst)).then(|| Ok(Vec::new()))
    }
}

/// Watches the folder, not the files: they may not exist yet or may be replaced.
fn watch(dir: &Path, names: Vec<OsString>, wake: Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let about_us = event.is_ok_and(|e| {
            !matches!(e.kind, notify::EventKind::Access(_))
                && e.paths
                    .iter()
                    .filter_map(|p| p.file_name())
                    .any(|name| names.iter().any(|n| n == name))
        });
        if about_us {
            let _ = wake.send(());
        }
    })?;
    watcher.watch(dir, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::events::{Event, LogRecorder};

    fn heartbeat() -> Event {
        Event::Heartbeat { rss: 1, cpu: 0.5 }
    }

    fn next_lines(follower: &mut LogFollower) -> Vec<ReadLine> {
        loop {
            let lines = follower.next().unwrap().unwrap();
            if !lines.is_empty() {
                return lines;
            }
        }
    }

    #[test]
    fn what_is_there_comes_first_then_what_is_added() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let recorder = LogRecorder::open(&path).unwrap();
        recorder.record_run(heartbeat());
        let mut follower = LogFollower::new(&path);
        assert_eq!(next_lines(&mut follower).len(), 1);
        recorder.record_run(heartbeat());
        assert_eq!(next_lines(&mut follower)[0].event().map(|e| e.seq), Some(2));
    }

    #[test]
    fn a_file_that_appears_later_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut follower = LogFollower::new(&path);
        let writer = std::thread::spawn({
            let path = path.clone();
            move || LogRecorder::open(&path).unwrap().record_run(heartbeat())
        });
        assert_eq!(next_lines(&mut follower).len(), 1);
        writer.join().unwrap();
    }

    #[test]
    fn a_torn_line_is_handed_over_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        LogRecorder::open(&path).unwrap().record_run(heartbeat());
        let line = std::fs::read(&path).unwrap();
        let (a, b) = line.split_at(line.len() / 2);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(a).unwrap();
        let mut follower = LogFollower::new(&path);
        let reader = std::thread::spawn(move || next_lines(&mut follower));
        file.write_all(b).unwrap();
        let lines = reader.join().unwrap();
        assert!(matches!(lines[..], [ReadLine::Event { .. }]), "{lines:?}");
    }

    /// Half a minute would be over the patience of any test: a told change ends the rest.
    #[test]
    fn who_rests_is_woken_by_the_log_and_by_what_lies_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let recorder = LogRecorder::open(&path).unwrap();
        recorder.record_run(heartbeat());
        let mut follower = LogFollower::beside(&path, &["notes"]);
        next_lines(&mut follower);
        if !follower.told {
            println!(
                "skipped: needs a local file system (who_rests_is_woken_by_the_log_and_by_what_lies_beside_it)"
            );
            return;
        }
        follower.rest(true);
        let begun = std::time::Instant::now();
        let writer = std::thread::spawn({
            let notes = dir.path().join("notes");
            move || {
                std::thread::sleep(Duration::from_millis(20));
                std::fs::write(notes, "seen").unwrap();
            }
        });
        assert!(follower.next().unwrap().unwrap().is_empty());
        writer.join().unwrap();
        recorder.record_run(heartbeat());
        assert_eq!(next_lines(&mut follower).len(), 1);
        assert!(begun.elapsed() < REST, "it waited for the slow look");
    }

    #[test]
    fn it_ends_when_stopped_also_while_it_waits() {
        let dir = tempfile::tempdir().unwrap();
        let mut follower = LogFollower::new(&dir.path().join("events.jsonl"));
        let stop = follower.stop_handle();
        let reader = std::thread::spawn(move || follower.by_ref().count());
        stop.stop();
        reader.join().unwrap();
    }
}
