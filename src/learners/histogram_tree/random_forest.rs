//! Bagged trees with random feature subsets.
//!
//! A bootstrap sample enters a tree as whole-number counts. With row or class weights the rows
//! are drawn in proportion to them, as in scikit-learn 1.9.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::checks;
use super::codes::CodedMatrix;
use super::curve::Votes;
use super::decision_tree::{check_importances, in_blocks, plain_items, weighted_items};
use super::grow::{Grown, Growth, grow, normalise};
use super::seeds::TreeRng;
use super::split::Item;
use super::tree::{Tree, TreeFile, Values};
use crate::dataset::Matrix;
use crate::learners::json_number::json_exact_all;
use crate::learners::plain_tree::ShareTree;
use crate::learners::{FitError, FitRequest, Progress, RandomForestParams, StopRequest};

const LEARNER: &str = "random_forest";
/// Rows that walk through the trees together.
const BLOCK: usize = 256;

/// A fitted random forest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "RandomForestFile", into = "RandomForestFile")]
pub struct RandomForestModel {
    features: usize,
    classes: usize,
    trees: Vec<Tree>,
    importances: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RandomForestFile {
    features: usize,
    classes: usize,
    trees: Vec<TreeFile>,
    importances: Vec<f64>,
}

impl From<RandomForestModel> for RandomForestFile {
    fn from(model: RandomForestModel) -> Self {
        Self {
            features: model.features,
            classes: model.classes,
            trees: model.trees.iter().map(Tree::to_file).collect(),
            importances: model.importances,
        }
    }
}

impl TryFrom<RandomForestFile> for RandomForestModel {
    type Error = String;
    fn try_from(file: RandomForestFile) -> Result<Self, String> {
        check_importances(&file.importances, file.features)?;
        if file.trees.is_empty() {
            return Err("a forest has no trees".into());
        }
        let trees = file
            .trees
            .into_iter()
            .map(|tree| Tree::from_file(tree, file.features, file.classes))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            features: file.features,
            classes: file.classes,
            trees,
            importances: file.importances,
        })
    }
}

/// Where the rows of a tree come from.
enum Sample {
    /// Every row once.
    Plain,
    /// Every row with its weight.
    Weighted(Vec<f64>),
    /// As many uniform draws as there are rows.
    Bootstrap,
    /// The same, in proportion to weights whose running sums these are.
    WeightedBootstrap(Vec<f64>),
}

impl Sample {
    fn new(bootstrap: bool, weights: Option<Vec<f64>>) -> Self {
        match (bootstrap, weights) {
            (false, None) => Sample::Plain,
            (false, Some(weights)) => Sample::Weighted(weights),
            (true, None) => Sample::Bootstrap,
            (true, Some(mut weights)) => {
                let mut sum = 0.0;
                for weight in &mut weights {
                    sum += *weight;
                    *weight = sum;
                }
                Sample::WeightedBootstrap(weights)
            }
        }
    }
}

fn counted_items(codes: &[u32], draws: impl Iterator<Item = usize>) -> Vec<Item<u16>> {
    let mut counts = vec![0u16; codes.len()];
    for row in draws {
        // More than 65,535 draws of one row take weights so uneven that the tree is a stump.
        counts[row] = counts[row].saturating_add(1);
    }
    plain_items(codes)
        .into_iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .map(|(item, weight)| Item { weight, ..item })
        .collect()
}

/// Trees as they finish, taken into the votes in the order of their numbers, so that the curve
/// does not depend on which thread was first.
struct Finished<'a> {
    trees: Vec<Option<Grown>>,
    counted: usize,
    votes: Option<Votes<'a>>,
}

impl RandomForestModel {
    /// Fits a forest, one tree a thread at a time, inside the caller's rayon pool.
    ///
    /// # Errors
    /// Settings out of range, data that cannot be fitted, or the operator's cancel.
    pub fn fit(params: &RandomForestParams, request: &FitRequest<'_>) -> Result<Self, FitError> {
        let (min_split, min_leaf) =
            checks::minimum_rows(LEARNER, params.min_samples_split, params.min_samples_leaf)?;
        if params.trees == 0 {
            return Err(FitError::Setting {
                learner: LEARNER,
                reason: "trees is 0; it must be at least 1".into(),
            });
        }
        let features = request.x.features();
        let classes = request.y.classes.len();
        let growth = Growth {
            criterion: params.criterion,
            max_depth: checks::depth_limit(params.max_depth),
            min_split,
            min_leaf,
            max_features: checks::max_features(LEARNER, params.max_features, features)?,
        };
        let weights = checks::request(LEARNER, request)?;
        let x = CodedMatrix::new(request.x)
            .map_err(|feature| checks::not_finite(LEARNER, request.x, feature))?;
        let sample = Sample::new(params.bootstrap, weights);
        let wanted = params.trees as usize;
        let next = AtomicUsize::new(0);
        let finished = Mutex::new(Finished {
            trees: (0..wanted).map(|_| None).collect(),
            counted: 0,
            votes: Votes::new(request.watch),
        });
        let failure = Mutex::new(None);
        let work = || {
            loop {
                let stopping = request.control.stop() != StopRequest::None;
                let number = next.fetch_add(1, Ordering::Relaxed);
                // The first tree is grown even when the wish to stop came before it.
                if number >= wanted || (stopping && number > 0) {
                    break;
                }
                let rng = TreeRng::new(request.seed, number as u64);
                match grow_one(&x, &sample, classes, growth, rng, request) {
                    Ok(grown) => {
                        let mut finished = lock(&finished);
                        finished.trees[number] = Some(grown);
                        finished.report(wanted, request);
                    }
                    Err(error) => {
                        *lock(&failure) = Some(error);
                        break;
                    }
                }
            }
        };
        rayon::scope(|scope| {
            for _ in 0..rayon::current_num_threads().min(wanted) {
                scope.spawn(|_| work());
            }
        });
        if let Some(error) = lock(&failure).take() {
            return Err(error);
        }
        let grown: Vec<Grown> = lock(&finished).trees.drain(..).map_while(|t| t).collect();
        let mut importances = vec![0.0; features];
        for one in &grown {
            for (sum, gain) in importances.iter_mut().zip(&one.importances) {
                *sum += gain;
            }
        }
        normalise(&mut importances);
        json_exact_all(&mut importances);
        Ok(Self {
            features,
            classes,
            trees: grown.into_iter().map(|one| one.tree).collect(),
            importances,
        })
    }
    /// Number of features and classes.
    pub fn shape(&self) -> (usize, usize) {
        (self.features, self.classes)
    }
    /// Number of trees.
    pub fn trees(&self) -> usize {
        self.trees.len()
    }
    /// Class probabilities, row-major: the mean of the trees' leaf shares. `x` has as many
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
            for tree in &self.trees {
                tree.walk(values, 0, rows, |row, shares| {
                    let start = row * self.classes;
                    for (sum, share) in out[start..].iter_mut().zip(shares) {
                        *sum += share;
                    }
                });
            }
            let trees = self.trees.len() as f64;
            for sum in out {
                *sum /= trees;
            }
        })
    }
    /// The trees in plain form.
    pub fn plain(&self) -> Vec<ShareTree> {
        self.trees.iter().map(Tree::plain).collect()
    }
    /// Mean decrease in impurity of each feature.
    pub fn importances(&self) -> &[f64] {
        &self.importances
    }
}

/// A block of rows, row-major.
pub(super) fn row_major(x: &Matrix, first: usize, rows: usize) -> Vec<f32> {
    let features = x.features();
    let mut block = vec![0.0; rows * features];
    for feature in 0..features {
        let column = &x.column(feature)[first..first + rows];
        for (row, &value) in column.iter().enumerate() {
            block[row * features + feature] = value;
        }
    }
    block
}

fn grow_one(
    x: &CodedMatrix,
    sample: &Sample,
    classes: usize,
    growth: Growth,
    mut rng: TreeRng,
    request: &FitRequest<'_>,
) -> Result<Grown, FitError> {
    let codes = &request.y.codes;
    let control = request.control;
    let items = match sample {
        Sample::Plain => plain_items(codes),
        Sample::Weighted(weights) => {
            let items = weighted_items(codes, weights);
            return grow(x, items, classes, growth, rng, control, || ());
        }
        Sample::Bootstrap => counted_items(codes, (0..x.rows).map(|_| rng.below(x.rows))),
        Sample::WeightedBootstrap(sums) => {
            let total = sums.last().copied().unwrap_or_default();
            let draw = |_| {
                let at = rng.unit() * total;
                sums.partition_point(|&sum| sum <= at).min(x.rows - 1)
            };
            counted_items(codes, (0..x.rows).map(draw))
        }
    };
    grow(x, items, classes, growth, rng, control, || ())
}

impl Finished<'_> {
    /// Takes in the trees that are next in order and tells how far the forest is.
    fn report(&mut self, wanted: usize, request: &FitRequest<'_>) {
        while let Some(Some(grown)) = self.trees.get(self.counted) {
            if let Some(votes) = &mut self.votes {
                votes.add(&grown.tree);
            }
            self.counted += 1;
            let every = (wanted / 50).max(1);
            let valid = match &self.votes {
                Some(votes) if self.counted.is_multiple_of(every) || self.counted == wanted => {
                    votes.figures()
                }
                _ => Vec::new(),
            };
            (request.progress)(Progress {
                round: self.counted as u32,
                of: wanted as u32,
                train: Vec::new(),
                valid,
            });
        }
    }
}

/// A lock whose holder panicked holds plain data all the same; the panic itself goes on through
/// the scope.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
