//! Baselines by choice: `linfa-trees` and `linfa-logistic`.
