//! What the Compare screen compares, and what it has found out.

use crate::pipeline::model_evaluation::CompareDocument;
use crate::runs::RunId;

/// The second side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    /// The model in production.
    Champion,
    /// Another run.
    Run(RunId),
}

/// The two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The run whose test rows are compared on.
    pub first: RunId,
    /// What it is compared with.
    pub other: Other,
}

/// Which part is shown where there is room for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// ROC curves.
    #[default]
    Roc,
    /// Precision-recall curves.
    PrecisionRecall,
    /// The confusion matrix of the first.
    Confusion,
    /// How the confusion differs from the second's.
    Change,
    /// Parts of the rows on which the first is better or worse.
    Slices,
    /// What differs in settings and data.
    Differences,
    /// Rows on which the two disagree.
    Rows,
}

impl Pane {
    /// Every part, in the order of Tab.
    pub const ALL: [Pane; 7] = [
        Pane::Roc,
        Pane::PrecisionRecall,
        Pane::Confusion,
        Pane::Change,
        Pane::Slices,
        Pane::Differences,
        Pane::Rows,
    ];
    /// The part `by` places further, round and round.
    pub fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|p| *p == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

impl CompareView {
    /// Lines that the longest view may have, so that scrolling ends somewhere.
    pub fn lines(&self) -> usize {
        self.document.as_ref().map_or(0, |d| match self.pane {
            Pane::Rows => d.disagreements.len() + 2,
            Pane::Slices => d.slices.slices.len() + 4,
            Pane::Differences => d.parameters.len() + d.data.len() + d.notes.len(),
            Pane::Roc | Pane::PrecisionRecall | Pane::Confusion | Pane::Change => 0,
        })
    }
}

/// The state of the screen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompareView {
    /// What was asked for last.
    pub pair: Option<Pair>,
    /// The answer to it, once it is there.
    pub document: Option<Box<CompareDocument>>,
    /// Why there is none.
    pub refused: Option<String>,
    /// The part shown.
    pub pane: Pane,
    /// First row or line shown of a part that can be longer than the screen.
    pub first: usize,
}
