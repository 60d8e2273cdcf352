//! Every ten seconds: still alive, with this much memory and CPU.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::events::{Event, LogRecorder};
use crate::process::{self, Standing};

const EVERY: Duration = Duration::from_secs(10);

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
                        rss: process::resident_bytes().unwrap_or(0),
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

/// CPU seconds of this process so far, 0 where nothing tells.
fn cpu_seconds() -> f64 {
    Standing::own().map_or(0.0, |own| own.cpu_seconds)
}
