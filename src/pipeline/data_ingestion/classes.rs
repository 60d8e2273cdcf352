//! From label texts to class codes.

use std::collections::BTreeMap;

use crate::error::CommandError;
use crate::schema::{ClassMapping, Target};

/// Names that mean "harmless" in the data sets of this field, lower case.
const HARMLESS: [&str; 8] = [
    "normal",
    "benign",
    "legitimate",
    "harmless",
    "clean",
    "background",
    "none",
    "good",
];

/// The classes of a table and the class of every row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Classes {
    /// Class names in order, harmless first.
    pub names: Vec<String>,
    /// Index into `names`, one a row.
    pub codes: Vec<u32>,
}

/// Gives every label its class. An identity mapping gets its missing classes from the labels.
pub(super) fn classify(
    target: &Target,
    labels: &[Option<String>],
) -> Result<Classes, CommandError> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for label in labels.iter().flatten() {
        *counts.entry(label).or_default() += 1;
    }
    let mut target = target.clone();
    if let ClassMapping::Identity { order } = &mut target.mapping {
        *order = identity_order(order, &counts);
    }
    let names = target.classes();
    let mut unknown = Vec::new();
    let mut code_of: BTreeMap<&str, u32> = BTreeMap::new();
    for (&label, &count) in &counts {
        match target.class_of(label) {
            Some(code) if (code as usize) < names.len() => {
                code_of.insert(label, code);
            }
            _ => unknown.push(format!("`{label}` ({count} rows)")),
        }
    }
    if !unknown.is_empty() {
        let shown = unknown.len().min(8);
        let more = match unknown.len() - shown {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        return Err(CommandError::data(format!(
            "the label column `{}` holds values that the target `{}` has no class for: {}{more}",
            target.column,
            target.name,
            unknown[..shown].join(", "),
        ))
        .hint("Add them to the schema's class mapping, or choose another target."));
    }
    let codes = labels
        .iter()
        .map(|label| label.as_deref().and_then(|l| code_of.get(l).copied()))
        .collect::<Option<Vec<u32>>>()
        // Reading with a required label sets rows without one aside.
        .ok_or_else(|| CommandError::internal("a kept row has no label"))?;
    let present = codes.iter().collect::<std::collections::BTreeSet<_>>();
    if present.len() < 2 {
        let only = present
            .first()
            .map_or("none".to_owned(), |&&c| format!("`{}`", names[c as usize]));
        return Err(CommandError::data(format!(
            "the label column `{}` has one class only ({only} in all {} rows); two are needed to \
             learn a difference",
            target.column,
            codes.len()
        ))
        .hint("Check `[schema] label` and `target`, or add data of the other class."));
    }
    Ok(Classes { names, codes })
}

/// The given order, then the classes it lacks: harmless names first, then numbers by size, then
/// texts by letter. Two classes of unknown meaning: the more frequent one is taken as harmless.
fn identity_order(given: &[String], counts: &BTreeMap<&str, u64>) -> Vec<String> {
    // Spellings that differ in case only are one class, under the most frequent spelling.
    let mut found: BTreeMap<String, (u64, u64, &str)> = BTreeMap::new();
    for (&label, &count) in counts {
        let entry = found
            .entry(label.to_ascii_lowercase())
            .or_insert((0, 0, label));
        entry.0 += count;
        if count > entry.1 {
            (entry.1, entry.2) = (count, label);
        }
    }
    let mut order = given.to_vec();
    let mut new: Vec<(String, u64, &str)> = found
        .into_iter()
        .filter(|(key, _)| !given.iter().any(|g| g.eq_ignore_ascii_case(key)))
        .map(|(key, (count, _, spelling))| (key, count, spelling))
        .collect();
    let harmless = |key: &str| HARMLESS.iter().position(|h| *h == key);
    let nothing_known = order.is_empty()
        && new.len() == 2
        && new
            .iter()
            .all(|(key, ..)| harmless(key).is_none() && key.parse::<f64>().is_err())
        && !new.iter().any(|(key, ..)| key == "true" || key == "yes");
    if nothing_known {
        new.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    } else {
        new.sort_by(|a, b| {
            let rank = |key: &str| harmless(key).unwrap_or(HARMLESS.len());
            let number = |key: &str| key.parse::<f64>().unwrap_or(f64::INFINITY);
            rank(&a.0)
                .cmp(&rank(&b.0))
                .then_with(|| number(&a.0).total_cmp(&number(&b.0)))
                .then_with(|| a.0.cmp(&b.0))
        });
    }
    order.extend(new.into_iter().map(|(_, _, spelling)| spelling.to_owned()));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(mapping: ClassMapping) -> Target {
        Target {
            name: "t".to_owned(),
            column: "label".to_owned(),
            mapping,
        }
    }

    fn labels(list: &[&str]) -> Vec<Option<String>> {
        list.iter().map(|l| Some((*l).to_owned())).collect()
    }

    fn identity(list: &[&str]) -> Classes {
        let target = target(ClassMapping::Identity { order: Vec::new() });
        classify(&target, &labels(list)).unwrap()
    }

    #[test]
    fn the_harmless_class_comes_first() {
        assert_eq!(
            identity(&["dos", "Normal", "probe"]).names,
            ["Normal", "dos", "probe"]
        );
        assert_eq!(
            identity(&["1", "0", "10", "2"]).names,
            ["0", "1", "2", "10"]
        );
        assert_eq!(identity(&["bad", "fine", "fine"]).names, ["fine", "bad"]);
        assert_eq!(
            identity(&["true", "true", "false"]).names,
            ["false", "true"]
        );
        assert_eq!(identity(&["DDoS", "BENIGN"]).codes, [1, 0]);
    }

    #[test]
    fn case_does_not_make_a_class() {
        let c = identity(&["dos", "DoS", "DoS", "normal"]);
        assert_eq!(c.names, ["normal", "DoS"]);
        assert_eq!(c.codes, [1, 1, 1, 0]);
    }

    #[test]
    fn a_given_order_stays() {
        let target = target(ClassMapping::Identity {
            order: vec!["z".to_owned(), "a".to_owned()],
        });
        let c = classify(&target, &labels(&["a", "z", "m"])).unwrap();
        assert_eq!(c.names, ["z", "a", "m"]);
    }

    #[test]
    fn unknown_values_and_one_class_are_named() {
        let binary = target(ClassMapping::Binary {
            negative: vec!["1".to_owned()],
            positive: vec!["-1".to_owned()],
            names: ["legitimate".to_owned(), "phishing".to_owned()],
        });
        let e = classify(&binary, &labels(&["1", "-1", "0", "0"])).unwrap_err();
        assert!(e.message.contains("`0` (2 rows)"), "{e}");
        let e = classify(&binary, &labels(&["1", "1"])).unwrap_err();
        assert!(e.message.contains("one class only (`legitimate`"), "{e}");
        assert_eq!(e.kind, crate::error::ErrorKind::Data);
        assert_eq!(
            classify(&binary, &labels(&["-1", "1"])).unwrap().codes,
            [1, 0]
        );
    }
}
