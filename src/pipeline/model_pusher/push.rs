//! The push itself: repeatable steps between two journal records.

use super::decide::{evidence, subject};
use super::look::unconditional;
use super::plan::{self, PushPlan};
use crate::approval::{Decision, Journal, JournalRecord, PublishTarget};
use crate::config::Config;
use crate::error::{CommandError, ErrorKind};
use crate::events::{Actor, StageName};
use crate::hash;
use crate::storage::published::{
    Conditions, Order, Pointer, PointerRef, Published, PublishedStore, Release, StoreAddress,
};
use crate::storage::{self, Manifest, crash_point};
use crate::workspace::Workspace;

/// Name of the train snapshot in `data_ingestion/`.
const TRAIN_FILE: &str = "train.parquet";

/// Told in words how far a push is. Called from any thread.
pub type Watch<'a> = &'a (dyn Fn(&str) + Sync);

/// Where a push happens.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) config: &'a Config,
    pub(super) watch: Watch<'a>,
}

/// What came of an order.
pub(super) enum Executed {
    /// The version is in production.
    Done(Vec<String>),
    /// Somebody else was there first; the order is closed and nothing has changed.
    Lost(String),
}

impl Executed {
    /// The lines of an order that was carried out; who won is a refusal.
    pub(super) fn lines(self, version: &str) -> Result<Vec<String>, CommandError> {
        match self {
            Executed::Done(lines) => Ok(lines),
            Executed::Lost(reason) => Err(CommandError::refused(format!(
                "{version} was not put in production: {reason}"
            ))
            .hint("Nothing has changed here, and the order is closed in the journal.")
            .hint(
                "`netsec retrain --from model_evaluation` makes a plan that follows what is \
                 published now.",
            )),
        }
    }
}

/// Checks that the run's files are still the ones the plan names.
pub(super) fn check_files(workspace: &Workspace, plan: &PushPlan) -> Result<(), CommandError> {
    for (_, path, expected) in plan.sources(workspace) {
        let found = hash::sha256_file(&path).map_err(|e| plan::file_error(&path, e))?;
        if found != expected {
            return Err(CommandError::refused(format!(
                "{} has changed since plan {} was made: it hashes to {found}, not {expected}",
                path.display(),
                plan.plan_id
            ))
            .hint("Retrain; the former files of a run are never pushed in altered form."));
        }
    }
    Ok(())
}

/// Opens the store before anything is recorded, and reads what it names. A store that cannot be
/// used now leaves nothing behind.
pub(super) fn reach(site: Site<'_>) -> Result<Option<Pointer>, CommandError> {
    let reach = || -> Result<Option<Pointer>, CommandError> {
        let store = PublishedStore::open(site.workspace, &site.config.storage)?;
        Ok(store.pointer()?)
    };
    reach().map_err(|e| e.hint("Nothing has been recorded; decide again when the store answers."))
}

/// The pointer, if an order of this journal put it there.
pub(super) fn own(pointer: Option<Pointer>, records: &[JournalRecord]) -> Option<PointerRef> {
    pointer
        .filter(|p| records.iter().any(|r| r.hash == p.approval))
        .map(|p| p.reference())
}

/// Orders and executes the push of a plan that has its approvals.
pub(super) fn push(
    site: Site<'_>,
    journal: &mut Journal,
    plan: &PushPlan,
    before: Option<PointerRef>,
    by: Actor,
    reason: &str,
) -> Result<Executed, CommandError> {
    let mut subject = subject(plan);
    subject.published = Some(PublishTarget {
        store: StoreAddress::of(&site.config.storage).root,
        before,
    });
    let order = journal
        .append(Decision::Push, by, reason, subject, evidence(plan))?
        .clone();
    execute(site, journal, &order)
}

/// Executes an order; every step may have been done before.
pub(super) fn execute(
    site: Site<'_>,
    journal: &mut Journal,
    order: &JournalRecord,
) -> Result<Executed, CommandError> {
    steps(site, journal, order).map_err(|e| {
        if !matches!(e.kind, ErrorKind::Backend | ErrorKind::Internal) {
            return e;
        }
        e.hint(format!(
            "The {} of {} stays ordered: the next `netsec approve` or `netsec rollback` finishes \
             it first.",
            order.decision.as_str(),
            order.subject.version
        ))
    })
}

fn steps(
    site: Site<'_>,
    journal: &mut Journal,
    order: &JournalRecord,
) -> Result<Executed, CommandError> {
    let version = &order.subject.version;
    let address = StoreAddress::of(&site.config.storage);
    crash_point("after the order")?;
    if let Some(target) = &order.subject.published
        && target.store != address.root
    {
        return store_changed(site, journal, order, &target.store, &address.root);
    }
    let mut lines = Vec::new();
    let release = release(site, journal.records(), order)?;
    if order.decision == Decision::Push {
        lines.push(format!("kept {version} in Artifacts/versions/{version}/"));
    }
    crash_point("after keeping the version")?;

    let store = PublishedStore::open(site.workspace, &site.config.storage)?;
    if store.conditions() == Conditions::Ignored {
        lines.push(format!("note: {}", unconditional(&address.root)));
    }
    let before = match &order.subject.published {
        Some(target) => target.before.clone(),
        // Ordered by a former version of the program.
        None => own(store.pointer()?, journal.records()),
    };
    let seq = before.as_ref().map_or(0, |p| p.seq) + 1;
    let publish_order = Order {
        hash: order.hash.clone(),
        by: order.by.clone(),
        reason: order.reason.clone(),
        at: order.at,
        before,
    };
    let pointer = match store.publish(&release, &publish_order, site.watch)? {
        Published::Done {
            lines: written,
            pointer,
        } => {
            lines.extend(written);
            Some(pointer)
        }
        // The pointer had been ours, final_model/ was exchanged, and somebody has gone on from
        // there before the receipt was written.
        Published::Lost { reason } if is_in_place(site.workspace, order) => {
            lines.push(format!("since then {reason}"));
            None
        }
        Published::Lost { reason } => return lost(site, journal, order, reason),
    };

    if !is_in_place(site.workspace, order) {
        storage::put_in_production(site.workspace, version)?;
    }
    let again = match order.decision {
        Decision::Rollback => " again",
        _ => "",
    };
    lines.push(format!("final_model/ is {version}{again}"));
    crash_point("after the exchange")?;

    let records = segment(journal.records(), order.seq);
    let first = journal.records().first().map_or("", |r| r.hash.as_str());
    lines.push(store.put_audit(seq, first, records)?);
    crash_point("after the audit")?;
    if let Some(pointer) = pointer {
        lines.extend(store.put_copies(&release, &pointer)?);
    }
    crash_point("before the receipt")?;
    lines.push(close(journal, order, &order.reason)?);
    Ok(Executed::Done(lines))
}

/// The version of an order in its folder: kept now for a push, kept before for a rollback.
fn release(
    site: Site<'_>,
    records: &[JournalRecord],
    order: &JournalRecord,
) -> Result<Release, CommandError> {
    if let (Decision::Push, Some(plan_id)) = (order.decision, &order.subject.plan_id) {
        let plan = plan::find_plan(site.workspace, plan_id)?;
        let manifest = manifest(&plan, order, records);
        let sources = plan
            .sources(site.workspace)
            .map(|(name, path, _)| (name, path));
        let train = site
            .workspace
            .run_dir(&plan.run_id)
            .join(StageName::DataIngestion.as_str())
            .join(TRAIN_FILE);
        storage::keep_version(
            site.workspace,
            &manifest,
            &sources,
            train.exists().then_some(&train),
        )?;
    }
    let (folder, manifest) = storage::kept_version(site.workspace, &order.subject.version)?;
    Ok(Release { folder, manifest })
}

/// Whether `final_model/` was exchanged by this very order. A rollback leaves no trace there, so
/// its exchange is done again.
fn is_in_place(workspace: &Workspace, order: &JournalRecord) -> bool {
    order.decision == Decision::Push
        && storage::load_champion(workspace)
            .ok()
            .flatten()
            .is_some_and(|c| c.manifest.journal_hash == order.hash)
}

/// Writes the receipt.
fn close(
    journal: &mut Journal,
    order: &JournalRecord,
    reason: &str,
) -> Result<String, CommandError> {
    let decision = match order.decision {
        Decision::Rollback => Decision::RolledBack,
        _ => Decision::Pushed,
    };
    let record = journal.append(
        decision,
        order.by.clone(),
        reason,
        order.subject.clone(),
        order.evidence.clone(),
    )?;
    Ok(format!("receipt journalled as record {}", record.seq))
}

/// Closes an order that came too late: here everything is as it was before.
fn lost(
    site: Site<'_>,
    journal: &mut Journal,
    order: &JournalRecord,
    reason: String,
) -> Result<Executed, CommandError> {
    let decision = match order.decision {
        Decision::Rollback => Decision::RollbackLost,
        _ => Decision::PushLost,
    };
    if let (Decision::Push, Some(plan_id)) = (order.decision, &order.subject.plan_id) {
        storage::forget_version(site.workspace, &order.subject.version, plan_id)?;
    }
    // A rollback that died after its exchange has changed final_model/ already.
    if let Some(champion) = Journal::in_production(journal.records()) {
        let version = &champion.subject.version;
        if storage::in_place(site.workspace).is_none_or(|m| m.version != *version) {
            storage::put_in_production(site.workspace, version)?;
        }
    }
    crash_point("before closing a lost order")?;
    journal.append(
        decision,
        order.by.clone(),
        &reason,
        order.subject.clone(),
        order.evidence.clone(),
    )?;
    Ok(Executed::Lost(reason))
}

/// An order to a store that is no longer configured: what is done here is completed, what is not
/// is given up. Without this, a store that is gone for good would stop every further decision.
fn store_changed(
    site: Site<'_>,
    journal: &mut Journal,
    order: &JournalRecord,
    ordered: &str,
    configured: &str,
) -> Result<Executed, CommandError> {
    let changed =
        format!("it was ordered to {ordered}, and [storage] in config.toml names {configured} now");
    if !is_in_place(site.workspace, order) {
        return lost(site, journal, order, changed);
    }
    let receipt = close(journal, order, &order.reason)?;
    Ok(Executed::Done(vec![
        format!("final_model/ is {}", order.subject.version),
        format!("what was left to write was not written: {changed}"),
        receipt,
    ]))
}

/// The records behind a move of the pointer: from after the order of the last move that was
/// completed, up to the order `seq`.
fn segment(records: &[JournalRecord], seq: u64) -> &[JournalRecord] {
    let end = records
        .iter()
        .position(|r| r.seq == seq)
        .map_or(records.len(), |at| at + 1);
    let mut ordered = 0;
    let mut start = 0;
    for (at, record) in records[..end.saturating_sub(1)].iter().enumerate() {
        if record.decision.orders() {
            ordered = at + 1;
        } else if record.decision.changes_production() && record.subject.published.is_some() {
            start = ordered;
        }
    }
    &records[start..end]
}

/// Finishes an order that was not completed. Returns what was done.
pub(super) fn finish_interrupted(
    site: Site<'_>,
    journal: &mut Journal,
) -> Result<Vec<String>, CommandError> {
    let open = journal
        .records()
        .iter()
        .rev()
        .find(|r| !matches!(r.decision, Decision::Approve | Decision::Reject))
        .filter(|r| r.decision.orders())
        .cloned();
    let Some(order) = open else {
        return Ok(Vec::new());
    };
    let mut lines = vec![format!(
        "finishing the {} of {} ordered by {}",
        order.decision.as_str(),
        order.subject.version,
        order.by.name
    )];
    match execute(site, journal, &order)? {
        Executed::Done(done) => lines.extend(done),
        Executed::Lost(reason) => lines.push(format!(
            "the {} of {} is closed, it was not carried out: {reason}",
            order.decision.as_str(),
            order.subject.version
        )),
    }
    Ok(lines)
}

/// The manifest of the version; its bytes depend on the plan, the journal and the program alone.
fn manifest(plan: &PushPlan, order: &JournalRecord, records: &[JournalRecord]) -> Manifest {
    Manifest {
        format: Manifest::FORMAT.to_owned(),
        format_version: Manifest::FORMAT_VERSION,
        version: plan.version.clone(),
        run_id: plan.run_id.to_string(),
        plan_id: plan.plan_id.clone(),
        learner: plan.selected.to_string(),
        classes: plan.classes.clone(),
        threshold: plan.threshold,
        files: [
            (storage::MODEL_FILE, &plan.model_sha256),
            (storage::PREPROCESSOR_FILE, &plan.preprocessor_sha256),
            (storage::SCHEMA_FILE, &plan.schema_sha256),
        ]
        .into_iter()
        .map(|(name, sha)| (name.to_owned(), sha.clone()))
        .collect(),
        data_digest: plan.data_digest.clone(),
        f1: plan.evidence.f1,
        approvals: records
            .iter()
            .filter(|r| {
                r.decision == Decision::Approve
                    && r.subject.plan_id.as_deref() == Some(&plan.plan_id)
            })
            .map(|r| storage::Approval {
                by: r.by.clone(),
                reason: r.reason.clone(),
            })
            .collect(),
        champion_before: plan.champion_before.clone(),
        journal_hash: order.hash.clone(),
        pushed_at: order.at,
        program: Some(concat!("netsec ", env!("CARGO_PKG_VERSION")).to_owned()),
        gate_sha256: Some(hash::sha256_json(&plan.evidence.gate)),
    }
}
