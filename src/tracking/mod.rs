//! Tells MLflow or DAGsHub what the run log says.
