//! One view on a table: which rows, in which order, with which columns, and where the cursor
//! stands. Views are a stack; `u` goes back. Pure state: nothing in here reads rows.

use std::collections::BTreeMap;

use crate::dataset::Filter;

/// Sort columns at most.
const SORTS: usize = 8;
/// Widths a column can be given.
pub const WIDTHS: (u16, u16) = (3, 120);

/// A column to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortBy {
    /// Its place in the table.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

/// Rows that another screen opened: a title for people, and the condition that finds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// What they are.
    pub title: String,
    /// The condition, in the filter language.
    pub filter: String,
}

/// The view.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Rows that another screen opened; everything else narrows these.
    pub base: Option<Base>,
    /// The filter line; empty keeps all.
    pub filter: String,
    /// The order; empty = as they stand.
    pub sort: Vec<SortBy>,
    /// The columns shown, by their place in the table.
    pub columns: Vec<usize>,
    /// How many of them stand still at the left.
    pub frozen: usize,
    /// Widths the person chose, by place in the table.
    pub widths: BTreeMap<usize, u16>,
    /// The row under the cursor, from 0.
    pub row: u64,
    /// The column under the cursor, among `columns`.
    pub col: usize,
    /// The first row on the screen.
    pub top: u64,
    /// The first column on the screen that is not frozen, among `columns`.
    pub left: usize,
}

impl View {
    /// The column under the cursor, by its place in the table.
    pub fn column(&self) -> Option<usize> {
        self.columns.get(self.col).copied()
    }
    /// The whole condition: what another screen asked for and what the filter line says.
    pub fn condition(&self) -> String {
        match (&self.base, self.filter.is_empty()) {
            (None, _) => self.filter.clone(),
            (Some(base), _) if base.filter.is_empty() => self.filter.clone(),
            (Some(base), true) => base.filter.clone(),
            (Some(base), false) => format!("({}) and ({})", base.filter, self.filter),
        }
    }
    /// Whether both show the same rows in the same order.
    pub fn same_rows(&self, other: &View) -> bool {
        self.base == other.base && self.filter == other.filter && self.sort == other.sort
    }
    /// `s`: ascending, descending, none on one column alone.
    pub fn cycle_sort(&mut self, column: usize) {
        self.sort = match self.sort.as_slice() {
            [one] if one.column == column => next(*one).into_iter().collect(),
            _ => vec![SortBy {
                column,
                descending: false,
            }],
        };
    }
    /// `S`: adds a column to the order, or cycles it where it stands.
    pub fn add_sort(&mut self, column: usize) {
        match self.sort.iter().position(|s| s.column == column) {
            Some(at) => match next(self.sort[at]) {
                Some(sort) => self.sort[at] = sort,
                None => drop(self.sort.remove(at)),
            },
            None if self.sort.len() < SORTS => self.sort.push(SortBy {
                column,
                descending: false,
            }),
            None => {}
        }
    }
    /// `f`: everything up to the column under the cursor stands still; again lets it go.
    pub fn freeze(&mut self) {
        let wanted = self.col + 1;
        self.frozen = if self.frozen == wanted { 0 } else { wanted };
        self.left = self.left.max(self.frozen);
    }
    /// Takes the column under the cursor away; the last one stays.
    pub fn hide(&mut self) -> bool {
        if self.columns.len() < 2 || self.col >= self.columns.len() {
            return false;
        }
        self.columns.remove(self.col);
        self.frozen -= usize::from(self.frozen > self.col);
        self.col = self.col.min(self.columns.len() - 1);
        true
    }
    /// Shows these columns in this order; the cursor stays on its column where it can.
    pub fn choose(&mut self, columns: Vec<usize>) {
        if columns.is_empty() {
            return;
        }
        let here = self.column();
        let frozen: Vec<usize> = self.columns.iter().take(self.frozen).copied().collect();
        self.frozen = columns.iter().take_while(|c| frozen.contains(c)).count();
        self.col = here
            .and_then(|c| columns.iter().position(|x| *x == c))
            .unwrap_or(self.col.min(columns.len() - 1));
        self.columns = columns;
        self.left = self.frozen;
    }
    /// Joins a condition to the filter line.
    pub fn narrow(&mut self, condition: &str) {
        self.filter = if self.filter.is_empty() {
            condition.to_owned()
        } else if joins_by_or(&self.filter) {
            format!("({}) and {condition}", self.filter)
        } else {
            format!("{} and {condition}", self.filter)
        };
    }
    /// Back to the first row: after the rows became others.
    pub fn rewind(&mut self) {
        self.row = 0;
        self.top = 0;
    }
}

fn next(sort: SortBy) -> Option<SortBy> {
    (!sort.descending).then_some(SortBy {
        descending: true,
        ..sort
    })
}

fn joins_by_or(filter: &str) -> bool {
    use crate::dataset::query::Condition;
    // A filter that cannot be read is kept together, whatever it says.
    Filter::parse(filter).map_or(true, |f| matches!(f.condition(), Condition::Or(..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View {
            columns: vec![0, 1, 2, 3],
            ..View::default()
        }
    }

    #[test]
    fn sorting_cycles_and_adds() {
        let mut v = view();
        let of = |v: &View| -> Vec<(usize, bool)> {
            v.sort.iter().map(|s| (s.column, s.descending)).collect()
        };
        v.cycle_sort(2);
        assert_eq!(of(&v), [(2, false)]);
        v.cycle_sort(2);
        assert_eq!(of(&v), [(2, true)]);
        v.add_sort(0);
        v.add_sort(0);
        assert_eq!(of(&v), [(2, true), (0, true)]);
        v.add_sort(2);
        assert_eq!(of(&v), [(0, true)]);
        v.cycle_sort(0);
        assert!(v.sort.is_empty());
        v.add_sort(1);
        v.cycle_sort(3);
        assert_eq!(of(&v), [(3, false)]);
    }

    #[test]
    fn freezing_hiding_and_choosing() {
        let mut v = view();
        v.col = 1;
        v.freeze();
        assert_eq!((v.frozen, v.left), (2, 2));
        assert!(v.hide());
        assert_eq!((v.frozen, &v.columns[..]), (1, &[0, 2, 3][..]));
        assert_eq!(v.column(), Some(2));
        v.choose(vec![3, 2]);
        assert_eq!((v.frozen, v.column()), (0, Some(2)));
        v.choose(vec![]);
        assert_eq!(v.columns, [3, 2]);
        assert!(v.hide());
        assert!(!v.hide(), "the last one stays");
        v.freeze();
        v.freeze();
        assert_eq!(v.frozen, 0);
    }

    #[test]
    fn conditions_join_without_changing_what_they_mean() {
        let mut v = view();
        v.narrow("a = 1");
        v.narrow("b = 2");
        assert_eq!(v.filter, "a = 1 and b = 2");
        v.filter = "a = 1 or b = 2".into();
        v.narrow("c = 3");
        assert_eq!(v.filter, "(a = 1 or b = 2) and c = 3");
        v.base = Some(Base {
            title: "rows".into(),
            filter: "x in (1, 2)".into(),
        });
        let whole = v.condition();
        assert_eq!(whole, "(x in (1, 2)) and ((a = 1 or b = 2) and c = 3)");
        assert!(Filter::parse(&whole).is_ok());
    }
}
