//! What the Data screen's commands do: they change the view and ask for what it needs.

use super::Update;
use crate::browse::{Cancel, Part, Table};
use crate::console::browser::Active;
use crate::console::browser::ask::{
    Asking, BrowseJob, ExportPlan, Handle, Source, Wanted, next_part,
};
use crate::console::browser::view::{Base, View, WIDTHS};
use crate::console::clipboard;
use crate::console::commands::{Command, Screen};
use crate::console::dialogs::{DataDialog, DataReply, Dialog};
use crate::console::effect::Effect;
use crate::console::jobs::{Job, JobKey};
use crate::console::theme::Tone;
use crate::dataset::ROW_COLUMN;
use crate::text::count;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Row numbers that fit into one filter.
const MOST_NUMBERS: usize = 1_500;
/// Until slow work is said, and between two looks at it.
const LOOKS: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(200)];

/// Which rows another screen wants to show.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RowsWanted {
    /// Those that satisfy a filter.
    Filter(String),
    /// All there are.
    All,
    /// Those with these numbers in the source.
    Numbers(Vec<u64>),
}

impl Update<'_> {
    /// Shows the screen; opens the rows of the run on screen unless something else is open.
    pub(super) fn go_data(&mut self) {
        self.model.screen = Screen::Data;
        let browser = &self.model.browser;
        if !browser.own && browser.opened.is_some() {
            return;
        }
        let Some(run) = self.open_id() else {
            return;
        };
        let shown = browser.opened.as_ref().map(|o| &o.source);
        if matches!(shown, Some(Source::Part(id, _)) if *id == run) {
            return;
        }
        self.model.browser.own = true;
        self.open_source(Source::Part(run, Part::Test), Wanted::default());
    }

    /// Opens rows for another screen: a place, which of its rows, what they are, and the column
    /// that it is about.
    pub(super) fn open_rows(
        &mut self,
        place: Source,
        rows: RowsWanted,
        title: &str,
        at: Option<String>,
    ) {
        let filter = match rows {
            RowsWanted::All => String::new(),
            RowsWanted::Filter(filter) => filter,
            RowsWanted::Numbers(mut numbers) => {
                numbers.truncate(MOST_NUMBERS);
                let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
                format!("{ROW_COLUMN} in ({})", numbers.join(", "))
            }
        };
        let base = Base {
            title: title.to_owned(),
            filter,
        };
        self.model.screen = Screen::Data;
        self.model.browser.own = false;
        let wanted = Wanted {
            base: Some(base),
            at,
            ..Wanted::default()
        };
        self.open_source(place, wanted);
    }

    /// Rows that are read with a table.
    fn rows_to_read(&self) -> usize {
        self.model
            .browser
            .areas(self.model.size)
            .map_or(40, |a| 4 * usize::from(a.rows))
    }

    /// The whole table is there of which the first rows are shown: shows it as these are.
    pub(super) fn show_filled(&mut self, source: Source, table: Handle<Table>) {
        let browser = &self.model.browser;
        let newest = browser.newest_view();
        let wanted = Wanted {
            base: newest.base.clone(),
            first: match newest.same_rows(&browser.view) {
                true => browser.window.first,
                false => 0,
            },
            ..browser.wanted_in(&newest)
        };
        let rows = self.rows_to_read();
        self.browse(BrowseJob::Show {
            source,
            table,
            wanted,
            rows,
        });
    }

    /// Counts the values of a column.
    pub(super) fn count_values(&mut self, column: usize) {
        let browser = &self.model.browser;
        if let (Some(opened), Some(selected)) = (&browser.opened, &browser.selected) {
            let job = BrowseJob::Facet {
                table: opened.table.clone(),
                selection: selected.selection.clone(),
                column,
            };
            self.browse(job);
        }
    }

    fn open_source(&mut self, source: Source, wanted: Wanted) {
        self.model.browser.end(JobKey::Fill);
        let rows = self.rows_to_read();
        self.browse(BrowseJob::Open {
            source,
            wanted,
            rows,
        });
    }

    /// Hands in work of the browser. What it replaces is ended, but for reading rows: those are
    /// soon there, and a key held down would show nothing if each row ended the one before.
    pub(super) fn browse(&mut self, job: BrowseJob) {
        let browser = &mut self.model.browser;
        let key = job.key();
        browser.askings += 1;
        let asking = Asking {
            number: browser.askings,
            cancel: Cancel::new(),
            percent: Default::default(),
        };
        if key != JobKey::Rows {
            for former in browser.active.iter().filter(|a| a.key == key) {
                former.asking.cancel.cancel();
            }
        }
        browser.active.retain(|a| a.key != key);
        browser.active.push(Active {
            key,
            asking: asking.clone(),
            doing: job.doing(),
            percent: 0,
            since: self.now,
        });
        if !std::mem::replace(&mut browser.waking, true) {
            self.effects.push(Effect::Wake(LOOKS[0]));
        }
        self.model.dirty = true;
        self.submit(Job::Browse(asking, Box::new(job)));
    }

    /// Looks again at work that takes long.
    pub(super) fn look_at_work(&mut self) {
        let browser = &mut self.model.browser;
        browser.waking = !browser.active.is_empty();
        if browser.waking {
            browser.tick = Some(self.now);
            for active in &mut browser.active {
                active.percent = active.asking.percent.load(Ordering::Relaxed);
            }
            self.effects.push(Effect::Wake(LOOKS[1]));
            self.model.dirty |= self.model.screen == Screen::Data && browser.working().is_some();
        }
    }

    /// Ends the work that is going on; returns whether there was any.
    fn cancel_browsing(&mut self) -> bool {
        let browser = &mut self.model.browser;
        // What comes by itself is no work that somebody waits for, and the rest of a table is
        // waited for last.
        let waited = |a: &Active| {
            !matches!(
                a.key,
                JobKey::Rows | JobKey::Profile | JobKey::Proposals | JobKey::Fill
            )
        };
        let Some(doing) = browser.active.iter().find(|a| waited(a)).map(|a| a.doing) else {
            return self.cancel_filling();
        };
        for active in browser.active.iter().filter(|a| waited(a)) {
            active.asking.cancel.cancel();
        }
        browser.active.retain(|a| !waited(a));
        browser.pending = None;
        self.say(Tone::Warn, format!("Cancelled {doing}."));
        true
    }

    /// Quits; while a file is being written only when asked twice, for then there will be none.
    pub(super) fn quit(&mut self) {
        let browser = &mut self.model.browser;
        let export = browser.active.iter().find(|a| a.key == JobKey::Export);
        if let Some(number) = export.map(|a| a.asking.number)
            && browser.warned_of.replace(number) != Some(number)
        {
            let key = self.model.keymap.first(Command::Quit);
            let key = key.map_or("-".to_owned(), |k| k.to_string());
            return self.say(
                Tone::Warn,
                format!("An export is being written: {key} again ends it, and no file is left."),
            );
        }
        browser.end(JobKey::Export);
        self.model.quit = true;
    }

    fn cancel_filling(&mut self) -> bool {
        let browser = &mut self.model.browser;
        if !browser.is_at(JobKey::Fill) {
            return false;
        }
        browser.end(JobKey::Fill);
        let rows = browser.rows_told();
        self.say(
            Tone::Warn,
            format!("Not read further: {rows} are here. Opened again, it is read from the start."),
        );
        true
    }

    /// Esc: ends work, then the facet, then leaves. Returns whether there was something to end.
    pub(super) fn back_data(&mut self) -> bool {
        if self.model.screen != Screen::Data {
            return false;
        }
        if self.cancel_browsing() {
            return true;
        }
        self.model.browser.facet.take().is_some()
    }

    /// Moves the cursor by rows, or by values of a facet.
    pub(super) fn step_data(&mut self, by: isize) {
        let browser = &mut self.model.browser;
        if let Some(facet) = &mut browser.facet {
            let last = facet.facet.values.len().saturating_sub(1);
            facet.cursor = facet.cursor.saturating_add_signed(by).min(last);
            return;
        }
        let view = &mut browser.view;
        view.row = view.row.saturating_add_signed(by as i64);
        self.settle_data();
    }

    /// Moves the cursor by what fits on the screen.
    pub(super) fn page_data(&mut self, down: bool) {
        let rows = self
            .model
            .browser
            .areas(self.model.size)
            .map_or(10, |a| isize::try_from(a.rows).unwrap_or(10));
        if self.model.browser.facet.is_some() {
            return self.step_data(if down { rows } else { -rows });
        }
        // The whole window turns the page, so that the cursor keeps its place on the screen.
        let by = rows as i64;
        let view = &mut self.model.browser.view;
        let by = if down { by } else { -by };
        view.row = view.row.saturating_add_signed(by);
        view.top = view.top.saturating_add_signed(by);
        let last = self.model.browser.rows().saturating_sub(rows as u64);
        let view = &mut self.model.browser.view;
        view.top = view.top.min(last);
        self.settle_data();
    }

    /// Brings the cursor onto the screen and asks for the rows there.
    pub(super) fn settle_data(&mut self) {
        let size = self.model.size;
        let range = self.model.browser.settle(size);
        let browser = &self.model.browser;
        if let (Some(range), Some(opened), Some(selected)) =
            (range, &browser.opened, &browser.selected)
        {
            let job = BrowseJob::Rows {
                table: opened.table.clone(),
                selection: selected.selection.clone(),
                range,
            };
            self.browse(job);
        }
        self.profile_data(false);
    }

    /// Profiles the column under the cursor for the pane beside the rows.
    fn profile_data(&mut self, asked: bool) {
        let browser = &self.model.browser;
        let (Some(opened), Some(selected), Some(column)) =
            (&browser.opened, &browser.selected, browser.view.column())
        else {
            return;
        };
        let large = selected.rows > crate::console::browser::PROFILED_BY_ITSELF;
        let known = browser.profile().is_some() || browser.facet.is_some();
        let running = browser.profiling == Some(column)
            && browser.active.iter().any(|a| a.key == JobKey::Profile);
        if !browser.has_pane(self.model.size) || known || running || (large && !asked) {
            return;
        }
        let job = BrowseJob::Profile {
            table: opened.table.clone(),
            selection: selected.selection.clone(),
            column,
            condition: browser.view.condition(),
        };
        self.model.browser.profiling = Some(column);
        self.browse(job);
    }

    /// Shows a changed view: at once when the rows are the same, else after they were found.
    pub(super) fn show_view(&mut self, view: View, keep: bool) {
        let size = self.model.size;
        let browser = &mut self.model.browser;
        if view.same_rows(&browser.view) && browser.pending.is_none() {
            if keep {
                browser.keep_view();
            }
            browser.view = view;
            return self.settle_data();
        }
        let Some(opened) = &browser.opened else {
            return;
        };
        let job = BrowseJob::Select {
            table: opened.table.clone(),
            range: browser.first_range(size, &view),
            view: Box::new(view.clone()),
            keep,
        };
        self.model.browser.pending = Some(view);
        self.browse(job);
    }

    /// Changes the view and shows it.
    fn change_view(&mut self, change: impl FnOnce(&mut View)) {
        // Two keys in a row: the second goes on from what the first has asked for.
        let before = self.model.browser.newest_view();
        let mut view = before.clone();
        change(&mut view);
        if view == before {
            return;
        }
        if !view.same_rows(&before) {
            view.rewind();
        }
        self.show_view(view, true);
    }

    fn undo_view(&mut self) {
        let browser = &mut self.model.browser;
        if browser.facet.take().is_some() {
            return;
        }
        if browser.pending.is_some() {
            self.cancel_browsing();
            return;
        }
        let Some((view, selected)) = browser.stack.pop() else {
            return;
        };
        if let (Some(selected), false) = (selected, view.same_rows(&browser.view)) {
            browser.selected = Some(selected);
            browser.view = view;
            browser.window = Default::default();
            browser.asked = Default::default();
            return self.settle_data();
        }
        self.show_view(view, false);
    }

    /// One arm for each command of the screen.
    pub(super) fn data_command(&mut self, command: Command) {
        let size = self.model.size;
        let browser = &mut self.model.browser;
        let column = browser.view.column();
        match command {
            Command::DataDetails => self.details(),
            Command::DataOpen => {
                let dialog = DataDialog::open(&self.model.browser.proposals);
                self.model.dialogs.push(Dialog::Data(dialog));
                self.browse(BrowseJob::Proposals);
            }
            Command::DataPart => self.next_part(),
            Command::DataLeft => {
                browser.view.col = browser.view.col.saturating_sub(1);
                self.settle_data();
            }
            Command::DataRight => {
                browser.view.col += 1;
                self.settle_data();
            }
            Command::DataFirstColumn => {
                browser.view.col = 0;
                self.settle_data();
            }
            Command::DataLastColumn => {
                browser.view.col = usize::MAX;
                self.settle_data();
            }
            Command::DataFreeze => {
                browser.view.freeze();
                self.settle_data();
            }
            Command::DataNarrower | Command::DataWider => {
                if let Some(column) = column {
                    let now = browser.width(column);
                    let new = match command {
                        Command::DataWider => now.saturating_add(2),
                        _ => now.saturating_sub(2),
                    };
                    let new = new.clamp(WIDTHS.0, WIDTHS.1);
                    browser.view.widths.insert(column, new);
                    self.settle_data();
                }
            }
            Command::DataHide => {
                let mut view = browser.view.clone();
                if view.hide() {
                    self.show_view(view, true);
                }
            }
            Command::DataColumnLeft | Command::DataColumnRight => {
                let by = if command == Command::DataColumnLeft {
                    -1
                } else {
                    1
                };
                let view = &mut browser.view;
                let to = view.col.saturating_add_signed(by);
                if to < view.columns.len() {
                    view.columns.swap(view.col, to);
                    view.col = to;
                }
                self.settle_data();
            }
            Command::DataColumns => {
                if let Some(opened) = &browser.opened {
                    let names = opened.columns.iter().map(|c| c.name.clone()).collect();
                    let dialog = DataDialog::columns(names, &browser.view.columns, column);
                    self.model.dialogs.push(Dialog::Data(dialog));
                }
            }
            Command::DataSort | Command::DataSortAlso => {
                if let Some(column) = column {
                    self.change_view(|view| match command {
                        Command::DataSort => view.cycle_sort(column),
                        _ => view.add_sort(column),
                    });
                }
            }
            Command::DataFilter => self.ask_filter(None),
            Command::DataSame => self.same_value(),
            Command::DataFacet => {
                if let Some(column) = column {
                    self.count_values(column);
                }
            }
            Command::DataProfile => {
                let shown = browser.has_pane(size);
                let late = shown && browser.profile().is_none();
                if late {
                    return self.profile_data(true);
                }
                browser.pane = Some(!shown);
                self.settle_data();
                self.profile_data(true);
            }
            Command::DataFind => {
                let dialog = DataDialog::find(&browser.find);
                self.model.dialogs.push(Dialog::Data(dialog));
            }
            Command::DataFindNext | Command::DataFindPrevious => {
                if browser.find.is_empty() {
                    return self.data_command(Command::DataFind);
                }
                self.find_data(command == Command::DataFindNext, false);
            }
            Command::DataUndo => self.undo_view(),
            Command::DataCopyCell => self.copy_cell(),
            Command::DataCopyRows => self.copy_rows(),
            Command::DataExport => {
                let columns = browser.view.columns.len();
                let dialog = DataDialog::export(browser.rows(), columns);
                self.model.dialogs.push(Dialog::Data(dialog));
            }
            _ => {}
        }
    }

    fn details(&mut self) {
        let browser = &mut self.model.browser;
        if let Some(facet) = &browser.facet {
            let Some((value, _)) = facet.facet.values.get(facet.cursor) else {
                return;
            };
            let condition = condition_of(browser.name(facet.facet.column), value.as_deref());
            browser.facet = None;
            return self.change_view(|view| view.narrow(&condition));
        }
        let row = browser.view.row;
        self.read_record(row);
    }

    fn read_record(&mut self, row: u64) {
        let browser = &self.model.browser;
        if let (Some(opened), Some(selected)) = (&browser.opened, &browser.selected)
            && row < selected.rows
        {
            let job = BrowseJob::Record {
                table: opened.table.clone(),
                selection: selected.selection.clone(),
                row,
            };
            self.browse(job);
        }
    }

    fn next_part(&mut self) {
        let now = self.model.browser.opened.as_ref().map(|o| o.source.clone());
        let (run, part) = match now {
            Some(Source::Part(run, part)) => (run, next_part(part)),
            _ => match self.open_id() {
                Some(run) => (run, Part::Test),
                None => return,
            },
        };
        self.model.browser.own = Some(&run) == self.open_id().as_ref();
        let wanted = self.model.browser.wanted();
        self.open_source(Source::Part(run, part), wanted);
    }

    /// Opens the filter line, with what is wrong with it.
    pub(super) fn ask_filter(&mut self, wrong: Option<(String, String)>) {
        let browser = &self.model.browser;
        let Some(opened) = &browser.opened else {
            return;
        };
        let now = browser.newest_view().filter;
        let text = wrong.as_ref().map_or(&now, |(t, _)| t);
        let dialog = DataDialog::filter(text, &opened.columns, &browser.filters, wrong.as_ref());
        self.model.dialogs.push(Dialog::Data(dialog));
    }

    fn same_value(&mut self) {
        let browser = &self.model.browser;
        let Some(cell) = browser.cell() else {
            return;
        };
        use crate::console::browser::cell::Cell;
        let value = match cell {
            Cell::Missing => None,
            cell => match cell.plain() {
                Some(text) => Some(text.to_owned()),
                None => {
                    self.say(Tone::Warn, "This text is too long to filter by.");
                    return;
                }
            },
        };
        let condition = condition_of(browser.column_name(), value.as_deref());
        self.change_view(|view| view.narrow(&condition));
    }

    fn find_data(&mut self, forward: bool, here: bool) {
        let browser = &self.model.browser;
        let (Some(opened), Some(selected)) = (&browser.opened, &browser.selected) else {
            return;
        };
        let row = browser.view.row;
        let from = match (here, forward) {
            (true, _) => Some(row),
            (false, true) => Some(row + 1),
            (false, false) => row.checked_sub(1),
        };
        let Some(from) = from.filter(|f| *f < selected.rows) else {
            self.say(Tone::Plain, "This is the end; nothing further.");
            return;
        };
        let job = BrowseJob::Find {
            table: opened.table.clone(),
            selection: selected.selection.clone(),
            from,
            text: browser.find.clone(),
            columns: browser.view.columns.clone(),
            forward,
        };
        self.browse(job);
    }

    fn copy_cell(&mut self) {
        let browser = &self.model.browser;
        let Some(cell) = browser.cell() else {
            return;
        };
        if let Some(text) = cell.plain() {
            let text = text.to_owned();
            return self.send_cell(&text);
        }
        if let (Some(opened), Some(selected), Some(column)) =
            (&browser.opened, &browser.selected, browser.view.column())
        {
            let job = BrowseJob::Whole {
                table: opened.table.clone(),
                selection: selected.selection.clone(),
                row: browser.view.row,
                column,
            };
            self.browse(job);
        }
    }

    /// Sends a cell to the clipboard.
    pub(super) fn send_cell(&mut self, text: &str) {
        let name = self.model.browser.column_name().to_owned();
        self.send_text(text, &format!("the cell in {name}"));
    }

    fn copy_rows(&mut self) {
        let Some((rows, csv)) = self.model.browser.seen_as_csv(self.model.size) else {
            self.say(
                Tone::Warn,
                "A cell here is too long for the clipboard; e exports the rows to a file.",
            );
            return;
        };
        self.send_text(&csv, &format!("{rows} rows as CSV"));
    }

    fn send_text(&mut self, text: &str, what: &str) {
        match clipboard::sequence(text, self.model.capabilities.tmux) {
            Some(bytes) => {
                self.effects.push(Effect::Send(bytes));
                self.say(
                    Tone::Good,
                    format!("Sent to your terminal's clipboard: {what}."),
                );
            }
            None => self.say(
                Tone::Warn,
                format!(
                    "{} bytes are more than terminals take ({}); e exports to a file.",
                    count(text.len() as u64),
                    count((clipboard::MOST / 4 * 3) as u64)
                ),
            ),
        }
    }

    /// What a dialog of the screen wants.
    pub(super) fn data_reply(&mut self, reply: DataReply) {
        match reply {
            DataReply::Filter(text) => {
                self.model.browser.remember(&text);
                self.change_view(|view| view.filter = text);
            }
            DataReply::Find(text) => {
                self.model.browser.find = text;
                if !self.model.browser.find.is_empty() {
                    self.find_data(true, true);
                }
            }
            DataReply::Open(text) => {
                self.model.browser.own = false;
                self.open_source(Source::Named(text), Wanted::default());
            }
            DataReply::Columns(columns) => {
                let mut view = self.model.browser.view.clone();
                view.choose(columns);
                self.show_view(view, true);
            }
            DataReply::Export(plan) => self.export_data(plan),
            DataReply::Record(row) => self.read_record(row),
        }
    }

    fn export_data(&mut self, plan: ExportPlan) {
        if let Some(why) = self.model.session.view_only.clone() {
            return self.say(Tone::Warn, format!("Not done: {why}."));
        }
        let browser = &self.model.browser;
        if browser.is_at(JobKey::Fill) {
            return self.say(
                Tone::Warn,
                "Not exported: the rest is still being read. Wait for it, or Esc and export the \
                 first rows.",
            );
        }
        if browser.pending.is_some() {
            // What is on the screen is not what was asked for last.
            return self.say(
                Tone::Warn,
                "Not exported: the rows are still being looked for. Try again when they are there.",
            );
        }
        if let (Some(opened), Some(selected)) = (&browser.opened, &browser.selected) {
            let job = BrowseJob::Export {
                table: opened.table.clone(),
                selection: selected.selection.clone(),
                columns: browser.view.columns.clone(),
                plan,
            };
            self.browse(job);
        }
    }

    /// The rows on which the two models of Compare disagree.
    pub(super) fn open_disagreements(&mut self) {
        let Some(document) = &self.model.compare.document else {
            return;
        };
        let Some(run) = self.model.compare.pair.as_ref().map(|p| p.first.clone()) else {
            return;
        };
        let numbers: Vec<u64> = document.disagreements.iter().map(|d| d.row).collect();
        let all = document.agreement.disagree;
        let title = match all > numbers.len() as u64 {
            true => format!(
                "the first {} of {} rows that disagree",
                numbers.len(),
                count(all)
            ),
            false => format!("{} rows that disagree", count(all)),
        };
        let place = Source::Part(run, Part::Test);
        self.open_rows(place, RowsWanted::Numbers(numbers), &title, None);
    }
}

/// The condition that a column has a value.
fn condition_of(column: &str, value: Option<&str>) -> String {
    use crate::dataset::query::Word;
    let word = |text: &str| Word {
        text: text.to_owned(),
        position: 0,
    };
    match value {
        None => format!("{} is missing", word(column)),
        Some(value) => format!("{} = {}", word(column), word(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Filter;

    #[test]
    fn conditions_read_back() {
        for (column, value) in [
            ("service", Some("http")),
            ("Flow Bytes/s", Some("a \"b\" \\ c")),
            ("is", Some("")),
            ("x", None),
            ("n", Some("-1.5")),
        ] {
            let text = condition_of(column, value);
            let filter = Filter::parse(&text).unwrap();
            assert_eq!(filter.to_string(), text);
        }
    }
}
