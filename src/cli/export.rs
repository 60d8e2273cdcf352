//! `netsec export`: write a model in a format that other programs read.

use std::path::Path;

use super::{Globals, output};
use crate::error::CommandError;
use crate::export::{self, Bundle, ExportError, WrittenFile};
use crate::text::{clean, count};

/// Arguments of `netsec export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run, or `champion`.
    pub what: String,
    /// The format.
    #[arg(long, value_enum)]
    pub format: Format,
    /// Where to: a file, for `mlflow` a folder. An earlier export there is replaced.
    #[arg(short, long, value_name = "PATH")]
    pub output: std::path::PathBuf,
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One ONNX graph: preprocessing and model.
    Onnx,
    /// An MLmodel folder around the ONNX graph.
    Mlflow,
    /// XGBoost's own file, by the name's ending: .ubj or .json.
    Xgboost,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    globals.config()?;
    let bundle = Bundle::named(&globals.workspace(), &args.what)?;
    let written = write(args, &bundle)?;
    output::say!("{} written as {}:", bundle.title(), name_of(args.format))?;
    for file in &written {
        let name = match args.format {
            Format::Mlflow => args.output.join(&file.name).display().to_string(),
            Format::Onnx | Format::Xgboost => file.name.clone(),
        };
        output::say!(
            "  {}  {} bytes  SHA-256 {}",
            clean(&name),
            count(file.size),
            file.sha256
        )?;
    }
    output::say!("\nIn Python:\n")?;
    for line in python(args.format, &args.output) {
        output::say!("  {}", clean(&line))?;
    }
    Ok(())
}

fn write(args: &Args, bundle: &Bundle) -> Result<Vec<WrittenFile>, ExportError> {
    match args.format {
        Format::Onnx => {
            let bytes = export::onnx::encode(bundle)?;
            export::write_file(&args.output, &bytes).map(|file| vec![file])
        }
        Format::Mlflow => export::mlflow::write(&args.output, bundle),
        Format::Xgboost => {
            let bytes = export::xgboost::encode(bundle, &args.output)?;
            export::write_file(&args.output, &bytes).map(|file| vec![file])
        }
    }
}

fn name_of(format: Format) -> &'static str {
    match format {
        Format::Onnx => "one ONNX graph, preprocessing and model",
        Format::Mlflow => "an MLmodel folder",
        Format::Xgboost => "a model file of XGBoost",
    }
}

/// The lines of Python that load what was written.
fn python(format: Format, path: &Path) -> Vec<String> {
    // A Python string literal; Rust's escapes are Python's for all that a path may hold.
    let path = serde_json::Value::from(path.display().to_string()).to_string();
    let lines: &[&str] = match format {
        Format::Onnx => &[
            "import numpy, onnxruntime, pandas",
            "model = onnxruntime.InferenceSession(PATH, providers=[\"CPUExecutionProvider\"])",
            "rows = pandas.read_csv(\"rows.csv\")",
            "types = {\"tensor(double)\": numpy.float64, \"tensor(string)\": object}",
            "feed = {i.name: numpy.array(rows[i.name], types[i.type]) for i in model.get_inputs()}",
            "outputs = [o.name for o in model.get_outputs()]",
            "print(pandas.DataFrame(dict(zip(outputs, model.run(outputs, feed)))))",
        ],
        Format::Mlflow => &[
            "import mlflow, pandas",
            "model = mlflow.pyfunc.load_model(PATH)",
            "rows = pandas.read_csv(\"rows.csv\")  # a part of a table: .reset_index(drop=True)",
            "print(pandas.DataFrame(model.predict(rows)))",
        ],
        Format::Xgboost => &[
            "import json, xgboost",
            "model = xgboost.Booster(model_file=PATH)",
            "features = json.loads(model.attr(\"netsec.features\"))  # columns of its matrix",
        ],
    };
    lines.iter().map(|l| l.replace("PATH", &path)).collect()
}
