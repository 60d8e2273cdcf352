//! The learner's view: a dense `f32` matrix and class codes.

use std::sync::Arc;

/// A dense matrix of features, column-major: all rows of feature 0, then of feature 1, ..
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    // Shared: one row of a request must not copy a hundred names.
    names: Arc<[String]>,
    rows: usize,
    data: Vec<f32>,
}

impl Matrix {
    /// Builds a matrix from columns of equal length `rows`; names and columns run in parallel.
    ///
    /// # Panics
    /// Never in release of correct callers: debug builds assert the lengths.
    pub fn from_columns(names: Vec<String>, rows: usize, columns: Vec<Vec<f32>>) -> Self {
        debug_assert_eq!(names.len(), columns.len());
        debug_assert!(columns.iter().all(|c| c.len() == rows));
        Self {
            names: names.into(),
            rows,
            data: columns.concat(),
        }
    }
    /// Wraps values that already lie column-major, `rows * names` of them.
    ///
    /// # Panics
    /// Never in release of correct callers: debug builds assert the length.
    pub fn from_data(names: impl Into<Arc<[String]>>, rows: usize, data: Vec<f32>) -> Self {
        let names = names.into();
        debug_assert_eq!(data.len(), rows * names.len());
        Self { names, rows, data }
    }
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
    /// Number of features.
    pub fn features(&self) -> usize {
        self.names.len()
    }
    /// Names of the features in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }
    /// All values, column-major, `rows * features` long.
    pub fn data(&self) -> &[f32] {
        &self.data
    }
    /// The values of one feature, `rows` long.
    pub fn column(&self, feature: usize) -> &[f32] {
        &self.data[feature * self.rows..(feature + 1) * self.rows]
    }
    /// One value.
    pub fn get(&self, row: usize, feature: usize) -> f32 {
        self.data[feature * self.rows + row]
    }
    /// The rows at `rows`, in that order.
    pub fn take(&self, rows: &[usize]) -> Self {
        let mut data = Vec::with_capacity(rows.len() * self.features());
        for feature in 0..self.features() {
            let column = self.column(feature);
            data.extend(rows.iter().map(|&r| column[r]));
        }
        Self {
            names: Arc::clone(&self.names),
            rows: rows.len(),
            data,
        }
    }
}

/// The class of every row, as an index into `classes`.
///
/// The first class is the harmless one. In a binary task class 1 is the positive (threat) class.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// Class names.
    pub classes: Vec<String>,
    /// Index into `classes`, one a row.
    pub codes: Vec<u32>,
}

impl Labels {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.codes.len()
    }
    /// The rows at `rows`, in that order.
    pub fn take(&self, rows: &[usize]) -> Self {
        Self {
            classes: self.classes.clone(),
            codes: rows.iter().map(|&r| self.codes[r]).collect(),
        }
    }
    /// Rows of each class.
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.classes.len()];
        for &code in &self.codes {
            counts[code as usize] += 1;
        }
        counts
    }
}
