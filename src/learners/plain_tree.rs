//! Fitted trees in a plain form, for those who write them in other formats.
//!
//! Every tree learner gives its trees as [`PlainTree`]s; what a leaf says is up to the learner.
//! Prediction never walks them: it would be slower, and two ways could come to differ. XGBoost's are
//! laid out anew for it (`xgboost/scorer.rs`), the one way there is.

/// What sends a value to the left child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `value <= threshold`.
    AtMost,
    /// `value < threshold`.
    Below,
}

/// A node. Children stand after their parent.
#[derive(Clone, Debug, PartialEq)]
pub enum PlainNode<L> {
    /// A question.
    Split {
        /// The feature it asks for.
        feature: usize,
        /// What its value is compared with.
        threshold: f64,
        /// The node for a yes.
        left: usize,
        /// The node for a no.
        right: usize,
        /// Whether a missing value (NaN) goes to the left.
        missing_left: bool,
    },
    /// An answer.
    Leaf(L),
}

/// A tree, the root first.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainTree<L> {
    /// How values are compared with thresholds.
    pub comparison: Comparison,
    /// The nodes.
    pub nodes: Vec<PlainNode<L>>,
}

impl<L> PlainTree<L> {
    /// The same tree with other answers.
    pub fn map<M>(&self, mut answer: impl FnMut(&L) -> M) -> PlainTree<M> {
        PlainTree {
            comparison: self.comparison,
            nodes: self
                .nodes
                .iter()
                .map(|node| match node {
                    PlainNode::Split {
                        feature,
                        threshold,
                        left,
                        right,
                        missing_left,
                    } => PlainNode::Split {
                        feature: *feature,
                        threshold: *threshold,
                        left: *left,
                        right: *right,
                        missing_left: *missing_left,
                    },
                    PlainNode::Leaf(leaf) => PlainNode::Leaf(answer(leaf)),
                })
                .collect(),
        }
    }
}

/// A tree whose leaves name a row of a table of class probabilities.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareTree {
    /// The tree; a leaf is a row of `shares`.
    pub tree: PlainTree<usize>,
    /// Class probabilities, one row after the other.
    pub shares: Vec<Vec<f64>>,
}

/// AdaBoost: each tree votes for one class with its weight.
#[derive(Clone, Debug, PartialEq)]
pub struct VotingTrees {
    /// Classes that had rows in the fit, ascending; the others have probability 0.
    pub present: Vec<usize>,
    /// The trees; a leaf is the class voted for.
    pub trees: Vec<PlainTree<usize>>,
    /// The weight of each tree's vote.
    pub weights: Vec<f64>,
}

/// Boosted trees: leaves are added to a margin in 32-bit floats, tree after tree.
#[derive(Clone, Debug, PartialEq)]
pub struct BoostedTrees {
    /// The margin each output starts from.
    pub start: Vec<f32>,
    /// The trees; tree `i` adds to output `i % start.len()`.
    pub trees: Vec<PlainTree<f32>>,
}

/// A linear model: margins are `z * weights + intercepts`, where `z` is the row, standardised if
/// `scaling` says so. One output is the margin of the second class over the first, through the
/// logistic function; several go through softmax.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearParts {
    /// Classes that had rows in the fit, ascending; the others have probability 0.
    pub classes: Vec<usize>,
    /// Offset and scale of each feature, if rows are standardised first.
    pub scaling: Option<(Vec<f64>, Vec<f64>)>,
    /// One weight vector per output.
    pub weights: Vec<Vec<f64>>,
    /// One intercept per output.
    pub intercepts: Vec<f64>,
}
