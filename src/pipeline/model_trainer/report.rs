//! `trainer.json` and `selected.json`: what the stage leaves for readers.
//!
//! No times stand in them: the same data and settings give the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::inputs::TrainingData;
use super::selection::Selection;
use super::train::Trained;
use crate::config::TrainingConfig;
use crate::error::ErrorReport;
use crate::events::Summary;
use crate::learners::LearnerId;
use crate::metrics::Metric;
use crate::metrics::operating_point::OperatingPoint;

/// Name of the leaderboard's file.
pub const TRAINER_FILE: &str = "trainer.json";
/// Name of the pointer to the selected model.
pub const SELECTED_FILE: &str = "selected.json";

/// Name of the schema the models were trained with, its classes filled in.
pub const SCHEMA_FILE: &str = "schema.json";

/// `selected.json`: which model, by hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selected {
    /// `netsec-selected`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// The learner.
    pub learner: LearnerId,
    /// The model file beside this one.
    pub model: String,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// SHA-256 of the preprocessor it needs.
    pub preprocessor_sha256: String,
    /// Operating point (binary tasks).
    pub threshold: Option<f64>,
    /// Class names in order.
    pub classes: Vec<String>,
}

/// `trainer.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainerReport {
    /// `netsec-trainer`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// Train rows.
    pub rows: u64,
    /// Features of the matrix.
    pub features: u64,
    /// Train rows by class.
    pub classes: Vec<ClassRows>,
    /// How the rows were folded.
    pub folds: FoldsReport,
    /// The metric that selects.
    pub select_by: String,
    /// Seed of everything random.
    pub seed: u64,
    /// The learners with a model, in the order of the configuration.
    pub leaderboard: Vec<LeaderboardRow>,
    /// Learners that could not be fitted.
    pub failed: Vec<FailedLearner>,
    /// Learners that a stop left out.
    pub skipped: Vec<LearnerId>,
    /// The selected learner.
    pub selected: LearnerId,
    /// Why.
    pub reason: String,
    /// Learners that the folds do not separate from the selected one.
    pub tied: Vec<LearnerId>,
    /// The selected model's operating point, with its figures out of fold (binary tasks).
    pub operating_point: Option<OperatingPoint>,
}

/// Rows of a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassRows {
    /// The class.
    pub class: String,
    /// Its train rows.
    pub rows: u64,
    /// Its rows in its poorest fold.
    pub fewest_in_a_fold: u64,
}

/// How the rows were folded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldsReport {
    /// Folds.
    pub count: u32,
    /// Held-out rows of each.
    pub rows: Vec<u64>,
    /// Distinct feature vectors.
    pub distinct_vectors: u64,
    /// Whether equal vectors share a fold.
    pub equal_vectors_together: bool,
}

/// One learner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeaderboardRow {
    /// Which learner.
    pub learner: LearnerId,
    /// Whether it is only there to compare with.
    pub baseline: bool,
    /// Its settings.
    pub params: serde_json::Value,
    /// Its model file.
    pub model: String,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// Whether a stop cut one of its fits short.
    pub cut_short: bool,
    /// Cross-validated metrics.
    pub cv: BTreeMap<String, Summary>,
    /// Metrics by fold; `None` for a fold that was not fitted.
    pub folds: Vec<Option<BTreeMap<String, Option<f64>>>>,
}

/// A learner that could not be fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedLearner {
    /// Which learner.
    pub learner: LearnerId,
    /// Why.
    pub error: ErrorReport,
}

impl LeaderboardRow {
    /// The row of a learner.
    pub fn new(trained: &Trained) -> Self {
        let folds = trained
            .figures
            .iter()
            .map(|figures| {
                figures.as_ref().map(|f| {
                    Metric::ALL
                        .iter()
                        .map(|&m| (m.key().to_owned(), f.get(m)))
                        .collect()
                })
            })
            .collect();
        Self {
            learner: trained.learner,
            baseline: trained.learner.is_baseline(),
            params: trained.params.clone(),
            model: format!("{}.json", trained.learner),
            model_sha256: trained.model_sha256.clone(),
            cut_short: trained.cut_short,
            cv: trained.cv.clone(),
            folds,
        }
    }
}

impl TrainerReport {
    /// Puts the report together.
    pub fn new(
        data: &TrainingData,
        training: &TrainingConfig,
        trained: &[&Trained],
        failed: Vec<FailedLearner>,
        skipped: Vec<LearnerId>,
        selection: &Selection,
        operating_point: Option<OperatingPoint>,
    ) -> Self {
        let folds = &data.folds;
        Self {
            format: "netsec-trainer".to_owned(),
            version: 1,
            rows: data.y.rows() as u64,
            features: data.x.features() as u64,
            classes: class_rows(data),
            folds: FoldsReport {
                count: folds.count,
                rows: (0..folds.count)
                    .map(|f| folds.held_out(f).len() as u64)
                    .collect(),
                distinct_vectors: folds.distinct,
                equal_vectors_together: folds.grouped,
            },
            select_by: training.select_by.key().to_owned(),
            seed: training.seed,
            leaderboard: trained.iter().map(|t| LeaderboardRow::new(t)).collect(),
            failed,
            skipped,
            selected: selection.learner,
            reason: selection.reason.clone(),
            tied: selection.tied.clone(),
            operating_point,
        }
    }
}

/// Rows of every class, in all and in its poorest fold.
pub fn class_rows(data: &TrainingData) -> Vec<ClassRows> {
    data.y
        .counts()
        .into_iter()
        .zip(&data.y.classes)
        .enumerate()
        .map(|(code, (rows, class))| ClassRows {
            class: class.clone(),
            rows,
            fewest_in_a_fold: data.folds.fewest(&data.y, code as u32),
        })
        .collect()
}
