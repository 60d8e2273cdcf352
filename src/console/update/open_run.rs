//! The run on screen: which one, and what its log says.

use super::Update;
use crate::console::effect::Effect;
use crate::console::log_lines::LogLine;
use crate::console::model::OpenRun;
use crate::console::screens;
use crate::events::{Event, Outcome, ReadLine, RunState};
use crate::runs::{self, RunId};
use chrono::{DateTime, Utc};
use std::sync::Arc;

impl Update<'_> {
    pub(super) fn open(&mut self, run: RunId) {
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
        self.look_at_findings();
    }

    pub(super) fn run_events(
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
        let stage_ended = |line: &ReadLine| {
            line.event().is_some_and(|e| {
                matches!(
                    e.event,
                    Event::StageFinished { .. }
                        | Event::StageReused { .. }
                        | Event::StageFailed { .. }
                )
            })
        };
        if lines.iter().any(stage_ended) {
            self.look_at_findings();
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
}
