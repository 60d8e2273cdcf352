//! From probabilities to label and score, as batch prediction decides.

use super::ColumnType;
use super::graph::{Builder, Name};
use super::messages::{Attribute, ElementType, Tensor, Values};
use crate::export::Bundle;

/// What a model gives for every row, in `double`.
pub enum Scores {
    /// Two classes: the probability of the second, a list.
    Threat(Name),
    /// Probabilities of all classes, a table.
    Classes {
        /// The probabilities.
        p: Name,
        /// A table that orders the classes as the probabilities do, where those carry rounding
        /// that depends on the runtime, and the classes of its columns.
        order: Option<(Name, Vec<usize>)>,
    },
}

impl Scores {
    /// Probabilities that say themselves which class is first.
    pub fn classes(p: Name) -> Self {
        Scores::Classes { p, order: None }
    }
}

/// Gives the columns of `p` their places among all classes; the other classes get 0.
pub fn spread(g: &mut Builder, p: &Name, places: &[usize], classes: usize) -> Name {
    if places.len() == classes {
        return p.clone();
    }
    let mut table = vec![0.0; places.len() * classes];
    for (row, &place) in places.iter().enumerate() {
        table[row * classes + place] = 1.0;
    }
    let table = g.constant(Tensor {
        dims: vec![places.len(), classes],
        values: Values::F64(table),
    });
    g.step("MatMul", &[p, &table])
}

/// Adds the outputs: label, score, and the probabilities of more than two classes.
pub fn decide(g: &mut Builder, bundle: &Bundle, scores: Scores, outputs: &[(String, ColumnType)]) {
    let classes = bundle.model.classes.len();
    let (class, score, each) = match scores {
        Scores::Threat(p) => threat(g, p, bundle.threshold),
        Scores::Classes { p, .. } if classes == 2 => {
            let p = g.at(&p, 1);
            threat(g, p, bundle.threshold)
        }
        Scores::Classes { p, order } => {
            let class = match order {
                None => arg_max(g, &p),
                Some((order, places)) => {
                    let place = arg_max(g, &order);
                    let places: Vec<i64> = places.iter().map(|&c| c as i64).collect();
                    let places = g.ints(&places);
                    g.step("Gather", &[&places, &place])
                }
            };
            let axes = g.ints(&[1]);
            let keep = vec![("keepdims", Attribute::Int(0))];
            let score = g.step_with("ReduceMax", &[&p, &axes], keep);
            let each = (0..classes).map(|c| g.at(&p, c)).collect();
            (class, score, each)
        }
    };
    let names = g.constant(Tensor::list(Values::Text(bundle.model.classes.clone())));
    let label = g.step("Gather", &[&names, &class]);
    for ((name, _), value) in outputs.iter().zip([label, score].iter().chain(&each)) {
        g.output(name, value);
    }
}

/// Class 1 from the operating point on; without one, when it is the more probable.
fn threat(g: &mut Builder, p: Name, threshold: Option<f64>) -> (Name, Name, Vec<Name>) {
    let (operator, limit) = match threshold {
        Some(threshold) => ("GreaterOrEqual", threshold),
        None => ("Greater", 0.5),
    };
    let limit = g.constant(Tensor::scalar(Values::F64(vec![limit])));
    let is_threat = g.step(operator, &[&p, &limit]);
    (g.cast(&is_threat, ElementType::I64), p, Vec::new())
}

/// The first of the largest.
fn arg_max(g: &mut Builder, table: &Name) -> Name {
    g.step_with(
        "ArgMax",
        &[table],
        vec![("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))],
    )
}
