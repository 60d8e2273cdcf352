//! How often each value of a column occurs.

use std::collections::HashMap;
use std::hash::Hash;

use polars::prelude::{DataType, Series};

use super::scan::scan;
use super::store::Store;
use super::{BrowseError, Cancel, Cell, Selection};

/// Different values that are counted; rows with further ones are counted together.
const COUNTED: usize = 1 << 17;
/// Values that are told apart in the result.
pub const FACET_VALUES: usize = 1000;

/// A value and its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetValue {
    /// The value, never missing.
    pub value: Cell,
    /// Rows that hold it.
    pub rows: u64,
}

/// How often each value of a column occurs among the rows of a selection.
#[derive(Clone, Debug, PartialEq)]
pub struct Facet {
    /// The column.
    pub column: usize,
    /// Rows looked at.
    pub rows: u64,
    /// The most frequent values, the most frequent first, at most [`FACET_VALUES`].
    pub values: Vec<FacetValue>,
    /// Rows without a value.
    pub missing: u64,
    /// Rows with a value that is not among `values`.
    pub others: u64,
    /// Different values.
    pub distinct: u64,
    /// Whether `distinct` is exact; otherwise there are at least that many, and values that came
    /// late in a large table may be among the others.
    pub exact: bool,
}

/// Counts, exact up to [`COUNTED`] different values.
struct Counts<V> {
    rows: HashMap<V, u64>,
    missing: u64,
    others: u64,
}

impl<V: Eq + Hash> Counts<V> {
    fn new() -> Self {
        Self {
            rows: HashMap::new(),
            missing: 0,
            others: 0,
        }
    }
    fn add(&mut self, value: V, rows: u64) {
        if let Some(count) = self.rows.get_mut(&value) {
            *count += rows;
        } else if self.rows.len() < COUNTED {
            self.rows.insert(value, rows);
        } else {
            self.others += rows;
        }
    }
    fn merge(&mut self, other: Self) {
        self.missing += other.missing;
        self.others += other.others;
        for (value, rows) in other.rows {
            self.add(value, rows);
        }
    }
    fn merged(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_else(Self::new);
        parts.for_each(|part| all.merge(part));
        all
    }
    fn finish(
        self,
        column: usize,
        rows: u64,
        order: impl Fn(&V, &V) -> std::cmp::Ordering,
        cell: impl Fn(V) -> Cell,
    ) -> Facet {
        let distinct = self.rows.len() as u64;
        let exact = self.others == 0;
        let mut values: Vec<(V, u64)> = self.rows.into_iter().collect();
        values.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| order(a, b)));
        let mut others = self.others;
        others += values
            .iter()
            .skip(FACET_VALUES)
            .map(|(_, n)| n)
            .sum::<u64>();
        values.truncate(FACET_VALUES);
        Facet {
            column,
            rows,
            values: values
                .into_iter()
                .map(|(value, rows)| FacetValue {
                    value: cell(value),
                    rows,
                })
                .collect(),
            missing: self.missing,
            others,
            distinct,
            exact,
        }
    }
}

/// Counts the values of a column of the store; `shown` is the column as the table counts.
pub(super) fn facet(
    store: &Store,
    selection: &Selection,
    (column, shown): (usize, usize),
    cancel: &Cancel,
) -> Result<Facet, BrowseError> {
    let dtype = store.header().polars().columns()[column].dtype().clone();
    let rows = selection.len();
    if dtype.is_float() {
        let parts = scan(store, selection, column, cancel, reals)?;
        return Ok(Counts::merged(parts).finish(
            shown,
            rows,
            |a, b| f64::from_bits(*a).total_cmp(&f64::from_bits(*b)),
            |bits| Cell::Decimal(f64::from_bits(bits)),
        ));
    }
    if dtype.is_integer() || dtype == DataType::Boolean {
        let parts = scan(store, selection, column, cancel, wholes)?;
        let truth = dtype == DataType::Boolean;
        return Ok(
            Counts::merged(parts).finish(shown, rows, i128::cmp, |value| {
                if truth {
                    Cell::Truth(value != 0)
                } else {
                    Cell::Whole(value)
                }
            }),
        );
    }
    let parts = scan(store, selection, column, cancel, texts)?;
    let time = dtype.is_temporal();
    Ok(
        Counts::merged(parts).finish(shown, rows, String::cmp, |value| {
            if time {
                Cell::Time(value)
            } else {
                Cell::Text(value)
            }
        }),
    )
}

fn reals(series: &Series) -> Result<Counts<u64>, BrowseError> {
    let cast = series
        .cast(&DataType::Float64)
        .map_err(BrowseError::engine)?;
    let mut counts = Counts::new();
    for value in cast.f64().map_err(BrowseError::engine)?.iter() {
        match value {
            // There is one zero only.
            Some(0.0) => counts.add(0, 1),
            Some(v) if !v.is_nan() => counts.add(v.to_bits(), 1),
            _ => counts.missing += 1,
        }
    }
    Ok(counts)
}

fn wholes(series: &Series) -> Result<Counts<i128>, BrowseError> {
    let mut counts = Counts::new();
    if *series.dtype() == DataType::UInt64 {
        for value in series.u64().map_err(BrowseError::engine)?.iter() {
            match value {
                Some(v) => counts.add(i128::from(v), 1),
                None => counts.missing += 1,
            }
        }
        return Ok(counts);
    }
    let cast = series.cast(&DataType::Int64).map_err(BrowseError::engine)?;
    for value in cast.i64().map_err(BrowseError::engine)?.iter() {
        match value {
            Some(v) => counts.add(i128::from(v), 1),
            None => counts.missing += 1,
        }
    }
    Ok(counts)
}

/// Slots of [`Recent`].
const RECENT: usize = 512;

/// Texts seen lately, with rows that are not counted yet. Most columns whose values somebody counts
/// have few of them, and comparing two texts costs a fraction of looking one up.
struct Recent<'t>(Vec<(&'t str, u64)>);

impl<'t> Recent<'t> {
    fn new() -> Self {
        Self(vec![("", 0); RECENT])
    }
    /// Counts a row, here or, with those before, where another text takes the slot.
    fn add(&mut self, text: &'t str, counts: &mut Counts<&'t str>) {
        let (held, rows) = &mut self.0[Self::slot(text.as_bytes())];
        if *held == text {
            *rows += 1;
            return;
        }
        if *rows > 0 {
            counts.add(held, *rows);
        }
        (*held, *rows) = (text, 1);
    }
    /// Counts what is left.
    fn finish(self, counts: &mut Counts<&'t str>) {
        for (text, rows) in self.0.into_iter().filter(|(_, rows)| *rows > 0) {
            counts.add(text, rows);
        }
    }
    fn slot(text: &[u8]) -> usize {
        let byte = |at: usize| text.get(at).map_or(0, |b| usize::from(*b));
        let length = text.len();
        let some = [byte(0), byte(length / 2), byte(length.saturating_sub(1))];
        some.iter().fold(length, |sum, b| 31 * sum + b) % RECENT
    }
}

fn texts(series: &Series) -> Result<Counts<String>, BrowseError> {
    let cast = series
        .cast(&DataType::String)
        .map_err(BrowseError::engine)?;
    let mut borrowed: Counts<&str> = Counts::new();
    let mut recent = Recent::new();
    for value in cast.str().map_err(BrowseError::engine)?.iter() {
        match value {
            Some(v) => recent.add(v, &mut borrowed),
            None => borrowed.missing += 1,
        }
    }
    recent.finish(&mut borrowed);
    Ok(Counts {
        rows: borrowed
            .rows
            .into_iter()
            .map(|(value, rows)| (value.to_owned(), rows))
            .collect(),
        missing: borrowed.missing,
        others: borrowed.others,
    })
}
