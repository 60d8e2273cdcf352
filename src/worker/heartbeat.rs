//! Every ten seconds: still alive, with this much memory and CPU.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::events::{Event, LogRecorder};

const EVERY: Duration = Duration::from_secs(10);

/// Clock ticks a second in `/proc/<pid>/stat`: 100 on every Linux, whatever the kernel's own.
const TICKS_PER_SECOND: f64 = 100.0;

/// Beats until dropped.
pub(super) struct Heartbeat {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub(super) fn start(recorder: Arc<LogRecorder>) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || {
                let mut before = (Instant::now(), cpu_seconds());
                while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    let now = (Instant::now(), cpu_seconds());
                    let wall = now.0.duration_since(before.0).as_secs_f64();
                    let cpu = (now.1 - before.1) / wall.max(0.001);
                    before = now;
                    recorder.record_run(Event::Heartbeat {
                        rss: resident_bytes(),
                        // A tenth of a percent is more than anybody wants to know.
                        cpu: (cpu * 1000.0).round() as f32 / 1000.0,
                    });
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Resident memory of this process, 0 where `/proc` does not tell.
fn resident_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |text| resident_in(&text))
}

fn resident_in(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

/// CPU seconds of this process so far, 0 where `/proc` does not tell.
fn cpu_seconds() -> f64 {
    std::fs::read_to_string("/proc/self/stat").map_or(0.0, |text| cpu_in(&text))
}

/// User and system time, fields 14 and 15. The name in field 2 may hold spaces and parentheses,
/// so counting starts behind its last one.
fn cpu_in(stat: &str) -> f64 {
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return 0.0;
    };
    let ticks: u64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks as f64 / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_status() {
        let status = "Name:\tnetsec\nVmPeak:\t  9000 kB\nVmRSS:\t  2048 kB\nThreads:\t3\n";
        assert_eq!(resident_in(status), 2_097_152);
        assert_eq!(resident_in("nothing"), 0);
    }

    #[test]
    fn processor_time_is_read_behind_a_strange_name() {
        let stat = "42 (a (b) c) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 8 0";
        assert!((cpu_in(stat) - 2.0).abs() < 1e-9);
        assert_eq!(cpu_in("no name"), 0.0);
    }
}
