//! Baselines by choice: `linfa-trees` and `linfa-logistic`.
//!
//! They stand in the leaderboard under their own names, never to be selected, so that the
//! difference to the default learners can be seen rather than believed. What they learned is
//! copied into our own bodies: linfa's have no order of classes to rely on and no file format.
//!
//! Known of `linfa-trees` 0.8.1: below the root it loses splits on discrete features, because its
//! test "the next value is equal" looks at the next row of the whole data set rather than of the
//! node. A test below pins this and says so when upstream mends it. It also sums impurities over
//! hash maps with random keys, so with three classes or more two fits may differ in near ties:
//! the one learner here without the same bytes every time. Known of `linfa-logistic`
//! 0.8.1: in `f32` it can stop near zero without a word, so both work in `f64`; its probability is
//! that of a class picked by frequency, so the classes are put in our order here.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use linfa_trees::{DecisionTree, TreeNode};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use super::json_number::json_exact;
use super::plain_tree::{Comparison, LinearParts, PlainNode, PlainTree, ShareTree};
use super::scaling::{Scaling, not_finite};
use super::{
    FitError, FitRequest, LearnerId, LinfaLogisticParams, LinfaTreeParams, Progress, StopRequest,
};
use crate::dataset::Matrix;

/// A tree of `linfa-trees`: each leaf names a class, so probabilities are 0 or 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinfaTree {
    /// The root first; children after their parent.
    nodes: Vec<Node>,
    /// Total decrease in impurity per feature.
    gains: Vec<f64>,
}

/// A node of a [`LinfaTree`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Node {
    /// Rows with a value below `threshold` go left, as in linfa's prediction (its fit counts
    /// equal values to the left, which only a value on a midpoint can tell).
    Split {
        feature: usize,
        threshold: f64,
        left: usize,
        right: usize,
    },
    /// Rows end here.
    Leaf { class: usize },
}

impl LinfaTree {
    /// Fits the tree. Row weights are passed on; there is one round, and no way to stop in it.
    ///
    /// # Errors
    /// Above `max_rows`, for values that are not finite, for `max_depth` out of range.
    pub fn fit(params: &LinfaTreeParams, request: &FitRequest<'_>) -> Result<Self, FitError> {
        const LEARNER: &str = LearnerId::LinfaTree.as_str();
        refuse(LEARNER, request, params.max_rows)?;
        let records = rows_of(request.x, |_, value| value);
        let targets = Array1::from_iter(request.y.codes.iter().map(|&c| c as usize));
        let mut dataset = DatasetBase::new(records, targets);
        if let Some(weights) = request.weights.effective(request.y) {
            dataset = dataset.with_weights(Array1::from(weights));
        }
        // Its recursion goes as deep as the tree: a limit keeps it on the stack.
        let depth = match params.max_depth {
            0 => 500,
            depth => depth.min(500) as usize,
        };
        let fitted = DecisionTree::params()
            .max_depth(Some(depth))
            .fit(&dataset)
            .map_err(|e| failed(LEARNER, &e))?;
        let mut tree = Self {
            nodes: Vec::new(),
            gains: vec![0.0; request.x.features()],
        };
        tree.copy(fitted.root_node());
        finish(request)?;
        Ok(tree)
    }

    /// Copies a node and all below it; gives its place.
    fn copy(&mut self, node: &TreeNode<f64, usize>) -> usize {
        let place = self.nodes.len();
        let children = node.children();
        match (node.prediction(), children.as_slice()) {
            (None, [Some(left), Some(right)]) => {
                let (feature, threshold, gain) = node.split();
                let threshold = json_exact(threshold);
                self.gains[feature] += json_exact(gain.max(0.0));
                // Children are written after their parent, so its places are filled in later.
                self.nodes.push(Node::Leaf { class: 0 });
                let (left, right) = (self.copy(left), self.copy(right));
                self.nodes[place] = Node::Split {
                    feature,
                    threshold,
                    left,
                    right,
                };
            }
            (prediction, _) => self.nodes.push(Node::Leaf {
                class: prediction.unwrap_or(0),
            }),
        }
        place
    }

    /// Why this cannot be a tree for so many classes and features, if so.
    pub(crate) fn check(&self, classes: usize, features: usize) -> Result<(), String> {
        if self.nodes.is_empty() || self.gains.len() != features {
            return Err("the tree is empty or has gains for other features".into());
        }
        for (place, node) in self.nodes.iter().enumerate() {
            let sound = match *node {
                Node::Leaf { class } => class < classes,
                // Children after parents: no cycle, so every walk ends.
                Node::Split {
                    feature,
                    threshold,
                    left,
                    right,
                } => {
                    let below = place + 1..self.nodes.len();
                    feature < features
                        && threshold.is_finite()
                        && below.contains(&left)
                        && below.contains(&right)
                }
            };
            if !sound {
                return Err(format!("node {place} of the tree does not fit"));
            }
        }
        Ok(())
    }

    /// The tree in plain form, its leaves sure of their class.
    pub fn plain(&self, classes: usize) -> ShareTree {
        let nodes = self
            .nodes
            .iter()
            .map(|node| match *node {
                Node::Leaf { class } => PlainNode::Leaf(class),
                Node::Split {
                    feature,
                    threshold,
                    left,
                    right,
                } => PlainNode::Split {
                    feature,
                    threshold,
                    left,
                    right,
                    missing_left: false,
                },
            })
            .collect();
        let sure_of = |class| (0..classes).map(move |c| f64::from(u8::from(c == class)));
        ShareTree {
            tree: PlainTree {
                comparison: Comparison::Below,
                nodes,
            },
            shares: (0..classes).map(|c| sure_of(c).collect()).collect(),
        }
    }

    /// One-hot probabilities, row-major.
    pub(crate) fn predict_proba(&self, x: &Matrix, classes: usize) -> Vec<f64> {
        let mut out = vec![0.0; x.rows() * classes];
        for (row, out) in out.chunks_exact_mut(classes).enumerate() {
            let mut place = 0;
            let class = loop {
                match self.nodes[place] {
                    Node::Leaf { class } => break class,
                    Node::Split {
                        feature,
                        threshold,
                        left,
                        right,
                    } => {
                        let goes_left = f64::from(x.get(row, feature)) < threshold;
                        place = if goes_left { left } else { right };
                    }
                }
            };
            out[class] = 1.0;
        }
        out
    }

    pub(crate) fn importances(&self) -> Vec<f64> {
        self.gains.clone()
    }
}

/// A regression of `linfa-logistic`, on standardised features, its classes in our order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinfaLogistic {
    /// The fitted classes, one per output; with two, the one output is for the second.
    classes: Vec<usize>,
    scaling: Scaling,
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

impl LinfaLogistic {
    /// Fits the regression. linfa takes no weights, reports nothing and can't be stopped.
    ///
    /// # Errors
    /// Above `max_rows`, with weights, for values that are not finite.
    pub fn fit(params: &LinfaLogisticParams, request: &FitRequest<'_>) -> Result<Self, FitError> {
        const LEARNER: &str = LearnerId::LinfaLogistic.as_str();
        refuse(LEARNER, request, params.max_rows)?;
        if !(params.alpha.is_finite() && params.alpha >= 0.0) || params.max_iterations == 0 {
            return Err(FitError::Setting {
                learner: LEARNER,
                reason: format!(
                    "`alpha` is {} and `max_iterations` {}; alpha must be at least 0 and \
                     max_iterations at least 1",
                    params.alpha, params.max_iterations
                ),
            });
        }
        if request.weights.effective(request.y).is_some() {
            return Err(FitError::Data {
                learner: LEARNER,
                reason: "linfa-logistic takes no row or class weights; leave this baseline out"
                    .into(),
            });
        }
        let scaling = Scaling::fit(request.x);
        let records = rows_of(request.x, |feature, value| {
            (value - scaling.offset[feature]) / scaling.scale[feature]
        });
        let counts = request.y.counts();
        let classes: Vec<usize> = (0..counts.len()).filter(|&c| counts[c] > 0).collect();
        let targets = Array1::from_iter(request.y.codes.iter().map(|&c| c as usize));
        let dataset = DatasetBase::new(records, targets);
        let (coefficients, intercepts) = if classes.len() == 2 {
            let fitted = LogisticRegression::default()
                .alpha(params.alpha)
                .max_iterations(params.max_iterations)
                .fit(&dataset)
                .map_err(|e| failed(LEARNER, &e))?;
            // Its "positive" class is the more frequent one; ours is the second.
            let sign = if fitted.labels().pos.class == classes[1] {
                1.0
            } else {
                -1.0
            };
            (
                vec![fitted.params().iter().map(|w| sign * w).collect()],
                vec![sign * fitted.intercept()],
            )
        } else {
            let fitted = MultiLogisticRegression::default()
                .alpha(params.alpha)
                .max_iterations(params.max_iterations)
                .fit(&dataset)
                .map_err(|e| failed(LEARNER, &e))?;
            let column = |class: &usize| fitted.classes().iter().position(|c| c == class);
            let order: Vec<usize> = classes.iter().filter_map(column).collect();
            (
                order
                    .iter()
                    .map(|&o| fitted.params().index_axis(Axis(1), o).to_vec())
                    .collect(),
                order.iter().map(|&o| fitted.intercept()[o]).collect(),
            )
        };
        let exact = |v: Vec<f64>| v.into_iter().map(json_exact).collect();
        let model = Self {
            classes,
            scaling,
            coefficients: coefficients.into_iter().map(exact).collect(),
            intercepts: exact(intercepts),
        };
        model
            .check(request.y.classes.len(), request.x.features())
            .map_err(|reason| FitError::Library {
                learner: LEARNER,
                reason,
            })?;
        finish(request)?;
        Ok(model)
    }

    /// Why this cannot be a regression for so many classes and features, if so.
    pub(crate) fn check(&self, classes: usize, features: usize) -> Result<(), String> {
        self.scaling.check(features)?;
        let fitted = self.classes.len();
        let outputs = if fitted == 2 { 1 } else { fitted };
        let ascending = self.classes.windows(2).all(|w| w[0] < w[1]);
        if fitted < 2
            || !ascending
            || self.classes.iter().any(|&c| c >= classes)
            || self.intercepts.len() != outputs
            || self.coefficients.len() != outputs
            || self.coefficients.iter().any(|c| c.len() != features)
        {
            return Err("the weights do not fit the classes and features".into());
        }
        let all = self.coefficients.iter().flatten().chain(&self.intercepts);
        if !all.into_iter().all(|v| v.is_finite()) {
            return Err("a weight is not a finite number".into());
        }
        Ok(())
    }

    /// The regression in plain form.
    pub fn plain(&self) -> LinearParts {
        LinearParts {
            classes: self.classes.clone(),
            scaling: Some((self.scaling.offset.clone(), self.scaling.scale.clone())),
            weights: self.coefficients.clone(),
            intercepts: self.intercepts.clone(),
        }
    }

    /// Class probabilities, row-major.
    pub(crate) fn predict_proba(&self, x: &Matrix, classes: usize) -> Result<Vec<f64>, String> {
        if let Some(reason) = not_finite(x) {
            return Err(reason);
        }
        let mut out = vec![0.0; x.rows() * classes];
        for (row, out) in out.chunks_exact_mut(classes).enumerate() {
            let margins: Vec<f64> = self
                .coefficients
                .iter()
                .zip(&self.intercepts)
                .map(|(weights, intercept)| {
                    weights.iter().enumerate().fold(*intercept, |sum, (f, w)| {
                        let z = (f64::from(x.get(row, f)) - self.scaling.offset[f])
                            / self.scaling.scale[f];
                        sum + w * z
                    })
                })
                .collect();
            // One output is the margin of the second class over the first.
            let padded: &[f64] = match margins.as_slice() {
                [margin] => &[0.0, *margin],
                margins => margins,
            };
            let top = padded.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            let sum: f64 = padded.iter().map(|m| (m - top).exp()).sum();
            for (&class, margin) in self.classes.iter().zip(padded) {
                out[class] = (margin - top).exp() / sum;
            }
        }
        Ok(out)
    }

    /// Mean |coefficient| per feature, not yet normalised.
    pub(crate) fn importances(&self) -> Vec<f64> {
        (0..self.scaling.offset.len())
            .map(|f| self.coefficients.iter().map(|c| c[f].abs()).sum())
            .collect()
    }
}

/// Refuses what a baseline can't do in reasonable time or at all.
fn refuse(learner: &'static str, request: &FitRequest<'_>, max_rows: u64) -> Result<(), FitError> {
    if request.control.stop() == StopRequest::Now {
        return Err(FitError::Cancelled);
    }
    let rows = request.x.rows();
    let reason = if rows as u64 > max_rows {
        format!(
            "{rows} rows are more than this baseline's `max_rows` of {max_rows}; its cost grows \
             faster than the table. Raise `max_rows` or leave the baseline out"
        )
    } else if let Some(reason) = not_finite(request.x) {
        reason
    } else {
        return Ok(());
    };
    Err(FitError::Data { learner, reason })
}

/// Reports the one round, unless the operator has cancelled meanwhile.
fn finish(request: &FitRequest<'_>) -> Result<(), FitError> {
    if request.control.stop() == StopRequest::Now {
        return Err(FitError::Cancelled);
    }
    (request.progress)(Progress {
        round: 1,
        of: 1,
        train: Vec::new(),
        valid: Vec::new(),
    });
    Ok(())
}

fn failed(learner: &'static str, e: &dyn std::error::Error) -> FitError {
    FitError::Library {
        learner,
        reason: e.to_string(),
    }
}

/// The matrix as linfa wants it.
fn rows_of(x: &Matrix, value: impl Fn(usize, f64) -> f64) -> Array2<f64> {
    Array2::from_shape_fn((x.rows(), x.features()), |(row, feature)| {
        value(feature, f64::from(x.get(row, feature)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Labels;
    use crate::learners::{FitControl, Weights};

    fn request<'a>(
        x: &'a Matrix,
        y: &'a Labels,
        weights: &'a Weights,
        control: &'a FitControl,
    ) -> FitRequest<'a> {
        FitRequest {
            x,
            y,
            weights,
            watch: None,
            seed: 1,
            threads: 1,
            control,
            progress: &|_| {},
        }
    }

    fn labels(classes: usize, codes: Vec<u32>) -> Labels {
        Labels {
            classes: (0..classes).map(|c| format!("c{c}")).collect(),
            codes,
        }
    }

    fn right(p: &[f64], y: &Labels) -> usize {
        p.chunks(y.classes.len())
            .zip(&y.codes)
            .filter(|(row, code)| {
                let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]));
                best == Some(**code as usize)
            })
            .count()
    }

    #[test]
    fn the_tree_predicts_as_linfa_does() {
        use linfa::traits::Predict;
        let rows = 300;
        let columns: Vec<Vec<f32>> = (0..3)
            .map(|f| {
                (0..rows)
                    .map(|r| ((r * (7 + f * 4)) % 101) as f32 / 3.0)
                    .collect()
            })
            .collect();
        let codes = (0..rows)
            .map(|r| u32::from(columns[0][r] > 12.0) + u32::from(columns[1][r] > 20.0))
            .collect();
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let x = Matrix::from_columns(names, rows, columns);
        let y = labels(3, codes);
        let control = FitControl::new();
        let own = LinfaTree::fit(
            &LinfaTreeParams::default(),
            &request(&x, &y, &Weights::default(), &control),
        )
        .unwrap();
        own.check(3, 3).unwrap();
        let records = rows_of(&x, |_, v| v);
        let targets = Array1::from_iter(y.codes.iter().map(|&c| c as usize));
        let dataset = DatasetBase::new(records.clone(), targets);
        let theirs = DecisionTree::params()
            .max_depth(Some(10))
            .fit(&dataset)
            .unwrap()
            .predict(&records);
        let p = own.predict_proba(&x, 3);
        for (row, class) in theirs.iter().enumerate() {
            assert_eq!(p[row * 3 + class], 1.0, "row {row}");
        }
        assert!(right(&p, &y) > 270);
    }

    /// Two binary features, four classes, one per combination: any tree of depth 2 is perfect.
    #[test]
    fn pins_the_split_that_upstream_loses() {
        let rows = 4000;
        // A fixed shuffle of the combinations, as many of each.
        let combination = |r: usize| ((r * 2654435761) >> 7) % 4;
        let columns = vec![
            (0..rows).map(|r| (combination(r) / 2) as f32).collect(),
            (0..rows).map(|r| (combination(r) % 2) as f32).collect(),
        ];
        let y = labels(4, (0..rows).map(|r| combination(r) as u32).collect());
        let x = Matrix::from_columns(vec!["a".into(), "b".into()], rows, columns);
        let tree = LinfaTree::fit(
            &LinfaTreeParams::default(),
            &request(&x, &y, &Weights::default(), &FitControl::new()),
        )
        .unwrap();
        let right = right(&tree.predict_proba(&x, 4), &y);
        assert!(
            right < rows,
            "linfa-trees no longer loses splits on discrete features: upstream has mended it. \
             Rewrite this module's documentation and the README's paragraph on the defaults, and \
             turn this test round"
        );
        assert!(right >= rows / 2, "{right}");
    }

    #[test]
    fn the_regression_keeps_our_order_of_classes() {
        for (classes, frequent) in [(2, 0), (2, 1), (3, 1)] {
            let rows = 600;
            // `frequent` has twice the rows of the others: linfa picks its order by that.
            let codes: Vec<u32> = (0..rows)
                .map(|r| {
                    if r % 3 == 0 {
                        frequent
                    } else {
                        (r as u32 / 3) % classes
                    }
                })
                .collect();
            let column = codes
                .iter()
                .enumerate()
                .map(|(r, &c)| 10.0 * c as f32 + (r % 7) as f32)
                .collect();
            let x = Matrix::from_columns(vec!["a".into()], rows, vec![column]);
            let y = labels(classes as usize, codes);
            let m = LinfaLogistic::fit(
                &LinfaLogisticParams::default(),
                &request(&x, &y, &Weights::default(), &FitControl::new()),
            )
            .unwrap();
            let p = m.predict_proba(&x, classes as usize).unwrap();
            assert!(
                right(&p, &y) > 570,
                "{classes} {frequent}: {}",
                right(&p, &y)
            );
            assert!(
                p.chunks(classes as usize)
                    .all(|r| (r.iter().sum::<f64>() - 1.0).abs() < 1e-12)
            );
        }
    }

    #[test]
    fn refuses_large_tables_weights_and_cancelled_runs() {
        let x = Matrix::from_columns(vec!["a".into()], 4, vec![vec![0.0, 1.0, 2.0, 3.0]]);
        let y = labels(2, vec![0, 0, 1, 1]);
        let plain = Weights::default();
        let control = FitControl::new();
        let small = LinfaTreeParams {
            max_rows: 3,
            ..Default::default()
        };
        let e = LinfaTree::fit(&small, &request(&x, &y, &plain, &control)).unwrap_err();
        assert!(e.to_string().contains("max_rows"), "{e}");
        let small = LinfaLogisticParams {
            max_rows: 3,
            ..Default::default()
        };
        assert!(LinfaLogistic::fit(&small, &request(&x, &y, &plain, &control)).is_err());
        let weights = Weights {
            rows: None,
            classes: Some(vec![1.0, 2.0]),
        };
        let e = LinfaLogistic::fit(&Default::default(), &request(&x, &y, &weights, &control));
        assert!(matches!(e, Err(FitError::Data { .. })));
        assert!(LinfaTree::fit(&Default::default(), &request(&x, &y, &weights, &control)).is_ok());
        control.request(StopRequest::Now);
        let e = LinfaTree::fit(&Default::default(), &request(&x, &y, &plain, &control));
        assert!(matches!(e, Err(FitError::Cancelled)));
    }

    #[test]
    fn a_tree_with_a_loop_or_a_far_child_is_refused() {
        let leaf = Node::Leaf { class: 1 };
        let split = |left, right| Node::Split {
            feature: 0,
            threshold: 0.5,
            left,
            right,
        };
        let tree = |nodes| LinfaTree {
            nodes,
            gains: vec![0.0],
        };
        assert!(
            tree(vec![split(1, 2), leaf.clone(), leaf.clone()])
                .check(2, 1)
                .is_ok()
        );
        assert!(tree(vec![split(0, 1), leaf.clone()]).check(2, 1).is_err());
        assert!(tree(vec![split(1, 9), leaf.clone()]).check(2, 1).is_err());
        assert!(tree(vec![leaf.clone()]).check(1, 1).is_err());
        assert!(tree(vec![]).check(2, 1).is_err());
    }
}
