//! Colours by meaning. The default theme uses the terminal's own 16 colours and paints no
//! background, so that it reads on light and dark. Nothing is said by colour alone: every state
//! has a word, every cursor a `>`.

use ratatui::style::{Color, Modifier, Style};

/// How many colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// None: `NO_COLOR`, or a terminal that has none.
    None,
    /// The terminal's own 16.
    Sixteen,
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    Plain,
    /// Titles.
    Title,
    /// Less important than its neighbours.
    Dim,
    /// Keys in footers and help.
    Key,
    /// Something good.
    Good,
    /// Something at work.
    Busy,
    /// Worth a look.
    Warn,
    /// Failed.
    Bad,
    /// The row under the cursor, the button with the focus.
    Cursor,
    /// First curve of a plot.
    First,
    /// Second curve of a plot.
    Second,
}

/// The default theme at a colour level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// The level.
    pub colours: Colours,
}

impl Theme {
    /// The style of a tone.
    pub fn style(self, tone: Tone) -> Style {
        let (colour, modifier) = match tone {
            Tone::Plain => (None, Modifier::empty()),
            Tone::Title | Tone::Key | Tone::Cursor => (None, Modifier::BOLD),
            // Attribute 2 rather than bright black, which several palettes set to the background.
            Tone::Dim => (None, Modifier::DIM),
            Tone::Good => (Some(Color::Green), Modifier::empty()),
            Tone::Busy => (Some(Color::Cyan), Modifier::empty()),
            Tone::Warn => (Some(Color::Yellow), Modifier::empty()),
            Tone::Bad => (Some(Color::Red), Modifier::BOLD),
            Tone::First => (Some(Color::Blue), Modifier::empty()),
            Tone::Second => (Some(Color::Magenta), Modifier::empty()),
        };
        // Absolute: what was drawn on a cell before must not shine through.
        let style = Style::new()
            .fg(Color::Reset)
            .remove_modifier(Modifier::all())
            .add_modifier(modifier);
        match (self.colours, colour) {
            (Colours::Sixteen, Some(colour)) => style.fg(colour),
            _ => style,
        }
    }
}
