//! Keeps the file fresh while a worker is at work.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{folder, refresh};
use crate::config::Config;
use crate::files;
use crate::workspace::Workspace;

/// Between two writings; a scrape comes every 15 to 60 s.
const PERIOD: Duration = Duration::from_secs(15);

/// Writes the file now and then until it is dropped, and once more at the end.
#[derive(Debug)]
pub struct Keeper {
    /// Its end is the sign to stop.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts; without a thread nothing is kept fresh and nothing else happens.
    pub fn start(workspace: &Workspace, config: &Config) -> Self {
        let (alive, over) = mpsc::channel::<()>();
        let (workspace, config) = (workspace.clone(), config.clone());
        let thread = std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || {
                files::sweep(&folder(&workspace));
                loop {
                    refresh(&workspace, &config);
                    match over.recv_timeout(PERIOD) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
                refresh(&workspace, &config);
            });
        Self {
            alive: Some(alive),
            thread: thread.ok(),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitoring::FILE;

    #[test]
    fn writes_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        drop(Keeper::start(&workspace, &Config::default()));
        let text = std::fs::read_to_string(folder(&workspace).join(FILE)).unwrap();
        assert!(text.contains("netsec_approvals_pending 0\n"), "{text}");
    }
}
