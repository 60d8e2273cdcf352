//! How the model changes: same model, message and time, same result. No I/O in here.

mod cursors;
mod data;
mod data_results;
mod desk;
mod dispatch;
mod keys;
mod link;
mod manners;
mod open_run;
mod results;
mod validation;
mod views;

pub use dispatch::shown_shell;

use chrono::{DateTime, TimeDelta, Utc};

use super::dialogs::{Dialog, Notice};
use super::effect::Effect;
use super::jobs::Job;
use super::keymap::remap::Problem;
use super::message::Message;
use super::model::{Model, Said};
use super::theme::Tone;
use crate::error::{CommandError, ErrorReport};
use crate::events::ControlCommand;
use crate::presence::LastSeen;

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
    update.submit(Job::LastSeen);
    update.read_all();
    update.effects
}

/// Says what is wrong in `[ui.keys]`: the first problem in the message line, all of them for the
/// command that shows the last error.
pub fn key_problems(model: &mut Model, problems: Vec<Problem>, now: DateTime<Utc>) {
    let Some(first) = problems.first() else {
        return;
    };
    let mut error = CommandError::config(first.sentence()).report();
    error.hints = problems
        .iter()
        .enumerate()
        .flat_map(|(i, p)| [(i > 0).then(|| p.sentence()), Some(p.hint.clone())])
        .flatten()
        .collect();
    let last = model.keymap.first(super::commands::Command::LastError);
    let last = last.map_or("netsec doctor".to_owned(), |k| k.to_string());
    let mut update = Update {
        model,
        now,
        effects: Vec::new(),
    };
    update.say(
        Tone::Warn,
        format!("{}; {last} tells more.", first.sentence()),
    );
    update.model.last_error = Some(error);
}

/// What the person at a console has seen, to be noted when it closes.
pub fn seen(model: &mut Model, now: DateTime<Utc>) -> Option<LastSeen> {
    // The log on screen may be further than the list of runs, which is read now and then.
    if let (Some(open), Some(runs)) = (&model.open, &mut model.runs)
        && let Some(row) = runs.iter_mut().find(|r| r.id == open.id)
    {
        row.seq = row.seq.max(open.state.last_seq);
    }
    let runs = model.runs.as_deref();
    model.away.seen(now, runs, &model.desk)
}

struct Update<'m> {
    model: &'m mut Model,
    now: DateTime<Utc>,
    effects: Vec<Effect>,
}

impl Update<'_> {
    fn message(&mut self, message: Message) {
        match message {
            Message::Key(key) => {
                self.somebody_is_there();
                self.key(key);
            }
            Message::Command(command) => {
                self.somebody_is_there();
                self.chosen(command);
            }
            Message::Frame { bytes, took } => self.frame(bytes, took),
            Message::Paste(text) => self.paste(&text),
            Message::Mouse(event) => self.mouse(event),
            Message::Resize(w, h) => {
                self.model.size = (w, h);
                self.model.dirty = true;
                self.settle_data();
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
            Message::Minute => self.note_seen(),
            Message::JobDone {
                key,
                generation,
                result,
            } => self.job_done(key, generation, result),
            Message::NoShell => self.say(
                Tone::Plain,
                "Not suspended: no shell is there to continue it.",
            ),
            Message::Look => self.look_at_work(),
            Message::Continued => {
                self.effects.push(Effect::Repaint);
                self.model.dirty = true;
                self.read_all();
            }
        }
    }

    fn read_all(&mut self) {
        for job in [Job::Runs, Job::Plans, Job::Health, Job::Desk] {
            self.submit(job);
        }
        self.look_at_findings();
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
}

/// What is said while a writing job is at work.
fn at_work(job: &Job) -> String {
    match job {
        Job::Start { queue: false, .. } => "Looking at data and disk, then starting.".to_owned(),
        Job::Start { queue: true, .. } => "Looking at data and disk, then queueing.".to_owned(),
        Job::TakeOver { run, .. } => format!("Taking run {} over.", run.short()),
        Job::Hold(_) | Job::LetGo(_) | Job::LastSeen | Job::Seen(_) => "Noting.".to_owned(),
        Job::Unqueue(_) | Job::Sooner(_) => "Changing the queue.".to_owned(),
        Job::StartQueued(_) | Job::Drain => "Starting the next queued run.".to_owned(),
        Job::Resume(run) => format!("Resuming run {}.", run.short()),
        Job::Control(run, ControlCommand::StopAfterRound) => {
            format!("Asking run {} to stop after this round.", run.short())
        }
        Job::Control(run, ControlCommand::Cancel) => format!("Asking run {} to end.", run.short()),
        Job::Approve { .. } => "Approving and pushing.".to_owned(),
        Job::Reject { .. } => "Rejecting the plan.".to_owned(),
        Job::Acknowledge { check, .. } => format!("Acknowledging {check}."),
        Job::Runs
        | Job::Plans
        | Job::Health
        | Job::Desk
        | Job::Compare(_)
        | Job::Findings(_)
        | Job::Slices(_)
        | Job::Browse(..) => "Reading.".to_owned(),
        Job::Sync => "Sending to the tracking server.".to_owned(),
    }
}
