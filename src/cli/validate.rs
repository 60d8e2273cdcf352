//! `netsec validate`: run all checks over a file, or print what those of a run found.

use super::table::{Align, TextTable};
use super::{Globals, data_files, output};
use crate::error::CommandError;
use crate::events::CheckVerdict;
use crate::files::write_atomic;
use crate::findings::{Findings, FindingsReader, Source, Standing};
use crate::pipeline::data_validation::{ValidationReport, check_file, junit_xml, refusal};
use crate::runs::{RunId, RunStore};
use crate::text::{clean, count};

/// Arguments of `netsec validate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file; or a run id, a unique prefix of one, or `latest`.
    #[arg(value_name = "FILE|RUN")]
    pub file: std::path::PathBuf,
    /// A preset's name or a schema file; without it the configuration's, else inferred.
    #[arg(long)]
    pub schema: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Write a JUnit report to this file.
    #[arg(long, conflicts_with = "json", value_name = "FILE")]
    pub junit: Option<std::path::PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    if let Some(run) = run_named(&args.file, globals) {
        return print_run(args, globals, &run);
    }
    let config = data_files::config(globals)?;
    let options = data_files::options_for(&args.file, globals, config.as_ref());
    let chosen = data_files::choose_schema(
        &args.file,
        args.schema.as_deref(),
        &options,
        globals,
        config.as_ref(),
    )?;
    let limits = config.map(|c| c.validation).unwrap_or_default();
    let (report, detected) = check_file(&args.file, &chosen.schema, &options, &limits)?;
    if args.json {
        output::write_json(&report)?;
    } else {
        let head = format!(
            "{}: {}, {} rows, {} columns; schema: {}\n",
            clean(&args.file.display().to_string()),
            clean(&detected.summary()),
            count(report.rows),
            report.columns,
            clean(&chosen.origin)
        );
        output::write_text(&(head + &describe(&report)))?;
        for note in &chosen.notes {
            output::note!("note: {}", clean(note));
        }
    }
    write_junit(args, &report, &args.file.display().to_string())?;
    if report.verdict == CheckVerdict::Fail {
        return Err(refusal(&report));
    }
    Ok(())
}

fn write_junit(args: &Args, report: &ValidationReport, name: &str) -> Result<(), CommandError> {
    let Some(path) = &args.junit else {
        return Ok(());
    };
    write_atomic(path, junit_xml(report, name).as_bytes()).map_err(|e| {
        CommandError::backend(format!("{} cannot be written", path.display())).because(e)
    })
}

/// The run of this name, unless there is a file of it.
pub(super) fn run_named(name: &std::path::Path, globals: &Globals) -> Option<RunId> {
    if name.exists() {
        return None;
    }
    RunStore::new(&globals.workspace())
        .resolve(name.to_str()?)
        .ok()
}

/// What a run found, without reading its data again.
fn print_run(args: &Args, globals: &Globals, run: &RunId) -> Result<(), CommandError> {
    if args.schema.is_some() {
        return Err(CommandError::usage(format!(
            "run {run} was checked with its own schema; --schema goes with a file"
        )));
    }
    let found = FindingsReader::default().read(&globals.workspace(), run)?;
    let Some(report) = &found.validation else {
        return Err(without_report(&found));
    };
    if args.json {
        output::write_json(report)?;
    } else {
        let head = format!(
            "run {run}: {} rows, {} columns\n",
            count(report.rows),
            report.columns
        );
        output::write_text(&(head + &describe(report) + &drift_and_notes(&found)))?;
    }
    write_junit(args, report, run.as_str())
}

/// Why there is no report of a run: it has not come so far, or its checks stopped it.
fn without_report(found: &Findings) -> CommandError {
    let failed: Vec<String> = found
        .findings
        .iter()
        .filter(|f| f.standing == Standing::Fail)
        .map(|f| format!("{} ({}, limit {})", f.id, f.observed, f.limit))
        .collect();
    let run = &found.run;
    match found.source {
        Source::Nothing => CommandError::not_found(format!("run {run} has not validated its data")),
        Source::Reports | Source::Log if failed.is_empty() => {
            CommandError::not_found(format!("run {run} has kept no report on its data"))
        }
        Source::Reports | Source::Log => CommandError::data(format!(
            "run {run} was stopped by its data: {}",
            failed.join("; ")
        )),
    }
    .hint(format!("`netsec watch {run} --plain` tells what it did."))
}

/// The drifted columns, and who has taken note of what.
fn drift_and_notes(found: &Findings) -> String {
    let mut text = String::new();
    if let Some(drift) = &found.drift {
        text.push_str(&format!(
            "Drift{}: {} of {} columns (netsec drift {}).\n",
            found
                .reference()
                .map_or(String::new(), |v| format!(" since {}", clean(v))),
            drift.drifted(),
            drift.columns.len(),
            found.run
        ));
    }
    let mut open = Vec::new();
    for problem in found.problems() {
        match found.acknowledged.of(problem) {
            Some(note) => text.push_str(&format!(
                "{} ({}) acknowledged by {}: {}\n",
                clean(&problem.id),
                clean(&problem.observed),
                clean(&note.by.name),
                clean(&note.note)
            )),
            None => open.push(clean(&problem.id)),
        }
    }
    if !open.is_empty() {
        text.push_str(&format!("Not acknowledged: {}.\n", open.join(", ")));
    }
    text
}

/// The findings as a table, the passed checks as one line.
fn describe(report: &ValidationReport) -> String {
    let mut text = String::new();
    let mut table = TextTable::new([
        ("verdict", Align::Left),
        ("check", Align::Left),
        ("rows", Align::Right),
        ("first row", Align::Right),
        ("finding", Align::Left),
    ])
    .widest_cell(110);
    for verdict in [CheckVerdict::Fail, CheckVerdict::Warn, CheckVerdict::Masked] {
        for check in report.with(verdict) {
            let first = check.examples.first().map(|e| e.row.to_string());
            table.row([
                word(verdict),
                &check.id,
                &count(check.failing_rows),
                &first.unwrap_or_default(),
                &check.text,
            ]);
        }
    }
    if !table.is_empty() {
        text.push_str(&table.render());
    }
    let number = |verdict| report.with(verdict).count();
    text.push_str(&format!(
        "{} checks: {} failed, {} warned, {} passed. Verdict: {}.\n",
        report.checks.len(),
        number(CheckVerdict::Fail),
        number(CheckVerdict::Warn),
        number(CheckVerdict::Ok),
        word(report.verdict)
    ));
    text
}

fn word(verdict: CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Ok => "ok",
        CheckVerdict::Masked => "masked",
        CheckVerdict::Warn => "warn",
        CheckVerdict::Fail => "fail",
    }
}
