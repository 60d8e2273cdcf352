//! Softmax regression by L-BFGS.
