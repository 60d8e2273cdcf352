//! What the screens Runs, Logs and Compare show, and the replay of a run.

use super::Update;
use crate::console::commands::Screen;
use crate::console::comparison::{Other, Pair};
use crate::console::jobs::Job;
use crate::console::log_lines::LogFilter;
use crate::console::replay::Replay;
use crate::console::theme::Tone;
use crate::events::{Envelope, RunState};
use crate::runs::RunId;
use std::sync::Arc;

impl Update<'_> {
    pub(super) fn compare_champion(&mut self) {
        if let Some(first) = self.open_id() {
            self.compare(Pair {
                first,
                other: Other::Champion,
            });
        }
    }

    pub(super) fn compare_marked(&mut self) {
        if let [other, first] = self.model.run_table.marks.as_slice() {
            let pair = Pair {
                first: first.clone(),
                other: Other::Run(other.clone()),
            };
            self.compare(pair);
        }
    }

    pub(super) fn compare(&mut self, pair: Pair) {
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

    pub(super) fn next_pane(&mut self, by: usize) {
        self.model.compare.pane = self.model.compare.pane.step(by);
        self.model.compare.first = 0;
    }

    pub(super) fn chosen_run(&self) -> Option<RunId> {
        let chosen = self.model.run_table.chosen(self.model.run_rows());
        chosen.map(|row| row.id.clone())
    }

    /// The run under the cursor of Runs becomes the run on screen.
    pub(super) fn select_run(&mut self) {
        if let Some(run) = self.chosen_run() {
            let newest = self.model.run_rows().first().map(|r| &r.id);
            self.model.follow_newest = Some(&run) == newest;
            self.open(run);
        }
    }

    /// The cursor of Runs stays on its run after filter or order changed.
    pub(super) fn keep_run(&mut self) {
        let open = self.open_id();
        self.model.seek_run(open.as_ref());
    }

    pub(super) fn narrow(&mut self, screen: Screen, text: String) {
        if screen == Screen::Runs {
            self.model.run_table.filter = text;
            self.keep_run();
            // The run on screen may have been filtered away.
            self.select_run();
        } else {
            self.filter_log(|filter| filter.find = text);
        }
    }

    pub(super) fn filter_log(&mut self, change: impl FnOnce(&mut LogFilter)) {
        let mut filter = self.model.logs.filter.clone();
        change(&mut filter);
        self.model.logs.set_filter(filter);
    }

    /// Begins, moves or ends a replay of the run on screen.
    pub(super) fn replay(
        &mut self,
        change: impl FnOnce(Option<Replay>, &[Arc<Envelope>]) -> Option<Replay>,
    ) {
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

    pub(super) fn scrub(&mut self, step: impl FnOnce(Replay, &[Arc<Envelope>]) -> Replay) {
        self.replay(|replay, events| replay.map(|r| step(r, events)));
    }
}
