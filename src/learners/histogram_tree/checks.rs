//! What the trees refuse before they fit: values that are not finite, data too large to number,
//! settings out of range.

use crate::dataset::Matrix;
use crate::learners::{FitError, FitRequest, MaxFeatures};

/// Checks the request and returns the effective row weights, if there are any.
pub(super) fn request(
    learner: &'static str,
    request: &FitRequest<'_>,
) -> Result<Option<Vec<f64>>, FitError> {
    request.check(learner)?;
    let (x, y) = (request.x, request.y);
    // Rows are kept as u32, features as i32 in files, classes as u16.
    if x.rows() >= u32::MAX as usize
        || x.features() >= i32::MAX as usize
        || y.classes.len() > usize::from(u16::MAX)
    {
        return Err(FitError::Data {
            learner,
            reason: format!(
                "{} rows, {} features and {} classes are more than the trees can number",
                x.rows(),
                x.features(),
                y.classes.len()
            ),
        });
    }
    Ok(request
        .weights
        .effective(y)
        .map(|w| w.into_iter().map(f64::from).collect()))
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
