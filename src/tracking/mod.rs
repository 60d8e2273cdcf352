//! Tells MLflow or DAGsHub what the run log says.

pub mod mlflow;
