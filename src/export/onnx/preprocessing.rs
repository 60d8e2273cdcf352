//! From raw columns to the learner's matrix, as the fitted preprocessor does it.

use std::collections::BTreeMap;

use super::graph::{Builder, Name};
use super::knn;
use super::messages::{Attribute, ElementType, Tensor, Values};
use crate::config::{EncodeKind, UnknownCategories};
use crate::dataset::number_text;
use crate::export::{Bundle, ExportError};
use crate::pipeline::data_transformation::{CategoricalColumn, FittedColumn, NumericColumn, Scale};

/// The matrix, `float`, one row a row, features in the model's order.
pub fn matrix(g: &mut Builder, bundle: &Bundle) -> Result<Name, ExportError> {
    let columns = bundle.preprocessor.columns();
    let numeric: Vec<&NumericColumn> = columns
        .iter()
        .filter_map(|c| match c {
            FittedColumn::Numeric(c) => Some(c),
            FittedColumn::Categorical(_) => None,
        })
        .collect();
    // All numbers go through one block, categories beside it in their order; where the features
    // have another order, one step at the end puts them right.
    let mut blocks = Vec::new();
    if !numeric.is_empty() {
        blocks.push(numbers(g, &numeric, bundle));
    }
    let mut order = Vec::new();
    let (mut next_number, mut next_category) = (0, numeric.len());
    for column in columns {
        match column {
            FittedColumn::Numeric(_) => {
                order.push(next_number);
                next_number += 1;
            }
            FittedColumn::Categorical(c) => {
                blocks.push(category(g, c, &bundle.schema.null_texts));
                order.extend(next_category..next_category + c.width());
                next_category += c.width();
            }
        }
    }
    if order.is_empty() {
        return Err(ExportError::NotExpressible(
            "the preprocessor makes no features, so there is nothing to predict from".to_owned(),
        ));
    }
    let matrix = g.beside(&blocks);
    Ok(if order.is_sorted() {
        matrix
    } else {
        g.columns(&matrix, &order)
    })
}

/// The numeric columns, filled, scaled and rounded to `float`.
fn numbers(g: &mut Builder, columns: &[&NumericColumn], bundle: &Bundle) -> Name {
    let raw: Vec<Name> = columns
        .iter()
        .map(|column| {
            let input = g.input(&column.name);
            g.column(&input)
        })
        .collect();
    let mut values = g.beside(&raw);
    // An infinity is a gap too.
    let infinite = g.step("IsInf", &[&values]);
    let nan = g.step("IsNaN", &[&values]);
    let mut missing = g.step("Or", &[&infinite, &nan]);
    if let Some(reference) = bundle.preprocessor.knn() {
        values = knn::fill(g, &values, &missing, reference);
        missing = g.step("IsNaN", &[&values]);
    }
    let fill = columns.iter().map(|c| c.fill.0).collect();
    let fill = g.constant(Tensor::row(Values::F64(fill)));
    let mut values = g.step("Where", &[&missing, &fill, &values]);
    if columns.iter().any(|c| c.scale != Scale::None) {
        // Minus 0 and divided by 1 leaves a column as it is, to the bit.
        let (offset, scale) = columns
            .iter()
            .map(|c| match c.scale {
                Scale::None => (0.0, 1.0),
                Scale::Standard { mean, std } => (mean.0, std.0),
                Scale::MinMax { min, range } => (min.0, range.0),
            })
            .unzip();
        let offset = g.constant(Tensor::row(Values::F64(offset)));
        let scale = g.constant(Tensor::row(Values::F64(scale)));
        let centred = g.step("Sub", &[&values, &offset]);
        values = g.step("Div", &[&centred, &scale]);
    }
    let limit = f64::from(f32::MAX);
    let low = g.constant(Tensor::scalar(Values::F64(vec![-limit])));
    let high = g.constant(Tensor::scalar(Values::F64(vec![limit])));
    let values = g.step("Clip", &[&values, &low, &high]);
    g.cast(&values, ElementType::F32)
}

/// A categorical column, encoded, as `float`.
fn category(g: &mut Builder, column: &CategoricalColumn, null_texts: &[String]) -> Name {
    let places = Places::of(column, null_texts);
    let input = g.input(&column.name);
    let (keys, values) = places.of_text.into_iter().unzip();
    let mut place = g.ml_step(
        "LabelEncoder",
        &input,
        vec![
            ("default_int64", Attribute::Int(places.unseen)),
            ("keys_strings", Attribute::Texts(keys)),
            ("values_int64s", Attribute::Ints(values)),
        ],
    );
    if column.unknown == UnknownCategories::Error {
        // An unseen value is past the end of this list, and looking it up there fails: the whole
        // table is refused, as we refuse it.
        let all: Vec<i64> = (0..places.unseen).collect();
        let all = g.ints(&all);
        place = g.step("Gather", &[&all, &place]);
        g.explain(format!(
            "a value of {} is unknown to the model",
            column.name
        ));
    }
    let place = g.column(&place);
    match column.encode {
        EncodeKind::Ordinal => g.cast(&place, ElementType::F32),
        EncodeKind::OneHot => {
            let all = (0..column.width() as i64).collect();
            let all = g.constant(Tensor::row(Values::I64(all)));
            let hot = g.step("Equal", &[&place, &all]);
            g.cast(&hot, ElementType::F32)
        }
    }
}

/// Where the texts of a column go.
struct Places {
    of_text: BTreeMap<String, i64>,
    /// Texts that are not listed: -1 is nowhere.
    unseen: i64,
}

impl Places {
    fn of(column: &CategoricalColumn, null_texts: &[String]) -> Self {
        let after_all = column.values.len() as i64;
        let mut of_text: BTreeMap<String, i64> = BTreeMap::new();
        of_text.extend(column.joined.iter().map(|v| (v.clone(), after_all)));
        of_text.extend((0..).zip(&column.values).map(|(at, v)| (v.clone(), at)));
        let unseen = match column.unknown {
            UnknownCategories::Zero => -1,
            UnknownCategories::Rare => after_all,
            // Past the end of all places.
            UnknownCategories::Error => after_all + i64::from(column.rare),
        };
        // Where pandas has made other texts of a value: whole numbers in a column with gaps, and
        // truth values.
        let known: Vec<(String, i64)> = of_text.iter().map(|(t, at)| (t.clone(), *at)).collect();
        for (text, at) in known {
            for alias in aliases(&text) {
                of_text.entry(alias).or_insert(at);
            }
        }
        // A gap is the empty text, a text the schema reads as one, or what ONNX Runtime makes of
        // Python's None, NaN and pandas' NA when it is given a column of objects.
        let fill = of_text.get(&column.fill).copied().unwrap_or(unseen);
        let gaps = null_texts.iter().map(|t| t.trim());
        for gap in gaps.chain(["", "None", "nan", "<NA>"]) {
            of_text.entry(gap.to_owned()).or_insert(fill);
        }
        Self { of_text, unseen }
    }
}

/// How pandas may write a category otherwise than we do.
fn aliases(text: &str) -> Vec<String> {
    match text {
        "true" => vec!["True".to_owned()],
        "false" => vec!["False".to_owned()],
        _ => match text.parse::<f64>() {
            Ok(v) if v.is_finite() && v == v.trunc() && number_text(v) == text => {
                vec![format!("{text}.0")]
            }
            _ => Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(unknown: UnknownCategories) -> CategoricalColumn {
        CategoricalColumn {
            name: "c".into(),
            missing_in_train: 0,
            fill: "tcp".into(),
            encode: EncodeKind::OneHot,
            unknown,
            values: vec!["3".into(), "nan".into(), "tcp".into()],
            rare: true,
            joined: vec!["odd".into()],
        }
    }

    #[test]
    fn gaps_go_where_the_fill_goes_unless_they_are_values() {
        let places = Places::of(&column(UnknownCategories::Zero), &[" ? ".into()]);
        for (text, at) in [
            ("3", 0),
            ("3.0", 0),
            ("nan", 1),
            ("tcp", 2),
            ("odd", 3),
            ("", 2),
            ("None", 2),
            ("?", 2),
        ] {
            assert_eq!(places.of_text.get(text), Some(&at), "{text}");
        }
        assert_eq!(places.unseen, -1);
        assert_eq!(Places::of(&column(UnknownCategories::Rare), &[]).unseen, 3);
        assert_eq!(Places::of(&column(UnknownCategories::Error), &[]).unseen, 4);
        let mut unfilled = column(UnknownCategories::Zero);
        unfilled.fill = "never seen".into();
        assert_eq!(Places::of(&unfilled, &[]).of_text.get(""), Some(&-1));
    }
}
