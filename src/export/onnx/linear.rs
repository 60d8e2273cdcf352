//! Linear models as a matrix product and a logistic function or softmax, in `double`.

use super::graph::{Builder, Name};
use super::messages::{Attribute, ElementType, Tensor, Values};
use super::scores::{Rounding, Scores, spread};
use crate::learners::plain_tree::LinearParts;

/// The scores of a linear model.
pub fn scores(g: &mut Builder, matrix: &Name, parts: &LinearParts, classes: usize) -> Scores {
    let mut x = g.cast(matrix, ElementType::F64);
    if let Some((offset, scale)) = &parts.scaling {
        let offset = g.constant(Tensor::row(Values::F64(offset.clone())));
        let scale = g.constant(Tensor::row(Values::F64(scale.clone())));
        let centred = g.step("Sub", &[&x, &offset]);
        x = g.step("Div", &[&centred, &scale]);
    }
    let outputs = parts.weights.len();
    let features = parts.weights.first().map_or(0, Vec::len);
    let weights = (0..features)
        .flat_map(|f| parts.weights.iter().map(move |w| w[f]))
        .collect();
    let margins = affine(
        g,
        &x,
        (features, outputs),
        weights,
        parts.intercepts.clone(),
    );
    if outputs == 1 {
        let margin = g.only_column(&margins);
        let p = g.step("Sigmoid", &[&margin]);
        if classes == 2 {
            return Scores::Threat(p, Rounding::Loose);
        }
        let one = g.constant(Tensor::scalar(Values::F64(vec![1.0])));
        let other = g.step("Sub", &[&one, &p]);
        let pair = [g.column(&other), g.column(&p)];
        let pair = g.beside(&pair);
        return Scores::classes(spread(g, &pair, &parts.classes, classes));
    }
    let p = g.step_with("Softmax", &[&margins], vec![("axis", Attribute::Int(1))]);
    Scores::classes(spread(g, &p, &parts.classes, classes))
}

/// The same probabilities for every row.
pub fn constant(g: &mut Builder, matrix: &Name, shares: &[f64], features: usize) -> Scores {
    let x = g.cast(matrix, ElementType::F64);
    // Nothing times every feature: a table with as many rows as the matrix.
    let zeros = vec![0.0; features * shares.len()];
    let p = affine(g, &x, (features, shares.len()), zeros, shares.to_vec());
    Scores::classes(p)
}

fn affine(
    g: &mut Builder,
    x: &Name,
    shape: (usize, usize),
    weights: Vec<f64>,
    intercepts: Vec<f64>,
) -> Name {
    let weights = g.constant(Tensor {
        dims: vec![shape.0, shape.1],
        values: Values::F64(weights),
    });
    let intercepts = g.constant(Tensor::row(Values::F64(intercepts)));
    let product = g.step("MatMul", &[x, &weights]);
    g.step("Add", &[&product, &intercepts])
}
