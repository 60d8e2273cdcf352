//! XGBoost's trees, its own arithmetic in `float`.

use super::ensemble::{Precision, Vote, ensemble, sums_of_rounds};
use super::graph::{Builder, Name};
use super::messages::{ElementType, Tensor, Values};
use super::scores::{Rounding, Scores};
use crate::learners::plain_tree::{BoostedTrees, PlainTree};

/// `float` margins summed tree after tree from the start, then its logistic function or
/// softmax, whose exponential is taken in `double` and rounded, because a runtime's `float`
/// exponential may be an approximation. What is left is the last place of a `float`, now and then:
/// the C library's own exponential does not always round to the nearest.
pub fn scores(g: &mut Builder, matrix: &Name, model: &BoostedTrees) -> Scores {
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
