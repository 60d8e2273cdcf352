//! The JSON of `POST /predict`: a list of rows, or `{"rows": [..]}`.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::json_rows::{JsonRows, RowsSeed};
use super::refusal::Refusal;
use super::scoring::{Scored, Scoring, Work};
use super::served::ServedModel;

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
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows or {\"rows\": [..]}")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        RowsSeed(self.0).visit_seq(list)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key != "rows" || found {
                return Err(A::Error::custom(
                    "a document is a list of rows or has the one member `rows`",
                ));
            }
            found = true;
            map.next_value_seed(RowsSeed(self.0))?;
        }
        if found {
            Ok(())
        } else {
            Err(A::Error::custom("the member `rows` is missing"))
        }
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
    fn rows_in_both_forms() {
        let row = r#"{"duration": 0.5, "bytes": "10", "service": "http", "extra": [1]}"#;
        for text in [format!("[{row}]"), format!("{{\"rows\": [{row}, {row}]}}")] {
            let scored = read(&text).unwrap();
            assert!(scored.outcomes.iter().all(|o| o.is_scored()));
        }
    }

    #[test]
    fn every_row_is_answered() {
        let scored = read(
            r#"[{"duration":1,"bytes":2,"service":"dns"},
                {"duration":"abc","bytes":[],"service":null},
                7, {"duration":1,"duration":2,"bytes":2,"service":"x"}, {"bytes":null}]"#,
        )
        .unwrap();
        assert_eq!(scored.outcomes.len(), 5);
        assert_eq!(scored.rejected(), 4);
        let model = flow_model();
        let told: Vec<String> = scored
            .findings
            .iter()
            .map(|f| format!("{}: {}", f.field(model.layout()), f.message))
            .collect();
        assert_eq!(
            told,
            [
                "rows[1].duration: \"abc\" is not a number",
                "rows[1].bytes: a list stands where a number is needed",
                "rows[2]: a number stands where a row is needed, an object by field names",
                "rows[3].duration: the field stands twice",
                "rows[4].duration: the field is missing; null is a missing value",
                "rows[4].service: the field is missing; null is a missing value",
            ]
        );
    }

    #[test]
    fn other_documents_are_refused() {
        for (text, part) in [
            ("[]", "no rows"),
            ("{}", "`rows` is missing"),
            ("{\"row\": []}", "one member `rows`"),
            ("7", "expected a list of rows"),
            ("[{\"duration\": NaN}]", "write null"),
            (
                "[{\"duratoin\": 1}]",
                "`duration` (did you mean it by `duratoin`?)",
            ),
            (
                "[{\"duration\": 1}]",
                "2 columns are missing: `bytes`, `service`",
            ),
            ("[{\"duration\": 1}", "EOF"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(
                refusal.message().contains(part),
                "{text}: {}",
                refusal.message()
            );
            assert!(refusal.status_code().is_client_error());
        }
        let deep = "[".repeat(100_000);
        assert!(read(&deep).unwrap_err().status_code().is_client_error());
        let deep = format!("[{{\"rows\": {}", "{\"a\":".repeat(100_000));
        assert!(read(&deep).unwrap_err().status_code().is_client_error());
    }
}
