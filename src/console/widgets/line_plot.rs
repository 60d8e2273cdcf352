//! Curves on axes that do not move: an x axis of rounds ends at the configured number of them, the
//! y axis grows by doubling. A new point then changes a handful of cells.

use std::collections::BTreeMap;

use crate::console::canvas::Canvas;
use crate::console::glyphs::Glyphs;
use crate::console::theme::Tone;

/// One curve.
#[derive(Clone, Debug)]
pub struct Series {
    /// Points by step, in order.
    pub points: Vec<(u32, f64)>,
    /// Its tone.
    pub tone: Tone,
    /// Its character in ASCII.
    pub mark: char,
    /// Drawn with gaps, to tell it apart without colour.
    pub dotted: bool,
}

/// What stands below a plot.
#[derive(Clone, Copy, Debug)]
pub enum XAxis {
    /// Rounds, from 0 to this many.
    Rounds(u32),
    /// A thousand steps, with names at shares of the width.
    Named(&'static [(f64, &'static str)]),
}

impl XAxis {
    fn end(self) -> u32 {
        match self {
            XAxis::Rounds(rounds) => rounds,
            XAxis::Named(_) => 1000,
        }
    }
}

/// A plot.
#[derive(Clone, Debug)]
pub struct LinePlot {
    /// Curves, the later ones on top.
    pub series: Vec<Series>,
    /// The x axis.
    pub x: XAxis,
    /// Ends of the y axis.
    pub y: (f64, f64),
}

/// Means by step. Folds run side by side and each reports its own rounds; the mean is the curve
/// a reader wants. What is not finite is left out.
pub fn mean_by_step(points: &[(u32, f64)]) -> Vec<(u32, f64)> {
    let mut sums: BTreeMap<u32, (f64, u32)> = BTreeMap::new();
    for (step, value) in points.iter().filter(|(_, v)| v.is_finite()) {
        let sum = sums.entry(*step).or_default();
        sum.0 += value;
        sum.1 += 1;
    }
    sums.into_iter()
        .map(|(step, (sum, n))| (step, sum / f64::from(n)))
        .collect()
}

/// The y axis for values: for a share from 0, 0.5, 0.75 or 0.9 to 1; otherwise from 0 to a power
/// of two that holds the largest (below 0 as well when there is something).
pub fn y_axis(share: bool, values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in values.filter(|v| v.is_finite()) {
        low = low.min(v);
        high = high.max(v);
    }
    if low > high {
        return (0.0, 1.0);
    }
    if share && low >= 0.0 && high <= 1.0 {
        let from = [0.9, 0.75, 0.5].into_iter().find(|f| low >= *f);
        return (from.unwrap_or(0.0), 1.0);
    }
    let power = |v: f64| {
        let mut p = 1.0 / 64.0;
        while p < v && p < 1e30 {
            p *= 2.0;
        }
        p
    };
    let top = if high > 0.0 { power(high) } else { 0.0 };
    let bottom = if low < 0.0 { -power(-low) } else { 0.0 };
    if top > bottom {
        (bottom, top)
    } else {
        (0.0, 1.0)
    }
}

/// Columns left of the plot for figures of the y axis.
const LABELS: u16 = 7;

impl LinePlot {
    /// Draws axes and curves.
    pub fn view(&self, canvas: &mut Canvas<'_>) {
        let (w, h) = (canvas.width(), canvas.height());
        if w < LABELS + 6 || h < 4 {
            return;
        }
        let (plot_w, plot_h) = (w - LABELS - 1, h - 2);
        let lines = canvas.glyphs.lines();
        for y in 0..plot_h {
            canvas.dot(LABELS, y, lines.vertical, Tone::Dim);
        }
        for x in 0..plot_w {
            canvas.dot(LABELS + 1 + x, plot_h, lines.horizontal, Tone::Dim);
        }
        canvas.dot(LABELS, plot_h, lines.corners[2], Tone::Dim);
        let (low, high) = self.y;
        canvas.put_right(LABELS - 1, 0, &figure(high), Tone::Dim);
        if plot_h >= 6 {
            let dots = plot_h * canvas.glyphs.dots().1;
            let row = (dots - 1) / 2 / canvas.glyphs.dots().1;
            canvas.put_right(LABELS - 1, row, &figure((low + high) / 2.0), Tone::Dim);
        }
        canvas.put_right(LABELS - 1, plot_h - 1, &figure(low), Tone::Dim);
        match self.x {
            XAxis::Rounds(rounds) => {
                canvas.put(LABELS + 1, plot_h + 1, "0", Tone::Dim);
                if plot_w >= 30 {
                    let half = (rounds / 2).to_string();
                    canvas.put(LABELS + 1 + plot_w / 2, plot_h + 1, &half, Tone::Dim);
                }
                canvas.put_right(w, plot_h + 1, &rounds.to_string(), Tone::Dim);
            }
            XAxis::Named(names) => {
                for (share, name) in names {
                    let at = LABELS + 1 + (share * f64::from(plot_w - 1)).round() as u16;
                    // The last name ends where the axis ends.
                    let room = name.len() as u16;
                    canvas.put(at.min(w - room.min(w)), plot_h + 1, name, Tone::Dim);
                }
            }
        }
        let mut part = canvas.part(LABELS + 1, 0, plot_w, plot_h);
        self.curves(&mut part);
    }

    fn curves(&self, canvas: &mut Canvas<'_>) {
        let (dx, dy) = canvas.glyphs.dots();
        let (w, h) = (
            i64::from(canvas.width() * dx),
            i64::from(canvas.height() * dy),
        );
        let (low, high) = self.y;
        let mut cells: BTreeMap<(u16, u16), (u8, Tone, char, bool)> = BTreeMap::new();
        for series in &self.series {
            let place = |(step, value): (u32, f64)| {
                let x = f64::from(step) / f64::from(self.x.end().max(1)) * (w - 1) as f64;
                let y = (high - value) / (high - low) * (h - 1) as f64;
                (
                    (x.round() as i64).clamp(0, w - 1),
                    (y.round() as i64).clamp(0, h - 1),
                )
            };
            let mut dot = |x: i64, y: i64, point: bool| {
                // Gaps of two dots in four, by column, so that a flat curve shows them too; a
                // curve of few points keeps every one of them.
                let gap = series.dotted && canvas.glyphs != Glyphs::Ascii && x.rem_euclid(4) >= 2;
                if gap && !point {
                    return;
                }
                let cell = ((x / i64::from(dx)) as u16, (y / i64::from(dy)) as u16);
                let bit = bit(canvas.glyphs, x % i64::from(dx), y % i64::from(dy));
                let entry = cells
                    .entry(cell)
                    .or_insert((0, series.tone, series.mark, false));
                entry.3 |= entry.2 != series.mark;
                entry.0 |= bit;
                entry.1 = series.tone;
                entry.2 = series.mark;
            };
            let few = series.points.len() < 12;
            let mut before: Option<(i64, i64)> = None;
            for &point in &series.points {
                let to = place(point);
                segment(before.unwrap_or(to), to, &mut |x, y| {
                    dot(x, y, few && (x, y) == to);
                });
                before = Some(to);
            }
        }
        for ((x, y), (bits, tone, mark, both)) in cells {
            let c = match canvas.glyphs {
                Glyphs::Braille => char::from_u32(0x2800 + u32::from(bits)).unwrap_or(mark),
                Glyphs::Block => match bits {
                    1 => '▀',
                    2 => '▄',
                    _ => '█',
                },
                Glyphs::Ascii if both => '#',
                Glyphs::Ascii => mark,
            };
            canvas.dot(x, y, c, tone);
        }
    }
}

/// A figure in at most six characters.
fn figure(v: f64) -> String {
    if v == 0.0 {
        "0".to_owned()
    } else if v.abs() >= 1e5 || v.abs() < 1e-3 {
        format!("{v:.0e}")
    } else if v.abs() >= 100.0 {
        format!("{v:.0}")
    } else if v.abs() >= 10.0 {
        format!("{v:.1}")
    } else {
        format!("{v:.3}")
    }
}

/// The bit of a dot in its cell.
fn bit(glyphs: Glyphs, x: i64, y: i64) -> u8 {
    match glyphs {
        Glyphs::Braille => match (x, y) {
            (0, 0) => 0x01,
            (0, 1) => 0x02,
            (0, 2) => 0x04,
            (0, _) => 0x40,
            (_, 0) => 0x08,
            (_, 1) => 0x10,
            (_, 2) => 0x20,
            (_, _) => 0x80,
        },
        Glyphs::Block => 1 << y.clamp(0, 1),
        Glyphs::Ascii => 1,
    }
}

/// All dots of a line from `a` to `b` (Bresenham).
fn segment(a: (i64, i64), b: (i64, i64), dot: &mut impl FnMut(i64, i64)) {
    let (dx, dy) = ((b.0 - a.0).abs(), -(b.1 - a.1).abs());
    let (sx, sy) = ((b.0 - a.0).signum(), (b.1 - a.1).signum());
    let (mut x, mut y) = a;
    let mut error = dx + dy;
    loop {
        dot(x, y);
        if (x, y) == b {
            return;
        }
        let twice = 2 * error;
        if twice >= dy {
            error += dy;
            x += sx;
        }
        if twice <= dx {
            error += dx;
            y += sy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::theme::{Colours, Theme};
    use proptest::prelude::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    #[test]
    fn axes_stay_while_points_arrive() {
        assert_eq!(y_axis(true, [0.93, 0.99].into_iter()), (0.9, 1.0));
        assert_eq!(y_axis(true, [0.3].into_iter()), (0.0, 1.0));
        assert_eq!(y_axis(false, [0.69, 0.1].into_iter()), (0.0, 1.0));
        assert_eq!(y_axis(false, [1.5].into_iter()), (0.0, 2.0));
        assert_eq!(y_axis(false, [-3.0, 1.0].into_iter()), (-4.0, 1.0));
        assert_eq!(y_axis(true, [f64::NAN].into_iter()), (0.0, 1.0));
    }

    #[test]
    fn folds_are_averaged() {
        let points = [(1, 1.0), (2, 0.5), (1, 3.0), (2, f64::NAN)];
        assert_eq!(mean_by_step(&points), vec![(1, 2.0), (2, 0.5)]);
    }

    proptest! {
        #[test]
        fn any_points_in_any_size(
            points in prop::collection::vec((any::<u32>(), any::<f64>()), 0..50),
            w in 0u16..90, h in 0u16..40, x_max in any::<u32>(), set in 0..3,
        ) {
            let glyphs = [Glyphs::Braille, Glyphs::Block, Glyphs::Ascii][set as usize];
            let mut buffer = Buffer::empty(Rect::new(0, 0, w, h));
            let theme = Theme::terminal(Colours::Sixteen);
            let points = mean_by_step(&points);
            let plot = LinePlot {
                y: y_axis(false, points.iter().map(|p| p.1)),
                series: vec![Series { points, tone: Tone::First, mark: '*', dotted: true }],
                x: XAxis::Rounds(x_max),
            };
            plot.view(&mut Canvas::new(&mut buffer, glyphs, theme));
        }
    }
}
