//! The work of the Data screen: blocking calls into [`crate::browse`], and what they give in plain
//! values. The only file of the console that reads rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::ask::{
    Asking, BrowseDone, BrowseJob, ColumnHead, ExportPlan, Handle, Opened, Proposal, Range, Record,
    Selected, Source, Wanted, Window,
};
use super::cell::{self, Cell};
use super::view::{SortBy, View};
use crate::browse::{self, BrowseError, Cancel, Part, Place, Selection, Table};
use crate::config::{self, Config, SourceKind};
use crate::console::jobs::Done;
use crate::dataset::Filter;
use crate::drift::DriftReport;
use crate::error::CommandError;
use crate::events::{DriftVerdict, StageName};
use crate::runs::{RunId, RunStore};
use crate::text;
use crate::workspace::Workspace;

/// Rows that are shown of what takes long to read, while it is read.
const FIRST_ROWS: usize = 2_000;
/// Columns that are read with a table that was just opened, before its widths are known.
const FIRST_COLUMNS: usize = 32;
/// Characters of a value in the details of a row.
const SHOWN_IN_RECORD: usize = 16_384;
/// Runs that are proposed for opening.
const PROPOSED_RUNS: usize = 12;
/// Files of a folder that are proposed.
const PROPOSED_FILES: usize = 40;

/// Does a piece of work.
pub fn perform(
    workspace: &Workspace,
    config_file: &Path,
    asking: &Asking,
    job: BrowseJob,
) -> Result<Done, CommandError> {
    let cancel = &asking.cancel;
    let done = match job {
        BrowseJob::Open {
            source,
            wanted,
            rows,
        } => {
            let place = place(workspace, &source)?;
            let table = match preview(workspace, config_file, &place, cancel)? {
                Some(first) => first,
                None => open(workspace, config_file, &place, asking)?,
            };
            opened(workspace, source, table, &wanted, rows, cancel)?
        }
        BrowseJob::Fill { source } => {
            let place = place(workspace, &source)?;
            let table = open(workspace, config_file, &place, asking)?;
            BrowseDone::Filled {
                source,
                table: Handle::new(table),
            }
        }
        BrowseJob::Show {
            source,
            table,
            wanted,
            rows,
        } => {
            let table = Table::clone(&table.0);
            opened(workspace, source, table, &wanted, rows, cancel)?
        }
        BrowseJob::Select {
            table,
            view,
            keep,
            range,
        } => {
            let selected = select(&table.0, &view, cancel)?;
            let window = window(&table.0, &selected.selection.0, &range, cancel)?;
            BrowseDone::Selected {
                view,
                keep,
                selected,
                window,
            }
        }
        BrowseJob::Rows {
            table,
            selection,
            range,
        } => BrowseDone::Rows {
            window: window(&table.0, &selection.0, &range, cancel)?,
            selection,
        },
        BrowseJob::Facet {
            table,
            selection,
            column,
        } => BrowseDone::Facet(super::columns::facet(
            &table.0,
            &selection.0,
            column,
            cancel,
        )?),
        BrowseJob::Profile {
            table,
            selection,
            column,
            condition,
        } => BrowseDone::Profile(super::columns::profile(
            &table.0,
            &selection.0,
            column,
            condition,
            cancel,
        )?),
        BrowseJob::Find {
            table,
            selection,
            from,
            text,
            columns,
            forward,
        } => BrowseDone::Found(super::columns::find(
            &table.0,
            &selection.0,
            (from, forward),
            &text,
            &columns,
            cancel,
        )?),
        BrowseJob::Record {
            table,
            selection,
            row,
        } => record(&table.0, &selection.0, row, cancel)?,
        BrowseJob::Whole {
            table,
            selection,
            row,
            column,
        } => {
            let read = table.0.window(&selection.0, row, 1, &[column], cancel)?;
            let text = read.cell(0, 0).text().unwrap_or_default().into_owned();
            BrowseDone::Whole(text)
        }
        BrowseJob::Export {
            table,
            selection,
            columns,
            plan,
        } => export(&table.0, &selection.0, &columns, plan, asking)?,
        BrowseJob::Proposals => BrowseDone::Proposals(proposals(workspace, config_file)),
    };
    Ok(Done::Browsed(asking.number, Box::new(done)))
}

/// Where rows lie.
fn place(workspace: &Workspace, source: &Source) -> Result<Place, CommandError> {
    match source {
        Source::Part(run, part) => {
            let folder = workspace.run_dir(run);
            Place::of_run(&folder, run.as_str(), *part).ok_or_else(|| {
                CommandError::not_found(format!(
                    "run {run} has no {} rows yet: its ingestion has not finished",
                    part.word()
                ))
                .hint("Come back with 2 when it has, or open something else with o.")
            })
        }
        Source::Named(text) => {
            let store = RunStore::new(workspace);
            let find = |name: &str| {
                let run = store.resolve(name).ok()?;
                Some((workspace.run_dir(&run), run.to_string()))
            };
            // What the configuration calls relative lies beside it.
            let beside = workspace.resolve(text);
            let here = Path::new(text).exists();
            if !here && beside.exists() && !text.is_empty() {
                return Ok(Place::file(beside));
            }
            Place::parse(text, find).map_err(|e| match e {
                BrowseError::NotFound(_) => CommandError::from(e)
                    .hint("A file, a run of `netsec runs`, or mongodb:DATABASE.COLLECTION."),
                e => e.into(),
            })
        }
    }
}

/// Opens a place; a file as the configuration says its files are read.
fn open(
    workspace: &Workspace,
    config_file: &Path,
    place: &Place,
    asking: &Asking,
) -> Result<Table, CommandError> {
    let cancel = &asking.cancel;
    let progress = |rows: u64, of: Option<u64>| {
        let percent = of.map_or(0, |of| rows.min(of) * 100 / of.max(1));
        asking.percent.store(percent as u32, Ordering::Relaxed);
    };
    Ok(match place {
        Place::File { path, .. } => {
            // A look at a file needs no valid configuration.
            let config = config::load(config_file).ok();
            Table::open_file_watched(path, config.as_ref(), workspace, cancel, &progress)?
        }
        place => Table::open_watched(place, cancel, &progress)?,
    })
}

/// The first rows of what takes long to open.
fn preview(
    workspace: &Workspace,
    config_file: &Path,
    place: &Place,
    cancel: &Cancel,
) -> Result<Option<Table>, CommandError> {
    Ok(match place {
        Place::File { path, .. } => {
            let config = config::load(config_file).ok();
            Table::preview_file(path, config.as_ref(), workspace, FIRST_ROWS, cancel)?
        }
        place => Table::preview(place, FIRST_ROWS, cancel)?,
    })
}

/// Shows a table that was opened.
pub(in crate::console) fn opened(
    workspace: &Workspace,
    source: Source,
    table: Table,
    wanted: &Wanted,
    rows: usize,
    cancel: &Cancel,
) -> Result<BrowseDone, CommandError> {
    let columns: Vec<ColumnHead> = table
        .columns()
        .iter()
        .map(|c| ColumnHead {
            name: c.name.clone(),
            kind: c.kind.word(),
            numeric: c.kind.is_number(),
        })
        .collect();
    let mut notes = table.notes().to_vec();
    let mut view = carried(wanted, &columns, &mut notes);
    let selected = match select(&table, &view, cancel) {
        Ok(selected) => selected,
        Err(CommandErrorOr::Query(e)) if !view.filter.is_empty() => {
            notes.insert(0, format!("The filter was left behind: {}.", e.message));
            view.filter.clear();
            select(&table, &view, cancel)?
        }
        Err(e) => return Err(e.into()),
    };
    let range = Range {
        first: wanted.first,
        count: rows,
        columns: view.columns.iter().take(FIRST_COLUMNS).copied().collect(),
    };
    let window = window(&table, &selected.selection.0, &range, cancel)?;
    let drift = match &source {
        Source::Part(run, Part::Test | Part::Train | Part::All) => drift(workspace, run),
        Source::Part(..) | Source::Named(_) => BTreeMap::new(),
    };
    Ok(BrowseDone::Opened {
        opened: Box::new(Opened {
            title: table.title().to_owned(),
            rows: table.rows(),
            partial: table.is_preview(),
            of: table.cut_from(),
            columns,
            notes,
            drift,
            source,
            table: Handle::new(table),
        }),
        view: Box::new(view),
        selected,
        window,
    })
}

/// The view that was wanted, as far as the table has its columns.
fn carried(wanted: &Wanted, heads: &[ColumnHead], notes: &mut Vec<String>) -> View {
    let place = |name: &str| heads.iter().position(|h| h.name == name);
    let mut columns: Vec<usize> = wanted.columns.iter().filter_map(|n| place(n)).collect();
    if columns.is_empty() || columns.len() < wanted.columns.len() {
        columns = (0..heads.len()).collect();
    }
    let sort: Vec<SortBy> = wanted
        .sort
        .iter()
        .filter_map(|(name, descending)| {
            Some(SortBy {
                column: place(name)?,
                descending: *descending,
            })
        })
        .collect();
    if sort.len() < wanted.sort.len() {
        notes.insert(
            0,
            "The order was left behind: a column is missing.".to_owned(),
        );
    }
    let at = wanted.at.as_deref().and_then(place);
    View {
        base: wanted.base.clone(),
        filter: wanted.filter.clone(),
        sort,
        col: columns.iter().position(|c| Some(*c) == at).unwrap_or(0),
        columns,
        ..View::default()
    }
}

/// A wrong filter, or anything else.
enum CommandErrorOr {
    Query(crate::dataset::QueryError),
    Other(CommandError),
}

impl From<CommandErrorOr> for CommandError {
    fn from(e: CommandErrorOr) -> Self {
        match e {
            CommandErrorOr::Query(e) => e.into(),
            CommandErrorOr::Other(e) => e,
        }
    }
}

fn select(table: &Table, view: &View, cancel: &Cancel) -> Result<Selected, CommandErrorOr> {
    let begun = Instant::now();
    let condition = view.condition();
    let filter = match condition.is_empty() {
        true => None,
        false => Some(Filter::parse(&condition).map_err(CommandErrorOr::Query)?),
    };
    let wanted = browse::View {
        filter,
        sort: view
            .sort
            .iter()
            .map(|s| browse::Sort {
                column: s.column,
                descending: s.descending,
            })
            .collect(),
        limit: None,
    };
    let selection = table.select(&wanted, cancel).map_err(|e| match e {
        BrowseError::Query(e) => CommandErrorOr::Query(e),
        e => CommandErrorOr::Other(e.into()),
    })?;
    Ok(Selected {
        rows: selection.len(),
        selection: Handle::new(selection),
        took: begun.elapsed(),
    })
}

fn window(
    table: &Table,
    selection: &Selection,
    range: &Range,
    cancel: &Cancel,
) -> Result<Window, CommandError> {
    let read = table.window(selection, range.first, range.count, &range.columns, cancel)?;
    let cells = |cells: &Vec<browse::Cell>| cells.iter().map(shown).collect();
    Ok(Window {
        first: read.first,
        columns: read
            .columns
            .iter()
            .zip(&read.cells)
            .map(|(column, c)| (*column, cells(c)))
            .collect(),
        numbers: read.rows,
    })
}

/// A cell for the screen.
fn shown(cell: &browse::Cell) -> Cell {
    match cell {
        browse::Cell::Missing => Cell::Missing,
        browse::Cell::Whole(v) => Cell::Number(v.to_string()),
        browse::Cell::Decimal(v) => Cell::number(*v),
        browse::Cell::Truth(_) | browse::Cell::Text(_) | browse::Cell::Time(_) => {
            cell.text().map_or(Cell::Missing, |t| Cell::text(&t))
        }
    }
}

fn record(
    table: &Table,
    selection: &Selection,
    row: u64,
    cancel: &Cancel,
) -> Result<BrowseDone, CommandError> {
    let columns: Vec<usize> = (0..table.columns().len()).collect();
    let read = table.window(selection, row, 1, &columns, cancel)?;
    let fields = table
        .columns()
        .iter()
        .enumerate()
        .map(|(i, info)| {
            let cell = read.cell(0, i);
            let Some(value) = cell.text() else {
                return (info.name.clone(), None, None);
            };
            let value = match info.kind.is_number() {
                true => cell::separated(&value),
                false => value.into_owned(),
            };
            let (text, whole) = match value.char_indices().nth(SHOWN_IN_RECORD) {
                Some((at, _)) => (value[..at].to_owned(), Some(value.len())),
                None => (value, None),
            };
            (info.name.clone(), Some(text), whole)
        })
        .collect();
    Ok(BrowseDone::Record(Box::new(Record {
        row,
        number: read.rows.first().copied().unwrap_or(row),
        fields,
    })))
}

fn export(
    table: &Table,
    selection: &Selection,
    columns: &[usize],
    plan: ExportPlan,
    asking: &Asking,
) -> Result<BrowseDone, CommandError> {
    if !plan.overwrite && plan.path.exists() {
        return Ok(BrowseDone::Exists(plan));
    }
    let bytes = super::columns::export(table, selection, columns, &plan, asking)?;
    Ok(BrowseDone::Exported {
        rows: selection.len(),
        bytes,
        path: plan.path,
    })
}

/// PSI and verdict by column, where the run has compared its data.
fn drift(workspace: &Workspace, run: &RunId) -> BTreeMap<String, (Option<f64>, String)> {
    let file = workspace
        .run_dir(run)
        .join(StageName::DataValidation.as_str())
        .join("drift.json");
    // Without it nothing is said: the Validate screen says why there is none.
    let report: Option<DriftReport> = std::fs::read(file)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    report
        .into_iter()
        .flat_map(|r| r.columns)
        .map(|c| (c.column, (c.psi, verdict(c.verdict).to_owned())))
        .collect()
}

fn verdict(verdict: DriftVerdict) -> &'static str {
    match verdict {
        DriftVerdict::Stable => "stable",
        DriftVerdict::Drift => "drift",
        DriftVerdict::CannotTell => "cannot tell",
    }
}

/// What could be opened: what the configuration names, data files near it, parts of the runs.
fn proposals(workspace: &Workspace, config_file: &Path) -> Vec<Proposal> {
    let mut found: Vec<Proposal> = Vec::new();
    let mut add = |text: String, what: String| {
        if !found.iter().any(|p| p.text == text) {
            found.push(Proposal { text, what });
        }
    };
    if let Ok(config) = config::load(config_file) {
        for (text, what) in configured(workspace, &config) {
            add(text, what);
        }
    }
    for folder in [workspace.root().join("data"), workspace.root().to_owned()] {
        for (path, bytes) in data_files(&folder) {
            let size = crate::console::screens::bytes(bytes);
            add(path.display().to_string(), format!("file, {size}"));
        }
    }
    let runs = RunStore::new(workspace).list().unwrap_or_default();
    for run in runs.into_iter().take(PROPOSED_RUNS) {
        let folder = workspace.run_dir(&run);
        for part in [Part::Test, Part::Train, Part::Quarantine, Part::OutOfFold] {
            if Place::of_run(&folder, run.as_str(), part).is_some() {
                let source = Source::Part(run.clone(), part);
                add(
                    source.argument(),
                    format!("run {}, {}", run.short(), part.word()),
                );
            }
        }
    }
    found
}

fn configured(workspace: &Workspace, config: &Config) -> Vec<(String, String)> {
    let source = &config.source;
    match source.kind {
        SourceKind::File => [
            (Some(source.path.as_path()), "the data file of config.toml"),
            (source.test_path.as_deref(), "the test file of config.toml"),
        ]
        .into_iter()
        .filter_map(|(path, what)| {
            let path = workspace.resolve(path?);
            Some((path.display().to_string(), what.to_owned()))
        })
        .collect(),
        SourceKind::Mongodb => {
            let Some(database) = &source.database else {
                return Vec::new();
            };
            [
                (&source.collection, "the collection of config.toml"),
                (
                    &source.test_collection,
                    "the test collection of config.toml",
                ),
            ]
            .into_iter()
            .filter_map(|(name, what)| {
                let name = name.as_ref()?;
                Some((format!("mongodb:{database}.{name}"), what.to_owned()))
            })
            .collect()
        }
    }
}

/// Files of a folder that can be opened, by name.
fn data_files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let known = |path: &Path| {
        let name = text::clean(&path.to_string_lossy()).to_ascii_lowercase();
        let name = name
            .trim_end_matches(".gz")
            .trim_end_matches(".zst")
            .to_owned();
        [".csv", ".tsv", ".parquet", ".ndjson", ".jsonl"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<(PathBuf, u64)> = entries
        .filter_map(Result::ok)
        .filter_map(|e| {
            let meta = e.metadata().ok()?;
            (meta.is_file() && known(&e.path())).then(|| (e.path(), meta.len()))
        })
        .collect();
    found.sort();
    found.truncate(PROPOSED_FILES);
    found
}
