//! Checks the snapshot and measures drift against the champion's.
