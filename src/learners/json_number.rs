//! Numbers that survive a JSON file bit for bit.
//!
//! `serde_json` prints the shortest digits that name a number, but reads them back with one
//! rounding too many when there are more than 15 of them (its `float_roundtrip` feature would
//! mend that at the price of rebuilding half the dependencies). A model must predict the same
//! before and after it was saved, so learned numbers are rounded to digits that are read exactly.

/// The nearest number that JSON keeps exactly: 15 significant digits, none below 1e-22.
///
/// With at most 15 digits and a power of ten up to 22, reading is one exact division or
/// multiplication, correctly rounded. Large numbers are written out with their zeros, so they
/// keep 13 digits.
pub fn json_exact(value: f64) -> f64 {
    if !value.is_finite() {
        return value;
    }
    let text = if value.abs() < 1e-8 {
        format!("{value:.22}")
    } else if value.abs() < 1e13 {
        format!("{value:.14e}")
    } else {
        format!("{value:.12e}")
    };
    text.parse().unwrap_or(value)
}

/// [`json_exact`] of every number.
pub fn json_exact_all(values: &mut [f64]) {
    values.iter_mut().for_each(|v| *v = json_exact(*v));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn comes_back_from_json(mantissa in -10.0..10.0f64, exponent in -30i32..30) {
            let value = json_exact(mantissa * 10f64.powi(exponent));
            let back: f64 = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
            prop_assert_eq!(back.to_bits(), value.to_bits());
            prop_assert_eq!(json_exact(value).to_bits(), value.to_bits());
            prop_assert!((value - mantissa * 10f64.powi(exponent)).abs() <= 1e-12 * value.abs() + 1e-22);
        }
    }
}
