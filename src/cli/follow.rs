//! Following a run from the command line: read, fold, show, until it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::error::CommandError;
use crate::events::{LogFollower, Outcome, ReadLine, RunState};
use crate::runs::{EVENTS_FILE, RunId, RunStore, RunView, ShowDocument, liveness};
use crate::workspace::Workspace;

use super::output::{self, Reader};
use super::progress::Progress;
use super::show_text;

/// How often the lock is asked while a run is ending or beginning.
const MOMENT: Duration = Duration::from_millis(20);

/// Somebody who is shown a run while it is followed.
pub(super) trait Viewer {
    /// A line of the log, and the state after it.
    fn line(&mut self, line: &ReadLine, state: &RunState) -> Result<Reader, CommandError>;
    /// Nothing more is there for now.
    fn pause(&mut self, _state: &RunState) {}
    /// The run has ended, or is not followed any more.
    fn end(&mut self) {}
}

/// Follows a run to its end and gives it as it stands then. Ctrl-C ends the following and not
/// the run: the exit code is then 130, so that a script does not go on as if the run were done.
pub(super) fn follow(
    workspace: &Workspace,
    run: &RunId,
    viewer: &mut dyn Viewer,
) -> Result<RunView, CommandError> {
    let store = RunStore::new(workspace);
    let dir = workspace.run_dir(run);
    let path = dir.join(EVENTS_FILE);
    let unreadable = |e: std::io::Error| {
        CommandError::backend(format!("{} cannot be read", path.display())).because(e)
    };
    let mut follower = LogFollower::new(&path);
    let interrupted = Arc::new(AtomicBool::new(false));
    let stop = follower.stop_handle();
    let mut signals = Signals::new([SIGINT])
        .map_err(|e| CommandError::internal("signals cannot be caught").because(e))?;
    let handle = signals.handle();
    std::thread::spawn({
        let interrupted = Arc::clone(&interrupted);
        move || {
            if signals.forever().next().is_some() {
                interrupted.store(true, Ordering::SeqCst);
                stop.stop();
            }
        }
    });
    let mut state = RunState::default();
    let mut ending = false;
    let result = loop {
        // Near the end the lock is watched closely; otherwise the log wakes us.
        let batch = if ending {
            std::thread::sleep(MOMENT);
            Some(follower.read_now())
        } else {
            follower.next()
        };
        if interrupted.load(Ordering::SeqCst) {
            break Err(CommandError::cancelled(format!(
                "run {run} is not followed any more; it goes on by itself"
            ))
            .hint(format!(
                "`netsec watch {run}` follows it again, `netsec cancel {run}` ends it."
            )));
        }
        let lines = match batch {
            Some(Ok(lines)) => lines,
            Some(Err(e)) => break Err(unreadable(e)),
            None => break store.open(run),
        };
        let idle = lines.is_empty();
        match show(&lines, &mut state, viewer) {
            Ok(Reader::There) => {}
            Ok(Reader::Gone) => break store.open(run),
            Err(e) => break Err(e),
        }
        if idle {
            viewer.pause(&state);
        }
        // A log that says "finished" may be about to go on (resume); only the lock knows.
        let said_so = matches!(
            state.outcome,
            Outcome::Finished | Outcome::Failed | Outcome::Cancelled
        );
        let free = (said_so || idle) && !liveness(&dir).map_err(unreadable)?.is_held();
        ending = said_so;
        if free && idle {
            let view = match store.open(run) {
                Ok(view) => view,
                Err(e) => break Err(e),
            };
            // Read after the lock was seen free: nothing can have been added since.
            if view.state.last_seq == state.last_seq && view.outcome() != Outcome::Running {
                break Ok(view);
            }
        }
    };
    handle.close();
    viewer.end();
    result
}

fn show(
    lines: &[ReadLine],
    state: &mut RunState,
    viewer: &mut dyn Viewer,
) -> Result<Reader, CommandError> {
    for line in lines {
        match line {
            ReadLine::Event { envelope, .. } => state.apply(envelope),
            ReadLine::Damaged(_) => {}
            ReadLine::Restarted => *state = RunState::default(),
        }
        if viewer.line(line, state)? == Reader::Gone {
            return Ok(Reader::Gone);
        }
    }
    Ok(Reader::There)
}

/// Follows a run with progress on stderr, prints what became of it and ends as it ended.
pub(super) fn follow_with_progress(
    workspace: &Workspace,
    run: &RunId,
    json: bool,
) -> Result<(), CommandError> {
    let view = follow(workspace, run, &mut Progress::on_stderr())?;
    let document = ShowDocument::new(&view);
    if json {
        output::write_json(&document)?;
    } else {
        output::write(&show_text::text(&document))?;
    }
    verdict(&view)
}

/// Follows a run with progress on stderr and ends as it ended; prints no result.
pub(super) fn follow_to_end(workspace: &Workspace, run: &RunId) -> Result<RunView, CommandError> {
    let view = follow(workspace, run, &mut Progress::on_stderr())?;
    verdict(&view)?;
    Ok(view)
}

/// The end of a run as the end of a command.
pub(super) fn verdict(view: &RunView) -> Result<(), CommandError> {
    let run = &view.run_id;
    match view.outcome() {
        Outcome::Finished => Ok(()),
        Outcome::Cancelled => Err(CommandError::cancelled(format!("run {run} was cancelled"))
            .hint(format!(
                "`netsec resume {run}` goes on from the last good stage."
            ))),
        Outcome::Failed => Err(view.state.error.clone().map_or_else(
            || CommandError::internal(format!("run {run} failed")),
            CommandError::from,
        )),
        Outcome::Running | Outcome::Stalled | Outcome::Crashed => Err(CommandError::internal(
            format!("the worker of run {run} is gone without a word"),
        )
        .hint(format!(
            "`netsec resume {run}` goes on from the last good stage; {} may say why.",
            view.dir.join(crate::runs::WORKER_LOG).display()
        ))),
    }
}
