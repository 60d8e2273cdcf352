//! KNN imputation within the graph: the same distances, neighbours and means as ours, in `double`.
//!
//! Only rows with a gap are looked at. For those a table of distances to all reference rows is
//! made: 16 KB of memory a row with 2,000 of them, several times over. Sums run in our order, so
//! equal distances stay equal. One thing differs: a distance that overflows to infinity (values
//! beyond 1e154) counts as no neighbour.

use super::graph::{Builder, Name};
use super::messages::{Attribute, ElementType, Tensor, Values};
use crate::pipeline::data_transformation::KnnReference;

/// Fills the gaps of a table wherever a neighbour knows the value; what is left is NaN. `missing`
/// says where the gaps are.
pub fn fill(g: &mut Builder, values: &Name, missing: &Name, reference: &KnnReference) -> Name {
    let nan = g.constant(Tensor::scalar(Values::F64(vec![f64::NAN])));
    let values = g.step("Where", &[missing, &nan, values]);
    if reference.rows.is_empty() {
        return values;
    }
    let gaps = g.cast(missing, ElementType::I64);
    let axes = g.ints(&[1]);
    let keep = vec![("keepdims", Attribute::Int(0))];
    let gappy = g.step_with("ReduceMax", &[&gaps, &axes], keep);
    let places = g.step("NonZero", &[&gappy]);
    let first_axis = g.ints(&[0]);
    let rows = g.step("Squeeze", &[&places, &first_axis]);
    let x = g.step("Gather", &[&values, &rows]);
    let distances = distances(g, &x, reference);
    let filled: Vec<Name> = (0..reference.columns.len())
        .map(|column| fill_column(g, &x, &distances, reference, column, &nan))
        .collect();
    let filled = g.beside(&filled);
    let rows = g.column(&rows);
    g.step("ScatterND", &[&values, &rows, &filled])
}

fn cell(reference: &KnnReference, row: usize, column: usize) -> Option<f64> {
    reference.rows[row][column].map(|v| v.0)
}

/// Distances of rows to reference rows; infinity where no column is common.
fn distances(g: &mut Builder, x: &Name, reference: &KnnReference) -> Name {
    let (rows, width) = (reference.rows.len(), reference.columns.len());
    let zero = g.constant(Tensor::scalar(Values::F64(vec![0.0])));
    let mut sum: Option<Name> = None;
    for column in 0..width {
        let own = g.columns(x, &[column]);
        let others = (0..rows)
            .map(|row| cell(reference, row, column).unwrap_or(f64::NAN))
            .collect();
        let others = g.constant(Tensor::row(Values::F64(others)));
        let d = g.step("Sub", &[&own, &others]);
        let square = g.step("Mul", &[&d, &d]);
        let unknown = g.step("IsNaN", &[&square]);
        let term = g.step("Where", &[&unknown, &zero, &square]);
        sum = Some(match sum {
            Some(sum) => g.step("Add", &[&sum, &term]),
            None => term,
        });
    }
    // A reference has at least one column: it has rows, and those hold a value each.
    let sum = sum.unwrap_or_else(|| zero.clone());
    // Columns both have, counted by a product of zeros and ones.
    let gaps = g.step("IsNaN", &[x]);
    let known = g.step("Not", &[&gaps]);
    let known = g.cast(&known, ElementType::F64);
    let known_there = (0..width)
        .flat_map(|column| {
            (0..rows).map(move |row| f64::from(u8::from(cell(reference, row, column).is_some())))
        })
        .collect();
    let known_there = g.constant(Tensor {
        dims: vec![width, rows],
        values: Values::F64(known_there),
    });
    let common = g.step("MatMul", &[&known, &known_there]);
    let number = g.constant(Tensor::scalar(Values::F64(vec![width as f64])));
    let scaled = g.step("Mul", &[&sum, &number]);
    let distance = g.step("Div", &[&scaled, &common]);
    let none = g.step("Equal", &[&common, &zero]);
    let far = g.constant(Tensor::scalar(Values::F64(vec![f64::INFINITY])));
    g.step("Where", &[&none, &far, &distance])
}

/// One column of `x`, its gaps filled with the mean over the nearest rows that know it.
fn fill_column(
    g: &mut Builder,
    x: &Name,
    distances: &Name,
    reference: &KnnReference,
    column: usize,
    nan: &Name,
) -> Name {
    let own = g.columns(x, &[column]);
    let donors: Vec<usize> = (0..reference.rows.len())
        .filter(|&row| cell(reference, row, column).is_some())
        .collect();
    if donors.is_empty() {
        return own;
    }
    let known = donors
        .iter()
        .filter_map(|&row| cell(reference, row, column))
        .collect();
    let known = g.constant(Tensor::list(Values::F64(known)));
    let k = (reference.neighbours as usize).min(donors.len());
    let distances = if donors.len() == reference.rows.len() {
        distances.clone()
    } else {
        g.columns(distances, &donors)
    };
    let count = g.ints(&[k as i64]);
    // The nearest first; of equals the earlier row, as `TopK` promises.
    let (distance, place) = g.step_of_two(
        "TopK",
        &[&distances, &count],
        vec![
            ("axis", Attribute::Int(1)),
            ("largest", Attribute::Int(0)),
            ("sorted", Attribute::Int(1)),
        ],
    );
    let far = g.step("IsInf", &[&distance]);
    let near = g.step("Not", &[&far]);
    let near_count = g.cast(&near, ElementType::F64);
    let found = g.row_sums(&near_count);
    let values = g.step("Gather", &[&known, &place]);
    let shares = g.step("Div", &[&values, &found]);
    let zero = g.constant(Tensor::scalar(Values::F64(vec![0.0])));
    let shares = g.step("Where", &[&near, &shares, &zero]);
    let mean = g.sum_in_order(&shares, k);
    let mean = g.column(&mean);
    let any = g.step("Greater", &[&found, &zero]);
    let mean = g.step("Where", &[&any, &mean, nan]);
    let gap = g.step("IsNaN", &[&own]);
    g.step("Where", &[&gap, &mean, &own])
}
