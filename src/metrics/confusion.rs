//! Counts of truth against prediction, and every metric that needs nothing else.
//!
//! Definitions are scikit-learn's: an undefined precision, recall or F1 is `None` for its class
//! and counts as zero inside averages; averages run over the classes that occur in the truth or
//! in the predictions.

use super::Metric;

/// Counts of rows by true class (first index) and predicted class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// No rows yet, over this many classes.
    pub fn empty(classes: usize) -> Self {
        Self {
            counts: vec![vec![0; classes]; classes],
        }
    }
    /// Counts rows; both slices hold class indices below `classes`.
    pub fn count(truth: &[u32], predicted: &[u32], classes: usize) -> Self {
        let mut confusion = Self::empty(classes);
        for (&t, &p) in truth.iter().zip(predicted) {
            confusion.add(t as usize, p as usize, 1);
        }
        confusion
    }
    /// Adds `rows` rows of one cell.
    pub fn add(&mut self, truth: usize, predicted: usize, rows: u64) {
        self.counts[truth][predicted] += rows;
    }
    /// Sets every count to zero, keeping the memory.
    pub fn clear(&mut self) {
        for row in &mut self.counts {
            row.fill(0);
        }
    }
    /// The counts; rows are the truth.
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.counts
    }
    /// Unwraps the counts.
    pub fn into_counts(self) -> Vec<Vec<u64>> {
        self.counts
    }
    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }
    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }
    /// Rows of a class in the truth.
    pub fn support(&self, class: usize) -> u64 {
        self.counts[class].iter().sum()
    }
    /// Rows predicted as a class.
    pub fn predicted(&self, class: usize) -> u64 {
        self.counts.iter().map(|row| row[class]).sum()
    }
    /// Rows of a class predicted as that class.
    pub fn hits(&self, class: usize) -> u64 {
        self.counts[class][class]
    }
    /// Rows predicted right.
    pub fn right(&self) -> u64 {
        (0..self.classes()).map(|c| self.hits(c)).sum()
    }
    /// Precision of a class; `None` when nothing was predicted as this class.
    pub fn precision(&self, class: usize) -> Option<f64> {
        share(self.hits(class), self.predicted(class))
    }
    /// Recall of a class; `None` when it has no rows.
    pub fn recall(&self, class: usize) -> Option<f64> {
        share(self.hits(class), self.support(class))
    }
    /// F1 of a class; `None` when it neither occurs nor is predicted.
    pub fn f1(&self, class: usize) -> Option<f64> {
        // 2 tp / (2 tp + fp + fn): one rounding, and the denominator is support + predicted.
        share(
            2 * self.hits(class),
            self.support(class) + self.predicted(class),
        )
    }
    /// A count-based metric; `None` when it is undefined or not count-based.
    ///
    /// With two classes, precision, recall and F1 are those of class 1, the threat; otherwise
    /// they are macro averages.
    pub fn metric(&self, metric: Metric) -> Option<f64> {
        let binary = self.classes() == 2;
        match metric {
            Metric::Accuracy => share(self.right(), self.rows()),
            Metric::Precision if binary => self.precision(1),
            Metric::Recall if binary => self.recall(1),
            Metric::F1 if binary => self.f1(1),
            Metric::Precision => self.macro_mean(Self::precision),
            Metric::Recall => self.macro_mean(Self::recall),
            Metric::F1 | Metric::MacroF1 => self.macro_mean(Self::f1),
            Metric::WeightedF1 => {
                let rows = self.rows();
                if rows == 0 {
                    return None;
                }
                let sum: f64 = (0..self.classes())
                    .map(|c| self.support(c) as f64 * self.f1(c).unwrap_or(0.0))
                    .sum();
                Some(sum / rows as f64)
            }
            Metric::RocAuc | Metric::PrAuc | Metric::LogLoss | Metric::Brier => None,
        }
    }
    /// Mean over the classes that occur in truth or predictions; undefined figures count as 0.
    fn macro_mean(&self, figure: impl Fn(&Self, usize) -> Option<f64>) -> Option<f64> {
        let mut sum = 0.0;
        let mut present = 0_u32;
        for class in 0..self.classes() {
            if self.support(class) + self.predicted(class) > 0 {
                present += 1;
                sum += figure(self, class).unwrap_or(0.0);
            }
        }
        (present > 0).then(|| sum / f64::from(present))
    }
}

/// `part / whole`, `None` when the whole is nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The most probable class of each row; of equal ones the first.
///
/// With two classes this is "threat when its probability is above 0.5", as XGBoost and
/// scikit-learn's `argmax` decide: exactly 0.5 is harmless.
pub fn most_probable(probabilities: &[f64], classes: usize) -> Vec<u32> {
    probabilities
        .chunks_exact(classes.max(1))
        .map(|row| {
            let mut best = 0;
            for (class, &p) in row.iter().enumerate() {
                if p > row[best] {
                    best = class;
                }
            }
            best as u32
        })
        .collect()
}

/// Binary tasks: threat (1) where its probability reaches the operating point.
pub fn at_threshold(probabilities: &[f64], threshold: f64) -> Vec<u32> {
    probabilities
        .chunks_exact(2)
        .map(|row| u32::from(row[1] >= threshold))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_figures_are_those_of_the_threat_class() {
        // tn 3, fp 1, fn 2, tp 4
        let c = Confusion {
            counts: vec![vec![3, 1], vec![2, 4]],
        };
        assert_eq!(c.metric(Metric::Accuracy), Some(0.7));
        assert_eq!(c.metric(Metric::Precision), Some(0.8));
        assert_eq!(c.metric(Metric::Recall), Some(4.0 / 6.0));
        assert_eq!(c.metric(Metric::F1), Some(8.0 / 11.0));
    }

    #[test]
    fn undefined_figures_are_none_and_zero_in_averages() {
        // Class 1 is never predicted, class 2 does not occur at all.
        let c = Confusion::count(&[0, 0, 1], &[0, 0, 0], 3);
        assert_eq!(c.precision(1), None);
        assert_eq!(c.f1(1), Some(0.0));
        assert_eq!(c.recall(2), None);
        assert_eq!(c.f1(2), None);
        assert_eq!(c.metric(Metric::MacroF1), Some(0.4));
        assert_eq!(Confusion::empty(3).metric(Metric::Accuracy), None);
    }

    #[test]
    fn ties_go_to_the_first_class() {
        assert_eq!(most_probable(&[0.5, 0.5, 0.4, 0.6], 2), [0, 1]);
        assert_eq!(most_probable(&[0.2, 0.4, 0.4], 3), [1]);
        assert_eq!(at_threshold(&[0.5, 0.5, 0.6, 0.4], 0.5), [1, 0]);
    }
}
