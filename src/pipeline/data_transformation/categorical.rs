//! A fitted categorical column: its vocabulary, and how values become numbers.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{TransformError, cells};
use crate::config::{CategoricalImpute, EncodeKind, TransformationConfig, UnknownCategories};
use crate::dataset::Frame;

/// What a column without any value is filled with.
pub const MISSING: &str = "(missing)";
/// The name of the joined rare categories.
pub const RARE: &str = "(rare)";
/// More one-hot columns than this from one column are refused.
const MAX_ONE_HOT: usize = 5_000;

/// A fitted categorical column.
///
/// One-hot: one 0/1 feature `column=value` per value, then `column=(rare)` where there is one.
/// Ordinal: one feature named as the column, the position in `values`; rare is the position after
/// the last, unknown is -1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalColumn {
    /// Name of the column.
    pub name: String,
    /// Missing values in the train split.
    pub missing_in_train: u64,
    /// What a missing value becomes, before encoding.
    pub fill: String,
    /// How values become numbers.
    pub encode: EncodeKind,
    /// What happens to a value that train never showed.
    pub unknown: UnknownCategories,
    /// The values with a place of their own, sorted.
    pub values: Vec<String>,
    /// Whether there is a place for rare values.
    pub rare: bool,
    /// Train values joined as rare, sorted.
    pub joined: Vec<String>,
}

/// Where a value goes.
#[derive(Clone, Copy)]
enum Place {
    Value(usize),
    Nowhere,
}

impl CategoricalColumn {
    /// Learns fill value and vocabulary from a column of the train split.
    pub(super) fn fit(
        train: &Frame,
        name: &str,
        settings: &TransformationConfig,
    ) -> Result<Self, TransformError> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut missing = 0_u64;
        train.visit_texts(name, |_, cell| match cell {
            None => missing += 1,
            Some(text) => match counts.get_mut(text) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(text.to_owned(), 1);
                }
            },
        })?;
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_unstable();
        let fill = match &settings.categorical_impute {
            CategoricalImpute::Constant { value } => value.clone(),
            CategoricalImpute::Mode => counts
                .iter()
                // `max_by_key` keeps the last of equals; reversed, that is the first in the
                // alphabet.
                .rev()
                .max_by_key(|(_, n)| *n)
                .map_or(MISSING.to_owned(), |(value, _)| value.clone()),
        };
        if missing > 0 {
            match counts.binary_search_by(|(value, _)| value.cmp(&fill)) {
                Ok(at) => counts[at].1 += missing,
                Err(at) => counts.insert(at, (fill.clone(), missing)),
            }
        }
        let (values, joined) = join_rare(counts, settings);
        let rare = !joined.is_empty() || settings.unknown == UnknownCategories::Rare;
        if settings.encode == EncodeKind::OneHot && values.len() > MAX_ONE_HOT {
            return Err(TransformError::TooManyCategories {
                column: name.to_owned(),
                values: values.len(),
                limit: MAX_ONE_HOT,
            });
        }
        Ok(Self {
            name: name.to_owned(),
            missing_in_train: missing,
            fill,
            encode: settings.encode,
            unknown: settings.unknown,
            values,
            rare,
            joined,
        })
    }
    /// Names of the features this column becomes.
    pub fn features(&self) -> Vec<String> {
        match self.encode {
            EncodeKind::Ordinal => vec![self.name.clone()],
            EncodeKind::OneHot => self
                .values
                .iter()
                .map(String::as_str)
                .chain(self.rare.then_some(RARE))
                .map(|value| format!("{}={value}", self.name))
                .collect(),
        }
    }
    /// Number of features this column becomes.
    pub fn width(&self) -> usize {
        match self.encode {
            EncodeKind::Ordinal => 1,
            EncodeKind::OneHot => self.values.len() + usize::from(self.rare),
        }
    }
    /// Encodes a column of a table into `out`, which holds `width` columns of the table's length,
    /// one after the other, all zero.
    pub(super) fn apply(&self, frame: &Frame, out: &mut [f32]) -> Result<(), TransformError> {
        let rows = frame.rows();
        let mut places: HashMap<&str, Place> = HashMap::new();
        let rare = Place::Value(self.values.len());
        places.extend(self.joined.iter().map(|v| (v.as_str(), rare)));
        places.extend(
            self.values
                .iter()
                .enumerate()
                .map(|(at, v)| (v.as_str(), Place::Value(at))),
        );
        let unseen = match self.unknown {
            UnknownCategories::Zero => Some(Place::Nowhere),
            UnknownCategories::Rare => Some(rare),
            UnknownCategories::Error => None,
        };
        let mut wrong = None;
        frame.visit_texts(&self.name, |row, cell| {
            let value = cell.unwrap_or(&self.fill);
            let place = match places.get(value).copied().or(unseen) {
                Some(place) => place,
                None => {
                    if wrong.is_none() {
                        wrong = Some((row, value.to_owned()));
                    }
                    Place::Nowhere
                }
            };
            match (self.encode, place) {
                (EncodeKind::OneHot, Place::Value(at)) => out[at * rows + row] = 1.0,
                (EncodeKind::OneHot, Place::Nowhere) => {}
                (EncodeKind::Ordinal, Place::Value(at)) => out[row] = at as f32,
                (EncodeKind::Ordinal, Place::Nowhere) => out[row] = -1.0,
            }
        })?;
        match wrong {
            None => Ok(()),
            Some((row, value)) => Err(TransformError::UnknownCategory {
                column: self.name.clone(),
                row: cells::source_row(frame, row),
                value,
            }),
        }
    }
    /// Whether a file's vocabulary makes sense.
    pub(super) fn is_sound(&self) -> bool {
        let sorted = |v: &[String]| v.is_sorted_by(|a, b| a < b);
        let needs_rare = !self.joined.is_empty() || self.unknown == UnknownCategories::Rare;
        sorted(&self.values) && sorted(&self.joined) && (self.rare || !needs_rare)
    }
}

/// Divides the values into those that keep a place of their own and those joined as rare: first
/// by `min_rows`, then the most frequent `max_categories` stay (ties in alphabetical order). A
/// value that is itself called `(rare)` is joined as soon as there is something to join it with.
fn join_rare(
    counts: Vec<(String, u64)>,
    settings: &TransformationConfig,
) -> (Vec<String>, Vec<String>) {
    let rule = settings.rare;
    let (mut kept, mut joined): (Vec<_>, Vec<_>) =
        counts.into_iter().partition(|(_, n)| *n >= rule.min_rows);
    let most = rule.max_categories as usize;
    if most > 0 && kept.len() > most {
        // Stable: among equals the alphabetical order stands.
        kept.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        joined.extend(kept.split_off(most));
        kept.sort_unstable();
    }
    if !joined.is_empty() || settings.unknown == UnknownCategories::Rare {
        let (rare, rest): (Vec<_>, Vec<_>) = kept.into_iter().partition(|(v, _)| v == RARE);
        joined.extend(rare);
        kept = rest;
    }
    joined.sort_unstable();
    let names = |list: Vec<(String, u64)>| list.into_iter().map(|(v, _)| v).collect();
    (names(kept), names(joined))
}
