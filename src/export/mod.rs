//! Models in formats that other programs read: ONNX, MLflow, XGBoost.
//!
//! [`Bundle`] is what is exported: a model with its preprocessor, schema and operating point, of a
//! run or of the champion. [`onnx`] writes both as one graph that predicts what `netsec predict`
//! predicts, [`mlflow`] puts an MLmodel folder around it, [`xgboost`] gives XGBoost's own file.
//! The same bundle gives the same bytes. Nothing here prints, trains or talks to a server.

mod bundle;
mod error;
pub mod mlflow;
pub mod onnx;
mod output;
#[cfg(test)]
mod testing;
pub mod xgboost;

pub use bundle::Bundle;
pub use error::ExportError;
pub use output::{WrittenFile, write_file};
