//! Putting a former champion back, by the same machinery as a push.

use super::decide::{Receipt, check_reason};
use super::push::{self, Site};
use crate::approval::{Decision, Evidence, Journal, PolicyError, PublishTarget, Subject};
use crate::config::Config;
use crate::error::CommandError;
use crate::events::Actor;
use crate::storage;
use crate::storage::published::StoreAddress;
use crate::workspace::Workspace;

/// Puts `version` back in production; without one, the newest version older than the champion.
///
/// A rollback restores what was approved before, so it needs one person of the approvers' list
/// and no second approval.
pub fn rollback(
    workspace: &Workspace,
    config: &Config,
    version: Option<&str>,
    by: Actor,
    reason: &str,
) -> Result<Receipt, CommandError> {
    check_reason(reason)?;
    let approvers = &config.approval.approvers;
    if !approvers.is_empty() && !approvers.contains(&by.name) {
        return Err(PolicyError::NotAnApprover {
            name: by.name,
            allowed: approvers.clone(),
        }
        .into());
    }
    let site = Site {
        workspace,
        config,
        watch: &|_| {},
    };
    let mut journal = Journal::open(workspace)?;
    let mut lines = push::finish_interrupted(site, &mut journal)?;
    let present = Journal::in_production(journal.records())
        .map(|r| r.subject.version.clone())
        .ok_or_else(|| {
            CommandError::not_found("nothing has ever been pushed, there is no former champion")
        })?;
    let kept = storage::versions(workspace)?;
    let target = match version {
        Some(version) => version.to_owned(),
        None => kept
            .iter()
            .take_while(|v| **v != present)
            .last()
            .cloned()
            .ok_or_else(|| {
                CommandError::not_found(format!("there is no champion older than {present}"))
                    .hint(format!("Name a version: {}.", kept.join(", ")))
            })?,
    };
    let pointer = push::reach(site)?;
    let published = pointer.as_ref().map(|p| p.version.clone());
    let who = pointer.as_ref().map(|p| p.who());
    let before = push::own(pointer, journal.records());
    if let (None, Some(who)) = (&before, who) {
        return Err(CommandError::refused(format!(
            "{} names {who}, which this workspace did not put there",
            StoreAddress::of(&config.storage).root
        ))
        .hint("Roll back where it was pushed from.")
        .hint(
            "Or replace it by decision: `netsec retrain --from model_evaluation` makes a plan that \
             follows what is published now.",
        ));
    }
    // A damaged or missing final_model/ may be mended with the version it should hold, and a store
    // that was set up later be given the champion there is.
    let in_place = matches!(storage::load_champion(workspace), Ok(Some(c)) if c.version == target)
        && published.as_ref() == Some(&target);
    if target == present && in_place {
        return Err(CommandError::refused(format!(
            "{target} is in production already"
        )));
    }
    let former = storage::load_version(workspace, &target)?;
    let subject = Subject {
        plan_id: None,
        run_id: former.manifest.run_id.clone(),
        version: target.clone(),
        model_sha256: former
            .manifest
            .files
            .get(storage::MODEL_FILE)
            .cloned()
            .unwrap_or_default(),
        preprocessor_sha256: former
            .manifest
            .files
            .get(storage::PREPROCESSOR_FILE)
            .cloned()
            .unwrap_or_default(),
        data_digest: former.manifest.data_digest.clone(),
        champion_before: Some(present),
        published: Some(PublishTarget {
            store: StoreAddress::of(&config.storage).root,
            before,
        }),
    };
    let evidence = Evidence {
        f1: former.manifest.f1,
        ..Evidence::default()
    };
    let order = journal
        .append(Decision::Rollback, by, reason, subject, evidence)?
        .clone();
    lines.extend(push::execute(site, &mut journal, &order)?.lines(&target)?);
    Ok(Receipt {
        pushed: true,
        version: target,
        lines,
    })
}
