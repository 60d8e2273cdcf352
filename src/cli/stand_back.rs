//! Processes of the background stand back behind what people do on the machine.

use crate::process::Standing;

/// Gives this process a session of its own, so that no terminal's hang-up reaches it, and at least
/// this niceness. Nothing is an error: whoever cannot stand back works anyway.
pub(super) fn stand_back(niceness: i32) {
    // Refused only to the leader of a group, which has one already.
    let _ = rustix::process::setsid();
    // Not on top of what it inherits: the worker of a queued run is started by a worker.
    if !rustix::process::getpriority_process(None).is_ok_and(|now| now >= niceness) {
        let _ = rustix::process::setpriority_process(None, niceness);
    }
    // Linux shares the processor between sessions first, and niceness counts only inside of one:
    // the session must stand back as well. Only one's own: another is a person's terminal.
    let me = rustix::process::getpid().as_raw_pid();
    let leads = Standing::own().is_some_and(|own| own.session == me);
    if leads {
        let _ = std::fs::write("/proc/self/autogroup", niceness.to_string());
    }
}
