//! The glyph sets: braille, block elements, ASCII. Chosen here and nowhere else.

use crate::text::Marks;

/// The set in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Plots in braille dots, lines in box drawing.
    Braille,
    /// Plots in half blocks, lines in box drawing.
    Block,
    /// ASCII only.
    Ascii,
}

/// The pieces of a box.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// Horizontal.
    pub horizontal: char,
    /// Vertical.
    pub vertical: char,
    /// Corners: top left, top right, bottom left, bottom right.
    pub corners: [char; 4],
}

impl Glyphs {
    /// The next set of the cycle.
    pub fn next(self) -> Self {
        match self {
            Glyphs::Braille => Glyphs::Block,
            Glyphs::Block => Glyphs::Ascii,
            Glyphs::Ascii => Glyphs::Braille,
        }
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Glyphs::Braille => "braille",
            Glyphs::Block => "block",
            Glyphs::Ascii => "ascii",
        }
    }
    /// How text is cleaned and cut.
    pub fn marks(self) -> Marks {
        match self {
            Glyphs::Ascii => Marks::ASCII,
            Glyphs::Braille | Glyphs::Block => Marks::UTF8,
        }
    }
    /// Rules and boxes.
    pub fn lines(self) -> Lines {
        match self {
            Glyphs::Ascii => Lines {
                horizontal: '-',
                vertical: '|',
                corners: ['+', '+', '+', '+'],
            },
            Glyphs::Braille | Glyphs::Block => Lines {
                horizontal: '─',
                vertical: '│',
                corners: ['┌', '┐', '└', '┘'],
            },
        }
    }
    /// Dots of a plot in one cell: columns, rows.
    pub fn dots(self) -> (u16, u16) {
        match self {
            Glyphs::Braille => (2, 4),
            Glyphs::Block => (1, 2),
            Glyphs::Ascii => (1, 1),
        }
    }
}
