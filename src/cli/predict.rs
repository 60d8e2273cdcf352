//! `netsec predict`: batch prediction with the champion.
//!
//! Every row of the input comes back in its order with its own columns as they stood, plus
//! `predicted_label` and `predicted_score`. A row that cannot be read has both empty, and stderr
//! says how many there were and why the first was one.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Globals, output};
use crate::dataset::{Frame, ROW_COLUMN, RawTable, write_frame};
use crate::error::CommandError;
use crate::files;
use crate::pipeline::batch_prediction;
use crate::schema::Schema;
use crate::source::{self, ReadOptions};
use crate::storage::load_champion;

const LABEL: &str = "predicted_label";
const SCORE: &str = "predicted_score";

/// Arguments of `netsec predict`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV, Parquet or NDJSON file.
    pub input: PathBuf,
    /// Where to write; the ending decides the format. Without it CSV goes to stdout.
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
}

/// The format written.
#[derive(Clone, Copy)]
enum Format {
    Csv,
    Parquet,
    Ndjson,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    globals.config()?;
    let format = args.output.as_deref().map_or(Ok(Format::Csv), format_of)?;
    let champion = load_champion(&globals.workspace())?.ok_or_else(|| {
        CommandError::not_found("there is no model in production yet")
            .hint("Retrain and approve: `netsec retrain`, `netsec plan latest`, `netsec approve`.")
    })?;
    let options = ReadOptions::default();
    let typed = source::load_table(&args.input, Some(&champion.schema), &options)?;
    let settled = ReadOptions {
        header: typed.detected.header,
        delimiter: typed.detected.delimiter,
        ..options
    };
    let (raw, _) = source::read_every_row(&args.input, &settled)?;
    let raw = named(raw, typed.detected.header, &champion.schema);
    let predictions = batch_prediction::predict(&champion, &typed.frame)?;

    let rows = raw.rows();
    let mut labels: Vec<Option<&str>> = vec![None; rows];
    let mut scores: Vec<Option<f64>> = vec![None; rows];
    for (row, p) in typed
        .frame
        .numbers(ROW_COLUMN)?
        .into_iter()
        .zip(&predictions)
    {
        let row = row as usize;
        if row >= rows {
            return Err(CommandError::internal(format!(
                "{}: row {row} was read once and not again",
                args.input.display()
            )));
        }
        labels[row] = champion.model.classes.get(p.class).map(String::as_str);
        scores[row] = Some(p.score);
    }
    write(args.output.as_deref(), format, &raw, &labels, &scores)?;

    let scored = predictions.len();
    output::note!("{scored} of {rows} rows scored by {}", champion.version);
    if let Some(first) = typed.quarantine.first() {
        output::note!(
            "{} rows could not be read and have no prediction; the first: line {}, {}",
            typed.quarantine.len(),
            first.line,
            crate::text::clean(&first.reason)
        );
    }
    Ok(())
}

fn format_of(path: &Path) -> Result<Format, CommandError> {
    match path
        .extension()
        .and_then(|e| e.to_str())
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("csv") => Ok(Format::Csv),
        Some("parquet") => Ok(Format::Parquet),
        Some("ndjson" | "jsonl") => Ok(Format::Ndjson),
        _ => Err(CommandError::usage(format!(
            "{} does not end in a format that can be written",
            path.display()
        ))
        .hint("Use .csv, .parquet or .ndjson.")),
    }
}

/// Gives the columns of a file without a header the schema's names.
fn named(mut raw: RawTable, header: Option<bool>, schema: &Schema) -> RawTable {
    if header == Some(false) && raw.names.len() <= schema.columns.len() {
        raw.names = schema
            .columns
            .iter()
            .take(raw.names.len())
            .map(|c| c.name.clone())
            .collect();
    }
    raw
}

fn write(
    output: Option<&Path>,
    format: Format,
    raw: &RawTable,
    labels: &[Option<&str>],
    scores: &[Option<f64>],
) -> Result<(), CommandError> {
    let failed = |e: std::io::Error| {
        let place = output.map_or("stdout".to_owned(), |p| p.display().to_string());
        CommandError::backend(format!("{place} cannot be written")).because(e)
    };
    match (output, format) {
        (None, _) => {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            match write_csv(&mut out, raw, labels, scores).and_then(|()| out.flush()) {
                // A reader that closes the pipe has seen enough.
                Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                other => other.map_err(failed),
            }
        }
        (Some(path), Format::Csv) => {
            let mut bytes = Vec::new();
            write_csv(&mut bytes, raw, labels, scores).map_err(failed)?;
            files::write_atomic(path, &bytes).map_err(failed)
        }
        (Some(path), Format::Ndjson) => {
            let mut bytes = Vec::new();
            write_ndjson(&mut bytes, raw, labels, scores).map_err(failed)?;
            files::write_atomic(path, &bytes).map_err(failed)
        }
        (Some(path), Format::Parquet) => {
            write_frame(&as_frame(raw, labels, scores)?, path)?;
            Ok(())
        }
    }
}

fn write_csv(
    out: &mut impl Write,
    raw: &RawTable,
    labels: &[Option<&str>],
    scores: &[Option<f64>],
) -> std::io::Result<()> {
    let names = raw.names.iter().map(String::as_str).chain([LABEL, SCORE]);
    let mut line = String::new();
    for (index, name) in names.enumerate() {
        if index > 0 {
            line.push(',');
        }
        push_field(&mut line, name);
    }
    line.push('\n');
    out.write_all(line.as_bytes())?;
    for row in 0..labels.len() {
        line.clear();
        for column in &raw.columns {
            push_field(&mut line, column[row].as_deref().unwrap_or_default());
            line.push(',');
        }
        push_field(&mut line, labels[row].unwrap_or_default());
        line.push(',');
        if let Some(score) = scores[row] {
            line.push_str(&score.to_string());
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// Appends a field, quoted when it has to be (RFC 4180).
fn push_field(line: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        line.push('"');
        line.push_str(&field.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(field);
    }
}

fn write_ndjson(
    out: &mut impl Write,
    raw: &RawTable,
    labels: &[Option<&str>],
    scores: &[Option<f64>],
) -> std::io::Result<()> {
    let numeric: Vec<bool> = raw.columns.iter().map(|c| numbers(c).is_some()).collect();
    // Written key by key: the columns keep the order of the file.
    for row in 0..labels.len() {
        out.write_all(b"{")?;
        for ((name, column), numeric) in raw.names.iter().zip(&raw.columns).zip(&numeric) {
            let value = match column[row].as_deref() {
                None => Value::Null,
                Some(text) if *numeric => {
                    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
                }
                Some(text) => Value::from(text),
            };
            write!(out, "{}:{value},", Value::from(name.as_str()))?;
        }
        let (label, score) = (Value::from(labels[row]), Value::from(scores[row]));
        writeln!(out, "\"{LABEL}\":{label},\"{SCORE}\":{score}}}")?;
    }
    Ok(())
}

fn as_frame(
    raw: &RawTable,
    labels: &[Option<&str>],
    scores: &[Option<f64>],
) -> Result<Frame, CommandError> {
    let mut columns = Vec::with_capacity(raw.names.len() + 2);
    for (name, column) in raw.names.iter().zip(&raw.columns) {
        columns.push(match numbers(column) {
            Some(numbers) => Frame::number_column(name, numbers),
            None => Frame::text_column(name, column),
        });
    }
    columns.push(Frame::text_column(LABEL, labels));
    columns.push(Frame::number_column(SCORE, scores.to_vec()));
    Ok(Frame::from_columns(columns)?)
}

/// The numbers of a column, if every value that is there is one.
fn numbers(column: &[Option<String>]) -> Option<Vec<Option<f64>>> {
    column
        .iter()
        .map(|cell| match cell {
            None => Some(None),
            Some(text) => text.trim().parse().ok().map(Some),
        })
        .collect()
}
