//! Telling a worker to stop, and the worker's ear for it.
//!
//! A command is a line in `control.jsonl`, which survives both sides and says who asked, and a
//! SIGTERM as a wake-up. A SIGTERM without a line, as an operating system sends it, means Cancel.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::error::CommandError;
use crate::events::{Actor, ControlCommand, Event, LogRecorder};
use crate::learners::{FitControl, StopRequest};
use crate::runs::{CONTROL_FILE, EVENTS_FILE, Liveness, RunLock, liveness};

/// The longest time a line lies unread when its wake-up was lost.
const POLL: Duration = Duration::from_millis(250);
/// How long a SIGTERM waits for the line it belongs to, or a line for its SIGTERM.
const GRACE: Duration = Duration::from_millis(300);
const SIGNAL_BELONGS_FOR: Duration = Duration::from_secs(2);

/// One line of `control.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlLine {
    /// When it was sent.
    pub at: DateTime<Utc>,
    /// What is asked.
    pub command: ControlCommand,
    /// By whom.
    pub by: Actor,
}

/// A line that asks for nothing: somebody took the run over. Written beside the commands because
/// the log has one writer, the worker, and this is how it hears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TakeoverLine {
    at: DateTime<Utc>,
    taken_by: Actor,
    taken_from: Actor,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It lies before a live worker, which was woken.
    Sent,
    /// No worker is at work on this run; nothing was written.
    NotRunning,
}

/// Tells the worker of a run to stop.
///
/// # Errors
/// When the lock cannot be asked or the line cannot be written.
pub fn send(run_dir: &Path, command: ControlCommand, by: Actor) -> Result<Delivery, CommandError> {
    let path = run_dir.join(CONTROL_FILE);
    let fail = |e: io::Error| {
        CommandError::backend(format!("{} cannot be written", path.display())).because(e)
    };
    let Liveness::Held(holder) = liveness(run_dir).map_err(fail)? else {
        return Ok(Delivery::NotRunning);
    };
    let line = ControlLine {
        at: Utc::now(),
        command,
        by,
    };
    append(&path, &line).map_err(fail)?;
    // The pid belongs to the holder only while the lock is held; who is gone needs no wake-up.
    if let Some(pid) = holder.and_then(|h| Pid::from_raw(i32::try_from(h.pid).ok()?))
        && liveness(run_dir).is_ok_and(|l| l.is_held())
    {
        // Without the wake-up (another user's process) the worker finds the line by itself.
        let _ = kill_process(pid, Signal::TERM);
    }
    Ok(Delivery::Sent)
}

/// Writes into the run's log that somebody took the run over: through its worker when one is at
/// work, else directly.
///
/// # Errors
/// When neither can be written.
pub fn record_takeover(run_dir: &Path, by: Actor, from: Actor) -> Result<(), CommandError> {
    let fail = |e: io::Error| {
        CommandError::backend("the takeover cannot be written into the run's log").because(e)
    };
    if liveness(run_dir).map_err(fail)?.is_held() {
        let line = TakeoverLine {
            at: Utc::now(),
            taken_by: by,
            taken_from: from,
        };
        // No wake-up: nothing is asked of the worker, and it looks four times a second.
        return append(&run_dir.join(CONTROL_FILE), &line).map_err(fail);
    }
    let _lock = RunLock::acquire(run_dir, "takeover")?;
    let log = LogRecorder::open(&run_dir.join(EVENTS_FILE))?;
    log.record_run(Event::LeaseTaken { by, from });
    Ok(log.finish()?)
}

fn append<T: Serialize>(path: &Path, line: &T) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    // One write in append mode: lines of two senders never mix.
    file.write_all(&bytes)?;
    file.sync_data()
}

/// Whether somebody asked to cancel within this time before now.
pub fn cancel_was_asked_since(run_dir: &Path, ago: TimeDelta) -> bool {
    let since = Utc::now() - ago;
    std::fs::read_to_string(run_dir.join(CONTROL_FILE)).is_ok_and(|text| {
        text.lines()
            .filter_map(|line| serde_json::from_str::<ControlLine>(line).ok())
            .any(|line| line.command == ControlCommand::Cancel && line.at >= since)
    })
}

/// The worker's ear: sets the stop flag and records what was asked.
pub(super) struct ControlWatch {
    signals: Handle,
    threads: Vec<JoinHandle<()>>,
}

impl ControlWatch {
    /// Listens from the end of `control.jsonl` on: older lines were for an earlier attempt.
    pub(super) fn start(
        run_dir: &Path,
        control: Arc<FitControl>,
        recorder: Arc<LogRecorder>,
    ) -> io::Result<Self> {
        let path = run_dir.join(CONTROL_FILE);
        let offset = std::fs::metadata(&path).map_or(0, |m| m.len());
        // SIGHUP is caught and forgotten: the worker has no terminal to lose.
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let handle = signals.handle();
        let (heard, hearing) = mpsc::channel();
        let signal_thread =
            std::thread::Builder::new()
                .name("signals".into())
                .spawn(move || {
                    for signal in signals.forever() {
                        if signal != SIGHUP && heard.send(()).is_err() {
                            break;
                        }
                    }
                })?;
        let mut ear = Ear {
            path,
            offset,
            control,
            recorder,
            unpaid: Vec::new(),
        };
        let control_thread =
            std::thread::Builder::new()
                .name("control".into())
                .spawn(move || {
                    loop {
                        match hearing.recv_timeout(POLL) {
                            Ok(()) => ear.on_signal(),
                            Err(RecvTimeoutError::Timeout) => ear.read_lines(),
                            Err(RecvTimeoutError::Disconnected) => break,
                        }
                    }
                })?;
        Ok(Self {
            signals: handle,
            threads: vec![signal_thread, control_thread],
        })
    }
}

impl Drop for ControlWatch {
    fn drop(&mut self) {
        self.signals.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

struct Ear {
    path: PathBuf,
    offset: u64,
    control: Arc<FitControl>,
    recorder: Arc<LogRecorder>,
    /// When lines were read whose SIGTERM has not come yet.
    unpaid: Vec<Instant>,
}

impl Ear {
    /// A signal came: it belongs to a line, read or still to come; else it means Cancel.
    fn on_signal(&mut self) {
        let begun = Instant::now();
        loop {
            self.read_lines();
            self.unpaid
                .retain(|read| read.elapsed() < SIGNAL_BELONGS_FOR);
            if !self.unpaid.is_empty() {
                self.unpaid.remove(0);
                return;
            }
            if begun.elapsed() >= GRACE {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.obey(
            ControlCommand::Cancel,
            Actor {
                name: "SIGTERM".to_owned(),
                from: "a signal without a command".to_owned(),
            },
        );
    }

    fn read_lines(&mut self) {
        let Ok(file) = File::open(&self.path) else {
            return;
        };
        let mut reader = BufReader::new(file);
        if reader.seek(SeekFrom::Start(self.offset)).is_err() {
            return;
        }
        let mut line = Vec::new();
        while let Ok(n) = reader.read_until(b'\n', &mut line) {
            if line.last() != Some(&b'\n') {
                return;
            }
            self.offset += n as u64;
            match serde_json::from_slice::<ControlLine>(&line) {
                Ok(ControlLine { command, by, .. }) => {
                    self.unpaid.push(Instant::now());
                    self.obey(command, by);
                }
                Err(e) => match serde_json::from_slice::<TakeoverLine>(&line) {
                    Ok(line) => self.recorder.record_run(Event::LeaseTaken {
                        by: line.taken_by,
                        from: line.taken_from,
                    }),
                    Err(_) => tracing::warn!(error = %e, "a line of control.jsonl is no command"),
                },
            }
            line.clear();
        }
    }

    fn obey(&self, command: ControlCommand, by: Actor) {
        tracing::info!(?command, by = by.name, from = by.from, "control");
        self.control.request(match command {
            ControlCommand::StopAfterRound => StopRequest::AfterRound,
            ControlCommand::Cancel => StopRequest::Now,
        });
        self.recorder
            .record_run(Event::ControlReceived { command, by });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::LogReader;

    fn actor() -> Actor {
        Actor {
            name: "ada".into(),
            from: "host".into(),
        }
    }

    fn ear(dir: &Path) -> Ear {
        Ear {
            path: dir.join(CONTROL_FILE),
            offset: 0,
            control: Arc::new(FitControl::new()),
            recorder: Arc::new(LogRecorder::open(&dir.join(EVENTS_FILE)).unwrap()),
            unpaid: Vec::new(),
        }
    }

    fn write(dir: &Path, command: ControlCommand) {
        let line = ControlLine {
            at: Utc::now(),
            command,
            by: actor(),
        };
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(dir.join(CONTROL_FILE))
            .unwrap();
        writeln!(file, "{}", serde_json::to_string(&line).unwrap()).unwrap();
    }

    fn heard(dir: &Path) -> Vec<ControlCommand> {
        LogReader::open(&dir.join(EVENTS_FILE))
            .read_all()
            .unwrap()
            .iter()
            .filter_map(|l| match &l.event()?.event {
                Event::ControlReceived { command, .. } => Some(*command),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_run_without_a_worker_is_sent_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            send(dir.path(), ControlCommand::Cancel, actor()).unwrap(),
            Delivery::NotRunning
        );
        assert!(!dir.path().join(CONTROL_FILE).exists());
    }

    #[test]
    fn a_line_sets_the_flag_and_is_recorded_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut ear = ear(dir.path());
        write(dir.path(), ControlCommand::StopAfterRound);
        ear.read_lines();
        ear.read_lines();
        assert_eq!(ear.control.stop(), StopRequest::AfterRound);
        assert_eq!(heard(dir.path()), [ControlCommand::StopAfterRound]);
    }

    #[test]
    fn the_signal_of_a_line_that_was_read_already_is_no_second_command() {
        let dir = tempfile::tempdir().unwrap();
        let mut ear = ear(dir.path());
        write(dir.path(), ControlCommand::StopAfterRound);
        ear.read_lines();
        ear.on_signal();
        assert_eq!(ear.control.stop(), StopRequest::AfterRound);
        // The next one has no line: an operating system asks the worker to go.
        ear.on_signal();
        assert_eq!(ear.control.stop(), StopRequest::Now);
        assert_eq!(
            heard(dir.path()),
            [ControlCommand::StopAfterRound, ControlCommand::Cancel]
        );
    }

    #[test]
    fn half_a_line_and_rubbish_are_no_commands() {
        let dir = tempfile::tempdir().unwrap();
        let mut ear = ear(dir.path());
        std::fs::write(dir.path().join(CONTROL_FILE), "rubbish\n{\"at\":").unwrap();
        ear.read_lines();
        assert_eq!(ear.control.stop(), StopRequest::None);
        assert_eq!(ear.offset, 8);
    }

    #[test]
    fn a_recent_cancel_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let within = |seconds| cancel_was_asked_since(dir.path(), TimeDelta::seconds(seconds));
        assert!(!within(10));
        write(dir.path(), ControlCommand::StopAfterRound);
        assert!(!within(10));
        write(dir.path(), ControlCommand::Cancel);
        assert!(within(10));
        assert!(!within(-1));
    }

    #[test]
    fn the_lock_decides_who_is_at_work() {
        let dir = tempfile::tempdir().unwrap();
        drop(RunLock::acquire(dir.path(), "gone").unwrap());
        assert_eq!(
            send(dir.path(), ControlCommand::Cancel, actor()).unwrap(),
            Delivery::NotRunning
        );
    }
}
