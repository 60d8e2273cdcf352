//! `netsec data`: look at rows: filter, sort, choose columns, profile. The console's Data screen is
//! built on the same engine ([`crate::browse`]).

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::table::{Align, TextTable, number};
use super::{Globals, data_export, data_files, output};
use crate::browse::{Cancel, Part, Place, Selection, Sort, Table, View, Window};
use crate::dataset::{ColumnProfile, Filter, QueryError};
use crate::error::CommandError;
use crate::runs::RunStore;
use crate::source::mongodb::Namespace;
use crate::text::{clean, count};

/// Arguments of `netsec data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file, a run (its kept rows; RUN:train, RUN:test, RUN:quarantine and RUN:out_of_fold are
    /// parts of one), or mongodb:DATABASE.COLLECTION.
    pub what: String,
    /// Rows to keep, `src_bytes > 1000 and service = http`.
    #[arg(long)]
    pub filter: Option<String>,
    /// Column to sort by; a leading `-` sorts descending. Given again, it orders rows that are
    /// equal so far.
    #[arg(long, allow_hyphen_values = true, value_name = "COLUMN")]
    pub sort: Vec<String>,
    /// Columns to show, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Rows to show, 20 unless said otherwise; with --export rows to write, else all.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Show a profile of each column instead of rows.
    #[arg(long)]
    pub profile: bool,
    /// Write the rows to a file instead of showing them; its ending (.csv, .parquet or .ndjson)
    /// says as what.
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    pub export: Option<PathBuf>,
    /// Replace the file of --export when it is there.
    #[arg(long, requires = "export")]
    pub overwrite: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Rows that are shown where nothing is said.
const SHOWN: usize = 20;

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let filter = match args.filter.as_deref() {
        Some(text) if !text.trim().is_empty() => Some(Filter::parse(text)?),
        _ => None,
    };
    let target = match &args.export {
        Some(path) => Some(data_export::Target::new(path, args.overwrite)?),
        None => None,
    };
    // Rows as they stand need no more than the page.
    let plain = filter.is_none() && args.sort.is_empty() && !args.profile;
    let page = match (&target, plain) {
        (_, false) => None,
        (None, true) => Some(args.limit.unwrap_or(SHOWN)),
        (Some(_), true) => args.limit,
    };
    let cancel = Cancel::new();
    let table = open(args, page, globals, &cancel)?;
    for note in table.notes() {
        output::note!("note: {}", clean(note));
    }
    let view = View {
        filter,
        sort: args
            .sort
            .iter()
            .map(|text| sort(&table, text))
            .collect::<Result<_, _>>()?,
        limit: target.as_ref().and(args.limit).map(|n| n as u64),
    };
    let columns = columns(&table, &args.columns)?;
    let rows = table.select(&view, &cancel)?;
    let shown = Shown {
        source: table.title(),
        total: table.cut_from().unwrap_or(rows.of()),
        // Where only the page was read, nothing was filtered, and all rows match.
        matched: table.cut_from().unwrap_or(rows.len()),
    };
    if args.profile {
        return profile(args, &table, &rows, &columns, &shown, &cancel);
    }
    if let Some(target) = &target {
        return data_export::write(target, &table, &rows, &columns, args.json);
    }
    let limit = args.limit.unwrap_or(SHOWN);
    let window = table.window(&rows, 0, limit, &columns, &cancel)?;
    let names: Vec<&str> = columns.iter().map(|&c| name(&table, c)).collect();
    if args.json {
        return output::write_json(&json!({
            "source": shown.source,
            "rows": shown.total,
            "matched": shown.matched,
            "columns": names,
            "row_numbers": window.rows,
            "data": objects(&window, &names),
        }));
    }
    output::write_text(&rows_text(&shown, &table, &window))
}

/// What is said of the table as a whole.
struct Shown<'a> {
    source: &'a str,
    total: u64,
    matched: u64,
}

fn name(table: &Table, column: usize) -> &str {
    table.info(column).map_or("", |c| c.name.as_str())
}

/// The order that one `--sort` asks for.
fn sort(table: &Table, text: &str) -> Result<Sort, CommandError> {
    let (column, descending) = match text.strip_prefix('-') {
        // A column may really be called `-x`; the exact name wins over "descending by x".
        Some(_) if table.columns().iter().any(|c| c.name == text) => (text, false),
        Some(column) => (column, true),
        None => (text, false),
    };
    let column = table.column(column).map_err(|e| no_column("--sort", &e))?;
    Ok(Sort { column, descending })
}

/// The columns to show; internal ones only when they are asked for.
fn columns(table: &Table, names: &[String]) -> Result<Vec<usize>, CommandError> {
    if names.is_empty() {
        return Ok((0..table.columns().len()).collect());
    }
    names
        .iter()
        .map(|name| table.column(name).map_err(|e| no_column("--columns", &e)))
        .collect()
}

fn profile(
    args: &Args,
    table: &Table,
    rows: &Selection,
    columns: &[usize],
    shown: &Shown<'_>,
    cancel: &Cancel,
) -> Result<(), CommandError> {
    let profile: Vec<ColumnProfile> = columns
        .iter()
        .filter(|&&c| !name(table, c).starts_with("__"))
        .map(|&c| table.figures(rows, c, cancel))
        .collect::<Result<_, _>>()?;
    if args.json {
        return output::write_json(&json!({
            "source": shown.source,
            "rows": shown.total,
            "matched": rows.len(),
            "profile": profile,
        }));
    }
    output::write_text(&profile_text(shown, rows.len(), &profile))
}

/// A column that an option names and the table does not have.
fn no_column(option: &str, e: &QueryError) -> CommandError {
    let error = CommandError::usage(format!("{option}: {}", e.message));
    match &e.suggestion {
        Some(suggestion) => error.hint(suggestion.clone()),
        None => error,
    }
}

/// Opens a file, a run or a collection. A file comes before a run: a run can be named in full.
/// `page`: so many rows as they stand are enough.
fn open(
    args: &Args,
    page: Option<usize>,
    globals: &Globals,
    cancel: &Cancel,
) -> Result<Table, CommandError> {
    let what = args.what.as_str();
    if let Some(name) = what.strip_prefix("mongodb:") {
        let place = Place::Collection {
            namespace: Namespace::parse(name)?,
            most: page.map(|rows| rows as u64),
        };
        return Ok(Table::open(&place, cancel)?);
    }
    let path = Path::new(what);
    if path.exists() {
        // A look at a file needs no valid configuration.
        let config = data_files::config(globals).ok().flatten();
        let workspace = globals.workspace();
        return Ok(Table::open_file(path, config.as_ref(), &workspace, cancel)?);
    }
    let (name, part) = Part::split(what);
    let workspace = globals.workspace();
    let run = RunStore::new(&workspace).resolve(name).map_err(|e| {
        CommandError::not_found(format!("`{what}` is neither a file nor a run"))
            .because(e)
            .hint("Check the path, or take a run from `netsec runs`.")
    })?;
    let place = Place::of_run(&workspace.run_dir(&run), run.as_str(), part);
    let place = place.ok_or_else(|| match part {
        Part::OutOfFold => CommandError::not_found(format!(
            "run {run} has no out-of-fold predictions, its training has not finished"
        )),
        _ => CommandError::not_found(format!(
            "run {run} has no data yet, its ingestion has not finished"
        )),
    })?;
    Ok(Table::open(&place, cancel)?)
}

/// The rows as JSON objects.
fn objects(window: &Window, names: &[&str]) -> Vec<Map<String, Value>> {
    (0..window.rows.len())
        .map(|row| {
            names
                .iter()
                .enumerate()
                .map(|(i, name)| ((*name).to_owned(), window.cell(row, i).json()))
                .collect()
        })
        .collect()
}

fn rows_text(shown: &Shown<'_>, table: &Table, window: &Window) -> String {
    let mut headers = vec![("row", Align::Right)];
    for &column in &window.columns {
        let number = table.info(column).is_some_and(|c| c.kind.is_number());
        let align = if number { Align::Right } else { Align::Left };
        headers.push((name(table, column), align));
    }
    let mut text = TextTable::new(headers).widest_cell(24);
    for (row, number) in window.rows.iter().enumerate() {
        let mut cells = vec![number.to_string()];
        for column in 0..window.columns.len() {
            let cell = window.cell(row, column).text();
            cells.push(cell.unwrap_or_default().into_owned());
        }
        text.row(cells);
    }
    format!(
        "{}\n{}{} of {} rows match, {} shown\n",
        clean(shown.source),
        text.render(),
        count(shown.matched),
        count(shown.total),
        count(window.rows.len() as u64)
    )
}

fn profile_text(shown: &Shown<'_>, rows: u64, profile: &[ColumnProfile]) -> String {
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
    for c in profile {
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
        clean(shown.source),
        table.render(),
        count(rows),
        count(shown.total),
        profile.len()
    )
}
