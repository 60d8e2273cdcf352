//! `netsec validate`: run all checks over a file.

use super::table::{Align, TextTable};
use super::{Globals, data_files, output};
use crate::error::CommandError;
use crate::events::CheckVerdict;
use crate::files::write_atomic;
use crate::pipeline::data_validation::{ValidationReport, check_file, junit_xml, refusal};
use crate::text::{clean, count};

/// Arguments of `netsec validate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file.
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
    if let Some(path) = &args.junit {
        let xml = junit_xml(&report, &args.file.display().to_string());
        write_atomic(path, xml.as_bytes()).map_err(|e| {
            CommandError::backend(format!("{} cannot be written", path.display())).because(e)
        })?;
    }
    if report.verdict == CheckVerdict::Fail {
        return Err(refusal(&report));
    }
    Ok(())
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
