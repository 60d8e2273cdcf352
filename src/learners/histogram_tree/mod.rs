//! Exact and histogram CART trees: decision tree, random forest, AdaBoost.
