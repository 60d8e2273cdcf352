//! The runs this console has in hand, and whether somebody else has one, before anything is done
//! with it. A console that only looks never gets here and has none.

use std::sync::{Mutex, PoisonError};

use super::desk::LeaseRow;
use super::jobs::{Done, Job};
use crate::error::CommandError;
use crate::events::Actor;
use crate::pipeline::model_pusher;
use crate::presence::{self, Claim, LeaseError, Purpose, Session};
use crate::runs::RunId;
use crate::worker;
use crate::workspace::Workspace;

/// What a console has in hand.
pub struct Hands {
    workspace: Workspace,
    by: Actor,
    // Opened when something is first taken in hand.
    session: Mutex<Option<Session>>,
    // The run whose plan is being decided on.
    deciding: Mutex<Option<RunId>>,
}

impl Hands {
    /// Empty hands.
    pub fn new(workspace: Workspace, by: Actor) -> Self {
        Self {
            workspace,
            by,
            session: Mutex::default(),
            deciding: Mutex::default(),
        }
    }

    /// Takes the run of a job in hand; says who has it when somebody else does.
    ///
    /// # Errors
    /// When there is no such plan, or the lease cannot be written.
    pub fn before(&self, job: &Job) -> Result<Option<Done>, CommandError> {
        let Some((run, purpose)) = self.run_of(job)? else {
            return Ok(None);
        };
        match self.acquire(&run, purpose) {
            Ok(()) => Ok(None),
            Err(LeaseError::Held(lease)) => Ok(Some(Done::InHand {
                lease: LeaseRow::new(*lease, &self.by),
                then: Box::new(job.clone()),
            })),
            Err(e) => Err(e.into()),
        }
    }

    /// Takes a run over for a job, and tells its log from whom.
    ///
    /// # Errors
    /// When the lease or the log cannot be written.
    pub fn take_over(&self, run: &RunId, then: &Job) -> Result<(), CommandError> {
        let purpose = self.run_of(then)?.map_or(Purpose::Decision, |(_, p)| p);
        let taken = self.with_claim(purpose, |claim| {
            presence::take_over(&self.workspace, run, claim)
        })?;
        match taken {
            Some(former) => {
                worker::record_takeover(&self.workspace.run_dir(run), self.by.clone(), former.by)
            }
            None => Ok(()),
        }
    }

    /// Takes a run in hand while its plan is looked at. Somebody else who has it keeps it.
    ///
    /// # Errors
    /// When the lease cannot be written.
    pub fn hold(&self, run: &RunId) -> Result<(), CommandError> {
        let mut deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = deciding.take().filter(|other| other != run) {
            self.release(&other)?;
        }
        match self.acquire(run, Purpose::Decision) {
            Ok(()) => *deciding = Some(run.clone()),
            Err(LeaseError::Held(_)) => {}
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }

    /// Gives a run back that was only looked at.
    ///
    /// # Errors
    /// When the lease cannot be removed.
    pub fn let_go(&self, run: &RunId) -> Result<(), CommandError> {
        let mut deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        if deciding.as_ref() == Some(run) {
            *deciding = None;
            self.release(run)?;
        }
        Ok(())
    }

    /// The decision was taken, or could not be: the run is free again.
    pub fn decided(&self, plan_id: &str) {
        if let Ok(plan) = model_pusher::find_plan(&self.workspace, plan_id)
            && let Err(e) = self.release(&plan.run_id)
        {
            tracing::warn!(error = %e, "a run cannot be given back");
        }
    }

    /// A run was started here.
    pub fn started(&self, run: &RunId) {
        if let Err(e) = self.acquire(run, Purpose::Work) {
            tracing::warn!(error = %e, "a run cannot be taken in hand");
        }
    }

    /// Who has which run in hand.
    pub fn leases(&self) -> Vec<LeaseRow> {
        presence::fresh_leases(&self.workspace)
            .into_iter()
            .map(|lease| LeaseRow::new(lease, &self.by))
            .collect()
    }

    fn run_of(&self, job: &Job) -> Result<Option<(RunId, Purpose)>, CommandError> {
        Ok(match job {
            Job::Resume(run) | Job::Control(run, _) => Some((run.clone(), Purpose::Work)),
            Job::Approve { plan_id, .. } | Job::Reject { plan_id, .. } => {
                let plan = model_pusher::find_plan(&self.workspace, plan_id)?;
                Some((plan.run_id, Purpose::Decision))
            }
            _ => None,
        })
    }

    fn acquire(&self, run: &RunId, purpose: Purpose) -> Result<(), LeaseError> {
        self.with_claim(purpose, |claim| {
            presence::acquire(&self.workspace, run, claim)
        })
    }

    fn release(&self, run: &RunId) -> Result<(), CommandError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        match session.as_ref() {
            Some(session) => Ok(presence::release(&self.workspace, run, session.id())?),
            None => Ok(()),
        }
    }

    fn with_claim<T>(
        &self,
        purpose: Purpose,
        claim: impl FnOnce(Claim<'_>) -> Result<T, LeaseError>,
    ) -> Result<T, LeaseError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if session.is_none() {
            let opened = Session::open(&self.workspace, &self.by);
            *session = Some(opened.map_err(|source| LeaseError::File {
                path: self.workspace.artifacts().join("sessions"),
                source,
            })?);
        }
        claim(Claim {
            by: &self.by,
            session: session.as_ref().map(Session::id),
            purpose,
        })
    }
}
