//! Where the columns stand: which of them fit, how wide, and which rows the cursor needs on the
//! screen. Pure arithmetic; drawing and scrolling both use it, so that they cannot disagree.

use super::view::View;
use crate::console::layout::{self, Room};

/// Columns of the screen a pane beside the rows takes, its line included.
const PANE: u16 = 32;
/// Columns of the screen that scrolling columns keep, however much is frozen.
const KEPT: u16 = 16;
/// Widest a column becomes by itself.
pub const WIDEST: u16 = 24;

/// The parts of the Data screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Areas {
    /// Columns for title, rows and status.
    pub width: u16,
    /// Rows of the table that fit, without the headings.
    pub rows: u16,
    /// Columns for the pane beside; 0 without it. As wide as the whole where there is no room for
    /// both.
    pub pane: u16,
    /// Whether the row above the status tells where the cursor is.
    pub rule: bool,
    /// How much room there is.
    pub room: Room,
}

/// Divides the screen; `None` when it is too small for screens.
pub fn areas(size: (u16, u16), pane: bool) -> Option<Areas> {
    let parts = layout::parts(size.0, size.1)?;
    let body = parts.body;
    let rule = parts.room != Room::Small;
    let (width, beside) = match (pane, parts.room) {
        (false, _) => (body.width, 0),
        (true, Room::Small) => (body.width, body.width),
        (true, _) => (body.width - PANE, PANE),
    };
    // Title, headings and status, and the rule above the status.
    let taken = 3 + u16::from(rule);
    Some(Areas {
        width,
        rows: body.height.saturating_sub(taken).max(1),
        pane: beside,
        rule,
        room: parts.room,
    })
}

/// A column on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its place among the columns of the view.
    pub at: usize,
    /// Its place in the table.
    pub column: usize,
    /// Where it begins.
    pub x: u16,
    /// How wide it is.
    pub width: u16,
    /// Whether all of it is there.
    pub whole: bool,
}

/// The columns that are on the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// From left to right.
    pub placed: Vec<Placed>,
    /// Where the bar right of what stands still is drawn.
    pub bar: u16,
    /// How many of them stand still.
    pub frozen: usize,
}

impl Columns {
    /// Whether a column of the view is wholly on the screen.
    pub fn shows(&self, at: usize) -> bool {
        self.placed.iter().any(|p| p.at == at && p.whole)
    }
}

/// Columns of the screen that the row number takes, `>` and a blank included.
pub fn number_width(rows: u64) -> u16 {
    (rows.to_string().len() as u16).max(5) + 2
}

/// Places the columns of a view on `screen` columns. `width` is the width of a column by its
/// place in the table; `rows` the rows of the table, for the width of the row numbers.
pub fn place(view: &View, screen: u16, rows: u64, width: impl Fn(usize) -> u16) -> Columns {
    let mut found = Columns::default();
    // A blank at the right edge keeps the last column apart from what is beside it.
    let screen = screen.saturating_sub(1);
    let mut x = number_width(rows) + 1;
    for (at, &column) in view.columns.iter().enumerate().take(view.frozen) {
        let w = width(column);
        if x + w + 1 + KEPT > screen {
            break;
        }
        found.placed.push(Placed {
            at,
            column,
            x,
            width: w,
            whole: true,
        });
        x += w + 1;
    }
    found.frozen = found.placed.len();
    found.bar = x;
    x += 2;
    // What was to stand still and found no room scrolls with the others.
    let from = view.left.max(found.frozen);
    for (at, &column) in view.columns.iter().enumerate().skip(from) {
        let left = screen.saturating_sub(x);
        let w = width(column);
        // The last column may be cut, one that would show nothing is left out.
        if left < w.min(4) {
            break;
        }
        found.placed.push(Placed {
            at,
            column,
            x,
            width: w.min(left),
            whole: w <= left,
        });
        if w > left {
            break;
        }
        x += w + 1;
    }
    found
}

/// The columns on the screen and some on both sides, to be read together.
pub fn around(view: &View, columns: &Columns) -> Vec<usize> {
    const BESIDE: usize = 6;
    let scrolling = columns.placed.iter().skip(columns.frozen);
    let first = scrolling.clone().map(|p| p.at).min().unwrap_or(0);
    let last = scrolling.map(|p| p.at).max().unwrap_or(0);
    let frozen = view.columns.iter().take(columns.frozen);
    let from = first.saturating_sub(BESIDE).max(columns.frozen);
    let beside = view.columns.iter().take(last + 1 + BESIDE).skip(from);
    frozen.chain(beside).copied().collect()
}

/// Moves a view so that its cursor exists and is on the screen.
pub fn settle(
    view: &mut View,
    screen: u16,
    height: u16,
    rows: u64,
    all: u64,
    width: impl Fn(usize) -> u16,
) {
    let height = u64::from(height.max(1));
    view.row = view.row.min(rows.saturating_sub(1));
    if view.row < view.top || view.row >= view.top + height || view.top + height > rows {
        // The window moves by half its height, so that most steps of the cursor redraw two rows
        // and not the table.
        let half = (height / 2).max(1);
        if view.row < view.top {
            view.top = if view.top - view.row > half {
                view.row
            } else {
                view.top.saturating_sub(half)
            };
        } else if view.row >= view.top + height {
            let beyond = view.row - (view.top + height);
            view.top = if beyond >= half {
                view.row + 1 - height
            } else {
                view.top + half
            };
        }
        view.top = view.top.min(rows.saturating_sub(height));
    }
    view.frozen = view.frozen.min(view.columns.len());
    view.col = view.col.min(view.columns.len().saturating_sub(1));
    view.left = view.left.clamp(0, view.columns.len().saturating_sub(1));
    let frozen = place(view, screen, all, &width).frozen;
    view.left = view.left.max(frozen);
    if view.col < frozen {
        return;
    }
    if view.col < view.left {
        view.left = view.col;
        return;
    }
    // One column after the other gives way until the cursor's is wholly there, or the first.
    while view.left < view.col && !place(view, screen, all, &width).shows(view.col) {
        view.left += 1;
    }
    // A column that is wider than the screen is there as far as it goes.
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn view(columns: usize) -> View {
        View {
            columns: (0..columns).collect(),
            ..View::default()
        }
    }

    #[test]
    fn the_bar_stands_right_of_what_is_frozen() {
        let mut v = view(10);
        let c = place(&v, 80, 1000, |_| 8);
        assert_eq!((c.bar, c.placed[0].x), (8, 10));
        v.frozen = 2;
        v.left = 4;
        let c = place(&v, 80, 1000, |_| 8);
        assert_eq!(c.frozen, 2);
        assert_eq!(
            c.placed.iter().map(|p| p.at).collect::<Vec<_>>()[..3],
            [0, 1, 4]
        );
        assert_eq!(c.bar, c.placed[1].x + 9);
    }

    #[test]
    fn small_steps_move_the_window_by_half_and_leaps_land() {
        let mut v = view(1);
        v.row = 20;
        settle(&mut v, 80, 20, 1000, 1000, |_| 8);
        assert_eq!(v.top, 10);
        v.row = 999;
        settle(&mut v, 80, 20, 1000, 1000, |_| 8);
        assert_eq!(v.top, 980);
        v.row = 500;
        settle(&mut v, 80, 20, 1000, 1000, |_| 8);
        assert_eq!(v.top, 500);
        v.row = 499;
        settle(&mut v, 80, 20, 1000, 1000, |_| 8);
        assert_eq!(v.top, 490);
    }

    proptest! {
        #[test]
        fn the_cursor_is_inside_and_on_the_screen(
            columns in 0usize..40, rows in 0u64..5_000, row in any::<u64>(), col in any::<usize>(),
            top in any::<u64>(), left in any::<usize>(), frozen in 0usize..50,
            size in (60u16..300, 15u16..100), widths in prop::collection::vec(3u16..60, 40),
            pane in any::<bool>(),
        ) {
            let areas = areas(size, pane).unwrap();
            let top = top.min(u64::MAX / 2);
            let mut v = View { row, col, top, left, frozen, ..view(columns) };
            let width = |c: usize| widths[c];
            settle(&mut v, areas.width, areas.rows, rows, rows, width);
            prop_assert!(v.row < rows.max(1));
            prop_assert!(v.col < columns.max(1));
            prop_assert!(v.top <= v.row && v.row < v.top + u64::from(areas.rows));
            let placed = place(&v, areas.width, rows, width);
            if columns > 0 {
                prop_assert!(placed.placed.iter().any(|p| p.at == v.col), "{:?} {:?}", v, placed);
            }
            for pair in placed.placed.windows(2) {
                prop_assert!(pair[0].x + pair[0].width < pair[1].x);
            }
            for p in &placed.placed {
                prop_assert!(p.x + p.width <= areas.width);
            }
        }
    }
}
