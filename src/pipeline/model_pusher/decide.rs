//! Decisions on a plan: approve, reject, and where a plan stands.

use chrono::Utc;
use serde::Serialize;

use super::look::{PublishedSeen, targets};
use super::plan::{self, PushPlan};
use super::push::{self, Executed, Site, Watch};
use crate::approval::{
    Decision, Evidence, Journal, JournalRecord, PolicyError, Subject, check_approver,
    check_plan_age,
};
use crate::config::Config;
use crate::error::CommandError;
use crate::events::{Actor, Envelope, Event, LogRecorder};
use crate::runs::{EVENTS_FILE, RunLock};
use crate::storage;
use crate::workspace::Workspace;

/// Where a plan stands, from the journal and the champion in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum PlanStatus {
    /// It can be decided.
    Waiting {
        /// Approvals so far.
        approvals: usize,
    },
    /// Refused for good.
    Rejected {
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// Its version went into production.
    Pushed,
    /// It can no longer be pushed.
    Stale {
        /// Why.
        reason: String,
    },
}

/// A plan that can be decided.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingPlan {
    /// The plan.
    pub plan: PushPlan,
    /// Approvals so far.
    pub approvals: usize,
    /// Approvals needed.
    pub needed: u32,
}

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whether the version is in production now.
    pub pushed: bool,
    /// The version.
    pub version: String,
    /// What was done, one line each.
    pub lines: Vec<String>,
}

/// Says where a plan stands.
pub fn plan_status(
    workspace: &Workspace,
    plan: &PushPlan,
    records: &[JournalRecord],
) -> Result<PlanStatus, CommandError> {
    let about = |r: &&JournalRecord| r.subject.plan_id.as_deref() == Some(&plan.plan_id);
    if records
        .iter()
        .filter(about)
        .any(|r| r.decision == Decision::Pushed)
    {
        return Ok(PlanStatus::Pushed);
    }
    if let Some(r) = records
        .iter()
        .filter(about)
        .find(|r| r.decision == Decision::Reject)
    {
        return Ok(PlanStatus::Rejected {
            by: r.by.name.clone(),
            reason: r.reason.clone(),
        });
    }
    if let Some(r) = records
        .iter()
        .filter(about)
        .find(|r| r.decision == Decision::PushLost)
    {
        return Ok(PlanStatus::Stale {
            reason: r.reason.clone(),
        });
    }
    if let Some(reason) = stale(workspace, plan, records)? {
        return Ok(PlanStatus::Stale { reason });
    }
    let approvals = records
        .iter()
        .filter(about)
        .filter(|r| r.decision == Decision::Approve)
        .count();
    Ok(PlanStatus::Waiting { approvals })
}

/// Why a plan can no longer be pushed, if so.
fn stale(
    workspace: &Workspace,
    plan: &PushPlan,
    records: &[JournalRecord],
) -> Result<Option<String>, CommandError> {
    let champion = Journal::in_production(records).map(|r| &r.subject.version);
    if champion != plan.champion_before.as_ref() {
        let name = |v: Option<&String>| v.map_or("none".to_owned(), Clone::clone);
        return Ok(Some(format!(
            "the champion has changed since: it was {}, it is {}",
            name(plan.champion_before.as_ref()),
            name(champion)
        )));
    }
    if storage::versions(workspace)?.contains(&plan.version) {
        let ordered = records.iter().any(|r| {
            r.decision == Decision::Push && r.subject.plan_id.as_deref() == Some(&plan.plan_id)
        });
        if !ordered {
            return Ok(Some(format!(
                "{} has been given to another model since",
                plan.version
            )));
        }
    }
    if let Err(e) = check_plan_age(plan.expires_at, Utc::now()) {
        return Ok(Some(e.to_string()));
    }
    Ok(None)
}

/// The plans that can be decided, newest run first.
pub fn pending(workspace: &Workspace, config: &Config) -> Result<Vec<PendingPlan>, CommandError> {
    let records = Journal::read(workspace)?;
    let mut pending = Vec::new();
    for plan in plan::plans(workspace)? {
        if let PlanStatus::Waiting { approvals } = plan_status(workspace, &plan, &records)? {
            pending.push(PendingPlan {
                plan,
                approvals,
                needed: config.approval.approvals,
            });
        }
    }
    Ok(pending)
}

/// Approves a plan; with enough approvals the push runs before this returns.
///
/// # Errors
/// Kind `Refused` when the policy, a rejection, a changed champion, an altered file or the plan's
/// age is against it; nothing is recorded then. Also `Refused` when somebody else has moved the
/// published pointer: the order is then closed in the journal. Kind `Backend` when the store
/// cannot be used: before the order nothing is recorded, after it the next decision goes on.
pub fn approve(
    workspace: &Workspace,
    config: &Config,
    plan_id: &str,
    by: Actor,
    reason: &str,
) -> Result<Receipt, CommandError> {
    approve_watched(workspace, config, plan_id, by, reason, &|_| {})
}

/// As [`approve`], and tells how far large files are.
pub fn approve_watched(
    workspace: &Workspace,
    config: &Config,
    plan_id: &str,
    by: Actor,
    reason: &str,
    watch: Watch<'_>,
) -> Result<Receipt, CommandError> {
    check_reason(reason)?;
    let site = Site {
        workspace,
        config,
        watch,
    };
    let mut journal = Journal::open(workspace)?;
    let mut lines = push::finish_interrupted(site, &mut journal)?;
    let plan = plan::find_plan(workspace, plan_id)?;
    let approvals = match plan_status(workspace, &plan, journal.records())? {
        PlanStatus::Waiting { approvals } => approvals,
        PlanStatus::Pushed if !lines.is_empty() => {
            return Ok(Receipt {
                pushed: true,
                version: plan.version,
                lines,
            });
        }
        other => return Err(undecidable(&plan, &other)),
    };
    let started_by = started_by(workspace, &plan);
    check_approver(
        &config.approval,
        &by.name,
        started_by.as_deref(),
        &plan.plan_id,
        journal.records(),
    )?;
    push::check_files(workspace, &plan)?;
    check_targets(config, &plan)?;
    let approvals = approvals + 1;
    let needed = config.approval.approvals as usize;
    let before = if approvals < needed {
        None
    } else {
        let pointer = push::reach(site)?;
        match &plan.published {
            Some(PublishedSeen::Champion(pointer)) => Some(pointer.clone()),
            Some(PublishedSeen::Nothing) => None,
            Some(PublishedSeen::Unknown) | None => push::own(pointer, journal.records()),
        }
    };
    let record = journal.append(
        Decision::Approve,
        by.clone(),
        reason,
        subject(&plan),
        evidence(&plan),
    )?;
    lines.push(format!(
        "approval by {} journalled as record {}",
        by.name, record.seq
    ));
    tell_run(workspace, &plan, Decision::Approve, &by, reason, &[]);
    if approvals < needed {
        lines.push(format!(
            "{approvals} of {needed} approvals; nothing is pushed yet"
        ));
        return Ok(Receipt {
            pushed: false,
            version: plan.version,
            lines,
        });
    }
    let executed = push::push(site, &mut journal, &plan, before, by.clone(), reason)?;
    let (decision, steps) = match &executed {
        Executed::Done(steps) => (Decision::Pushed, steps.clone()),
        Executed::Lost(reason) => (Decision::PushLost, vec![format!("not pushed: {reason}")]),
    };
    tell_run(workspace, &plan, decision, &by, reason, &steps);
    lines.extend(executed.lines(&plan.version)?);
    Ok(Receipt {
        pushed: true,
        version: plan.version,
        lines,
    })
}

/// Refuses a plan for good.
pub fn reject(
    workspace: &Workspace,
    config: &Config,
    plan_id: &str,
    by: Actor,
    reason: &str,
) -> Result<Receipt, CommandError> {
    check_reason(reason)?;
    let site = Site {
        workspace,
        config,
        watch: &|_| {},
    };
    let mut journal = Journal::open(workspace)?;
    let mut lines = push::finish_interrupted(site, &mut journal)?;
    let plan = plan::find_plan(workspace, plan_id)?;
    match plan_status(workspace, &plan, journal.records())? {
        PlanStatus::Waiting { .. } | PlanStatus::Stale { .. } => {}
        other => return Err(undecidable(&plan, &other)),
    }
    let record = journal.append(
        Decision::Reject,
        by.clone(),
        reason,
        subject(&plan),
        evidence(&plan),
    )?;
    lines.push(format!(
        "refusal by {} journalled as record {}",
        by.name, record.seq
    ));
    tell_run(workspace, &plan, Decision::Reject, &by, reason, &[]);
    Ok(Receipt {
        pushed: false,
        version: plan.version,
        lines,
    })
}

/// Adds the decision to the run's own log, so that whoever watches the run sees it. The journal is
/// the truth about decisions: a run whose log cannot be written, or whose folder is gone, changes
/// nothing about them.
fn tell_run(
    workspace: &Workspace,
    plan: &PushPlan,
    decision: Decision,
    by: &Actor,
    reason: &str,
    steps: &[String],
) {
    let dir = workspace.run_dir(&plan.run_id);
    let told = || -> Result<(), CommandError> {
        // The log has one writer: who holds the lock. The worker of a planned run is gone.
        let _lock = RunLock::acquire(&dir, "decision")?;
        let log = LogRecorder::open(&dir.join(EVENTS_FILE))?;
        if matches!(decision, Decision::Approve | Decision::Reject) {
            log.record_run(Event::ApprovalDecided {
                plan_id: plan.plan_id.clone(),
                decision: decision.as_str().to_owned(),
                by: by.clone(),
                reason: reason.to_owned(),
            });
        }
        for step in steps {
            log.record_run(Event::PushStepFinished {
                plan_id: plan.plan_id.clone(),
                step: step.clone(),
            });
        }
        Ok(log.finish()?)
    };
    if let Err(e) = told() {
        tracing::warn!(run = %plan.run_id, "the run's log does not know of the decision: {e}");
    }
}

/// A decision needs a reason that says something.
pub(super) fn check_reason(reason: &str) -> Result<(), CommandError> {
    if reason.trim().is_empty() {
        Err(PolicyError::NoReason.into())
    } else {
        Ok(())
    }
}

/// A plan is approved for the targets it names.
fn check_targets(config: &Config, plan: &PushPlan) -> Result<(), CommandError> {
    let configured = targets(&config.storage);
    if plan.targets == configured {
        return Ok(());
    }
    Err(CommandError::refused(format!(
        "plan {} would push to {}, and [storage] in config.toml names {} now",
        plan.plan_id,
        plan.targets.join(", "),
        configured.join(", ")
    ))
    .hint("Plan again: `netsec retrain --from model_evaluation`."))
}

fn undecidable(plan: &PushPlan, status: &PlanStatus) -> CommandError {
    let id = &plan.plan_id;
    match status {
        PlanStatus::Pushed => CommandError::refused(format!(
            "plan {id} has been pushed already, as {}",
            plan.version
        )),
        PlanStatus::Rejected { by, reason } => {
            CommandError::refused(format!("plan {id} was refused by {by}: {reason}"))
        }
        PlanStatus::Stale { reason } => {
            CommandError::refused(format!("plan {id} cannot be pushed: {reason}"))
                .hint("Evaluate again: `netsec retrain --from model_evaluation`.")
        }
        PlanStatus::Waiting { .. } => CommandError::internal(format!("plan {id} is waiting")),
    }
}

/// What a decision on this plan is about.
pub(super) fn subject(plan: &PushPlan) -> Subject {
    Subject {
        plan_id: Some(plan.plan_id.clone()),
        run_id: plan.run_id.to_string(),
        version: plan.version.clone(),
        model_sha256: plan.model_sha256.clone(),
        preprocessor_sha256: plan.preprocessor_sha256.clone(),
        data_digest: plan.data_digest.clone(),
        champion_before: plan.champion_before.clone(),
        published: None,
    }
}

/// The evidence a decision on this plan rests on.
pub(super) fn evidence(plan: &PushPlan) -> Evidence {
    Evidence {
        f1: plan.evidence.f1,
        gate: plan
            .evidence
            .gate
            .iter()
            .map(|r| r.reason.clone())
            .collect::<Vec<_>>()
            .join("; "),
        drifted: plan.evidence.drifted,
    }
}

/// Who started the run, from the first event of its log.
fn started_by(workspace: &Workspace, plan: &PushPlan) -> Option<String> {
    let log = workspace.run_dir(&plan.run_id).join(EVENTS_FILE);
    let text = std::fs::read_to_string(log).ok()?;
    text.lines().find_map(
        |line| match serde_json::from_str::<Envelope>(line).ok()?.event {
            Event::RunStarted { by, .. } => Some(by.name),
            _ => None,
        },
    )
}
