//! Where the cursors stand, and what they open.

use super::Update;
use crate::console::commands::Screen;
use crate::console::model::Need;
use crate::console::screens;

impl Update<'_> {
    /// Shows the plans; whoever comes from another screen comes for the plan of the run on it.
    pub(super) fn go_approval(&mut self) {
        let open = self.open_id();
        let own = self
            .model
            .plans
            .iter()
            .position(|p| Some(&p.run_id) == open.as_ref());
        if let (Some(at), true) = (own, self.model.screen != Screen::Approval) {
            self.model.approval_cursor = at;
        }
        self.model.screen = Screen::Approval;
    }

    pub(super) fn step(&mut self, by: isize) {
        let moved =
            |at: usize, rows: usize| at.saturating_add_signed(by).min(rows.saturating_sub(1));
        match self.model.screen {
            Screen::Home => {
                let rows = screens::home_rows(self.model);
                self.model.home_cursor = moved(self.model.home_cursor, rows);
                self.select();
            }
            Screen::Data => self.step_data(by),
            Screen::Validation => self.step_validation(by),
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
                if self.in_queue(by) {
                    return;
                }
                let rows = self.model.run_table.rows(self.model.run_rows()).len();
                self.model.run_table.cursor = moved(self.model.run_table.cursor, rows);
                self.select_run();
            }
            Screen::Logs => self.model.logs.step(by),
        }
    }

    /// Moves within the queue above the runs, or into it; returns whether the cursor stands there.
    fn in_queue(&mut self, by: isize) -> bool {
        let queued = self.model.desk.queue.len();
        let table = &mut self.model.run_table;
        let at = match table.queue_cursor {
            Some(at) => at as isize,
            None if by < 0 => (queued as isize).saturating_add_unsigned(table.cursor),
            None => return false,
        };
        let to = at.saturating_add(by).max(0);
        if to < queued as isize {
            table.queue_cursor = Some(to as usize);
            table.cursor = 0;
            return true;
        }
        // Down out of the queue: the first step lands on the first run.
        if table.queue_cursor.take().is_some() {
            table.cursor = 0;
            self.step(to - queued as isize);
            return true;
        }
        false
    }

    /// The run under the cursor of Home becomes the run on screen.
    pub(super) fn select(&mut self) {
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

    pub(super) fn open_row(&mut self) {
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

    pub(super) fn next_learner(&mut self, by: isize) {
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
}
