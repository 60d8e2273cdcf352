//! Measures on the untouched test split, compares with the champion, decides.
