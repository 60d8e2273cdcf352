//! The tally of one column: missing, infinite, out of range, not allowed, of the wrong kind.

use std::collections::BTreeMap;

use super::Failing;
use crate::dataset::{Frame, FrameError, number_text};
use crate::schema::{ColumnKind, ColumnSpec};

/// Different values that are not allowed, counted by value, before the rest is only counted.
const MAX_UNKNOWN: usize = 1000;

/// Whether a column has one value or several.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) enum Variety {
    /// No value seen.
    #[default]
    Empty,
    /// Only this value.
    One(String),
    /// At least two.
    Several,
}

impl Variety {
    fn see(&mut self, other: &Variety) {
        match (&*self, other) {
            (_, Variety::Empty) => {}
            (Variety::Empty, other) => *self = other.clone(),
            (Variety::One(a), Variety::One(b)) if a == b => {}
            _ => *self = Variety::Several,
        }
    }
}

/// What the checks know of a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct ColumnTally {
    pub(in super::super) rows: u64,
    pub(in super::super) missing: Failing,
    /// Texts in a column of numbers.
    pub(in super::super) not_numbers: Failing,
    /// Fractions in a column of whole numbers.
    pub(in super::super) fractions: Failing,
    pub(in super::super) infinite: Failing,
    pub(in super::super) outside: Failing,
    /// Smallest and largest number, infinities left out.
    pub(in super::super) extremes: Option<(f64, f64)>,
    pub(in super::super) unknown: Failing,
    pub(in super::super) unknown_values: BTreeMap<String, u64>,
    pub(in super::super) variety: Variety,
}

impl ColumnTally {
    /// The tally of a column over a part of a table; `rows` are the rows' numbers in the source.
    pub(in super::super) fn of(
        frame: &Frame,
        spec: &ColumnSpec,
        rows: &[u64],
    ) -> Result<Self, FrameError> {
        let mut tally = Self {
            rows: rows.len() as u64,
            ..Self::default()
        };
        if frame.is_numeric(&spec.name)? {
            tally.see_numbers(&frame.numbers(&spec.name)?, spec, rows);
        } else {
            tally.see_texts(&frame.texts(&spec.name)?, spec, rows);
        }
        Ok(tally)
    }

    fn see_numbers(&mut self, values: &[f64], spec: &ColumnSpec, rows: &[u64]) {
        let mut first: Option<f64> = None;
        let mut several = false;
        for (&value, &row) in values.iter().zip(rows) {
            if value.is_nan() {
                self.missing.add(row, || None);
                continue;
            }
            match first {
                None => first = Some(value),
                Some(v) => several = several || v != value,
            }
            let text = || Some(number_text(value));
            if value.is_infinite() {
                self.infinite.add(row, text);
                continue;
            }
            self.extremes = Some(match self.extremes {
                None => (value, value),
                Some((low, high)) => (low.min(value), high.max(value)),
            });
            if spec.min.is_some_and(|m| value < m) || spec.max.is_some_and(|m| value > m) {
                self.outside.add(row, text);
            }
            if spec.kind == ColumnKind::Integer && value.fract() != 0.0 {
                self.fractions.add(row, text);
            }
            if spec.values.is_some() {
                self.see_allowed(&number_text(value), spec, row);
            }
        }
        self.variety = variety(first.map(number_text), several);
    }

    /// Texts in a column of numbers are read as numbers where they are some, so that a column with
    /// one bad value is still checked for all the rest.
    fn see_texts(&mut self, values: &[Option<String>], spec: &ColumnSpec, rows: &[u64]) {
        if spec.kind.is_numeric() {
            let mut numbers = Vec::with_capacity(values.len());
            let mut kept = Vec::with_capacity(values.len());
            for (value, &row) in values.iter().zip(rows) {
                match value.as_ref().map(|text| (text, text.trim().parse())) {
                    None => self.missing.add(row, || None),
                    Some((_, Ok(number))) => {
                        numbers.push(number);
                        kept.push(row);
                    }
                    Some((text, Err(_))) => self.not_numbers.add(row, || Some(text.clone())),
                }
            }
            return self.see_numbers(&numbers, spec, &kept);
        }
        let mut first: Option<&str> = None;
        let mut several = false;
        for (value, &row) in values.iter().zip(rows) {
            let Some(value) = value else {
                self.missing.add(row, || None);
                continue;
            };
            match first {
                None => first = Some(value),
                Some(v) => several = several || v != value,
            }
            self.see_allowed(value, spec, row);
        }
        self.variety = variety(first.map(str::to_owned), several);
    }

    fn see_allowed(&mut self, value: &str, spec: &ColumnSpec, row: u64) {
        let Some(allowed) = &spec.values else {
            return;
        };
        // Presets and inference sort the list; a file edited by hand may not be sorted.
        if allowed.iter().any(|a| a == value) {
            return;
        }
        self.unknown.add(row, || Some(value.to_owned()));
        self.count_unknown(value, 1);
    }

    fn count_unknown(&mut self, value: &str, rows: u64) {
        if let Some(count) = self.unknown_values.get_mut(value) {
            *count += rows;
        } else if self.unknown_values.len() < MAX_UNKNOWN {
            self.unknown_values.insert(value.to_owned(), rows);
        }
    }

    /// Adds the tally of a later part.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the stage checks one part today")
    )]
    pub(in super::super) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.missing.merge(&other.missing);
        self.not_numbers.merge(&other.not_numbers);
        self.fractions.merge(&other.fractions);
        self.infinite.merge(&other.infinite);
        self.outside.merge(&other.outside);
        self.unknown.merge(&other.unknown);
        for (value, rows) in &other.unknown_values {
            self.count_unknown(value, *rows);
        }
        self.variety.see(&other.variety);
        self.extremes = match (self.extremes, other.extremes) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (a, b) => a.or(b),
        };
    }
}

fn variety(first: Option<String>, several: bool) -> Variety {
    match (first, several) {
        (None, _) => Variety::Empty,
        (Some(_), true) => Variety::Several,
        (Some(value), false) => Variety::One(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ColumnSpec;
    use proptest::prelude::*;

    fn tally(values: &[Option<f64>], first_row: u64) -> ColumnTally {
        let spec = ColumnSpec {
            min: Some(0.0),
            max: Some(5.0),
            values: Some(vec!["1".into(), "2".into()]),
            ..ColumnSpec::feature("x", ColumnKind::Integer)
        };
        let frame = Frame::from_columns(vec![Frame::number_column("x", values.to_vec())]).unwrap();
        let rows: Vec<u64> = (first_row..first_row + values.len() as u64).collect();
        ColumnTally::of(&frame, &spec, &rows).unwrap()
    }

    #[test]
    fn counts_and_examples() {
        let t = tally(
            &[Some(1.0), None, Some(7.0), Some(f64::INFINITY), Some(1.5)],
            10,
        );
        assert_eq!((t.rows, t.missing.rows, t.infinite.rows), (5, 1, 1));
        assert_eq!(
            (t.outside.rows, t.fractions.rows, t.unknown.rows),
            (1, 1, 2)
        );
        assert_eq!(t.outside.examples[0].row, 12);
        assert_eq!(t.unknown_values["7"], 1);
        assert_eq!(t.variety, Variety::Several);
        assert_eq!(t.extremes, Some((1.0, 7.0)));
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            values in prop::collection::vec(prop::option::of(prop_oneof![
                Just(1.0), Just(9.0), Just(0.5), Just(f64::INFINITY)
            ]), 0..40),
            cut in 0..40usize,
        ) {
            let cut = cut.min(values.len());
            let mut parts = tally(&values[..cut], 0);
            parts.merge(&tally(&values[cut..], cut as u64));
            prop_assert_eq!(parts, tally(&values, 0));
        }
    }
}
