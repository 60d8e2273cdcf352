//! The link meter: what it shows, and what is done when the link is slow.

use std::time::Duration;

use super::Update;
use crate::console::dialogs::{Dialog, Notice};
use crate::console::glyphs::Glyphs;
use crate::console::link::STALL;
use crate::console::screens::bytes;
use crate::console::theme::{Tone, theme_name};
use crate::text::count;

impl Update<'_> {
    /// A frame was sent.
    pub(super) fn frame(&mut self, sent: usize, took: Duration) {
        if !self.model.link.frame(sent, took, self.now) {
            return;
        }
        let glyphs = &mut self.model.capabilities.glyphs;
        let changed = *glyphs == Glyphs::Braille;
        if changed {
            *glyphs = Glyphs::Block;
        }
        let plots = if changed { ", plots in blocks" } else { "" };
        self.say(
            Tone::Warn,
            format!(
                "The link is slow ({} writes over {} ms): at most 5 frames a second{plots}.",
                self.model.link.stalls,
                STALL.as_millis()
            ),
        );
    }

    /// Shows what the link carries and what the terminal is taken for.
    pub(super) fn show_link(&mut self) {
        let model = &*self.model;
        let (link, c) = (&model.link, &model.capabilities);
        let (w, h) = model.size;
        let mut facts = vec![
            (
                "terminal",
                format!(
                    "{w}x{h}, {}, theme {}, {} glyphs{}",
                    c.colours.name(),
                    theme_name(c.theme),
                    c.glyphs.name(),
                    if c.tmux { ", inside tmux" } else { "" }
                ),
            ),
            ("mouse", if model.mouse { "on" } else { "off" }.to_owned()),
        ];
        match link.since {
            None => facts.push(("frames", "none were drawn".to_owned())),
            Some(since) => {
                let seconds = (self.now - since).num_seconds().max(0);
                facts.push((
                    "frames",
                    format!(
                        "{} in {}:{:02}, the largest {}",
                        count(link.frames),
                        seconds / 60,
                        seconds % 60,
                        bytes(link.largest as u64)
                    ),
                ));
                facts.push((
                    "bytes",
                    format!(
                        "{} in all, {:.0} a second over the last 10 s",
                        bytes(link.bytes),
                        link.rate(self.now)
                    ),
                ));
                facts.push((
                    "stalls",
                    format!(
                        "{} writes over {} ms, the longest {} ms",
                        count(link.stalls),
                        STALL.as_millis(),
                        link.longest.as_millis()
                    ),
                ));
            }
        }
        let pace = if link.slow {
            "at most 5 frames a second, halved because writes stalled"
        } else {
            "at most 10 frames a second for data; keys paint at once"
        };
        facts.push(("pace", pace.to_owned()));
        let notice = Notice::facts("The link to your terminal", facts);
        self.model.dialogs.push(Dialog::Notice(notice));
    }
}
