//! What the terminal can show, from the environment and the configuration alone. The terminal is
//! never asked: answers arrive late over SSH and become keystrokes.

use super::glyphs::Glyphs;
use super::theme::Colours;
use crate::config::{GlyphSet, UiConfig, UiTheme};

/// Colours and glyphs in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Colour level.
    pub colours: Colours,
    /// Theme.
    pub theme: UiTheme,
    /// Glyph set.
    pub glyphs: Glyphs,
    /// Whether tmux stands between the console and the terminal.
    pub tmux: bool,
}

impl Capabilities {
    /// Decides from environment variables and `[ui]`.
    pub fn detect(variable: impl Fn(&str) -> Option<String>, ui: &UiConfig) -> Self {
        let set = |name: &str| variable(name).filter(|v| !v.is_empty());
        let term = set("TERM").unwrap_or_default();
        let colours = Colours::detect(&variable, ui.colours);
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"))
            .unwrap_or_default()
            .to_ascii_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let glyphs = match ui.glyphs {
            GlyphSet::Braille => Glyphs::Braille,
            GlyphSet::Block => Glyphs::Block,
            GlyphSet::Ascii => Glyphs::Ascii,
            // The Linux console has a font of 256 or 512 glyphs, without braille.
            GlyphSet::Auto if utf8 && term == "linux" => Glyphs::Block,
            GlyphSet::Auto if utf8 => Glyphs::Braille,
            GlyphSet::Auto => Glyphs::Ascii,
        };
        Self {
            colours,
            theme: ui.theme,
            glyphs,
            tmux: set("TMUX").is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(env: &[(&str, &str)], glyphs: GlyphSet) -> Capabilities {
        let ui = UiConfig {
            glyphs,
            ..UiConfig::default()
        };
        let env: Vec<(String, String)> = env
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Capabilities::detect(
            |name| env.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()),
            &ui,
        )
    }

    #[test]
    fn locale_and_term_decide() {
        let c = detect(
            &[("TERM", "xterm-256color"), ("LANG", "de_DE.UTF-8")],
            GlyphSet::Auto,
        );
        assert_eq!((c.colours, c.glyphs), (Colours::Indexed, Glyphs::Braille));
        let c = detect(
            &[
                ("TERM", "xterm"),
                ("LANG", "de_DE.UTF-8"),
                ("LC_ALL", "C"),
                ("NO_COLOR", "1"),
            ],
            GlyphSet::Auto,
        );
        assert_eq!((c.colours, c.glyphs), (Colours::None, Glyphs::Ascii));
        let c = detect(&[("TERM", "linux"), ("LC_CTYPE", "C.utf8")], GlyphSet::Auto);
        assert_eq!(c.glyphs, Glyphs::Block);
        let c = detect(&[("TERM", "vt220"), ("NO_COLOR", "")], GlyphSet::Braille);
        assert_eq!((c.colours, c.glyphs), (Colours::None, Glyphs::Braille));
    }
}
