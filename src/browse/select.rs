//! Finds the rows of a view.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::prune::may_match;
use super::store::Store;
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
    let columns = named_columns(store, filter)?;
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
                in_group(store, filter, &columns, group)
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

fn in_group(
    store: &Store,
    filter: &Filter,
    columns: &[usize],
    group: usize,
) -> Result<Vec<u32>, BrowseError> {
    let first = store.groups()[group].first as u32;
    let frame = store.frame(group, columns)?;
    let mask = filter.mask(&frame)?;
    Ok((first..)
        .zip(&mask)
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
