//! What the champion reads of a row: its columns, their names and aliases, their kinds and limits.
//!
//! Made once per model from the schema and the preprocessor it was trained with, so that a request
//! is checked with the same rules as the data it was trained on.

use std::collections::HashMap;

use crate::pipeline::data_transformation::{CompiledPreprocessor, FittedColumn};
use crate::schema::{ColumnKind, ColumnSpec, Schema, nearest};
use crate::source::{is_header_of, match_columns, names_by_position};

/// Longest name that is compared with the name of a column, bytes.
const LONGEST_NAME: usize = 100;
/// Names that are compared with each.
const COMPARED: usize = 200;
/// Missing columns for which a suggestion is looked for.
const SUGGESTED: usize = 12;

/// A column the model reads.
#[derive(Clone, Debug)]
pub struct InputColumn {
    /// What the schema says of it.
    pub spec: ColumnSpec,
    /// The only values it takes, where the fitted policy refuses others.
    pub closed: bool,
}

/// The columns of a model, in the order of its preprocessor.
#[derive(Clone, Debug)]
pub struct Layout {
    schema: Schema,
    columns: Vec<InputColumn>,
    /// The least and the greatest value of each column: what is asked of every cell lies together.
    ranges: Vec<(f64, f64)>,
    /// Names and aliases, as they stand and folded, to the column.
    names: HashMap<String, usize>,
    /// The column of each column of the schema.
    by_slot: Vec<Option<usize>>,
    null_texts: Vec<String>,
}

/// A required column that a request does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The column.
    pub column: String,
    /// A name in the request that may have been meant.
    pub suggestion: Option<String>,
}

/// Which field of a row is which column of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMap {
    /// For each field its column.
    pub columns: Vec<Option<usize>>,
    /// The names of the fields.
    pub names: Vec<String>,
}

impl Layout {
    /// The layout of a fitted preprocessor under its schema.
    pub fn new(schema: &Schema, preprocessor: &CompiledPreprocessor) -> Self {
        let columns: Vec<InputColumn> = preprocessor
            .columns()
            .iter()
            .enumerate()
            .map(|(at, fitted)| {
                let kind = match fitted {
                    FittedColumn::Numeric(_) => ColumnKind::Real,
                    FittedColumn::Categorical(_) => ColumnKind::Category,
                };
                let spec = schema
                    .column(fitted.name())
                    .cloned()
                    .unwrap_or_else(|| ColumnSpec::feature(fitted.name(), kind));
                InputColumn {
                    spec,
                    closed: preprocessor.refuses_unseen(at),
                }
            })
            .collect();
        let ranges = columns
            .iter()
            .map(|column| {
                let (min, max) = (column.spec.min, column.spec.max);
                (
                    min.unwrap_or(f64::NEG_INFINITY),
                    max.unwrap_or(f64::INFINITY),
                )
            })
            .collect();
        let mut names = HashMap::new();
        for (at, column) in columns.iter().enumerate() {
            names.insert(column.spec.name.clone(), at);
        }
        // Folded forms and aliases take no name that belongs to another column.
        for (at, column) in columns.iter().enumerate() {
            for name in std::iter::once(&column.spec.name).chain(&column.spec.aliases) {
                names.entry(fold(name)).or_insert(at);
            }
        }
        let by_slot = schema
            .columns
            .iter()
            .map(|c| columns.iter().position(|own| own.spec.name == c.name))
            .collect();
        let null_texts = schema
            .null_texts
            .iter()
            .map(|text| text.trim().to_owned())
            .collect();
        Self {
            schema: schema.clone(),
            columns,
            ranges,
            names,
            by_slot,
            null_texts,
        }
    }

    /// The columns in order.
    pub fn columns(&self) -> &[InputColumn] {
        &self.columns
    }

    /// Whether a value lies outside of its column's range in the schema.
    pub fn is_outside(&self, column: usize, value: f64) -> bool {
        let (min, max) = self.ranges[column];
        (value < min) | (value > max)
    }

    /// The column a name stands for, as in a header: trimmed, in any case, by its aliases too.
    pub fn find(&self, name: &str) -> Option<usize> {
        match self.names.get(name) {
            Some(at) => Some(*at),
            None => self.names.get(&fold(name)).copied(),
        }
    }

    /// Whether a text stands for a missing value.
    pub fn is_null_text(&self, trimmed: &str) -> bool {
        trimmed.is_empty() || self.null_texts.iter().any(|t| t == trimmed)
    }

    /// Whether the first record of a table without types is its header.
    pub fn is_header(&self, first: &[String]) -> bool {
        is_header_of(&self.schema, first)
    }

    /// Finds the model's columns among the names of a header.
    ///
    /// # Errors
    /// The columns that are missing.
    pub fn by_names(&self, names: &[String]) -> Result<FieldMap, Vec<Missing>> {
        let mapping = match_columns(&self.schema, names, false);
        let mut columns = vec![None; names.len()];
        for (slot, position) in mapping.positions.iter().enumerate() {
            if let (Some(position), Some(at)) = (position, self.by_slot[slot]) {
                columns[*position] = Some(at);
            }
        }
        // A preprocessor may know a column that its schema does not name any more.
        for (position, name) in names.iter().enumerate() {
            if columns[position].is_none()
                && let Some(at) = self.names.get(name.trim())
                && !columns.contains(&Some(*at))
            {
                columns[position] = Some(*at);
            }
        }
        let missing = self.missing(|at| columns.contains(&Some(at)), &mapping.report.unused);
        if missing.is_empty() {
            Ok(FieldMap {
                columns,
                names: names.to_vec(),
            })
        } else {
            Err(missing)
        }
    }

    /// The columns that are not there, the first of them with a name that may have been meant.
    /// Comparing names costs the product of their lengths: what is longer than any name of a
    /// column is not compared, and nobody reads more than a few suggestions.
    pub fn missing(&self, there: impl Fn(usize) -> bool, unused: &[String]) -> Vec<Missing> {
        let near: Vec<&str> = unused
            .iter()
            .map(String::as_str)
            .filter(|name| name.len() <= LONGEST_NAME)
            .take(COMPARED)
            .collect();
        self.columns
            .iter()
            .enumerate()
            .filter(|(at, _)| !there(*at))
            .enumerate()
            .map(|(nth, (_, column))| Missing {
                column: column.spec.name.clone(),
                suggestion: (nth < SUGGESTED)
                    .then(|| nearest(&column.spec.name, near.iter().copied()))
                    .flatten()
                    .map(str::to_owned),
            })
            .collect()
    }

    /// Finds the columns of rows without names by the number of their fields: all columns of the
    /// schema (with or without optional ones and the label), or exactly the model's own.
    pub fn by_position(&self, width: usize) -> Option<FieldMap> {
        if let Some(names) = names_by_position(&self.schema, width, false)
            && let Ok(map) = self.by_names(&names)
        {
            return Some(map);
        }
        (width == self.columns.len()).then(|| FieldMap {
            columns: (0..width).map(Some).collect(),
            names: self.columns.iter().map(|c| c.spec.name.clone()).collect(),
        })
    }
}

fn fold(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use crate::serving::testing::{flow_layout, phishing_like};

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn columns_are_found_by_name_case_and_order() {
        let layout = flow_layout();
        let map = layout
            .by_names(&names(&[
                "SERVICE",
                " duration ",
                "label",
                "bytes",
                "other",
            ]))
            .unwrap();
        assert_eq!(map.columns, [Some(2), Some(0), None, Some(1), None]);
        assert_eq!(layout.find("Bytes"), Some(1));
        assert_eq!(layout.find("nothing"), None);
    }

    #[test]
    fn missing_columns_come_with_what_may_have_been_meant() {
        let missing = flow_layout()
            .by_names(&names(&["duratoin", "service"]))
            .unwrap_err();
        assert_eq!(missing.len(), 2);
        assert_eq!(missing[0].column, "duration");
        assert_eq!(missing[0].suggestion.as_deref(), Some("duratoin"));
        assert_eq!(missing[1].suggestion, None);
    }

    #[test]
    fn rows_without_names_are_known_by_their_width() {
        let layout = flow_layout();
        // With and without the label.
        assert!(layout.by_position(4).is_some());
        assert_eq!(
            layout.by_position(3).unwrap().columns,
            [Some(0), Some(1), Some(2)]
        );
        assert!(layout.by_position(9).is_none());
        assert!(phishing_like().0.by_position(2).is_some());
    }
}
