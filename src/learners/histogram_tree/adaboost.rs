//! AdaBoost: SAMME over shallow trees, with scikit-learn's rules and probabilities.
//!
//! Classes without rows in the fit take no part, as in scikit-learn, where they are unknown;
//! their probability is 0.

use serde::{Deserialize, Serialize};

use super::checks;
use super::codes::CodedMatrix;
use super::curve;
use super::decision_tree::{check_importances, in_blocks, weighted_items};
use super::grow::{Growth, grow, normalise};
use super::random_forest::row_major;
use super::seeds::TreeRng;
use super::tree::{Tree, TreeFile, Values, top_class};
use crate::dataset::Matrix;
use crate::learners::json_number::{json_exact, json_exact_all};
use crate::learners::plain_tree::VotingTrees;
use crate::learners::{AdaboostParams, Criterion, FitError, FitRequest, Progress, StopRequest};

const LEARNER: &str = "adaboost";
/// Rows that walk through the trees together.
const BLOCK: usize = 1024;

/// A fitted AdaBoost ensemble.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "AdaboostFile", into = "AdaboostFile")]
pub struct AdaboostModel {
    features: usize,
    classes: usize,
    present: Vec<u32>,
    trees: Vec<Tree>,
    weights: Vec<f64>,
    importances: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdaboostFile {
    features: usize,
    classes: usize,
    /// Classes that had rows, ascending.
    present: Vec<u32>,
    trees: Vec<TreeFile>,
    /// One entry a tree.
    weights: Vec<f64>,
    importances: Vec<f64>,
}

impl From<AdaboostModel> for AdaboostFile {
    fn from(model: AdaboostModel) -> Self {
        Self {
            features: model.features,
            classes: model.classes,
            present: model.present,
            trees: model.trees.iter().map(Tree::to_file).collect(),
            weights: model.weights,
            importances: model.importances,
        }
    }
}

impl TryFrom<AdaboostFile> for AdaboostModel {
    type Error = String;
    fn try_from(file: AdaboostFile) -> Result<Self, String> {
        check_importances(&file.importances, file.features)?;
        if file.trees.is_empty() || file.trees.len() != file.weights.len() {
            return Err("an ensemble needs one weight for each of its trees".into());
        }
        let total: f64 = file.weights.iter().sum();
        if file.weights.iter().any(|w| !w.is_finite() || *w <= 0.0) || !total.is_finite() {
            return Err("the weights of an ensemble are finite and above 0".into());
        }
        if file.present.is_empty()
            || !file.present.is_sorted_by(|a, b| a < b)
            || file.present.iter().any(|&c| c as usize >= file.classes)
        {
            return Err("`present` does not list classes in ascending order".into());
        }
        let trees = file
            .trees
            .into_iter()
            .map(|tree| Tree::from_file(tree, file.features, file.classes))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            features: file.features,
            classes: file.classes,
            present: file.present,
            trees,
            weights: file.weights,
            importances: file.importances,
        })
    }
}

impl AdaboostModel {
    /// Fits the ensemble.
    ///
    /// # Errors
    /// Settings out of range, data that cannot be fitted (also: the first tree is no better than
    /// chance), or the operator's cancel.
    pub fn fit(params: &AdaboostParams, request: &FitRequest<'_>) -> Result<Self, FitError> {
        let setting = |reason: String| FitError::Setting {
            learner: LEARNER,
            reason,
        };
        if params.rounds == 0 {
            return Err(setting("rounds is 0; it must be at least 1".into()));
        }
        if !(params.learning_rate.is_finite() && params.learning_rate > 0.0) {
            return Err(setting(format!(
                "learning_rate is {}; it must be above 0",
                params.learning_rate
            )));
        }
        let weights = checks::request(LEARNER, request)?;
        let coded = CodedMatrix::new(request.x)
            .map_err(|feature| checks::not_finite(LEARNER, request.x, feature))?;
        let (features, classes) = (request.x.features(), request.y.classes.len());
        let codes = &request.y.codes;
        let mut weights = weights.unwrap_or_else(|| vec![1.0; codes.len()]);
        normalise(&mut weights);
        let mut seen = vec![false; classes];
        for (&code, &weight) in codes.iter().zip(&weights) {
            seen[code as usize] |= weight > 0.0;
        }
        let present: Vec<u32> = (0..).zip(&seen).filter(|s| *s.1).map(|s| s.0).collect();
        let mut model = Self {
            features,
            classes,
            present,
            trees: Vec::new(),
            weights: Vec::new(),
            importances: vec![0.0; features],
        };
        let kinds = model.present.len() as f64;
        let growth = Growth {
            criterion: Criterion::Gini,
            max_depth: checks::depth_limit(params.max_depth),
            min_split: 2,
            min_leaf: 1,
            max_features: features,
        };
        let mut wrong = vec![false; codes.len()];
        let mut curves = Curves::new(request, classes);
        for round in 0..params.rounds {
            if round > 0 && request.control.stop() != StopRequest::None {
                break;
            }
            // As in scikit-learn: weights never fade below what a sum of 1 can resolve.
            for weight in &mut weights {
                if *weight > 0.0 {
                    *weight = weight.max(f64::EPSILON);
                }
            }
            let rng = TreeRng::new(request.seed, u64::from(round));
            let items = weighted_items(codes, &weights);
            let grown = grow(&coded, items, classes, growth, rng, request.control, || ())?;
            let (mut missed, mut total) = (0.0, 0.0);
            let x = Values::of(request.x);
            grown.tree.walk(x, 0, codes.len(), |row, shares| {
                wrong[row] = top_class(shares) != codes[row] as usize;
                total += weights[row];
                if wrong[row] {
                    missed += weights[row];
                }
            });
            let error: f64 = missed / total;
            let perfect = error <= 0.0;
            if !perfect && error >= 1.0 - 1.0 / kinds {
                if model.trees.is_empty() {
                    return Err(FitError::Data {
                        learner: LEARNER,
                        reason: format!(
                            "the first tree is no better than chance (weighted error {error:.4} of \
                             {kinds} classes); the features tell nothing at max_depth {}",
                            params.max_depth
                        ),
                    });
                }
                break;
            }
            let weight = if perfect {
                1.0
            } else {
                json_exact(
                    params.learning_rate * (((1.0 - error) / error).ln() + (kinds - 1.0).ln()),
                )
            };
            curves.add(request, &grown.tree, weight);
            for (sum, gain) in model.importances.iter_mut().zip(&grown.importances) {
                *sum += weight * gain;
            }
            model.trees.push(grown.tree);
            model.weights.push(weight);
            (request.progress)(Progress {
                round: round + 1,
                of: params.rounds,
                train: vec![("error", curves.train_error(request))],
                valid: curves.valid(request, &model),
            });
            if perfect {
                break;
            }
            let factor = weight.exp();
            for (weight, _) in weights.iter_mut().zip(&wrong).filter(|w| *w.1) {
                *weight *= factor;
            }
            let sum: f64 = weights.iter().sum();
            if !sum.is_finite() || sum <= 0.0 {
                break;
            }
            normalise(&mut weights);
        }
        normalise(&mut model.importances);
        json_exact_all(&mut model.importances);
        Ok(model)
    }
    /// Number of features and classes.
    pub fn shape(&self) -> (usize, usize) {
        (self.features, self.classes)
    }
    /// Number of trees.
    pub fn trees(&self) -> usize {
        self.trees.len()
    }
    /// Class probabilities, row-major: softmax of the ensemble's weighted votes. `x` has as many
    /// features as the model.
    pub fn predict_proba(&self, x: &Matrix) -> Vec<f64> {
        in_blocks(x.rows(), self.classes, BLOCK, |first, out| {
            let rows = out.len() / self.classes;
            let block = row_major(x, first, rows);
            let values = Values {
                data: &block,
                row_stride: self.features,
                feature_stride: 1,
            };
            for (tree, weight) in self.trees.iter().zip(&self.weights) {
                tree.walk(values, 0, rows, |row, shares| {
                    out[row * self.classes + top_class(shares)] += weight;
                });
            }
            self.votes_to_probabilities(out);
        })
    }
    /// Turns the weight each class was voted for into probabilities.
    ///
    /// A vote for a class counts w for it and -w / (K - 1) against each other class; the decision
    /// is their sum over the sum of weights, and the probability softmax(decision / (K - 1)). In
    /// the binary case scikit-learn's decision is d1 - d0 = 2 d1 and its probabilities are
    /// softmax(-d1, d1), which is what the general formula gives with d0 = -d1.
    fn votes_to_probabilities(&self, votes: &mut [f64]) {
        let kinds = self.present.len() as f64;
        let total: f64 = self.weights.iter().sum();
        for row in votes.chunks_exact_mut(self.classes) {
            if self.present.len() == 1 {
                row.fill(0.0);
                row[self.present[0] as usize] = 1.0;
                continue;
            }
            let mut sum = 0.0;
            for &class in &self.present {
                let share = row[class as usize] / total;
                let decision = share - (1.0 - share) / (kinds - 1.0);
                // |decision| is at most 1: the exponential cannot overflow.
                let odds = (decision / (kinds - 1.0)).exp();
                row[class as usize] = odds;
                sum += odds;
            }
            for (class, value) in (0..).zip(row) {
                // A file may hold a tree that votes for a class that had no rows.
                let known = self.present.len() == self.classes || self.present.contains(&class);
                *value = if known { *value / sum } else { 0.0 };
            }
        }
    }
    /// The ensemble in plain form.
    pub fn plain(&self) -> VotingTrees {
        VotingTrees {
            present: self.present.iter().map(|&c| c as usize).collect(),
            trees: self
                .trees
                .iter()
                .map(|tree| {
                    let plain = tree.plain();
                    plain.tree.map(|&row| top_class(&plain.shares[row]))
                })
                .collect(),
            weights: self.weights.clone(),
        }
    }
    /// Mean decrease in impurity of each feature, weighted by the trees' weights.
    pub fn importances(&self) -> &[f64] {
        &self.importances
    }
}

/// Votes so far on the train and the watched rows, for the curves.
struct Curves {
    classes: usize,
    train: Vec<f64>,
    valid: Vec<f64>,
}

impl Curves {
    fn new(request: &FitRequest<'_>, classes: usize) -> Self {
        let watched = request.watch.map_or(0, |(x, _)| x.rows());
        Self {
            classes,
            train: vec![0.0; request.x.rows() * classes],
            valid: vec![0.0; watched * classes],
        }
    }
    fn add(&mut self, request: &FitRequest<'_>, tree: &Tree, weight: f64) {
        let classes = self.classes;
        let count = |x: &Matrix, votes: &mut [f64]| {
            tree.walk(Values::of(x), 0, x.rows(), |row, shares| {
                votes[row * classes + top_class(shares)] += weight;
            });
        };
        count(request.x, &mut self.train);
        if let Some((x, _)) = request.watch {
            count(x, &mut self.valid);
        }
    }
    fn train_error(&self, request: &FitRequest<'_>) -> f64 {
        let wrong = self
            .train
            .chunks_exact(self.classes)
            .zip(&request.y.codes)
            .filter(|(row, code)| top_class(row) != **code as usize)
            .count();
        wrong as f64 / request.y.rows() as f64
    }
    fn valid(&self, request: &FitRequest<'_>, model: &AdaboostModel) -> Vec<(&'static str, f64)> {
        match request.watch {
            Some((x, y)) if x.rows() > 0 => {
                let mut shares = self.valid.clone();
                model.votes_to_probabilities(&mut shares);
                curve::figures(&shares, y)
            }
            _ => Vec::new(),
        }
    }
}
