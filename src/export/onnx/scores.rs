//! From probabilities to label and score, as batch prediction decides.

use super::ColumnType;
use super::graph::{Builder, Name};
use super::messages::{Attribute, ElementType, Tensor, Values};
use crate::export::Bundle;

/// Whether a runtime computes the very bits of our probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// It does, or has no reason not to.
    Same,
    /// An order of additions or an exponential function may differ in the last places. A row
    /// whose score is the operating point could then fall on its other side.
    Loose,
}

/// What a model gives for every row, in `double`.
pub enum Scores {
    /// Two classes: the probability of the second, a list.
    Threat(Name, Rounding),
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
        Scores::Threat(p, rounding) => threat(g, p, bundle.threshold, rounding),
        Scores::Classes { p, order } if classes == 2 => {
            let rounding = match order {
                Some(_) => Rounding::Loose,
                None => Rounding::Same,
            };
            let p = g.at(&p, 1);
            threat(g, p, bundle.threshold, rounding)
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
fn threat(
    g: &mut Builder,
    p: Name,
    threshold: Option<f64>,
    rounding: Rounding,
) -> (Name, Name, Vec<Name>) {
    let (operator, limit) = match (threshold, rounding) {
        (Some(threshold), Rounding::Same) => ("GreaterOrEqual", threshold),
        (Some(threshold), Rounding::Loose) => ("GreaterOrEqual", a_hair_below(threshold)),
        (None, _) => ("Greater", 0.5),
    };
    let limit = g.constant(Tensor::scalar(Values::F64(vec![limit])));
    let is_threat = g.step(operator, &[&p, &limit]);
    (g.cast(&is_threat, ElementType::I64), p, Vec::new())
}

/// An operating point for scores that are not ours to the bit. It is chosen among scores, so rows
/// that have it exactly are common (equal rows, saturated models), while rows within rounding
/// below it are not: those would have to come that close by chance. The hair is what a margin's
/// rounding of 1e-12 makes of a logistic probability, and the last places of the probability.
fn a_hair_below(threshold: f64) -> f64 {
    threshold - threshold * ((1.0 - threshold).max(0.0) * 1e-12 + 4.0 * f64::EPSILON)
}

/// The first of the largest.
fn arg_max(g: &mut Builder, table: &Name) -> Name {
    g.step_with(
        "ArgMax",
        &[table],
        vec![("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_hair_is_below_and_thin(threshold in 1e-300..=1.0_f64) {
            let lower = a_hair_below(threshold);
            prop_assert!(lower < threshold);
            prop_assert!(threshold - lower <= 2e-12 * threshold);
            // Three steps of rounding are covered, also where the model is saturated.
            prop_assert!(lower <= threshold.next_down().next_down().next_down());
        }
    }
}
