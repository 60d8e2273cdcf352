//! From bytes to numbers, without a `String` per cell.

/// A number read from text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parsed {
    /// The value; may be NaN or infinite.
    pub value: f64,
    /// Whether it is written with a point or an exponent.
    pub pointed: bool,
}

/// Powers of ten that `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Parses a trimmed field: what Rust's `f64` reads (`1`, `-1.5`, `+2`, `1e3`, `.5`, `5.`, `inf`,
/// `Infinity`, `NaN`, in any case). `None` when it is no number.
///
/// Short decimals take a short way that is exact: a whole number below 2^53 divided by a power of
/// ten that `f64` holds exactly rounds once, as the full algorithm does.
pub(crate) fn parse(bytes: &[u8]) -> Option<Parsed> {
    if let Some(parsed) = short(bytes) {
        return Some(parsed);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let value: f64 = text.parse().ok()?;
    Some(Parsed {
        value,
        pointed: bytes.iter().any(|b| matches!(b, b'.' | b'e' | b'E')) && value.is_finite(),
    })
}

fn short(bytes: &[u8]) -> Option<Parsed> {
    let (negative, digits) = match bytes.first()? {
        b'-' => (true, &bytes[1..]),
        b'+' => (false, &bytes[1..]),
        _ => (false, bytes),
    };
    // 15 digits stay below 2^53; one more byte for the point.
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let mut mantissa = 0u64;
    let mut count = 0usize;
    let mut point = None;
    for (i, &b) in digits.iter().enumerate() {
        match b {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + u64::from(b - b'0');
                count += 1;
            }
            b'.' if point.is_none() => point = Some(i),
            _ => return None,
        }
    }
    if count == 0 || count > 15 {
        return None;
    }
    let decimals = point.map_or(0, |p| digits.len() - p - 1);
    let value = mantissa as f64 / POWERS[decimals];
    Some(Parsed {
        value: if negative { -value } else { value },
        pointed: point.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, value) in [
            ("0", 0.0),
            ("-1", -1.0),
            ("+2", 2.0),
            ("0.00", 0.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("123456789012345678", 123_456_789_012_345_680.0),
            ("Infinity", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(
                parse(text.as_bytes()).map(|p| p.value),
                Some(value),
                "{text}"
            );
        }
        assert!(parse(b"NaN").is_some_and(|p| p.value.is_nan()));
        for text in [
            "", "-", ".", "+.", "1,5", "0x10", "1 2", "1_0", "abc", "--1",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn says_whether_there_is_a_point() {
        assert!(parse(b"1.0").is_some_and(|p| p.pointed));
        assert!(parse(b"1e2").is_some_and(|p| p.pointed));
        assert!(parse(b"10").is_some_and(|p| !p.pointed));
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_library(text in "[+-]?[0-9]{0,9}\\.?[0-9]{0,9}") {
            let ours = parse(text.as_bytes()).map(|p| p.value.to_bits());
            let theirs = text.parse::<f64>().ok().map(f64::to_bits);
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn every_number_reads_back(value in proptest::num::f64::NORMAL) {
            prop_assert_eq!(parse(value.to_string().as_bytes()).map(|p| p.value), Some(value));
        }
    }
}
