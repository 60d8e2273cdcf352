//! Tree ensembles: `TreeEnsemble` of `ai.onnx.ml` 5.
//!
//! There each leaf adds one weight to one target, and thresholds, weights and sums have the type
//! of the matrix: `double` for our trees, `float` for XGBoost's, so that every comparison and
//! every sum is the one we make.

use super::graph::{Builder, Name};
use super::messages::{Attribute, ElementType, Tensor, Values};
use super::scores::{Rounding, Scores, spread};
use crate::learners::plain_tree::{
    BoostedTrees, Comparison, PlainNode, PlainTree, ShareTree, VotingTrees,
};

/// What a leaf adds, and to which target.
type Vote = (usize, f64);

/// The precision an ensemble computes in.
#[derive(Clone, Copy, PartialEq)]
enum Precision {
    F32,
    F64,
}

/// The mean of the trees' class probabilities; of a single tree, those themselves.
///
/// They are multiples of 2^-36 and each row sums to 1, so sums are exact in any order, and the
/// last class is what the others leave. An ensemble per class but one: a leaf has one target. Each
/// is pruned to what it tells about its class.
pub fn mean(g: &mut Builder, matrix: &Name, trees: &[ShareTree], classes: usize) -> Scores {
    let x = g.cast(matrix, ElementType::F64);
    let of_class = |class: usize, target: usize| {
        trees
            .iter()
            .map(move |t| t.tree.map(|&row| (target, t.shares[row][class])))
    };
    let count = trees.len() as f64;
    let count = g.constant(Tensor::scalar(Values::F64(vec![count])));
    if classes == 2 {
        let sums = ensemble(g, &x, Precision::F64, of_class(1, 0).collect(), 1);
        let sums = g.only_column(&sums);
        return Scores::Threat(g.step("Div", &[&sums, &count]), Rounding::Same);
    }
    let first: Vec<PlainTree<Vote>> = (0..classes - 1).flat_map(|c| of_class(c, c)).collect();
    let first = ensemble(g, &x, Precision::F64, first, classes - 1);
    let together = g.row_sums(&first);
    let last = g.step("Sub", &[&count, &together]);
    let sums = g.beside(&[first, last]);
    Scores::classes(g.step("Div", &[&sums, &count]))
}

/// AdaBoost: weighted votes, turned into probabilities by our own formula.
pub fn votes(
    g: &mut Builder,
    matrix: &Name,
    model: &VotingTrees,
    classes: usize,
    features: usize,
) -> Scores {
    let kinds = model.present.len();
    if kinds == 1 {
        let shares: Vec<f64> = (0..classes)
            .map(|c| f64::from(u8::from(model.present.contains(&c))))
            .collect();
        return super::linear::constant(g, matrix, &shares, features);
    }
    let x = g.cast(matrix, ElementType::F64);
    let rounds = model.trees.len();
    let trees = model
        .trees
        .iter()
        .zip(&model.weights)
        .enumerate()
        .map(|(round, (tree, &weight))| {
            tree.map(
                |class| match model.present.iter().position(|p| p == class) {
                    Some(place) => (round * kinds + place, weight),
                    // A vote for a class that had no rows counts for nobody.
                    None => (round * kinds, 0.0),
                },
            )
        })
        .collect();
    let each = ensemble(g, &x, Precision::F64, trees, rounds * kinds);
    let votes = sums_of_rounds(g, &each, rounds, kinds);
    let number = |g: &mut Builder, v: f64| g.constant(Tensor::scalar(Values::F64(vec![v])));
    let total = number(g, model.weights.iter().sum());
    let others = number(g, kinds as f64 - 1.0);
    let one = number(g, 1.0);
    let share = g.step("Div", &[&votes, &total]);
    let rest = g.step("Sub", &[&one, &share]);
    let against = g.step("Div", &[&rest, &others]);
    let decision = g.step("Sub", &[&share, &against]);
    let exponent = g.step("Div", &[&decision, &others]);
    let odds = g.step("Exp", &[&exponent]);
    let sum = g.row_sums(&odds);
    let p = g.step("Div", &[&odds, &sum]);
    Scores::Classes {
        p: spread(g, &p, &model.present, classes),
        order: Some((votes, model.present.clone())),
    }
}

/// XGBoost: `float` margins summed tree after tree from the start, then its logistic function or
/// softmax, whose exponential is taken in `double` and rounded, because a runtime's `float`
/// exponential may be an approximation. What is left is the last place of a `float`, now and then:
/// the C library's own exponential does not always round to the nearest.
pub fn boosted(g: &mut Builder, matrix: &Name, model: &BoostedTrees) -> Scores {
    let outputs = model.start.len();
    let trees: Vec<PlainTree<Vote>> = model
        .trees
        .iter()
        .enumerate()
        .map(|(number, tree)| {
            tree.map(|&leaf| {
                // The first tree of each output carries the start: (start + leaf) is the first
                // sum XGBoost makes.
                let leaf = match model.start.get(number) {
                    Some(start) => start + leaf,
                    None => leaf,
                };
                (number, f64::from(leaf))
            })
        })
        .collect();
    let rounds = trees.len() / outputs;
    let targets = trees.len();
    let each = ensemble(g, matrix, Precision::F32, trees, targets);
    let margins = sums_of_rounds(g, &each, rounds, outputs);
    let exponential = |g: &mut Builder, x: &Name| {
        let wide = g.cast(x, ElementType::F64);
        let e = g.step("Exp", &[&wide]);
        g.cast(&e, ElementType::F32)
    };
    let number = |g: &mut Builder, v: f32| g.constant(Tensor::scalar(Values::F32(vec![v])));
    if outputs == 1 {
        let margin = g.only_column(&margins);
        let negative = g.step("Neg", &[&margin]);
        let most = number(g, 88.7);
        let capped = g.step("Min", &[&negative, &most]);
        let e = exponential(g, &capped);
        let one = number(g, 1.0);
        let denominator = g.step("Add", &[&e, &one]);
        let p = g.step("Div", &[&one, &denominator]);
        return Scores::Threat(g.cast(&p, ElementType::F64), Rounding::Same);
    }
    let axes = g.ints(&[1]);
    let top = g.step("ReduceMax", &[&margins, &axes]);
    let below = g.step("Sub", &[&margins, &top]);
    let e = exponential(g, &below);
    let wide = g.cast(&e, ElementType::F64);
    let sum = g.row_sums(&wide);
    let sum = g.cast(&sum, ElementType::F32);
    let p = g.step("Div", &[&e, &sum]);
    Scores::classes(g.cast(&p, ElementType::F64))
}

/// Sums over rounds, in their order, of a table with a column for each round and output.
fn sums_of_rounds(g: &mut Builder, each: &Name, rounds: usize, outputs: usize) -> Name {
    if rounds == 1 {
        return each.clone();
    }
    // 0: as many rows as there are.
    let shape = g.ints(&[0, rounds as i64, outputs as i64]);
    let cube = g.step("Reshape", &[each, &shape]);
    g.sum_in_order(&cube, rounds)
}

/// A `TreeEnsemble` over these trees: a table with a column for each target.
fn ensemble(
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
pub(super) fn pruned(tree: &PlainTree<Vote>) -> PlainTree<Vote> {
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
