//! From label values to class codes, and the classes of an open mapping.

use std::collections::HashMap;

use super::{ClassMapping, Schema};
use crate::dataset::{Frame, Labels};
use crate::error::CommandError;

/// The column that holds the 0-based row of the source file.
const ROW: &str = "__row";
/// Bad values named in an error.
const SHOWN: usize = 5;

/// The class code of every row of `frame`.
///
/// A missing label, or one the target does not know, is an error naming each such value, how
/// many rows hold it and the first of them in the source file (`__row` where the frame has it).
pub fn labels(schema: &Schema, frame: &Frame) -> Result<Labels, CommandError> {
    let target = &schema.target;
    let values = frame.texts(&target.column)?;
    let mut known: HashMap<&str, Option<u32>> = HashMap::new();
    let mut codes = Vec::with_capacity(values.len());
    // value -> (rows, first position); missing labels stand under None.
    let mut bad: Vec<(Option<&str>, u64, usize)> = Vec::new();
    for (position, value) in values.iter().enumerate() {
        let code = match value.as_deref() {
            Some(text) => *known.entry(text).or_insert_with(|| target.class_of(text)),
            None => None,
        };
        match code {
            Some(code) => codes.push(code),
            None => match bad.iter_mut().find(|(v, _, _)| *v == value.as_deref()) {
                Some((_, rows, _)) => *rows += 1,
                None => bad.push((value.as_deref(), 1, position)),
            },
        }
    }
    if bad.is_empty() {
        return Ok(Labels {
            classes: target.classes(),
            codes,
        });
    }
    Err(refusal(schema, frame, &bad))
}

fn refusal(schema: &Schema, frame: &Frame, bad: &[(Option<&str>, u64, usize)]) -> CommandError {
    let source_rows = frame.numbers(ROW).ok();
    let mut parts: Vec<String> = bad
        .iter()
        .take(SHOWN)
        .map(|(value, rows, first)| {
            let row = source_rows
                .as_ref()
                .map_or(*first as u64, |r| r[*first] as u64);
            let what = match value {
                Some(text) => format!("`{text}`"),
                None => "no value".to_owned(),
            };
            let plural = if *rows == 1 { "row" } else { "rows" };
            format!("{what} in {rows} {plural}, first in row {row}")
        })
        .collect();
    if bad.len() > SHOWN {
        parts.push(format!("and {} more", bad.len() - SHOWN));
    }
    let target = &schema.target;
    let error = CommandError::data(format!(
        "the label column `{}` holds values that the target `{}` does not know: {}",
        target.column,
        target.name,
        parts.join("; ")
    ));
    if bad.iter().any(|(value, _, _)| value.is_none()) {
        error.hint("Rows without a label cannot be trained on; remove them from the file.")
    } else {
        error.hint(
            "`[schema] positive = [..]` names the threat values, every other one is then harmless.",
        )
    }
}

/// The schema with every label value of `frame` among the classes of an open (identity) mapping.
///
/// New values are added at the end, the most frequent first, equal counts by name. Other mappings
/// are closed and stay as they are.
pub fn fill_classes(schema: &Schema, frame: &Frame) -> Result<Schema, CommandError> {
    let mut schema = schema.clone();
    if !matches!(schema.target.mapping, ClassMapping::Identity { .. }) {
        return Ok(schema);
    }
    let mut counts: HashMap<String, u64> = HashMap::new();
    for value in frame.texts(&schema.target.column)?.into_iter().flatten() {
        if schema.target.class_of(&value).is_none() {
            *counts.entry(clean(&value).to_owned()).or_default() += 1;
        }
    }
    let mut new: Vec<(String, u64)> = counts.into_iter().collect();
    new.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (value, _) in new {
        // Two spellings that differ in case are one class; the first one names it.
        if schema.target.class_of(&value).is_none()
            && let ClassMapping::Identity { order } = &mut schema.target.mapping
        {
            order.push(value);
        }
    }
    Ok(schema)
}

/// A label value as a class name: trimmed, without KDD's trailing dot.
pub(super) fn clean(value: &str) -> &str {
    let value = value.trim();
    value.strip_suffix('.').unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{preset, preset_target};

    fn frame(values: &[Option<&str>]) -> Frame {
        let rows = (0..values.len()).map(|i| Some(100.0 + i as f64)).collect();
        Frame::from_columns(vec![
            Frame::text_column("label", values),
            Frame::number_column(ROW, rows),
        ])
        .unwrap()
    }

    #[test]
    fn codes_follow_the_mapping() {
        let schema = preset("nsl-kdd").unwrap();
        let found = labels(
            &schema,
            &frame(&[Some("normal."), Some("smurf"), Some("new")]),
        )
        .unwrap();
        assert_eq!(found.codes, [0, 1, 1]);
        assert_eq!(found.classes, ["normal", "attack"]);
    }

    #[test]
    fn numbers_are_labels_too() {
        let schema = preset("phishing").unwrap();
        let frame = Frame::from_columns(vec![Frame::number_column(
            "Result",
            vec![Some(1.0), Some(-1.0)],
        )])
        .unwrap();
        assert_eq!(labels(&schema, &frame).unwrap().codes, [0, 1]);
    }

    #[test]
    fn unknown_values_are_named_with_count_and_row() {
        let schema = preset_target("nsl-kdd", "attack_class").unwrap();
        let e = labels(
            &schema,
            &frame(&[Some("normal"), Some("zero_day"), None, Some("zero_day")]),
        )
        .unwrap_err();
        assert_eq!(e.kind, crate::error::ErrorKind::Data);
        assert!(
            e.message.contains("`zero_day` in 2 rows, first in row 101"),
            "{e}"
        );
        assert!(e.message.contains("no value in 1 row, first in row 102"));
    }

    #[test]
    fn open_mappings_are_filled_by_frequency() {
        let mut schema = preset("nsl-kdd").unwrap();
        schema.target.mapping = ClassMapping::Identity {
            order: vec!["normal".to_owned()],
        };
        let frame = frame(&[
            Some("b"),
            Some("a."),
            Some("B"),
            Some("normal"),
            Some("a"),
            Some("a"),
        ]);
        let filled = fill_classes(&schema, &frame).unwrap();
        assert_eq!(filled.target.classes(), ["normal", "a", "B"]);
        assert_eq!(labels(&filled, &frame).unwrap().codes, [2, 1, 2, 0, 1, 1]);
    }
}
