//! How well one column predicts the label by itself.
//!
//! A column made from the label (a difficulty, a verdict of another detector, a file name) gives
//! itself away by predicting it almost perfectly. The rule is learned on every other row and
//! measured on the rest, so that a column of unique values scores no better than guessing.

use std::collections::HashMap;

use super::tally::NO_CLASS;
use crate::dataset::{Frame, FrameError};

/// Share of correct predictions from which a column is suspect.
pub(super) const LIMIT: f64 = 0.999;
/// Rows below which nothing is said.
const MIN_ROWS: usize = 100;
/// Bins of a numeric column with many values.
const BINS: usize = 256;

/// Share of the measured rows that the column's own rule gets right; `None` when there are too few
/// rows or when guessing the most frequent class is as good.
pub(super) fn alone(
    frame: &Frame,
    column: &str,
    codes: &[u32],
    classes: usize,
) -> Result<Option<f64>, FrameError> {
    if codes.len() < MIN_ROWS || classes < 2 {
        return Ok(None);
    }
    let groups = groups(frame, column)?;
    let rows = || {
        groups
            .iter()
            .zip(codes)
            .enumerate()
            .filter(|(_, (_, c))| **c != NO_CLASS)
    };
    let mut all = vec![0u64; classes];
    let mut by_group: HashMap<u64, Vec<u64>> = HashMap::new();
    for (_, (&group, &code)) in rows().filter(|(i, _)| i % 2 == 0) {
        all[code as usize] += 1;
        by_group.entry(group).or_insert_with(|| vec![0; classes])[code as usize] += 1;
    }
    let usual = most(&all);
    let rule: HashMap<u64, u32> = by_group.iter().map(|(g, n)| (*g, most(n))).collect();
    let (mut right, mut guessed, mut measured) = (0u64, 0u64, 0u64);
    for (_, (group, &code)) in rows().filter(|(i, _)| i % 2 == 1) {
        measured += 1;
        right += u64::from(rule.get(group).copied().unwrap_or(usual) == code);
        guessed += u64::from(usual == code);
    }
    if measured == 0 || right <= guessed {
        return Ok(None);
    }
    // Against a class of 99.95 % every column is right; what counts is how much of the rest it
    // explains.
    let wrong = (measured - right) as f64;
    let wrong_by_guess = (measured - guessed) as f64;
    if wrong > 0.1 * wrong_by_guess {
        return Ok(None);
    }
    Ok(Some(right as f64 / measured as f64))
}

/// The most frequent class, the first of equal ones.
fn most(counts: &[u64]) -> u32 {
    let mut best = 0;
    for (class, &count) in counts.iter().enumerate() {
        if count > counts[best] {
            best = class;
        }
    }
    best as u32
}

/// A group number for every row: the value itself, or its bin where numbers have many values.
fn groups(frame: &Frame, column: &str) -> Result<Vec<u64>, FrameError> {
    if !frame.is_numeric(column)? {
        let mut ids: HashMap<Option<String>, u64> = HashMap::new();
        return Ok(frame
            .texts(column)?
            .into_iter()
            .map(|text| {
                let next = ids.len() as u64;
                *ids.entry(text).or_insert(next)
            })
            .collect());
    }
    let values = frame.numbers(column)?;
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut edges = sorted.clone();
    edges.dedup();
    if edges.len() > BINS {
        // Equal-frequency bins over all rows; only the classes are held back, not the values.
        edges = (1..BINS).map(|i| sorted[i * sorted.len() / BINS]).collect();
        edges.dedup();
    }
    Ok(values
        .iter()
        .map(|v| {
            if v.is_nan() {
                u64::MAX
            } else {
                edges.partition_point(|e| e <= v) as u64
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(values: Vec<f64>, codes: &[u32]) -> Option<f64> {
        let frame = Frame::from_columns(vec![Frame::number_column(
            "x",
            values.into_iter().map(Some).collect(),
        )])
        .unwrap();
        alone(&frame, "x", codes, 2).unwrap()
    }

    #[test]
    fn a_copy_of_the_label_is_found_and_a_row_number_is_not() {
        let codes: Vec<u32> = (0..2000u32).map(|i| u32::from(i % 7 < 3)).collect();
        let copy = codes.iter().map(|&c| f64::from(c) * 5.0 - 1.0).collect();
        assert_eq!(score(copy, &codes), Some(1.0));
        let ids = (0..2000).map(f64::from).collect();
        assert_eq!(score(ids, &codes), None);
        let noise = (0..2000).map(|i| f64::from(i * 7919 % 13)).collect();
        assert_eq!(score(noise, &codes), None);
    }

    #[test]
    fn a_threshold_in_a_wide_column_is_found() {
        let values: Vec<f64> = (0..4000).map(|i| f64::from(i * 7919 % 4001)).collect();
        let codes: Vec<u32> = values.iter().map(|&v| u32::from(v > 2000.0)).collect();
        assert!(score(values, &codes).is_some_and(|s| s > 0.99));
    }
}
