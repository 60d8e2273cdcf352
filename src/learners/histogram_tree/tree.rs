//! A fitted tree: flat nodes, fast and total prediction, and its open file form.
//!
//! A tree read from a file is checked so that no input can make it panic or loop.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::dataset::Matrix;
use crate::learners::plain_tree::{Comparison, PlainNode, PlainTree, ShareTree};

/// A node. `x[feature] <= threshold` goes to `left`, everything else (NaN too) to `left + 1`.
/// A leaf is its own child: `left` is itself and `step` is 0, so that walking on stays there.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    feature: u32,
    threshold: f32,
    left: u32,
    /// 1 for a split, 0 for a leaf.
    step: u32,
}

/// A fitted tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Row of the table of shares, for leaves.
    leaf: Vec<u32>,
    classes: usize,
    /// Distinct rows of class shares, as written to the file.
    shares: Vec<f32>,
    /// The same in f64 as multiples of [`GRID`], each row summing to 1 exactly.
    proba: Vec<f64>,
}

/// A tree in a model file: arrays that run in parallel, one entry a node, the root first.
///
/// `feature` is -1 for a leaf. A split sends `x[feature] <= threshold` (compared as f32) to node
/// `left`, everything else and NaN to node `right`, which is `left + 1`; children stand after
/// their parent. For a leaf `left` is a row of `value`, the table of class shares (row-major, one
/// column a class), and `right` is 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TreeFile {
    feature: Vec<i32>,
    threshold: Vec<f32>,
    left: Vec<u32>,
    right: Vec<u32>,
    value: Vec<f32>,
}

/// Builds a tree node by node.
pub(super) struct TreeBuilder {
    nodes: Vec<Node>,
    leaf: Vec<u32>,
    classes: usize,
    shares: Vec<f32>,
    rows: HashMap<Box<[u32]>, u32>,
}

impl TreeBuilder {
    /// A tree of one unfinished node, number 0.
    pub(super) fn new(classes: usize) -> Self {
        let mut builder = Self {
            nodes: Vec::new(),
            leaf: Vec::new(),
            classes,
            shares: Vec::new(),
            rows: HashMap::new(),
        };
        builder.open();
        builder
    }
    fn open(&mut self) {
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            feature: 0,
            threshold: 0.0,
            left: index,
            step: 0,
        });
        self.leaf.push(0);
    }
    /// Number of nodes.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }
    /// Makes `node` a split and returns its left child; the right one follows it.
    pub(super) fn split(&mut self, node: u32, feature: u32, threshold: f32) -> u32 {
        let left = self.nodes.len() as u32;
        self.open();
        self.open();
        self.nodes[node as usize] = Node {
            feature,
            threshold,
            left,
            step: 1,
        };
        left
    }
    /// Makes `node` a leaf with these class weights.
    pub(super) fn leaf(&mut self, node: u32, weights: &[f64]) {
        let total: f64 = weights.iter().sum();
        let row: Vec<f32> = weights.iter().map(|w| (w / total) as f32).collect();
        let key: Box<[u32]> = row.iter().map(|s| s.to_bits()).collect();
        let next = self.rows.len() as u32;
        let index = *self.rows.entry(key).or_insert(next);
        if index == next {
            self.shares.extend(row);
        }
        self.leaf[node as usize] = index;
    }
    /// The finished tree.
    pub(super) fn finish(self) -> Tree {
        Tree::assemble(self.nodes, self.leaf, self.classes, self.shares)
    }
}

/// Values of a matrix by place: `data[row * row_stride + feature * feature_stride]`.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    /// The values.
    pub(super) data: &'a [f32],
    /// From row to row.
    pub(super) row_stride: usize,
    /// From feature to feature.
    pub(super) feature_stride: usize,
}

impl<'a> Values<'a> {
    /// A matrix in place.
    pub(super) fn of(x: &'a Matrix) -> Self {
        Self {
            data: x.data(),
            row_stride: 1,
            feature_stride: x.rows(),
        }
    }
}

const LANES: usize = 8;

/// Probabilities of leaves are multiples of this, far finer than the f32 of the file. Sums over up
/// to 2^17 trees are then exact in f64, whatever their order: every program that adds the same
/// leaves, in any number of threads, gets the same bits and so the same label.
const GRID: f64 = 1.0 / (1u64 << 36) as f64;

/// Appends shares as probabilities on the grid. All are rounded down, which keeps their order;
/// what is then left of 1 goes to the first of the largest, which is the top class anyway.
fn push_on_grid(shares: &[f32], out: &mut Vec<f64>) {
    let total: f64 = shares.iter().copied().map(f64::from).sum();
    let start = out.len();
    let mut rest = 1.0;
    for &share in shares {
        let p = (f64::from(share) / total / GRID).floor() * GRID;
        rest -= p;
        out.push(p);
    }
    let top = top_class(&out[start..]);
    out[start + top] += rest;
}

impl Tree {
    fn assemble(nodes: Vec<Node>, leaf: Vec<u32>, classes: usize, shares: Vec<f32>) -> Self {
        let mut proba = Vec::with_capacity(shares.len());
        for row in shares.chunks_exact(classes) {
            push_on_grid(row, &mut proba);
        }
        Self {
            nodes,
            leaf,
            classes,
            shares,
            proba,
        }
    }
    /// Number of nodes.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }
    /// Calls `each(row, shares)` for the rows from `first` on, `count` of them, in order; the
    /// caller has checked that the values have all features.
    pub(super) fn walk(
        &self,
        values: Values<'_>,
        first: usize,
        count: usize,
        mut each: impl FnMut(usize, &[f64]),
    ) {
        let mut row = first;
        let end = first + count;
        // Lanes of rows walk in step: their cache misses overlap and nothing is mispredicted.
        while row < end {
            let lanes = LANES.min(end - row);
            let mut at = [0u32; LANES];
            // In a last partial block the spare lanes repeat its last row.
            let base: [usize; LANES] =
                std::array::from_fn(|lane| (row + lane.min(lanes - 1)) * values.row_stride);
            loop {
                let mut moving = 0;
                for (at, base) in at.iter_mut().zip(base) {
                    let node = self.nodes[*at as usize];
                    let value = values.data[base + node.feature as usize * values.feature_stride];
                    #[expect(
                        clippy::neg_cmp_op_on_partial_ord,
                        reason = "a value that is not a number goes right, which `>` would not do"
                    )]
                    let right = !(value <= node.threshold);
                    *at = node.left + (u32::from(right) & node.step);
                    moving |= node.step;
                }
                if moving == 0 {
                    break;
                }
            }
            for (lane, at) in at.iter().enumerate().take(lanes) {
                let start = self.leaf[*at as usize] as usize * self.classes;
                each(row + lane, &self.proba[start..start + self.classes]);
            }
            row += lanes;
        }
    }
    /// The plain form.
    pub(super) fn plain(&self) -> ShareTree {
        let nodes = self
            .nodes
            .iter()
            .zip(&self.leaf)
            .map(|(node, &row)| match node.step {
                0 => PlainNode::Leaf(row as usize),
                _ => PlainNode::Split {
                    feature: node.feature as usize,
                    threshold: f64::from(node.threshold),
                    left: node.left as usize,
                    right: node.left as usize + 1,
                    missing_left: false,
                },
            })
            .collect();
        ShareTree {
            tree: PlainTree {
                comparison: Comparison::AtMost,
                nodes,
            },
            shares: self
                .proba
                .chunks_exact(self.classes)
                .map(<[f64]>::to_vec)
                .collect(),
        }
    }
    /// The file form.
    pub(super) fn to_file(&self) -> TreeFile {
        let split = |n: &Node| n.step == 1;
        TreeFile {
            feature: (self.nodes.iter())
                .map(|n| if split(n) { n.feature as i32 } else { -1 })
                .collect(),
            threshold: self.nodes.iter().map(|n| n.threshold).collect(),
            left: (self.nodes.iter().zip(&self.leaf))
                .map(|(n, &row)| if split(n) { n.left } else { row })
                .collect(),
            right: (self.nodes.iter())
                .map(|n| if split(n) { n.left + 1 } else { 0 })
                .collect(),
            value: self.shares.clone(),
        }
    }
    /// A tree from a file, if every index is in range and every node but the root is the child
    /// of exactly one node before it.
    pub(super) fn from_file(
        file: TreeFile,
        features: usize,
        classes: usize,
    ) -> Result<Self, String> {
        let n = file.feature.len();
        if n == 0 || n > u32::MAX as usize {
            return Err(format!("a tree has {n} nodes"));
        }
        if [file.threshold.len(), file.left.len(), file.right.len()] != [n; 3] {
            return Err("the arrays of a tree differ in length".into());
        }
        if classes == 0 || !file.value.len().is_multiple_of(classes) {
            return Err("`value` of a tree is not a table with one column a class".into());
        }
        for row in file.value.chunks_exact(classes) {
            let total: f64 = row.iter().copied().map(f64::from).sum();
            if row.iter().any(|s| !s.is_finite() || *s < 0.0) || total <= 0.0 {
                return Err("`value` of a tree holds a row that is no class shares".into());
            }
        }
        let table = file.value.len() / classes;
        let mut nodes = Vec::with_capacity(n);
        let mut leaf = Vec::with_capacity(n);
        let mut reached = vec![false; n];
        reached[0] = true;
        for index in 0..n {
            if !reached[index] {
                return Err(format!(
                    "node {index} of a tree is not a child of any before it"
                ));
            }
            let (left, right) = (file.left[index] as usize, file.right[index] as usize);
            if file.feature[index] < 0 {
                if left >= table {
                    return Err(format!(
                        "leaf {index} of a tree names row {left} of {table}"
                    ));
                }
                nodes.push(Node {
                    feature: 0,
                    threshold: 0.0,
                    left: index as u32,
                    step: 0,
                });
                leaf.push(left as u32);
                continue;
            }
            let feature = file.feature[index] as usize;
            if feature >= features || !file.threshold[index].is_finite() {
                return Err(format!("node {index} of a tree has an impossible split"));
            }
            if left <= index || right != left + 1 || right >= n || reached[left] || reached[right] {
                return Err(format!("node {index} of a tree has impossible children"));
            }
            reached[left] = true;
            reached[right] = true;
            nodes.push(Node {
                feature: feature as u32,
                threshold: file.threshold[index],
                left: left as u32,
                step: 1,
            });
            leaf.push(0);
        }
        Ok(Self::assemble(nodes, leaf, classes, file.value))
    }
}

/// The class with the largest share, the first of equals.
pub(super) fn top_class(shares: &[f64]) -> usize {
    let mut top = 0;
    for (class, share) in shares.iter().enumerate() {
        if *share > shares[top] {
            top = class;
        }
    }
    top
}
