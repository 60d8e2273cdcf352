//! Clients that other people wrote: Python's requests, the MLflow client's serialiser, Triton's
//! client of the Open Inference Protocol, and schemathesis against the OpenAPI document.

use std::process::Command;

use super::{Service, with_champion};
use crate::services::{needs_servers, python_with};

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = crate::harness::text(&output);
    assert!(output.status.success(), "{said}");
    said
}

/// Gives the same rows to every route by the client made for it, and compares.
const CLIENTS: &str = r#"
import io, json, sys
import numpy as np, pandas as pd, requests
import tritonclient.http as triton
from mlflow.pyfunc.scoring_server import CONTENT_TYPE_JSON
from mlflow.models.utils import convert_input_example_to_serving_input as _  # the module is there

address, file = sys.argv[1:]
base = f"http://{address}"
frame = pd.read_csv(file).drop(columns=["attack"]).head(50)

with open(file, "rb") as upload:
    reply = requests.post(base + "/predict", files={"file": upload}, headers={"Accept": "text/csv"}, timeout=60)
reply.raise_for_status()
table = pd.read_csv(io.StringIO(reply.text))
expected = table.predicted_label.astype(str).head(50).tolist()
assert len(table) == 600 and reply.headers["x-netsec-model-version"] == "v1"

def same(reply):
    reply.raise_for_status()
    got = [p["predicted_label"] for p in reply.json()["predictions"]]
    assert got == expected, (got, expected)

same(requests.post(base + "/predict", json=frame.to_dict(orient="records"), timeout=60))
for document in (
    {"dataframe_split": frame.to_dict(orient="split")},
    {"dataframe_records": frame.to_dict(orient="records")},
    {"instances": frame.to_dict(orient="records")},
    {"inputs": frame.to_dict(orient="list")},
):
    same(requests.post(base + "/invocations", data=json.dumps(document), headers={"Content-Type": CONTENT_TYPE_JSON}, timeout=60))
same(requests.post(base + "/invocations", data=frame.to_csv(index=False), headers={"Content-Type": "text/csv"}, timeout=60))
assert requests.get(base + "/ping", timeout=60).status_code == 200
assert requests.get(base + "/health", timeout=60).status_code == 200

client = triton.InferenceServerClient(url=address)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("netsec")
metadata = client.get_model_metadata("netsec")
assert [i["name"] for i in metadata["inputs"]] == list(frame.columns), metadata
inputs = []
for column in metadata["inputs"]:
    values = frame[column["name"]]
    values = values.astype(object).to_numpy() if column["datatype"] == "BYTES" else values.to_numpy(
        dtype=np.int64 if column["datatype"] == "INT64" else np.float64)
    tensor = triton.InferInput(column["name"], [len(frame)], column["datatype"])
    tensor.set_data_from_numpy(values, binary_data=False)
    inputs.append(tensor)
outputs = [triton.InferRequestedOutput(name, binary_data=False) for name in ("predicted_label", "predicted_score")]
result = client.infer("netsec", inputs, outputs=outputs)
got = [v.decode() if isinstance(v, bytes) else str(v) for v in result.as_numpy("predicted_label")]
assert got == expected, got
scores = result.as_numpy("predicted_score")
assert np.abs(scores - table.predicted_score.head(50)).max() < 1e-12
# Binary tensors are an extension; they are refused in words, not misread.
inputs[0].set_data_from_numpy(frame[metadata["inputs"][0]["name"]].to_numpy(dtype=np.float64), binary_data=True)
try:
    client.infer("netsec", inputs)
    raise SystemExit("binary tensors were taken")
except triton.InferenceServerException as e:
    assert "binary" in str(e), e
print("clients agree")
"#;

#[test]
fn clients_of_other_people_get_the_same_predictions() {
    needs_servers!();
    let project = with_champion();
    let service = Service::start(&project);
    let file = project.path().join("flows.csv");
    let said = run(python_with(&["serving"])
        .args(["-c", CLIENTS, &service.address.to_string()])
        .arg(file));
    assert!(said.contains("clients agree"), "{said}");
}

#[test]
fn schemathesis_finds_nothing_in_the_openapi_document() {
    needs_servers!();
    let project = with_champion();
    let token = "a-token-for-schemathesis";
    let tokens = format!("fuzz:predict,read,metrics,feedback:{token}");
    let service = Service::start_with(&project, &[("NETSEC_SERVE_TOKENS", &tokens)]);
    let said = run(python_with(&["serving"])
        .args(["-m", "schemathesis.cli", "run"])
        .arg(format!("http://{}/openapi.json", service.address))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--max-examples", "10", "--seed", "7", "--phases", "examples,coverage,fuzzing"])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"])
        .args(["--exclude-path", "/train", "--no-color"])
        .current_dir(project.path()));
    let counts = said
        .lines()
        .find_map(|line| line.trim().split_once(" generated, "))
        .unwrap_or_else(|| panic!("{said}"));
    assert_eq!(format!("{} passed", counts.0), counts.1, "{said}");
}
