//! What the values of one column are: figures, a histogram, and how the labels share them.

use super::facet::{Facet, facet};
use super::scan::scan;
use super::store::Store;
use super::{BrowseError, Cancel, Cell, Kind, Selection};
use crate::dataset::profile::{ColumnState, NumberState};
use crate::dataset::{ColumnProfile as Figures, Frame};

/// Bars of a histogram at most.
const BARS: usize = 12;
/// The greatest number is this many times the median before bars are powers of ten.
const SPREAD: f64 = 100.0;
/// Labels told apart.
const LABELS: usize = 50;

/// The profile of a column over the rows of a selection.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnProfile {
    /// The column.
    pub column: usize,
    /// What it holds.
    pub kind: Kind,
    /// Rows looked at.
    pub rows: u64,
    /// Counts, extremes, quantiles, most frequent values. `distinct_exact` says whether distinct
    /// and quantiles are exact.
    pub figures: Figures,
    /// How the finite numbers spread; none for text.
    pub histogram: Option<Histogram>,
    /// How the rows share out among the labels; empty when no column is named like a label, or the
    /// column is the label itself.
    pub by_label: Vec<LabelShare>,
}

/// How numbers spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Whether bars are powers of ten (and one for 0), not equally wide.
    pub log: bool,
    /// The bars, from the smallest numbers on. Beyond the exact limit of the figures a bar's edge
    /// is sharp to half a percent.
    pub bars: Vec<Bar>,
}

/// A bar: numbers from `low` on and below `high`; the last bar holds its `high` too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// The smallest number it may hold.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// Rows in it.
    pub rows: u64,
}

/// How many of a label's rows are in a selection.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelShare {
    /// The label.
    pub label: Cell,
    /// Rows of the selection that have it.
    pub rows: u64,
    /// Rows of the whole table that have it.
    pub of: u64,
}

/// Profiles a column of the store; `shown` is the column as the table counts.
pub(super) fn profile(
    store: &Store,
    selection: &Selection,
    (column, shown, kind): (usize, usize, Kind),
    cancel: &Cancel,
) -> Result<ColumnProfile, BrowseError> {
    let (state, figures) = figures(store, selection, column, cancel)?;
    let histogram = match &state {
        ColumnState::Numbers(numbers) => histogram(numbers, &figures, kind),
        ColumnState::Texts(_) => None,
    };
    Ok(ColumnProfile {
        column: shown,
        kind,
        rows: selection.len(),
        figures,
        histogram,
        by_label: Vec::new(),
    })
}

/// The figures of a column of the store, and the state behind them.
pub(super) fn figures(
    store: &Store,
    selection: &Selection,
    column: usize,
    cancel: &Cancel,
) -> Result<(ColumnState, Figures), BrowseError> {
    let name = store
        .header()
        .names()
        .get(column)
        .cloned()
        .unwrap_or_default();
    let states = scan(store, selection, column, cancel, |series| {
        let frame = Frame::from_columns(vec![series.clone().into()])?;
        Ok(ColumnState::of(&frame, series.name())?)
    })?;
    let mut states = states.into_iter();
    let mut state = match states.next() {
        Some(state) => state,
        None => ColumnState::of(store.header(), &name)?,
    };
    for other in states {
        cancel.check()?;
        if !state.merge(&other) {
            return Err(BrowseError::Internal(format!(
                "parts of column `{name}` are of different kinds"
            )));
        }
    }
    let figures = state.finish(&name);
    Ok((state, figures))
}

/// How a selection shares out among the labels; `all` counts the labels of the whole table.
pub(super) fn by_label(
    store: &Store,
    selection: &Selection,
    label: (usize, usize),
    all: &Facet,
    cancel: &Cancel,
) -> Result<Vec<LabelShare>, BrowseError> {
    let here = if selection.is_all() {
        all.clone()
    } else {
        facet(store, selection, label, cancel)?
    };
    let rows_of = |label: &Cell| {
        let found = here.values.iter().find(|v| v.value == *label);
        found.map_or(0, |v| v.rows)
    };
    Ok(all
        .values
        .iter()
        .take(LABELS)
        .map(|v| LabelShare {
            rows: rows_of(&v.value),
            label: v.value.clone(),
            of: v.rows,
        })
        .collect())
}

fn histogram(numbers: &NumberState, figures: &Figures, kind: Kind) -> Option<Histogram> {
    let (min, max) = (figures.min?, figures.max?);
    let median = figures.quantiles.get("p50").copied().unwrap_or(0.0);
    let log = min >= 0.0 && max > SPREAD * median.max(1e-300) && max > 0.0;
    let edges = if log {
        log_edges(numbers, min, max, kind)
    } else {
        even_edges(min, max, kind)
    };
    let rows = numbers.histogram(&edges);
    Some(Histogram {
        log,
        bars: edges
            .windows(2)
            .zip(rows)
            .map(|(edge, rows)| Bar {
                low: edge[0],
                high: edge[1],
                rows,
            })
            .collect(),
    })
}

/// 0, then powers of ten up to the one above `max`. Where they would be too many the smallest
/// share a bar.
fn log_edges(numbers: &NumberState, min: f64, max: f64, kind: Kind) -> Vec<f64> {
    let top = max.log10().floor() as i32 + 1;
    let smallest = if min > 0.0 {
        min
    } else {
        numbers.smallest_positive().unwrap_or(max)
    };
    let lowest = match kind {
        Kind::Whole => 0,
        _ => smallest.log10().floor() as i32,
    };
    let lowest = lowest.max(top - BARS as i32 + 1).min(top - 1);
    let mut edges: Vec<f64> = (lowest..=top).map(|e| 10f64.powi(e)).collect();
    if smallest < edges[0] || min <= 0.0 {
        edges.insert(0, 0.0);
    }
    edges
}

/// Steps of 1, 2 or 5 times a power of ten from below `min` to `max`.
fn even_edges(min: f64, max: f64, kind: Kind) -> Vec<f64> {
    if min == max {
        return vec![min, max];
    }
    let rough = (max / (BARS - 2) as f64) - (min / (BARS - 2) as f64);
    let power = 10f64.powi(rough.log10().floor() as i32);
    let mut step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power);
    if kind == Kind::Whole {
        step = step.max(1.0);
    }
    let first = (min / step).floor();
    let mut edges = Vec::new();
    for i in 0..=BARS + 1 {
        let edge = (first + i as f64) * step;
        edges.push(edge);
        if edge > max {
            break;
        }
    }
    // So near to the largest numbers there are that steps cannot be told apart.
    edges.dedup();
    if edges.len() < 2 || edges.iter().any(|e| !e.is_finite()) {
        return vec![min, max];
    }
    edges
}
