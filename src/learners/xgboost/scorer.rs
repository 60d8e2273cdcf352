//! The boosted trees laid out for scoring: bit for bit what XGBoost's own predict gives, without its
//! preparations for each call, which cost as much as a hundred rows.
//!
//! XGBoost lays its trees out anew for every 64 rows of every call; here that is done once. The
//! arithmetic is its own: leaves are added to a margin in 32-bit floats, tree after tree, and the
//! margins go through its logistic function or softmax. Tests hold the bits against the library.

use rayon::prelude::*;

use crate::dataset::Matrix;
use crate::learners::plain_tree::{BoostedTrees, PlainNode, PlainTree};

/// Rows whose features are brought together.
const BLOCK: usize = 64;
/// Rows that go through a tree side by side: the processor waits for one while it works on others.
const LANES: usize = 8;
/// Blocks below which one core does all.
const FEW: usize = 16;

/// All trees of a model.
#[derive(Debug)]
pub struct Scorer {
    /// The margin each output starts from.
    start: Vec<f32>,
    trees: Vec<FlatTree>,
}

/// A tree by levels, siblings side by side. A leaf leads to itself, so that all rows go the same
/// number of steps.
#[derive(Debug)]
struct FlatTree {
    nodes: Vec<Node>,
    /// Where a missing value goes: 0 to the left, 1 to the right.
    missing: Vec<u32>,
    depth: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Values below it go to the left; NaN in a leaf, so that none does.
    threshold: f32,
    feature: u32,
    /// The left child; the right one follows.
    left: u32,
    /// What a leaf adds.
    leaf: f32,
}

impl From<&PlainTree<f32>> for FlatTree {
    fn from(tree: &PlainTree<f32>) -> Self {
        let mut flat = Self {
            nodes: Vec::with_capacity(tree.nodes.len()),
            missing: Vec::with_capacity(tree.nodes.len()),
            depth: 0,
        };
        // The nodes of a level; the next level's nodes come in the order of their parents.
        let mut level = vec![0];
        let mut next = 1;
        while !level.is_empty() {
            let mut below = Vec::new();
            for node in level {
                match &tree.nodes[node] {
                    PlainNode::Split {
                        feature,
                        threshold,
                        left,
                        right,
                        missing_left,
                    } => {
                        flat.nodes.push(Node {
                            threshold: *threshold as f32,
                            feature: *feature as u32,
                            left: next,
                            leaf: 0.0,
                        });
                        flat.missing.push(u32::from(!missing_left));
                        below.extend([*left, *right]);
                        next += 2;
                    }
                    PlainNode::Leaf(leaf) => {
                        flat.nodes.push(Node {
                            threshold: f32::NAN,
                            feature: 0,
                            left: (flat.nodes.len() as u32).wrapping_sub(1),
                            leaf: *leaf,
                        });
                        flat.missing.push(1);
                    }
                }
            }
            flat.depth += usize::from(!below.is_empty());
            level = below;
        }
        flat
    }
}

impl FlatTree {
    /// What the tree adds for some rows that lie side by side in `values`, the rows of one feature
    /// [`BLOCK`] behind those of the one before.
    fn leaves<const MISSING: bool>(&self, values: &[f32]) -> [f32; LANES] {
        let mut at = [0_u32; LANES];
        for _ in 0..self.depth {
            for (lane, at) in at.iter_mut().enumerate() {
                let node = &self.nodes[*at as usize];
                let value = values[node.feature as usize * BLOCK + lane];
                let right = if MISSING && value.is_nan() {
                    self.missing[*at as usize]
                } else {
                    // Not `>=`: nothing is below a NaN, the threshold of a leaf.
                    1 - u32::from(value < node.threshold)
                };
                *at = node.left.wrapping_add(right);
            }
        }
        at.map(|at| self.nodes[at as usize].leaf)
    }
}

impl Scorer {
    /// Lays the trees out. Their indices have been checked.
    pub fn new(plain: &BoostedTrees) -> Self {
        Self {
            start: plain.start.clone(),
            trees: plain.trees.iter().map(FlatTree::from).collect(),
        }
    }

    /// Probabilities of `classes` classes, row-major.
    pub fn probabilities(&self, x: &Matrix, classes: usize) -> Vec<f64> {
        let mut out = vec![0.0; x.rows() * classes];
        let size = BLOCK * classes;
        if x.rows() <= FEW * BLOCK {
            for (block, out) in out.chunks_mut(size).enumerate() {
                self.block(x, block * BLOCK, classes, out);
            }
        } else {
            out.par_chunks_mut(size)
                .with_min_len(FEW)
                .enumerate()
                .for_each(|(block, out)| self.block(x, block * BLOCK, classes, out));
        }
        out
    }

    /// Probabilities of at most [`BLOCK`] rows from row `first` on.
    fn block(&self, x: &Matrix, first: usize, classes: usize, out: &mut [f64]) {
        let rows = out.len() / classes;
        // Columns of a large matrix lie in each other's places of the processor's cache.
        let mut values = vec![0.0_f32; x.features().max(1) * BLOCK];
        let mut missing = false;
        for (feature, values) in values.chunks_mut(BLOCK).enumerate().take(x.features()) {
            let column = &x.column(feature)[first..first + rows];
            values[..rows].copy_from_slice(column);
            missing |= column.iter().any(|v| v.is_nan());
        }
        let outputs = self.start.len();
        let mut margins: Vec<[f32; BLOCK]> = self.start.iter().map(|s| [*s; BLOCK]).collect();
        for (tree, output) in self.trees.iter().zip((0..outputs).cycle()) {
            let lanes = margins[output][..rows.next_multiple_of(LANES)].chunks_exact_mut(LANES);
            for (nth, margins) in lanes.enumerate() {
                let values = &values[nth * LANES..];
                let leaves = if missing {
                    tree.leaves::<true>(values)
                } else {
                    tree.leaves::<false>(values)
                };
                for (margin, leaf) in margins.iter_mut().zip(leaves) {
                    *margin += leaf;
                }
            }
        }
        for (row, out) in out.chunks_exact_mut(classes).enumerate() {
            match (out, margins.as_slice()) {
                ([harmless, threat], [margin]) => {
                    *threat = f64::from(logistic(margin[row]));
                    *harmless = 1.0 - *threat;
                }
                (out, margins) => softmax(margins.iter().map(|m| m[row]), out),
            }
        }
    }
}

/// XGBoost's logistic function.
fn logistic(margin: f32) -> f32 {
    let x = (-margin).min(88.7);
    1.0 / (x.exp() + 1.0 + 1e-16)
}

/// XGBoost's softmax.
fn softmax(margins: impl Iterator<Item = f32> + Clone, out: &mut [f64]) {
    let most = margins.clone().fold(f32::NEG_INFINITY, f32::max);
    let parts = margins.map(|margin| (margin - most).exp());
    let sum = parts.clone().map(f64::from).sum::<f64>() as f32;
    for (out, part) in out.iter_mut().zip(parts) {
        *out = f64::from(part / sum);
    }
}
