//! Curves: log loss and error on rows a fit watches, from votes that add up tree by tree.

use super::tree::{Tree, Values, top_class};
use crate::dataset::{Labels, Matrix};

/// Sums of class shares on the watched rows.
pub(super) struct Votes<'a> {
    x: &'a Matrix,
    y: &'a Labels,
    sums: Vec<f64>,
}

impl<'a> Votes<'a> {
    /// No votes yet; none at all if there is nothing to watch.
    pub(super) fn new(watch: Option<(&'a Matrix, &'a Labels)>) -> Option<Self> {
        let (x, y) = watch.filter(|(x, _)| x.rows() > 0)?;
        Some(Self {
            x,
            y,
            sums: vec![0.0; x.rows() * y.classes.len()],
        })
    }
    /// Adds a tree's shares.
    pub(super) fn add(&mut self, tree: &Tree) {
        let classes = self.y.classes.len();
        let sums = &mut self.sums;
        tree.walk(Values::of(self.x), 0, self.x.rows(), |row, shares| {
            for (sum, share) in sums[row * classes..].iter_mut().zip(shares) {
                *sum += share;
            }
        });
    }
    /// `log_loss` and `error` of the mean shares so far.
    pub(super) fn figures(&self) -> Vec<(&'static str, f64)> {
        figures(&self.sums, self.y)
    }
}

/// `log_loss` and `error` of class shares that need not sum to 1.
pub(super) fn figures(sums: &[f64], y: &Labels) -> Vec<(&'static str, f64)> {
    let rows = y.rows() as f64;
    let (mut loss, mut wrong) = (0.0, 0usize);
    for (row, &code) in sums.chunks_exact(y.classes.len()).zip(&y.codes) {
        let total: f64 = row.iter().sum();
        let share = row[code as usize] / total;
        // A share of 0 would make the loss infinite; scikit-learn clips at the same place.
        loss -= share.max(f64::EPSILON).ln();
        wrong += usize::from(top_class(row) != code as usize);
    }
    vec![("log_loss", loss / rows), ("error", wrong as f64 / rows)]
}
