//! What the work of the Data screen brings back.

use super::Update;
use crate::console::browser::FacetView;
use crate::console::browser::ask::{BrowseDone, BrowseJob};
use crate::console::browser::view::View;
use crate::console::dialogs::{DataDialog, Dialog, Notice};
use crate::console::jobs::JobKey;
use crate::console::screens::bytes;
use crate::console::theme::Tone;
use crate::error::{ErrorKind, ErrorReport};
use crate::text::count;

impl Update<'_> {
    /// A result of the browser. Only the newest asking of its kind counts.
    pub(super) fn browsed(&mut self, number: u64, done: BrowseDone) {
        let browser = &mut self.model.browser;
        let current = browser.active.iter().any(|a| a.asking.number == number);
        browser.active.retain(|a| a.asking.number != number);
        // Rows of a place that the cursor has left meanwhile are still rows of the view.
        let rows = match &done {
            BrowseDone::Rows { selection, .. } => browser
                .selected
                .as_ref()
                .is_some_and(|s| s.selection == *selection),
            _ => false,
        };
        if !current && !rows {
            return;
        }
        match done {
            BrowseDone::Opened {
                opened,
                view,
                selected,
                window,
            } => {
                let notes = opened.notes.clone();
                let fill = opened.partial.then(|| opened.source.clone());
                browser.forget_work();
                browser.refused = None;
                browser.pending = None;
                browser.profiles.clear();
                let facet = browser.facet.take().map(|f| f.facet.column);
                let stayed = browser.replace(*opened, *view);
                browser.selected = Some(selected);
                browser.asked = Default::default();
                browser.take_window(window);
                // What was refused before is no matter any more.
                self.model.said.take_if(|said| said.tone == Tone::Bad);
                // That these are the first rows stands below them.
                if let (Some(note), None) = (notes.first(), &fill) {
                    self.say(Tone::Warn, note.clone());
                }
                self.settle_data();
                if let Some(source) = fill {
                    self.browse(BrowseJob::Fill { source });
                }
                if let (Some(column), true) = (facet, stayed) {
                    self.count_values(column);
                }
            }
            BrowseDone::Filled { source, table } => self.show_filled(source, table),
            BrowseDone::Selected {
                view,
                keep,
                selected,
                window,
            } => {
                browser.forget_work();
                browser.pending = None;
                browser.facet = None;
                if keep {
                    browser.keep_view();
                    // Columns may have been moved meanwhile: only the rows are others.
                    let View {
                        base,
                        filter,
                        sort,
                        row,
                        top,
                        ..
                    } = *view;
                    browser.view = View {
                        base,
                        filter,
                        sort,
                        row,
                        top,
                        ..browser.view.clone()
                    };
                } else {
                    browser.view = *view;
                }
                browser.selected = Some(selected);
                browser.asked = Default::default();
                browser.take_window(window);
                self.settle_data();
            }
            BrowseDone::Rows { window, .. } => {
                browser.take_window(window);
                self.settle_data();
            }
            BrowseDone::Facet(facet) => browser.facet = Some(FacetView { facet, cursor: 0 }),
            BrowseDone::Profile(profile) => browser.keep_profile(profile),
            BrowseDone::Found(Some(row)) => {
                browser.view.row = row;
                self.settle_data();
            }
            BrowseDone::Found(None) => {
                let text = browser.find.clone();
                self.say(
                    Tone::Plain,
                    format!("\"{text}\" stands nowhere further in the columns shown."),
                );
            }
            BrowseDone::Record(record) => {
                let dialog = DataDialog::record(*record);
                // The next row takes the place of the one before.
                if let Some(Dialog::Data(DataDialog::Record(_))) = self.model.dialogs.last() {
                    self.model.dialogs.pop();
                }
                self.model.dialogs.push(Dialog::Data(dialog));
            }
            BrowseDone::Whole(text) => self.send_cell(&text),
            BrowseDone::Exported {
                path,
                rows,
                bytes: n,
            } => {
                let path = path.display();
                let (part, tone) = match browser.is_partial() {
                    true => (", of the first rows only", Tone::Warn),
                    false => ("", Tone::Good),
                };
                self.say(
                    tone,
                    format!("{path}: {} rows{part}, {}.", count(rows), bytes(n)),
                );
            }
            BrowseDone::Exists(plan) => {
                let dialog = DataDialog::overwrite(plan);
                self.model.dialogs.push(Dialog::Data(dialog));
            }
            BrowseDone::Proposals(found) => {
                browser.proposals = found;
                if let Some(Dialog::Data(DataDialog::Open(open))) = self.model.dialogs.last_mut() {
                    open.offer(&self.model.browser.proposals);
                }
            }
        }
    }

    /// Whether work of this kind is the browser's.
    pub(super) fn of_browser(&self, key: JobKey) -> bool {
        match key {
            JobKey::Select
            | JobKey::Fill
            | JobKey::Rows
            | JobKey::Look
            | JobKey::Profile
            | JobKey::Export
            | JobKey::Proposals => true,
            JobKey::Runs
            | JobKey::Plans
            | JobKey::Health
            | JobKey::Sync
            | JobKey::Compare
            | JobKey::Findings
            | JobKey::Slices
            | JobKey::Desk
            | JobKey::Hands
            | JobKey::Seen
            | JobKey::Action => false,
        }
    }

    /// Work of the browser that failed, or was ended.
    pub(super) fn not_browsed(&mut self, key: JobKey, error: ErrorReport) {
        // A newer one of its kind is at work already: this one was replaced.
        if self.model.jobs.busy(key) {
            return;
        }
        let browser = &mut self.model.browser;
        let waited = browser.active.iter().any(|a| a.key == key);
        browser.active.retain(|a| a.key != key);
        if key == JobKey::Select {
            browser.pending = None;
        }
        if !waited || error.kind == ErrorKind::Cancelled {
            return;
        }
        match key {
            JobKey::Select if browser.opened.is_none() => {
                browser.refused = Some(error.clone());
                self.say(Tone::Bad, error.message.clone());
                self.model.last_error = Some(error);
            }
            JobKey::Select | JobKey::Fill | JobKey::Look | JobKey::Export => {
                let title = match key {
                    JobKey::Export => "Not exported",
                    JobKey::Fill => "Not read to its end",
                    _ => "Not shown",
                };
                let notice = Notice::error(title, &error);
                self.model.dialogs.push(Dialog::Notice(notice));
                self.say(Tone::Bad, format!("{title}: {}", error.message));
                self.model.last_error = Some(error);
            }
            _ => {
                // Asked again when the cursor moves, and not before.
                browser.asked = Default::default();
                self.say(Tone::Bad, error.message.clone());
                self.model.last_error = Some(error);
            }
        }
    }
}
