//! A clipped piece of the screen to draw on. All text goes through [`crate::text::fit`] here, and
//! nothing can be drawn outside, so no size and no content can break a frame.

use super::glyphs::Glyphs;
use super::hits::{Hits, Target};
use super::theme::{Theme, Tone};
use crate::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A rectangle of the buffer with its own coordinates, from (0, 0).
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    hits: Option<&'a Hits>,
    /// Glyphs in use.
    pub glyphs: Glyphs,
    /// Theme in use.
    pub theme: Theme,
}

impl<'a> Canvas<'a> {
    /// A canvas over the whole buffer.
    pub fn new(buffer: &'a mut Buffer, glyphs: Glyphs, theme: Theme) -> Self {
        let area = buffer.area;
        if theme.palette().is_some() {
            buffer.set_style(area, theme.ground());
        }
        Self {
            buffer,
            area,
            hits: None,
            glyphs,
            theme,
        }
    }
    /// Notes from now on what a click would choose.
    pub fn noting(mut self, hits: &'a Hits) -> Self {
        self.hits = Some(hits);
        self
    }
    /// Says what a click into this part chooses.
    pub fn hit(&self, x: u16, y: u16, width: u16, height: u16, target: Target) {
        if let Some(hits) = self.hits {
            let (x, y) = self.on_screen(x, y);
            let place = Rect {
                x,
                y,
                width,
                height,
            };
            hits.note(place.intersection(self.area), target);
        }
    }
    /// Columns.
    pub fn width(&self) -> u16 {
        self.area.width
    }
    /// Rows.
    pub fn height(&self) -> u16 {
        self.area.height
    }
    /// The column and row on the screen of a place in here.
    pub fn on_screen(&self, x: u16, y: u16) -> (u16, u16) {
        (self.area.x.saturating_add(x), self.area.y.saturating_add(y))
    }
    /// A part of this canvas, clipped to it.
    pub fn part(&mut self, x: u16, y: u16, width: u16, height: u16) -> Canvas<'_> {
        let wanted = Rect {
            x: self.area.x.saturating_add(x),
            y: self.area.y.saturating_add(y),
            width,
            height,
        };
        let mut area = wanted.intersection(self.area);
        if area.width == 0 || area.height == 0 {
            area = Rect {
                x: self.area.x,
                y: self.area.y,
                width: 0,
                height: 0,
            };
        }
        Canvas {
            buffer: self.buffer,
            area,
            hits: self.hits,
            glyphs: self.glyphs,
            theme: self.theme,
        }
    }
    /// Writes text; returns the column after it.
    pub fn put(&mut self, x: u16, y: u16, text: &str, tone: Tone) -> u16 {
        self.put_in(x, y, u16::MAX, text, tone)
    }
    /// Writes text in at most `width` columns; returns the column after it.
    pub fn put_in(&mut self, x: u16, y: u16, width: u16, text: &str, tone: Tone) -> u16 {
        if x >= self.area.width || y >= self.area.height {
            return x;
        }
        let width = width.min(self.area.width - x);
        let clean = text::fit(text, width as usize, self.glyphs.marks());
        #[cfg(test)]
        super::overlap::text(self.buffer, (self.area.x + x, self.area.y + y), &clean);
        let style = self.theme.style(tone);
        let (end, _) = self.buffer.set_stringn(
            self.area.x + x,
            self.area.y + y,
            clean,
            width as usize,
            style,
        );
        end - self.area.x
    }
    /// Writes text that ends before column `end`; returns the column where it begins.
    pub fn put_right(&mut self, end: u16, y: u16, text: &str, tone: Tone) -> u16 {
        let width = text::width(text, self.glyphs.marks()).min(u16::MAX as usize) as u16;
        let end = end.min(self.area.width);
        let x = end.saturating_sub(width);
        self.put_in(x, y, end - x, text, tone);
        x
    }
    /// Writes pieces one after the other.
    pub fn put_all(&mut self, x: u16, y: u16, pieces: &[(&str, Tone)]) -> u16 {
        pieces
            .iter()
            .fold(x, |x, (text, tone)| self.put(x, y, text, *tone))
    }
    /// Sets one character.
    pub fn dot(&mut self, x: u16, y: u16, c: char, tone: Tone) {
        if x < self.area.width && y < self.area.height {
            let style = self.theme.style(tone);
            if let Some(cell) = self.buffer.cell_mut((self.area.x + x, self.area.y + y)) {
                cell.set_char(c);
                cell.set_style(style);
            }
        }
    }
    /// Blanks everything.
    pub fn clear(&mut self) {
        let ground = self.theme.ground();
        #[cfg(test)]
        super::overlap::forget(self.area);
        for y in self.area.top()..self.area.bottom() {
            for x in self.area.left()..self.area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                    cell.set_style(ground);
                }
            }
        }
    }
    /// A rule across row `y` with a title on the left and a remark on the right.
    pub fn rule(&mut self, y: u16, title: &str, remark: &str) {
        let line = self.glyphs.lines().horizontal;
        let (width, marks) = (self.area.width, self.glyphs.marks());
        for x in 0..width {
            self.dot(x, y, line, Tone::Dim);
        }
        if !title.is_empty() && width > 4 {
            let end = self.put_in(2, y, width - 4, title, Tone::Title);
            self.dot(1, y, ' ', Tone::Plain);
            self.dot(end, y, ' ', Tone::Plain);
        }
        let used = if title.is_empty() {
            0
        } else {
            text::width(title, marks) + 4
        };
        let room = (width as usize).saturating_sub(used + 4);
        if !remark.is_empty() && room >= 6 {
            let remark = text::fit(remark, room, marks);
            let x = self.put_right(width - 2, y, &remark, Tone::Plain);
            self.dot(x.saturating_sub(1), y, ' ', Tone::Plain);
            self.dot(width - 2, y, ' ', Tone::Plain);
        }
    }
    /// A vertical line through the whole height.
    pub fn divider(&mut self, x: u16) {
        let line = self.glyphs.lines().vertical;
        for y in 0..self.area.height {
            self.dot(x, y, line, Tone::Dim);
        }
    }
    /// Draws a box around the canvas and returns the inside, blanked.
    pub fn boxed(&mut self, title: &str, remark: &str) -> Canvas<'_> {
        let (w, h) = (self.area.width, self.area.height);
        self.clear();
        if w < 2 || h < 2 {
            return self.part(0, 0, w, h);
        }
        let lines = self.glyphs.lines();
        for x in 0..w {
            self.dot(x, 0, lines.horizontal, Tone::Plain);
            self.dot(x, h - 1, lines.horizontal, Tone::Plain);
        }
        for y in 0..h {
            self.dot(0, y, lines.vertical, Tone::Plain);
            self.dot(w - 1, y, lines.vertical, Tone::Plain);
        }
        let [a, b, c, d] = lines.corners;
        self.dot(0, 0, a, Tone::Plain);
        self.dot(w - 1, 0, b, Tone::Plain);
        self.dot(0, h - 1, c, Tone::Plain);
        self.dot(w - 1, h - 1, d, Tone::Plain);
        if !title.is_empty() && w > 6 {
            let end = self.put_in(3, 0, w - 6, title, Tone::Title);
            self.dot(2, 0, ' ', Tone::Plain);
            self.dot(end, 0, ' ', Tone::Plain);
        }
        if !remark.is_empty() && w > 8 {
            let remark = text::fit(remark, w as usize - 8, self.glyphs.marks());
            let x = self.put_right(w - 3, h - 1, &remark, Tone::Plain);
            self.dot(x.saturating_sub(1), h - 1, ' ', Tone::Plain);
            self.dot(w - 3, h - 1, ' ', Tone::Plain);
        }
        self.part(1, 1, w - 2, h - 2)
    }
}
