//! Checks of the machine: cores, locks and change notices where the project lies, the clock, and
//! whether a run survives logout. Nothing is written.

use std::env;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use notify::{RecursiveMode, Watcher};

use super::Finding;
use crate::error::CommandError;
use crate::runs::{EVENTS_FILE, RunStore};
use crate::workspace::Workspace;

/// Times further ahead than this are from the future: file systems round, and time servers slew.
const AHEAD: Duration = Duration::from_secs(5);

/// Runs the checks.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    vec![
        cores(),
        xgboost(),
        locks(workspace),
        notices(workspace),
        clock(workspace),
        lingering(),
    ]
}

fn root(workspace: &Workspace) -> &Path {
    match workspace.root() {
        root if root.as_os_str().is_empty() => Path::new("."),
        root => root,
    }
}

fn cores() -> Finding {
    match std::thread::available_parallelism() {
        Ok(n) => Finding::ok("cores", format!("{n}")),
        Err(e) => Finding::warn("cores", format!("unknown: {e}"), "Set [training] cores."),
    }
}

fn xgboost() -> Finding {
    if cfg!(feature = "xgboost") {
        Finding::ok("xgboost", "built in")
    } else {
        Finding::warn(
            "xgboost",
            "this build leaves XGBoost out",
            "Build with default features.",
        )
    }
}

/// A run is alive while its worker holds a lock: without locks nothing can be told apart.
fn locks(workspace: &Workspace) -> Finding {
    const CHECK: &str = "locks";
    let root = root(workspace);
    let locked = fs::File::open(root).and_then(|folder| {
        use rustix::fs::{FlockOperation, flock};
        flock(&folder, FlockOperation::NonBlockingLockShared)?;
        flock(&folder, FlockOperation::Unlock)?;
        Ok(())
    });
    match locked {
        Ok(()) => Finding::ok(CHECK, "files can be locked here"),
        Err(e) => Finding::fail(
            CHECK,
            &CommandError::backend(format!("{} cannot be locked", root.display()))
                .because(e)
                .hint("Keep the project on a local disk, or mount the share with locks (NFS: without nolock)."),
        ),
    }
}

fn notices(workspace: &Workspace) -> Finding {
    const CHECK: &str = "notices";
    let watched = notify::recommended_watcher(|_: notify::Result<notify::Event>| {})
        .and_then(|mut watcher| watcher.watch(root(workspace), RecursiveMode::NonRecursive));
    match watched {
        Ok(()) => Finding::ok(CHECK, "changes of files are noticed at once"),
        Err(e) => Finding::warn(
            CHECK,
            format!("changes of files are not noticed ({e}); logs are read every two seconds"),
            "`sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288`.",
        ),
    }
}

/// Runs, plans and approvals carry times; a clock that jumps makes plans look expired.
fn clock(workspace: &Workspace) -> Finding {
    let now = SystemTime::now();
    let newest = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    let mut files = vec![workspace.journal()];
    if let Ok(runs) = RunStore::new(workspace).list() {
        let logs = runs.iter().take(20);
        files.extend(logs.map(|run| workspace.run_dir(run).join(EVENTS_FILE)));
    }
    let last = files.iter().filter_map(|f| newest(f)).max();
    let year = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S UTC");
    let timesync = Path::new("/run/systemd/timesync");
    let synchronised = timesync
        .exists()
        .then(|| timesync.join("synchronized").exists());
    judge_clock(&year.to_string(), now, last, synchronised)
}

fn judge_clock(
    shown: &str,
    now: SystemTime,
    last: Option<SystemTime>,
    synchronised: Option<bool>,
) -> Finding {
    const CHECK: &str = "clock";
    let ahead = last.and_then(|last| last.duration_since(now).ok());
    if let Some(ahead) = ahead.filter(|a| *a > AHEAD) {
        return Finding::warn(
            CHECK,
            format!(
                "{shown}, but a run or decision was written {} s later than that",
                ahead.as_secs()
            ),
            "The clock was set back, or another machine writes here: let a time server set both \
             (`timedatectl set-ntp true`).",
        );
    }
    match synchronised {
        Some(false) => Finding::warn(
            CHECK,
            format!("{shown}, not yet set by a time server"),
            "`timedatectl timesync-status` tells why; times of runs and approvals depend on it.",
        ),
        Some(true) => Finding::ok(CHECK, format!("{shown}, set by a time server")),
        None => Finding::ok(CHECK, shown),
    }
}

/// logind may kill every process of a user at logout; then a detached run dies with the session.
fn lingering() -> Finding {
    const CHECK: &str = "lingering";
    if !Path::new("/run/systemd/system").exists() {
        return Finding::ok(CHECK, "no systemd: a detached run survives logout");
    }
    let user = env::var("USER")
        .or_else(|_| env::var("LOGNAME"))
        .unwrap_or_default();
    if !user.is_empty() && Path::new("/var/lib/systemd/linger").join(&user).exists() {
        return Finding::ok(
            CHECK,
            format!("on for {user}: a detached run survives logout"),
        );
    }
    if kills_user_processes() {
        Finding::warn(
            CHECK,
            "logind kills a user's processes at logout (KillUserProcesses=yes): a detached run \
             would die with the session",
            format!("`loginctl enable-linger {user}`"),
        )
    } else {
        Finding::ok(
            CHECK,
            "KillUserProcesses is off: a detached run survives logout",
        )
    }
}

fn kills_user_processes() -> bool {
    let mut files = vec![Path::new("/etc/systemd/logind.conf").to_owned()];
    for dir in [
        "/usr/lib/systemd/logind.conf.d",
        "/etc/systemd/logind.conf.d",
    ] {
        if let Ok(entries) = fs::read_dir(dir) {
            let mut more: Vec<_> = entries.flatten().map(|e| e.path()).collect();
            more.sort();
            files.extend(more);
        }
    }
    let mut kills = false;
    for file in files {
        for line in fs::read_to_string(file).unwrap_or_default().lines() {
            if let Some(value) = line.trim().strip_prefix("KillUserProcesses=") {
                kills = matches!(value.trim(), "yes" | "true" | "1" | "on");
            }
        }
    }
    kills
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_folder_that_can_be_locked_and_watched() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        assert_eq!(locks(&workspace).state, State::Ok);
        assert_eq!(notices(&workspace).state, State::Ok);
        assert_ne!(clock(&workspace).state, State::Fail);
    }

    #[test]
    fn a_folder_that_is_not_there_fails() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path().join("gone"));
        let finding = locks(&workspace);
        assert_eq!(finding.state, State::Fail);
        assert!(finding.fix.is_some());
        assert_eq!(notices(&workspace).state, State::Warn);
    }

    #[test]
    fn what_was_written_in_the_future_gives_the_clock_away() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let judge = |ahead: i64, sync| {
            let last = if ahead >= 0 {
                now + Duration::from_secs(ahead.unsigned_abs())
            } else {
                now - Duration::from_secs(ahead.unsigned_abs())
            };
            judge_clock("now", now, Some(last), sync)
        };
        assert_eq!(judge(-60, None).state, State::Ok);
        assert_eq!(judge(2, Some(true)).state, State::Ok);
        assert_eq!(judge(-60, Some(false)).state, State::Warn);
        let late = judge(3600, Some(true));
        assert_eq!(late.state, State::Warn);
        assert!(late.text.contains("3600 s later"), "{}", late.text);
    }
}
