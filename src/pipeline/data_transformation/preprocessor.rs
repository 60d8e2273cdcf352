//! The fitted preprocessor: from a table to the learner's matrix, in an open, versioned format.
//!
//! `preprocessor.json` holds everything needed to transform, in plain numbers: fill values,
//! scales, vocabularies and, with KNN, reference rows. The same train split and plan give the
//! same bytes. Fitting takes a [`TrainFrame`] and nothing else.

use std::collections::HashSet;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::categorical::CategoricalColumn;
use super::knn::KnnReference;
use super::numeric::NumericColumn;
use super::{TransformError, TransformationPlan, cells};
use crate::config::{NumericImpute, ScaleKind};
use crate::dataset::{Frame, Matrix, TrainFrame};
use crate::{exact_json, files};

const FORMAT: &str = "netsec-preprocessor";
const VERSION: u32 = 1;

/// A fitted column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum FittedColumn {
    /// A number, filled and scaled.
    Numeric(NumericColumn),
    /// A category, filled and encoded.
    Categorical(CategoricalColumn),
}

impl FittedColumn {
    /// Name of the column in the table.
    pub fn name(&self) -> &str {
        match self {
            FittedColumn::Numeric(c) => &c.name,
            FittedColumn::Categorical(c) => &c.name,
        }
    }
    /// Missing values in the train split.
    pub fn missing_in_train(&self) -> u64 {
        match self {
            FittedColumn::Numeric(c) => c.missing_in_train,
            FittedColumn::Categorical(c) => c.missing_in_train,
        }
    }
    /// Number of features the column becomes.
    pub fn width(&self) -> usize {
        match self {
            FittedColumn::Numeric(_) => 1,
            FittedColumn::Categorical(c) => c.width(),
        }
    }
    fn features(&self) -> Vec<String> {
        match self {
            FittedColumn::Numeric(c) => vec![c.name.clone()],
            FittedColumn::Categorical(c) => c.features(),
        }
    }
    fn is_sound(&self) -> bool {
        match self {
            FittedColumn::Numeric(c) => c.is_sound(),
            FittedColumn::Categorical(c) => c.is_sound(),
        }
    }
}

/// The fitted preprocessor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessor {
    format: String,
    version: u32,
    train_rows: u64,
    columns: Vec<FittedColumn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    knn: Option<KnnReference>,
    features: Vec<String>,
}

/// The part of the file that every version has.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

impl Preprocessor {
    /// Learns fill values, vocabularies and scales from the train split.
    pub fn fit(train: &TrainFrame, plan: &TransformationPlan) -> Result<Self, TransformError> {
        let TrainFrame(frame) = train;
        if frame.rows() == 0 {
            return Err(TransformError::NoRows);
        }
        let settings = plan.settings();
        let specs = plan.columns_of(frame)?;
        let fitted: Vec<Result<(FittedColumn, Vec<f64>), TransformError>> = specs
            .par_iter()
            .map(|spec| {
                if spec.kind.is_numeric() {
                    let values = cells::numbers(frame, &spec.name)?;
                    let column =
                        NumericColumn::fit_fill(&spec.name, &values, settings.numeric_impute);
                    Ok((FittedColumn::Numeric(column), values))
                } else {
                    let column = CategoricalColumn::fit(frame, &spec.name, settings)?;
                    Ok((FittedColumn::Categorical(column), Vec::new()))
                }
            })
            .collect();
        let mut columns = Vec::with_capacity(fitted.len());
        let mut numbers = Vec::new();
        for result in fitted {
            let (column, values) = result?;
            if matches!(column, FittedColumn::Numeric(_)) {
                numbers.push(values);
            }
            columns.push(column);
        }
        let knn = match settings.numeric_impute {
            NumericImpute::Knn { neighbours } => Some(KnnReference::fit(
                neighbours,
                numeric_names(&columns),
                &numbers,
            )),
            _ => None,
        };
        if settings.scale != ScaleKind::None {
            // Scales are those of the imputed column, as in a scikit-learn pipeline.
            if let Some(knn) = &knn {
                knn.fill(&mut numbers);
            }
            columns
                .iter_mut()
                .filter_map(|c| match c {
                    FittedColumn::Numeric(c) => Some(c),
                    FittedColumn::Categorical(_) => None,
                })
                .zip(&mut numbers)
                .collect::<Vec<_>>()
                .into_par_iter()
                .for_each(|(column, values)| {
                    for value in values.iter_mut().filter(|v| v.is_nan()) {
                        *value = column.fill.0;
                    }
                    column.fit_scale(values, settings.scale);
                });
        }
        let features = feature_names(&columns)?;
        Ok(Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            train_rows: frame.rows() as u64,
            columns,
            knn,
            features,
        })
    }

    /// Makes the matrix of a table with the feature columns; other columns are left alone.
    ///
    /// The result does not depend on the number of threads. Of several errors, the first column's
    /// is reported.
    pub fn transform(&self, frame: &Frame) -> Result<Matrix, TransformError> {
        let rows = frame.rows();
        let mut data = vec![0.0_f32; rows * self.features.len()];
        // Every column writes its own part of the matrix.
        let mut parts: Vec<(&FittedColumn, &mut [f32])> = Vec::with_capacity(self.columns.len());
        let mut rest = data.as_mut_slice();
        for column in &self.columns {
            let (part, after) = rest.split_at_mut(rows * column.width());
            parts.push((column, part));
            rest = after;
        }
        if let Some(knn) = &self.knn {
            let names = numeric_names(&self.columns);
            let read: Vec<Result<Vec<f64>, TransformError>> = names
                .par_iter()
                .map(|name| cells::numbers(frame, name))
                .collect();
            let mut numbers = read.into_iter().collect::<Result<Vec<_>, _>>()?;
            knn.fill(&mut numbers);
            let mut numbers = numbers.into_iter();
            for (column, part) in &mut parts {
                if let FittedColumn::Numeric(column) = column
                    && let Some(values) = numbers.next()
                {
                    column.apply(&values, part);
                }
            }
            parts.retain(|(column, _)| matches!(column, FittedColumn::Categorical(_)));
        }
        let outcomes: Vec<Result<(), TransformError>> = parts
            .into_par_iter()
            .map(|(column, part)| match column {
                FittedColumn::Numeric(column) => {
                    column.apply(&cells::numbers(frame, &column.name)?, part);
                    Ok(())
                }
                FittedColumn::Categorical(column) => column.apply(frame, part),
            })
            .collect();
        outcomes.into_iter().collect::<Result<(), _>>()?;
        Ok(Matrix::from_data(self.features.clone(), rows, data))
    }

    /// Names of the features, in the order of the matrix.
    pub fn feature_names(&self) -> &[String] {
        &self.features
    }
    /// The fitted columns, in schema order.
    pub fn columns(&self) -> &[FittedColumn] {
        &self.columns
    }
    /// The reference rows of the KNN imputation, if that is how numbers are filled.
    pub fn knn(&self) -> Option<&KnnReference> {
        self.knn.as_ref()
    }
    /// Rows of the train split it was fitted on.
    pub fn train_rows(&self) -> u64 {
        self.train_rows
    }
    /// Columns that had no value at all in the train split.
    pub fn empty_columns(&self) -> Vec<&str> {
        self.columns
            .iter()
            .filter(|c| c.missing_in_train() == self.train_rows)
            .map(FittedColumn::name)
            .collect()
    }

    /// Writes `preprocessor.json`.
    pub fn save(&self, path: &Path) -> Result<(), TransformError> {
        files::write_json(path, self).map_err(|source| TransformError::File {
            path: path.to_owned(),
            source,
        })
    }
    /// Reads `preprocessor.json`. Refuses other formats, other versions and contradictions.
    pub fn load(path: &Path) -> Result<Self, TransformError> {
        let text = std::fs::read_to_string(path).map_err(|source| TransformError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|problem| TransformError::Format {
            path: path.to_owned(),
            problem,
        })
    }
    /// Reads the text of a preprocessor file; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let header: Header = exact_json::from_str(text)
            .map_err(|e| format!("this is not a preprocessor file: {e}"))?;
        if header.format != FORMAT {
            return Err(format!("the format is `{}`, not `{FORMAT}`", header.format));
        }
        if header.version != VERSION {
            return Err(format!(
                "version {} of the format is unknown; this program reads version {VERSION}",
                header.version
            ));
        }
        let read: Self = exact_json::from_str(text)
            .map_err(|e| format!("the preprocessor cannot be read: {e}"))?;
        if let Some(column) = read.columns.iter().find(|c| !c.is_sound()) {
            return Err(format!("column `{}` contradicts itself", column.name()));
        }
        let names = feature_names(&read.columns).map_err(|e| e.to_string())?;
        if names != read.features {
            return Err("`features` does not list what `columns` make".to_owned());
        }
        if let Some(knn) = &read.knn
            && !(knn.is_sound() && knn.columns == numeric_names(&read.columns))
        {
            return Err("the rows of `knn` do not fit the numeric columns".to_owned());
        }
        Ok(read)
    }
}

fn numeric_names(columns: &[FittedColumn]) -> Vec<String> {
    columns
        .iter()
        .filter_map(|c| match c {
            FittedColumn::Numeric(c) => Some(c.name.clone()),
            FittedColumn::Categorical(_) => None,
        })
        .collect()
}

/// The names of all features; each must be there once.
fn feature_names(columns: &[FittedColumn]) -> Result<Vec<String>, TransformError> {
    let names: Vec<String> = columns.iter().flat_map(FittedColumn::features).collect();
    let mut seen = HashSet::with_capacity(names.len());
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => Err(TransformError::SameName {
            feature: name.clone(),
        }),
        None => Ok(names),
    }
}
