//! From two buffers to the fewest bytes: only changed cells are sent, a frame is one write inside
//! a synchronised update, and a frame without a change is nothing at all.
//!
//! ratatui's own terminal is left out on purpose: it asks for the cursor position when cleared,
//! writes 25 bytes for an unchanged frame, and spells the 16 colours in the 256-colour form.

use std::io;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// Begin and end of a synchronised update; terminals that do not know it ignore it.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// What is on the screen, and how to change it.
pub struct Painter<W> {
    out: W,
    shown: Buffer,
    blank: bool,
    cursor: Option<(u16, u16)>,
    frame: Vec<u8>,
}

impl<W: FnMut(&[u8]) -> io::Result<()>> Painter<W> {
    /// A painter for a blank screen of this size; `out` takes whole frames.
    pub fn new(width: u16, height: u16, out: W) -> Self {
        Self {
            out,
            shown: Buffer::empty(Rect::new(0, 0, width, height)),
            blank: true,
            cursor: None,
            frame: Vec::with_capacity(1 << 16),
        }
    }

    /// Forgets what is on the screen; the next frame paints everything.
    pub fn forget(&mut self) {
        self.blank = false;
    }

    /// The screen has another size now.
    pub fn resize(&mut self, width: u16, height: u16) {
        let area = Rect::new(0, 0, width, height);
        if self.shown.area != area {
            self.shown = Buffer::empty(area);
            self.blank = false;
        }
    }

    /// Draws a frame and sends what changed; returns the bytes sent.
    pub fn paint(
        &mut self,
        view: impl FnOnce(&mut Buffer) -> Option<(u16, u16)>,
    ) -> io::Result<usize> {
        let mut next = Buffer::empty(self.shown.area);
        let cursor = view(&mut next);
        untangle(&mut next);
        self.frame.clear();
        self.frame.extend_from_slice(BEGIN);
        if !self.blank {
            self.frame.extend_from_slice(b"\x1b[?25l\x1b[m\x1b[2J");
            self.shown = Buffer::empty(self.shown.area);
            self.cursor = None;
            self.blank = true;
        }
        let start = self.frame.len();
        unsettle(&mut self.shown, &next);
        encode(&self.shown, &next, &mut self.frame);
        let moved = self.frame.len() > start;
        match cursor {
            Some((x, y)) if moved || self.cursor != cursor => {
                let show = format!("\x1b[{};{}H\x1b[?25h", y + 1, x + 1);
                self.frame.extend_from_slice(show.as_bytes());
            }
            None if self.cursor.is_some() => self.frame.extend_from_slice(b"\x1b[?25l"),
            _ => {}
        }
        self.shown = next;
        self.cursor = cursor;
        if self.frame.len() == BEGIN.len() {
            return Ok(0);
        }
        self.frame.extend_from_slice(END);
        (self.out)(&self.frame)?;
        Ok(self.frame.len())
    }
}

/// Blanks wide characters of which something else has covered the second half, a dialog's border
/// for example: a terminal cannot show half of one, and the difference would skip the other half.
fn untangle(buffer: &mut Buffer) {
    let width = buffer.area.width as usize;
    for i in 0..buffer.content.len() {
        let symbol = buffer.content[i].symbol();
        if symbol.len() < 2 || symbol.width() < 2 {
            continue;
        }
        let last = (i + 1).is_multiple_of(width);
        if last || buffer.content[i + 1].symbol() != " " {
            buffer.content[i].set_symbol(" ");
        }
    }
}

/// Makes sure that the second half of a wide character that goes is sent again: what terminals put
/// there differs in its background.
fn unsettle(shown: &mut Buffer, next: &Buffer) {
    let width = shown.area.width as usize;
    for i in 0..shown.content.len() {
        let symbol = shown.content[i].symbol();
        if symbol.len() < 2 || symbol.width() < 2 || shown.content[i] == next.content[i] {
            continue;
        }
        if !(i + 1).is_multiple_of(width) {
            // No frame holds it: every text is cleaned.
            shown.content[i + 1].set_symbol("\u{fffd}");
        }
    }
}

/// The style a terminal writes with.
#[derive(Clone, Copy, PartialEq)]
struct Pen {
    colour: Color,
    ground: Color,
    modifier: Modifier,
}

const PLAIN: Pen = Pen {
    colour: Color::Reset,
    ground: Color::Reset,
    modifier: Modifier::empty(),
};

fn encode(shown: &Buffer, next: &Buffer, out: &mut Vec<u8>) {
    let mut pen = PLAIN;
    let mut at: Option<(u16, u16)> = None;
    for (x, y, cell) in shown.diff(next) {
        match at {
            Some((ax, ay)) if ay == y && ax == x => {}
            Some((ax, ay)) if ay == y && x > ax => {
                out.extend_from_slice(
                    match x - ax {
                        1 => "\x1b[C".to_owned(),
                        n => format!("\x1b[{n}C"),
                    }
                    .as_bytes(),
                );
            }
            _ => out.extend_from_slice(format!("\x1b[{};{}H", y + 1, x + 1).as_bytes()),
        }
        // A blank shows neither colour nor boldness, only what is behind it.
        let blank = cell.symbol() == " "
            && !cell.modifier.contains(Modifier::REVERSED)
            && cell.bg == pen.ground;
        let want = Pen {
            colour: cell.fg,
            ground: cell.bg,
            modifier: cell.modifier,
        };
        if want != pen && !blank {
            select(want, out);
            pen = want;
        }
        out.extend_from_slice(cell.symbol().as_bytes());
        // Terminals disagree about the width of the rarer wide characters: after one, the place
        // is said again.
        at = (cell.symbol().width() == 1).then_some((x + 1, y));
    }
    if pen != PLAIN {
        out.extend_from_slice(b"\x1b[m");
    }
}

/// Select graphic rendition, from a clean slate.
fn select(pen: Pen, out: &mut Vec<u8>) {
    if pen == PLAIN {
        out.extend_from_slice(b"\x1b[m");
        return;
    }
    out.extend_from_slice(b"\x1b[0");
    for (modifier, code) in [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::UNDERLINED, ";4"),
        (Modifier::REVERSED, ";7"),
    ] {
        if pen.modifier.contains(modifier) {
            out.extend_from_slice(code.as_bytes());
        }
    }
    colour(pen.colour, 30, out);
    colour(pen.ground, 40, out);
    out.push(b'm');
}

/// The code of a colour; `base` is 30 for the letters, 40 for what is behind them.
fn colour(colour: Color, base: u8, out: &mut Vec<u8>) {
    let code = match colour {
        Color::Black => base,
        Color::Red => base + 1,
        Color::Green => base + 2,
        Color::Yellow => base + 3,
        Color::Blue => base + 4,
        Color::Magenta => base + 5,
        Color::Cyan => base + 6,
        Color::Gray => base + 7,
        Color::Indexed(n) => {
            out.extend_from_slice(format!(";{};5;{n}", base + 8).as_bytes());
            return;
        }
        Color::Rgb(r, g, b) => {
            out.extend_from_slice(format!(";{};2;{r};{g};{b}", base + 8).as_bytes());
            return;
        }
        // The themes use no other; after a clean slate it is the terminal's own already.
        _ => return,
    };
    out.extend_from_slice(format!(";{code}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::style::Style;

    fn seen(colour: Color) -> vt100::Color {
        match colour {
            Color::Red => vt100::Color::Idx(1),
            Color::Cyan => vt100::Color::Idx(6),
            Color::Indexed(n) => vt100::Color::Idx(n),
            Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
            _ => vt100::Color::Default,
        }
    }

    #[test]
    fn an_unchanged_frame_is_nothing() {
        let mut sent = 0;
        let mut painter = Painter::new(20, 3, |bytes: &[u8]| {
            sent += bytes.len();
            Ok(())
        });
        let text = |b: &mut Buffer| {
            b.set_string(0, 0, "hello", Style::new().fg(Color::Red));
            None
        };
        assert!(painter.paint(text).unwrap() > 0);
        assert_eq!(painter.paint(text).unwrap(), 0);
        painter.forget();
        assert!(painter.paint(text).unwrap() > 0);
    }

    #[test]
    fn half_a_wide_character_is_blank() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        buffer.set_string(0, 0, "日本", Style::new());
        buffer.set_string(3, 0, "│", Style::new());
        untangle(&mut buffer);
        let row: Vec<&str> = buffer.content.iter().map(|c| c.symbol()).collect();
        assert_eq!(row, ["日", " ", " ", "│", " ", " "]);
    }

    proptest! {
        /// A terminal fed with the frames shows the buffer, whatever was shown before.
        #[test]
        fn the_screen_equals_the_buffer(
            frames in prop::collection::vec(
                prop::collection::vec((0u16..20, 0u16..5, "[a-zé日⣿ ]{1,6}", 0u8..6), 0..12), 1..5),
        ) {
            let mut parser = vt100::Parser::new(5, 20, 0);
            let mut last = Buffer::empty(Rect::new(0, 0, 20, 5));
            {
                let mut painter = Painter::new(20, 5, |bytes: &[u8]| { parser.process(bytes); Ok(()) });
                for frame in frames {
                    painter.paint(|b| {
                        for (x, y, text, style) in &frame {
                            let style = match style {
                                0 => Style::new(),
                                1 => Style::new().fg(Color::Red),
                                2 => Style::new().add_modifier(Modifier::BOLD),
                                3 => Style::new().fg(Color::Indexed(81)).bg(Color::Indexed(234)),
                                4 => Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Rgb(250, 250, 9)),
                                _ => Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD),
                            };
                            b.set_stringn(*x, *y, text, 20 - *x as usize, style);
                        }
                        last = b.clone();
                        untangle(&mut last);
                        None
                    }).unwrap();
                }
            }
            for y in 0..5 {
                for x in 0..20 {
                    let cell = parser.screen().cell(y, x).unwrap();
                    if cell.is_wide_continuation() { continue; }
                    let want = last.cell((x, y)).unwrap();
                    let shown = if cell.contents().is_empty() { " " } else { cell.contents() };
                    prop_assert_eq!(shown, want.symbol());
                    prop_assert_eq!(cell.bgcolor(), seen(want.bg));
                    if want.symbol() != " " {
                        prop_assert_eq!(cell.fgcolor(), seen(want.fg));
                        prop_assert_eq!(cell.bold(), want.modifier.contains(Modifier::BOLD));
                    }
                }
            }
        }
    }
}
