//! Decoded pieces of columns, kept while they are likely to be shown again.

use std::collections::HashMap;
use std::sync::Mutex;

use polars::prelude::Series;

use super::BrowseError;
use super::store::{Store, Wanted};

/// Bytes kept at most.
const KEPT: usize = 96 << 20;
/// A column of a group up to this size is decoded whole; larger ones in stretches.
const WHOLE: usize = 4 << 20;
/// Size of a stretch.
const STRETCH: usize = 2 << 20;
/// Rows of a stretch at least.
const FEWEST: usize = 256;

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A stretch of a column as it stands: group, column, stretch.
    Stretch(usize, usize, usize),
    /// A block of a selection: selection, column, block.
    Block(u64, usize, u64),
}

/// Whether somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// For these rows.
    Now,
    /// Nobody, or more of the same stretch will be wanted: it is kept.
    Keep,
}

#[derive(Default)]
struct Kept {
    pieces: HashMap<Key, (Series, u64, usize)>,
    bytes: usize,
    clock: u64,
}

/// The pieces of one table.
#[derive(Default)]
pub(super) struct Pieces(Mutex<Kept>);

impl Pieces {
    /// A piece that is kept.
    pub fn get(&self, key: Key) -> Option<Series> {
        let mut kept = self.lock();
        kept.clock += 1;
        let clock = kept.clock;
        let (series, used, _) = kept.pieces.get_mut(&key)?;
        *used = clock;
        Some(series.clone())
    }

    /// Keeps a piece, and lets go of those not used for longest.
    pub fn put(&self, key: Key, series: &Series) {
        let size = series.estimated_size() + 64;
        let mut kept = self.lock();
        kept.clock += 1;
        let clock = kept.clock;
        if let Some((_, _, old)) = kept.pieces.insert(key, (series.clone(), clock, size)) {
            kept.bytes -= old;
        }
        kept.bytes += size;
        while kept.bytes > KEPT && kept.pieces.len() > 1 {
            let oldest = kept.pieces.iter().min_by_key(|(_, (_, used, _))| *used);
            let Some(key) = oldest.map(|(key, _)| *key) else {
                break;
            };
            if let Some((_, _, size)) = kept.pieces.remove(&key) {
                kept.bytes -= size;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Nothing panics while it is held; were it so, the pieces would still be whole.
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Rows `from..to` of a column of a group: out of stretches that are kept, or decoded. Somebody
    /// who waits gets these rows alone, for decoding a whole stretch takes twice as long; whoever
    /// reads ahead keeps whole stretches for those who page on.
    pub fn rows(
        &self,
        store: &Store,
        group: usize,
        column: usize,
        (from, to): (usize, usize),
        haste: Haste,
    ) -> Result<Series, BrowseError> {
        let rows = store.groups()[group].rows;
        let step = stretch(store.weight(group, column), rows);
        let mut joined: Option<Series> = None;
        for number in from / step..to.div_ceil(step) {
            let start = number * step;
            let end = rows.min(start + step);
            let key = Key::Stretch(group, column, number);
            let (a, b) = (from.max(start), to.min(end));
            let cut = match (self.get(key), haste) {
                (Some(series), _) => series.slice((a - start) as i64, b - a),
                (None, Haste::Now) => store.column(group, column, &Wanted::Range(a, b))?,
                (None, Haste::Keep) => {
                    let wanted = if step >= rows {
                        Wanted::All
                    } else {
                        Wanted::Range(start, end)
                    };
                    let series = store.column(group, column, &wanted)?;
                    self.put(key, &series);
                    series.slice((a - start) as i64, b - a)
                }
            };
            match &mut joined {
                None => joined = Some(cut),
                Some(joined) => {
                    joined.append(&cut).map_err(BrowseError::engine)?;
                }
            }
        }
        joined.ok_or_else(|| BrowseError::Internal("an empty stretch was asked for".to_owned()))
    }
}

/// Rows of the stretches that a column of `rows` rows and `weight` bytes is decoded in.
fn stretch(weight: usize, rows: usize) -> usize {
    if weight <= WHOLE {
        return rows.max(1);
    }
    let rows_in = (rows as u128 * STRETCH as u128 / weight as u128) as usize;
    rows_in.clamp(FEWEST, rows.max(FEWEST))
}
