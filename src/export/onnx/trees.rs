//! Our trees: the mean of their class probabilities, or AdaBoost's votes.

use super::ensemble::{Precision, Vote, ensemble, sums_of_rounds};
use super::graph::{Builder, Name};
use super::messages::{ElementType, Tensor, Values};
use super::scores::{Rounding, Scores, spread};
use crate::learners::plain_tree::{PlainTree, ShareTree, VotingTrees};

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
