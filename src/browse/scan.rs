//! Goes over all rows of a selection, group by group, in no order.

use polars::prelude::Series;
use rayon::prelude::*;

use super::store::{Store, Wanted};
use super::view::Rows;
use super::{BrowseError, Cancel, Selection};

/// What of each group a selection holds; `None` for groups without a row of it.
pub(super) fn wanted(store: &Store, selection: &Selection) -> Vec<Option<Wanted>> {
    let groups = store.groups();
    match &selection.rows {
        Rows::All(rows) => groups
            .iter()
            .map(|group| {
                let here = rows.saturating_sub(group.first).min(group.rows as u64) as usize;
                match here {
                    0 => None,
                    here if here == group.rows => Some(Wanted::All),
                    here => Some(Wanted::Range(0, here)),
                }
            })
            .collect(),
        Rows::These { positions, .. } => {
            let mut marks: Vec<Vec<bool>> = vec![Vec::new(); groups.len()];
            let mut number = 0;
            for &position in positions.iter() {
                let position = u64::from(position);
                // Neighbours mostly lie in the same group.
                let group = groups[number];
                if position < group.first || position >= group.first + group.rows as u64 {
                    number = store.group_of(position);
                }
                let group = groups[number];
                if marks[number].is_empty() {
                    marks[number] = vec![false; group.rows];
                }
                marks[number][(position - group.first) as usize] = true;
            }
            marks
                .into_iter()
                .map(|marks| {
                    if marks.is_empty() {
                        None
                    } else if marks.iter().all(|m| *m) {
                        Some(Wanted::All)
                    } else {
                        Some(Wanted::Marked(marks))
                    }
                })
                .collect()
        }
    }
}

/// Calls `see` with the cells of a column in each group that holds rows of the selection, on all
/// cores; the results come in the order of the groups.
pub(super) fn scan<T: Send>(
    store: &Store,
    selection: &Selection,
    column: usize,
    cancel: &Cancel,
    see: impl Fn(&Series) -> Result<T, BrowseError> + Sync,
) -> Result<Vec<T>, BrowseError> {
    store.check_unchanged()?;
    let wanted = wanted(store, selection);
    let seen: Result<Vec<Option<T>>, BrowseError> = wanted
        .par_iter()
        .enumerate()
        .map(|(group, wanted)| {
            cancel.check()?;
            let Some(wanted) = wanted else {
                return Ok(None);
            };
            see(&store.column(group, column, wanted)?).map(Some)
        })
        .collect();
    Ok(seen?.into_iter().flatten().collect())
}
