//! The tally of the label: rows by class, missing and unknown values.

use super::Failing;
use crate::dataset::{Frame, FrameError};
use crate::schema::Target;

/// Code of a row whose label is missing or unknown.
pub(in super::super) const NO_CLASS: u32 = u32::MAX;

/// Rows by class.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct LabelTally {
    /// Class, rows and the first row, in class order.
    pub(in super::super) classes: Vec<(String, u64, Option<u64>)>,
    /// Rows without a label.
    pub(in super::super) missing: Failing,
    /// Rows whose label the target does not know.
    pub(in super::super) unknown: Failing,
}

impl LabelTally {
    /// The tally and the class code of every row.
    pub(in super::super) fn of(
        frame: &Frame,
        target: &Target,
        rows: &[u64],
    ) -> Result<(Self, Vec<u32>), FrameError> {
        let mut tally = Self {
            classes: target
                .classes()
                .into_iter()
                .map(|name| (name, 0, None))
                .collect(),
            ..Self::default()
        };
        let mut codes = Vec::with_capacity(rows.len());
        let mut known = std::collections::HashMap::new();
        for (value, &row) in frame.texts(&target.column)?.into_iter().zip(rows) {
            let Some(value) = value else {
                tally.missing.add(row, || None);
                codes.push(NO_CLASS);
                continue;
            };
            let code = match known.get(&value) {
                Some(&code) => code,
                None => {
                    let code = target.class_of(&value);
                    known.insert(value.clone(), code);
                    code
                }
            };
            match code {
                Some(code) => {
                    let class = &mut tally.classes[code as usize];
                    class.1 += 1;
                    class.2.get_or_insert(row);
                    codes.push(code);
                }
                None => {
                    tally.unknown.add(row, || Some(value));
                    codes.push(NO_CLASS);
                }
            }
        }
        Ok((tally, codes))
    }

    /// Adds the tally of a later part of the same target.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the stage checks one part today")
    )]
    pub(in super::super) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.classes.iter_mut().zip(&other.classes) {
            ours.1 += theirs.1;
            ours.2 = ours.2.or(theirs.2);
        }
        self.missing.merge(&other.missing);
        self.unknown.merge(&other.unknown);
    }

    /// Classes that have rows.
    pub(in super::super) fn present(&self) -> u64 {
        self.classes.iter().filter(|c| c.1 > 0).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::preset;

    #[test]
    fn classes_missing_and_unknown_merge() {
        let target = preset("phishing").unwrap().target;
        let part = |values: Vec<Option<f64>>, first: u64| {
            let rows: Vec<u64> = (first..first + values.len() as u64).collect();
            let frame = Frame::from_columns(vec![Frame::number_column("Result", values)]).unwrap();
            LabelTally::of(&frame, &target, &rows).unwrap()
        };
        let (mut a, codes) = part(vec![Some(1.0), None, Some(-1.0), Some(3.0)], 0);
        assert_eq!(codes, [0, NO_CLASS, 1, NO_CLASS]);
        let (b, _) = part(vec![Some(1.0)], 4);
        a.merge(&b);
        assert_eq!(a.classes[0], ("1".to_owned(), 2, Some(0)));
        assert_eq!((a.present(), a.missing.rows, a.unknown.rows), (2, 1, 1));
        assert_eq!(a.unknown.examples[0].value.as_deref(), Some("3"));
    }
}
