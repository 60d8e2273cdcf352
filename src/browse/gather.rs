//! The cells of a window, wherever its rows lie.
//!
//! Rows that lie together come from stretches as they stand. Rows that are scattered over the file
//! (a sorted view) would need a decoded column of as many groups as rows: they are gathered in
//! blocks of many rows at once, for a block of thousands costs what a block of sixty costs.

use std::collections::BTreeMap;

use polars::prelude::{IdxSize, Series};
use rayon::prelude::*;

use super::pieces::{Haste, Key, Pieces};
use super::store::{Store, Wanted};
use super::view::Rows;
use super::{BrowseError, Cancel, Selection};

/// Rows of a block at most.
const BLOCK: usize = 8192;
/// Rows of a block at least.
const SMALL_BLOCK: usize = 64;
/// Bytes of a block of one column, about.
const BLOCK_BYTES: usize = 2 << 20;
/// Groups that rows of a window may lie in to be read as they stand.
const TOGETHER: usize = 3;

/// Rows `first..first + count` of a selection; the columns are those of the store. The caller has
/// made sure that the rows exist.
pub(super) fn columns(
    store: &Store,
    pieces: &Pieces,
    selection: &Selection,
    (first, count): (u64, usize),
    columns: &[usize],
    haste: Haste,
    cancel: &Cancel,
) -> Result<Vec<Series>, BrowseError> {
    match &selection.rows {
        Rows::All(_) => columns
            .par_iter()
            .map(|&column| as_they_stand(store, pieces, column, (first, count), haste, cancel))
            .collect(),
        Rows::These { positions, .. } => {
            // A selection holds fewer than 2^32 rows, so positions in it fit.
            let first = first as usize;
            let wanted = &positions[first..first + count];
            let groups: std::collections::BTreeSet<usize> = wanted
                .iter()
                .map(|&p| store.group_of(u64::from(p)))
                .collect();
            columns
                .par_iter()
                .map(|&column| {
                    if groups.len() <= TOGETHER {
                        together(store, pieces, column, wanted, cancel)
                    } else {
                        scattered(
                            store,
                            pieces,
                            selection.id(),
                            column,
                            positions,
                            (first, count),
                            cancel,
                        )
                    }
                })
                .collect()
        }
    }
}

fn as_they_stand(
    store: &Store,
    pieces: &Pieces,
    column: usize,
    (first, count): (u64, usize),
    haste: Haste,
    cancel: &Cancel,
) -> Result<Series, BrowseError> {
    let end = first + count as u64;
    let mut joined: Option<Series> = None;
    for number in store.group_of(first)..store.groups().len() {
        let group = store.groups()[number];
        if group.first >= end {
            break;
        }
        cancel.check()?;
        let from = first.max(group.first) - group.first;
        let to = end.min(group.first + group.rows as u64) - group.first;
        let rows = (from as usize, to as usize);
        let part = pieces.rows(store, number, column, rows, haste)?;
        join(&mut joined, part)?;
    }
    joined.ok_or_else(nothing)
}

/// Rows of few groups, in any order.
fn together(
    store: &Store,
    pieces: &Pieces,
    column: usize,
    wanted: &[u32],
    cancel: &Cancel,
) -> Result<Series, BrowseError> {
    // By group: the rows there, and their places in the window.
    let mut groups: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for (place, &position) in wanted.iter().enumerate() {
        let group = store.group_of(u64::from(position));
        let row = (u64::from(position) - store.groups()[group].first) as usize;
        groups.entry(group).or_default().push((row, place));
    }
    let mut joined: Option<Series> = None;
    let mut places = Vec::with_capacity(wanted.len());
    for (group, mut rows) in groups {
        cancel.check()?;
        rows.sort_unstable();
        // Row by row: rows may lie far apart in a group that is decoded in stretches.
        let mut i = 0;
        while i < rows.len() {
            let start = rows[i].0;
            let mut end = i + 1;
            while end < rows.len() && rows[end].0 - start < NEAR {
                end += 1;
            }
            let last = rows[end - 1].0;
            let part = pieces.rows(store, group, column, (start, last + 1), Haste::Keep)?;
            let taken: Vec<IdxSize> = rows[i..end]
                .iter()
                .map(|(row, _)| (row - start) as IdxSize)
                .collect();
            places.extend(rows[i..end].iter().map(|(_, place)| *place));
            join(
                &mut joined,
                part.take_slice(&taken).map_err(BrowseError::engine)?,
            )?;
            i = end;
        }
    }
    put_back(joined.ok_or_else(nothing)?, &places)
}

/// Rows this near to each other are taken out of one stretch.
const NEAR: usize = 1 << 14;

/// Rows of a selection out of blocks.
fn scattered(
    store: &Store,
    pieces: &Pieces,
    selection: u64,
    column: usize,
    positions: &[u32],
    (first, count): (usize, usize),
    cancel: &Cancel,
) -> Result<Series, BrowseError> {
    let size = block_rows(store, column);
    let mut joined: Option<Series> = None;
    for number in first / size..(first + count).div_ceil(size) {
        let start = number * size;
        let end = positions.len().min(start + size);
        let key = Key::Block(selection, column, number as u64);
        let block = match pieces.get(key) {
            Some(block) => block,
            None => {
                let block = gathered(store, column, &positions[start..end], cancel)?;
                pieces.put(key, &block);
                block
            }
        };
        let (a, b) = (first.max(start), (first + count).min(end));
        join(&mut joined, block.slice((a - start) as i64, b - a))?;
    }
    joined.ok_or_else(nothing)
}

/// Rows of the blocks of a column: fewer where cells are large.
pub(super) fn block_rows(store: &Store, column: usize) -> usize {
    let bytes: usize = (0..store.groups().len())
        .map(|group| store.weight(group, column))
        .sum();
    let each = bytes as u64 / store.rows().max(1);
    (BLOCK_BYTES as u64 / each.max(1)).clamp(SMALL_BLOCK as u64, BLOCK as u64) as usize
}

/// The cells of a column at any positions, in their order.
pub(super) fn gathered(
    store: &Store,
    column: usize,
    positions: &[u32],
    cancel: &Cancel,
) -> Result<Series, BrowseError> {
    let mut sorted: Vec<(u32, usize)> = positions.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    for &(position, _) in &sorted {
        let number = store.group_of(u64::from(position));
        let row = (u64::from(position) - store.groups()[number].first) as usize;
        match groups.last_mut() {
            Some((last, rows)) if *last == number => rows.push(row),
            _ => groups.push((number, vec![row])),
        }
    }
    let parts: Result<Vec<Series>, BrowseError> = groups
        .par_iter()
        .map(|(number, rows)| {
            cancel.check()?;
            let mut marked = vec![false; store.groups()[*number].rows];
            rows.iter().for_each(|&row| marked[row] = true);
            store.column(*number, column, &Wanted::Marked(marked))
        })
        .collect();
    let mut joined = None;
    for part in parts? {
        join(&mut joined, part)?;
    }
    let places: Vec<usize> = sorted.into_iter().map(|(_, place)| place).collect();
    put_back(joined.ok_or_else(nothing)?.rechunk(), &places)
}

/// Brings cells, of which the i-th belongs to `places[i]`, into the order of the places.
fn put_back(series: Series, places: &[usize]) -> Result<Series, BrowseError> {
    let mut order: Vec<IdxSize> = vec![0; places.len()];
    for (i, &place) in places.iter().enumerate() {
        order[place] = i as IdxSize;
    }
    series.take_slice(&order).map_err(BrowseError::engine)
}

fn join(joined: &mut Option<Series>, part: Series) -> Result<(), BrowseError> {
    match joined {
        None => *joined = Some(part),
        Some(joined) => {
            joined.append(&part).map_err(BrowseError::engine)?;
        }
    }
    Ok(())
}

fn nothing() -> BrowseError {
    BrowseError::Internal("cells of no rows were asked for".to_owned())
}
