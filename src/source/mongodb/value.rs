//! One BSON value in its bytes: checked, borrowed, never trusted.
//!
//! The driver's own reader gives the same values, but slower than the server sends them: it builds
//! a document for every level. What is read here comes from a server and may be damaged; every
//! length is checked, nothing panics. What a value means for a table is decided elsewhere.

use std::fmt::Write;

use base64::Engine;
use chrono::{DateTime, SecondsFormat};

use crate::source::rows::lossy;

/// Levels of nesting; the server allows about as many.
pub(super) const MAX_DEPTH: usize = 120;

/// Why bytes are no BSON: a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub String);

impl Malformed {
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// A value, borrowed from the bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'b> {
    Double(f64),
    Text(&'b [u8]),
    /// The bytes of a document, its length and its end included.
    Document(&'b [u8]),
    /// The same for an array, whose keys are `0`, `1`, ..
    Array(&'b [u8]),
    Binary(u8, &'b [u8]),
    Undefined,
    ObjectId(&'b [u8]),
    Truth(bool),
    /// Milliseconds since 1970.
    Date(i64),
    Null,
    Regex(&'b [u8], &'b [u8]),
    DbPointer,
    Code(&'b [u8]),
    Symbol(&'b [u8]),
    CodeWithScope,
    Int32(i32),
    /// Seconds and a counter.
    Timestamp(u32, u32),
    Int64(i64),
    Decimal([u8; 16]),
    MinKey,
    MaxKey,
}

impl Value<'_> {
    /// What it is, for a sentence, when it cannot stand in a table.
    pub fn what(&self) -> &'static str {
        match self {
            Value::Double(_) | Value::Int32(_) | Value::Int64(_) => "a number",
            Value::Text(_) | Value::Symbol(_) => "a text",
            Value::Document(_) => "a document",
            Value::Array(_) => "an array",
            Value::Binary(..) => "binary data",
            Value::Undefined | Value::Null => "nothing",
            Value::ObjectId(_) => "an ObjectId",
            Value::Truth(_) => "a truth value",
            Value::Date(_) => "a date beyond the calendar",
            Value::Regex(..) => "a regular expression",
            Value::DbPointer => "a pointer to another document",
            Value::Code(_) | Value::CodeWithScope => "JavaScript code",
            Value::Timestamp(..) => "an internal timestamp of MongoDB",
            Value::Decimal(_) => "a Decimal128",
            Value::MinKey => "MinKey",
            Value::MaxKey => "MaxKey",
        }
    }
}

/// The `N` bytes at `at`.
fn take<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Malformed> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or_else(cut_off)
}

#[cold]
fn cut_off() -> Malformed {
    Malformed::new("a value is cut off")
}

/// The text with its length in front, at `at`; returns it and where it ends.
#[inline]
fn text(bytes: &[u8], at: usize) -> Result<(&[u8], usize), Malformed> {
    let length = i32::from_le_bytes(take(bytes, at)?);
    let length = usize::try_from(length).map_err(|_| cut_off())?;
    let begin = at + 4;
    match bytes.get(begin..begin.saturating_add(length)) {
        Some([text @ .., 0]) => Ok((text, begin + length)),
        Some(_) => Err(Malformed::new("a text does not end where it says")),
        None => Err(cut_off()),
    }
}

/// The text that ends with a zero byte, at `at`; returns it and where it ends.
#[inline]
pub(super) fn name(bytes: &[u8], at: usize) -> Result<(&[u8], usize), Malformed> {
    let rest = bytes.get(at..).ok_or_else(cut_off)?;
    let length = rest
        .iter()
        .position(|b| *b == 0)
        .ok_or_else(|| Malformed::new("a field name does not end"))?;
    Ok((&rest[..length], at + length + 1))
}

/// The document or array at `at`, its length and its end included.
#[inline]
fn document(bytes: &[u8], at: usize) -> Result<(&[u8], usize), Malformed> {
    let length = i32::from_le_bytes(take(bytes, at)?);
    let length = usize::try_from(length).map_err(|_| cut_off())?;
    let whole = bytes
        .get(at..at.saturating_add(length))
        .ok_or_else(cut_off)?;
    if length < 5 || whole[length - 1] != 0 {
        return Err(Malformed::new("a document does not end where it says"));
    }
    Ok((whole, at + length))
}

/// Checks that bytes are one document as a whole.
pub(super) fn whole(bytes: &[u8]) -> Result<(), Malformed> {
    match document(bytes, 0) {
        Ok((_, end)) if end == bytes.len() => Ok(()),
        Ok(_) => Err(Malformed::new("bytes stand behind the document")),
        Err(e) => Err(e),
    }
}

/// The number at `at` and where the next field begins, when the type `kind` is one that `f64` holds
/// exactly and all of it is there; [`read`] gives the same.
#[inline]
pub(super) fn number(kind: u8, bytes: &[u8], at: usize) -> Option<(f64, usize)> {
    let rest = bytes.get(at..)?;
    match kind {
        0x01 => Some((f64::from_le_bytes(*rest.first_chunk()?), at + 8)),
        0x10 => Some((i32::from_le_bytes(*rest.first_chunk()?).into(), at + 4)),
        _ => None,
    }
}

/// Reads the value of type `kind` that begins at `at`; returns it and where the next field begins.
#[inline]
pub(super) fn read(kind: u8, bytes: &[u8], at: usize) -> Result<(Value<'_>, usize), Malformed> {
    Ok(match kind {
        0x01 => (
            Value::Double(f64::from_le_bytes(take(bytes, at)?)),
            at.saturating_add(8),
        ),
        0x02 => {
            let (text, end) = text(bytes, at)?;
            (Value::Text(text), end)
        }
        0x10 => (Value::Int32(i32::from_le_bytes(take(bytes, at)?)), at + 4),
        0x12 => (Value::Int64(i64::from_le_bytes(take(bytes, at)?)), at + 8),
        0x0a => (Value::Null, at),
        0x08 => match take::<1>(bytes, at)? {
            [0] => (Value::Truth(false), at + 1),
            [1] => (Value::Truth(true), at + 1),
            _ => return Err(Malformed::new("a truth value is neither 0 nor 1")),
        },
        _ => return rare(kind, bytes, at),
    })
}

/// The types that are seldom found in a table.
fn rare(kind: u8, bytes: &[u8], at: usize) -> Result<(Value<'_>, usize), Malformed> {
    Ok(match kind {
        0x03 => {
            let (document, end) = document(bytes, at)?;
            (Value::Document(document), end)
        }
        0x04 => {
            let (array, end) = document(bytes, at)?;
            (Value::Array(array), end)
        }
        0x05 => {
            let length = i32::from_le_bytes(take(bytes, at)?);
            let length = usize::try_from(length).map_err(|_| cut_off())?;
            let [subtype] = take::<1>(bytes, at + 4)?;
            let begin = at + 5;
            let data = bytes
                .get(begin..begin.saturating_add(length))
                .ok_or_else(cut_off)?;
            (Value::Binary(subtype, data), begin + length)
        }
        0x06 => (Value::Undefined, at),
        0x07 => {
            let id = bytes.get(at..at + 12).ok_or_else(cut_off)?;
            (Value::ObjectId(id), at + 12)
        }
        0x09 => (Value::Date(i64::from_le_bytes(take(bytes, at)?)), at + 8),
        0x0b => {
            let (pattern, next) = name(bytes, at)?;
            let (options, end) = name(bytes, next)?;
            (Value::Regex(pattern, options), end)
        }
        0x0c => {
            let (_, next) = text(bytes, at)?;
            bytes.get(next..next + 12).ok_or_else(cut_off)?;
            (Value::DbPointer, next + 12)
        }
        0x0d => {
            let (code, end) = text(bytes, at)?;
            (Value::Code(code), end)
        }
        0x0e => {
            let (symbol, end) = text(bytes, at)?;
            (Value::Symbol(symbol), end)
        }
        0x0f => {
            let length = i32::from_le_bytes(take(bytes, at)?);
            let length = usize::try_from(length).map_err(|_| cut_off())?;
            let end = at.saturating_add(length);
            // Its own length, a text of one byte, an empty document.
            if length < 14 || end > bytes.len() {
                return Err(cut_off());
            }
            (Value::CodeWithScope, end)
        }
        0x11 => {
            let counter = u32::from_le_bytes(take(bytes, at)?);
            let seconds = u32::from_le_bytes(take(bytes, at + 4)?);
            (Value::Timestamp(seconds, counter), at + 8)
        }
        0x13 => (Value::Decimal(take(bytes, at)?), at + 16),
        0xff => (Value::MinKey, at),
        0x7f => (Value::MaxKey, at),
        other => {
            return Err(Malformed::new(format!(
                "there is no type {other:#04x} of values"
            )));
        }
    })
}

/// The fields of a document, in order; stops at the first one that cannot be read.
pub(super) fn fields(
    document: &[u8],
) -> impl Iterator<Item = Result<(&[u8], Value<'_>), Malformed>> {
    let mut at = 4;
    let end = document.len().saturating_sub(1);
    let mut broken = whole(document).err();
    std::iter::from_fn(move || {
        if let Some(e) = broken.take() {
            at = end;
            return Some(Err(e));
        }
        if at >= end {
            return None;
        }
        let inside = &document[..end];
        let next =
            name(inside, at + 1).and_then(|(key, next)| Ok((key, read(inside[at], inside, next)?)));
        Some(match next {
            Ok((key, (value, next))) => {
                at = next;
                Ok((key, value))
            }
            Err(e) => {
                at = end;
                Err(e)
            }
        })
    })
}

/// A date as text; `None` beyond the calendar.
pub(super) fn date_text(milliseconds: i64) -> Option<String> {
    DateTime::from_timestamp_millis(milliseconds)
        .map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A UUID in its usual form; `None` when the bytes are none.
pub(super) fn uuid_text(subtype: u8, bytes: &[u8]) -> Option<String> {
    if subtype != 4 || bytes.len() != 16 {
        return None;
    }
    let digits = hex(bytes);
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    Some(parts.join("-"))
}

/// A Decimal128 in the form IEEE 754 calls scientific, as MongoDB prints it: `12.50`, `1E+3`,
/// `NaN`.
pub(super) fn decimal_text(bytes: [u8; 16]) -> String {
    let bits = u128::from_le_bytes(bytes);
    let sign = if bits >> 127 == 1 { "-" } else { "" };
    let combination = (bits >> 122) & 0x1f;
    if combination == 0b11110 {
        return format!("{sign}Infinity");
    }
    if combination == 0b11111 {
        return "NaN".to_owned();
    }
    // With both bits of the combination set, the coefficient has more digits than are allowed and
    // stands for zero; so does any other one beyond 34 digits.
    let (exponent, coefficient) = if combination >> 3 == 0b11 {
        ((bits >> 111) & 0x3fff, 0)
    } else {
        ((bits >> 113) & 0x3fff, bits & ((1 << 113) - 1))
    };
    let coefficient = if coefficient >= 10u128.pow(34) {
        0
    } else {
        coefficient
    };
    let exponent = exponent as i64 - 6176;
    let digits = coefficient.to_string();
    let adjusted = exponent + digits.len() as i64 - 1;
    if exponent <= 0 && adjusted >= -6 {
        let decimals = -exponent as usize;
        if decimals == 0 {
            return format!("{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, fraction) = padded.split_at(padded.len() - decimals);
        return format!("{sign}{whole}.{fraction}");
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E{adjusted:+}")
}

/// A value as JSON text: numbers, texts, truth values and `null` as such, everything else as the
/// text it has in a table.
pub(super) fn write_json(
    value: Value<'_>,
    out: &mut String,
    depth: usize,
) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    match value {
        Value::Document(bytes) => {
            out.push('{');
            for (i, field) in fields(bytes).enumerate() {
                let (key, value) = field?;
                if i > 0 {
                    out.push(',');
                }
                json_string(&lossy(key), out);
                out.push(':');
                write_json(value, out, depth + 1)?;
            }
            out.push('}');
        }
        Value::Array(bytes) => {
            out.push('[');
            for (i, field) in fields(bytes).enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json(field?.1, out, depth + 1)?;
            }
            out.push(']');
        }
        Value::Int32(v) => {
            let _ = write!(out, "{v}");
        }
        Value::Int64(v) => {
            let _ = write!(out, "{v}");
        }
        Value::Double(v) if v.is_finite() => {
            let _ = write!(out, "{v:?}");
        }
        Value::Truth(v) => {
            let _ = write!(out, "{v}");
        }
        Value::Null | Value::Undefined => out.push_str("null"),
        other => json_string(&plain_text(other), out),
    }
    Ok(())
}

#[cold]
pub(super) fn too_deep() -> Malformed {
    Malformed::new(format!(
        "documents are nested deeper than {MAX_DEPTH} times"
    ))
}

fn json_string(text: &str, out: &mut String) {
    // A string always serialises.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Any value that is no document as text for people: an `_id` in a message, an element of an
/// array.
pub(super) fn plain_text(value: Value<'_>) -> String {
    match value {
        Value::Double(v) => crate::dataset::number_text(v),
        Value::Int32(v) => v.to_string(),
        Value::Int64(v) => v.to_string(),
        Value::Truth(v) => v.to_string(),
        Value::Null | Value::Undefined => "null".to_owned(),
        Value::Text(t) | Value::Symbol(t) | Value::Code(t) => lossy(t).into_owned(),
        Value::ObjectId(id) => hex(id),
        Value::Date(at) => date_text(at).unwrap_or_else(|| format!("{at} ms")),
        Value::Decimal(bytes) => decimal_text(bytes),
        Value::Binary(subtype, data) => uuid_text(subtype, data)
            .unwrap_or_else(|| base64::engine::general_purpose::STANDARD.encode(data)),
        Value::Regex(pattern, options) => format!("/{}/{}", lossy(pattern), lossy(options)),
        Value::Timestamp(seconds, counter) => format!("{seconds}:{counter}"),
        Value::Document(_) | Value::Array(_) => {
            let mut text = String::new();
            match write_json(value, &mut text, 0) {
                Ok(()) => text,
                Err(Malformed(what)) => format!("({what})"),
            }
        }
        Value::DbPointer | Value::CodeWithScope | Value::MinKey | Value::MaxKey => {
            format!("({})", value.what())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Bson, Decimal128, RawDocumentBuf, doc, oid::ObjectId};
    use proptest::prelude::*;

    fn json(value: Bson) -> String {
        let bytes = RawDocumentBuf::try_from(&doc! { "x": value }).unwrap();
        let (_, value) = fields(bytes.as_bytes()).next().unwrap().unwrap();
        let mut text = String::new();
        write_json(value, &mut text, 0).unwrap();
        text
    }

    #[test]
    fn values_as_json() {
        let id = ObjectId::from_bytes([0xab; 12]);
        let array = Bson::Array(vec![
            Bson::Int32(1),
            Bson::Double(1.0),
            Bson::Double(f64::NAN),
            Bson::String("a\"b".into()),
            Bson::Null,
            Bson::Document(doc! { "k": [true], "id": id }),
        ]);
        assert_eq!(
            json(array),
            r#"[1,1.0,"NaN","a\"b",null,{"k":[true],"id":"abababababababababababab"}]"#
        );
    }

    #[test]
    fn decimals_as_mongodb_prints_them() {
        for text in [
            "12.50",
            "1E+3",
            "-0.001",
            "0",
            "NaN",
            "-Infinity",
            "0E-10",
            "9.99E+6000",
            // An exponent beyond 6111 is stored as zeros of the coefficient.
            "9.990000000000000000000000000000000E+6144",
        ] {
            let value: Decimal128 = text.parse().unwrap();
            assert_eq!(decimal_text(value.bytes()), text);
        }
    }

    #[test]
    fn uuids_and_dates() {
        assert_eq!(
            uuid_text(4, &[0x11; 16]).unwrap(),
            "11111111-1111-1111-1111-111111111111"
        );
        assert_eq!(uuid_text(0, &[0x11; 16]), None);
        assert_eq!(date_text(0).unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(date_text(1_500).unwrap(), "1970-01-01T00:00:01.500Z");
        assert_eq!(date_text(i64::MAX), None);
    }

    proptest! {
        #[test]
        fn decimals_read_as_the_driver_reads_them(bytes in any::<[u8; 16]>()) {
            // The driver writes the sign of a NaN and keeps its payload; both mean nothing here.
            let theirs = Decimal128::from_bytes(bytes).to_string();
            let ours = decimal_text(bytes);
            if ours == "NaN" {
                prop_assert!(theirs.contains("NaN"));
            } else {
                prop_assert_eq!(ours, theirs);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut text = String::new();
            let _ = write_json(Value::Document(&bytes), &mut text, 0);
            for kind in 0..=255 {
                if let Ok((_, next)) = read(kind, &bytes, 0) {
                    prop_assert!(next <= bytes.len());
                }
            }
        }
    }
}
