//! `netsec data`: look at rows: filter, sort, choose columns, profile. The console's Data screen is
//! built on the same engine ([`crate::browse`]).

use std::path::Path;

use serde_json::{Map, Value, json};

use super::table::{Align, TextTable, number};
use super::{Globals, data_files, output};
use crate::browse::{Cancel, Part, Place, Selection, Sort, Table, View, Window};
use crate::dataset::{ColumnProfile, Filter, QueryError};
use crate::error::CommandError;
use crate::runs::RunStore;
use crate::schema::{self, Schema};
use crate::source::mongodb::Namespace;
use crate::source::{ReadOptions, read_raw};
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
    let filter = match args.filter.as_deref() {
        Some(text) if !text.trim().is_empty() => Some(Filter::parse(text)?),
        _ => None,
    };
    // Rows as they stand need no more than the page.
    let page = filter.is_none() && args.sort.is_empty() && !args.profile;
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
        limit: None,
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
    let window = table.window(&rows, 0, args.limit, &columns, &cancel)?;
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
/// `page`: rows as they stand are enough, so many as are shown.
fn open(
    args: &Args,
    page: bool,
    globals: &Globals,
    cancel: &Cancel,
) -> Result<Table, CommandError> {
    let what = args.what.as_str();
    if let Some(name) = what.strip_prefix("mongodb:") {
        let place = Place::Collection {
            namespace: Namespace::parse(name)?,
            most: page.then_some(args.limit as u64),
        };
        return Ok(Table::open(&place, cancel)?);
    }
    let path = Path::new(what);
    if path.exists() {
        return open_file(path, globals, cancel);
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

fn open_file(path: &Path, globals: &Globals, cancel: &Cancel) -> Result<Table, CommandError> {
    // A look at a file needs no valid configuration.
    let config = data_files::config(globals).ok().flatten();
    let options = data_files::options_for(path, globals, config.as_ref());
    let place = |schema: Option<Schema>| Place::File {
        path: path.to_owned(),
        options,
        schema: schema.map(Box::new),
    };
    // Without a header line the configuration's schema knows the names.
    if let Some(config) = &config
        && has_no_header(path, &options)
        && let Ok(schema) = schema::resolve(&config.schema, &globals.workspace(), || {
            data_files::sample(path, &options)
        })
        && let Ok(named) = Table::open(&place(Some(schema)), cancel)
    {
        return Ok(named);
    }
    Ok(Table::open(&place(None), cancel)?)
}

/// Whether a file is one that could have a header and has none.
fn has_no_header(path: &Path, options: &ReadOptions) -> bool {
    read_raw(path, options, Some(1)).is_ok_and(|(_, detected)| detected.header == Some(false))
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
