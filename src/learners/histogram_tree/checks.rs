//! What the trees refuse before they fit: empty data, values that are not finite, wrong weights,
//! settings out of range.

use crate::dataset::Matrix;
use crate::learners::{FitError, FitRequest, MaxFeatures};

/// Checks shapes and labels and returns the effective row weights, if there are any.
pub(super) fn request(
    learner: &'static str,
    request: &FitRequest<'_>,
) -> Result<Option<Vec<f64>>, FitError> {
    let data = |reason: String| FitError::Data { learner, reason };
    let (x, y) = (request.x, request.y);
    if x.rows() == 0 || x.features() == 0 {
        return Err(data("there are no rows or no features".into()));
    }
    if x.rows() >= u32::MAX as usize || x.features() >= i32::MAX as usize {
        return Err(data(
            "there are more than 2^32 rows or 2^31 features".into(),
        ));
    }
    if y.rows() != x.rows() {
        return Err(data(format!(
            "there are {} labels for {} rows",
            y.rows(),
            x.rows()
        )));
    }
    let classes = y.classes.len();
    if classes == 0 || classes > usize::from(u16::MAX) {
        return Err(data(format!("{classes} classes; there may be 1 to 65535")));
    }
    if let Some(row) = y.codes.iter().position(|&c| c as usize >= classes) {
        return Err(data(format!(
            "row {row} has class {} of {classes}",
            y.codes[row]
        )));
    }
    for (what, weights, expected) in [
        ("row", &request.weights.rows, x.rows()),
        ("class", &request.weights.classes, classes),
    ] {
        let Some(weights) = weights else { continue };
        if weights.len() != expected {
            return Err(data(format!(
                "there are {} {what} weights, {expected} are needed",
                weights.len()
            )));
        }
        if let Some(i) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            return Err(data(format!(
                "{what} weight {i} is {}; weights are finite and not negative",
                weights[i]
            )));
        }
    }
    let weights = request
        .weights
        .effective(y)
        .map(|w| w.into_iter().map(f64::from).collect::<Vec<_>>());
    if let Some(w) = &weights
        && !w.iter().any(|&w| w > 0.0)
    {
        return Err(data("every row has weight 0".into()));
    }
    if let Some((watched, labels)) = request.watch
        && (watched.features() != x.features() || watched.rows() != labels.rows())
    {
        return Err(data(
            "the watched rows do not have the shape of the train rows".into(),
        ));
    }
    Ok(weights)
}

/// The message for a value a tree cannot be fitted on.
pub(super) fn not_finite(learner: &'static str, x: &Matrix, feature: usize) -> FitError {
    let row = x.column(feature).iter().position(|v| !v.is_finite());
    FitError::Data {
        learner,
        reason: format!(
            "feature `{}` holds a missing or infinite value (row {}); impute or drop it first",
            x.names().get(feature).map_or("?", String::as_str),
            row.unwrap_or_default(),
        ),
    }
}

/// Rows a split and a leaf need.
pub(super) fn minimum_rows(
    learner: &'static str,
    split: u32,
    leaf: u32,
) -> Result<(usize, usize), FitError> {
    if split < 2 {
        return Err(FitError::Setting {
            learner,
            reason: format!("min_samples_split is {split}; it must be at least 2"),
        });
    }
    if leaf < 1 {
        return Err(FitError::Setting {
            learner,
            reason: "min_samples_leaf is 0; it must be at least 1".into(),
        });
    }
    Ok((split as usize, leaf as usize))
}

/// Features a split draws out of `features`.
pub(super) fn max_features(
    learner: &'static str,
    setting: MaxFeatures,
    features: usize,
) -> Result<usize, FitError> {
    match setting {
        MaxFeatures::All => Ok(features),
        MaxFeatures::Sqrt => Ok(features.isqrt().max(1)),
        MaxFeatures::Share(share) if share > 0.0 && share <= 1.0 => {
            Ok(((share * features as f64) as usize).max(1))
        }
        MaxFeatures::Share(share) => Err(FitError::Setting {
            learner,
            reason: format!("max_features is {share}; a share must be above 0 and at most 1"),
        }),
    }
}

/// A depth setting as the depth at which growth ends.
pub(super) fn depth_limit(max_depth: u32) -> u32 {
    if max_depth == 0 { u32::MAX } else { max_depth }
}
