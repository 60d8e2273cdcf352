//! The settings of every learner, with scikit-learn's / XGBoost's library defaults.
//!
//! These structs are the `[training.<learner>]` tables of `config.toml`. Ranges are checked by
//! the learner before it fits, with [`super::FitError::Setting`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a learner, the same in configuration, JSON, logs and screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearnerId {
    /// Softmax regression with an L2 penalty.
    LogisticRegression,
    /// One CART tree.
    DecisionTree,
    /// Bagged trees with random feature subsets.
    RandomForest,
    /// Boosted stumps, SAMME.
    Adaboost,
    /// The real XGBoost.
    Xgboost,
    /// Baseline: `linfa-trees`.
    LinfaTree,
    /// Baseline: `linfa-logistic`.
    LinfaLogistic,
}

impl LearnerId {
    /// Every learner.
    pub const ALL: [LearnerId; 7] = [
        LearnerId::LogisticRegression,
        LearnerId::DecisionTree,
        LearnerId::RandomForest,
        LearnerId::Adaboost,
        LearnerId::Xgboost,
        LearnerId::LinfaTree,
        LearnerId::LinfaLogistic,
    ];
    /// The learners trained by default.
    pub const DEFAULT: [LearnerId; 5] = [
        LearnerId::LogisticRegression,
        LearnerId::DecisionTree,
        LearnerId::RandomForest,
        LearnerId::Adaboost,
        LearnerId::Xgboost,
    ];
    /// The id as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            LearnerId::LogisticRegression => "logistic_regression",
            LearnerId::DecisionTree => "decision_tree",
            LearnerId::RandomForest => "random_forest",
            LearnerId::Adaboost => "adaboost",
            LearnerId::Xgboost => "xgboost",
            LearnerId::LinfaTree => "linfa_tree",
            LearnerId::LinfaLogistic => "linfa_logistic",
        }
    }
    /// The setting that bounds its rounds, trees or iterations; one tree has none.
    pub const fn budget_setting(self) -> Option<&'static str> {
        match self {
            LearnerId::LogisticRegression | LearnerId::LinfaLogistic => Some("max_iterations"),
            LearnerId::RandomForest => Some("trees"),
            LearnerId::Adaboost | LearnerId::Xgboost => Some("rounds"),
            LearnerId::DecisionTree | LearnerId::LinfaTree => None,
        }
    }
    /// Whether this learner is only a baseline, never selected for a push.
    pub fn is_baseline(self) -> bool {
        matches!(self, LearnerId::LinfaTree | LearnerId::LinfaLogistic)
    }
}

impl fmt::Display for LearnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LearnerId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        LearnerId::ALL
            .into_iter()
            .find(|l| l.as_str() == text)
            .ok_or_else(|| {
                format!(
                    "`{text}` is not a learner; the learners are {}",
                    LearnerId::ALL.map(LearnerId::as_str).join(", ")
                )
            })
    }
}

/// Impurity of a split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Gini impurity.
    #[default]
    Gini,
    /// Shannon entropy.
    Entropy,
}

/// How many features a split looks at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxFeatures {
    /// All of them.
    All,
    /// The square root, rounded down, at least 1.
    Sqrt,
    /// This share of them, at least 1.
    #[serde(untagged)]
    Share(f64),
}

/// `[training.logistic_regression]`: minimises C * sum of log losses + |w|² / 2 by L-BFGS on
/// standardised features, the intercepts unpenalised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticRegressionParams {
    /// Inverse strength of the L2 penalty, > 0.
    pub c: f64,
    /// Iterations at most.
    pub max_iterations: u32,
    /// Stops when the largest gradient component falls below this.
    pub tolerance: f64,
}

impl Default for LogisticRegressionParams {
    fn default() -> Self {
        Self {
            c: 1.0,
            max_iterations: 1000,
            tolerance: 1e-4,
        }
    }
}

/// `[training.decision_tree]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionTreeParams {
    /// Impurity.
    pub criterion: Criterion,
    /// Depth at most; 0 = unlimited.
    pub max_depth: u32,
    /// Rows a node needs to be split.
    pub min_samples_split: u32,
    /// Rows each side of a split needs.
    pub min_samples_leaf: u32,
    /// Features per split.
    pub max_features: MaxFeatures,
}

impl Default for DecisionTreeParams {
    fn default() -> Self {
        Self {
            criterion: Criterion::Gini,
            max_depth: 0,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::All,
        }
    }
}

/// `[training.random_forest]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomForestParams {
    /// Number of trees.
    pub trees: u32,
    /// Impurity.
    pub criterion: Criterion,
    /// Depth at most; 0 = unlimited.
    pub max_depth: u32,
    /// Rows a node needs to be split.
    pub min_samples_split: u32,
    /// Rows each side of a split needs.
    pub min_samples_leaf: u32,
    /// Features per split.
    pub max_features: MaxFeatures,
    /// Whether each tree sees a bootstrap sample.
    pub bootstrap: bool,
}

impl Default for RandomForestParams {
    fn default() -> Self {
        Self {
            trees: 100,
            criterion: Criterion::Gini,
            max_depth: 0,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::Sqrt,
            bootstrap: true,
        }
    }
}

/// `[training.adaboost]`: SAMME over shallow trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaboostParams {
    /// Number of boosting rounds; 50 is scikit-learn's default.
    pub rounds: u32,
    /// Shrinks each round's weight.
    pub learning_rate: f64,
    /// Depth of each tree; 1 = stumps.
    pub max_depth: u32,
}

impl Default for AdaboostParams {
    fn default() -> Self {
        Self {
            rounds: 50,
            learning_rate: 1.0,
            max_depth: 1,
        }
    }
}

/// `[training.xgboost]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XgboostParams {
    /// Boosting rounds.
    pub rounds: u32,
    /// Shrinkage (`eta`).
    pub learning_rate: f64,
    /// Depth at most; 0 = unlimited.
    pub max_depth: u32,
    /// Minimum sum of hessians in a child.
    pub min_child_weight: f64,
    /// Share of rows per tree.
    pub subsample: f64,
    /// Share of features per tree.
    pub colsample_bytree: f64,
    /// L2 penalty (`lambda`).
    pub reg_lambda: f64,
    /// L1 penalty (`alpha`).
    pub reg_alpha: f64,
    /// Minimum loss reduction of a split.
    pub gamma: f64,
    /// Histogram bins.
    pub max_bin: u32,
}

impl Default for XgboostParams {
    fn default() -> Self {
        Self {
            rounds: 100,
            learning_rate: 0.3,
            max_depth: 6,
            min_child_weight: 1.0,
            subsample: 1.0,
            colsample_bytree: 1.0,
            reg_lambda: 1.0,
            reg_alpha: 0.0,
            gamma: 0.0,
            max_bin: 256,
        }
    }
}

/// `[training.linfa_tree]`, a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinfaTreeParams {
    /// Depth at most; 0 = unlimited.
    pub max_depth: u32,
    /// Rows above which the baseline is refused: its cost grows with nodes x rows x features.
    pub max_rows: u64,
}

impl Default for LinfaTreeParams {
    fn default() -> Self {
        Self {
            max_depth: 10,
            max_rows: 20_000,
        }
    }
}

/// `[training.linfa_logistic]`, a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinfaLogisticParams {
    /// L2 penalty.
    pub alpha: f64,
    /// Iterations at most.
    pub max_iterations: u64,
    /// Rows above which the baseline is refused.
    pub max_rows: u64,
}

impl Default for LinfaLogisticParams {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            max_iterations: 100,
            max_rows: 50_000,
        }
    }
}

/// One learner with its settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LearnerSpec {
    /// Softmax regression.
    LogisticRegression(LogisticRegressionParams),
    /// One tree.
    DecisionTree(DecisionTreeParams),
    /// A forest.
    RandomForest(RandomForestParams),
    /// Boosted stumps.
    Adaboost(AdaboostParams),
    /// XGBoost.
    Xgboost(XgboostParams),
    /// Baseline tree.
    LinfaTree(LinfaTreeParams),
    /// Baseline regression.
    LinfaLogistic(LinfaLogisticParams),
}

impl LearnerSpec {
    /// Which learner.
    pub fn id(&self) -> LearnerId {
        match self {
            LearnerSpec::LogisticRegression(_) => LearnerId::LogisticRegression,
            LearnerSpec::DecisionTree(_) => LearnerId::DecisionTree,
            LearnerSpec::RandomForest(_) => LearnerId::RandomForest,
            LearnerSpec::Adaboost(_) => LearnerId::Adaboost,
            LearnerSpec::Xgboost(_) => LearnerId::Xgboost,
            LearnerSpec::LinfaTree(_) => LearnerId::LinfaTree,
            LearnerSpec::LinfaLogistic(_) => LearnerId::LinfaLogistic,
        }
    }
    /// Rounds, trees or iterations at most; 1 for a single tree.
    pub fn rounds(&self) -> u32 {
        match self {
            LearnerSpec::LogisticRegression(p) => p.max_iterations,
            LearnerSpec::DecisionTree(_) | LearnerSpec::LinfaTree(_) => 1,
            LearnerSpec::RandomForest(p) => p.trees,
            LearnerSpec::Adaboost(p) => p.rounds,
            LearnerSpec::Xgboost(p) => p.rounds,
            LearnerSpec::LinfaLogistic(p) => p.max_iterations as u32,
        }
    }
}
