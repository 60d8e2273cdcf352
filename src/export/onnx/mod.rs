//! One ONNX graph with preprocessing and model in it, which predicts what `netsec predict` does.
//!
//! Inputs: one per raw column, named as the column, a list with one value a row; `double` for
//! numbers (NaN is a gap), `string` for categories (the empty text is a gap). Outputs, lists too:
//! `label` (the class's name), `score` (two classes: the probability of the threat; otherwise that
//! of the predicted class), and with more than two classes `p_<class>` for each.
//!
//! The graph computes in the same precision as we do, step for step: raw numbers and scaling in
//! `double`, the matrix rounded to `float`, trees compared in `double` with the very thresholds
//! of the model (every `float` is a `double`, so nothing is rounded and no threshold has to be
//! moved), XGBoost in `float` as it does itself. Sums whose rounding could turn a label are either
//! exact or formed in a fixed order.

#[cfg(feature = "xgboost")]
mod boosted;
mod ensemble;
mod graph;
mod knn;
mod linear;
mod messages;
mod preprocessing;
mod protobuf;
mod scores;
#[cfg(test)]
mod tests;
mod trees;

use std::collections::HashSet;

use super::{Bundle, ExportError};
use crate::learners::ModelBody;
use crate::pipeline::data_transformation::FittedColumn;
use graph::Builder;
use messages::{ElementType, Port};

/// Name of the output with the class's name.
pub const LABEL: &str = "label";
/// Name of the output with the score.
pub const SCORE: &str = "score";

/// What a column of an input or output holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `double`.
    Number,
    /// `string`.
    Text,
}

/// The inputs of the graph: raw columns, in the order of the preprocessor.
pub fn inputs(bundle: &Bundle) -> Vec<(String, ColumnType)> {
    bundle
        .preprocessor
        .columns()
        .iter()
        .map(|column| {
            let kind = match column {
                FittedColumn::Numeric(_) => ColumnType::Number,
                FittedColumn::Categorical(_) => ColumnType::Text,
            };
            (column.name().to_owned(), kind)
        })
        .collect()
}

/// The outputs of the graph: label, score, and with more than two classes the probability of
/// each. A name that is also a column's gets a `_` at its end.
pub fn outputs(bundle: &Bundle) -> Vec<(String, ColumnType)> {
    let mut wanted = vec![
        (LABEL.to_owned(), ColumnType::Text),
        (SCORE.to_owned(), ColumnType::Number),
    ];
    if bundle.model.classes.len() > 2 {
        let classes = bundle.model.classes.iter();
        wanted.extend(classes.map(|c| (format!("p_{c}"), ColumnType::Number)));
    }
    let mut taken: HashSet<String> = inputs(bundle).into_iter().map(|(name, _)| name).collect();
    for (name, _) in &mut wanted {
        while !taken.insert(name.clone()) {
            name.push('_');
        }
    }
    wanted
}

/// The bytes of the ONNX file. The same bundle gives the same bytes.
///
/// # Errors
/// When ONNX cannot express the model.
pub fn encode(bundle: &Bundle) -> Result<Vec<u8>, ExportError> {
    let outputs = outputs(bundle);
    let mut g = Builder::new("netsec", ports(inputs(bundle)), ports(outputs.clone()));
    let matrix = preprocessing::matrix(&mut g, bundle)?;
    let model = &bundle.model;
    let classes = model.classes.len();
    let scores = match &model.body {
        ModelBody::Prior(shares) => linear::constant(&mut g, &matrix, shares, model.features.len()),
        ModelBody::LogisticRegression(m) => linear::scores(&mut g, &matrix, &m.plain(), classes),
        ModelBody::LinfaLogistic(m) => linear::scores(&mut g, &matrix, &m.plain(), classes),
        ModelBody::DecisionTree(m) => trees::mean(&mut g, &matrix, &[m.plain()], classes),
        ModelBody::RandomForest(m) => trees::mean(&mut g, &matrix, &m.plain(), classes),
        ModelBody::LinfaTree(m) => trees::mean(&mut g, &matrix, &[m.plain(classes)], classes),
        ModelBody::Adaboost(m) => {
            let features = model.features.len();
            trees::votes(&mut g, &matrix, &m.plain(), classes, features)
        }
        #[cfg(feature = "xgboost")]
        ModelBody::Xgboost(m) => {
            let plain = m.plain().map_err(ExportError::Library)?;
            boosted::scores(&mut g, &matrix, &plain)
        }
    };
    scores::decide(&mut g, bundle, scores, &outputs);
    let description = format!("netsec {}", bundle.title());
    Ok(g.finish().to_model(&description, &bundle.facts()))
}

fn ports(columns: Vec<(String, ColumnType)>) -> Vec<Port> {
    columns
        .into_iter()
        .map(|(name, kind)| Port {
            name,
            element: match kind {
                ColumnType::Number => ElementType::F64,
                ColumnType::Text => ElementType::Text,
            },
        })
        .collect()
}
