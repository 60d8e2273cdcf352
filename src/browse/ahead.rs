//! Reads the rows that are likely to be shown next before they are asked for.
//!
//! One reader at a time, in the direction of the last two windows. It works on the common pool,
//! where a sort may keep it waiting; windows have a pool of their own ([`windows`]) and wait for
//! neither.

use std::sync::{Arc, Mutex, OnceLock};

use super::pieces::Haste;
use super::store::Store;
use super::table::Inner;
use super::{Cancel, Selection, gather};

/// Rows ahead where rows are scattered: half of the largest block.
const FAR: u64 = 4096;
/// Windows ahead where rows lie as they stand.
const NEAR: u64 = 8;

/// Runs the work of a window. The common pool may be full of a filter or a sort that somebody
/// waits for while paging on in the old view.
pub(super) fn windows<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static POOL: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let threads = rayon::current_num_threads().clamp(1, 4);
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("netsec-page-{i}"))
            .build()
            .ok()
    });
    match pool {
        Some(pool) => pool.install(work),
        // No more threads to be had: then on the common ones.
        None => work(),
    }
}

/// What was shown last, and what is being read.
#[derive(Default)]
pub(super) struct Ahead(Mutex<State>);

#[derive(Default)]
struct State {
    /// Selection and first row of the last window.
    last: Option<(u64, u64)>,
    at_work: Option<Cancel>,
}

impl Ahead {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Ends what is being read: somebody is going to look at other rows.
    pub fn stop(&self) {
        if let Some(cancel) = &self.lock().at_work {
            cancel.cancel();
        }
    }

    /// Notes a window; tells from which row on to read ahead, when that is worth while.
    fn note(&self, selection: &Selection, first: u64, count: u64) -> Option<(u64, Cancel)> {
        let mut state = self.lock();
        let before = state.last.replace((selection.id(), first));
        let (id, last) = before?;
        if id != selection.id() || last == first || state.at_work.is_some() {
            return None;
        }
        let far = if selection.is_scattered() {
            FAR
        } else {
            // Who jumps to and fro wants nothing of what lies ahead.
            let moved = first.abs_diff(last);
            (moved <= NEAR * count).then_some(NEAR * count)?
        };
        let from = if first > last {
            first.checked_add(far).filter(|f| *f < selection.len())?
        } else {
            first.checked_sub(far)?
        };
        let cancel = Cancel::new();
        state.at_work = Some(cancel.clone());
        Some((from, cancel))
    }

    fn done(&self) {
        self.lock().at_work = None;
    }
}

/// Notes that a window was shown, and reads ahead of it in the background.
pub(super) fn after_window(
    inner: &Arc<Inner>,
    selection: &Selection,
    (first, count): (u64, usize),
    columns: &[usize],
) {
    let Some((from, cancel)) = inner.ahead.note(selection, first, count as u64) else {
        return;
    };
    let left = usize::try_from(selection.len() - from).unwrap_or(usize::MAX);
    let (inner, selection, columns) = (Arc::clone(inner), selection.clone(), columns.to_vec());
    let count = count.min(left);
    let ahead = Arc::clone(&inner);
    let spawned = std::thread::Builder::new()
        .name("netsec-ahead".to_owned())
        .spawn(move || {
            let store: &Store = &inner.store;
            // What goes wrong here goes wrong again when the rows are asked for, and is said then.
            let _ = gather::columns(
                store,
                &inner.pieces,
                &selection,
                (from, count),
                &columns,
                Haste::Keep,
                &cancel,
            );
            inner.ahead.done();
        });
    if spawned.is_err() {
        ahead.ahead.done();
    }
}
