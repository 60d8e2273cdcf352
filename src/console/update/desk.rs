//! The start form and the queue: what opens, what comes back, and who starts the next run.

use super::{Update, at_work};
use crate::console::commands::Screen;
use crate::console::desk::Desk;
use crate::console::dialogs::{Dialog, StartForm};
use crate::console::jobs::Job;
use crate::console::theme::Tone;
use crate::runs::RunId;
use crate::worker::Problem;

impl Update<'_> {
    /// Says what a job is about to do, and begins it.
    pub(super) fn act(&mut self, job: Job) {
        self.say(Tone::Busy, at_work(&job));
        self.submit(job);
    }

    pub(super) fn open_start_form(&mut self) {
        let Some(config) = self.model.health.settings.clone() else {
            // A person is quicker than the disk: the form opens when the file was read.
            self.model.form_wanted = true;
            self.say(Tone::Busy, "Reading config.toml.");
            return;
        };
        self.model.form_wanted = false;
        let form = StartForm::new(*config, self.model.health.cores);
        self.model.dialogs.push(Dialog::Start(Box::new(form)));
    }

    pub(super) fn close_start_form(&mut self) {
        let form = |d: &Dialog| matches!(d, Dialog::Start(_));
        self.model.dialogs.retain(|d| !form(d));
    }

    /// The check before the start found something: it goes where it can be mended.
    pub(super) fn not_started(&mut self, problems: Vec<Problem>) {
        let first = problems.first().map(|p| p.message.clone());
        self.say(
            Tone::Bad,
            format!("Not started: {}", first.unwrap_or_default()),
        );
        let form = self.model.dialogs.iter_mut().find_map(|d| match d {
            Dialog::Start(form) => Some(form),
            _ => None,
        });
        if let Some(form) = form {
            form.refused(problems);
        }
    }

    pub(super) fn queued(&mut self, id: &str, behind: Option<&RunId>) {
        self.close_start_form();
        let behind = match behind {
            Some(run) => format!(
                "; run {} is at work, its worker starts the next one",
                run.short()
            ),
            None => String::new(),
        };
        self.say(Tone::Good, format!("Queued as {id}{behind}."));
        self.model.screen = Screen::Home;
        self.read_all();
    }

    /// A key was pressed or a command chosen.
    pub(super) fn somebody_is_there(&mut self) {
        let runs = self.model.runs.as_deref();
        self.model.away.key(self.now, runs, &self.model.desk);
    }

    pub(super) fn find_news(&mut self) {
        let runs = self.model.runs.as_deref();
        self.model.away.find(runs, &self.model.desk);
    }

    /// Notes what the person has seen by now.
    pub(super) fn note_seen(&mut self) {
        if let Some(seen) = super::seen(self.model, self.now) {
            self.submit(Job::Seen(Box::new(seen)));
        }
    }

    /// Says so when somebody has taken a run over from the person at this console.
    fn taken_over(&mut self, desk: &Desk) {
        let mine = self.model.desk.leases.iter().filter(|l| l.mine);
        let lost = mine
            .filter_map(|l| desk.other_holder(&l.run))
            .find(|now| now.taken_from.is_some());
        if let Some(now) = lost {
            let text = format!("Run {} was taken over by {}.", now.run.short(), now.who());
            self.say(Tone::Warn, text);
        }
    }

    /// Takes the queue in. Where nobody would start the next run, this console does.
    pub(super) fn desk(&mut self, desk: Desk) {
        let under = self
            .model
            .run_table
            .queue_cursor
            .and_then(|at| self.model.desk.queue.get(at))
            .map(|row| row.id.clone());
        let drain = desk.stuck && self.model.session.view_only.is_none() && desk != self.model.desk;
        self.taken_over(&desk);
        self.model.desk = desk;
        self.find_news();
        let queue = &self.model.desk.queue;
        let table = &mut self.model.run_table;
        // The cursor stays on its entry; when that has started, on the one that moved up.
        table.queue_cursor = table.queue_cursor.and_then(|at| {
            let same = under.and_then(|id| queue.iter().position(|row| row.id == id));
            same.or(queue.len().checked_sub(1).map(|last| at.min(last)))
        });
        if drain {
            self.submit(Job::Drain);
        }
    }
}
