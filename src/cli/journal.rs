//! `netsec journal`: who decided what, when, on which evidence; and the proof of the chain.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::{Globals, output};
use crate::approval::{Deployable, Journal, JournalRecord, prove_deployable};
use crate::error::CommandError;
use crate::storage::load_champion;
use crate::workspace::Workspace;

/// Arguments of `netsec journal`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do; without it the records are listed.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// What was in production at this time (RFC 3339, or YYYY-MM-DD for the end of that day).
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// One record a line.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What `netsec journal` does besides listing.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Prove the chain; ends non-zero when it is broken.
    Verify(VerifyArgs),
}

/// Arguments of `netsec journal verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Also that this plan (or a unique beginning of its id) was approved as the policy asks, and
    /// that its model is the one in production; for deployments.
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    // clap knows no conflict between an option and a subcommand that may share other options.
    if args.action.is_some() && args.as_of.is_some() {
        return Err(CommandError::usage(
            "`verify` proves the whole journal; --as-of does not go with it",
        ));
    }
    let config = globals.config()?;
    let workspace = globals.workspace();
    let records = Journal::read(&workspace)?;
    match (&args.action, &args.as_of) {
        (Some(Action::Verify(wanted)), _) => {
            let deployed = wanted
                .plan
                .as_deref()
                .map(|plan| prove_deployable(&records, plan, &config.approval))
                .transpose()?;
            verify(&workspace, &records, deployed.as_ref(), args.json)
        }
        (None, Some(time)) => {
            let time = parse_time(time)?;
            let record = Journal::in_production_at(&records, time);
            if args.json {
                return output::write_json_line(&record);
            }
            match record {
                Some(r) => print_record(r)?,
                None => output::say!("Nothing was in production at {time}.")?,
            }
            Ok(())
        }
        (None, None) => {
            if records.is_empty() && !args.json {
                output::say!("No decision has been made yet.")?;
            }
            for record in &records {
                if args.json {
                    output::write_json_line(record)?;
                } else {
                    print_record(record)?;
                }
            }
            Ok(())
        }
    }
}

#[derive(Serialize)]
struct Verified<'a> {
    ok: bool,
    records: u64,
    head: String,
    champion: Option<String>,
    #[serde(flatten)]
    deployable: Option<&'a Deployable>,
}

/// Proves the chain, and that the champion in place is the one the journal names.
fn verify(
    workspace: &Workspace,
    records: &[JournalRecord],
    deployable: Option<&Deployable>,
    json: bool,
) -> Result<(), CommandError> {
    let champion = load_champion(workspace)?;
    let expected = Journal::in_production(records).map(|r| &r.subject);
    match (&champion, expected) {
        (None, None) => {}
        (Some(champion), Some(subject)) => {
            let model = champion.manifest.files.get(crate::storage::MODEL_FILE);
            if champion.version != subject.version || model != Some(&subject.model_sha256) {
                return Err(CommandError::refused(format!(
                    "final_model/ holds {}, the journal says {}",
                    champion.version, subject.version
                ))
                .hint(format!(
                    "`netsec rollback {} --reason ..` puts the journalled version in place.",
                    subject.version
                )));
            }
            if !records
                .iter()
                .any(|r| r.hash == champion.manifest.journal_hash)
            {
                return Err(CommandError::refused(
                    "the record that ordered the present champion is missing from the journal: \
                     its end was cut off or it was replaced",
                ));
            }
        }
        (Some(champion), None) => {
            return Err(CommandError::refused(format!(
                "final_model/ holds {}, but the journal knows of no push",
                champion.version
            )));
        }
        (None, Some(subject)) => {
            return Err(CommandError::refused(format!(
                "final_model/ is empty, but the journal says {} is in production",
                subject.version
            ))
            .hint(format!(
                "`netsec rollback {} --reason ..` puts it back.",
                subject.version
            )));
        }
    }
    let report = Journal::report(records);
    let champion = champion.map(|c| c.version);
    if json {
        return output::write_json_line(&Verified {
            ok: true,
            records: report.records,
            head: report.head,
            champion,
            deployable,
        });
    }
    output::say!(
        "The chain of {} records is whole; head {}.",
        report.records,
        report.head
    )?;
    match champion {
        Some(version) => output::say!("final_model/ is {version}, as the journal says.")?,
        None => output::say!("Nothing is in production.")?,
    }
    if let Some(d) = deployable {
        let who: Vec<&str> = d.approved_by.iter().map(String::as_str).collect();
        output::say!(
            "Plan {} is {}, approved by {}; model sha256 {}.",
            crate::text::clean(&d.plan_id),
            crate::text::clean(&d.version),
            crate::text::clean(&who.join(", ")),
            d.model_sha256
        )?;
    }
    Ok(())
}

fn print_record(r: &JournalRecord) -> Result<(), CommandError> {
    let clean = crate::text::clean;
    let plan = r
        .subject
        .plan_id
        .as_deref()
        .map_or(String::new(), |p| format!("  plan {p}"));
    output::say!(
        "{:>4}  {}  {:<13} {:<5} by {} ({}){plan}  run {}",
        r.seq,
        r.at.format("%Y-%m-%d %H:%M:%S"),
        r.decision.as_str(),
        clean(&r.subject.version),
        clean(&r.by.name),
        clean(&r.by.from),
        clean(&r.subject.run_id),
    )?;
    output::say!("      {}", clean(&r.reason))
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, CommandError> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc));
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .and_then(|day| day.and_hms_milli_opt(23, 59, 59, 999))
        .map(|time| time.and_utc())
        .ok_or_else(|| {
            CommandError::usage(format!("`{text}` is not a time"))
                .hint("Write 2026-11-22 or 2026-11-22T15:04:05Z.")
        })
}
