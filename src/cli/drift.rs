//! `netsec drift`: compare the distributions of two files or of what was scored, or print the drift
//! of a run.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::path::Path;

use super::drift_scored::{self, Scored};
use super::{Globals, output};
use crate::config::{Config, DriftConfig};
use crate::drift::{self, ColumnDrift, DriftKind, DriftReport};
use crate::error::{CommandError, ErrorKind};
use crate::events::DriftVerdict;
use crate::findings::FindingsReader;
use crate::runs::RunStore;
use crate::schema::{self, Role, Schema};
use crate::source::{self, Ingested, ReadOptions};
use crate::text::clean;

/// Rows that a schema is inferred from.
const SAMPLE: usize = 100_000;
/// Cells of the PSI bar; a full bar is twice the limit.
const BAR: usize = 10;

/// Arguments of `netsec drift`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The reference file; alone: a run id, a unique prefix of one, or `latest`.
    #[arg(value_name = "REFERENCE|RUN", required_unless_present = "scored")]
    pub reference: Option<std::path::PathBuf>,
    /// The current file.
    pub current: Option<std::path::PathBuf>,
    /// A preset's name or a schema file; without it the configuration's, else inferred.
    #[arg(long)]
    pub schema: Option<String>,
    #[command(flatten)]
    pub scored: Scored,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command. Drift is a finding, not a failure: it ends well whatever it finds.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    if args.scored.scored {
        let config = super::serve::config_of(globals)?;
        let report = drift_scored::report(args.scored, &config, globals)?;
        return print(&report, &config.drift, args.json);
    }
    let Some(first) = &args.reference else {
        return Err(CommandError::usage(
            "nothing is named that could be compared",
        ));
    };
    let Some(current) = &args.current else {
        return print_run(first, args, globals);
    };
    let config = if globals.has_config() {
        globals.config()?
    } else {
        Config::default()
    };
    let options = ReadOptions {
        header: config.source.header,
        delimiter: config.source.delimiter,
        require_label: false,
    };
    let schema = schema_of(first, args, globals, &config, &options)?;
    let reference = read(first, &schema, &options)?;
    let current = read(current, &schema, &options)?;
    let report =
        drift::compare(&reference.frame, &current.frame, &schema, &config.drift).map_err(|e| {
            CommandError::from(e).hint(format!(
                "The files were read as `{}`; choose another schema with --schema.",
                schema.name
            ))
        })?;
    print(&report, &config.drift, args.json)
}

fn print(report: &DriftReport, limits: &DriftConfig, as_json: bool) -> Result<(), CommandError> {
    if as_json {
        output::write_json(report)
    } else {
        output::write_text(&table(report, limits))
    }
}

/// The drift that a run measured against the data of its champion.
fn print_run(named: &Path, args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let name = named.to_str().unwrap_or_default();
    if named.exists() || args.schema.is_some() {
        return Err(CommandError::usage(
            "two files are compared, or the drift of one run is printed",
        )
        .hint("netsec drift REFERENCE CURRENT, or netsec drift RUN."));
    }
    let run = RunStore::new(&workspace).resolve(name)?;
    let found = FindingsReader::default().read(&workspace, &run)?;
    let Some(report) = &found.drift else {
        return Err(match found.validation {
            Some(_) => CommandError::not_found(format!(
                "run {run} had nothing to compare with: there was no champion, or its data is gone"
            )),
            None => CommandError::not_found(format!("run {run} has kept no report on its data"))
                .hint(format!("`netsec watch {run} --plain` tells what it did.")),
        });
    };
    print(report, &found.limits, args.json)
}

/// The schema asked for, else that of the configuration, else one inferred from the reference.
fn schema_of(
    first: &Path,
    args: &Args,
    globals: &Globals,
    config: &Config,
    options: &ReadOptions,
) -> Result<Schema, CommandError> {
    if let Some(name) = &args.schema {
        return schema::named(name);
    }
    let sample = || Ok(source::read_raw(first, options, Some(SAMPLE))?.0);
    if globals.has_config() {
        return schema::resolve(&config.schema, &globals.workspace(), sample);
    }
    let name = first.display().to_string();
    Ok(schema::infer(&sample()?, &name, None).schema)
}

/// Reads a file after the schema. Columns that only one file has are no error here, so a file
/// without some of the schema's columns is read with what it has.
fn read(path: &Path, schema: &Schema, options: &ReadOptions) -> Result<Ingested, CommandError> {
    let ingested = match source::load_table(path, Some(schema), options) {
        Ok(ingested) => ingested,
        Err(first) => {
            let first = CommandError::from(first);
            if first.kind != ErrorKind::Data {
                return Err(first);
            }
            let mut relaxed = schema.clone();
            for column in &mut relaxed.columns {
                column.optional = true;
            }
            match source::load_table(path, Some(&relaxed), options) {
                Ok(ingested) if schema.columns.iter().any(|c| ingested.frame.has(&c.name)) => {
                    ingested
                }
                _ => {
                    return Err(first.hint(format!(
                        "The file was read as `{}`; --schema names another schema.",
                        schema.name
                    )));
                }
            }
        }
    };
    if !ingested.quarantine.is_empty() {
        output::note!(
            "{}: {} of {} rows could not be read and are left out",
            path.display(),
            ingested.quarantine.len(),
            ingested.rows
        );
    }
    let absent: Vec<&str> = schema
        .columns
        .iter()
        .filter(|c| c.role != Role::Ignored && !ingested.frame.has(&c.name))
        .map(|c| c.name.as_str())
        .collect();
    if !absent.is_empty() {
        output::note!("{}: without {}", path.display(), absent.join(", "));
    }
    Ok(ingested)
}

fn word(verdict: DriftVerdict) -> &'static str {
    match verdict {
        DriftVerdict::Drift => "drift",
        DriftVerdict::CannotTell => "cannot tell",
        DriftVerdict::Stable => "stable",
    }
}

/// Worst first: by verdict, then by PSI.
fn rank(column: &ColumnDrift) -> (u8, f64) {
    let verdict = match column.verdict {
        DriftVerdict::Drift => 2,
        DriftVerdict::CannotTell => 1,
        DriftVerdict::Stable => 0,
    };
    (verdict, psi(column).unwrap_or(-1.0))
}

/// The larger of the two PSI, the one a reader has to worry about.
fn psi(column: &ColumnDrift) -> Option<f64> {
    let decile = column.decile.map(|d| d.psi);
    match (column.psi, decile) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (one, other) => one.or(other),
    }
}

/// The report as a table for people.
fn table(report: &DriftReport, limits: &DriftConfig) -> String {
    let mut columns: Vec<&ColumnDrift> = report.columns.iter().collect();
    columns.sort_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        Reverse(a.0).cmp(&Reverse(b.0)).then(b.1.total_cmp(&a.1))
    });
    let names: Vec<String> = columns.iter().map(|c| clean(&c.column)).collect();
    let width = names
        .iter()
        .map(|n| n.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(6, 32);
    let mut text = format!(
        "{} reference rows, {} current rows, {} columns\n\n",
        report.n_reference,
        report.n_current,
        columns.len()
    );
    let _ = writeln!(
        text,
        "{:width$}  {:11}  {:>8}  {:BAR$}  {:>7}  {:>7}  {:>9}  why",
        "column", "verdict", "PSI", "", "JS", "KS", "missing"
    );
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.4}"));
    for (column, name) in columns.iter().zip(names) {
        let psi = psi(column);
        let why = clean(column.reasons.get("verdict").map_or("", String::as_str));
        let missing = column
            .null_share
            .map(|share| format!("{:.0}", share * 100.0))
            .join(" > ");
        let name: String = name.chars().take(width).collect();
        let _ = writeln!(
            text,
            "{name:width$}  {:11}  {:>8}  {}  {:>7}  {:>7}  {:>7} %  {why}",
            word(column.verdict),
            figure(psi),
            bar(psi.unwrap_or(0.0), limits.psi),
            figure(column.jensen_shannon),
            figure(match column.kind {
                DriftKind::Numeric => column.ks.map(|k| k.statistic),
                DriftKind::Categorical => None,
            }),
            missing,
        );
    }
    let reason = report.reasons.get("verdict").map_or("", String::as_str);
    let _ = writeln!(text, "\n{}: {reason}", word(report.verdict));
    text
}

/// A bar of `#` on `.`, half full at the limit.
fn bar(value: f64, limit: f64) -> String {
    let share = if limit > 0.0 { value / limit } else { 0.0 };
    let full = ((share * BAR as f64 / 2.0).round().max(0.0) as usize).min(BAR);
    format!("{}{}", "#".repeat(full), ".".repeat(BAR - full))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Frame;

    #[test]
    fn the_bar_is_half_full_at_the_limit() {
        assert_eq!(bar(0.2, 0.2), "#####.....");
        assert_eq!(bar(0.0, 0.2), "..........");
        assert_eq!(bar(18.0, 0.2), "##########");
        assert_eq!(bar(f64::NAN, 0.2), "..........");
    }

    #[test]
    fn the_worst_column_stands_first() {
        let column = |name: &str, shift: f64| {
            let values = (0..500).map(|i| Some(f64::from(i % 97) + shift)).collect();
            Frame::number_column(name, values)
        };
        let table_of = |a, b| {
            Frame::from_columns(vec![
                column("calm", 0.0),
                column("a bit", a),
                column("\u{1b}[31mmuch", b),
            ])
            .unwrap()
        };
        let schema = crate::schema::infer(&crate::dataset::RawTable::default(), "x", None).schema;
        let limits = DriftConfig::default();
        let report =
            drift::compare(&table_of(0.0, 0.0), &table_of(3.0, 60.0), &schema, &limits).unwrap();
        let text = table(&report, &limits);
        let place = |name: &str| text.find(name).expect(name);
        assert!(
            place("?[31mmuch") < place("a bit") && place("a bit") < place("calm"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
        assert!(text.contains("stable: 1 of 3 columns"), "{text}");
    }
}
