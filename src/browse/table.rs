//! An open table.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use polars::prelude::{DataType, Series};

use super::ahead::{self, Ahead};
use super::order;
use super::pieces::{Haste, Pieces};
use super::store::{Shared, Store};
use super::view::Rows;
use super::{BrowseError, Cancel, ColumnInfo, Kind, Selection, View, Window, select};
use super::{ColumnProfile, Facet, Format, export, facet, find, gather, profile, window};
use crate::dataset::query::resolve_column;
use crate::dataset::{ColumnProfile as Figures, Frame, QueryError, ROW_COLUMN};
use crate::schema::label_by_name;

/// An open table. Cheap to clone; readable from any thread.
#[derive(Clone)]
pub struct Table(Arc<Inner>);

pub(super) struct Inner {
    title: String,
    notes: Vec<String>,
    /// Rows of the source, when not all of them are here.
    of: Option<u64>,
    /// Whether these are the first rows of a place that is yet to be read.
    preview: bool,
    pub(super) store: Shared,
    pub(super) pieces: Pieces,
    pub(super) ahead: Ahead,
    /// The columns a viewer is shown, then internal ones.
    columns: Vec<ColumnInfo>,
    shown: usize,
    /// Where each of `columns` stands in the store.
    places: Vec<usize>,
    /// The column with the rows' numbers in their source.
    numbers: Option<usize>,
    /// How often each label occurs in the whole table, once it was asked for.
    labels: OnceLock<Facet>,
}

/// With more labels than this the column is none.
const MOST_LABELS: usize = 200;

impl Table {
    /// A table of a frame in memory.
    pub fn of_frame(title: impl Into<String>, frame: Frame) -> Result<Self, BrowseError> {
        Self::of(title.into(), Vec::new(), Store::memory(frame)?, true, None)
    }

    pub(super) fn of(
        title: String,
        notes: Vec<String>,
        store: Store,
        numbered: bool,
        of: Option<u64>,
    ) -> Result<Self, BrowseError> {
        let all: Vec<ColumnInfo> = store
            .header()
            .polars()
            .columns()
            .iter()
            .map(|c| ColumnInfo {
                name: c.name().to_string(),
                kind: Kind::of(c.dtype()),
            })
            .collect();
        let internal = |c: &ColumnInfo| c.name.starts_with("__");
        let (inner, outer): (Vec<usize>, Vec<usize>) =
            (0..all.len()).partition(|&i| internal(&all[i]));
        let shown = outer.len();
        let places: Vec<usize> = outer.into_iter().chain(inner).collect();
        let numbers = all
            .iter()
            .position(|c| c.name == ROW_COLUMN)
            .filter(|_| numbered);
        Ok(Self(Arc::new(Inner {
            title,
            notes,
            of,
            preview: false,
            columns: places.iter().map(|&i| all[i].clone()).collect(),
            places,
            shown,
            numbers,
            labels: OnceLock::new(),
            store: Arc::new(store),
            pieces: Pieces::default(),
            ahead: Ahead::default(),
        })))
    }

    /// What it is called, and what it turned out to be.
    pub fn title(&self) -> &str {
        &self.0.title
    }
    /// What a viewer should know: rows that could not be read, what was left out.
    pub fn notes(&self) -> &[String] {
        &self.0.notes
    }
    /// The columns to show, in order. Everything here counts columns as this list does.
    pub fn columns(&self) -> &[ColumnInfo] {
        &self.0.columns[..self.0.shown]
    }
    /// A column by its index; internal ones (`__row`), found by [`Table::column`], too.
    pub fn info(&self, column: usize) -> Option<&ColumnInfo> {
        self.0.columns.get(column)
    }
    /// The column of a name, without regard to case; internal ones (`__row`) when they are named.
    pub fn column(&self, name: &str) -> Result<usize, QueryError> {
        let resolved = resolve_column(self.0.store.header(), name)?;
        let found = self.0.columns.iter().position(|c| c.name == resolved);
        found.ok_or_else(|| QueryError {
            position: 0,
            message: format!("there is no column `{name}`"),
            suggestion: None,
            text: name.to_owned(),
        })
    }
    /// Rows; `None` while they are not known.
    pub fn rows(&self) -> Option<u64> {
        Some(self.0.store.rows())
    }

    /// Rows of the source, about, when only the first of them are here.
    pub fn cut_from(&self) -> Option<u64> {
        self.0.of
    }

    /// Whether these are only the first rows, of a [`Table::preview`].
    pub fn is_preview(&self) -> bool {
        self.0.preview
    }

    /// A table that nobody shares yet, as the first rows of a place.
    pub(super) fn previewing(mut self) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.preview = true;
        }
        self
    }

    /// All rows as they stand.
    pub fn all(&self) -> Selection {
        let rows = self.0.store.rows();
        Selection::new(Rows::All(rows), rows, Duration::ZERO)
    }

    /// Finds the rows of a view.
    pub fn select(&self, view: &View, cancel: &Cancel) -> Result<Selection, BrowseError> {
        let begun = Instant::now();
        let store = &*self.0.store;
        store.check_unchanged()?;
        self.0.ahead.stop();
        let rows = store.rows();
        let limit = view.limit.unwrap_or(u64::MAX);
        if view.filter.is_none() && view.sort.is_empty() {
            let chosen = Rows::All(rows.min(limit));
            return Ok(Selection::new(chosen, rows, begun.elapsed()));
        }
        let sorted = !view.sort.is_empty();
        let mut positions = match &view.filter {
            Some(filter) => {
                let enough = view.limit.filter(|_| !sorted);
                select::matching(store, filter, enough, cancel)?
            }
            None if rows > select::MOST_ROWS => {
                return Err(BrowseError::TooManyRows {
                    rows,
                    limit: select::MOST_ROWS,
                });
            }
            None => (0..rows as u32).collect(),
        };
        if sorted {
            let by: Vec<(usize, bool)> = view
                .sort
                .iter()
                .map(|s| Ok((self.place(s.column)?, s.descending)))
                .collect::<Result<_, BrowseError>>()?;
            order::sort(store, &mut positions, &by, cancel)?;
            positions.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        store.check_unchanged()?;
        let chosen = Rows::These {
            positions: Arc::new(positions),
            ascending: !sorted,
        };
        Ok(Selection::new(chosen, rows, begun.elapsed()))
    }

    /// The cells of `count` rows of a selection from its row `first` on, fewer at its end.
    pub fn window(
        &self,
        selection: &Selection,
        first: u64,
        count: usize,
        columns: &[usize],
        cancel: &Cancel,
    ) -> Result<Window, BrowseError> {
        let inner = &*self.0;
        inner.store.check_unchanged()?;
        let left = selection.len().saturating_sub(first);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(count);
        let mut window = Window {
            first,
            columns: columns.to_vec(),
            cells: vec![Vec::new(); columns.len()],
            ..Window::default()
        };
        if count == 0 {
            return Ok(window);
        }
        let mut wanted = self.places(columns)?;
        wanted.extend(inner.numbers);
        let at = (first, count);
        let mut found = ahead::windows(|| {
            let (store, pieces) = (&inner.store, &inner.pieces);
            gather::columns(store, pieces, selection, at, &wanted, Haste::Now, cancel)
        })?;
        ahead::after_window(&self.0, selection, at, &wanted);
        window.rows = match inner.numbers.and_then(|_| found.pop()) {
            Some(numbers) => row_numbers(&numbers)?,
            None => (first..first + count as u64)
                .filter_map(|i| selection.position(i))
                .collect(),
        };
        window.cells = found.iter().map(window::cells).collect::<Result<_, _>>()?;
        Ok(window)
    }

    /// How often each value of a column occurs in a selection.
    pub fn facet(
        &self,
        selection: &Selection,
        column: usize,
        cancel: &Cancel,
    ) -> Result<Facet, BrowseError> {
        facet::facet(
            &self.0.store,
            selection,
            (self.place(column)?, column),
            cancel,
        )
    }

    /// What the values of a column are in a selection.
    pub fn profile(
        &self,
        selection: &Selection,
        column: usize,
        cancel: &Cancel,
    ) -> Result<ColumnProfile, BrowseError> {
        let inner = &*self.0;
        let place = self.place(column)?;
        let of = (place, column, inner.columns[column].kind);
        let mut profile = profile::profile(&inner.store, selection, of, cancel)?;
        if let Some(label) = self.label().filter(|label| *label != column) {
            let label = (self.place(label)?, label);
            let all = match inner.labels.get() {
                Some(all) => all,
                None => {
                    let all = facet::facet(&inner.store, &self.all(), label, cancel)?;
                    inner.labels.get_or_init(|| all)
                }
            };
            if all.exact && all.values.len() <= MOST_LABELS {
                profile.by_label = profile::by_label(&inner.store, selection, label, all, cancel)?;
            }
        }
        Ok(profile)
    }

    /// The figures of [`Table::profile`] alone.
    pub fn figures(
        &self,
        selection: &Selection,
        column: usize,
        cancel: &Cancel,
    ) -> Result<Figures, BrowseError> {
        let place = self.place(column)?;
        Ok(profile::figures(&self.0.store, selection, place, cancel)?.1)
    }

    /// The column that is the label, as far as its name says so.
    pub fn label(&self) -> Option<usize> {
        let names: Vec<&str> = self.columns().iter().map(|c| c.name.as_str()).collect();
        label_by_name(&names)
    }

    /// The first row of a selection at `from` or after it (before it, when not `forward`) with a
    /// cell in one of the columns that contains `text`, without regard to case. Ends at the end.
    pub fn find(
        &self,
        selection: &Selection,
        (from, forward): (u64, bool),
        text: &str,
        columns: &[usize],
        cancel: &Cancel,
    ) -> Result<Option<u64>, BrowseError> {
        let places = self.places(columns)?;
        find::find(
            &self.0.store,
            selection,
            (from, forward),
            text,
            &places,
            cancel,
        )
    }

    /// Writes the rows of a selection with some columns to a file, in the selection's order;
    /// replaces a file that is there. `progress` is told rows written and rows there are. Returns
    /// the rows written; after an error or a cancel nothing is left.
    pub fn export(
        &self,
        selection: &Selection,
        columns: &[usize],
        (path, format): (&Path, Format),
        cancel: &Cancel,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<u64, BrowseError> {
        let places = self.places(columns)?;
        self.0.store.check_unchanged()?;
        export::export(
            &self.0.store,
            selection,
            &places,
            (path, format),
            cancel,
            progress,
        )
    }

    fn places(&self, columns: &[usize]) -> Result<Vec<usize>, BrowseError> {
        columns.iter().map(|&c| self.place(c)).collect()
    }

    /// Where a column stands in the store.
    fn place(&self, column: usize) -> Result<usize, BrowseError> {
        self.0.places.get(column).copied().ok_or_else(|| {
            BrowseError::Internal(format!(
                "there is no column {column} of {}",
                self.0.columns.len()
            ))
        })
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("title", &self.0.title)
            .field("store", &self.0.store)
            .finish_non_exhaustive()
    }
}

/// Numbers that rows have in their source.
fn row_numbers(series: &Series) -> Result<Vec<u64>, BrowseError> {
    let cast = series
        .cast(&DataType::UInt64)
        .map_err(BrowseError::engine)?;
    let numbers = cast.u64().map_err(BrowseError::engine)?;
    Ok(numbers.iter().map(|n| n.unwrap_or(0)).collect())
}
