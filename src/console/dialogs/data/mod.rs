//! Dialogs of the Data screen: filter line, find, open, columns, export, one row.

mod columns;
mod export;
mod filter;
mod line;
mod open;
mod record;

pub use columns::ChooseColumns;
pub use export::{ExportTo, Overwrite};
pub use filter::FilterLine;
pub use line::FindText;
pub use open::OpenTable;
pub use record::RecordView;

use super::Reply;
use super::told::{Part, PartKind, Told};
use crate::console::browser::ask::{ColumnHead, ExportPlan, Proposal, Record};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::keymap::Chord;
use crate::console::model::Model;

/// A dialog of the Data screen.
#[derive(Clone, Debug, PartialEq)]
pub enum DataDialog {
    /// The filter line.
    Filter(FilterLine),
    /// A text to find.
    Find(FindText),
    /// What to open.
    Open(OpenTable),
    /// Which columns, in which order.
    Columns(ChooseColumns),
    /// Where to export to.
    Export(ExportTo),
    /// Whether a file may be replaced.
    Overwrite(Overwrite),
    /// One row with all its columns.
    Record(RecordView),
}

/// What a dialog of the Data screen wants.
#[derive(Clone, Debug, PartialEq)]
pub enum DataReply {
    /// This filter; empty shows all rows.
    Filter(String),
    /// The next row with this text.
    Find(String),
    /// This table.
    Open(String),
    /// These columns.
    Columns(Vec<usize>),
    /// This file.
    Export(ExportPlan),
    /// Another row.
    Record(u64),
}

impl DataDialog {
    /// The filter line with `text`; `wrong` says what is wrong with it.
    pub fn filter(
        text: &str,
        heads: &[ColumnHead],
        history: &[String],
        wrong: Option<&(String, String)>,
    ) -> Self {
        let wrong = wrong.map(|(_, why)| why.as_str());
        DataDialog::Filter(FilterLine::new(text, heads, history, wrong))
    }
    /// A text to find; `now` is the one of last time.
    pub fn find(now: &str) -> Self {
        DataDialog::Find(FindText::new(now))
    }
    /// What to open, with proposals.
    pub fn open(proposals: &[Proposal]) -> Self {
        DataDialog::Open(OpenTable::new(proposals))
    }
    /// The columns of a table; `shown` ones in their order, the cursor on `here`.
    pub fn columns(names: Vec<String>, shown: &[usize], here: Option<usize>) -> Self {
        DataDialog::Columns(ChooseColumns::new(names, shown, here))
    }
    /// Where to export so many rows and columns to.
    pub fn export(rows: u64, columns: usize) -> Self {
        DataDialog::Export(ExportTo::new(rows, columns))
    }
    /// Whether a file may be replaced.
    pub fn overwrite(plan: ExportPlan) -> Self {
        DataDialog::Overwrite(Overwrite::new(plan))
    }
    /// One row.
    pub fn record(record: Record) -> Self {
        DataDialog::Record(RecordView::new(record))
    }

    pub(super) fn command(&mut self, command: Command) -> Reply {
        match self {
            DataDialog::Filter(d) => d.command(command),
            DataDialog::Find(d) => d.command(command),
            DataDialog::Open(d) => d.command(command),
            DataDialog::Columns(d) => d.command(command),
            DataDialog::Export(d) => d.command(command),
            DataDialog::Overwrite(d) => d.command(command),
            DataDialog::Record(d) => d.command(command),
        }
    }
    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        match self {
            DataDialog::Filter(d) => d.typed(chord),
            DataDialog::Find(d) => d.field.key(chord),
            DataDialog::Open(d) => d.typed(chord),
            DataDialog::Columns(d) => d.typed(chord),
            DataDialog::Export(d) => d.typed(chord),
            DataDialog::Overwrite(_) | DataDialog::Record(_) => false,
        }
    }
    pub(super) fn pasted(&mut self, text: &str) -> bool {
        match self {
            DataDialog::Filter(d) => d.pasted(text),
            DataDialog::Find(d) => d.field.paste(text),
            DataDialog::Open(d) => d.pasted(text),
            DataDialog::Columns(d) => d.pasted(text),
            DataDialog::Export(d) => d.pasted(text),
            DataDialog::Overwrite(_) | DataDialog::Record(_) => return false,
        }
        true
    }
    /// In words, those with one field; the others are told as they are drawn.
    pub(super) fn told(&self) -> Option<Told> {
        let (title, label, text) = match self {
            DataDialog::Filter(d) => ("Filter the rows", "filter", d.text()),
            DataDialog::Find(d) => ("Find in the columns shown", "text", d.field.text()),
            DataDialog::Open(d) => ("Open", "file, run or collection", d.text()),
            DataDialog::Export(d) => ("Export what is shown", "file", d.text()),
            DataDialog::Columns(_) | DataDialog::Overwrite(_) | DataDialog::Record(_) => {
                return None;
            }
        };
        let wrong = match self {
            DataDialog::Filter(d) => d.wrong(),
            _ => None,
        };
        Some(Told {
            title: title.to_owned(),
            lines: wrong.into_iter().collect(),
            parts: vec![Part {
                label: label.to_owned(),
                kind: PartKind::Field { text, acts: true },
                focused: true,
            }],
        })
    }
    pub(super) fn size(&self, width: u16, height: u16) -> (u16, u16) {
        match self {
            DataDialog::Filter(d) => d.size(width),
            DataDialog::Find(d) => d.size(width),
            DataDialog::Open(d) => d.size(width, height),
            DataDialog::Columns(d) => d.size(width, height),
            DataDialog::Export(d) => d.size(width),
            DataDialog::Overwrite(d) => d.size(width),
            DataDialog::Record(_) => (width.saturating_sub(4).min(110), height),
        }
    }
    pub(super) fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        match self {
            DataDialog::Filter(d) => d.view(canvas),
            DataDialog::Find(d) => d.view(canvas),
            DataDialog::Open(d) => d.view(canvas),
            DataDialog::Columns(d) => d.view(canvas),
            DataDialog::Export(d) => d.view(model, canvas),
            DataDialog::Overwrite(d) => d.view(canvas),
            DataDialog::Record(d) => d.view(canvas),
        }
    }
}
