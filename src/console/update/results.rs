//! What the jobs bring back.

use super::{AFTER_FAILURE, BETWEEN_SENDERS, Update};
use crate::console::commands::Screen;
use crate::console::dialogs::{Dialog, Notice, TakeOver};
use crate::console::effect::Effect;
use crate::console::jobs::{Done, Job, JobKey};
use crate::console::model::Need;
use crate::console::theme::Tone;
use crate::error::ErrorReport;
use crate::events::{ControlCommand, Outcome};
use crate::runs::RunId;

impl Update<'_> {
    /// Starts a sender when something waits and nobody sends: beside a run at work its own one
    /// does, and a server that fails is not asked all the time.
    pub(super) fn send_what_waits(&mut self) {
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

    pub(super) fn job_done(
        &mut self,
        key: JobKey,
        generation: u64,
        result: Result<Done, ErrorReport>,
    ) {
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
            Err(error) if self.of_browser(key) => self.not_browsed(key, error),
            Ok(done) => self.done(done),
            Err(error) => {
                let title = match key {
                    JobKey::Runs => "The runs cannot be read",
                    JobKey::Plans => "The plans cannot be read",
                    JobKey::Health => "The champion cannot be looked at",
                    JobKey::Sync => "Nothing is sent to the tracking server",
                    JobKey::Compare => "Not compared",
                    JobKey::Findings => "The findings cannot be read",
                    JobKey::Slices => "No slices were found",
                    JobKey::Hands => "The run cannot be taken in hand",
                    JobKey::Seen => "Where you are cannot be noted",
                    JobKey::Desk => "The queue cannot be worked on",
                    _ => "Not done",
                };
                if key == JobKey::Runs {
                    self.model.runs.get_or_insert_default();
                }
                if key == JobKey::Compare {
                    self.model.compare.document = None;
                    self.model.compare.refused = Some(error.message.clone());
                }
                if key == JobKey::Findings {
                    self.findings_refused(&error);
                }
                self.fail(title, error, key == JobKey::Action);
                if key == JobKey::Action {
                    self.read_all();
                }
            }
        }
    }

    pub(super) fn done(&mut self, done: Done) {
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
                self.find_news();
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
                if self.model.form_wanted
                    && self.model.health.settings.is_some()
                    && self.model.dialogs.is_empty()
                {
                    self.open_start_form();
                }
                self.send_what_waits();
            }
            Done::SyncStarted => {}
            Done::Browsed(number, done) => self.browsed(number, *done),
            Done::Compared(pair, document) => {
                // Another pair may have been asked for in the meantime.
                if self.model.compare.pair.as_ref() == Some(&pair) {
                    self.model.compare.document = Some(document);
                }
            }
            Done::Findings(found) => self.findings_read(found),
            Done::Sliced(of, result) => self.sliced(&of, result),
            Done::Acknowledged(run, note) => self.acknowledged(&run, &note),
            Done::Desk(desk) => self.desk(desk),
            Done::InHand { lease, then } => {
                self.say(
                    Tone::Warn,
                    format!("Not done: {} has it in hand.", lease.who()),
                );
                let dialog = TakeOver::new(lease, *then);
                self.model.dialogs.push(Dialog::TakeOver(dialog));
            }
            Done::Hands => self.submit(Job::Desk),
            Done::LastSeen(before) => {
                self.model.away.left_off(*before);
                self.find_news();
            }
            Done::SeenNoted => {}
            Done::Drained(None) => {}
            Done::Drained(Some(run)) => {
                self.say(Tone::Good, format!("Run {run} was started from the queue."));
                self.read_all();
            }
            Done::NotStarted(problems) => self.not_started(problems),
            Done::Queued { id, behind } => self.queued(&id, behind.as_ref()),
            Done::QueueChanged(text) => {
                self.say(Tone::Good, text);
                self.read_all();
            }
            Done::Started(run) => {
                self.close_start_form();
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
    pub(super) fn under_cursor(&self) -> Option<Result<String, RunId>> {
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

    pub(super) fn put_cursor(&mut self, under: Option<Result<String, RunId>>) {
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
