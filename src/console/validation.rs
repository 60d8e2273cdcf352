//! The Validate screen's state: which findings it shows and where the cursor stands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::findings::{Finding, Findings, Slices, Standing};
use crate::runs::RunId;

/// The parts of the screen, in the order of Tab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Section {
    /// The list of findings.
    #[default]
    Problems,
    /// Everything about the finding under the cursor.
    Detail,
    /// The mix of the classes.
    Labels,
    /// What is different from the run before.
    Changes,
}

impl Section {
    /// Every part.
    pub const ALL: [Section; 4] = [
        Section::Problems,
        Section::Detail,
        Section::Labels,
        Section::Changes,
    ];
    /// The part `by` places further, round and round.
    pub fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|s| *s == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// The order of the findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The worst first, and of those the largest.
    #[default]
    Size,
    /// By the importance of the column for the run's model.
    Importance,
    /// By name.
    Name,
}

impl Order {
    /// The next order.
    pub fn next(self) -> Self {
        match self {
            Order::Size => Order::Importance,
            Order::Importance => Order::Name,
            Order::Name => Order::Size,
        }
    }
    /// Its name.
    pub fn title(self) -> &'static str {
        match self {
            Order::Size => "by size",
            Order::Importance => "by importance",
            Order::Name => "by name",
        }
    }
}

/// Stops a search for slices that nobody waits for any more. Clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct StopSlicing(Arc<AtomicBool>);

impl StopSlicing {
    /// Stops it.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for StopSlicing {
    /// Two are equal when stopping one stops the other.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A search for the slices that a drift comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Slicing {
    /// The run.
    pub run: RunId,
    /// The column.
    pub column: String,
    /// Ends it early.
    pub stop: StopSlicing,
}

/// The state of the screen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidationView {
    /// The run that was asked for last.
    pub asked: Option<RunId>,
    /// What is known about it.
    pub found: Option<Arc<Findings>>,
    /// Why nothing is.
    pub refused: Option<String>,
    /// The row under the cursor.
    pub cursor: usize,
    /// Whether findings in order are shown as well.
    pub all: bool,
    /// The order of the list.
    pub order: Order,
    /// The part that the cursor keys move in.
    pub section: Section,
    /// First line shown of the parts that are read.
    pub first: usize,
    /// Slices by column, or why there are none.
    pub slices: BTreeMap<String, Result<Slices, String>>,
    /// The search that is at work or waits.
    pub slicing: Option<Slicing>,
}

impl ValidationView {
    /// The findings shown, in order.
    pub fn rows(&self) -> Vec<&Finding> {
        let Some(found) = &self.found else {
            return Vec::new();
        };
        let mut rows: Vec<&Finding> = found
            .findings
            .iter()
            .filter(|f| self.all || f.standing.is_problem())
            .collect();
        let worst = |f: &Finding| match f.standing {
            // A drift and a warning weigh the same; drift is read first.
            Standing::Drift => 5,
            Standing::Fail => 6,
            Standing::Warn => 4,
            Standing::Masked => 3,
            Standing::CannotTell => 2,
            Standing::Ok => 1,
        };
        match self.order {
            Order::Size => rows.sort_by(|a, b| {
                worst(b)
                    .cmp(&worst(a))
                    .then_with(|| b.kind.is_drift().cmp(&a.kind.is_drift()))
                    .then_with(|| b.ratio.total_cmp(&a.ratio))
            }),
            Order::Importance => rows.sort_by_key(|f| f.importance.unwrap_or(usize::MAX)),
            Order::Name => rows.sort_by(|a, b| a.id.cmp(&b.id)),
        }
        rows
    }
    /// The finding under the cursor.
    pub fn chosen(&self) -> Option<&Finding> {
        let rows = self.rows();
        rows.get(self.cursor.min(rows.len().saturating_sub(1)))
            .copied()
    }
    /// Puts the cursor on a finding, or leaves it where it is.
    pub fn seek(&mut self, id: Option<&str>) {
        let rows = self.rows();
        let at = id.and_then(|id| rows.iter().position(|f| f.id == id));
        let last = rows.len().saturating_sub(1);
        self.cursor = at.unwrap_or(self.cursor).min(last);
    }
    /// The column whose slices can be looked for: that of a drift with bins.
    pub fn sliceable(&self) -> Option<&str> {
        let found = self.found.as_ref()?;
        let finding = self.chosen().filter(|f| f.kind.is_drift())?;
        let column = finding.column.as_deref()?;
        found.bins_of(column).map(|_| column)
    }
}
