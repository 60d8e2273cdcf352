//! Reading replies as different servers write them: whole numbers as numbers or as strings.

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Whole(i64),
    Real(f64),
    Text(String),
}

impl NumberOrText {
    fn whole(self) -> Option<i64> {
        match self {
            NumberOrText::Whole(n) => Some(n),
            // A whole number written as a real one; anything else has no meaning here.
            NumberOrText::Real(x) if x.fract() == 0.0 && x.abs() < 9e15 => Some(x as i64),
            NumberOrText::Real(_) => None,
            NumberOrText::Text(text) => text.trim().parse().ok(),
        }
    }
}

/// A whole number, or a string that holds one.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    NumberOrText::deserialize(deserializer)?
        .whole()
        .ok_or_else(|| serde::de::Error::custom("a whole number was expected"))
}

/// [`whole`], where the field may be null.
pub(super) fn maybe_whole<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    match Option::<NumberOrText>::deserialize(deserializer)? {
        None => Ok(None),
        Some(value) => match value.whole() {
            Some(n) => Ok(Some(n)),
            None => Err(serde::de::Error::custom("a whole number was expected")),
        },
    }
}

/// A string, or a number as its text.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Whole(n) => n.to_string(),
        NumberOrText::Real(x) => x.to_string(),
        NumberOrText::Text(text) => text,
    })
}

/// A list, empty when the field is null.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
