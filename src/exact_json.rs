//! JSON numbers that read back bit for bit.
//!
//! serde_json writes the shortest text of an `f64` but, without its `float_roundtrip` feature,
//! reads long ones with an error of up to one unit in the last place. A fitted model must not
//! change by being saved, so its numbers are [`Exact`] and its files are read with [`from_str`]:
//! the file stays plain JSON with plain numbers, only our reader is more careful. The feature
//! itself was rejected because it rebuilds the whole table engine.

use std::fmt;

use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A finite `f64` that survives a round trip through JSON read with [`from_str`].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Exact(pub f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            Err(serde::ser::Error::custom(format!(
                "{} is not a finite number and cannot be written",
                self.0
            )))
        }
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Exact;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a finite number")
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Exact, E> {
                Ok(Exact(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Exact, E> {
                Ok(Exact(value as f64))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Exact, E> {
                Ok(Exact(value as f64))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Exact, E> {
                match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => Ok(Exact(value)),
                    _ => Err(E::custom(format!("`{text}` is not a finite number"))),
                }
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// Reads JSON whose fractional numbers are all [`Exact`].
pub fn from_str<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(&quote_fractions(json))
}

/// Puts quotes around every number with a point or an exponent, so that [`Exact`] sees its text.
/// Whole numbers and strings stay; text that is no JSON stays no JSON.
fn quote_fractions(json: &str) -> String {
    let bytes = json.as_bytes();
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
                // A file cut after a backslash can leave `at` inside a character.
                while !json.is_char_boundary(at) {
                    at += 1;
                }
                out.push_str(&json[start..at]);
            }
            b'-' | b'0'..=b'9' => {
                while at < bytes.len()
                    && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                {
                    at += 1;
                }
                let token = &json[start..at];
                let fraction = token.contains(['.', 'e', 'E']);
                if fraction && serde_json::from_str::<f64>(token).is_ok() {
                    out.push('"');
                    out.push_str(token);
                    out.push('"');
                } else {
                    out.push_str(token);
                }
            }
            _ => {
                at += 1;
                while !json.is_char_boundary(at) {
                    at += 1;
                }
                out.push_str(&json[start..at]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_finite_number_reads_back(bits in any::<u64>(), text in ".{0,20}") {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let value = (text, vec![Some(Exact(number)), None]);
            let json = serde_json::to_string_pretty(&value).unwrap();
            let back: (String, Vec<Option<Exact>>) = from_str(&json).unwrap();
            prop_assert_eq!(&back.0, &value.0);
            prop_assert_eq!(back.1[0].unwrap().0.to_bits(), bits);
        }

        #[test]
        fn cut_files_are_errors_and_never_panic(cut in 0_usize..60) {
            let json = r#"{"name": "a\\\"é 1.5", "values": [1.25, -3e-7, null, 4]}"#;
            let mut cut = cut.min(json.len() - 1);
            while !json.is_char_boundary(cut) {
                cut -= 1;
            }
            prop_assert!(from_str::<serde_json::Value>(&json[..cut]).is_err());
        }
    }

    #[test]
    fn numbers_in_texts_and_whole_numbers_stay() {
        let json = r#"{"a 1.5": "2.5\" 3.5", "b": [1, -2, 1.5, 1e-3]}"#;
        assert_eq!(
            quote_fractions(json),
            r#"{"a 1.5": "2.5\" 3.5", "b": [1, -2, "1.5", "1e-3"]}"#
        );
    }

    #[test]
    fn what_is_not_finite_is_not_written() {
        assert!(serde_json::to_string(&Exact(f64::NAN)).is_err());
        assert!(from_str::<Exact>("\"inf\"").is_err());
    }
}
