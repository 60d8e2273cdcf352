//! Where things go at which size. Pure arithmetic over columns and rows.

use ratatui::layout::Rect;

/// Smallest size that gets screens; below it one line says so.
pub const SMALLEST: (u16, u16) = (60, 15);

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Below 80x24: lists only.
    Small,
    /// From 80x24.
    Medium,
    /// From 110x30: a second column.
    Large,
}

/// The parts every screen shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Where am I, champion, run, what needs me.
    pub header: Rect,
    /// The screens.
    pub tabs: Rect,
    /// The screen itself.
    pub body: Rect,
    /// One message.
    pub message: Rect,
    /// The keys that work here.
    pub footer: Rect,
    /// How much room the body has.
    pub room: Room,
}

/// Divides the terminal; `None` when it is too small for screens.
pub fn parts(width: u16, height: u16) -> Option<Parts> {
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return None;
    }
    let row = |y: u16| Rect {
        x: 0,
        y,
        width,
        height: 1,
    };
    let room = if width >= 110 && height >= 30 {
        Room::Large
    } else if width >= 80 && height >= 24 {
        Room::Medium
    } else {
        Room::Small
    };
    Some(Parts {
        header: row(0),
        tabs: row(1),
        body: Rect {
            x: 0,
            y: 2,
            width,
            height: height - 4,
        },
        message: row(height - 2),
        footer: row(height - 1),
        room,
    })
}

/// A dialog of the wanted size in the middle of the screen, as large as fits.
pub fn centred(width: u16, height: u16, wanted: (u16, u16)) -> Rect {
    let w = wanted.0.min(width);
    let h = wanted.1.min(height);
    Rect {
        x: (width - w) / 2,
        y: (height - h) / 2,
        width: w,
        height: h,
    }
}

/// Returns the first visible row so that the cursor is visible in `height` rows.
pub fn first_row(cursor: usize, rows: usize, height: usize) -> usize {
    if height == 0 || rows <= height {
        return 0;
    }
    // The window moves by whole steps of half its height, so that most cursor steps redraw two
    // rows and not the table.
    let step = (height / 2).max(1);
    let mut first = 0;
    while cursor >= first + height {
        first += step;
    }
    first.min(rows - height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_cover_the_screen_without_overlap(w in 1u16..=300, h in 1u16..=100) {
            match parts(w, h) {
                None => prop_assert!(w < 60 || h < 15),
                Some(p) => {
                    let rows = p.header.height + p.tabs.height + p.body.height + p.message.height + p.footer.height;
                    prop_assert_eq!(rows, h);
                    prop_assert_eq!(p.body.y, 2);
                    prop_assert_eq!(p.message.y, p.body.bottom());
                }
            }
        }
        #[test]
        fn the_cursor_is_always_visible(cursor in 0usize..500, extra in 0usize..500, height in 1usize..60) {
            let rows = cursor + 1 + extra;
            let first = first_row(cursor, rows, height);
            prop_assert!(first <= cursor && cursor < first + height);
            prop_assert!(first == 0 || first + height <= rows);
        }
    }
}
