//! `netsec replay`: recent traffic scored by a candidate before it is pushed.

use chrono::{TimeDelta, Utc};
use serde::Serialize;

use super::table::{Align, TextTable};
use super::{Globals, output};
use crate::error::CommandError;
use crate::pipeline::model_evaluation::Contender;
use crate::pipeline::model_trainer::with_classes;
use crate::runs::RunStore;
use crate::text::clean;
use crate::traffic::{AlertDifference, LogStore, replay};

/// Arguments of `netsec replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The candidate: run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// Only what was scored in the last days.
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    pub days: u32,
    /// Rows at most, the latest.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub rows: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    candidate: &'a str,
    days: u32,
    #[serde(flatten)]
    difference: &'a AlertDifference,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let run = RunStore::new(&workspace).resolve(&args.run)?;
    let candidate = Contender::of_run(run.as_str(), &workspace.run_dir(&run))?;
    let since = Utc::now() - TimeDelta::days(i64::from(args.days));
    let store = LogStore::of(&super::serve::config_of(globals)?.serve, &workspace)?;
    let frames = store.recent(Some(since), args.rows)?;
    if frames.is_empty() {
        let error = CommandError::not_found(format!(
            "the prediction log holds nothing of the last {} days",
            args.days
        ));
        return Err(error.hint(
            "`netsec serve` writes it when `[serve] log_sample` is above 0; see also `--days`.",
        ));
    }
    let schema = with_classes(&candidate.schema, &candidate.model.classes);
    let classes = schema.target.classes();
    let harmless = classes.first().map_or("", String::as_str);
    let threshold = candidate.threshold;
    let (model, preprocessor) = (&candidate.model, &candidate.preprocessor);
    let found = replay(&frames, model, preprocessor, threshold, harmless)?;
    if args.json {
        return output::write_json(&Document {
            candidate: run.as_str(),
            days: args.days,
            difference: &found,
        });
    }
    print(run.short(), &found)
}

fn print(run: &str, found: &AlertDifference) -> Result<(), CommandError> {
    let by: Vec<String> = found
        .answered_by
        .iter()
        .map(|(version, rows)| format!("{} ({rows})", clean(version)))
        .collect();
    output::say!(
        "{} rows of recent traffic, answered by {}",
        found.rows,
        by.join(", ")
    )?;
    output::say!(
        "alerts  {} -> {} with run {run}   new {}, gone {}, of another class {}",
        found.alerts_before,
        found.alerts_after,
        found.new_alerts,
        found.gone_alerts,
        found.other_class
    )?;
    if found.not_scored > 0 {
        let why = clean(found.not_scored_why.as_deref().unwrap_or_default());
        output::note!(
            "{} rows could not be scored by the candidate: {why}",
            found.not_scored
        );
    }
    if found.changes.is_empty() {
        return output::say!("No row is answered otherwise.");
    }
    output::say!()?;
    let mut table = TextTable::new([
        ("from", Align::Left),
        ("to", Align::Left),
        ("rows", Align::Right),
    ]);
    for (from, to, rows) in &found.changes {
        table.row([from.as_str(), to.as_str(), &rows.to_string()]);
    }
    output::say!("{}", table.render())?;
    for row in found.examples.iter().take(5) {
        let cells: Vec<String> = row
            .features
            .iter()
            .take(8)
            .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("-")))
            .collect();
        output::say!(
            "{}  {} -> {} ({:.3})  {}",
            row.prediction_id,
            clean(&row.from),
            clean(&row.to),
            row.score,
            clean(&cells.join(" "))
        )?;
    }
    Ok(())
}
