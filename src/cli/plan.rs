//! `netsec plan`: what a push would do, without doing it.

use serde::Serialize;

use super::{Globals, output};
use crate::approval::Journal;
use crate::error::CommandError;
use crate::pipeline::model_pusher::{PlanStatus, PushPlan, plan_of_run, plan_status};
use crate::runs::RunStore;

/// Arguments of `netsec plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// A plan and where it stands, as printed by `--json`.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    plan: &'a PushPlan,
    #[serde(flatten)]
    status: &'a PlanStatus,
    approvals_needed: u32,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let config = globals.config()?;
    let run = RunStore::new(&workspace).resolve(&args.run)?;
    let plan = plan_of_run(&workspace, &run)?.ok_or_else(|| {
        CommandError::not_found(format!("run {run} has no plan")).hint(format!(
            "`netsec show {run}` says why: the gate must accept before a push is planned."
        ))
    })?;
    let status = plan_status(&workspace, &plan, &Journal::read(&workspace)?)?;
    let needed = config.approval.approvals;
    if args.json {
        return output::write_json(&Document {
            plan: &plan,
            status: &status,
            approvals_needed: needed,
        });
    }
    output::say!(
        "plan {}   run {}   {}",
        plan.plan_id,
        plan.run_id,
        describe(&status, needed)
    )?;
    output::say!()?;
    output::say!("  version       {} ({})", plan.version, plan.selected)?;
    output::say!(
        "  champion      {}",
        plan.champion_before.as_deref().unwrap_or("none yet")
    )?;
    output::say!("  model         sha256 {}", plan.model_sha256)?;
    output::say!("  preprocessor  sha256 {}", plan.preprocessor_sha256)?;
    output::say!("  data          digest {}", plan.data_digest)?;
    if let Some(f1) = plan.evidence.f1 {
        output::say!("  F1 on test    {f1:.4}")?;
    }
    if let Some(drifted) = plan.evidence.drifted {
        output::say!("  drift         {drifted} columns against the champion's data")?;
    }
    if let Some(slice) = &plan.evidence.worse_slice {
        output::say!("  WORSE on      {}", crate::text::clean(slice))?;
    }
    output::say!("\nevidence")?;
    for rule in &plan.evidence.gate {
        output::say!("  {:<28} {}", rule.rule, rule.reason)?;
    }
    output::say!("\nwhat will happen, in this order")?;
    for (number, step) in plan.steps.iter().enumerate() {
        output::say!("  {}  {step}", number + 1)?;
    }
    output::say!("\nexpires {}", plan.expires_at.format("%Y-%m-%d %H:%M UTC"))?;
    if matches!(status, PlanStatus::Waiting { .. }) {
        output::say!("approve: netsec approve {} --reason \"why\"", plan.plan_id)?;
        output::say!("undo:    netsec rollback --reason \"why\"")?;
    }
    Ok(())
}

fn describe(status: &PlanStatus, needed: u32) -> String {
    match status {
        PlanStatus::Waiting { approvals } => {
            format!("waiting, {approvals} of {needed} approvals")
        }
        PlanStatus::Rejected { by, reason } => format!("refused by {by}: {reason}"),
        PlanStatus::Pushed => "pushed".to_owned(),
        PlanStatus::Stale { reason } => format!("cannot be pushed: {reason}"),
    }
}
