//! Colours by meaning. The default theme uses the terminal's own 16 colours and paints no
//! background, so that it reads on light and dark. Nothing is said by colour alone: every state
//! has a word, every cursor a `>`.
//!
//! The other themes bring their own palette with a background, and need 256 colours or more; with
//! fewer they fall back to the terminal's own, because nobody knows what its 16 look like.

use ratatui::style::{Color, Modifier, Style};

use crate::config::{ColourLevel, UiTheme};

/// How many colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colours {
    /// None: `NO_COLOR`, or a terminal that has none.
    None,
    /// The terminal's own 16.
    Sixteen,
    /// The 256 of xterm.
    Indexed,
    /// 24 bits.
    True,
}

impl Colours {
    /// Decides from the environment; what the configuration says goes first. The terminal is never
    /// asked.
    pub fn detect(variable: impl Fn(&str) -> Option<String>, wanted: ColourLevel) -> Self {
        let set = |name: &str| variable(name).filter(|v| !v.is_empty());
        let term = set("TERM").unwrap_or_default();
        match wanted {
            ColourLevel::None => return Colours::None,
            ColourLevel::Sixteen => return Colours::Sixteen,
            ColourLevel::Indexed => return Colours::Indexed,
            ColourLevel::True => return Colours::True,
            ColourLevel::Auto => {}
        }
        if set("NO_COLOR").is_some() || term.starts_with("vt") || term == "dumb" {
            return Colours::None;
        }
        let many = set("COLORTERM").unwrap_or_default();
        if matches!(many.as_str(), "truecolor" | "24bit") || term.ends_with("-direct") {
            Colours::True
        } else if term.contains("256color") {
            Colours::Indexed
        } else {
            Colours::Sixteen
        }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Colours::None => "no colours",
            Colours::Sixteen => "16 colours",
            Colours::Indexed => "256 colours",
            Colours::True => "24-bit colours",
        }
    }
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

/// The themes in the order of their cycle.
pub const THEMES: [UiTheme; 5] = [
    UiTheme::Terminal,
    UiTheme::Dark,
    UiTheme::Light,
    UiTheme::ColourBlind,
    UiTheme::ColourBlindLight,
];

/// The next theme of the cycle.
pub fn next_theme(theme: UiTheme) -> UiTheme {
    let at = THEMES.iter().position(|t| *t == theme).unwrap_or(0);
    THEMES[(at + 1) % THEMES.len()]
}

/// The name of a theme, as it stands in `config.toml`.
pub fn theme_name(theme: UiTheme) -> &'static str {
    match theme {
        UiTheme::Terminal => "terminal",
        UiTheme::Dark => "dark",
        UiTheme::Light => "light",
        UiTheme::ColourBlind => "colour-blind",
        UiTheme::ColourBlindLight => "colour-blind-light",
    }
}

/// Red, green, blue.
pub type Rgb = (u8, u8, u8);

/// The colours of a theme that brings its own. Boldness is the same in all themes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub background: Rgb,
    /// Ordinary text, titles, keys, the cursor.
    pub text: Rgb,
    /// Less important text.
    pub dim: Rgb,
    /// [`Tone::Good`].
    pub good: Rgb,
    /// [`Tone::Busy`].
    pub busy: Rgb,
    /// [`Tone::Warn`].
    pub warn: Rgb,
    /// [`Tone::Bad`].
    pub bad: Rgb,
    /// [`Tone::First`].
    pub first: Rgb,
    /// [`Tone::Second`].
    pub second: Rgb,
}

const DARK: Palette = Palette {
    background: (28, 28, 28),
    text: (215, 215, 215),
    dim: (158, 158, 158),
    good: (135, 215, 135),
    busy: (95, 215, 255),
    warn: (255, 215, 95),
    bad: (255, 135, 135),
    first: (135, 175, 255),
    second: (255, 135, 215),
};

const LIGHT: Palette = Palette {
    background: (255, 255, 255),
    text: (28, 28, 28),
    dim: (95, 95, 95),
    good: (0, 95, 0),
    busy: (0, 95, 135),
    warn: (135, 95, 0),
    bad: (175, 0, 0),
    first: (0, 0, 215),
    second: (135, 0, 95),
};

/// The set of Okabe and Ito, which people with every kind of colour blindness tell apart; its blue
/// and its vermilion are lightened until they can be read on the dark ground.
const COLOUR_BLIND: Palette = Palette {
    background: (18, 18, 18),
    text: (228, 228, 228),
    dim: (168, 168, 168),
    good: (86, 180, 233),
    busy: (0, 158, 115),
    warn: (240, 228, 66),
    bad: (224, 104, 24),
    first: (86, 180, 233),
    second: (230, 159, 0),
};

/// The same hues, darkened until they can be read on white.
const COLOUR_BLIND_LIGHT: Palette = Palette {
    background: (255, 255, 255),
    text: (18, 18, 18),
    dim: (88, 88, 88),
    good: (0, 91, 142),
    busy: (0, 107, 78),
    warn: (122, 90, 0),
    bad: (176, 74, 0),
    first: (0, 91, 142),
    second: (145, 66, 120),
};

impl Palette {
    /// The palette of a theme; `None` for the terminal's own colours.
    pub fn of(theme: UiTheme) -> Option<&'static Palette> {
        match theme {
            UiTheme::Terminal => None,
            UiTheme::Dark => Some(&DARK),
            UiTheme::Light => Some(&LIGHT),
            UiTheme::ColourBlind => Some(&COLOUR_BLIND),
            UiTheme::ColourBlindLight => Some(&COLOUR_BLIND_LIGHT),
        }
    }

    fn colour(&self, tone: Tone) -> Rgb {
        match tone {
            Tone::Plain | Tone::Title | Tone::Key | Tone::Cursor => self.text,
            Tone::Dim => self.dim,
            Tone::Good => self.good,
            Tone::Busy => self.busy,
            Tone::Warn => self.warn,
            Tone::Bad => self.bad,
            Tone::First => self.first,
            Tone::Second => self.second,
        }
    }
}

/// A theme at a colour level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// The level.
    pub colours: Colours,
    /// Which theme.
    pub name: UiTheme,
}

impl Theme {
    /// The default theme at a level.
    pub fn terminal(colours: Colours) -> Self {
        Self {
            colours,
            name: UiTheme::Terminal,
        }
    }

    /// The style of a tone. It is absolute: what was drawn on a cell before does not shine through.
    pub fn style(self, tone: Tone) -> Style {
        let bold = matches!(tone, Tone::Title | Tone::Key | Tone::Cursor | Tone::Bad);
        let mut modifier = if bold {
            Modifier::BOLD
        } else {
            Modifier::empty()
        };
        let (fg, bg) = match self.palette() {
            Some(palette) => (
                self.exact(palette.colour(tone)),
                self.exact(palette.background),
            ),
            None => {
                // Attribute 2 rather than bright black, which several palettes set to the
                // background.
                if tone == Tone::Dim {
                    modifier |= Modifier::DIM;
                }
                (self.own(tone), Color::Reset)
            }
        };
        Style::new()
            .fg(fg)
            .bg(bg)
            .remove_modifier(Modifier::all())
            .add_modifier(modifier)
    }

    /// What an empty place looks like.
    pub fn ground(self) -> Style {
        self.style(Tone::Plain)
    }

    /// The palette in use; `None` for the terminal's own colours.
    pub fn palette(self) -> Option<&'static Palette> {
        match self.colours {
            Colours::None | Colours::Sixteen => None,
            Colours::Indexed | Colours::True => Palette::of(self.name),
        }
    }

    /// A tone in the terminal's own 16 colours.
    fn own(self, tone: Tone) -> Color {
        if self.colours == Colours::None {
            return Color::Reset;
        }
        // Red and green become blue and magenta where they cannot be told apart.
        let blind = matches!(self.name, UiTheme::ColourBlind | UiTheme::ColourBlindLight);
        match tone {
            Tone::Plain | Tone::Title | Tone::Key | Tone::Cursor | Tone::Dim => Color::Reset,
            Tone::Good if blind => Color::Blue,
            Tone::Good => Color::Green,
            Tone::Busy => Color::Cyan,
            Tone::Warn => Color::Yellow,
            Tone::Bad if blind => Color::Magenta,
            Tone::Bad => Color::Red,
            Tone::First => Color::Blue,
            Tone::Second if blind => Color::Yellow,
            Tone::Second => Color::Magenta,
        }
    }

    fn exact(self, (r, g, b): Rgb) -> Color {
        match self.colours {
            Colours::True => Color::Rgb(r, g, b),
            _ => Color::Indexed(nearest((r, g, b)).0),
        }
    }
}

/// The steps of a channel in xterm's colour cube.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The nearest of xterm's 240 fixed colours: its number, and what it looks like.
pub fn nearest(wanted: Rgb) -> (u8, Rgb) {
    let cube = (0u8..216).map(|i| {
        let step = |n: u8| STEPS[usize::from(n % 6)];
        (16 + i, (step(i / 36), step(i / 6), step(i)))
    });
    let greys = (0u8..24).map(|i| {
        let grey = 8 + 10 * i;
        (232 + i, (grey, grey, grey))
    });
    let distance = |(r, g, b): Rgb| {
        [(r, wanted.0), (g, wanted.1), (b, wanted.2)]
            .iter()
            .map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2))
            .sum::<u32>()
    };
    cube.chain(greys)
        .min_by_key(|(_, rgb)| distance(*rgb))
        .unwrap_or((15, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONES: [Tone; 11] = [
        Tone::Plain,
        Tone::Title,
        Tone::Dim,
        Tone::Key,
        Tone::Good,
        Tone::Busy,
        Tone::Warn,
        Tone::Bad,
        Tone::Cursor,
        Tone::First,
        Tone::Second,
    ];

    /// Relative luminance of WCAG 2.
    fn luminance((r, g, b): Rgb) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_palette_can_be_read_in_24_bits_and_in_256_colours() {
        // The formula itself: black on white is 21, grey 118 on white 4.54.
        assert!((contrast((0, 0, 0), (255, 255, 255)) - 21.0).abs() < 1e-9);
        assert!((contrast((118, 118, 118), (255, 255, 255)) - 4.54).abs() < 0.01);
        let mut checked = 0;
        for palette in THEMES.into_iter().filter_map(Palette::of) {
            for tone in TONES {
                let (ink, ground) = (palette.colour(tone), palette.background);
                for (ink, ground) in [(ink, ground), (nearest(ink).1, nearest(ground).1)] {
                    let c = contrast(ink, ground);
                    assert!(c >= 4.5, "{tone:?} {ink:?} on {ground:?}: {c:.2}");
                    checked += 1;
                }
            }
        }
        assert_eq!(checked, 4 * TONES.len() * 2);
    }

    #[test]
    fn the_nearest_of_256() {
        assert_eq!(nearest((0, 0, 0)), (16, (0, 0, 0)));
        assert_eq!(nearest((255, 255, 255)), (231, (255, 255, 255)));
        assert_eq!(nearest((28, 28, 28)), (234, (28, 28, 28)));
        assert_eq!(nearest((1, 94, 140)), (24, (0, 95, 135)));
    }

    #[test]
    fn the_terminals_own_colours_paint_no_background() {
        for name in THEMES {
            for colours in [Colours::None, Colours::Sixteen] {
                for tone in TONES {
                    let style = Theme { colours, name }.style(tone);
                    assert_eq!(style.bg, Some(Color::Reset));
                    if colours == Colours::None {
                        assert_eq!(style.fg, Some(Color::Reset));
                    }
                }
            }
        }
        for colours in [Colours::Indexed, Colours::True] {
            let style = Theme::terminal(colours).style(Tone::Good);
            assert_eq!(
                (style.fg, style.bg),
                (Some(Color::Green), Some(Color::Reset))
            );
        }
    }

    #[test]
    fn the_levels() {
        let detect = |env: &[(&str, &str)], wanted| {
            let get = |name: &str| {
                env.iter()
                    .find(|(k, _)| *k == name)
                    .map(|(_, v)| (*v).to_owned())
            };
            Colours::detect(get, wanted)
        };
        let auto = ColourLevel::Auto;
        assert_eq!(detect(&[("TERM", "xterm")], auto), Colours::Sixteen);
        assert_eq!(detect(&[("TERM", "linux")], auto), Colours::Sixteen);
        assert_eq!(detect(&[("TERM", "tmux-256color")], auto), Colours::Indexed);
        assert_eq!(detect(&[("TERM", "xterm-direct")], auto), Colours::True);
        let many = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
        assert_eq!(detect(&many, auto), Colours::True);
        assert_eq!(detect(&[("TERM", "vt100")], auto), Colours::None);
        let no = [("TERM", "xterm"), ("COLORTERM", "24bit"), ("NO_COLOR", "1")];
        assert_eq!(detect(&no, auto), Colours::None);
        // NO_COLOR's own rule: what a person configures for one program goes first.
        assert_eq!(detect(&no, ColourLevel::Sixteen), Colours::Sixteen);
        assert_eq!(detect(&many, ColourLevel::None), Colours::None);
    }

    #[test]
    fn the_cycle_visits_every_theme() {
        let mut theme = UiTheme::Terminal;
        let mut seen = vec![];
        for _ in THEMES {
            theme = next_theme(theme);
            seen.push(theme_name(theme));
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), THEMES.len());
        assert_eq!(theme, UiTheme::Terminal);
    }
}
