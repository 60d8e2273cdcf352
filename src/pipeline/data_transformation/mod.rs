//! Fits the preprocessor on the train split only: impute, encode, scale.
