//! Who has a run in hand. A lease is a file in `Artifacts/leases/`, changed under one lock; it is
//! good as long as its session lives, or for a minute when a command without a session took it.
//!
//! The same person in two consoles is one person: name and origin are compared, not processes.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::session::is_alive;
use crate::error::CommandError;
use crate::events::Actor;
use crate::files;
use crate::runs::{RunId, liveness};
use crate::workspace::Workspace;

/// How long the lease of a command without a session is good.
const WITHOUT_SESSION: TimeDelta = TimeDelta::seconds(60);
/// How long the lock is waited for; it is held for the writing of one small file.
const PATIENCE: Duration = Duration::from_secs(5);

/// What somebody has a run in hand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// They started, resumed, stopped or cancelled it; over when its worker has ended.
    Work,
    /// They are deciding on its plan.
    Decision,
}

/// Somebody has a run in hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Version of the format, 1.
    pub v: u16,
    /// The run.
    pub run_id: RunId,
    /// Who.
    pub by: Actor,
    /// Their console; `None` for a command that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What for.
    pub purpose: Purpose,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whom it was taken over from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_from: Option<Actor>,
}

/// Who wants a run.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who.
    pub by: &'a Actor,
    /// Their console, when they have one.
    pub session: Option<&'a str>,
    /// What for.
    pub purpose: Purpose,
}

/// Why a run was not given.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// Somebody else has it.
    #[error("{} from {} has run {} in hand since {}", .0.by.name, .0.by.from, .0.run_id, .0.since.format("%Y-%m-%d %H:%M UTC"))]
    Held(Box<Lease>),
    /// The folder of the leases cannot be read, written or locked.
    #[error("{path} cannot be written")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl From<LeaseError> for CommandError {
    fn from(e: LeaseError) -> Self {
        let message = e.to_string();
        match e {
            LeaseError::Held(_) => CommandError::refused(message)
                .hint("Ask them, or take the run over: `--take-over`. Their console is told, and the run's log."),
            LeaseError::File { source, .. } => CommandError::backend(message).because(source),
        }
    }
}

/// Who has a run in hand, if anybody has.
pub fn holder(workspace: &Workspace, run: &RunId) -> Option<Lease> {
    let lease: Lease = serde_json::from_slice(&fs::read(path(workspace, run)).ok()?).ok()?;
    (lease.run_id == *run && is_good(workspace, &lease, Utc::now())).then_some(lease)
}

/// Every run that somebody has in hand.
pub fn fresh_leases(workspace: &Workspace) -> Vec<Lease> {
    let entries = fs::read_dir(folder(workspace))
        .into_iter()
        .flatten()
        .flatten();
    let runs = entries.filter_map(|e| e.file_name().to_str()?.strip_suffix(".json")?.parse().ok());
    let mut found: Vec<Lease> = runs.filter_map(|run| holder(workspace, &run)).collect();
    found.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    found
}

/// Takes a run in hand that nobody else has.
///
/// # Errors
/// [`LeaseError::Held`] when somebody else has it.
pub fn acquire(workspace: &Workspace, run: &RunId, claim: Claim<'_>) -> Result<(), LeaseError> {
    let _lock = lock(workspace)?;
    match holder(workspace, run) {
        Some(lease) if lease.by != *claim.by => Err(LeaseError::Held(Box::new(lease))),
        Some(lease) => {
            // Deciding passes, working stays: a lease for work is not weakened by a decision.
            let purpose = match lease.purpose {
                Purpose::Work => Purpose::Work,
                Purpose::Decision => claim.purpose,
            };
            write(workspace, run, Claim { purpose, ..claim }, lease.taken_from)
        }
        None => write(workspace, run, claim, None),
    }
}

/// Takes a run in hand, whoever has it. Returns whom it was taken from.
///
/// # Errors
/// When the lease cannot be written.
pub fn take_over(
    workspace: &Workspace,
    run: &RunId,
    claim: Claim<'_>,
) -> Result<Option<Lease>, LeaseError> {
    let _lock = lock(workspace)?;
    let former = holder(workspace, run).filter(|lease| lease.by != *claim.by);
    let from = former.as_ref().map(|lease| lease.by.clone());
    write(workspace, run, claim, from)?;
    Ok(former)
}

/// Gives a run back that this session has.
///
/// # Errors
/// When the lease cannot be removed.
pub fn release(workspace: &Workspace, run: &RunId, session: &str) -> Result<(), LeaseError> {
    let _lock = lock(workspace)?;
    let mine = holder(workspace, run).is_some_and(|l| l.session.as_deref() == Some(session));
    if mine {
        let path = path(workspace, run);
        fs::remove_file(&path).map_err(|source| LeaseError::File { path, source })?;
    }
    Ok(())
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.artifacts().join("leases")
}

fn path(workspace: &Workspace, run: &RunId) -> PathBuf {
    folder(workspace).join(format!("{run}.json"))
}

fn is_good(workspace: &Workspace, lease: &Lease, now: DateTime<Utc>) -> bool {
    let here = match &lease.session {
        Some(session) => is_alive(workspace, session),
        None => (now - lease.since).abs() < WITHOUT_SESSION,
    };
    let at_work = || liveness(&workspace.run_dir(&lease.run_id)).is_ok_and(|l| l.is_held());
    // A worker that is just starting has no lock yet.
    let young = (now - lease.since).abs() < TimeDelta::seconds(5);
    here && (lease.purpose == Purpose::Decision || young || at_work())
}

fn write(
    workspace: &Workspace,
    run: &RunId,
    claim: Claim<'_>,
    taken_from: Option<Actor>,
) -> Result<(), LeaseError> {
    let lease = Lease {
        v: 1,
        run_id: run.clone(),
        by: claim.by.clone(),
        session: claim.session.map(str::to_owned),
        purpose: claim.purpose,
        since: Utc::now(),
        taken_from,
    };
    let path = path(workspace, run);
    files::write_json(&path, &lease).map_err(|source| LeaseError::File { path, source })
}

fn lock(workspace: &Workspace) -> Result<File, LeaseError> {
    let path = folder(workspace).join("lease.lock");
    let fail = |source: io::Error| LeaseError::File {
        path: path.clone(),
        source,
    };
    fs::create_dir_all(folder(workspace)).map_err(fail)?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(fail)?;
    let begun = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(fail(e.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presence::Session;
    use crate::runs::RunLock;

    fn who(name: &str) -> Actor {
        Actor {
            name: name.into(),
            from: "ids-02".into(),
        }
    }

    fn claim<'a>(by: &'a Actor, session: &'a Session) -> Claim<'a> {
        Claim {
            by,
            session: Some(session.id()),
            purpose: Purpose::Decision,
        }
    }

    struct Place {
        _dir: tempfile::TempDir,
        workspace: Workspace,
        run: RunId,
    }

    fn place() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        let run: RunId = "20261122-1230-7f3a".parse().unwrap();
        fs::create_dir_all(workspace.run_dir(&run)).unwrap();
        Place {
            _dir: dir,
            workspace,
            run,
        }
    }

    #[test]
    fn one_person_has_a_run_until_they_give_it_back_or_leave() {
        let p = place();
        let (mara, jon) = (who("mara"), who("jon"));
        let hers = Session::open(&p.workspace, &mara).unwrap();
        let his = Session::open(&p.workspace, &jon).unwrap();
        acquire(&p.workspace, &p.run, claim(&mara, &hers)).unwrap();
        let e = acquire(&p.workspace, &p.run, claim(&jon, &his)).unwrap_err();
        assert!(e.to_string().contains("mara from ids-02"), "{e}");
        assert_eq!(CommandError::from(e).kind.exit_code(), 5);
        // A second console of hers is no conflict.
        let second = Session::open(&p.workspace, &mara).unwrap();
        acquire(&p.workspace, &p.run, claim(&mara, &second)).unwrap();
        release(&p.workspace, &p.run, hers.id()).unwrap();
        assert!(
            holder(&p.workspace, &p.run).is_some(),
            "it is the second console's now"
        );
        drop(second);
        assert_eq!(
            holder(&p.workspace, &p.run),
            None,
            "a console that is gone has nothing"
        );
        acquire(&p.workspace, &p.run, claim(&jon, &his)).unwrap();
        release(&p.workspace, &p.run, his.id()).unwrap();
        assert_eq!(fresh_leases(&p.workspace), []);
    }

    #[test]
    fn taking_over_says_from_whom_and_the_former_holder_has_it_no_more() {
        let p = place();
        let (mara, jon) = (who("mara"), who("jon"));
        let hers = Session::open(&p.workspace, &mara).unwrap();
        acquire(&p.workspace, &p.run, claim(&mara, &hers)).unwrap();
        let without_session = Claim {
            by: &jon,
            session: None,
            purpose: Purpose::Decision,
        };
        let former = take_over(&p.workspace, &p.run, without_session).unwrap();
        assert_eq!(former.unwrap().by, mara);
        let now = fresh_leases(&p.workspace);
        assert_eq!(now[0].by, jon);
        assert_eq!(now[0].taken_from, Some(mara.clone()));
        assert!(acquire(&p.workspace, &p.run, claim(&mara, &hers)).is_err());
        let mut late = now[0].clone();
        late.since -= WITHOUT_SESSION;
        assert!(
            !is_good(&p.workspace, &late, Utc::now()),
            "a command is soon gone"
        );
        let again = take_over(&p.workspace, &p.run, claim(&mara, &hers)).unwrap();
        assert_eq!(again.unwrap().by, jon);
    }

    #[test]
    fn a_lease_for_work_ends_with_the_worker() {
        let p = place();
        let mara = who("mara");
        let hers = Session::open(&p.workspace, &mara).unwrap();
        let work = Claim {
            purpose: Purpose::Work,
            ..claim(&mara, &hers)
        };
        let lock = RunLock::acquire(&p.workspace.run_dir(&p.run), "w").unwrap();
        acquire(&p.workspace, &p.run, work).unwrap();
        let mut lease = holder(&p.workspace, &p.run).unwrap();
        lease.since -= TimeDelta::minutes(3);
        assert!(is_good(&p.workspace, &lease, Utc::now()));
        drop(lock);
        assert!(!is_good(&p.workspace, &lease, Utc::now()));
    }

    #[test]
    fn many_at_once_one_wins() {
        let p = place();
        let people: Vec<Actor> = (0..8).map(|i| who(&format!("p{i}"))).collect();
        let won: usize = std::thread::scope(|scope| {
            let claims: Vec<_> = people
                .iter()
                .map(|by| {
                    let p = &p;
                    scope.spawn(move || {
                        let claim = Claim {
                            by,
                            session: None,
                            purpose: Purpose::Decision,
                        };
                        usize::from(acquire(&p.workspace, &p.run, claim).is_ok())
                    })
                })
                .collect();
            claims.into_iter().map(|c| c.join().unwrap()).sum()
        });
        assert_eq!(won, 1);
    }
}
