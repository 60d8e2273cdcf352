//! What the Validate screen's commands do.

use std::sync::Arc;

use super::Update;
use super::data::RowsWanted;
use crate::browse::Part;
use crate::console::browser::ask::Source;
use crate::console::clipboard;
use crate::console::commands::Screen;
use crate::console::dialogs::{Acknowledge, Dialog};
use crate::console::effect::Effect;
use crate::console::jobs::Job;
use crate::console::theme::Tone;
use crate::console::validation::{Section, Slicing, StopSlicing, ValidationView};
use crate::error::ErrorReport;
use crate::findings::RowsBehind;
use crate::findings::{Acknowledgement, Findings, Slices};
use crate::runs::RunId;

impl Update<'_> {
    pub(super) fn go_validation(&mut self) {
        self.model.screen = Screen::Validation;
        self.look_at_findings();
    }

    /// Asks for the findings of the run on screen, while this screen shows them.
    pub(super) fn look_at_findings(&mut self) {
        if self.model.screen != Screen::Validation {
            return;
        }
        let Some(run) = self.open_id() else {
            return;
        };
        let view = &mut self.model.validation;
        if view.asked.as_ref() != Some(&run) {
            stop_slicing(view);
            *view = ValidationView {
                asked: Some(run.clone()),
                all: view.all,
                order: view.order,
                ..ValidationView::default()
            };
        }
        self.submit(Job::Findings(run));
    }

    pub(super) fn findings_read(&mut self, found: Arc<Findings>) {
        let view = &mut self.model.validation;
        if view.asked.as_ref() != Some(&found.run) {
            return;
        }
        let under = view.chosen().map(|f| f.id.clone());
        view.refused = None;
        view.found = Some(found);
        view.seek(under.as_deref());
    }

    pub(super) fn findings_refused(&mut self, error: &ErrorReport) {
        let view = &mut self.model.validation;
        view.found = None;
        view.refused = Some(error.message.clone());
    }

    pub(super) fn step_validation(&mut self, by: isize) {
        let view = &mut self.model.validation;
        match view.section {
            Section::Problems => {
                let last = view.rows().len().saturating_sub(1);
                let to = view.cursor.min(last).saturating_add_signed(by).min(last);
                if to != view.cursor {
                    view.cursor = to;
                    view.first = 0;
                    stop_slicing(view);
                }
            }
            // The screen clamps: only it knows how many lines a part has.
            Section::Detail | Section::Labels | Section::Changes => {
                view.first = view.first.saturating_add_signed(by).min(LINES);
            }
        }
    }

    /// Into the detail of the finding under the cursor, or back to the list.
    pub(super) fn finding_detail(&mut self) {
        let view = &mut self.model.validation;
        match view.section {
            Section::Problems => self.show_section(Section::Detail),
            _ => self.show_section(Section::Problems),
        }
    }

    pub(super) fn next_section(&mut self, by: usize) {
        let section = self.model.validation.section.step(by);
        self.show_section(section);
    }

    fn show_section(&mut self, section: Section) {
        let view = &mut self.model.validation;
        view.section = section;
        view.first = 0;
        if section == Section::Detail {
            self.look_for_slices();
        } else {
            stop_slicing(view);
        }
    }

    /// Esc: from a search or a part back to the list; `false` when it was there already.
    pub(super) fn leave_section(&mut self) -> bool {
        let view = &mut self.model.validation;
        if self.model.screen != Screen::Validation {
            return false;
        }
        if view.slicing.is_some() {
            stop_slicing(view);
            self.say(Tone::Plain, "Stopped looking for slices.");
            return true;
        }
        if view.section == Section::Problems {
            return false;
        }
        view.section = Section::Problems;
        view.first = 0;
        true
    }

    /// Looks for the slices of the drift under the cursor; what was found before is kept.
    fn look_for_slices(&mut self) {
        let view = &mut self.model.validation;
        let (Some(run), Some(column)) = (view.asked.clone(), view.sliceable().map(str::to_owned))
        else {
            return;
        };
        if view.slices.contains_key(&column)
            || view.slicing.as_ref().is_some_and(|s| s.column == column)
        {
            return;
        }
        stop_slicing(view);
        let slicing = Slicing {
            run,
            column,
            stop: StopSlicing::default(),
        };
        view.slicing = Some(slicing.clone());
        self.submit(Job::Slices(slicing));
    }

    pub(super) fn sliced(&mut self, of: &Slicing, result: Result<Slices, String>) {
        let view = &mut self.model.validation;
        if view.slicing.as_ref() == Some(of) {
            view.slicing = None;
        }
        if view.asked.as_ref() == Some(&of.run) && !of.stop.is_stopped() {
            view.slices.insert(of.column.clone(), result);
        }
    }

    pub(super) fn sort_findings(&mut self) {
        self.rearrange(|view| view.order = view.order.next());
        let order = self.model.validation.order;
        let without = order == crate::console::validation::Order::Importance
            && self
                .model
                .validation
                .found
                .as_ref()
                .is_some_and(|f| f.important_columns == 0);
        if without {
            self.say(
                Tone::Plain,
                "The run has no model yet whose importances could order the columns.",
            );
        } else {
            self.say(Tone::Plain, format!("Findings {}.", order.title()));
        }
    }

    pub(super) fn toggle_problems(&mut self) {
        self.rearrange(|view| view.all = !view.all);
    }

    /// Changes the list; the cursor stays on its finding.
    fn rearrange(&mut self, change: impl FnOnce(&mut ValidationView)) {
        let view = &mut self.model.validation;
        let under = view.chosen().map(|f| f.id.clone());
        change(view);
        view.seek(under.as_deref());
        if view.chosen().map(|f| f.id.as_str()) != under.as_deref() {
            view.first = 0;
            stop_slicing(view);
        }
    }

    pub(super) fn ask_acknowledge(&mut self) {
        let view = &self.model.validation;
        let (Some(run), Some(finding)) = (&view.asked, view.chosen()) else {
            return;
        };
        let dialog = Acknowledge::new(run.clone(), finding);
        self.model.dialogs.push(Dialog::Acknowledge(dialog));
    }

    pub(super) fn acknowledged(&mut self, run: &RunId, note: &Acknowledgement) {
        self.say(
            Tone::Good,
            format!("{} of run {} is acknowledged.", note.check, run.short()),
        );
        self.look_at_findings();
        // The evidence of a plan names who has taken note of what.
        self.submit(Job::Plans);
    }

    /// Sends the finding under the cursor to the clipboard, as a line for a ticket.
    pub(super) fn copy_finding(&mut self) {
        let view = &self.model.validation;
        let (Some(run), Some(finding)) = (&view.asked, view.chosen()) else {
            return;
        };
        let text = format!(
            "{} {} (limit {}) {} in run {run}: {}",
            finding.id,
            finding.observed,
            finding.limit,
            finding.standing.word(),
            finding.text
        );
        match clipboard::sequence(&text, self.model.capabilities.tmux) {
            Some(bytes) => {
                self.effects.push(Effect::Send(bytes));
                self.say(Tone::Good, "Sent the finding to your terminal's clipboard.");
            }
            None => self.say(Tone::Warn, "Too long for the terminal's clipboard."),
        }
    }

    /// Opens the rows behind the finding under the cursor; where nothing tells them apart, all
    /// that were judged, at its column.
    pub(super) fn finding_rows(&mut self) {
        let view = &self.model.validation;
        let (Some(found), Some(finding)) = (&view.found, view.chosen()) else {
            return;
        };
        let (run, at) = (found.run.clone(), finding.column.clone());
        let rows = found.rows_behind(finding).unwrap_or_else(|| RowsBehind {
            title: format!("{}: no condition tells its rows, all are here", finding.id),
            filter: Some(String::new()),
            rows: Vec::new(),
            quarantined: false,
        });
        // Those that were judged are the run's train and test rows.
        let (part, wanted) = match (rows.filter, rows.quarantined) {
            (_, true) => (Part::Quarantine, RowsWanted::All),
            (Some(filter), false) => (Part::All, RowsWanted::Filter(filter)),
            (None, false) => (Part::All, RowsWanted::Numbers(rows.rows)),
        };
        self.open_rows(Source::Part(run, part), wanted, &rows.title, at);
    }
}

/// More lines than any part has.
const LINES: usize = 10_000;

/// A search that nobody waits for ends.
fn stop_slicing(view: &mut ValidationView) {
    if let Some(slicing) = view.slicing.take() {
        slicing.stop.stop();
    }
}
