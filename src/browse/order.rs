//! Puts positions in the order of one or several columns.
//!
//! Each column becomes one number of 64 bits a row whose order is that of the values; rows are
//! sorted by that number and stay as they stand where it is equal. Such runs of equal rows are what
//! the next column, or the next bytes of a long text, has to order. Missing values come last in
//! either direction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use polars::prelude::{DataType, Series};
use rayon::prelude::*;

use super::store::{Store, Wanted};
use super::{BrowseError, Cancel};

/// The number of a missing value.
const MISSING: u64 = u64::MAX;
/// Different texts that are ranked; with more of them texts are compared by their bytes.
const RANKED: usize = 1 << 16;
/// Bytes of a text in one number; the last byte of the number tells how much of it is there.
const BYTES: usize = 7;
/// What that byte says when the text goes on.
const MORE: u64 = BYTES as u64 + 2;
/// Runs up to this length are sorted in one go.
const SHORT: usize = 1 << 15;
/// Rows that are dealt out in one go.
const DEALT: usize = 1 << 16;
/// Heaps that rows are dealt to, about half of them of rows between two limits.
const LIMITS: usize = 255;

/// Sorts positions, which stand in ascending order, by columns of the store.
pub(super) fn sort(
    store: &Store,
    positions: &mut [u32],
    by: &[(usize, bool)],
    cancel: &Cancel,
) -> Result<(), BrowseError> {
    let mut runs = vec![(0, positions.len())];
    let groups = groups_with(store, positions);
    for (nth, &(column, descending)) in by.iter().enumerate() {
        let last = nth + 1 == by.len();
        let mut settled = Vec::new();
        let mut open = runs;
        let mut skipped = 0;
        let text = store.header().polars().columns()[column].dtype() == &DataType::String;
        let mut ranks = if text {
            ranks(store, column, &groups, cancel)?
        } else {
            None
        };
        while !open.is_empty() {
            let keys = match ranks.take() {
                Some(ranks) => Keys::finished(ranks),
                None => keys(store, column, &groups, skipped, cancel)?,
            };
            let keys = keys.directed(descending);
            sort_runs(positions, &open, &keys.values, cancel)?;
            if !keys.goes_on && last {
                return Ok(());
            }
            let mut next = Vec::new();
            for (from, to) in open {
                equal_runs(&positions[from..to], &keys, cancel, |a, b, goes_on| {
                    let run = (from + a, from + b);
                    if goes_on {
                        next.push(run);
                    } else {
                        settled.push(run);
                    }
                })?;
            }
            open = next;
            skipped += BYTES;
        }
        // Found pass by pass, so not in order.
        settled.sort_unstable();
        runs = settled;
    }
    Ok(())
}

/// Whether each group holds any of the positions.
fn groups_with(store: &Store, positions: &[u32]) -> Vec<bool> {
    let mut at = 0;
    store
        .groups()
        .iter()
        .map(|group| {
            let end = group.first + group.rows as u64;
            let before = at;
            at += positions[at..].partition_point(|&p| u64::from(p) < end);
            at > before
        })
        .collect()
}

/// One number a row of the table.
struct Keys {
    values: Vec<u64>,
    /// Whether some texts are longer than what is in their number.
    goes_on: bool,
    descending: bool,
}

impl Keys {
    fn finished(values: Vec<u64>) -> Self {
        Self {
            values,
            goes_on: false,
            descending: false,
        }
    }
    fn directed(mut self, descending: bool) -> Self {
        if descending {
            self.values.par_iter_mut().for_each(|key| {
                if *key != MISSING {
                    *key = !*key;
                }
            });
        }
        self.descending = descending;
        self
    }
    /// Whether rows with this number have to be told apart by later bytes.
    fn more(&self, key: u64) -> bool {
        let plain = if self.descending { !key } else { key };
        self.goes_on && key != MISSING && plain & 0xff == MORE
    }
}

/// Calls `run(from, to, goes_on)` for each run of two or more rows with the same number.
fn equal_runs(
    positions: &[u32],
    keys: &Keys,
    cancel: &Cancel,
    mut run: impl FnMut(usize, usize, bool),
) -> Result<(), BrowseError> {
    let mut from = 0;
    let mut ended = |to: usize, key: u64| {
        if to - from > 1 {
            run(from, to, keys.more(key));
        }
        from = to;
    };
    let mut before = None;
    for (at, &position) in positions.iter().enumerate() {
        if at.is_multiple_of(DEALT) {
            cancel.check()?;
        }
        let key = keys.values[position as usize];
        match before {
            Some(before) if before != key => ended(at, before),
            _ => {}
        }
        before = Some(key);
    }
    if let Some(key) = before {
        ended(positions.len(), key);
    }
    Ok(())
}

/// Fills one number a row, group by group; rows of groups that do not matter stay 0.
fn by_group(
    store: &Store,
    groups: &[bool],
    fill: impl Fn(usize, &mut [u64]) -> Result<(), BrowseError> + Sync,
) -> Result<Vec<u64>, BrowseError> {
    let mut values = vec![0; store.rows() as usize];
    let mut rest = values.as_mut_slice();
    let mut slices = Vec::new();
    for (number, group) in store.groups().iter().enumerate() {
        let (here, after) = rest.split_at_mut(group.rows);
        rest = after;
        if groups[number] {
            slices.push((number, here));
        }
    }
    slices
        .into_par_iter()
        .try_for_each(|(number, slice)| fill(number, slice))?;
    Ok(values)
}

/// The numbers of a column; of texts those of the bytes from `skipped` on.
fn keys(
    store: &Store,
    column: usize,
    groups: &[bool],
    skipped: usize,
    cancel: &Cancel,
) -> Result<Keys, BrowseError> {
    let goes_on = AtomicBool::new(false);
    let values = by_group(store, groups, |number, slice| {
        cancel.check()?;
        let series = store.column(number, column, &Wanted::All)?;
        if fill(&series, slice, skipped).map_err(BrowseError::engine)? {
            goes_on.store(true, Ordering::Relaxed);
        }
        Ok(())
    })?;
    Ok(Keys {
        values,
        goes_on: goes_on.into_inner(),
        descending: false,
    })
}

/// Whole numbers in their order. The greatest two share one number, for the last is taken.
fn whole(value: i64) -> u64 {
    ((value as u64) ^ (1 << 63)).clamp(1, MISSING - 1)
}

/// Reals in their total order; NaN is missing.
fn real(value: f64) -> u64 {
    let bits = value.to_bits();
    if value.is_nan() {
        MISSING
    } else if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// Up to seven bytes of a text, then how many of them there are.
fn bytes(text: &str, skipped: usize) -> u64 {
    let rest = text.as_bytes().get(skipped..).unwrap_or_default();
    let mut key = [0; 8];
    let held = rest.len().min(BYTES);
    key[..held].copy_from_slice(&rest[..held]);
    key[BYTES] = if rest.len() > BYTES {
        MORE as u8
    } else {
        held as u8 + 1
    };
    u64::from_be_bytes(key)
}

/// Fills the numbers of a series; says whether some text goes on.
fn fill(series: &Series, slice: &mut [u64], skipped: usize) -> polars::error::PolarsResult<bool> {
    let dtype = series.dtype();
    let mut goes_on = false;
    if *dtype == DataType::String {
        for (key, text) in slice.iter_mut().zip(series.str()?.iter()) {
            *key = text.map_or(MISSING, |text| bytes(text, skipped));
            goes_on |= *key & 0xff == MORE && *key != MISSING;
        }
    } else if dtype.is_float() {
        let cast = series.cast(&DataType::Float64)?;
        for (key, value) in slice.iter_mut().zip(cast.f64()?.iter()) {
            *key = value.map_or(MISSING, real);
        }
    } else if *dtype == DataType::UInt64 {
        for (key, value) in slice.iter_mut().zip(series.u64()?.iter()) {
            *key = value.map_or(MISSING, |v| v.clamp(1, MISSING - 1));
        }
    } else {
        let cast = series.to_physical_repr().cast(&DataType::Int64)?;
        for (key, value) in slice.iter_mut().zip(cast.i64()?.iter()) {
            *key = value.map_or(MISSING, whole);
        }
    }
    Ok(goes_on)
}

/// The ranks of a column's texts, when there are few different ones.
fn ranks(
    store: &Store,
    column: usize,
    groups: &[bool],
    cancel: &Cancel,
) -> Result<Option<Vec<u64>>, BrowseError> {
    let numbers: Vec<usize> = (0..groups.len()).filter(|&g| groups[g]).collect();
    let too_many = AtomicBool::new(false);
    let coded: Result<Vec<Coded>, BrowseError> = numbers
        .par_iter()
        .map(|&number| {
            cancel.check()?;
            if too_many.load(Ordering::Relaxed) {
                return Ok(Coded::default());
            }
            let series = store.column(number, column, &Wanted::All)?;
            match Coded::of(&series).map_err(BrowseError::engine)? {
                Some(coded) => Ok(coded),
                None => {
                    too_many.store(true, Ordering::Relaxed);
                    Ok(Coded::default())
                }
            }
        })
        .collect();
    let coded = coded?;
    if too_many.into_inner() {
        return Ok(None);
    }
    let mut texts: Vec<&str> = coded
        .iter()
        .flat_map(|c| c.texts.iter().map(String::as_str))
        .collect();
    texts.sort_unstable();
    texts.dedup();
    if texts.len() > RANKED {
        return Ok(None);
    }
    // Rank 0 is left out, so that no rank turned round is the number of a missing value.
    let rank: HashMap<&str, u64> = texts.into_iter().zip(1..).collect();
    let mut coded_of = vec![None; groups.len()];
    for (&number, coded) in numbers.iter().zip(&coded) {
        coded_of[number] = Some(coded);
    }
    let values = by_group(store, groups, |number, slice| {
        let Some(coded) = coded_of[number] else {
            return Ok(());
        };
        let ranks: Vec<u64> = coded
            .texts
            .iter()
            .map(|t| rank.get(t.as_str()).copied().unwrap_or(MISSING))
            .collect();
        for (key, &code) in slice.iter_mut().zip(&coded.codes) {
            *key = ranks.get(code as usize).copied().unwrap_or(MISSING);
        }
        Ok(())
    })?;
    Ok(Some(values))
}

/// The texts of a group, each once, and which of them each row has.
#[derive(Default)]
struct Coded {
    texts: Vec<String>,
    /// `u32::MAX` = missing.
    codes: Vec<u32>,
}

impl Coded {
    fn of(series: &Series) -> polars::error::PolarsResult<Option<Self>> {
        let texts = series.str()?;
        let mut known: HashMap<&str, u32> = HashMap::new();
        let mut coded = Self {
            texts: Vec::new(),
            codes: Vec::with_capacity(series.len()),
        };
        // Equal texts often follow each other.
        let mut last: Option<(&str, u32)> = None;
        for text in texts.iter() {
            let Some(text) = text else {
                coded.codes.push(u32::MAX);
                continue;
            };
            let code = match last {
                Some((before, code)) if before == text => code,
                _ => *known.entry(text).or_insert_with(|| {
                    coded.texts.push(text.to_owned());
                    coded.texts.len() as u32 - 1
                }),
            };
            last = Some((text, code));
            coded.codes.push(code);
            if coded.texts.len() > RANKED / 4 {
                return Ok(None);
            }
        }
        Ok(Some(coded))
    }
}

/// Sorts each run by its rows' numbers, then by position.
fn sort_runs(
    positions: &mut [u32],
    runs: &[(usize, usize)],
    keys: &[u64],
    cancel: &Cancel,
) -> Result<(), BrowseError> {
    let mut slices = Vec::with_capacity(runs.len());
    let mut rest = positions;
    let mut at = 0;
    for &(from, to) in runs {
        let (_, after) = rest.split_at_mut(from - at);
        let (run, after) = after.split_at_mut(to - from);
        slices.push(run);
        rest = after;
        at = to;
    }
    let (long, mut short): (Vec<_>, Vec<_>) = slices.into_iter().partition(|s| s.len() > SHORT);
    for run in long {
        deal(run, keys, cancel)?;
    }
    short.par_chunks_mut(256).try_for_each(|some| {
        cancel.check()?;
        for run in some {
            run.sort_unstable_by_key(|&p| (keys[p as usize], p));
        }
        Ok(())
    })
}

/// Rows dealt out to heaps: those of heap `h` are `rows[ends[h - 1]..ends[h]]`.
///
/// Positions without their numbers: together they would take four times the memory, for a table of
/// ten million rows more than everything else in here.
struct Hand {
    rows: Vec<u32>,
    ends: Vec<usize>,
}

impl Hand {
    fn heap(&self, heap: usize) -> &[u32] {
        let from = if heap == 0 { 0 } else { self.ends[heap - 1] };
        &self.rows[from..self.ends[heap]]
    }
}

/// Sorts a long run: deals its rows out to heaps between limits taken from a sample, and sorts the
/// heaps. Rows that equal a limit have a heap of their own, which needs no sorting: so it does not
/// matter when half of all rows are equal. Pieces of work are short, so that it can be cancelled.
fn deal(run: &mut [u32], keys: &[u64], cancel: &Cancel) -> Result<(), BrowseError> {
    let limits = limits(run, keys);
    let heaps = 2 * limits.len() + 1;
    let hands: Result<Vec<Hand>, BrowseError> = run
        .par_chunks(DEALT)
        .map(|some| {
            cancel.check()?;
            let heap_of: Vec<u16> = some
                .iter()
                .map(|&p| match limits.binary_search(&keys[p as usize]) {
                    Ok(limit) => 2 * limit as u16 + 1,
                    Err(limit) => 2 * limit as u16,
                })
                .collect();
            let mut ends = vec![0; heaps];
            heap_of.iter().for_each(|&h| ends[h as usize] += 1);
            let mut sum = 0;
            for end in &mut ends {
                // First the beginnings; dealing moves them to the ends.
                let rows = *end;
                *end = sum;
                sum += rows;
            }
            let mut rows = vec![0; some.len()];
            for (&position, &heap) in some.iter().zip(&heap_of) {
                let place = &mut ends[heap as usize];
                rows[*place] = position;
                *place += 1;
            }
            Ok(Hand { rows, ends })
        })
        .collect();
    let hands = hands?;
    let mut rest = run;
    let mut slices = Vec::with_capacity(heaps);
    for heap in 0..heaps {
        let rows = hands.iter().map(|h| h.heap(heap).len()).sum();
        let (here, after) = rest.split_at_mut(rows);
        slices.push((heap, here));
        rest = after;
    }
    slices.into_par_iter().try_for_each(|(heap, slice)| {
        cancel.check()?;
        let mut filled = 0;
        for hand in &hands {
            let rows = hand.heap(heap);
            slice[filled..filled + rows.len()].copy_from_slice(rows);
            filled += rows.len();
        }
        if heap % 2 == 1 {
            return Ok(());
        }
        let mut rows: Vec<(u64, u32)> = slice.iter().map(|&p| (keys[p as usize], p)).collect();
        rows.sort_unstable();
        for (slot, (_, position)) in slice.iter_mut().zip(rows) {
            *slot = position;
        }
        Ok(())
    })
}

/// Numbers that divide a run into heaps of about the same size.
fn limits(run: &[u32], keys: &[u64]) -> Vec<u64> {
    const EACH: usize = 16;
    let wanted = LIMITS * EACH;
    // Places that do not keep step with whatever order the rows have: the golden ratio's.
    let step = (run.len() as f64 * 0.618_033_988_749_895) as usize | 1;
    let mut sample: Vec<u64> = (0..wanted)
        .map(|i| keys[run[i.wrapping_mul(step) % run.len()] as usize])
        .collect();
    sample.sort_unstable();
    let mut limits: Vec<u64> = sample.into_iter().skip(EACH / 2).step_by(EACH).collect();
    limits.dedup();
    limits
}
