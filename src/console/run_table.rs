//! What the Runs screen shows of the runs: filter, order, cursor and the marks for a comparison.

use super::model::RunRow;
use crate::runs::RunId;

/// The order of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunOrder {
    /// Newest first.
    #[default]
    Newest,
    /// Best F1 first; runs without one last.
    BestF1,
    /// By the selected learner, then newest first.
    Learner,
    /// By who started it, then newest first.
    By,
}

impl RunOrder {
    /// The next order of the cycle.
    pub fn next(self) -> Self {
        match self {
            RunOrder::Newest => RunOrder::BestF1,
            RunOrder::BestF1 => RunOrder::Learner,
            RunOrder::Learner => RunOrder::By,
            RunOrder::By => RunOrder::Newest,
        }
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            RunOrder::Newest => "newest first",
            RunOrder::BestF1 => "best F1 first",
            RunOrder::Learner => "by learner",
            RunOrder::By => "by person",
        }
    }
}

/// The view on the runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunTable {
    /// The order.
    pub order: RunOrder,
    /// Runs whose row contains all these words are shown.
    pub filter: String,
    /// The row under the cursor.
    pub cursor: usize,
    /// The queued run under the cursor, when it stands above the runs.
    pub queue_cursor: Option<usize>,
    /// Runs marked for a comparison, at most two, oldest mark first.
    pub marks: Vec<RunId>,
}

impl RunTable {
    /// The rows shown, in order. `rows` are newest first.
    pub fn rows<'r>(&self, rows: &'r [RunRow]) -> Vec<&'r RunRow> {
        let words: Vec<String> = self
            .filter
            .split_whitespace()
            .map(str::to_lowercase)
            .collect();
        let mut shown: Vec<&RunRow> = rows
            .iter()
            .filter(|row| {
                let text = text(row);
                words.iter().all(|word| text.contains(word))
            })
            .collect();
        // A stable sort: equal rows stay newest first.
        match self.order {
            RunOrder::Newest => {}
            RunOrder::BestF1 => shown.sort_by(|a, b| {
                let f1 = |row: &RunRow| row.f1.unwrap_or(f64::NEG_INFINITY);
                f1(b).total_cmp(&f1(a))
            }),
            RunOrder::Learner => shown.sort_by(|a, b| {
                (a.selected.is_none(), &a.selected).cmp(&(b.selected.is_none(), &b.selected))
            }),
            RunOrder::By => shown.sort_by(|a, b| a.by.cmp(&b.by)),
        }
        shown
    }
    /// The run under the cursor.
    pub fn chosen<'r>(&self, rows: &'r [RunRow]) -> Option<&'r RunRow> {
        self.rows(rows).get(self.cursor).copied()
    }
    /// Puts the cursor on a run, or on the nearest row there is.
    pub fn seek(&mut self, rows: &[RunRow], run: Option<&RunId>) {
        let shown = self.rows(rows);
        let at = run.and_then(|run| shown.iter().position(|row| row.id == *run));
        self.cursor = at.unwrap_or(self.cursor).min(shown.len().saturating_sub(1));
    }
    /// Marks a run, or takes its mark away; a third mark replaces the oldest.
    pub fn mark(&mut self, run: &RunId) {
        match self.marks.iter().position(|m| m == run) {
            Some(at) => drop(self.marks.remove(at)),
            None => {
                if self.marks.len() == 2 {
                    self.marks.remove(0);
                }
                self.marks.push(run.clone());
            }
        }
    }
}

/// Everything of a row a filter can find, in lower case.
fn text(row: &RunRow) -> String {
    format!(
        "{} {} {} {} {}",
        row.id,
        row.outcome.as_str(),
        row.selected.as_deref().unwrap_or_default(),
        row.by,
        row.note.as_deref().unwrap_or_default()
    )
    .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::testing::rows;

    #[test]
    fn words_filter_and_the_order_is_stable() {
        let rows = rows();
        let mut table = RunTable::default();
        let ids = |table: &RunTable| -> Vec<String> {
            table
                .rows(&rows)
                .iter()
                .map(|r| r.id.short().to_owned())
                .collect()
        };
        let all = ids(&table);
        assert_eq!(all.len(), rows.len());
        table.filter = "FAILED".into();
        assert!(
            table
                .rows(&rows)
                .iter()
                .all(|r| r.outcome.as_str() == "failed")
        );
        assert!(!table.rows(&rows).is_empty());
        table.filter = "nothing has this".into();
        assert!(table.rows(&rows).is_empty());
        assert_eq!(table.chosen(&rows), None);
        table.filter.clear();
        table.order = RunOrder::BestF1;
        let f1: Vec<Option<f64>> = table.rows(&rows).iter().map(|r| r.f1).collect();
        assert!(
            f1.windows(2)
                .all(|w| w[0].unwrap_or(-1.0) >= w[1].unwrap_or(-1.0)),
            "{f1:?}"
        );
        for _ in 0..3 {
            table.order = table.order.next();
        }
        assert_eq!(ids(&table), all);
    }

    #[test]
    fn two_marks_at_most() {
        let rows = rows();
        let mut table = RunTable::default();
        for row in rows.iter().take(3) {
            table.mark(&row.id);
        }
        assert_eq!(table.marks, [rows[1].id.clone(), rows[2].id.clone()]);
        table.mark(&rows[1].id);
        assert_eq!(table.marks, [rows[2].id.clone()]);
    }

    #[test]
    fn the_cursor_stays_on_its_run() {
        let rows = rows();
        let mut table = RunTable::default();
        table.seek(&rows, Some(&rows[2].id));
        assert_eq!(table.chosen(&rows).unwrap().id, rows[2].id);
        table.cursor = 99;
        table.seek(&rows, None);
        assert_eq!(table.cursor, rows.len() - 1);
    }
}
