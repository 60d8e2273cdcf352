//! What the Data screen knows: the table that is open, the view on it, the rows that were read
//! and the work that is going on. Changed by `update/data*.rs`, read by `screens/data/`; reads
//! nothing itself.

pub mod ask;
pub mod cell;
mod columns;
pub mod copying;
pub mod grid;
pub mod view;
pub mod work;

use chrono::{DateTime, TimeDelta, Utc};

use self::ask::{Asking, Facet, Opened, Profile, Proposal, Range, Selected, Wanted, Window};
use self::cell::Cell;
use self::grid::{Areas, Columns};
use self::view::View;
use super::jobs::JobKey;
use super::layout::Room;
use crate::error::ErrorReport;
use crate::text::{self, Marks, count};

/// Views kept for going back.
const KEPT_VIEWS: usize = 32;
/// Rows of a selection that is kept with its view; larger ones are found again.
const KEPT_ROWS: u64 = 1_000_000;
/// Profiles kept.
const KEPT_PROFILES: usize = 64;
/// Filters kept for `up` in the filter line.
const KEPT_FILTERS: usize = 50;
/// Rows up to which a column is profiled without being asked to.
pub const PROFILED_BY_ITSELF: u64 = 2_000_000;
/// Work that takes longer is said.
pub const PATIENCE: TimeDelta = TimeDelta::milliseconds(150);

/// Work that is going on.
#[derive(Clone, Debug)]
pub struct Active {
    /// Its kind.
    pub key: JobKey,
    /// Its number and its end.
    pub asking: Asking,
    /// What it does.
    pub doing: &'static str,
    /// How much is done, where the work tells.
    pub percent: u32,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A facet on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetView {
    /// The values.
    pub facet: Facet,
    /// The value under the cursor.
    pub cursor: usize,
}

/// The Data screen.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// The table that is open.
    pub opened: Option<Opened>,
    /// Why none is.
    pub refused: Option<ErrorReport>,
    /// Whether the run on screen decides what is open.
    pub own: bool,
    /// The view.
    pub view: View,
    /// The view whose rows are being found.
    pub pending: Option<View>,
    /// The rows of the view.
    pub selected: Option<Selected>,
    /// Views to go back to.
    pub stack: Vec<(View, Option<Selected>)>,
    /// Rows that were read.
    pub window: Window,
    /// The rows and columns that were asked for last.
    pub asked: Range,
    /// The first row that is drawn: it stays until the rows of a new place are there.
    pub painted: u64,
    /// Widths by what was seen so far; they only grow, so that columns stand still.
    pub widths: Vec<u16>,
    /// Values of a column in place of the rows.
    pub facet: Option<FacetView>,
    /// Whether the pane of the column is wanted; `None` leaves it to the room there is.
    pub pane: Option<bool>,
    /// Profiles that were made, the newest last.
    pub profiles: Vec<Profile>,
    /// Filters that were used, the newest last.
    pub filters: Vec<String>,
    /// What was searched last.
    pub find: String,
    /// What could be opened.
    pub proposals: Vec<Proposal>,
    /// Work that is going on.
    pub active: Vec<Active>,
    /// The column whose profile was asked for last.
    pub profiling: Option<usize>,
    /// The export of which it was said that quitting ends it.
    pub warned_of: Option<u64>,
    /// Whether a look at the work is due.
    pub waking: bool,
    /// Askings so far.
    pub askings: u64,
    /// The time when the screen last looked at its work.
    pub tick: Option<DateTime<Utc>>,
}

impl Browser {
    /// Whether the pane beside the rows is shown.
    pub fn has_pane(&self, size: (u16, u16)) -> bool {
        self.opened.is_some()
            && self.pane.unwrap_or_else(|| {
                super::layout::parts(size.0, size.1).is_some_and(|p| p.room == Room::Large)
            })
    }
    /// The parts of the screen.
    pub fn areas(&self, size: (u16, u16)) -> Option<Areas> {
        grid::areas(size, self.has_pane(size))
    }
    /// The view that was asked for last: what is changed next begins with it.
    pub fn newest_view(&self) -> View {
        self.pending.clone().unwrap_or_else(|| self.view.clone())
    }
    /// Rows of the view.
    pub fn rows(&self) -> u64 {
        self.selected.as_ref().map_or(0, |s| s.rows)
    }
    /// Rows of the table, as far as they are known.
    pub fn all_rows(&self) -> u64 {
        self.opened
            .as_ref()
            .and_then(|o| o.rows)
            .unwrap_or_else(|| self.rows())
    }
    /// The width of a column.
    pub fn width(&self, column: usize) -> u16 {
        match self.view.widths.get(&column) {
            Some(width) => *width,
            None => self.widths.get(column).copied().unwrap_or(grid::WIDEST),
        }
    }
    /// The columns on the screen.
    pub fn columns(&self, screen: u16) -> Columns {
        grid::place(&self.view, screen, self.all_rows(), |c| self.width(c))
    }
    /// The name of a column of the table.
    pub fn name(&self, column: usize) -> &str {
        self.opened
            .as_ref()
            .and_then(|o| o.columns.get(column))
            .map_or("", |c| c.name.as_str())
    }
    /// The name of the column under the cursor.
    pub fn column_name(&self) -> &str {
        self.view.column().map_or("", |c| self.name(c))
    }
    /// The cell under the cursor.
    pub fn cell(&self) -> Option<&Cell> {
        self.window.cell(self.view.row, self.view.column()?)
    }
    /// Whether a row with the columns on the screen was read.
    fn covers(&self, from: u64, to: u64, columns: &Columns) -> bool {
        self.window.first <= from
            && to <= self.window.end()
            && columns
                .placed
                .iter()
                .all(|p| self.window.columns.contains_key(&p.column))
    }
    /// Moves the view so that its cursor is on the screen, and says which rows must be read for
    /// it, with two pages ahead.
    pub fn settle(&mut self, size: (u16, u16)) -> Option<Range> {
        let areas = self.areas(size)?;
        let (rows, all) = (self.rows(), self.all_rows());
        let mut view = self.view.clone();
        grid::settle(&mut view, areas.width, areas.rows, rows, all, |c| {
            self.width(c)
        });
        self.view = view;
        self.selected.as_ref()?;
        let page = u64::from(areas.rows);
        let top = self.view.top;
        let bottom = (top + page).min(rows);
        let columns = self.columns(areas.width);
        let seen = self.covers(top, bottom, &columns);
        if seen {
            self.painted = top;
        }
        let ahead = (bottom + page).min(rows);
        let behind = top.saturating_sub(page / 2);
        if seen && self.window.first <= behind && ahead <= self.window.end() {
            return None;
        }
        let range = Range {
            first: top.saturating_sub(page),
            count: (4 * page) as usize,
            columns: grid::around(&self.view, &columns),
        };
        if range == self.asked {
            return None;
        }
        self.asked = range.clone();
        Some(range)
    }
    /// What the first rows of a view need, before anything of it is known.
    pub fn first_range(&self, size: (u16, u16), view: &View) -> Range {
        let Some(areas) = self.areas(size) else {
            return Range::default();
        };
        let columns = grid::place(view, areas.width, self.all_rows(), |c| self.width(c));
        let page = u64::from(areas.rows);
        Range {
            first: view.top.saturating_sub(page),
            count: (4 * page) as usize,
            columns: grid::around(view, &columns),
        }
    }
    /// Takes in rows that were read; columns grow to what is in them.
    pub fn take_window(&mut self, window: Window) {
        for (&column, cells) in &window.columns {
            let Some(width) = self.widths.get_mut(column) else {
                continue;
            };
            for cell in cells {
                let w = text::width(&cell.shown(), Marks::UTF8);
                let most = match cell {
                    // A number that is cut is another number.
                    Cell::Number(_) => usize::from(grid::WIDEST) + 8,
                    Cell::Missing | Cell::Text { .. } => usize::from(grid::WIDEST),
                };
                *width = (*width).max(w.min(most) as u16);
            }
        }
        self.window = window;
    }
    /// Forgets the widths: another table.
    pub fn reset_widths(&mut self) {
        let heads = self.opened.iter().flat_map(|o| &o.columns);
        self.widths = heads
            .map(|head| {
                let name = text::width(&head.name, Marks::UTF8) as u16;
                name.clamp(4, grid::WIDEST)
            })
            .collect();
    }
    /// Keeps the present view for going back.
    pub fn keep_view(&mut self) {
        if self.stack.len() == KEPT_VIEWS {
            self.stack.remove(0);
        }
        let selected = self.selected.clone().filter(|s| s.rows <= KEPT_ROWS);
        self.stack.push((self.view.clone(), selected));
    }
    /// The profile of the column under the cursor, when it was made for the rows shown.
    pub fn profile(&self) -> Option<&Profile> {
        let column = self.view.column()?;
        let condition = self.view.condition();
        self.profiles
            .iter()
            .rev()
            .find(|p| p.column == column && p.condition == condition)
    }
    /// Keeps a profile.
    pub fn keep_profile(&mut self, profile: Profile) {
        if self.profiles.len() == KEPT_PROFILES {
            self.profiles.remove(0);
        }
        self.profiles.push(profile);
    }
    /// Remembers a filter that was used.
    pub fn remember(&mut self, filter: &str) {
        if filter.is_empty() {
            return;
        }
        self.filters.retain(|f| f != filter);
        if self.filters.len() == KEPT_FILTERS {
            self.filters.remove(0);
        }
        self.filters.push(filter.to_owned());
    }
    /// What is said of work that takes long: what, and seconds.
    pub fn working(&self) -> Option<(String, f64)> {
        let tick = self.tick?;
        self.active
            .iter()
            .map(|a| (a, tick - a.since))
            .filter(|(_, t)| *t >= PATIENCE)
            .max_by_key(|(_, t)| *t)
            .map(|(a, t)| {
                let doing = match a.percent {
                    0 => a.doing.to_owned(),
                    percent => format!("{} {percent} %", a.doing),
                };
                (doing, t.num_milliseconds() as f64 / 1000.0)
            })
    }
    /// What is said of how many rows there are: `the first 2,000 of 500,000 rows`.
    pub fn rows_told(&self) -> String {
        let all = count(self.all_rows());
        match &self.opened {
            Some(Opened {
                partial: true, of, ..
            }) => match of {
                Some(of) => format!("the first {all} of {} rows", count(*of)),
                None => format!("the first {all} rows"),
            },
            _ => format!("{all} rows"),
        }
    }
    /// Whether only the first rows of what was opened are here.
    pub fn is_partial(&self) -> bool {
        self.opened.as_ref().is_some_and(|o| o.partial)
    }
    /// Whether work of a kind is going on.
    pub fn is_at(&self, key: JobKey) -> bool {
        self.active.iter().any(|a| a.key == key)
    }
    /// Ends work of a kind.
    pub fn end(&mut self, key: JobKey) {
        for active in self.active.iter().filter(|a| a.key == key) {
            active.asking.cancel.cancel();
        }
        self.active.retain(|a| a.key != key);
    }
    /// Takes in a table of which the first rows were shown: whoever is looking at them stays
    /// where they are, as far as the columns are the same. Returns whether they are.
    pub fn replace(&mut self, opened: Opened, view: View) -> bool {
        let same = self
            .opened
            .as_ref()
            .is_some_and(|o| o.partial && o.columns == opened.columns);
        let stay = same && view.same_rows(&self.view);
        self.opened = Some(opened);
        match same {
            // Their rows are those of the first rows alone.
            true => self.stack.iter_mut().for_each(|(_, rows)| *rows = None),
            false => self.stack.clear(),
        }
        if !stay {
            self.view = view;
            self.painted = 0;
        }
        if !same {
            self.reset_widths();
        }
        stay
    }
    /// Filter, order, columns and the cursor's by names, to be carried to another table.
    pub fn wanted(&self) -> Wanted {
        self.wanted_in(&self.view)
    }
    /// The same of a view.
    pub fn wanted_in(&self, view: &View) -> Wanted {
        let all = self.opened.as_ref().map_or(0, |o| o.columns.len());
        let plain = view.columns.iter().copied().eq(0..all);
        Wanted {
            base: None,
            first: 0,
            filter: view.filter.clone(),
            sort: view
                .sort
                .iter()
                .map(|s| (self.name(s.column).to_owned(), s.descending))
                .collect(),
            columns: match plain {
                true => Vec::new(),
                false => {
                    let names = view.columns.iter().map(|c| self.name(*c).to_owned());
                    names.collect()
                }
            },
            at: view.column().map(|c| self.name(c).to_owned()),
        }
    }
    /// Ends what was asked of rows that are not shown any more.
    pub fn forget_work(&mut self) {
        let over = |key: JobKey| matches!(key, JobKey::Rows | JobKey::Look | JobKey::Profile);
        for active in self.active.iter().filter(|a| over(a.key)) {
            active.asking.cancel.cancel();
        }
        self.active.retain(|a| !over(a.key));
        self.profiling = None;
    }
}
