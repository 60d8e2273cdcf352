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
        let mut lines = vec![
            format!(
                "terminal    {w}x{h}, {}, theme {}, {} glyphs{}",
                c.colours.name(),
                theme_name(c.theme),
                c.glyphs.name(),
                if c.tmux { ", inside tmux" } else { "" }
            ),
            format!("mouse       {}", if model.mouse { "on" } else { "off" }),
        ];
        match link.since {
            None => lines.push("frames      none were drawn".to_owned()),
            Some(since) => {
                let seconds = (self.now - since).num_seconds().max(0);
                lines.push(format!(
                    "frames      {} in {}:{:02}, the largest {}",
                    count(link.frames),
                    seconds / 60,
                    seconds % 60,
                    bytes(link.largest as u64)
                ));
                lines.push(format!(
                    "bytes       {} in all, {:.0} a second over the last 10 s",
                    bytes(link.bytes),
                    link.rate(self.now)
                ));
                lines.push(format!(
                    "stalls      {} writes over {} ms, the longest {} ms",
                    count(link.stalls),
                    STALL.as_millis(),
                    link.longest.as_millis()
                ));
            }
        }
        lines.push(if link.slow {
            "pace        at most 5 frames a second, halved because writes stalled".to_owned()
        } else {
            "pace        at most 10 frames a second for data; keys paint at once".to_owned()
        });
        let notice = Notice::receipt("The link to your terminal", &lines);
        self.model.dialogs.push(Dialog::Notice(notice));
    }
}
