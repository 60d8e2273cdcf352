//! Models in formats that other programs read: ONNX, MLflow, XGBoost.
