//! `netsec export`: write a model in a format that other programs read.

use super::Globals;
use crate::error::CommandError;

/// Arguments of `netsec export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run, or `champion`.
    pub what: String,
    /// The format.
    #[arg(long, value_enum)]
    pub format: Format,
    /// Where to: a file, for `mlflow` a folder.
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
    let _ = (args, globals);
    Err(CommandError::internal("`netsec export` is not built yet"))
}
