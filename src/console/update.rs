//! How the model changes: same model, message and time, same result. No I/O in here.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use crossterm::event::{KeyEvent, KeyEventKind};

use super::clipboard;
use super::commands::{self, Command, Risk, Screen};
use super::comparison::{Other, Pair, Pane};
use super::dialogs::{Confirm, Decision, Dialog, Find, Help, Notice, Palette, Purpose, Reply};
use super::effect::Effect;
use super::jobs::{Done, Job, JobKey};
use super::keymap::Chord;
use super::log_lines::{LogFilter, LogLine};
use super::message::Message;
use super::model::{Availability, Model, Need, OpenRun, Said};
use super::replay::Replay;
use super::screens;
use super::theme::Tone;
use crate::error::ErrorReport;
use crate::events::{ControlCommand, Envelope, Outcome, ReadLine, RunState};
use crate::runs::{self, RunId};

/// Between two senders that this console starts.
const BETWEEN_SENDERS: TimeDelta = TimeDelta::seconds(60);
/// The same after a failure.
const AFTER_FAILURE: TimeDelta = TimeDelta::minutes(5);

/// Takes a message in and returns what is to be done outside.
pub fn update(model: &mut Model, message: Message, now: DateTime<Utc>) -> Vec<Effect> {
    let mut update = Update {
        model,
        now,
        effects: Vec::new(),
    };
    update.message(message);
    update.effects
}

/// What a console does first.
pub fn begin(model: &mut Model, now: DateTime<Utc>) -> Vec<Effect> {
    let mut update = Update {
        model,
        now,
        effects: Vec::new(),
    };
    update.read_all();
    update.effects
}

struct Update<'m> {
    model: &'m mut Model,
    now: DateTime<Utc>,
    effects: Vec<Effect>,
}

impl Update<'_> {
    fn message(&mut self, message: Message) {
        match message {
            Message::Key(key) => self.key(key),
            Message::Paste(text) => self.paste(&text),
            Message::Resize(w, h) => {
                self.model.size = (w, h);
                self.model.dirty = true;
            }
            Message::RunEvents {
                generation,
                lines,
                alive,
                created_at,
            } => self.run_events(generation, &lines, alive, created_at),
            Message::FollowFailed { generation, error } => {
                if self
                    .model
                    .open
                    .as_ref()
                    .is_some_and(|o| o.generation == generation)
                {
                    self.fail("The run cannot be read", error, false);
                }
            }
            Message::WorkspaceChanged => self.read_all(),
            Message::JobDone {
                key,
                generation,
                result,
            } => self.job_done(key, generation, result),
            Message::Continued => {
                self.effects.push(Effect::Repaint);
                self.model.dirty = true;
                self.read_all();
            }
        }
    }

    fn read_all(&mut self) {
        for job in [Job::Runs, Job::Plans, Job::Health] {
            self.submit(job);
        }
    }

    fn submit(&mut self, job: Job) {
        let key = job.key();
        if let Some((generation, job)) = self.model.jobs.submit(job, self.now) {
            self.effects.push(Effect::Run {
                key,
                generation,
                job,
            });
        }
    }

    fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.model.said = Some(Said {
            at: self.now,
            tone,
            text: text.into(),
        });
        self.model.dirty = true;
    }

    /// Reports an error: in the message line, and as a dialog when the person asked for the thing.
    fn fail(&mut self, title: &str, error: ErrorReport, asked: bool) {
        self.say(Tone::Bad, format!("{title}: {}", error.message));
        if asked {
            self.model
                .dialogs
                .push(Dialog::Notice(Notice::error(title, &error)));
        }
        self.model.last_error = Some(error);
    }

    // Keys

    fn key(&mut self, key: KeyEvent) {
        // Some terminals report releases as well; a key acts once.
        if key.kind == KeyEventKind::Release {
            return;
        }
        let chord = Chord::of(&key);
        let dialog = self.model.dialogs.last_mut();
        if let Some(dialog) = dialog {
            if dialog.typed(chord) {
                self.model.dirty = true;
                return;
            }
            match self.model.keymap.in_dialog(chord) {
                Some(command) if commands::of(command).scope == commands::Scope::Dialog => {
                    self.dialog_command(command);
                }
                Some(command) => self.command(command),
                // The key that opened the help closes it.
                None if matches!(self.model.dialogs.last(), Some(Dialog::Help(_)))
                    && matches!(
                        self.model.keymap.on_screen(self.model.screen, chord),
                        Some(Command::Help | Command::Quit)
                    ) =>
                {
                    self.dialog_command(Command::DialogClose);
                }
                None => {}
            }
            return;
        }
        if let Some(command) = self.model.keymap.on_screen(self.model.screen, chord) {
            self.command(command);
        }
    }

    fn paste(&mut self, text: &str) {
        let taken = self
            .model
            .dialogs
            .last_mut()
            .is_some_and(|d| d.pasted(text));
        self.model.dirty = true;
        if !taken {
            self.say(Tone::Plain, "Pasted text is ignored here.");
        }
    }

    fn dialog_command(&mut self, command: Command) {
        self.model.dirty = true;
        let Some(mut dialog) = self.model.dialogs.pop() else {
            return;
        };
        match dialog.command(command, self.model) {
            Reply::Stay => self.model.dialogs.push(dialog),
            Reply::Close => {}
            Reply::Find(screen, text) => self.narrow(screen, text),
            Reply::Run(command) => self.command(command),
            Reply::Do(job) => {
                if let Some(why) = self.model.session.view_only.clone() {
                    self.say(Tone::Warn, format!("Not done: {why}."));
                } else if self.model.jobs.busy(JobKey::Action) {
                    self.say(Tone::Warn, "Not done: the last action is still at work.");
                } else {
                    self.say(Tone::Busy, at_work(&job));
                    self.submit(job);
                }
            }
        }
    }

    /// Runs a command of the table.
    fn command(&mut self, command: Command) {
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
            Command::Quit => self.model.quit = true,
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
            Command::CycleGlyphs => {
                let next = self.model.capabilities.glyphs.next();
                self.model.capabilities.glyphs = next;
                self.say(Tone::Plain, format!("Glyphs: {}.", next.name()));
            }
            Command::Back | Command::GoHome => self.model.screen = Screen::Home,
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
            Command::NextPane => self.next_pane(1),
            Command::PreviousPane => self.next_pane(Pane::ALL.len() - 1),
            Command::GoApproval => self.model.screen = Screen::Approval,
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
            Command::PageUp => self.step(-10),
            Command::PageDown => self.step(10),
            Command::Start => self.step(isize::MIN / 2),
            Command::End => self.step(isize::MAX / 2),
            Command::Open => self.open_row(),
            Command::NewRun => self.ask(Purpose::NewRun),
            Command::StopAfterRound => {
                if let Some(run) = self.open_id() {
                    let job = Job::Control(run, ControlCommand::StopAfterRound);
                    self.say(Tone::Busy, at_work(&job));
                    self.submit(job);
                }
            }
            Command::CancelRun => {
                if let Some(run) = self.open_id() {
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
                    self.model
                        .dialogs
                        .push(Dialog::Decision(Box::new(Decision::new(plan))));
                }
            }
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
    fn copy(&mut self) {
        let chosen = match self.model.dialogs.last() {
            Some(Dialog::Palette(palette)) => palette.chosen().map(|spec| spec.command),
            _ => Some(match self.model.screen {
                Screen::Home => Command::Open,
                Screen::Training => Command::GoTraining,
                Screen::Comparison => Command::GoComparison,
                Screen::Approval => Command::GoApproval,
                Screen::Runs => Command::OpenRun,
                Screen::Logs => Command::GoLogs,
            }),
        };
        let Some(text) = chosen.and_then(|command| self.model.shell(command)) else {
            self.say(Tone::Warn, "This command has no shell command.");
            return;
        };
        match clipboard::sequence(&text, self.model.capabilities.tmux) {
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

    fn ask(&mut self, purpose: Purpose) {
        self.model
            .dialogs
            .push(Dialog::Confirm(Confirm::new(purpose)));
    }

    fn open_id(&self) -> Option<RunId> {
        self.model.open.as_ref().map(|o| o.id.clone())
    }

    // Cursors

    fn step(&mut self, by: isize) {
        let moved =
            |at: usize, rows: usize| at.saturating_add_signed(by).min(rows.saturating_sub(1));
        match self.model.screen {
            Screen::Home => {
                let rows = screens::home_rows(self.model);
                self.model.home_cursor = moved(self.model.home_cursor, rows);
                self.select();
            }
            Screen::Training => self.next_learner(by),
            Screen::Approval => {
                let rows = self.model.plans.len();
                self.model.approval_cursor = moved(self.model.approval_cursor, rows);
            }
            Screen::Comparison => {
                // The screen clamps: only it knows how many lines a view has.
                let compare = &mut self.model.compare;
                let most = compare.lines();
                compare.first = compare.first.saturating_add_signed(by).min(most);
            }
            Screen::Runs => {
                let rows = self.model.run_table.rows(self.model.run_rows()).len();
                self.model.run_table.cursor = moved(self.model.run_table.cursor, rows);
                self.select_run();
            }
            Screen::Logs => self.model.logs.step(by),
        }
    }

    /// The run under the cursor of Home becomes the run on screen.
    fn select(&mut self) {
        let needs = self.model.needs();
        let at = self.model.home_cursor;
        let run = match needs.get(at) {
            Some(Need::Plan(p)) => Some(p.run_id.clone()),
            Some(Need::Run(r)) => Some(r.id.clone()),
            None => self
                .model
                .run_rows()
                .get(at - needs.len())
                .map(|r| r.id.clone()),
        };
        let newest = self.model.run_rows().first().map(|r| &r.id);
        let follow = at >= needs.len() && run.as_ref() == newest;
        self.model.follow_newest = follow;
        if let Some(run) = run {
            self.open(run);
        }
    }

    fn open_row(&mut self) {
        let at = self.model.home_cursor;
        let plan = match self.model.needs().get(at) {
            Some(Need::Plan(p)) => Some(p.plan_id.clone()),
            _ => None,
        };
        self.select();
        match plan {
            Some(id) => {
                let at = self.model.plans.iter().position(|p| p.plan_id == id);
                self.model.approval_cursor = at.unwrap_or(0);
                self.model.screen = Screen::Approval;
            }
            None => self.model.screen = Screen::Training,
        }
    }

    fn next_learner(&mut self, by: isize) {
        let learners = self.model.learners();
        if learners.is_empty() {
            return;
        }
        let n = learners.len() as isize;
        let at = self
            .model
            .shown_learner()
            .and_then(|s| learners.iter().position(|l| *l == s))
            .unwrap_or(0) as isize;
        // Tab goes round; a page or the ends stop at the ends.
        let to = if by.abs() == 1 {
            (at + by).rem_euclid(n)
        } else {
            at.saturating_add(by).clamp(0, n - 1)
        };
        self.model.picked_learner = Some(learners[to as usize].to_owned());
    }

    // Runs, logs, replay

    fn compare_champion(&mut self) {
        if let Some(first) = self.open_id() {
            self.compare(Pair {
                first,
                other: Other::Champion,
            });
        }
    }

    fn compare_marked(&mut self) {
        if let [other, first] = self.model.run_table.marks.as_slice() {
            let pair = Pair {
                first: first.clone(),
                other: Other::Run(other.clone()),
            };
            self.compare(pair);
        }
    }

    fn compare(&mut self, pair: Pair) {
        let compare = &mut self.model.compare;
        // The champion may have changed since: only two runs never change.
        let known = compare.pair.as_ref() == Some(&pair) && pair.other != Other::Champion;
        if known && compare.document.is_some() {
            return;
        }
        if compare.pair.as_ref() != Some(&pair) {
            compare.document = None;
        }
        compare.refused = None;
        compare.first = 0;
        compare.pair = Some(pair.clone());
        self.submit(Job::Compare(pair));
    }

    fn next_pane(&mut self, by: usize) {
        self.model.compare.pane = self.model.compare.pane.step(by);
        self.model.compare.first = 0;
    }

    fn chosen_run(&self) -> Option<RunId> {
        let chosen = self.model.run_table.chosen(self.model.run_rows());
        chosen.map(|row| row.id.clone())
    }

    /// The run under the cursor of Runs becomes the run on screen.
    fn select_run(&mut self) {
        if let Some(run) = self.chosen_run() {
            let newest = self.model.run_rows().first().map(|r| &r.id);
            self.model.follow_newest = Some(&run) == newest;
            self.open(run);
        }
    }

    /// The cursor of Runs stays on its run after filter or order changed.
    fn keep_run(&mut self) {
        let open = self.open_id();
        self.model.seek_run(open.as_ref());
    }

    fn narrow(&mut self, screen: Screen, text: String) {
        if screen == Screen::Runs {
            self.model.run_table.filter = text;
            self.keep_run();
            // The run on screen may have been filtered away.
            self.select_run();
        } else {
            self.filter_log(|filter| filter.find = text);
        }
    }

    fn filter_log(&mut self, change: impl FnOnce(&mut LogFilter)) {
        let mut filter = self.model.logs.filter.clone();
        change(&mut filter);
        self.model.logs.set_filter(filter);
    }

    /// Begins, moves or ends a replay of the run on screen.
    fn replay(&mut self, change: impl FnOnce(Option<Replay>, &[Arc<Envelope>]) -> Option<Replay>) {
        let Some(open) = &mut self.model.open else {
            return;
        };
        open.replay = change(open.replay, &open.events);
        open.state = match open.replay {
            Some(replay) => replay.state(&open.events),
            None => RunState::replay(open.events.iter().map(Arc::as_ref)),
        };
        let moment = open.replay.and_then(|r| r.moment(&open.events));
        let run = open.id.short().to_owned();
        let text = match moment {
            Some((at, share)) => format!(
                "Replay of run {run} at {}, {:.0} %.",
                self.model.clock(at),
                share * 100.0
            ),
            None => "The run as it is now.".to_owned(),
        };
        self.say(Tone::Plain, text);
    }

    fn scrub(&mut self, step: impl FnOnce(Replay, &[Arc<Envelope>]) -> Replay) {
        self.replay(|replay, events| replay.map(|r| step(r, events)));
    }

    fn open(&mut self, run: RunId) {
        if self.model.open.as_ref().is_some_and(|o| o.id == run) {
            return;
        }
        self.model.followings += 1;
        let generation = self.model.followings;
        self.model.open = Some(OpenRun {
            id: run.clone(),
            generation,
            state: RunState::default(),
            events: Vec::new(),
            replay: None,
            outcome: None,
        });
        self.model.logs.clear();
        self.model.picked_learner = None;
        self.model.metric = 0;
        self.effects.push(Effect::Follow { run, generation });
    }

    fn run_events(
        &mut self,
        generation: u64,
        lines: &[ReadLine],
        alive: bool,
        created_at: Option<DateTime<Utc>>,
    ) {
        let now = self.now;
        let Some(open) = self
            .model
            .open
            .as_mut()
            .filter(|o| o.generation == generation)
        else {
            return;
        };
        let before = open.outcome;
        for line in lines {
            match line {
                ReadLine::Event { envelope, .. } => {
                    if open.replay.is_none() {
                        open.state.apply(envelope);
                    }
                    let envelope = Arc::new(envelope.as_ref().clone());
                    self.model.logs.push(LogLine::Event(Arc::clone(&envelope)));
                    open.events.push(envelope);
                }
                ReadLine::Damaged(damage) => {
                    open.state.damage.push(damage.seq);
                    self.model.logs.push(LogLine::Damaged {
                        seq: damage.seq,
                        reason: damage.reason.clone(),
                    });
                }
                ReadLine::Restarted => {
                    open.state = RunState::default();
                    open.events.clear();
                    open.replay = None;
                    self.model.logs.clear();
                }
            }
        }
        let outcome = match open.replay {
            None => runs::outcome(&open.state, alive, created_at, now),
            // What is shown is the past; how the run stands is a matter of the whole log.
            Some(_) => {
                let state = RunState::replay(open.events.iter().map(Arc::as_ref));
                runs::outcome(&state, alive, created_at, now)
            }
        };
        open.outcome = Some(outcome);
        let same = before == Some(outcome);
        if !lines.is_empty() || !same {
            self.model.dirty = true;
        }
        if same || before.is_none() {
            return;
        }
        let Some(open) = &self.model.open else {
            return;
        };
        let id = open.id.clone();
        let (word, tone) = screens::outcome_word(outcome);
        let hint = match outcome {
            Outcome::Crashed => "; the worker is gone without a last word, r resumes",
            Outcome::Stalled => "; the worker is there but silent",
            _ => "",
        };
        self.say(tone, format!("Run {}: {word}{hint}.", id.short()));
        self.read_all();
    }

    // Jobs

    /// Starts a sender when something waits and nobody sends: beside a run at work its own one
    /// does, and a server that fails is not asked all the time.
    fn send_what_waits(&mut self) {
        let tracking = &self.model.health.tracking;
        let at_work = self
            .model
            .run_rows()
            .iter()
            .any(|r| matches!(r.outcome, Outcome::Running | Outcome::Stalled));
        let pause = if tracking.last_error.is_some() {
            AFTER_FAILURE
        } else {
            BETWEEN_SENDERS
        };
        let lately = self
            .model
            .sync_started
            .is_some_and(|at| self.now - at < pause);
        let wanted = tracking.server.is_some()
            && tracking.automatic
            && tracking.pending > 0
            && !tracking.sending
            && self.model.session.view_only.is_none()
            && !at_work
            && !lately;
        if wanted {
            self.model.sync_started = Some(self.now);
            self.submit(Job::Sync);
        }
    }

    fn job_done(&mut self, key: JobKey, generation: u64, result: Result<Done, ErrorReport>) {
        let counts = self.model.jobs.finish(key, generation);
        if let Some((generation, job)) = self.model.jobs.next(key, self.now) {
            self.effects.push(Effect::Run {
                key,
                generation,
                job,
            });
        }
        if !counts {
            return;
        }
        self.model.dirty = true;
        match result {
            Ok(done) => self.done(done),
            Err(error) => {
                let title = match key {
                    JobKey::Runs => "The runs cannot be read",
                    JobKey::Plans => "The plans cannot be read",
                    JobKey::Health => "The champion cannot be looked at",
                    JobKey::Sync => "Nothing is sent to the tracking server",
                    JobKey::Compare => "Not compared",
                    JobKey::Action => "Not done",
                };
                if key == JobKey::Runs {
                    self.model.runs.get_or_insert_default();
                }
                if key == JobKey::Compare {
                    self.model.compare.document = None;
                    self.model.compare.refused = Some(error.message.clone());
                }
                self.fail(title, error, key == JobKey::Action);
                if key == JobKey::Action {
                    self.read_all();
                }
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Runs(rows) => {
                let under = self.under_cursor();
                self.model.runs = Some(rows);
                let newest = self.model.run_rows().first().map(|r| r.id.clone());
                let gone = self
                    .model
                    .open
                    .as_ref()
                    .is_none_or(|o| !self.model.run_rows().iter().any(|r| r.id == o.id));
                if let Some(newest) = newest.filter(|_| self.model.follow_newest || gone) {
                    self.open(newest);
                }
                self.put_cursor(under);
                self.keep_run();
            }
            Done::Plans(plans) => {
                let under = self.under_cursor();
                let decided = self.model.plan().map(|p| p.plan_id.clone());
                self.model.plans = plans;
                let rows = self.model.plans.len();
                self.model.approval_cursor = decided
                    .and_then(|id| self.model.plans.iter().position(|p| p.plan_id == id))
                    .unwrap_or(self.model.approval_cursor.min(rows.saturating_sub(1)));
                self.put_cursor(under);
            }
            Done::Health(health) => {
                self.model.health = health;
                self.send_what_waits();
            }
            Done::SyncStarted => {}
            Done::Compared(pair, document) => {
                // Another pair may have been asked for in the meantime.
                if self.model.compare.pair.as_ref() == Some(&pair) {
                    self.model.compare.document = Some(document);
                }
            }
            Done::Started(run) => {
                self.say(
                    Tone::Good,
                    format!("Run {run} is at work in its own process."),
                );
                // A resumed run is on screen already; a new one is the newest.
                if self.open_id().as_ref() != Some(&run) {
                    self.model.follow_newest = true;
                }
                self.model.screen = Screen::Home;
                self.read_all();
            }
            Done::Controlled(run, command) => {
                let what = match command {
                    ControlCommand::StopAfterRound => "stop after this round",
                    ControlCommand::Cancel => "end now",
                };
                let run = run.short();
                self.say(
                    Tone::Good,
                    format!("Run {run} was asked to {what}; its answer shows here."),
                );
            }
            Done::Decided { title, lines } => {
                self.say(Tone::Good, title.clone());
                self.model
                    .dialogs
                    .push(Dialog::Notice(Notice::receipt(&title, &lines)));
                self.model.receipt = Some((title, lines));
                self.read_all();
            }
        }
    }

    /// What the cursor of Home stands on, so that it can stay there when lists change.
    fn under_cursor(&self) -> Option<Result<String, RunId>> {
        let needs = self.model.needs();
        match needs.get(self.model.home_cursor) {
            Some(Need::Plan(p)) => Some(Ok(p.plan_id.clone())),
            Some(Need::Run(r)) => Some(Err(r.id.clone())),
            None => {
                let run = self
                    .model
                    .run_rows()
                    .get(self.model.home_cursor - needs.len())?;
                Some(Err(run.id.clone()))
            }
        }
    }

    fn put_cursor(&mut self, under: Option<Result<String, RunId>>) {
        let needs = self.model.needs();
        let run_at = |id: &RunId| {
            let at = self.model.run_rows().iter().position(|r| r.id == *id);
            at.map(|i| i + needs.len())
        };
        let at = match under {
            _ if self.model.follow_newest => Some(needs.len()),
            Some(Ok(plan)) => needs
                .iter()
                .position(|n| matches!(n, Need::Plan(p) if p.plan_id == plan)),
            Some(Err(run)) => run_at(&run),
            None => None,
        };
        let rows = needs.len() + self.model.run_rows().len();
        let at = at
            .or_else(|| self.model.open.as_ref().and_then(|o| run_at(&o.id)))
            .unwrap_or(self.model.home_cursor);
        self.model.home_cursor = at.min(rows.saturating_sub(1));
    }
}

/// What is said while a writing job is at work.
fn at_work(job: &Job) -> String {
    match job {
        Job::Start { .. } => "Starting a worker.".to_owned(),
        Job::Resume(run) => format!("Resuming run {}.", run.short()),
        Job::Control(run, ControlCommand::StopAfterRound) => {
            format!("Asking run {} to stop after this round.", run.short())
        }
        Job::Control(run, ControlCommand::Cancel) => format!("Asking run {} to end.", run.short()),
        Job::Approve { .. } => "Approving and pushing.".to_owned(),
        Job::Reject { .. } => "Rejecting the plan.".to_owned(),
        Job::Runs | Job::Plans | Job::Health | Job::Compare(_) => "Reading.".to_owned(),
        Job::Sync => "Sending to the tracking server.".to_owned(),
    }
}
