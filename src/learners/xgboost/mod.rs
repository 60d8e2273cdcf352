//! The real XGBoost, behind its C interface.
