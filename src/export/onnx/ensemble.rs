//! Tree ensembles: `TreeEnsemble` of `ai.onnx.ml` 5.
//!
//! There each leaf adds one weight to one target, and thresholds, weights and sums have the type
//! of the matrix: `double` for our trees, `float` for XGBoost's, so that every comparison and
//! every sum is the one we make.

use super::graph::{Builder, Name};
use super::messages::{Attribute, Tensor, Values};
use crate::learners::plain_tree::{Comparison, PlainNode, PlainTree};

/// What a leaf adds, and to which target.
pub type Vote = (usize, f64);

/// The precision an ensemble computes in.
#[derive(Clone, Copy, PartialEq)]
pub enum Precision {
    /// `float`, for XGBoost.
    #[cfg(feature = "xgboost")]
    F32,
    /// `double`.
    F64,
}

/// Sums over rounds, in their order, of a table with a column for each round and output.
pub fn sums_of_rounds(g: &mut Builder, each: &Name, rounds: usize, outputs: usize) -> Name {
    if rounds == 1 {
        return each.clone();
    }
    // 0: as many rows as there are.
    let shape = g.ints(&[0, rounds as i64, outputs as i64]);
    let cube = g.step("Reshape", &[each, &shape]);
    g.sum_in_order(&cube, rounds)
}

/// A `TreeEnsemble` over these trees: a table with a column for each target.
pub fn ensemble(
    g: &mut Builder,
    x: &Name,
    precision: Precision,
    trees: Vec<PlainTree<Vote>>,
    targets: usize,
) -> Name {
    let mut lists = Lists::default();
    for tree in trees {
        lists.add(&pruned(&tree));
    }
    let numbers = |values: Vec<f64>| {
        Attribute::Tensor(Tensor::list(match precision {
            Precision::F64 => Values::F64(values),
            // They were `f32` before they came here.
            #[cfg(feature = "xgboost")]
            Precision::F32 => Values::F32(values.into_iter().map(|v| v as f32).collect()),
        }))
    };
    let mut attributes = vec![
        ("aggregate_function", Attribute::Int(1)),
        ("leaf_targetids", Attribute::Ints(lists.leaf_targets)),
        ("leaf_weights", numbers(lists.leaf_weights)),
        ("n_targets", Attribute::Int(targets as i64)),
        ("nodes_falseleafs", Attribute::Ints(lists.right_is_leaf)),
        ("nodes_falsenodeids", Attribute::Ints(lists.right)),
        ("nodes_featureids", Attribute::Ints(lists.features)),
    ];
    if lists.missing_left.contains(&1) {
        attributes.push((
            "nodes_missing_value_tracks_true",
            Attribute::Ints(lists.missing_left),
        ));
    }
    attributes.extend([
        (
            "nodes_modes",
            Attribute::Tensor(Tensor::list(Values::U8(lists.modes))),
        ),
        ("nodes_splits", numbers(lists.thresholds)),
        ("nodes_trueleafs", Attribute::Ints(lists.left_is_leaf)),
        ("nodes_truenodeids", Attribute::Ints(lists.left)),
        ("post_transform", Attribute::Int(0)),
        ("tree_roots", Attribute::Ints(lists.roots)),
    ]);
    g.ml_step("TreeEnsemble", x, attributes)
}

/// The parallel lists of a `TreeEnsemble`: splits and leaves are numbered separately.
#[derive(Default)]
struct Lists {
    roots: Vec<i64>,
    features: Vec<i64>,
    thresholds: Vec<f64>,
    modes: Vec<u8>,
    missing_left: Vec<i64>,
    left: Vec<i64>,
    left_is_leaf: Vec<i64>,
    right: Vec<i64>,
    right_is_leaf: Vec<i64>,
    leaf_targets: Vec<i64>,
    leaf_weights: Vec<f64>,
}

impl Lists {
    fn add(&mut self, tree: &PlainTree<Vote>) {
        let (first_split, first_leaf) = (self.features.len(), self.leaf_weights.len());
        self.roots.push(first_split as i64);
        let mode = match tree.comparison {
            Comparison::AtMost => 0,
            Comparison::Below => 1,
        };
        if let [PlainNode::Leaf(vote)] = tree.nodes.as_slice() {
            // A root has to be a split: both of its answers are the same.
            self.split(0, 0.0, mode, false);
            self.children((first_leaf, true), (first_leaf + 1, true));
            self.leaf(*vote);
            self.leaf(*vote);
            return;
        }
        // The number of each node among the splits or the leaves, in the order of the tree.
        let (mut splits, mut leaves) = (first_split, first_leaf);
        let numbers: Vec<(usize, bool)> = tree
            .nodes
            .iter()
            .map(|node| {
                let (counter, is_leaf) = match node {
                    PlainNode::Split { .. } => (&mut splits, false),
                    PlainNode::Leaf(_) => (&mut leaves, true),
                };
                *counter += 1;
                (*counter - 1, is_leaf)
            })
            .collect();
        for node in &tree.nodes {
            match node {
                PlainNode::Leaf(vote) => self.leaf(*vote),
                PlainNode::Split {
                    feature,
                    threshold,
                    left,
                    right,
                    missing_left,
                } => {
                    self.split(*feature, *threshold, mode, *missing_left);
                    self.children(numbers[*left], numbers[*right]);
                }
            }
        }
    }
    fn split(&mut self, feature: usize, threshold: f64, mode: u8, missing_left: bool) {
        self.features.push(feature as i64);
        self.thresholds.push(threshold);
        self.modes.push(mode);
        self.missing_left.push(i64::from(missing_left));
    }
    fn children(&mut self, left: (usize, bool), right: (usize, bool)) {
        self.left.push(left.0 as i64);
        self.left_is_leaf.push(i64::from(left.1));
        self.right.push(right.0 as i64);
        self.right_is_leaf.push(i64::from(right.1));
    }
    fn leaf(&mut self, vote: Vote) {
        self.leaf_targets.push(vote.0 as i64);
        self.leaf_weights.push(vote.1);
    }
}

/// The same answers with fewer questions: a split whose sides both end in the same vote is that
/// vote. Nodes are renumbered so that each branch stands together.
pub fn pruned(tree: &PlainTree<Vote>) -> PlainTree<Vote> {
    // Children stand after their parents: from the back, both are known before it.
    let mut answer: Vec<Option<Vote>> = vec![None; tree.nodes.len()];
    for (at, node) in tree.nodes.iter().enumerate().rev() {
        answer[at] = match node {
            PlainNode::Leaf(vote) => Some(*vote),
            PlainNode::Split { left, right, .. } => match (answer[*left], answer[*right]) {
                (Some(l), Some(r)) if l.0 == r.0 && l.1.to_bits() == r.1.to_bits() => Some(l),
                _ => None,
            },
        };
    }
    let mut nodes: Vec<PlainNode<Vote>> = Vec::new();
    // Old numbers still to be copied, with the new number of the parent and the side.
    let mut open: Vec<(usize, Option<(usize, bool)>)> = vec![(0, None)];
    while let Some((old, parent)) = open.pop() {
        let new = nodes.len();
        if let Some((parent, is_left)) = parent
            && let PlainNode::Split { left, right, .. } = &mut nodes[parent]
        {
            *(if is_left { left } else { right }) = new;
        }
        match (answer[old], &tree.nodes[old]) {
            (Some(vote), _) => nodes.push(PlainNode::Leaf(vote)),
            (None, PlainNode::Split { left, right, .. }) => {
                nodes.push(tree.nodes[old].clone());
                open.push((*right, Some((new, false))));
                open.push((*left, Some((new, true))));
            }
            // A leaf always has an answer.
            (None, PlainNode::Leaf(vote)) => nodes.push(PlainNode::Leaf(*vote)),
        }
    }
    PlainTree {
        comparison: tree.comparison,
        nodes,
    }
}
