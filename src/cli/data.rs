//! `netsec data`: look at rows: filter, sort, choose columns, profile.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::mongodb::{Collection, quarantine_text};
use super::table::{Align, TextTable, number};
use super::{Globals, data_files, output};
use crate::config::ArrayPolicy;
use crate::dataset::query::resolve_column;
use crate::dataset::{Browse, Frame, QueryError, ROW_COLUMN, TableProfile, number_text, profile};
use crate::error::CommandError;
use crate::events::StageName;
use crate::pipeline::data_ingestion::{load_test, load_train};
use crate::runs::RunStore;
use crate::schema;
use crate::source::load_table;
use crate::source::mongodb::Namespace;
use crate::text::{clean, count};

/// Arguments of `netsec data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, a run (its kept rows), or mongodb:DATABASE.COLLECTION.
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
    let opened = open(args, &browse, globals)?;
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
                "rows": opened.total(),
                "matched": rows.len(),
                "profile": profile.columns,
            }));
        }
        return output::write_text(&profile_text(&opened.source, opened.total(), &profile));
    }
    let shown = &rows[..rows.len().min(args.limit)];
    // Where only the page was read, nothing was filtered, and all rows match.
    let matched = if opened.of.is_some() {
        opened.total()
    } else {
        rows.len() as u64
    };
    let page = frame.take(shown)?;
    let numbers: Vec<u64> = match page.numbers(ROW_COLUMN) {
        Ok(numbers) => numbers.iter().map(|n| *n as u64).collect(),
        Err(_) => shown.iter().map(|r| *r as u64).collect(),
    };
    if args.json {
        return output::write_json(&json!({
            "source": opened.source,
            "rows": opened.total(),
            "matched": matched,
            "columns": columns,
            "row_numbers": numbers,
            "data": objects(&page, &columns)?,
        }));
    }
    output::write_text(&rows_text(
        &opened.source,
        (matched, opened.total()),
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
    /// Rows there are, when not all of them were read.
    of: Option<u64>,
}

impl Opened {
    /// Rows there are.
    fn total(&self) -> u64 {
        self.of.unwrap_or(self.frame.rows() as u64)
    }
}

/// Opens a file, the snapshot of a run or a collection. A file comes before a run: a run can be
/// named in full.
fn open(args: &Args, browse: &Browse, globals: &Globals) -> Result<Opened, CommandError> {
    let what = args.what.as_str();
    if let Some(name) = what.strip_prefix("mongodb:") {
        // Rows as they stand need no more than the page.
        let page = browse.filter.is_none() && browse.sort.is_none() && !args.profile;
        return open_collection(name, page.then_some(args.limit));
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
        of: None,
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
        of: None,
    })
}

fn open_collection(name: &str, page: Option<usize>) -> Result<Opened, CommandError> {
    let collection = Collection::find(Namespace::parse(name)?)?;
    // A limit of 0 would mean all documents to the server.
    let limit = page.map(|rows| rows.max(1) as u64);
    // Somebody who looks wants to see arrays too.
    let read = collection.load(None, ArrayPolicy::Text, limit)?;
    Ok(Opened {
        source: collection.summary(),
        warnings: quarantine_text(&read.quarantine).into_iter().collect(),
        of: limit
            .filter(|_| read.rows < collection.documents)
            .map(|_| collection.documents),
        frame: read.frame,
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
    (matched, all): (u64, u64),
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
        count(matched),
        count(all),
        count(page.rows() as u64)
    ))
}

fn profile_text(source: &str, all: u64, profile: &TableProfile) -> String {
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
        count(all),
        profile.columns.len()
    )
}
