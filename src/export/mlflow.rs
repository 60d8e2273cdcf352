//! An MLmodel folder around the ONNX graph: what `mlflow.pyfunc.load_model` loads.
//!
//! MLflow's own ONNX flavour serves it: no pickle and no Python code of ours in the folder. The
//! signature speaks of tensors, one a column, because MLflow then converts a table's columns
//! itself: whole numbers, numbers with gaps and texts with gaps are all taken as they come from a
//! CSV file, where column types (`long`, `double`) would refuse one or the other.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Bundle, ExportError, WrittenFile, onnx, output};
use crate::dataset::Frame;
use crate::hash;
use crate::pipeline::data_transformation::FittedColumn;

/// The description that makes a folder a model.
pub const MLMODEL_FILE: &str = "MLmodel";
/// The graph in it.
pub const GRAPH_FILE: &str = "model.onnx";
const MANIFEST_FILE: &str = "manifest.json";
const INPUT_EXAMPLE: &str = "input_example.json";
const SERVING_EXAMPLE: &str = "serving_input_example.json";
/// The value of `format` in the manifest, by which an earlier export is known.
const FORMAT: &str = "netsec-mlmodel";

/// What the model needs in Python, oldest versions that run it. ONNX Runtime has the double
/// precision tree ensembles since 1.20.
const REQUIREMENTS: [&str; 4] = ["mlflow", "onnx>=1.17", "onnxruntime>=1.20", "pandas"];
const PYTHON: &str = "3.11";

/// Writes the folder; gives every file in it, `MLmodel` first. An earlier export in the same
/// place is replaced, an empty folder too; anything else is refused.
///
/// The same bundle gives the same bytes.
///
/// # Errors
/// When ONNX cannot express the model, the place is taken, or a file cannot be written.
pub fn write(dir: &Path, bundle: &Bundle) -> Result<Vec<WrittenFile>, ExportError> {
    let graph = onnx::encode(bundle)?;
    let example = bundle.example.as_ref().map(|rows| example(bundle, rows));
    let mut content = vec![
        (
            MLMODEL_FILE,
            mlmodel(bundle, &graph, example.is_some()).into_bytes(),
        ),
        (GRAPH_FILE, graph),
    ];
    if let Some(example) = example {
        let serving = json!({ "dataframe_split": example });
        content.push((INPUT_EXAMPLE, example.to_string().into_bytes()));
        content.push((SERVING_EXAMPLE, serving.to_string().into_bytes()));
    }
    content.push(("requirements.txt", lines(&REQUIREMENTS).into_bytes()));
    content.push(("python_env.yaml", PYTHON_ENV.as_bytes().to_vec()));
    content.push(("conda.yaml", conda().into_bytes()));
    content.push((MANIFEST_FILE, manifest(bundle, &content)));
    output::write_folder(dir, &content, is_ours)
}

/// Whether a folder is an earlier export.
fn is_ours(dir: &Path) -> bool {
    std::fs::read(dir.join(MANIFEST_FILE))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .is_some_and(|manifest| manifest["format"] == FORMAT)
}

/// The bytes of `MLmodel`, YAML by hand: every value is a plain word, a number or quoted.
fn mlmodel(bundle: &Bundle, graph: &[u8], example: bool) -> String {
    let sha256 = hash::sha256(graph);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut line = |indent: usize, key: &str, value: &str| {
        let space = if value.is_empty() { "" } else { " " };
        let _ = writeln!(text, "{:indent$}{key}:{space}{value}", "");
    };
    line(0, "artifact_path", "model");
    line(0, "flavors", "");
    line(2, "onnx", "");
    line(4, "code", "null");
    line(4, "data", GRAPH_FILE);
    line(4, "onnx_session_options", "null");
    line(4, "onnx_version", "1.17.0");
    line(4, "providers", "[CPUExecutionProvider]");
    line(2, "python_function", "");
    line(4, "data", GRAPH_FILE);
    line(4, "env", "");
    line(6, "conda", "conda.yaml");
    line(6, "virtualenv", "python_env.yaml");
    line(4, "loader_module", "mlflow.onnx");
    line(4, "python_version", &quoted(PYTHON));
    line(0, "metadata", "");
    for (name, value) in bundle.facts() {
        line(2, name, &quoted(&ascii(&value)));
    }
    line(0, "model_size_bytes", &graph.len().to_string());
    // Any unique text does; from the content, so that the same model keeps it.
    line(0, "model_uuid", sha256.get(..32).unwrap_or_default());
    if example {
        line(0, "saved_input_example_info", "");
        line(2, "artifact_path", INPUT_EXAMPLE);
        line(2, "pandas_orient", "split");
        line(2, "serving_input_path", SERVING_EXAMPLE);
        line(2, "type", "dataframe");
    }
    line(0, "signature", "");
    let inputs = onnx::inputs(bundle)
        .into_iter()
        .map(|(name, kind)| tensor(&name, kind))
        .collect();
    line(
        2,
        "inputs",
        &quoted(&ascii(&Value::Array(inputs).to_string())),
    );
    let outputs = onnx::outputs(bundle)
        .into_iter()
        .map(|(name, kind)| tensor(&name, kind))
        .collect();
    line(
        2,
        "outputs",
        &quoted(&ascii(&Value::Array(outputs).to_string())),
    );
    line(2, "params", "null");
    let made_at = bundle.made_at().format("%Y-%m-%d %H:%M:%S.000000");
    line(0, "utc_time_created", &quoted(&made_at.to_string()));
    text
}

fn tensor(name: &str, kind: onnx::ColumnType) -> Value {
    let dtype = match kind {
        onnx::ColumnType::Number => "float64",
        onnx::ColumnType::Text => "object",
    };
    json!({"name": name, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1]}})
}

/// JSON in plain ASCII, by JSON's own escapes: YAML readers refuse some characters that JSON
/// allows, and read others as line ends.
fn ascii(json: &str) -> String {
    let mut out = String::new();
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if (0x20..0x7f).contains(&byte) => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// A YAML string in single quotes, in which only the quote itself has a meaning; for plain ASCII.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The example rows as pandas' `split` form: whole numbers without a point, gaps as null.
fn example(bundle: &Bundle, rows: &Frame) -> Value {
    let columns = bundle.preprocessor.columns();
    let cells: Vec<Vec<Value>> = columns
        .iter()
        .map(|column| match column {
            FittedColumn::Numeric(c) => rows
                .numbers(&c.name)
                .map(|v| v.into_iter().map(number).collect()),
            FittedColumn::Categorical(c) => rows
                .texts(&c.name)
                .map(|v| v.into_iter().map(Value::from).collect()),
        })
        // A column that cannot be read is all gaps: an example is no reason to fail.
        .map(|cells: Result<Vec<Value>, _>| cells.unwrap_or_default())
        .collect();
    let data: Vec<Value> = (0..rows.rows())
        .map(|row| {
            cells
                .iter()
                .map(|column| column.get(row).cloned().unwrap_or(Value::Null))
                .collect()
        })
        .collect();
    let names: Vec<&str> = columns.iter().map(FittedColumn::name).collect();
    json!({"columns": names, "data": data})
}

fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value == value.trunc() && value.abs() < EXACT {
        Value::from(value as i64)
    } else {
        // NaN and infinities have no JSON and become null.
        Value::from(value)
    }
}

fn lines(items: &[&str]) -> String {
    items.iter().map(|item| format!("{item}\n")).collect()
}

const PYTHON_ENV: &str =
    "python: \"3.11\"\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n";

fn conda() -> String {
    let mut text = format!(
        "name: netsec-model\nchannels:\n- conda-forge\ndependencies:\n- python={PYTHON}\n- pip\n- pip:\n"
    );
    for requirement in REQUIREMENTS {
        let _ = writeln!(text, "  - {requirement}");
    }
    text
}

fn manifest(bundle: &Bundle, content: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let files: serde_json::Map<String, Value> = content
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), Value::from(hash::sha256(bytes))))
        .collect();
    let document = json!({
        "format": FORMAT,
        "format_version": 1,
        "run_id": bundle.run_id,
        "version": bundle.version,
        "learner": bundle.model.learner,
        "files": files,
    });
    format!("{document:#}\n").into_bytes()
}
