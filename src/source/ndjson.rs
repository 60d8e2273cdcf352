//! NDJSON: one JSON object a line; the names are the keys in the order they first appear.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;

use super::detect::{Detected, Format, line_ends_of};
use super::error::SourceError;
use super::header::HeaderReport;
use super::open::{Opened, read_error};
use super::rows::{Cell, RowConsumer, Watch, lossy};

/// Longest line read.
const LINE_LIMIT: usize = 16 << 20;

/// Reads all rows of an NDJSON file into `consumer`.
pub(super) fn read(
    opened: Opened,
    consumer: &mut dyn RowConsumer,
    watch: &mut Watch<'_>,
) -> Result<Detected, SourceError> {
    let mut detected = Detected {
        format: Format::Ndjson,
        compression: opened.compression,
        encoding: opened.encoding,
        line_ends: line_ends_of(&opened.head),
        delimiter: None,
        header: None,
        names: Vec::new(),
        columns: HeaderReport::default(),
    };
    let (size, consumed, compression) = (
        opened.size,
        std::sync::Arc::clone(&opened.consumed),
        opened.compression,
    );
    let mut reader = BufReader::with_capacity(1 << 16, opened.into_reader());
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut as_text: Vec<bool> = Vec::new();
    let mut bytes = Vec::new();
    let mut line = 0u64;
    let mut object_seen = false;
    let mut first_failure: Option<(u64, String)> = None;
    loop {
        bytes.clear();
        let n = (&mut reader)
            .take(LINE_LIMIT as u64 + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|e| read_error(watch.path, compression, watch.rows(), e))?;
        if n == 0 {
            break;
        }
        line += 1;
        if n > LINE_LIMIT {
            return Err(SourceError::RecordTooLong {
                path: watch.path.to_owned(),
                line,
                limit: LINE_LIMIT,
            });
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        watch.row(size, &consumed)?;
        let object: Object = match serde_json::from_slice(&bytes) {
            Ok(object) => object,
            Err(e) => {
                let reason = match e.classify() {
                    serde_json::error::Category::Data => "not a JSON object".to_owned(),
                    _ => format!("not JSON: {e}"),
                };
                first_failure.get_or_insert_with(|| (line, reason.clone()));
                let text = lossy(&bytes[..bytes.len().min(400)]).trim().to_owned();
                if !consumer.broken(line, reason, text)? {
                    return Ok(detected);
                }
                continue;
            }
        };
        object_seen = true;
        let known = detected.names.len();
        for (key, _) in &object.0 {
            if !index.contains_key(key) {
                index.insert(key.clone(), detected.names.len());
                detected.names.push(key.clone());
                as_text.push(consumer.wants_text(key));
            }
        }
        if detected.names.len() > known {
            consumer.columns(&detected.names, false)?;
        }
        // Numbers whose digits matter (columns of text) are printed before the cells borrow them.
        let printed: Vec<Option<String>> = object
            .0
            .iter()
            .map(|(key, value)| match value {
                Value::Number(n) if as_text[index[key]] => Some(n.as_f64().map_or_else(
                    || n.to_string(),
                    |v| {
                        if n.is_f64() {
                            crate::dataset::number_text(v)
                        } else {
                            n.to_string()
                        }
                    },
                )),
                _ => None,
            })
            .collect();
        let mut cells = vec![Cell::Missing; detected.names.len()];
        for ((key, value), printed) in object.0.iter().zip(&printed) {
            cells[index[key]] = match (value, printed) {
                (_, Some(text)) => Cell::Text(text.as_bytes()),
                (Value::Null, _) => Cell::Missing,
                (Value::Bool(b), _) => Cell::Truth(*b),
                (Value::Number(n), _) => Cell::Number(n.as_f64().unwrap_or(f64::NAN)),
                (Value::String(s), _) => Cell::Text(s.as_bytes()),
                (Value::Array(_), _) => Cell::Nested("a list"),
                (Value::Object(_), _) => Cell::Nested("an object"),
            };
        }
        if !consumer.row(line, &cells)? {
            return Ok(detected);
        }
    }
    watch.finished()?;
    match first_failure {
        Some((line, reason)) if !object_seen => Err(SourceError::NothingReadable {
            path: watch.path.to_owned(),
            rows: watch.rows(),
            line,
            reason,
        }),
        _ => {
            consumer.columns(&detected.names, true)?;
            Ok(detected)
        }
    }
}

/// A JSON object with its keys in the order of the text. A key that stands twice keeps its last
/// value, as in every JSON reader.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}
