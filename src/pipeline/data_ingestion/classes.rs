//! The class of every row, and the order of the classes of an open mapping.

use std::collections::BTreeSet;

use crate::dataset::{Frame, Labels};
use crate::error::CommandError;
use crate::schema::{ClassMapping, Schema, fill_classes, labels};

/// Names that mean "harmless" in the data sets of this field, lower case.
const HARMLESS: [&str; 10] = [
    "normal",
    "benign",
    "legitimate",
    "harmless",
    "clean",
    "background",
    "none",
    "good",
    "false",
    "no",
];

/// Gives every row its class. An identity mapping gets its classes from the rows; with fewer than
/// two classes there is nothing to learn, which is an error.
pub(super) fn classify(schema: &Schema, frame: &Frame) -> Result<Labels, CommandError> {
    let mut filled = fill_classes(schema, frame)?;
    if let (ClassMapping::Identity { order: given }, ClassMapping::Identity { order }) =
        (&schema.target.mapping, &mut filled.target.mapping)
        && given.is_empty()
    {
        harmless_first(order);
    }
    let labels = labels(&filled, frame)?;
    let present: BTreeSet<u32> = labels.codes.iter().copied().collect();
    if present.len() < 2 {
        let only = present.first().map_or("none".to_owned(), |&c| {
            format!("`{}`", labels.classes[c as usize])
        });
        return Err(CommandError::data(format!(
            "the label column `{}` has one class only ({only} in all {} rows); two are needed to \
             learn a difference",
            schema.target.column,
            labels.rows()
        ))
        .hint("Check `[schema] label` and `target`, or add data of the other class."));
    }
    Ok(labels)
}

/// Numbers by size; texts with the known harmless names in front, the others as they are.
fn harmless_first(order: &mut [String]) {
    let numbers: Option<Vec<f64>> = order.iter().map(|name| name.parse().ok()).collect();
    if numbers.is_some() {
        let number = |name: &String| name.parse::<f64>().unwrap_or(f64::NAN);
        order.sort_by(|a, b| number(a).total_cmp(&number(b)));
    } else {
        order.sort_by_key(|name| {
            HARMLESS
                .iter()
                .position(|h| h.eq_ignore_ascii_case(name))
                .unwrap_or(HARMLESS.len())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::preset;

    fn identity(list: &[&str]) -> Result<Labels, CommandError> {
        let mut schema = preset("nsl-kdd").unwrap();
        schema.target.mapping = ClassMapping::Identity { order: Vec::new() };
        let labels: Vec<Option<&str>> = list.iter().map(|l| Some(*l)).collect();
        let frame = Frame::from_columns(vec![Frame::text_column("label", &labels)]).unwrap();
        classify(&schema, &frame)
    }

    #[test]
    fn the_harmless_class_comes_first() {
        let names = |list: &[&str]| identity(list).unwrap().classes;
        assert_eq!(
            names(&["dos", "dos", "Normal", "probe"]),
            ["Normal", "dos", "probe"]
        );
        assert_eq!(names(&["1", "1", "0", "10", "2"]), ["0", "1", "2", "10"]);
        assert_eq!(names(&["bad", "fine", "fine"]), ["fine", "bad"]);
        assert_eq!(names(&["true", "true", "false"]), ["false", "true"]);
        assert_eq!(identity(&["DDoS", "BENIGN"]).unwrap().codes, [1, 0]);
    }

    #[test]
    fn one_class_is_an_error() {
        let e = identity(&["dos", "DoS"]).unwrap_err();
        assert_eq!(e.kind, crate::error::ErrorKind::Data);
        assert!(
            e.message.contains("one class only (`DoS` in all 2 rows)"),
            "{e}"
        );
    }
}
