//! What to do with which column; made from schema and settings, before any data is seen.

use super::TransformError;
use crate::config::{NumericImpute, TransformationConfig};
use crate::dataset::Frame;
use crate::schema::{ColumnKind, ColumnSpec, Schema};

/// What to do with which column. Knows no data.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformationPlan {
    settings: TransformationConfig,
    features: Vec<ColumnSpec>,
}

impl TransformationPlan {
    /// Plans the transformation of the schema's feature columns.
    pub fn new(schema: &Schema, settings: &TransformationConfig) -> Self {
        Self {
            settings: settings.clone(),
            features: schema.features().cloned().collect(),
        }
    }
    /// The settings.
    pub fn settings(&self) -> &TransformationConfig {
        &self.settings
    }
    /// The feature columns to fit on this table: all of the schema's, without optional ones that
    /// the table does not have.
    pub(super) fn columns_of(&self, train: &Frame) -> Result<Vec<&ColumnSpec>, TransformError> {
        if let NumericImpute::Knn { neighbours: 0 } = self.settings.numeric_impute {
            return Err(TransformError::Setting {
                field: "numeric_impute.neighbours",
                problem: "must be at least 1".to_owned(),
            });
        }
        if let NumericImpute::Constant { value } = self.settings.numeric_impute
            && !value.is_finite()
        {
            return Err(TransformError::Setting {
                field: "numeric_impute.value",
                problem: format!("must be a finite number, not {value}"),
            });
        }
        let columns: Vec<&ColumnSpec> = self
            .features
            .iter()
            .filter(|c| !c.optional || train.has(&c.name))
            .collect();
        if let Some(text) = columns.iter().find(|c| c.kind == ColumnKind::Text) {
            return Err(TransformError::TextFeature {
                column: text.name.clone(),
            });
        }
        if columns.is_empty() {
            return Err(TransformError::NoFeatures);
        }
        Ok(columns)
    }
}
