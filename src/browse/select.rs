//! Finds the rows of a view.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::prune::may_match;
use super::store::{Store, Wanted};
use super::{BrowseError, Cancel};
use crate::dataset::Filter;
use crate::dataset::query::resolve_column;

/// Rows that positions can be kept of.
pub(super) const MOST_ROWS: u64 = u32::MAX as u64;

/// Positions of the rows that satisfy a filter, in order, at most `limit`.
pub(super) fn matching(
    store: &Store,
    filter: &Filter,
    limit: Option<u64>,
    cancel: &Cancel,
) -> Result<Vec<u32>, BrowseError> {
    if store.rows() > MOST_ROWS {
        return Err(BrowseError::TooManyRows {
            rows: store.rows(),
            limit: MOST_ROWS,
        });
    }
    // Wrong names and values show without a look at the rows.
    filter.mask(store.header())?;
    let conditions: Vec<Condition> = filter
        .conjuncts()
        .into_iter()
        .map(|filter| {
            let columns = named_columns(store, &filter)?;
            Ok(Condition { filter, columns })
        })
        .collect::<Result<_, BrowseError>>()?;
    let limit = limit.unwrap_or(u64::MAX);
    let groups: Vec<usize> = (0..store.groups().len()).collect();
    let mut found = Vec::new();
    // With a limit the first groups may be enough.
    let at_once = if limit == u64::MAX {
        groups.len().max(1)
    } else {
        2 * rayon::current_num_threads()
    };
    for some in groups.chunks(at_once) {
        let parts: Result<Vec<Vec<u32>>, BrowseError> = some
            .par_iter()
            .map(|&group| {
                cancel.check()?;
                if let Some((file, inside)) = store.parquet_group(group)
                    && !may_match(filter.condition(), store.header(), file, inside)
                {
                    return Ok(Vec::new());
                }
                in_group(store, &conditions, group)
            })
            .collect();
        let parts = parts?;
        found.reserve(parts.iter().map(Vec::len).sum());
        for part in parts {
            found.extend(part);
        }
        if found.len() as u64 >= limit {
            found.truncate(limit as usize);
            break;
        }
    }
    found.shrink_to_fit();
    Ok(found)
}

/// One of several conditions that a row must satisfy, and the columns of the store it looks at.
struct Condition {
    filter: Filter,
    columns: Vec<usize>,
}

/// The rows of a group that satisfy every condition. Only those that satisfy the conditions before
/// are decoded for the next one.
fn in_group(
    store: &Store,
    conditions: &[Condition],
    group: usize,
) -> Result<Vec<u32>, BrowseError> {
    let mut wanted = Wanted::All;
    for condition in conditions {
        let frame = store.frame(group, &condition.columns, &wanted)?;
        let mask = condition.filter.mask(&frame)?;
        let marked = match wanted {
            Wanted::Marked(mut marked) => {
                let rows = marked.iter_mut().filter(|row| **row);
                rows.zip(&mask).for_each(|(row, keep)| *row = *keep);
                marked
            }
            Wanted::All | Wanted::Range(..) => mask,
        };
        if !marked.contains(&true) {
            return Ok(Vec::new());
        }
        wanted = Wanted::Marked(marked);
    }
    let first = store.groups()[group].first as u32;
    let Wanted::Marked(marked) = wanted else {
        // A filter has one condition at least.
        return Ok(Vec::new());
    };
    Ok((first..)
        .zip(&marked)
        .filter_map(|(position, keep)| keep.then_some(position))
        .collect())
}

/// The columns of the store that a filter names.
fn named_columns(store: &Store, filter: &Filter) -> Result<Vec<usize>, BrowseError> {
    let mut named = BTreeSet::new();
    for name in filter.condition().columns() {
        let name = resolve_column(store.header(), name)?;
        let index = store.header().polars().get_column_index(&name);
        named.insert(index.ok_or_else(|| {
            BrowseError::Internal(format!("column `{name}` was there and is not"))
        })?);
    }
    Ok(named.into_iter().collect())
}
