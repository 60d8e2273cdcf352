//! What the learners are given: matrix, labels and weights of the train split, and folds.

use sha2::{Digest, Sha256};

use super::folds::{Folds, vectors};
use crate::config::{ClassWeight, TrainingConfig};
use crate::dataset::{Frame, Labels, Matrix, ROW_COLUMN};
use crate::error::CommandError;
use crate::events::StageName;
use crate::hash;
use crate::learners::Weights;
use crate::pipeline::StageContext;
use crate::pipeline::data_ingestion::{self, DataIngestionArtifact};
use crate::pipeline::data_transformation::{DataTransformationArtifact, Preprocessor};
use crate::schema::{self, ClassMapping, Schema};

/// The train split as the learners see it.
#[derive(Clone, Debug)]
pub struct TrainingData {
    /// Features.
    pub x: Matrix,
    /// Classes.
    pub y: Labels,
    /// Weight of each row, from the weight column.
    pub row_weights: Option<Vec<f32>>,
    /// Row of each row in the source file.
    pub source_rows: Vec<u64>,
    /// The folds of the cross-validation.
    pub folds: Folds,
    /// SHA-256 over matrix, labels, weights and folds: equal data, equal digest.
    pub digest: String,
}

impl TrainingData {
    /// Puts the parts together and makes the folds.
    pub fn new(x: Matrix, y: Labels, row_weights: Option<Vec<f32>>, folds: u32, seed: u64) -> Self {
        let source_rows = (0..y.rows() as u64).collect();
        let vectors = vectors(&x);
        let folds = Folds::assign(&y, &vectors, folds, seed);
        let mut hasher = Sha256::new();
        for name in x.names().iter().chain(&y.classes) {
            hasher.update(name.as_bytes());
            hasher.update([0]);
        }
        for (row, vector) in vectors.iter().enumerate() {
            hasher.update(vector.to_le_bytes());
            hasher.update(y.codes[row].to_le_bytes());
            hasher.update(folds.of[row].to_le_bytes());
        }
        for weight in row_weights.iter().flatten() {
            hasher.update(weight.to_le_bytes());
        }
        let digest = hash::hex(&hasher.finalize());
        Self {
            x,
            y,
            row_weights,
            source_rows,
            folds,
            digest,
        }
    }
    /// The weights of a fit on `rows` (`None`: on all of them).
    pub fn weights(&self, class_weight: ClassWeight, rows: Option<&[usize]>) -> Weights {
        let row_weights = self.row_weights.as_ref().map(|all| match rows {
            Some(rows) => rows.iter().map(|&r| all[r]).collect(),
            None => all.clone(),
        });
        let classes = match class_weight {
            ClassWeight::None => None,
            ClassWeight::Balanced => {
                let counts = match rows {
                    Some(rows) => self.y.take(rows).counts(),
                    None => self.y.counts(),
                };
                Some(balanced(&counts))
            }
        };
        Weights {
            rows: row_weights,
            classes,
        }
    }
}

/// rows / (classes that occur * rows of the class), as scikit-learn's `balanced`; 1 for a class
/// without rows.
fn balanced(counts: &[u64]) -> Vec<f32> {
    let rows: u64 = counts.iter().sum();
    let present = counts.iter().filter(|&&n| n > 0).count() as u64;
    counts
        .iter()
        .map(|&n| {
            if n == 0 {
                1.0
            } else {
                (rows as f64 / (present * n) as f64) as f32
            }
        })
        .collect()
}

/// The schema with the classes that ingestion found, for targets where every value is a class.
pub fn with_classes(schema: &Schema, classes: &[String]) -> Schema {
    let mut schema = schema.clone();
    if let ClassMapping::Identity { order } = &mut schema.target.mapping {
        *order = classes.to_vec();
    }
    schema
}

/// Reads the preprocessor of a finished transformation stage and makes sure it is the one that
/// stage made.
pub fn load_preprocessor(
    ctx: &StageContext<'_>,
    sha256: &str,
) -> Result<Preprocessor, CommandError> {
    let path = ctx
        .stage_dir(StageName::DataTransformation)
        .join("preprocessor.json");
    let found = hash::sha256_file(&path).map_err(|e| {
        CommandError::backend(format!("{} cannot be read", path.display())).because(e)
    })?;
    if found != sha256 {
        return Err(CommandError::data(format!(
            "{} is not the preprocessor that data transformation made (SHA-256 {found}, expected {sha256})",
            path.display()
        ))
        .hint("Start a new run; somebody changed the files of this one."));
    }
    Ok(Preprocessor::load(&path)?)
}

/// Reads the train split and makes what the learners need of it.
pub fn load(
    ctx: &StageContext<'_>,
    ingestion: &DataIngestionArtifact,
    transformation: &DataTransformationArtifact,
) -> Result<TrainingData, CommandError> {
    let preprocessor = load_preprocessor(ctx, &transformation.preprocessor_sha256)?;
    let train = data_ingestion::load_train(&ctx.stage_dir(StageName::DataIngestion))?;
    let schema = with_classes(ctx.schema, &ingestion.classes);
    let y = schema::labels(&schema, &train.0)?;
    let x = preprocessor.transform(&train.0)?;
    let training = &ctx.config.training;
    let row_weights = row_weights(training, &train.0)?;
    let mut data = TrainingData::new(x, y, row_weights, training.folds, training.seed);
    if train.0.has(ROW_COLUMN) {
        data.source_rows = train
            .0
            .numbers(ROW_COLUMN)?
            .into_iter()
            .map(|r| r as u64)
            .collect();
    }
    Ok(data)
}

/// Reads the weight column: finite, not negative, not all zero.
fn row_weights(training: &TrainingConfig, frame: &Frame) -> Result<Option<Vec<f32>>, CommandError> {
    let Some(column) = &training.weight_column else {
        return Ok(None);
    };
    let values = frame
        .numbers(column)
        .map_err(|e| CommandError::config(format!("[training] weight_column: {e}")))?;
    if let Some(row) = values.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
        return Err(CommandError::data(format!(
            "the weight column `{column}` holds {} in train row {row}; weights must be numbers from 0 up",
            values[row]
        ))
        .hint("Mend the column, or leave `[training] weight_column` out."));
    }
    if values.iter().all(|w| *w == 0.0) {
        return Err(CommandError::data(format!(
            "the weight column `{column}` is zero in every train row"
        ))
        .hint("Mend the column, or leave `[training] weight_column` out."));
    }
    Ok(Some(values.into_iter().map(|w| w as f32).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(row_weights: Option<Vec<f32>>) -> TrainingData {
        let x = Matrix::from_columns(vec!["a".into()], 4, vec![vec![1.0, 2.0, 3.0, 4.0]]);
        let y = Labels {
            classes: vec!["harmless".into(), "threat".into(), "absent".into()],
            codes: vec![0, 0, 0, 1],
        };
        TrainingData::new(x, y, row_weights, 2, 1)
    }

    #[test]
    fn balanced_weights_are_scikit_learns() {
        // compute_class_weight("balanced", classes=[0, 1], y=[0, 0, 0, 1]) = [0.667, 2.0]
        let weights = data(None).weights(ClassWeight::Balanced, None);
        assert_eq!(weights.classes, Some(vec![2.0 / 3.0, 2.0, 1.0]));
        assert_eq!(
            data(None).weights(ClassWeight::None, None),
            Weights::default()
        );
        let some = data(Some(vec![1.0, 2.0, 3.0, 4.0])).weights(ClassWeight::None, Some(&[3, 0]));
        assert_eq!(some.rows, Some(vec![4.0, 1.0]));
    }

    #[test]
    fn weights_change_the_digest() {
        assert_eq!(data(None).digest, data(None).digest);
        assert_ne!(data(None).digest, data(Some(vec![1.0; 4])).digest);
    }

    #[test]
    fn bad_weights_are_named() {
        let training = TrainingConfig {
            weight_column: Some("w".into()),
            ..TrainingConfig::default()
        };
        let frame = |values: Vec<Option<f64>>| {
            Frame::from_columns(vec![Frame::number_column("w", values)]).unwrap()
        };
        let good = row_weights(&training, &frame(vec![Some(1.0), Some(0.5)])).unwrap();
        assert_eq!(good, Some(vec![1.0, 0.5]));
        let e = row_weights(&training, &frame(vec![Some(1.0), Some(-1.0)])).unwrap_err();
        assert!(e.message.contains("row 1"), "{e}");
        assert!(row_weights(&training, &frame(vec![None])).is_err());
        assert!(row_weights(&training, &frame(vec![Some(0.0)])).is_err());
        let other = Frame::from_columns(vec![Frame::number_column("v", vec![])]).unwrap();
        let e = row_weights(&training, &other).unwrap_err();
        assert!(e.message.contains("weight_column"), "{e}");
    }
}
