//! One CART tree.

use serde::{Deserialize, Serialize};

use super::checks;
use super::codes::CodedMatrix;
use super::curve::Votes;
use super::grow::{Grown, Growth, grow};
use super::seeds::TreeRng;
use super::split::Item;
use super::tree::{Tree, TreeFile, Values};
use crate::dataset::Matrix;
use crate::learners::json_number::json_exact_all;
use crate::learners::plain_tree::ShareTree;
use crate::learners::{DecisionTreeParams, FitError, FitRequest, Progress};

const LEARNER: &str = "decision_tree";

/// A fitted decision tree.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "DecisionTreeFile", into = "DecisionTreeFile")]
pub struct DecisionTreeModel {
    features: usize,
    classes: usize,
    tree: Tree,
    importances: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionTreeFile {
    features: usize,
    classes: usize,
    tree: TreeFile,
    importances: Vec<f64>,
}

impl From<DecisionTreeModel> for DecisionTreeFile {
    fn from(model: DecisionTreeModel) -> Self {
        Self {
            features: model.features,
            classes: model.classes,
            tree: model.tree.to_file(),
            importances: model.importances,
        }
    }
}

impl TryFrom<DecisionTreeFile> for DecisionTreeModel {
    type Error = String;
    fn try_from(file: DecisionTreeFile) -> Result<Self, String> {
        check_importances(&file.importances, file.features)?;
        Ok(Self {
            tree: Tree::from_file(file.tree, file.features, file.classes)?,
            features: file.features,
            classes: file.classes,
            importances: file.importances,
        })
    }
}

/// Whether importances of a file fit its number of features.
pub(super) fn check_importances(importances: &[f64], features: usize) -> Result<(), String> {
    if importances.len() != features || importances.iter().any(|i| !i.is_finite()) {
        return Err(format!("`importances` does not hold {features} numbers"));
    }
    Ok(())
}

/// Items of a fit where every row counts once.
pub(super) fn plain_items(codes: &[u32]) -> Vec<Item<u16>> {
    (0..)
        .zip(codes)
        .map(|(row, &class)| Item {
            row,
            class: class as u16,
            weight: 1,
        })
        .collect()
}

/// Items of a weighted fit; rows of weight 0 are left out.
pub(super) fn weighted_items(codes: &[u32], weights: &[f64]) -> Vec<Item<f64>> {
    (0..)
        .zip(codes.iter().zip(weights))
        .filter(|(_, (_, weight))| **weight > 0.0)
        .map(|(row, (&class, &weight))| Item {
            row,
            class: class as u16,
            weight,
        })
        .collect()
}

impl DecisionTreeModel {
    /// Fits a tree.
    ///
    /// # Errors
    /// Settings out of range, data that cannot be fitted, or the operator's cancel.
    pub fn fit(params: &DecisionTreeParams, request: &FitRequest<'_>) -> Result<Self, FitError> {
        let (min_split, min_leaf) =
            checks::minimum_rows(LEARNER, params.min_samples_split, params.min_samples_leaf)?;
        let features = request.x.features();
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
        let classes = request.y.classes.len();
        let rng = TreeRng::new(request.seed, 0);
        let report = |round, valid| {
            (request.progress)(Progress {
                round,
                of: 1,
                train: Vec::new(),
                valid,
            });
        };
        let beat = || report(0, Vec::new());
        let codes = &request.y.codes;
        let Grown {
            tree,
            mut importances,
        } = match &weights {
            None => {
                let items = plain_items(codes);
                grow(&x, items, classes, growth, rng, request.control, beat)?
            }
            Some(weights) => {
                let items = weighted_items(codes, weights);
                grow(&x, items, classes, growth, rng, request.control, beat)?
            }
        };
        let valid = Votes::new(request.watch).map_or_else(Vec::new, |mut votes| {
            votes.add(&tree);
            votes.figures()
        });
        report(1, valid);
        json_exact_all(&mut importances);
        Ok(Self {
            features,
            classes,
            tree,
            importances,
        })
    }
    /// Number of features and classes.
    pub fn shape(&self) -> (usize, usize) {
        (self.features, self.classes)
    }
    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.tree.nodes()
    }
    /// Class probabilities, row-major; `x` has as many features as the model.
    pub fn predict_proba(&self, x: &Matrix) -> Vec<f64> {
        in_blocks(x.rows(), self.classes, 4096, |first, out| {
            let rows = out.len() / self.classes;
            self.tree.walk(Values::of(x), first, rows, |row, shares| {
                let start = (row - first) * self.classes;
                out[start..start + self.classes].copy_from_slice(shares);
            });
        })
    }
    /// The tree in plain form.
    pub fn plain(&self) -> ShareTree {
        self.tree.plain()
    }
    /// Mean decrease in impurity of each feature.
    pub fn importances(&self) -> &[f64] {
        &self.importances
    }
}

/// Fills a row-major table block of rows by block of rows, in parallel when there are many.
pub(in crate::learners) fn in_blocks(
    rows: usize,
    columns: usize,
    block: usize,
    fill: impl Fn(usize, &mut [f64]) + Sync,
) -> Vec<f64> {
    use rayon::prelude::*;
    let mut table = vec![0.0; rows * columns];
    if rows <= block {
        if rows > 0 {
            fill(0, &mut table);
        }
    } else {
        table
            .par_chunks_mut(block * columns)
            .enumerate()
            .for_each(|(index, part)| fill(index * block, part));
    }
    table
}
