//! The preprocessor made ready for many small tables: vocabularies hashed once, plain columns in,
//! no table engine.
//!
//! [`Preprocessor::transform`] reads named columns of a [`crate::dataset::Frame`] and looks up
//! names and vocabularies each time: right for a file, too slow for one row of a request. This
//! gives the same matrix, bit for bit; a property test holds the two together.

use std::collections::HashMap;
use std::sync::Arc;

use super::preprocessor::{FittedColumn, Preprocessor};
use crate::config::{EncodeKind, UnknownCategories};
use crate::dataset::Matrix;

/// Texts of a column in one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextColumn {
    text: String,
    /// Where each cell ends.
    ends: Vec<u32>,
    missing: Vec<bool>,
}

impl TextColumn {
    /// Appends a cell; `None` is missing.
    ///
    /// A column holds at most 4 GiB of text; callers bound the size of what they read far below.
    pub fn push(&mut self, cell: Option<&str>) {
        self.text.push_str(cell.unwrap_or_default());
        self.ends.push(self.text.len() as u32);
        self.missing.push(cell.is_none());
    }
    /// The cell of a row; `None` is missing.
    pub fn get(&self, row: usize) -> Option<&str> {
        let start = match row {
            0 => 0,
            _ => self.ends[row - 1] as usize,
        };
        (!self.missing[row]).then(|| &self.text[start..self.ends[row] as usize])
    }
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// Takes all cells out and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.missing.clear();
    }
}

/// A column of raw values.
#[derive(Clone, Debug, PartialEq)]
pub enum RawColumn {
    /// Numbers; NaN is missing. Infinities are missing too: whoever fills the column writes NaN.
    Numbers(Vec<f64>),
    /// Categories.
    Texts(TextColumn),
}

impl RawColumn {
    /// Number of cells.
    pub fn len(&self) -> usize {
        match self {
            RawColumn::Numbers(values) => values.len(),
            RawColumn::Texts(texts) => texts.len(),
        }
    }
    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Takes all cells out and keeps the memory.
    pub fn clear(&mut self) {
        match self {
            RawColumn::Numbers(values) => values.clear(),
            RawColumn::Texts(texts) => texts.clear(),
        }
    }
}

/// Where the values of a categorical column go.
#[derive(Clone, Debug)]
struct Vocabulary {
    places: HashMap<Box<str>, u32>,
    /// The place of a value that train never showed; `None` where that is refused.
    unseen: Option<Place>,
    /// The place of a missing value.
    missing: Option<Place>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    At(u32),
    Nowhere,
}

/// A preprocessor with its vocabularies hashed.
#[derive(Clone, Debug)]
pub struct CompiledPreprocessor {
    inner: Preprocessor,
    /// Names of the features it makes.
    names: Arc<[String]>,
    /// One per column; `None` for a numeric one.
    vocabularies: Vec<Option<Vocabulary>>,
}

impl CompiledPreprocessor {
    /// Hashes the vocabularies of a preprocessor.
    pub fn new(inner: Preprocessor) -> Self {
        let vocabularies = inner
            .columns()
            .iter()
            .map(|column| match column {
                FittedColumn::Numeric(_) => None,
                FittedColumn::Categorical(c) => {
                    let rare = c.values.len() as u32;
                    let joined = c.joined.iter().map(|v| (v.as_str().into(), rare));
                    let own = c
                        .values
                        .iter()
                        .zip(0..)
                        .map(|(v, at)| (v.as_str().into(), at));
                    let places: HashMap<Box<str>, u32> = joined.chain(own).collect();
                    let unseen = match c.unknown {
                        UnknownCategories::Zero => Some(Place::Nowhere),
                        UnknownCategories::Rare => Some(Place::At(rare)),
                        UnknownCategories::Error => None,
                    };
                    let missing = places
                        .get(c.fill.as_str())
                        .copied()
                        .map(Place::At)
                        .or(unseen);
                    Some(Vocabulary {
                        places,
                        unseen,
                        missing,
                    })
                }
            })
            .collect();
        Self {
            names: inner.feature_names().into(),
            inner,
            vocabularies,
        }
    }

    /// The preprocessor itself.
    pub fn inner(&self) -> &Preprocessor {
        &self.inner
    }

    /// The columns it reads, in the order of [`Self::transform`]'s argument.
    pub fn columns(&self) -> &[FittedColumn] {
        self.inner.columns()
    }

    /// Empty raw columns of the right kinds.
    pub fn empty_columns(&self) -> Vec<RawColumn> {
        self.columns()
            .iter()
            .map(|column| match column {
                FittedColumn::Numeric(_) => RawColumn::Numbers(Vec::new()),
                FittedColumn::Categorical(_) => RawColumn::Texts(TextColumn::default()),
            })
            .collect()
    }

    /// Whether a value of a column is one that train showed; numbers always are.
    pub fn knows(&self, column: usize, value: &str) -> bool {
        self.vocabularies[column]
            .as_ref()
            .is_none_or(|v| v.places.contains_key(value))
    }

    /// Whether the fitted policy refuses values of a column that train never showed.
    pub fn refuses_unseen(&self, column: usize) -> bool {
        self.vocabularies[column]
            .as_ref()
            .is_some_and(|v| v.unseen.is_none())
    }

    /// Makes the matrix of some rows. A value that the policy refuses encodes as nothing: whoever
    /// reads requests finds it before, by [`Self::refuses_unseen`], and does not use the row.
    ///
    /// `columns` are raw columns of equal length `rows`, in the order and of the kinds of
    /// [`Self::empty_columns`].
    pub fn transform(&self, columns: &[RawColumn], rows: usize) -> Matrix {
        let mut data = vec![0.0_f32; rows * self.names.len()];
        let imputed = self.imputed(columns);
        let mut imputed = imputed.iter();
        let mut rest = data.as_mut_slice();
        let fitted = self.columns().iter().zip(&self.vocabularies);
        for ((column, vocabulary), raw) in fitted.zip(columns) {
            let (part, after) = rest.split_at_mut(rows * column.width());
            rest = after;
            match (column, vocabulary, raw) {
                (FittedColumn::Numeric(column), _, RawColumn::Numbers(values)) => {
                    column.apply(imputed.next().unwrap_or(values), part);
                }
                (FittedColumn::Categorical(column), Some(vocabulary), RawColumn::Texts(texts)) => {
                    vocabulary.apply(texts, column.encode, rows, part);
                }
                // Columns of another kind than asked for: left at zero.
                _ => debug_assert!(false, "a raw column of another kind"),
            }
        }
        Matrix::from_data(Arc::clone(&self.names), rows, data)
    }

    /// With KNN the numeric columns with their holes filled; else nothing.
    fn imputed(&self, columns: &[RawColumn]) -> Vec<Vec<f64>> {
        let Some(knn) = self.inner.knn() else {
            return Vec::new();
        };
        let mut numbers: Vec<Vec<f64>> = columns
            .iter()
            .filter_map(|column| match column {
                RawColumn::Numbers(values) => Some(values.clone()),
                RawColumn::Texts(_) => None,
            })
            .collect();
        knn.fill(&mut numbers);
        numbers
    }
}

impl Vocabulary {
    fn apply(&self, texts: &TextColumn, encode: EncodeKind, rows: usize, out: &mut [f32]) {
        for row in 0..rows {
            let place = match texts.get(row) {
                None => self.missing,
                Some(value) => self
                    .places
                    .get(value)
                    .copied()
                    .map(Place::At)
                    .or(self.unseen),
            };
            match (encode, place) {
                (EncodeKind::OneHot, Some(Place::At(at))) => out[at as usize * rows + row] = 1.0,
                (EncodeKind::OneHot, _) => {}
                (EncodeKind::Ordinal, Some(Place::At(at))) => out[row] = at as f32,
                (EncodeKind::Ordinal, _) => out[row] = -1.0,
            }
        }
    }
}
