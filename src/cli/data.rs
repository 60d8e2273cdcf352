//! `netsec data`: look at rows: filter, sort, choose columns, profile.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::table::{Align, TextTable, number};
use super::{Globals, data_files, output};
use crate::dataset::query::resolve_column;
use crate::dataset::{Browse, Frame, QueryError, ROW_COLUMN, TableProfile, number_text, profile};
use crate::error::CommandError;
use crate::events::StageName;
use crate::pipeline::data_ingestion::{load_test, load_train};
use crate::runs::RunStore;
use crate::schema;
use crate::source::load_table;
use crate::text::{clean, count};

/// Arguments of `netsec data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, or a run (its kept rows).
    pub what: String,
    /// Rows to keep, `src_bytes > 1000 and service = http`.
    #[arg(long)]
    pub filter: Option<String>,
    /// Column to sort by; a leading `-` sorts descending.
    #[arg(long, allow_hyphen_values = true, value_name = "COLUMN")]
    pub sort: Option<String>,
    /// Columns to show, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Rows to show.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: usize,
    /// Show a profile of each column instead of rows.
    #[arg(long)]
    pub profile: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let browse = Browse::parse(args.filter.as_deref(), args.sort.as_deref(), &args.columns)?;
    let opened = open(&args.what, globals)?;
    for warning in &opened.warnings {
        output::note!("note: {}", clean(warning));
    }
    let frame = &opened.frame;
    if let Some(sort) = &browse.sort
        && !frame.has(&format!("-{}", sort.column))
    {
        resolve_column(frame, &sort.column).map_err(|e| no_column("--sort", &e))?;
    }
    let columns = browse
        .columns(frame)
        .map_err(|e| no_column("--columns", &e))?;
    let rows = browse.rows(frame)?;
    if args.profile {
        let kept = frame.take(&rows)?.select(&columns)?;
        let profile = profile(&kept)?;
        if args.json {
            return output::write_json(&json!({
                "source": opened.source,
                "rows": frame.rows(),
                "matched": rows.len(),
                "profile": profile.columns,
            }));
        }
        return output::write_text(&profile_text(&opened.source, frame.rows(), &profile));
    }
    let shown = &rows[..rows.len().min(args.limit)];
    let page = frame.take(shown)?;
    let numbers: Vec<u64> = match page.numbers(ROW_COLUMN) {
        Ok(numbers) => numbers.iter().map(|n| *n as u64).collect(),
        Err(_) => shown.iter().map(|r| *r as u64).collect(),
    };
    if args.json {
        return output::write_json(&json!({
            "source": opened.source,
            "rows": frame.rows(),
            "matched": rows.len(),
            "columns": columns,
            "row_numbers": numbers,
            "data": objects(&page, &columns)?,
        }));
    }
    output::write_text(&rows_text(
        &opened.source,
        frame,
        &rows,
        &page,
        &columns,
        &numbers,
    )?)
}

/// A column that an option names and the table does not have.
fn no_column(option: &str, e: &QueryError) -> CommandError {
    let error = CommandError::usage(format!("{option}: {}", e.message));
    match &e.suggestion {
        Some(suggestion) => error.hint(suggestion.clone()),
        None => error,
    }
}

struct Opened {
    frame: Frame,
    source: String,
    warnings: Vec<String>,
}

/// Opens a file or the snapshot of a run. A file comes first: a run can be named in full.
fn open(what: &str, globals: &Globals) -> Result<Opened, CommandError> {
    if what.starts_with("mongodb:") {
        return Err(CommandError::usage(format!("{what} cannot be opened"))
            .hint("This version reads files and runs."));
    }
    let path = Path::new(what);
    if path.exists() {
        return open_file(path, globals);
    }
    let workspace = globals.workspace();
    let run = RunStore::new(&workspace).resolve(what).map_err(|e| {
        CommandError::not_found(format!("`{what}` is neither a file nor a run"))
            .because(e)
            .hint("Check the path, or take a run from `netsec runs`.")
    })?;
    let folder = workspace
        .run_dir(&run)
        .join(StageName::DataIngestion.as_str());
    if !folder.is_dir() {
        return Err(CommandError::not_found(format!(
            "run {run} has no data yet, its ingestion has not finished"
        )));
    }
    let mut frame = load_train(&folder)?.0;
    frame.append(&load_test(&folder)?.0)?;
    Ok(Opened {
        frame,
        source: format!("run {run}, train and test"),
        warnings: Vec::new(),
    })
}

fn open_file(path: &Path, globals: &Globals) -> Result<Opened, CommandError> {
    // A look at a file needs no valid configuration.
    let config = data_files::config(globals).ok().flatten();
    let options = data_files::options_for(path, globals, config.as_ref());
    let mut read = load_table(path, None, &options)?;
    // Without a header line the configuration's schema knows the names.
    if read.detected.header == Some(false)
        && let Some(config) = &config
        && let Ok(schema) = schema::resolve(&config.schema, &globals.workspace(), || {
            data_files::sample(path, &options)
        })
        && let Ok(named) = load_table(path, Some(&schema), &options)
    {
        read = named;
    }
    let mut warnings = Vec::new();
    if let Some(first) = read.quarantine.first() {
        warnings.push(format!(
            "{} rows cannot be read and are left out, the first on line {}: {}",
            read.quarantine.len(),
            first.line,
            first.reason
        ));
    }
    Ok(Opened {
        source: format!("{} ({})", path.display(), read.detected.summary()),
        frame: read.frame,
        warnings,
    })
}

/// The rows as JSON objects; infinite numbers are texts, for JSON has none.
fn objects(page: &Frame, columns: &[String]) -> Result<Vec<Map<String, Value>>, CommandError> {
    let mut objects = vec![Map::new(); page.rows()];
    for column in columns {
        let values: Vec<Value> = if page.is_numeric(column)? {
            page.numbers(column)?
                .into_iter()
                .map(number_value)
                .collect()
        } else {
            page.texts(column)?.into_iter().map(Value::from).collect()
        };
        for (object, value) in objects.iter_mut().zip(values) {
            object.insert(column.clone(), value);
        }
    }
    Ok(objects)
}

fn number_value(value: f64) -> Value {
    if value.is_nan() {
        Value::Null
    } else if value.is_infinite() {
        Value::from(number_text(value))
    } else if value == value.trunc() && value.abs() < 9e15 {
        // Whole numbers print without a point.
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

fn rows_text(
    source: &str,
    frame: &Frame,
    rows: &[usize],
    page: &Frame,
    columns: &[String],
    numbers: &[u64],
) -> Result<String, CommandError> {
    let mut headers = vec![("row", Align::Right)];
    let mut cells: Vec<Vec<String>> = numbers.iter().map(|n| vec![n.to_string()]).collect();
    for column in columns {
        let numeric = page.is_numeric(column)?;
        headers.push((column, if numeric { Align::Right } else { Align::Left }));
        for (row, text) in cells.iter_mut().zip(page.texts(column)?) {
            row.push(text.unwrap_or_default());
        }
    }
    let mut table = TextTable::new(headers).widest_cell(24);
    for row in cells {
        table.row(row);
    }
    Ok(format!(
        "{}\n{}{} of {} rows match, {} shown\n",
        clean(source),
        table.render(),
        count(rows.len() as u64),
        count(frame.rows() as u64),
        count(page.rows() as u64)
    ))
}

fn profile_text(source: &str, all: usize, profile: &TableProfile) -> String {
    let mut table = TextTable::new([
        ("column", Align::Left),
        ("kind", Align::Left),
        ("missing", Align::Right),
        ("zeros", Align::Right),
        ("infinite", Align::Right),
        ("distinct", Align::Right),
        ("min", Align::Right),
        ("median", Align::Right),
        ("max", Align::Right),
        ("mean", Align::Right),
        ("std", Align::Right),
        ("most frequent", Align::Left),
    ])
    .widest_cell(32);
    let figure = |v: Option<f64>| v.map(number).unwrap_or_default();
    for c in &profile.columns {
        let distinct = if c.distinct_exact {
            count(c.distinct)
        } else {
            format!(">= {}", count(c.distinct))
        };
        let top = c
            .top
            .first()
            .map(|t| format!("{} ({})", t.value, count(t.rows)));
        table.row([
            c.column.clone(),
            c.kind.to_owned(),
            count(c.missing),
            count(c.zeros),
            count(c.infinite),
            distinct,
            figure(c.min),
            figure(c.quantiles.get("p50").copied()),
            figure(c.max),
            figure(c.mean),
            figure(c.std),
            top.unwrap_or_default(),
        ]);
    }
    format!(
        "{}\n{}{} of {} rows, {} columns\n",
        clean(source),
        table.render(),
        count(profile.rows),
        count(all as u64),
        profile.columns.len()
    )
}
