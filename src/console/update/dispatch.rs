//! One arm for each command of the table.

use super::Update;
use crate::console::clipboard;
use crate::console::commands::{self, Command, Risk, Screen};
use crate::console::comparison::Pane;
use crate::console::dialogs::{Confirm, Decision, Dialog, Find, Help, Notice, Palette, Purpose};
use crate::console::effect::Effect;
use crate::console::jobs::Job;
use crate::console::log_lines::LogFilter;
use crate::console::model::{Availability, Model};
use crate::console::replay::Replay;
use crate::console::theme::Tone;
use crate::console::validation::Section;
use crate::events::ControlCommand;
use crate::runs::RunId;

/// The shell command for what the screen shows.
pub fn shown_shell(model: &Model) -> Option<String> {
    model.shell(match model.screen {
        Screen::Home => Command::Open,
        Screen::Data => Command::DataFilter,
        Screen::Validation => Command::GoValidation,
        Screen::Training => Command::GoTraining,
        Screen::Comparison => Command::GoComparison,
        Screen::Approval => Command::GoApproval,
        Screen::Runs => Command::OpenRun,
        Screen::Logs => Command::GoLogs,
    })
}

impl Update<'_> {
    /// Runs a command of the table.
    pub(super) fn command(&mut self, command: Command) {
        if let Availability::Disabled(why) = self.model.availability(command) {
            let spec = commands::of(command);
            // Cursor keys and Esc at the end of their way are not worth a sentence.
            if spec.risk != Risk::None || spec.footer > 0 && command != Command::Back {
                self.say(Tone::Warn, format!("{}: not now, {why}.", spec.title));
            }
            return;
        }
        self.model.dirty = true;
        match command {
            Command::Quit => self.quit(),
            Command::Help => {
                let help = Help::new(self.model.screen);
                self.model.dialogs.push(Dialog::Help(help));
            }
            Command::Palette => {
                let palette = Palette::new(self.model.screen);
                self.model.dialogs.push(Dialog::Palette(palette));
            }
            Command::Copy => self.copy(),
            Command::LastError => {
                if let Some(error) = &self.model.last_error {
                    let notice = Notice::error("The last error", error);
                    self.model.dialogs.push(Dialog::Notice(notice));
                }
            }
            Command::Redraw => {
                self.effects.push(Effect::Repaint);
                self.read_all();
            }
            Command::Suspend => self.effects.push(Effect::Suspend),
            Command::ShowLink => self.show_link(),
            Command::CycleGlyphs => {
                let next = self.model.capabilities.glyphs.next();
                self.model.capabilities.glyphs = next;
                self.say(Tone::Plain, format!("Glyphs: {}.", next.name()));
            }
            Command::CycleTheme => self.next_theme(),
            Command::ToggleMouse => self.toggle_mouse(),
            Command::Back if self.leave_section() => {}
            Command::Back if self.back_data() => {}
            Command::Back | Command::GoHome => self.model.screen = Screen::Home,
            Command::GoData => self.go_data(),
            Command::GoValidation => self.go_validation(),
            Command::GoTraining => self.model.screen = Screen::Training,
            Command::GoComparison => {
                self.model.screen = Screen::Comparison;
                match self.model.run_table.marks.len() {
                    2 => self.compare_marked(),
                    _ => self.compare_champion(),
                }
            }
            Command::CompareChampion => self.compare_champion(),
            Command::CompareMarked => self.compare_marked(),
            Command::FindingDetail => self.finding_detail(),
            Command::NextSection => self.next_section(1),
            Command::PreviousSection => self.next_section(Section::ALL.len() - 1),
            Command::SortFindings => self.sort_findings(),
            Command::ToggleProblems => self.toggle_problems(),
            Command::FindingRows => self.finding_rows(),
            Command::AcknowledgeFinding => self.ask_acknowledge(),
            Command::CopyFinding => self.copy_finding(),
            Command::NextPane => self.next_pane(1),
            Command::PreviousPane => self.next_pane(Pane::ALL.len() - 1),
            Command::GoApproval => self.go_approval(),
            Command::GoRuns => {
                self.keep_run();
                self.model.screen = Screen::Runs;
            }
            Command::GoLogs => self.model.screen = Screen::Logs,
            Command::OpenRun => {
                self.select_run();
                self.model.screen = Screen::Training;
            }
            Command::SortRuns => {
                self.model.run_table.order = self.model.run_table.order.next();
                self.keep_run();
            }
            Command::FilterRuns => {
                let find = Find::new(Screen::Runs, &self.model.run_table.filter);
                self.model.dialogs.push(Dialog::Find(find));
            }
            Command::MarkRun => {
                if let Some(run) = self.chosen_run() {
                    self.model.run_table.mark(&run);
                }
            }
            Command::LogLevel => self.filter_log(|filter| filter.level = filter.level.next()),
            Command::LogStage => self.filter_log(LogFilter::next_stage),
            Command::FindLog => {
                let find = Find::new(Screen::Logs, &self.model.logs.filter.find);
                self.model.dialogs.push(Dialog::Find(find));
            }
            Command::Replay => self.replay(|replay, events| match replay {
                Some(_) => None,
                None => Some(Replay::start(events)),
            }),
            Command::ReplayBack => self.scrub(|r, events| r.step(events, false)),
            Command::ReplayForward => self.scrub(|r, events| r.step(events, true)),
            Command::ReplayStageBack => self.scrub(|r, events| r.stage(events, false)),
            Command::ReplayStageForward => self.scrub(|r, events| r.stage(events, true)),
            Command::Up => self.step(-1),
            Command::Down => self.step(1),
            Command::PageUp if self.model.screen == Screen::Data => self.page_data(false),
            Command::PageDown if self.model.screen == Screen::Data => self.page_data(true),
            Command::PageUp => self.step(-10),
            Command::PageDown => self.step(10),
            Command::Start => self.step(isize::MIN / 2),
            Command::End => self.step(isize::MAX / 2),
            Command::Open => self.open_row(),
            Command::NewRun => self.open_start_form(),
            Command::MarkRead => {
                self.model.away.mark_read();
                self.note_seen();
            }
            Command::QueueSooner => {
                if let Some(id) = self.model.queued_row().map(|q| q.id.clone()) {
                    self.act(Job::Sooner(id));
                }
            }
            Command::QueueStart => {
                let held = self.model.desk.queue.iter().find(|q| q.held.is_some());
                let held = held.filter(|_| !self.model.desk.stuck);
                self.act(Job::StartQueued(held.map(|q| q.id.clone())));
            }
            Command::StopAfterRound => {
                if let Some(run) = self.open_id() {
                    self.act(Job::Control(run, ControlCommand::StopAfterRound));
                }
            }
            Command::CancelRun => {
                if let Some(id) = self.model.queued_row().map(|q| q.id.clone()) {
                    self.ask(Purpose::Unqueue(id));
                } else if let Some(run) = self.open_id() {
                    self.ask(Purpose::Cancel(run));
                }
            }
            Command::ResumeRun => {
                if let Some(run) = self.open_id() {
                    self.ask(Purpose::Resume(run));
                }
            }
            Command::NextLearner => self.next_learner(1),
            Command::PreviousLearner => self.next_learner(-1),
            Command::FollowLearner => {
                self.model.picked_learner = None;
                self.say(Tone::Plain, "The plots follow the learner at work.");
            }
            Command::NextMetric => self.model.metric = self.model.metric.wrapping_add(1) % 1024,
            Command::Decide | Command::Approve | Command::Reject => {
                if let Some(plan) = self.model.plan().cloned() {
                    if self.model.session.view_only.is_none() {
                        self.submit(Job::Hold(plan.run_id.clone()));
                    }
                    self.model
                        .dialogs
                        .push(Dialog::Decision(Box::new(Decision::new(plan))));
                }
            }
            Command::OpenDisagreements => self.open_disagreements(),
            Command::DataDetails
            | Command::DataOpen
            | Command::DataPart
            | Command::DataLeft
            | Command::DataRight
            | Command::DataFirstColumn
            | Command::DataLastColumn
            | Command::DataFreeze
            | Command::DataNarrower
            | Command::DataWider
            | Command::DataHide
            | Command::DataColumnLeft
            | Command::DataColumnRight
            | Command::DataColumns
            | Command::DataSort
            | Command::DataSortAlso
            | Command::DataFilter
            | Command::DataSame
            | Command::DataFacet
            | Command::DataProfile
            | Command::DataFind
            | Command::DataFindNext
            | Command::DataFindPrevious
            | Command::DataUndo
            | Command::DataCopyCell
            | Command::DataCopyRows
            | Command::DataExport => self.data_command(command),
            Command::DialogNext
            | Command::DialogPrevious
            | Command::DialogDown
            | Command::DialogUp
            | Command::DialogPageDown
            | Command::DialogPageUp
            | Command::DialogActivate
            | Command::DialogClose => self.dialog_command(command),
        }
    }

    /// Sends the shell command of the palette's choice, or of what the screen shows.
    pub(super) fn copy(&mut self) {
        if let Some(Dialog::Start(form)) = self.model.dialogs.last() {
            let text = form.shell();
            self.copy_text(&text);
            return;
        }
        let chosen = match self.model.dialogs.last() {
            Some(Dialog::Palette(palette)) => palette.chosen().map(|spec| spec.command),
            _ => None,
        };
        let palette = matches!(self.model.dialogs.last(), Some(Dialog::Palette(_)));
        let text = match chosen {
            Some(command) => self.model.shell(command),
            None if palette => None,
            None => shown_shell(self.model),
        };
        let Some(text) = text else {
            self.say(Tone::Warn, "This command has no shell command.");
            return;
        };
        self.copy_text(&text);
    }

    fn copy_text(&mut self, text: &str) {
        match clipboard::sequence(text, self.model.capabilities.tmux) {
            Some(bytes) => {
                self.effects.push(Effect::Send(bytes));
                self.say(
                    Tone::Good,
                    format!("Sent to your terminal's clipboard: {text}"),
                );
            }
            None => self.say(Tone::Warn, "Too long for the terminal's clipboard."),
        }
    }

    pub(super) fn ask(&mut self, purpose: Purpose) {
        self.model
            .dialogs
            .push(Dialog::Confirm(Confirm::new(purpose)));
    }

    pub(super) fn open_id(&self) -> Option<RunId> {
        self.model.open.as_ref().map(|o| o.id.clone())
    }
}
