//! The next row in which a text stands.

use polars::prelude::{DataType, Series};
use rayon::prelude::*;

use super::store::{Store, Wanted};
use super::view::Rows;
use super::{BrowseError, Cancel, Selection};
use crate::dataset::number_text;

/// What is looked for, without regard to case.
struct Needle {
    text: String,
    ascii: bool,
    /// Whether a number can be written so.
    number: bool,
}

impl Needle {
    fn new(text: &str) -> Self {
        let text = text.to_lowercase();
        Self {
            ascii: text.is_ascii(),
            number: text.bytes().all(|b| b"0123456789.-+einf".contains(&b)),
            text,
        }
    }
    fn is_in(&self, cell: &str) -> bool {
        if self.ascii && cell.is_ascii() {
            let (cell, text) = (cell.as_bytes(), self.text.as_bytes());
            return cell.len() >= text.len()
                && (text.is_empty()
                    || cell
                        .windows(text.len())
                        .any(|part| part.eq_ignore_ascii_case(text)));
        }
        cell.to_lowercase().contains(&self.text)
    }
}

/// The first row of a selection at `from` or after it (before it, when not `forward`) with a cell
/// that contains `text`, in one of the columns of the store. Does not go round at the end.
pub(super) fn find(
    store: &Store,
    selection: &Selection,
    (from, forward): (u64, bool),
    text: &str,
    columns: &[usize],
    cancel: &Cancel,
) -> Result<Option<u64>, BrowseError> {
    store.check_unchanged()?;
    let needle = Needle::new(text);
    let rows = selection.len();
    if rows == 0 || (forward && from >= rows) {
        return Ok(None);
    }
    let from = from.min(rows - 1);
    match &selection.rows {
        Rows::All(_) => in_order(
            store,
            (from, forward, rows),
            &needle,
            columns,
            cancel,
            |p| (p < rows).then_some(p),
        ),
        Rows::These {
            positions,
            ascending: true,
        } => {
            let here = u64::from(positions[from as usize]);
            in_order(
                store,
                (here, forward, store.rows()),
                &needle,
                columns,
                cancel,
                |p| {
                    let place = positions.binary_search(&u32::try_from(p).ok()?).ok()?;
                    Some(place as u64)
                },
            )
        }
        Rows::These { positions, .. } => {
            let groups: Vec<usize> = (0..store.groups().len()).collect();
            let hits: Result<Vec<Vec<bool>>, BrowseError> = groups
                .par_iter()
                .map(|&group| hits(store, group, &needle, columns, cancel))
                .collect();
            let hits = hits?;
            let hit = |place: &usize| {
                let position = u64::from(positions[*place]);
                let group = store.group_of(position);
                hits[group][(position - store.groups()[group].first) as usize]
            };
            let from = from as usize;
            let found = if forward {
                (from..positions.len()).find(hit)
            } else {
                (0..=from).rev().find(hit)
            };
            Ok(found.map(|place| place as u64))
        }
    }
}

/// Looks through the table as it stands from a position on; `place_of` tells the place of a
/// position in the selection.
fn in_order(
    store: &Store,
    (from, forward, rows): (u64, bool, u64),
    needle: &Needle,
    columns: &[usize],
    cancel: &Cancel,
    place_of: impl Fn(u64) -> Option<u64>,
) -> Result<Option<u64>, BrowseError> {
    let first = store.group_of(from);
    let mut groups: Vec<usize> = if forward {
        (first..store.groups().len()).collect()
    } else {
        (0..=first).rev().collect()
    };
    groups.retain(|&g| store.groups()[g].first < rows);
    for some in groups.chunks(rayon::current_num_threads().max(1)) {
        let found: Result<Vec<Vec<bool>>, BrowseError> = some
            .par_iter()
            .map(|&group| hits(store, group, needle, columns, cancel))
            .collect();
        for (&group, hits) in some.iter().zip(found?) {
            let first = store.groups()[group].first;
            let place = |row: usize| {
                let position = first + row as u64;
                let beyond = if forward {
                    position < from
                } else {
                    position > from
                };
                if beyond || !hits[row] {
                    return None;
                }
                place_of(position)
            };
            let found = if forward {
                (0..hits.len()).find_map(place)
            } else {
                (0..hits.len()).rev().find_map(place)
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// The rows of a group in which the needle stands.
fn hits(
    store: &Store,
    group: usize,
    needle: &Needle,
    columns: &[usize],
    cancel: &Cancel,
) -> Result<Vec<bool>, BrowseError> {
    let mut hits = vec![false; store.groups()[group].rows];
    for &column in columns {
        cancel.check()?;
        let dtype = store.header().polars().columns()[column].dtype();
        if dtype.is_primitive_numeric() && !needle.number {
            continue;
        }
        let series = store.column(group, column, &Wanted::All)?;
        mark(&series, needle, &mut hits).map_err(BrowseError::engine)?;
    }
    Ok(hits)
}

fn mark(series: &Series, needle: &Needle, hits: &mut [bool]) -> polars::error::PolarsResult<()> {
    if series.dtype().is_float() {
        let cast = series.cast(&DataType::Float64)?;
        for (hit, value) in hits.iter_mut().zip(cast.f64()?.iter()) {
            *hit |= value.is_some_and(|v| !v.is_nan() && needle.is_in(&number_text(v)));
        }
        return Ok(());
    }
    let cast = series.cast(&DataType::String)?;
    // The same text again and again is looked at once.
    let mut last: Option<(&str, bool)> = None;
    for (hit, value) in hits.iter_mut().zip(cast.str()?.iter()) {
        let Some(value) = value else { continue };
        let is_in = match last {
            Some((before, is_in)) if before == value => is_in,
            _ => needle.is_in(value),
        };
        last = Some((value, is_in));
        *hit |= is_in;
    }
    Ok(())
}
