//! How far an import is, on stderr: on a terminal one line that is drawn over and over, else a
//! line every few seconds.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::cli::output;
use crate::cli::progress::{width, write_err};
use crate::source::mongodb::import::{ImportStatus, Standing};
use crate::text::{clean_to, count};

/// The live line is drawn this often; nothing is drawn before, so that a short import does not
/// flicker.
const REDRAW: Duration = Duration::from_millis(250);
/// Without a live line, progress is said this often.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Shows an import from a thread of its own, for the import may stand still while the server is
/// away.
pub(in crate::cli) struct Ticker {
    end: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Ticker {
    /// Begins to show.
    pub fn start(status: &Arc<ImportStatus>) -> Self {
        let (end, ended) = mpsc::channel();
        let status = Arc::clone(status);
        let thread = std::thread::spawn(move || show(&status, &ended));
        Self { end, thread }
    }

    /// Ends it and erases the line.
    pub fn stop(self) {
        drop(self.end);
        // A thread that panicked has shown nothing; the import itself is what counts.
        let _ = self.thread.join();
    }
}

fn show(status: &ImportStatus, ended: &mpsc::Receiver<()>) {
    let dumb = std::env::var_os("TERM").is_none_or(|t| t == "dumb");
    let live = io::stderr().is_terminal() && !dumb;
    let (begun, mut said, mut drawn) = (Instant::now(), Instant::now(), false);
    let mut waiting = false;
    while ended.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
        let standing = status.standing();
        // That the server is away is said once, wherever.
        let begins_to_wait = matches!(standing, Standing::Waiting(_)) && !waiting;
        waiting = matches!(standing, Standing::Waiting(_));
        if live {
            let text = clean_to(
                &line(status, &standing, begun.elapsed()),
                width().max(20) - 1,
            );
            write_err(&format!("\r\x1b[K{text}"));
            drawn = true;
        } else if begins_to_wait || said.elapsed() >= SAY_EVERY {
            output::note!(
                "{}",
                clean_to(&line(status, &standing, begun.elapsed()), 400)
            );
            said = Instant::now();
        }
    }
    if drawn {
        write_err("\r\x1b[K");
    }
}

fn line(status: &ImportStatus, standing: &Standing, elapsed: Duration) -> String {
    let share = match status.expected() {
        Some(of) => format!("{} of about {} rows", count(status.rows()), count(of)),
        None => format!("{} rows", count(status.rows())),
    };
    let done = status.added() + status.there();
    match standing {
        Standing::Looking => format!("Looking at the file: {share}"),
        Standing::Inserting => {
            let speed = done as f64 / elapsed.as_secs_f64().max(0.001);
            let there = match status.there() {
                0 => String::new(),
                there => format!(", {} were there", count(there)),
            };
            format!(
                "Read {share}, {} added{there}, {} a second",
                count(status.added()),
                count(speed as u64)
            )
        }
        Standing::Waiting(why) => format!(
            "Trying again, {} added so far: {why}",
            count(status.added())
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_it_waits_for() {
        let status = ImportStatus::default();
        let second = Duration::from_secs(1);
        assert_eq!(
            line(&status, &Standing::Looking, second),
            "Looking at the file: 0 rows"
        );
        let waiting = Standing::Waiting("the server is away".to_owned());
        assert_eq!(
            line(&status, &waiting, second),
            "Trying again, 0 added so far: the server is away"
        );
        let text = line(&status, &Standing::Inserting, second);
        assert_eq!(text, "Read 0 rows, 0 added, 0 a second");
    }
}
