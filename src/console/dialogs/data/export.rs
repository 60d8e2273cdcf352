//! Where what is shown is written to, and whether a file that is there may be replaced.

use std::path::PathBuf;

use super::super::Reply;
use super::DataReply;
use crate::browse::Format;
use crate::console::browser::ask::ExportPlan;
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::keymap::Chord;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::console::widgets::{TextField, button};
use crate::text::{self, Marks, count};

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportTo {
    field: TextField,
    rows: u64,
    columns: usize,
    wrong: Option<&'static str>,
}

impl ExportTo {
    pub(super) fn new(rows: u64, columns: usize) -> Self {
        Self {
            field: TextField::new(1_000),
            rows,
            columns,
            wrong: None,
        }
    }
    /// What was typed.
    pub(super) fn text(&self) -> String {
        self.field.text()
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        if command != Command::DialogActivate {
            return Reply::Stay;
        }
        let path = PathBuf::from(self.field.text().trim());
        match Format::of(&path) {
            Some(format) => Reply::Data(DataReply::Export(ExportPlan {
                path,
                format,
                overwrite: false,
            })),
            None => {
                self.wrong = Some("The name must end in .csv, .parquet or .ndjson.");
                Reply::Stay
            }
        }
    }
    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        let taken = self.field.key(chord);
        if taken {
            self.wrong = None;
        }
        taken
    }
    pub(super) fn pasted(&mut self, text: &str) {
        self.field.paste(text);
        self.wrong = None;
    }
    pub(super) fn size(&self, width: u16) -> (u16, u16) {
        (width.saturating_sub(4).min(80), 8)
    }
    pub(super) fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let mut inside = canvas.boxed("Export what is shown", "Enter writes  Esc closes");
        let w = inside.width().saturating_sub(2);
        let x = inside.put(1, 1, "File ", Tone::Plain);
        let cursor = self
            .field
            .view(&mut inside, x, 1, w.saturating_sub(x - 1), true);
        let what = format!(
            "{} rows and {} columns, with filter and order as on the screen.",
            count(self.rows),
            count(self.columns as u64)
        );
        inside.put_in(1, 3, w, &what, Tone::Plain);
        match (&model.session.view_only, self.wrong) {
            (Some(why), _) => inside.put_in(1, 4, w, why, Tone::Warn),
            (None, Some(wrong)) => inside.put_in(1, 4, w, wrong, Tone::Bad),
            (None, None) => inside.put_in(
                1,
                4,
                w,
                "The ending says how: .csv, .parquet or .ndjson.",
                Tone::Dim,
            ),
        };
        inside.put_in(
            1,
            5,
            w,
            "It is written beside and renamed; a file that is there is asked for.",
            Tone::Dim,
        );
        cursor
    }
}

/// Asks whether a file may be replaced. The focus starts on no.
#[derive(Clone, Debug, PartialEq)]
pub struct Overwrite {
    plan: ExportPlan,
    yes: bool,
}

impl Overwrite {
    pub(super) fn new(plan: ExportPlan) -> Self {
        Self { plan, yes: false }
    }
    pub(super) fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::DialogNext | Command::DialogPrevious => self.yes = !self.yes,
            Command::DialogDown => self.yes = true,
            Command::DialogUp => self.yes = false,
            Command::DialogActivate if self.yes => {
                let mut plan = self.plan.clone();
                plan.overwrite = true;
                return Reply::Data(DataReply::Export(plan));
            }
            Command::DialogActivate => return Reply::Close,
            _ => {}
        }
        Reply::Stay
    }
    fn question(&self) -> String {
        format!("{} is there already.", self.plan.path.display())
    }
    pub(super) fn size(&self, width: u16) -> (u16, u16) {
        let w = width.saturating_sub(4).min(72);
        let lines = text::wrap(&self.question(), w.saturating_sub(4) as usize, Marks::UTF8);
        (w, lines.len() as u16 + 6)
    }
    pub(super) fn view(&self, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let marks = canvas.glyphs.marks();
        let mut inside = canvas.boxed("Replace the file?", "Esc closes");
        let width = inside.width().saturating_sub(2) as usize;
        let mut y = 1;
        for line in text::wrap(&self.question(), width, marks) {
            inside.put(1, y, &line, Tone::Plain);
            y += 1;
        }
        y += 1;
        let x = button(&mut inside, 1, y, "Keep it", true, !self.yes);
        button(&mut inside, x + 3, y, "Replace it", true, self.yes);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides_and_nothing_is_replaced_by_accident() {
        let mut d = ExportTo::new(1, 1);
        d.pasted("out.txt");
        assert_eq!(d.command(Command::DialogActivate), Reply::Stay);
        assert!(d.wrong.is_some());
        let mut d = ExportTo::new(1, 1);
        d.pasted("out.CSV");
        let Reply::Data(DataReply::Export(plan)) = d.command(Command::DialogActivate) else {
            panic!("a plan");
        };
        assert_eq!((plan.format, plan.overwrite), (Format::Csv, false));
        let mut ask = Overwrite::new(plan);
        assert_eq!(ask.command(Command::DialogActivate), Reply::Close);
        ask.command(Command::DialogNext);
        assert!(matches!(
            ask.command(Command::DialogActivate),
            Reply::Data(DataReply::Export(p)) if p.overwrite
        ));
    }
}
