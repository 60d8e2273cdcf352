//! The Open Inference Protocol, version 2: tensors by column name in, prediction tensors out.
//!
//! Every row must be readable, for a tensor has no place for an error. Binary tensors, an extension
//! of the protocol, are refused in words.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::json_rows::{JsonRows, no_json};
use super::refusal::Refusal;
use super::rows::{Cell, Rule};
use super::scoring::{Scored, Scoring, Work};
use super::served::ServedModel;
use crate::schema::ColumnKind;

/// The output tensors.
pub const OUTPUTS: [(&str, &str); 3] = [
    ("predicted_label", "BYTES"),
    ("predicted_score", "FP64"),
    ("prediction_id", "BYTES"),
];

/// Types of tensors that are read.
const TYPES: [&str; 12] = [
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32",
    "FP64", "BYTES",
];

/// A request, read and scored.
#[derive(Debug)]
pub struct Inference {
    /// The id the client gave, repeated in the reply.
    pub id: Option<String>,
    /// The outputs it wants; all when it names none.
    pub outputs: Vec<String>,
    /// What came of the rows.
    pub scored: Scored,
}

#[derive(Default)]
struct Envelope {
    id: Option<String>,
    outputs: Option<Vec<Output>>,
    inputs: bool,
}

#[derive(Deserialize)]
struct Output {
    name: String,
}

/// Reads and scores a request.
///
/// # Errors
/// When it is no such request, a tensor is wrong, lacks columns of the model, is too large, or
/// scoring fails.
pub fn score(model: &ServedModel, body: &[u8], work: &Work) -> Result<Inference, Refusal> {
    let mut rows = JsonRows::new(Scoring::new(model, work, 0));
    let mut envelope = Envelope::default();
    rows.read(body, |rows, text| {
        RequestSeed(rows, &mut envelope).deserialize(text)
    })?;
    let outputs: Vec<String> = envelope
        .outputs
        .unwrap_or_default()
        .into_iter()
        .map(|o| o.name)
        .collect();
    if let Some(unknown) = outputs
        .iter()
        .find(|name| !OUTPUTS.iter().any(|(known, _)| known == name))
    {
        return Err(wrong(format!(
            "there is no output `{}`; there are predicted_label, predicted_score, prediction_id",
            crate::text::clean_to(unknown, 60)
        )));
    }
    Ok(Inference {
        id: envelope.id,
        outputs,
        scored: rows.finish()?,
    })
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(axum::http::StatusCode::BAD_REQUEST, "wrong_tensor", message)
        .rule(Rule::WrongTensor)
}

struct RequestSeed<'a, 'm>(&'a mut JsonRows<'m>, &'a mut Envelope);

impl<'de> DeserializeSeed<'de> for RequestSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RequestSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `inputs`")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "id" => self.1.id = map.next_value()?,
                "outputs" => self.1.outputs = map.next_value()?,
                "inputs" if !self.1.inputs => {
                    self.1.inputs = true;
                    map.next_value_seed(TensorsSeed(self.0))?;
                }
                "inputs" => return Err(A::Error::custom("`inputs` stands twice")),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if self.1.inputs {
            Ok(())
        } else {
            Err(A::Error::custom("`inputs` is missing"))
        }
    }
}

struct TensorsSeed<'a, 'm>(&'a mut JsonRows<'m>);

impl<'de> DeserializeSeed<'de> for TensorsSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for TensorsSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tensors")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut rows: Option<usize> = None;
        // One tensor in memory at a time; its values go into their column at once.
        while let Some(tensor) = list.next_element::<Tensor>()? {
            let Some(column) = self.0.scoring().model().layout().find(&tensor.name) else {
                self.0.unused(&tensor.name);
                continue;
            };
            let first = rows.is_none();
            match put(
                self.0,
                column,
                &tensor,
                *rows.get_or_insert(tensor.data.len()),
            ) {
                Ok(()) => {}
                Err(refusal) => return Err(self.0.stop(refusal)),
            }
            if first && let Err(refusal) = self.0.scoring().check_size(tensor.data.len()) {
                return Err(self.0.stop(refusal));
            }
        }
        self.0.end_inputs(rows.unwrap_or_default())
    }
}

#[derive(Deserialize)]
struct Tensor {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    #[serde(default)]
    data: Option<Flat>,
}

/// The values of a tensor, nested or flat.
#[derive(Debug, Default)]
struct Flat {
    values: Vec<FlatCell>,
}

#[derive(Debug)]
enum FlatCell {
    Null,
    Truth(bool),
    Number(f64),
    Text(Box<str>),
}

impl FlatCell {
    fn as_cell(&self) -> Cell<'_> {
        match self {
            FlatCell::Null => Cell::Null,
            FlatCell::Truth(value) => Cell::Truth(*value),
            FlatCell::Number(value) => Cell::Number(*value),
            FlatCell::Text(text) => Cell::Text(text),
        }
    }
}

trait Length {
    fn len(&self) -> usize;
}

impl Length for Option<Flat> {
    fn len(&self) -> usize {
        self.as_ref().map_or(0, |flat| flat.values.len())
    }
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut flat = Flat::default();
        FlatSeed(&mut flat.values, 0).deserialize(deserializer)?;
        Ok(flat)
    }
}

struct FlatSeed<'a>(&'a mut Vec<FlatCell>, usize);

impl<'de> DeserializeSeed<'de> for FlatSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.1 == 0 {
            deserializer.deserialize_seq(self)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for FlatSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list
            .next_element_seed(FlatSeed(self.0, self.1 + 1))?
            .is_some()
        {}
        Ok(())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.push(FlatCell::Null);
        Ok(())
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.push(FlatCell::Truth(value));
        Ok(())
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.push(FlatCell::Number(value));
        Ok(())
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.0.push(FlatCell::Text(value.into()));
        Ok(())
    }
}

/// Checks a tensor and puts its values into a column.
fn put(
    rows: &mut JsonRows<'_>,
    column: usize,
    tensor: &Tensor,
    height: usize,
) -> Result<(), Refusal> {
    let name = crate::text::clean_to(&tensor.name, 60);
    if rows.has_seen(column) {
        return Err(wrong(format!("the input `{name}` stands twice")));
    }
    rows.saw(column);
    if !TYPES.contains(&tensor.datatype.as_str()) {
        return Err(wrong(format!(
            "the input `{name}` has the datatype `{}`; one of {} is needed",
            crate::text::clean_to(&tensor.datatype, 20),
            TYPES.join(", ")
        )));
    }
    let Some(data) = &tensor.data else {
        return Err(wrong(format!(
            "the input `{name}` has no `data`; binary tensors are not read, send them as JSON"
        )));
    };
    let values = data.values.len();
    let in_shape = tensor
        .shape
        .iter()
        .try_fold(1_u64, |product, n| product.checked_mul(*n));
    let is_column = matches!(tensor.shape.as_slice(), [_] | [_, 1]);
    if !is_column || in_shape != Some(values as u64) {
        return Err(wrong(format!(
            "the input `{name}` has the shape {:?} and {values} values; a column of n rows has the shape [n] or [n, 1]",
            tensor.shape
        )));
    }
    if values != height {
        return Err(wrong(format!(
            "the input `{name}` has {values} rows, the one before it {height}"
        )));
    }
    for (row, value) in data.values.iter().enumerate() {
        let cell = typed(&tensor.datatype, value)
            .map_err(|what| wrong(format!("the input `{name}`, value {row}: {what}")))?;
        rows.scoring().row().push_cell(column, cell);
    }
    Ok(())
}

/// A value as its datatype says it is.
fn typed<'v>(datatype: &str, value: &'v FlatCell) -> Result<Cell<'v>, String> {
    let whole = |low: f64, high: f64| match value {
        FlatCell::Number(v) if v.fract() == 0.0 && (low..=high).contains(v) => Ok(Cell::Number(*v)),
        FlatCell::Null => Ok(Cell::Null),
        _ => Err(format!("{} is no {datatype}", shown(value))),
    };
    match datatype {
        "BOOL" => match value {
            FlatCell::Truth(_) | FlatCell::Null => Ok(value.as_cell()),
            FlatCell::Number(v) if *v == 0.0 || *v == 1.0 => Ok(Cell::Truth(*v == 1.0)),
            _ => Err(format!("{} is no BOOL", shown(value))),
        },
        "FP64" | "FP32" => match value {
            FlatCell::Number(v) if datatype == "FP32" => Ok(Cell::Number(f64::from(*v as f32))),
            FlatCell::Number(_) | FlatCell::Null => Ok(value.as_cell()),
            _ => Err(format!("{} is no {datatype}", shown(value))),
        },
        "BYTES" => match value {
            FlatCell::Text(_) | FlatCell::Null => Ok(value.as_cell()),
            _ => Err(format!("{} is no BYTES", shown(value))),
        },
        "UINT8" => whole(0.0, 255.0),
        "UINT16" => whole(0.0, 65_535.0),
        "UINT32" => whole(0.0, f64::from(u32::MAX)),
        "UINT64" => whole(0.0, u64::MAX as f64),
        "INT8" => whole(-128.0, 127.0),
        "INT16" => whole(-32_768.0, 32_767.0),
        "INT32" => whole(f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => whole(i64::MIN as f64, i64::MAX as f64),
    }
}

fn shown(value: &FlatCell) -> String {
    match value {
        FlatCell::Null => "null".to_owned(),
        FlatCell::Truth(value) => value.to_string(),
        FlatCell::Number(value) => value.to_string(),
        FlatCell::Text(text) => format!("\"{}\"", crate::text::clean_to(text, 40)),
    }
}

/// The metadata of a model.
pub fn metadata(model: &ServedModel) -> Value {
    let inputs: Vec<Value> = model
        .layout()
        .columns()
        .iter()
        .map(|c| {
            let datatype = match c.spec.kind {
                ColumnKind::Integer => "INT64",
                ColumnKind::Real => "FP64",
                ColumnKind::Category | ColumnKind::Text => "BYTES",
            };
            json!({"name": c.spec.name, "datatype": datatype, "shape": [-1]})
        })
        .collect();
    let outputs: Vec<Value> = OUTPUTS
        .iter()
        .map(|(name, datatype)| json!({"name": name, "datatype": datatype, "shape": [-1]}))
        .collect();
    json!({
        "name": model.name,
        "versions": [model.version],
        "platform": "netsec",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": {
            "sha256": model.sha256,
            "run_id": model.run_id,
            "learner": model.learner,
            "classes": model.classes(),
            "threshold": model.threshold,
        },
    })
}

/// The metadata of the server.
pub fn server() -> Value {
    json!({
        "name": "netsec",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": [],
    })
}

#[derive(Serialize)]
struct Reply<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    parameters: Value,
    outputs: Vec<Value>,
}

/// The reply; only where every row was read.
///
/// # Errors
/// With what is wrong, where a row was not.
pub fn reply(
    model: &ServedModel,
    inference: &Inference,
    request_id: &str,
) -> Result<Vec<u8>, Refusal> {
    let scored = &inference.scored;
    if !scored.findings.is_empty() {
        return Err(unreadable(model, scored));
    }
    let shape = [scored.outcomes.len()];
    let wanted =
        |name: &str| inference.outputs.is_empty() || inference.outputs.iter().any(|o| o == name);
    let outputs = OUTPUTS
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, datatype)| {
            let data: Vec<Value> = match *name {
                "predicted_label" => scored
                    .outcomes
                    .iter()
                    .map(|o| Value::from(model.classes().get(o.class as usize).cloned()))
                    .collect(),
                "predicted_score" => scored.outcomes.iter().map(|o| o.score.into()).collect(),
                _ => (0..scored.outcomes.len())
                    .map(|row| format!("{request_id}-{row}").into())
                    .collect(),
            };
            json!({"name": name, "datatype": datatype, "shape": shape, "data": data})
        })
        .collect();
    let reply = Reply {
        model_name: &model.name,
        model_version: &model.version,
        id: inference.id.as_deref(),
        parameters: json!({"model_sha256": model.sha256}),
        outputs,
    };
    serde_json::to_vec(&reply).map_err(|e| no_json(&e, b""))
}

/// The refusal of a request in which every row must be readable and one is not.
pub fn unreadable(model: &ServedModel, scored: &Scored) -> Refusal {
    let layout = model.layout();
    let first = scored
        .findings
        .first()
        .map(|f| format!("{}: {}", f.field(layout), f.message))
        .unwrap_or_default();
    Refusal::findings(
        &scored.findings,
        layout,
        format!(
            "{} of {} rows cannot be read, the first: {first}",
            scored.rejected(),
            scored.outcomes.len()
        ),
    )
    .status(axum::http::StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::testing::{flow_model, work};

    fn read(text: &str) -> Result<Inference, Refusal> {
        score(&flow_model(), text.as_bytes(), &work())
    }

    fn three(duration: &str) -> String {
        format!(
            r#"{{"id": "7", "inputs": [{duration},
              {{"name": "service", "shape": [2, 1], "datatype": "BYTES", "data": [["http"], ["dns"]]}},
              {{"name": "label", "shape": [1], "datatype": "BYTES", "data": ["x"]}},
              {{"name": "bytes", "shape": [2], "datatype": "INT64", "data": [900, 10]}}],
              "outputs": [{{"name": "predicted_score"}}]}}"#
        )
    }

    #[test]
    fn tensors_become_columns_and_tensors_come_back() {
        let model = flow_model();
        let good = r#"{"name": "duration", "shape": [2], "datatype": "FP64", "data": [0.9, 0.1]}"#;
        let inference = read(&three(good)).unwrap();
        let reply: Value =
            serde_json::from_slice(&reply(&model, &inference, "r").unwrap()).unwrap();
        assert_eq!(reply["id"], "7");
        assert_eq!(reply["model_version"], "v1");
        let outputs = reply["outputs"].as_array().unwrap();
        assert_eq!(outputs.len(), 1);
        assert_eq!(outputs[0]["shape"], json!([2]));
        assert_eq!(outputs[0]["data"][0], inference.scored.outcomes[0].score);
    }

    #[test]
    fn wrong_tensors_are_told_by_name() {
        for (tensor, part) in [
            (
                r#"{"name": "duration", "shape": [3], "datatype": "FP64", "data": [1, 2]}"#,
                "shape [3]",
            ),
            (
                r#"{"name": "duration", "shape": [2], "datatype": "FP64", "data": [1, "a"]}"#,
                "value 1: \"a\" is no FP64",
            ),
            (
                r#"{"name": "duration", "shape": [2], "datatype": "INT8", "data": [1, 200]}"#,
                "200 is no INT8",
            ),
            (
                r#"{"name": "duration", "shape": [2], "datatype": "FP8", "data": [1, 2]}"#,
                "datatype `FP8`",
            ),
            (
                r#"{"name": "duration", "shape": [1], "datatype": "FP64", "data": [1]}"#,
                "2 rows, the one before it 1",
            ),
            (
                r#"{"name": "duration", "shape": [2], "datatype": "FP64"}"#,
                "binary tensors",
            ),
            (
                r#"{"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2]}"#,
                "is missing: `duration`",
            ),
            (
                r#"{"name": "bytes", "shape": [2], "datatype": "FP64", "data": [1, 2]}"#,
                "stands twice",
            ),
            (
                r#"{"name": "duration", "shape": [2], "data": [1, 2]}"#,
                "datatype",
            ),
            (r#"7"#, "invalid type"),
        ] {
            let refusal = read(&three(tensor)).unwrap_err();
            assert!(
                refusal.message().contains(part),
                "{tensor}: {}",
                refusal.message()
            );
            assert!(refusal.status_code().is_client_error());
        }
        for text in [
            "{}",
            "[]",
            r#"{"inputs": []}"#,
            r#"{"inputs": [], "outputs": [{"name": "x"}]}"#,
        ] {
            assert!(read(text).unwrap_err().status_code().is_client_error());
        }
    }

    #[test]
    fn one_unreadable_row_refuses_the_request() {
        let model = flow_model();
        let text =
            r#"{"name": "duration", "shape": [2], "datatype": "BYTES", "data": ["1", "abc"]}"#;
        let inference = read(&three(text)).unwrap();
        let refusal = reply(&model, &inference, "r").unwrap_err();
        assert_eq!(refusal.status_code().as_u16(), 400);
        assert!(
            refusal
                .message()
                .contains("rows[1].duration: \"abc\" is not a number")
        );
    }
}
