//! The JSON of `POST /invocations` as MLflow's scoring server reads it: `dataframe_split`,
//! `dataframe_records`, `instances` or `inputs`.

use std::fmt;
use std::sync::Arc;

use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};

use super::json_rows::{ColumnSeed, JsonRows, RowsSeed};
use super::refusal::Refusal;
use super::scoring::{Scored, Scoring, Work};
use super::served::ServedModel;

/// The members that hold rows, one of which must be there.
const FORMS: &str = "dataframe_split, dataframe_records, instances, inputs";

/// Reads and scores a document.
///
/// # Errors
/// When it is no such document, lacks columns of the model, is too large, or scoring fails.
pub fn score(model: &ServedModel, body: &[u8], work: &Work) -> Result<Scored, Refusal> {
    let mut rows = JsonRows::new(Scoring::new(model, work, 0));
    rows.read(body, |rows, text| DocumentSeed(rows).deserialize(text))?;
    rows.finish()
}

struct DocumentSeed<'a, 'm>(&'a mut JsonRows<'m>);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with one of {FORMS}")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            let rows = match key.as_str() {
                "dataframe_split" | "dataframe_records" | "instances" | "inputs" => true,
                "params" | "signature_name" => false,
                other => {
                    return Err(A::Error::custom(format!(
                        "unknown member `{}`; one of {FORMS} holds the rows",
                        crate::text::clean_to(other, 40)
                    )));
                }
            };
            if !rows {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut found, true) {
                return Err(A::Error::custom(format!(
                    "only one of {FORMS} may hold the rows"
                )));
            }
            match key.as_str() {
                "dataframe_split" => map.next_value_seed(SplitSeed(self.0))?,
                "inputs" => map.next_value_seed(InputsSeed(self.0))?,
                _ => map.next_value_seed(RowsSeed(self.0))?,
            }
        }
        if found {
            Ok(())
        } else {
            Err(A::Error::custom(format!(
                "one of {FORMS} must hold the rows"
            )))
        }
    }
}

/// `{"columns": [..], "data": [[..], ..]}`, in any order, `index` left alone.
struct SplitSeed<'a, 'm>(&'a mut JsonRows<'m>);

impl<'de> DeserializeSeed<'de> for SplitSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SplitSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `columns` and `data`")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut waiting: Option<serde_json::Value> = None;
        let mut read = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "columns" if self.0.positions.is_none() => {
                    let names: Vec<String> = map.next_value()?;
                    match self.0.scoring().model().layout().by_names(&names) {
                        Ok(found) => self.0.positions = Some(Arc::new(found)),
                        Err(missing) => {
                            return Err(self.0.stop(Refusal::missing_columns(&missing)));
                        }
                    }
                }
                "data" if !read && waiting.is_none() => {
                    if self.0.positions.is_some() {
                        map.next_value_seed(RowsSeed(self.0))?;
                        read = true;
                    } else {
                        // The names come later: kept until then.
                        waiting = Some(map.next_value()?);
                    }
                }
                "columns" | "data" => {
                    return Err(A::Error::custom(format!("`{key}` stands twice")));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if self.0.positions.is_none() {
            return Err(A::Error::custom("`columns` is missing"));
        }
        match waiting {
            Some(value) => RowsSeed(self.0)
                .deserialize(value.into_deserializer())
                .map_err(A::Error::custom),
            None if read => Ok(()),
            None => Err(A::Error::custom("`data` is missing")),
        }
    }
}

/// A list of rows, or columns by name.
struct InputsSeed<'a, 'm>(&'a mut JsonRows<'m>);

impl<'de> DeserializeSeed<'de> for InputsSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for InputsSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows or an object of columns")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        RowsSeed(self.0).visit_seq(list)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut rows: Option<usize> = None;
        while let Some(key) = map.next_key::<String>()? {
            let Some(column) = self.0.scoring().model().layout().find(&key) else {
                self.0.unused(&key);
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if self.0.has_seen(column) {
                return Err(A::Error::custom(format!(
                    "the column `{}` stands twice",
                    crate::text::clean_to(&key, 60)
                )));
            }
            self.0.saw(column);
            let values = map.next_value_seed(ColumnSeed(self.0, column))?;
            if *rows.get_or_insert(values) != values {
                return Err(A::Error::custom(format!(
                    "the column `{}` has {values} values, the one before it {}",
                    crate::text::clean_to(&key, 60),
                    rows.unwrap_or_default()
                )));
            }
        }
        self.0.end_inputs(rows.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::testing::{flow_model, work};

    fn read(text: &str) -> Result<Scored, Refusal> {
        score(&flow_model(), text.as_bytes(), &work())
    }

    #[test]
    fn every_form_gives_the_same() {
        let split = read(
            r#"{"dataframe_split": {"index": [0, 1], "columns": ["service", "duration", "bytes"],
                "data": [["http", 0.9, 900], ["dns", 0.1, 10]]}}"#,
        )
        .unwrap();
        assert_eq!(split.outcomes.len(), 2);
        assert!(split.findings.is_empty());
        for text in [
            r#"{"dataframe_split": {"data": [["http", 0.9, 900], ["dns", 0.1, 10]],
                "columns": ["service", "duration", "bytes"]}}"#,
            r#"{"dataframe_records": [{"service": "http", "duration": 0.9, "bytes": 900},
                {"service": "dns", "duration": 0.1, "bytes": 10}], "params": {"a": 1}}"#,
            r#"{"instances": [{"service": "http", "duration": 0.9, "bytes": 900},
                {"service": "dns", "duration": 0.1, "bytes": 10}]}"#,
            r#"{"instances": [[0.9, 900, "http"], [0.1, 10, "dns"]]}"#,
            r#"{"inputs": [{"service": "http", "duration": 0.9, "bytes": 900},
                {"service": "dns", "duration": 0.1, "bytes": 10}]}"#,
            r#"{"inputs": {"service": ["http", "dns"], "bytes": [[900], [10]],
                "duration": [0.9, 0.1], "other": 3}}"#,
        ] {
            assert_eq!(read(text).unwrap(), split, "{text}");
        }
    }

    #[test]
    fn other_documents_are_refused() {
        for (text, part) in [
            ("{}", "must hold the rows"),
            ("[]", "expected an object with one of"),
            (r#"{"dataframe_record": []}"#, "unknown member"),
            (r#"{"instances": [], "inputs": []}"#, "only one"),
            (
                r#"{"dataframe_split": {"data": []}}"#,
                "`columns` is missing",
            ),
            (
                r#"{"dataframe_split": {"columns": ["duration","bytes","service"]}}"#,
                "`data` is missing",
            ),
            (
                r#"{"dataframe_split": {"columns": ["duration"], "data": [[1]]}}"#,
                "2 columns are missing",
            ),
            (
                r#"{"inputs": {"duration": [1, 2], "bytes": [1]}}"#,
                "has 1 values, the one before it 2",
            ),
            (r#"{"inputs": {"duration": [1]}}"#, "2 columns are missing"),
            (r#"{"inputs": {"duration": 1}}"#, "a list of values"),
            (r#"{"instances": []}"#, "no rows"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(
                refusal.message().contains(part),
                "{text}: {}",
                refusal.message()
            );
            assert!(refusal.status_code().is_client_error());
        }
    }
}
