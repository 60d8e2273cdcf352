//! What the kernel tells of a process: parent, group, session, processor time, memory.
//!
//! On Linux it is read from `/proc/<pid>/stat` and not asked with `getpgid` and `getsid`: to a
//! process in a container, a group or session outside of it has the number 0, which the system
//! call gives back and `rustix` holds to be impossible. Signals are no matter of this module.

use std::fmt::Display;

/// Clock ticks a second in `/proc/<pid>/stat`: 100 on every Linux, whatever the kernel's own.
const TICKS_PER_SECOND: f64 = 100.0;

/// Where a process stands. A number is 0 for what is outside of this process's PID namespace, and
/// for the parent where it is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The process that started it, or took it over.
    pub parent: i32,
    /// Its process group: what a shell stops and continues as one.
    pub group: i32,
    /// Its session: the processes of one terminal.
    pub session: i32,
    /// User and system time so far, in seconds; that of Linux alone.
    pub cpu_seconds: f64,
}

impl Standing {
    /// Where this process stands.
    #[must_use]
    pub fn own() -> Option<Self> {
        Self::read("self")
    }

    /// Where another process stands; none when there is no such process, or nothing is told of it.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        (pid > 0).then_some(())?;
        Self::read(pid)
    }

    #[cfg(target_os = "linux")]
    fn read(process: impl Display) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// No other system has PID namespaces that `getpgid` and `getsid` could look out of.
    #[cfg(not(target_os = "linux"))]
    fn read(process: impl Display) -> Option<Self> {
        use rustix::process::{Pid, getpgid, getppid, getsid};
        let pid = process.to_string().parse().ok().and_then(Pid::from_raw);
        Some(Self {
            parent: match pid {
                None => getppid().map_or(0, Pid::as_raw_pid),
                Some(_) => 0,
            },
            group: getpgid(pid).ok()?.as_raw_pid(),
            session: getsid(pid).ok()?.as_raw_pid(),
            cpu_seconds: 0.0,
        })
    }

    /// Fields 4 to 6, 14 and 15 of `/proc/<pid>/stat`, proc_pid_stat(5). The name in field 2 may
    /// hold spaces and parentheses, so counting starts behind its last one.
    #[cfg(any(target_os = "linux", test))]
    fn parse(stat: &str) -> Option<Self> {
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
        let small = |field: usize| i32::try_from(number(field)?).ok();
        Some(Self {
            parent: small(4)?,
            group: small(5)?,
            session: small(6)?,
            cpu_seconds: (number(14)? + number(15)?) as f64 / TICKS_PER_SECOND,
        })
    }
}

/// Resident memory of this process, where `/proc` tells.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    resident_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn resident_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_status() {
        let status = "Name:\tnetsec\nVmPeak:\t  9000 kB\nVmRSS:\t  2048 kB\nThreads:\t3\n";
        assert_eq!(resident_in(status), Some(2_097_152));
        assert_eq!(resident_in("nothing"), None);
        assert!(resident_bytes().is_none_or(|bytes| bytes > 1_000_000));
    }

    #[test]
    fn the_numbers_are_read_behind_a_strange_name() {
        let stat = "42 (a (b) c) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 8 0";
        let standing = Standing {
            parent: 1,
            group: 2,
            session: 3,
            cpu_seconds: 2.0,
        };
        assert_eq!(Standing::parse(stat), Some(standing));
        assert_eq!(Standing::parse("no name"), None);
        assert_eq!(Standing::parse("42 (cut off) R 1 2"), None);
    }

    #[test]
    fn this_process_and_its_parent_are_found() {
        let own = Standing::own().unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        assert_eq!(Standing::of(me).map(|s| s.parent), Some(own.parent));
        assert_eq!(
            own.parent,
            std::os::unix::process::parent_id().cast_signed()
        );
        assert_eq!(Standing::of(0), None);
        assert_eq!(Standing::of(-1), None);
    }
}
