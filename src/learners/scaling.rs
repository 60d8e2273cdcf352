//! Standardisation as scikit-learn's `StandardScaler` does it, for the linear learners.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::json_number::json_exact;
use crate::dataset::Matrix;

/// Mean and standard deviation of every feature, on the rows of a fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Means.
    pub offset: Vec<f64>,
    /// Standard deviations (of the population); 1 where a feature does not vary.
    pub scale: Vec<f64>,
}

impl Scaling {
    /// Measures every column.
    pub fn fit(x: &Matrix) -> Self {
        let (offset, scale) = (0..x.features())
            .into_par_iter()
            .map(|feature| {
                let column = x.column(feature);
                let n = column.len().max(1) as f64;
                let mean = column.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
                let variance = column
                    .iter()
                    .map(|&v| (f64::from(v) - mean).powi(2))
                    .sum::<f64>()
                    / n;
                // What rounding alone makes of a constant column does not count as variance.
                let noise = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
                let sd = if variance > noise {
                    variance.sqrt()
                } else {
                    1.0
                };
                (json_exact(mean), json_exact(sd))
            })
            .unzip();
        Self { offset, scale }
    }
    /// Why this cannot be the scaling of `features` features, if so.
    pub fn check(&self, features: usize) -> Result<(), String> {
        if self.offset.len() != features || self.scale.len() != features {
            return Err(format!(
                "{} offsets and {} scales for {features} features",
                self.offset.len(),
                self.scale.len()
            ));
        }
        if !self.offset.iter().all(|v| v.is_finite()) {
            return Err("an offset is not a finite number".into());
        }
        if !self.scale.iter().all(|v| v.is_finite() && *v > 0.0) {
            return Err("a scale is not a positive number".into());
        }
        Ok(())
    }
}

/// The first value that is not a finite number, as a sentence.
pub fn not_finite(x: &Matrix) -> Option<String> {
    (0..x.features()).find_map(|feature| {
        let row = x.column(feature).iter().position(|v| !v.is_finite())?;
        Some(format!(
            "feature `{}` is {} in row {row}; impute it first",
            x.names()[feature],
            x.get(row, feature)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn population_deviation_and_one_for_constants() {
        let x = Matrix::from_columns(
            vec!["a".into(), "b".into(), "c".into()],
            4,
            vec![
                vec![1.0, 2.0, 3.0, 4.0],
                vec![0.1; 4],
                vec![1e30, 1e30, 1e30, 1e30],
            ],
        );
        let s = Scaling::fit(&x);
        assert_eq!(s.offset[0], 2.5);
        assert!((s.scale[0] - 1.25f64.sqrt()).abs() < 1e-14);
        assert_eq!(&s.scale[1..], &[1.0, 1.0]);
        assert_eq!(s.check(3), Ok(()));
        assert!(s.check(2).is_err());
    }

    #[test]
    fn names_the_first_bad_value() {
        let mut columns = vec![vec![0.0; 3], vec![0.0; 3]];
        columns[1][2] = f32::NAN;
        let x = Matrix::from_columns(vec!["a".into(), "b".into()], 3, columns);
        let said = not_finite(&x).unwrap();
        assert!(said.contains("`b`") && said.contains("row 2"), "{said}");
    }
}
