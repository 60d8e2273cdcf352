//! The OpenAPI 3.1 document, made from the table of routes and the columns of the model in use.

use serde_json::{Map, Value, json};

use super::routes::{Media, ROUTES, Reply, Route, Shape};
use super::served::ServedModel;
use super::tokens::Scope;
use crate::schema::ColumnKind;

/// A kind of column in a word.
pub fn kind(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Integer => "whole number",
        ColumnKind::Real => "number",
        ColumnKind::Category | ColumnKind::Text => "text",
    }
}

const fn refusal(status: u16, about: &'static str) -> Reply {
    Reply {
        status,
        about,
        bodies: &[(Media::Json, Shape::Error)],
    }
}

/// All replies of a route: its own, then the refusals that follow from scope, body and limits.
pub fn replies(route: &Route) -> Vec<Reply> {
    let mut all = route.replies.to_vec();
    let mut add = |reply: Reply| {
        if !all.iter().any(|r| r.status == reply.status) {
            all.push(reply);
        }
    };
    if !route.parameters.is_empty() || !route.bodies.is_empty() || route.scores() {
        add(refusal(400, "The request cannot be read."));
    }
    if route.scope.is_some() {
        add(refusal(
            401,
            "A token is needed, and there is none or it is not known.",
        ));
        add(refusal(403, "The token does not allow this."));
    }
    if !route.bodies.is_empty() {
        add(refusal(408, "The body took too long."));
        add(refusal(
            413,
            "The body or its rows are more than is allowed.",
        ));
        add(refusal(
            415,
            "The body is of a type that is not taken here.",
        ));
        add(refusal(
            422,
            "The body can be read, and what stands in it does not fit the model.",
        ));
    }
    if route.scope.is_some() {
        add(refusal(
            503,
            "No model is loaded, or the service is ending or overloaded.",
        ));
    }
    add(refusal(
        421,
        "The request was sent to a name that is not this machine's.",
    ));
    all.sort_by_key(|r| r.status);
    all
}

/// The document.
pub fn document(model: Option<&ServedModel>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let entry = paths
            .entry(route.path)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(entry) = entry {
            entry.insert(route.method.as_str().to_owned(), operation(route, model));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "netsec scoring service",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Scores network-security data with the model in production. Every reply carries the model's version and SHA-256 in X-Netsec-Model-Version and X-Netsec-Model-Sha256.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas(model),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": format!(
                        "Scopes: {}. Without any token set the service is open on loopback, but for training.",
                        Scope::ALL.map(Scope::as_str).join(", ")
                    ),
                }
            },
        },
    })
}

fn operation(route: &Route, model: Option<&ServedModel>) -> Value {
    let mut operation = Map::new();
    let id = format!(
        "{}{}",
        route.method.as_str(),
        route.path.replace(['/', '{', '}', '.'], "_")
    );
    operation.insert("operationId".into(), id.into());
    operation.insert("tags".into(), json!([route.tag]));
    operation.insert("summary".into(), route.summary.into());
    if !route.about.is_empty() {
        operation.insert("description".into(), route.about.into());
    }
    if let Some(scope) = route.scope {
        // Open on loopback where no tokens are set: an empty requirement says that it may be.
        let needed = json!({"token": [scope.as_str()]});
        operation.insert(
            "security".into(),
            match scope {
                Scope::Train => json!([needed]),
                _ => json!([needed, {}]),
            },
        );
    }
    if !route.parameters.is_empty() {
        let parameters: Vec<Value> = route
            .parameters
            .iter()
            .map(|p| {
                let example = match (p.name, model) {
                    ("model", Some(model)) => Some(model.name.as_str()),
                    ("version", Some(model)) => Some(model.version.as_str()),
                    ("id", _) => Some("latest"),
                    _ => None,
                };
                let schema = match p.pattern {
                    Some(pattern) => {
                        json!({"type": "string", "pattern": pattern, "examples": example.as_slice()})
                    }
                    None => json!({"type": "integer", "minimum": 1, "maximum": 1000}),
                };
                json!({
                    "name": p.name,
                    "in": if p.in_path { "path" } else { "query" },
                    "required": p.in_path,
                    "description": p.about,
                    "schema": schema,
                })
            })
            .collect();
        operation.insert("parameters".into(), parameters.into());
    }
    if !route.bodies.is_empty() {
        operation.insert(
            "requestBody".into(),
            json!({"required": route.body_needed, "content": content(route.bodies)}),
        );
    }
    let mut all = Map::new();
    for reply in replies(route) {
        let mut told = json!({"description": reply.about});
        if !reply.bodies.is_empty()
            && let Value::Object(told) = &mut told
        {
            told.insert("content".into(), content(reply.bodies));
        }
        all.insert(reply.status.to_string(), told);
    }
    operation.insert("responses".into(), all.into());
    operation.into()
}

fn content(bodies: &[(Media, Shape)]) -> Value {
    let mut content = Map::new();
    for (media, shape) in bodies {
        let schema = match shape {
            Shape::Text => json!({"type": "string"}),
            shape => json!({"$ref": format!("#/components/schemas/{shape:?}")}),
        };
        content.insert(media.as_str().to_owned(), json!({ "schema": schema }));
    }
    content.into()
}

/// The schema of a row: the model's columns, all of them needed, others allowed.
fn row(model: Option<&ServedModel>) -> Value {
    let Some(model) = model else {
        return json!({"type": "object", "description": "The columns of the model; none is loaded."});
    };
    let mut properties = Map::new();
    let mut required = Vec::new();
    for column in model.layout().columns() {
        let mut schema = match column.spec.kind {
            ColumnKind::Integer | ColumnKind::Real => json!({"type": ["number", "null"]}),
            ColumnKind::Category | ColumnKind::Text => json!({"type": ["string", "null"]}),
        };
        if let (Value::Object(schema), Some(values)) = (&mut schema, &column.spec.values)
            && values.len() <= 32
        {
            schema.insert("examples".into(), json!(values));
        }
        properties.insert(column.spec.name.clone(), schema);
        required.push(column.spec.name.clone());
    }
    json!({
        "type": "object",
        "description": "null is a missing value, imputed as in training. Other fields are left alone.",
        "properties": properties,
        "required": required,
    })
}

fn rows_of(schema: &str) -> Value {
    json!({"type": "array", "minItems": 1, "items": {"$ref": format!("#/components/schemas/{schema}")}})
}

#[expect(
    clippy::too_many_lines,
    reason = "one table of documents, read from top to bottom"
)]
fn schemas(model: Option<&ServedModel>) -> Value {
    let prediction = json!({
        "type": "object",
        "properties": {
            "prediction_id": {"type": "string"},
            "predicted_label": {"type": ["string", "null"]},
            "predicted_score": {"type": ["number", "null"]},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Finding"}},
        },
        "required": ["prediction_id", "predicted_label", "predicted_score"],
    });
    let tensor = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "datatype": {"enum": ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64", "BYTES"]},
            "data": {"type": "array"},
        },
        "required": ["name", "shape", "datatype", "data"],
    });
    let tensor_names: Vec<Value> = json!(["name", "datatype", "shape"])
        .as_array()
        .cloned()
        .unwrap_or_default();
    json!({
        "Row": row(model),
        "PredictRequest": {
            "anyOf": [
                rows_of("Row"),
                {"type": "object", "properties": {"rows": rows_of("Row")}, "required": ["rows"], "additionalProperties": false},
            ],
        },
        "Prediction": prediction,
        "Finding": {
            "type": "object",
            "properties": {
                "field": {"type": "string", "examples": ["rows[3].src_bytes"]},
                "rule": {"type": "string", "examples": super::rows::Rule::ALL.map(super::rows::Rule::as_str)},
                "message": {"type": "string", "examples": ["rows[3].src_bytes: \"abc\" is not a whole number"]},
            },
            "required": ["field", "rule", "message"],
        },
        "PredictReply": {
            "type": "object",
            "properties": {
                "model_name": {"type": "string"},
                "model_version": {"type": "string"},
                "model_sha256": {"type": "string"},
                "request_id": {"type": "string"},
                "rows": {"type": "integer"},
                "rejected": {"type": "integer"},
                "predictions": rows_of("Prediction"),
            },
            "required": ["model_name", "model_version", "model_sha256", "request_id", "rows", "rejected", "predictions"],
        },
        "Upload": {
            "type": "object",
            "properties": {"file": {"type": "string", "contentMediaType": "text/csv"}},
            "required": ["file"],
        },
        "InvocationsRequest": {
            "type": "object",
            "description": "One of dataframe_split, dataframe_records, instances, inputs.",
            "properties": {
                "dataframe_split": {
                    "type": "object",
                    "properties": {
                        "columns": {"type": "array", "items": {"type": "string"}},
                        "data": {"type": "array", "items": {"type": "array"}},
                        "index": {"type": "array"},
                    },
                    "required": ["columns", "data"],
                },
                "dataframe_records": rows_of("Row"),
                "instances": {"type": "array"},
                "inputs": {"type": ["array", "object"]},
                "params": {"type": "object"},
            },
            "additionalProperties": false,
        },
        "InvocationsReply": {
            "type": "object",
            "properties": {
                "predictions": rows_of("Prediction"),
                "model_version": {"type": "string"},
                "model_sha256": {"type": "string"},
            },
            "required": ["predictions", "model_version", "model_sha256"],
        },
        "Tensor": tensor,
        "InferRequest": {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "inputs": rows_of("Tensor"),
                "outputs": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
                "parameters": {"type": "object"},
            },
            "required": ["inputs"],
        },
        "InferReply": {
            "type": "object",
            "properties": {
                "model_name": {"type": "string"},
                "model_version": {"type": "string"},
                "id": {"type": "string"},
                "parameters": {"type": "object"},
                "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
            },
            "required": ["model_name", "model_version", "outputs"],
        },
        "TensorMetadata": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "datatype": {"type": "string"},
                "shape": {"type": "array", "items": {"type": "integer"}},
            },
            "required": tensor_names,
        },
        "ServerMetadata": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "version": {"type": "string"},
                "extensions": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["name", "version", "extensions"],
        },
        "ModelMetadata": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "versions": {"type": "array", "items": {"type": "string"}},
                "platform": {"type": "string"},
                "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorMetadata"}},
                "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorMetadata"}},
                "parameters": {"type": "object"},
            },
            "required": ["name", "platform", "inputs", "outputs"],
        },
        "Health": {
            "type": "object",
            "properties": {
                "status": {"type": "string"},
                "live": {"type": "boolean"},
                "ready": {"type": "boolean"},
                "model_version": {"type": ["string", "null"]},
                "error": {"type": "string"},
            },
            "required": ["status"],
        },
        "FeedbackRequest": {
            "type": "object",
            "properties": {
                "verdicts": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1000,
                    "items": {
                        "type": "object",
                        "properties": {
                            "prediction_id": {"type": "string", "pattern": "^[0-9a-f]{12}-[0-9a-f]{8}-[0-9]{1,9}$"},
                            "label": {"type": "string"},
                        },
                        "required": ["prediction_id", "label"],
                        "additionalProperties": false,
                    },
                },
                "by": {"type": "string", "maxLength": 100},
            },
            "required": ["verdicts"],
            "additionalProperties": false,
        },
        "Concept": {
            "type": "object",
            "properties": {
                "model_version": {"type": ["string", "null"]},
                "labelled": {"type": "integer"},
                "wrong": {"type": "integer"},
                "error_rate": {"type": ["number", "null"]},
                "window": {"type": "integer"},
                "detectors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "detector": {"enum": ["adwin", "ddm", "page_hinkley"]},
                            "standing": {"enum": ["stable", "warning", "drift"]},
                            "drifts": {"type": "integer"},
                        },
                        "required": ["detector", "standing", "drifts"],
                    },
                },
                "last_at": {"type": ["string", "null"]},
            },
            "required": ["model_version", "labelled", "wrong", "detectors"],
        },
        "FeedbackStatus": {
            "type": "object",
            "properties": {"concept": {"$ref": "#/components/schemas/Concept"}},
            "required": ["concept"],
        },
        "FeedbackReply": {
            "type": "object",
            "properties": {
                "verdicts": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "prediction_id": {"type": "string"},
                            "outcome": {"enum": ["recorded", "corrected", "known", "unknown_prediction"]},
                            "wrong": {"type": "boolean"},
                            "alarms": {"type": "array", "items": {"type": "string"}},
                        },
                        "required": ["prediction_id", "outcome"],
                    },
                },
                "concept": {"$ref": "#/components/schemas/Concept"},
            },
            "required": ["verdicts", "concept"],
        },
        "TrainRequest": {
            "type": "object",
            "properties": {
                "note": {"type": "string", "maxLength": 500},
                "from": {"enum": crate::events::StageName::ALL.map(|s| s.as_str())},
            },
            "additionalProperties": false,
        },
        "TrainReply": {
            "type": "object",
            "properties": {"run_id": {"type": "string"}, "status": {"type": "string"}},
            "required": ["run_id"],
        },
        "Runs": {"type": "array", "items": {"type": "object", "required": ["run_id", "outcome"]}},
        "Run": {"type": "object", "required": ["run_id", "outcome", "stages"]},
        "Object": {"type": "object"},
        "Error": {
            "type": "object",
            "properties": {
                "error": {"type": "string"},
                "code": {"type": "string"},
                "findings": {"type": "array", "items": {"$ref": "#/components/schemas/Finding"}},
                "more_findings": {"type": "integer"},
            },
            "required": ["error", "code"],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::testing::flow_model;

    /// Every reference in the document leads somewhere.
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    if let ("$ref", Value::String(text)) = (key.as_str(), value) {
                        found.push(text);
                    }
                    references(value, found);
                }
            }
            Value::Array(list) => list.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }

    #[test]
    fn the_document_is_whole() {
        for model in [None, Some(flow_model())] {
            let document = document(model.as_ref());
            let mut found = Vec::new();
            references(&document, &mut found);
            assert!(found.len() > 20);
            for reference in found {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            let operations: usize = document["paths"]
                .as_object()
                .unwrap()
                .values()
                .map(|p| p.as_object().unwrap().len())
                .sum();
            assert_eq!(operations, ROUTES.len());
            let ids: std::collections::BTreeSet<&str> = document["paths"]
                .as_object()
                .unwrap()
                .values()
                .flat_map(|p| p.as_object().unwrap().values())
                .map(|o| o["operationId"].as_str().unwrap())
                .collect();
            assert_eq!(ids.len(), ROUTES.len());
        }
        let document = document(Some(&flow_model()));
        let row = &document["components"]["schemas"]["Row"];
        assert_eq!(row["required"], json!(["duration", "bytes", "service"]));
        // Training needs a token everywhere.
        assert_eq!(
            document["paths"]["/train"]["post"]["security"],
            json!([{"token": ["train"]}])
        );
    }
}
