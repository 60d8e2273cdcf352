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
    match leading(bytes)? {
        (parsed, length) if length == bytes.len() => Some(parsed),
        _ => None,
    }
}

/// The short decimal that some bytes begin with (`1`, `-1.5`, `+2`, `.5`, `5.`), and how many of
/// them it takes. `None` when they begin with none that can be read the short way.
///
/// The sign is no branch: one that is there or not at random would be mispredicted half the time.
#[inline]
pub(crate) fn leading(bytes: &[u8]) -> Option<(Parsed, usize)> {
    let first = *bytes.first()?;
    let negative = first == b'-';
    let start = usize::from(negative | (first == b'+'));
    let (mut mantissa, mut end) = digits(bytes, start, 0);
    let mut count = end - start;
    let pointed = bytes.get(end) == Some(&b'.');
    let mut decimals = 0;
    if pointed {
        let behind = end + 1;
        (mantissa, end) = digits(bytes, behind, mantissa);
        decimals = end - behind;
        count += decimals;
    }
    // 15 digits stay below 2^53.
    if count == 0 || count > 15 {
        return None;
    }
    let whole = mantissa.cast_signed() as f64;
    let value = if pointed {
        whole / POWERS[decimals]
    } else {
        whole
    };
    let value = if negative { -value } else { value };
    Some((Parsed { value, pointed }, end))
}

/// Appends digits to a whole number, from byte `at` on; where they end. More than 15 of them wrap.
#[inline]
fn digits(bytes: &[u8], mut at: usize, mut number: u64) -> (u64, usize) {
    while let Some(digit @ 0..=9) = bytes.get(at).map(|b| b.wrapping_sub(b'0')) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (number, at)
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

    #[test]
    fn what_stands_behind_a_number_is_left() {
        for (text, found) in [
            ("-1,0", Some((-1.0, 2))),
            ("1.5.2", Some((1.5, 3))),
            ("5.;", Some((5.0, 2))),
            ("1e3", Some((1.0, 1))),
            ("+.5 ", Some((0.5, 3))),
            ("1234567890123456", None),
            ("", None),
            ("-,1", None),
            (" 1", None),
        ] {
            let read = leading(text.as_bytes()).map(|(parsed, length)| (parsed.value, length));
            assert_eq!(read, found, "{text}");
        }
        assert!(leading(b"-0").is_some_and(|(p, _)| p.value.is_sign_negative()));
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
