//! Classification metrics, with scikit-learn's definitions, and their intervals.
//!
//! Pure functions over labels and probabilities; nothing here reads files or knows a learner.

mod report;

pub use report::{ClassMetrics, TestMetrics};
