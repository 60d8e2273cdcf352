//! The model XGBoost writes as JSON, as types, and the checks that make a file safe to load.
//!
//! XGBoost follows the child and feature indices of a tree without looking, so a damaged file
//! could make it read anywhere in memory. Here every index is checked first, and what is not
//! known is refused. Written out again, the types are the same document: Python's XGBoost loads
//! it and predicts the same.

use serde::{Deserialize, Serialize};

use crate::learners::plain_tree::{BoostedTrees, Comparison, PlainNode, PlainTree};

/// XGBoost's model document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    learner: Learner,
    version: [u32; 3],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Learner {
    attributes: Nothing,
    feature_names: [(); 0],
    feature_types: [(); 0],
    gradient_booster: GradientBooster,
    learner_model_param: LearnerParams,
    objective: Objective,
}

/// An object without fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GradientBooster {
    model: Trees,
    name: Gbtree,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Gbtree {
    #[serde(rename = "gbtree")]
    Gbtree,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trees {
    cats: Categories,
    gbtree_model_param: TreesParams,
    iteration_indptr: Vec<u32>,
    tree_info: Vec<u32>,
    trees: Vec<Tree>,
}

/// Categorical features, of which there are none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Categories {
    enc: [(); 0],
    feature_segments: [(); 0],
    sorted_idx: [(); 0],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreesParams {
    num_parallel_tree: String,
    num_trees: String,
}

/// One tree, its nodes as parallel lists; a node without children has -1 for both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    base_weights: Vec<f32>,
    categories: [(); 0],
    categories_nodes: [(); 0],
    categories_segments: [(); 0],
    categories_sizes: [(); 0],
    default_left: Vec<u8>,
    id: usize,
    left_children: Vec<i32>,
    loss_changes: Vec<f32>,
    parents: Vec<i32>,
    right_children: Vec<i32>,
    split_conditions: Vec<f32>,
    split_indices: Vec<u32>,
    split_type: Vec<u8>,
    sum_hessian: Vec<f32>,
    tree_param: TreeParams,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeParams {
    num_deleted: String,
    num_feature: String,
    num_nodes: String,
    size_leaf_vector: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LearnerParams {
    base_score: String,
    boost_from_average: String,
    num_class: String,
    num_feature: String,
    num_target: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", deny_unknown_fields)]
enum Objective {
    #[serde(rename = "binary:logistic")]
    Binary { reg_loss_param: RegLossParams },
    #[serde(rename = "multi:softprob")]
    Multi {
        softmax_multiclass_param: SoftmaxParams,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegLossParams {
    scale_pos_weight: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SoftmaxParams {
    num_class: String,
}

/// The parent of a root, in XGBoost's lists.
const NO_PARENT: i32 = i32::MAX;

impl Document {
    /// The document as bytes for XGBoost.
    pub fn to_json(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|e| e.to_string())
    }

    /// Rounds of boosting in the model.
    pub fn rounds(&self) -> usize {
        self.model().iteration_indptr.len().saturating_sub(1)
    }

    /// The trees in plain form. The start of a margin is XGBoost's own arithmetic: for two classes
    /// the file holds a probability, kept off 0 and 1 and turned into a margin in `f32`.
    pub fn plain(&self) -> Result<BoostedTrees, String> {
        const EDGE: f32 = 1e-6;
        let base = scores(&self.learner.learner_model_param.base_score)
            .ok_or_else(|| "`base_score` holds no numbers".to_owned())?;
        let start = match self.learner.objective {
            Objective::Binary { .. } => base
                .into_iter()
                .map(|p| -(1.0 / p.clamp(EDGE, 1.0 - EDGE) - 1.0).ln())
                .collect(),
            Objective::Multi { .. } => base,
        };
        Ok(BoostedTrees {
            start,
            trees: self.model().trees.iter().map(Tree::plain).collect(),
        })
    }

    /// The summed loss reduction of all splits on each feature.
    pub fn total_gain(&self, features: usize) -> Vec<f64> {
        let mut gains = vec![0.0; features];
        for tree in &self.model().trees {
            for (node, &left) in tree.left_children.iter().enumerate() {
                if left >= 0 {
                    gains[tree.split_indices[node] as usize] += f64::from(tree.loss_changes[node]);
                }
            }
        }
        gains
    }

    /// Why XGBoost must not load this for so many classes and features, if so.
    pub fn check(&self, classes: usize, features: usize) -> Result<(), String> {
        let outputs = if classes == 2 { 1 } else { classes };
        let learner = &self.learner;
        let params = &learner.learner_model_param;
        let num_class = if classes == 2 { 0 } else { classes };
        is("num_class", &params.num_class, num_class)?;
        is("num_feature", &params.num_feature, features)?;
        is("num_target", &params.num_target, 1)?;
        is("boost_from_average", &params.boost_from_average, 1)?;
        check_base_score(&params.base_score, outputs)?;
        match (&learner.objective, classes) {
            (Objective::Binary { reg_loss_param }, 2) => {
                is("scale_pos_weight", &reg_loss_param.scale_pos_weight, 1)?;
            }
            (
                Objective::Multi {
                    softmax_multiclass_param,
                },
                3..,
            ) => is("num_class", &softmax_multiclass_param.num_class, classes)?,
            _ => return Err(format!("its objective is not one for {classes} classes")),
        }
        let model = self.model();
        let trees = model.trees.len();
        is("num_trees", &model.gbtree_model_param.num_trees, trees)?;
        let parallel = &model.gbtree_model_param.num_parallel_tree;
        is("num_parallel_tree", parallel, 1)?;
        let starts = model.iteration_indptr.iter().enumerate();
        let rounds_fit = starts
            .clone()
            .all(|(round, &start)| start as usize == round * outputs)
            && self.rounds() >= 1
            && self.rounds() * outputs == trees;
        let outputs_fit = model.tree_info.len() == trees
            && (0..)
                .zip(&model.tree_info)
                .all(|(i, &o)| o as usize == i % outputs);
        if !rounds_fit || !outputs_fit {
            return Err("its trees do not form rounds".into());
        }
        for (id, tree) in model.trees.iter().enumerate() {
            tree.check(id, features)
                .map_err(|what| format!("tree {id}: {what}"))?;
        }
        Ok(())
    }

    fn model(&self) -> &Trees {
        &self.learner.gradient_booster.model
    }
}

impl Tree {
    fn plain(&self) -> PlainTree<f32> {
        let nodes = self
            .left_children
            .iter()
            .enumerate()
            .map(|(node, &left)| match usize::try_from(left) {
                // A leaf's value stands where a split has its threshold.
                Err(_) => PlainNode::Leaf(self.split_conditions[node]),
                Ok(left) => PlainNode::Split {
                    feature: self.split_indices[node] as usize,
                    threshold: f64::from(self.split_conditions[node]),
                    left,
                    right: self.right_children[node] as usize,
                    missing_left: self.default_left[node] == 1,
                },
            })
            .collect();
        PlainTree {
            comparison: Comparison::Below,
            nodes,
        }
    }
    fn check(&self, id: usize, features: usize) -> Result<(), String> {
        let nodes = self.left_children.len();
        is("num_nodes", &self.tree_param.num_nodes, nodes)?;
        is("num_feature", &self.tree_param.num_feature, features)?;
        is("num_deleted", &self.tree_param.num_deleted, 0)?;
        is("size_leaf_vector", &self.tree_param.size_leaf_vector, 1)?;
        let lengths = [
            self.base_weights.len(),
            self.default_left.len(),
            self.loss_changes.len(),
            self.parents.len(),
            self.right_children.len(),
            self.split_conditions.len(),
            self.split_indices.len(),
            self.split_type.len(),
            self.sum_hessian.len(),
        ];
        if nodes == 0 || lengths.iter().any(|l| *l != nodes) || self.id != id {
            return Err("its lists do not fit together".into());
        }
        if self.parents[0] != NO_PARENT {
            return Err("its first node is no root".into());
        }
        let numbers = [
            &self.base_weights,
            &self.loss_changes,
            &self.split_conditions,
            &self.sum_hessian,
        ];
        if !numbers.iter().all(|l| l.iter().all(|v| v.is_finite())) {
            return Err("a number is not finite".into());
        }
        let mut named = 1;
        for node in 0..nodes {
            let (left, right) = (self.left_children[node], self.right_children[node]);
            let feature_fits = (self.split_indices[node] as usize) < features;
            let flags_fit = self.default_left[node] <= 1 && self.split_type[node] == 0;
            // Children come after their parent, so every walk ends.
            let is_child = |child: i32| {
                usize::try_from(child)
                    .is_ok_and(|c| c > node && c < nodes && self.parents[c] == node as i32)
            };
            let leaf = left == -1 && right == -1;
            let split = left != right && is_child(left) && is_child(right);
            if !(feature_fits && flags_fit && (leaf || split)) {
                return Err(format!("node {node} does not fit"));
            }
            named += if split { 2 } else { 0 };
        }
        if named != nodes {
            return Err("a node hangs on nothing".into());
        }
        Ok(())
    }
}

/// Whether a setting, which XGBoost writes as text, has the one value that fits.
fn is(name: &str, text: &str, wanted: usize) -> Result<(), String> {
    if text == wanted.to_string() {
        return Ok(());
    }
    Err(format!("`{name}` is `{text}`, not {wanted}"))
}

/// The numbers of a list like "[5E-1]".
fn scores(text: &str) -> Option<Vec<f32>> {
    let list = text.strip_prefix('[')?.strip_suffix(']')?;
    list.split(',').map(|s| s.parse().ok()).collect()
}

/// "[5E-1]", or one probability per output.
fn check_base_score(text: &str, outputs: usize) -> Result<(), String> {
    let sound = |scores: Vec<f32>| scores.len() == outputs && scores.iter().all(|s| s.is_finite());
    if scores(text).is_some_and(sound) {
        return Ok(());
    }
    Err(format!("`base_score` is `{text}`, not {outputs} numbers"))
}
