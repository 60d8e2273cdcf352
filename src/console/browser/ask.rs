//! What the Data screen asks the engine for, and what comes back, as data. The engine's own
//! handles travel inside [`Handle`]; everything that is drawn is a plain value of this module.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::cell::Cell;
use super::view::{Base, View};
use crate::browse::{Cancel, Format, Part, Selection, Table};
use crate::console::jobs::JobKey;
use crate::runs::RunId;

/// A shared thing of the engine. Two are equal when they are the same one.
pub struct Handle<T>(pub Arc<T>);

impl<T> Handle<T> {
    /// Shares a thing.
    pub fn new(thing: T) -> Self {
        Self(Arc::new(thing))
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// The part of a run after another one: test, quarantine, train.
pub fn next_part(part: Part) -> Part {
    match part {
        Part::Test | Part::OutOfFold => Part::Quarantine,
        Part::Quarantine => Part::Train,
        Part::Train | Part::All => Part::Test,
    }
}

/// What to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A part of a run.
    Part(RunId, Part),
    /// What somebody typed: a file, a run or `mongodb:DATABASE.COLLECTION`.
    Named(String),
}

impl Source {
    /// As the command line takes it.
    pub fn argument(&self) -> String {
        match self {
            Source::Part(run, part) => match part {
                Part::All => run.to_string(),
                Part::Train => format!("{run}:train"),
                Part::Test => format!("{run}:test"),
                Part::Quarantine => format!("{run}:quarantine"),
                Part::OutOfFold => format!("{run}:out_of_fold"),
            },
            Source::Named(text) => text.clone(),
        }
    }
}

/// The number of an asking and the flag that ends it. Only the newest asking of a kind counts.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Its number.
    pub number: u64,
    /// Set when nobody waits for it any more.
    pub cancel: Cancel,
    /// How much is done, where the work tells.
    pub percent: Arc<AtomicU32>,
}

impl PartialEq for Asking {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

/// Rows and columns to read along, because they are shown at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The first row.
    pub first: u64,
    /// How many rows.
    pub count: usize,
    /// The columns, by their place in the table. Empty = the first ones of the table.
    pub columns: Vec<usize>,
}

/// Filter and order by names: they can be carried from one table to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Rows that another screen opened.
    pub base: Option<Base>,
    /// The filter line.
    pub filter: String,
    /// Columns to sort by, and whether the largest come first.
    pub sort: Vec<(String, bool)>,
    /// Columns to show; empty = all.
    pub columns: Vec<String>,
    /// The column under the cursor.
    pub at: Option<String>,
    /// The first row to read.
    pub first: u64,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPlan {
    /// Where to.
    pub path: PathBuf,
    /// As what.
    pub format: Format,
    /// Whether a file that is there may be replaced: somebody was asked.
    pub overwrite: bool,
}

/// One asking.
#[derive(Clone, Debug, PartialEq)]
pub enum BrowseJob {
    /// Open a table, with a view that is kept as far as the table allows, and read the first rows.
    Open {
        /// What.
        source: Source,
        /// The view.
        wanted: Wanted,
        /// Rows to read.
        rows: usize,
    },
    /// Read the whole of what a table has only the first rows of.
    Fill {
        /// What.
        source: Source,
    },
    /// Show a table that was read meanwhile, as [`BrowseJob::Open`] does.
    Show {
        /// What it was read from.
        source: Source,
        /// The table.
        table: Handle<Table>,
        /// The view.
        wanted: Wanted,
        /// Rows to read.
        rows: usize,
    },
    /// Find the rows of a view and read the first of them.
    Select {
        /// The table.
        table: Handle<Table>,
        /// Names of its columns, for the filter's messages and the order.
        view: Box<View>,
        /// Whether the view before it is kept for going back.
        keep: bool,
        /// What to read.
        range: Range,
    },
    /// Read rows.
    Rows {
        /// The table.
        table: Handle<Table>,
        /// Which of its rows.
        selection: Handle<Selection>,
        /// What to read.
        range: Range,
    },
    /// Count the values of a column.
    Facet {
        /// The table.
        table: Handle<Table>,
        /// Which of its rows.
        selection: Handle<Selection>,
        /// The column.
        column: usize,
    },
    /// Look at a column.
    Profile {
        /// The table.
        table: Handle<Table>,
        /// Which of its rows.
        selection: Handle<Selection>,
        /// The column.
        column: usize,
        /// The condition behind the selection; empty when it is the whole table.
        condition: String,
    },
    /// Find a text.
    Find {
        /// The table.
        table: Handle<Table>,
        /// Which of its rows.
        selection: Handle<Selection>,
        /// The first row to look at.
        from: u64,
        /// The text.
        text: String,
        /// Where to look.
        columns: Vec<usize>,
        /// Whether towards the end.
        forward: bool,
    },
    /// Read one row with all its columns.
    Record {
        /// The table.
        table: Handle<Table>,
        /// Which of its rows.
        selection: Handle<Selection>,
        /// The row.
        row: u64,
    },
    /// Read one cell whole, to copy it.
    Whole {
        /// The table.
        table: Handle<Table>,
        /// Which of its rows.
        selection: Handle<Selection>,
        /// The row.
        row: u64,
        /// The column.
        column: usize,
    },
    /// Write what is shown into a file.
    Export {
        /// The table.
        table: Handle<Table>,
        /// Which of its rows.
        selection: Handle<Selection>,
        /// The columns, in order.
        columns: Vec<usize>,
        /// Where to.
        plan: ExportPlan,
    },
    /// Look what could be opened.
    Proposals,
}

impl BrowseJob {
    /// Its kind.
    pub fn key(&self) -> JobKey {
        match self {
            BrowseJob::Open { .. } | BrowseJob::Show { .. } | BrowseJob::Select { .. } => {
                JobKey::Select
            }
            BrowseJob::Fill { .. } => JobKey::Fill,
            BrowseJob::Rows { .. } => JobKey::Rows,
            BrowseJob::Profile { .. } => JobKey::Profile,
            BrowseJob::Export { .. } => JobKey::Export,
            BrowseJob::Proposals => JobKey::Proposals,
            BrowseJob::Facet { .. }
            | BrowseJob::Find { .. }
            | BrowseJob::Record { .. }
            | BrowseJob::Whole { .. } => JobKey::Look,
        }
    }
    /// What is said while it is at work.
    pub fn doing(&self) -> &'static str {
        match self {
            BrowseJob::Open { .. } | BrowseJob::Show { .. } => "opening",
            BrowseJob::Fill { .. } => "reading the rest",
            BrowseJob::Select { view, .. } if view.sort.is_empty() => "filtering",
            BrowseJob::Select { .. } => "sorting",
            BrowseJob::Rows { .. } | BrowseJob::Record { .. } | BrowseJob::Whole { .. } => {
                "reading"
            }
            BrowseJob::Facet { .. } => "counting",
            BrowseJob::Profile { .. } => "profiling",
            BrowseJob::Find { .. } => "searching",
            BrowseJob::Export { .. } => "exporting",
            BrowseJob::Proposals => "looking",
        }
    }
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnHead {
    /// Its name.
    pub name: String,
    /// Its kind in a word.
    pub kind: &'static str,
    /// Whether it holds numbers: flush right, compared as numbers.
    pub numeric: bool,
}

/// The table that is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The engine's table.
    pub table: Handle<Table>,
    /// What was opened.
    pub source: Source,
    /// For people.
    pub title: String,
    /// Its columns.
    pub columns: Vec<ColumnHead>,
    /// Its rows; `None` while they are not counted.
    pub rows: Option<u64>,
    /// Whether these are only the first rows of what was opened.
    pub partial: bool,
    /// Rows of what was opened, about, where that is known and not all of them are here.
    pub of: Option<u64>,
    /// What should be known of it, one sentence each.
    pub notes: Vec<String>,
    /// PSI and verdict by column, where the run knows.
    pub drift: BTreeMap<String, (Option<f64>, String)>,
}

/// The rows of a view.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// The engine's selection.
    pub selection: Handle<Selection>,
    /// How many there are.
    pub rows: u64,
    /// How long finding them took.
    pub took: Duration,
}

/// Rows that were read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Place of the first among the rows of the view.
    pub first: u64,
    /// Row numbers of the source.
    pub numbers: Vec<u64>,
    /// Columns, by their place in the table, with their cells.
    pub columns: BTreeMap<usize, Vec<Cell>>,
}

impl Window {
    /// The row after the last.
    pub fn end(&self) -> u64 {
        self.first + self.numbers.len() as u64
    }
    /// A cell.
    pub fn cell(&self, row: u64, column: usize) -> Option<&Cell> {
        let at = usize::try_from(row.checked_sub(self.first)?).ok()?;
        self.columns.get(&column)?.get(at)
    }
    /// The row number in the source.
    pub fn number(&self, row: u64) -> Option<u64> {
        let at = usize::try_from(row.checked_sub(self.first)?).ok()?;
        self.numbers.get(at).copied()
    }
}

/// Values of a column with their counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Facet {
    /// The column, by its place in the table.
    pub column: usize,
    /// Values, the most frequent first; `None` is missing.
    pub values: Vec<(Option<String>, u64)>,
    /// Rows with other values than these.
    pub others: u64,
    /// Different values.
    pub distinct: u64,
    /// Whether there are exactly so many, or at least.
    pub exact: bool,
    /// Rows looked at.
    pub rows: u64,
    /// How long it took.
    pub took: Duration,
}

/// What a column looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The column, by its place in the table.
    pub column: usize,
    /// The condition its rows satisfy.
    pub condition: String,
    /// Rows looked at.
    pub rows: u64,
    /// Figures: name, value, remark.
    pub figures: Vec<(String, String, String)>,
    /// Bars, each part with its title.
    pub bars: Vec<Bars>,
    /// How long it took.
    pub took: Duration,
}

/// A part of a profile: shares with a bar each.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// Its title.
    pub title: String,
    /// Name and share of each bar.
    pub shares: Vec<(String, f64)>,
    /// Whether the shares are written out.
    pub written: bool,
}

/// One row, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place among the rows of the view.
    pub row: u64,
    /// Its number in the source.
    pub number: u64,
    /// Names and values; long ones cut, with the bytes of the whole.
    pub fields: Vec<(String, Option<String>, Option<usize>)>,
}

/// Something that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// As it is typed.
    pub text: String,
    /// What it is.
    pub what: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum BrowseDone {
    /// A table is open.
    Opened {
        /// The table.
        opened: Box<Opened>,
        /// The view that was possible.
        view: Box<View>,
        /// Its rows.
        selected: Selected,
        /// The first of them.
        window: Window,
    },
    /// The whole of a table was read whose first rows are shown.
    Filled {
        /// What it was read from.
        source: Source,
        /// The table.
        table: Handle<Table>,
    },
    /// The rows of a view were found.
    Selected {
        /// The view.
        view: Box<View>,
        /// Whether the view before it is kept.
        keep: bool,
        /// Its rows.
        selected: Selected,
        /// The first of them.
        window: Window,
    },
    /// Rows were read.
    Rows {
        /// Which rows they are of.
        selection: Handle<Selection>,
        /// The rows.
        window: Window,
    },
    /// Values were counted.
    Facet(Facet),
    /// A column was looked at.
    Profile(Profile),
    /// A text was found, or not.
    Found(Option<u64>),
    /// A row was read.
    Record(Box<Record>),
    /// A cell was read.
    Whole(String),
    /// A file was written.
    Exported {
        /// Where.
        path: PathBuf,
        /// Its rows.
        rows: u64,
        /// Its bytes.
        bytes: u64,
    },
    /// There is a file of that name already.
    Exists(ExportPlan),
    /// What could be opened.
    Proposals(Vec<Proposal>),
}
