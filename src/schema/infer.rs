//! A schema proposed from the rows themselves, with a sentence for every guess.
//!
//! Kinds come from the cells, the label from its name, and what would give the label away or
//! cannot generalise (ids, addresses, times) is left out of the features. Every such decision is
//! said in the notes, because a guess nobody sees cannot be corrected.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::labels::clean;
use super::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};
use crate::dataset::{RawTable, number_text};

/// Texts that mean "missing" when they are found in a table.
const NULL_TEXTS: [&str; 9] = [
    "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "?",
];
/// Names of label columns, the surest first (letters and digits only, lower case).
const LABEL_NAMES: [&str; 16] = [
    "label",
    "class",
    "target",
    "attack",
    "result",
    "outcome",
    "classlabel",
    "labels",
    "attackcat",
    "attacktype",
    "isattack",
    "malicious",
    "ismalicious",
    "threat",
    "verdict",
    "y",
];
/// Values that sound harmless, lower case.
const BENIGN: [&str; 14] = [
    "normal",
    "benign",
    "legitimate",
    "legit",
    "clean",
    "0",
    "false",
    "no",
    "none",
    "ok",
    "safe",
    "good",
    "background",
    "ham",
];
/// Most different texts a category may have.
const MAX_CATEGORIES: usize = 256;
/// Rows from which "every value is different" means something.
const MIN_ROWS_FOR_IDS: usize = 20;
/// A column is still one of numbers when at most one value in so many is none.
const STRAYS_ONE_IN: usize = 100;

/// A proposed schema and the guesses behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// The proposal.
    pub schema: Schema,
    /// One sentence for every guess a person may want to correct.
    pub notes: Vec<String>,
}

/// Proposes a schema for a table; `name` becomes its name, `label` is the label column if the
/// caller knows it.
///
/// The classes are those of the rows given: pass the whole file where the label is sorted.
pub fn infer(table: &RawTable, name: &str, label: Option<&str>) -> Inferred {
    let mut notes = Vec::new();
    let null_texts = null_texts(table);
    if !null_texts.is_empty() {
        notes.push(format!(
            "Read as missing: {}.",
            null_texts
                .iter()
                .map(|t| format!("`{t}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    let label = find_label(table, label, &mut notes);
    let mut columns = Vec::with_capacity(table.names.len());
    for (index, (header, cells)) in table.names.iter().zip(&table.columns).enumerate() {
        let facts = Facts::of(cells, &null_texts);
        let mut column = ColumnSpec::feature(header.trim(), facts.kind);
        if Some(index) == label {
            column.role = Role::Label;
            if column.kind == ColumnKind::Text {
                column.kind = ColumnKind::Category;
            }
        } else if let Some(reason) = not_a_feature(header, &facts) {
            column.role = Role::Ignored;
            notes.push(format!(
                "`{}` is left out of the features: {reason}.",
                header.trim()
            ));
        } else if let Some((strays, example)) = &facts.strays {
            notes.push(format!(
                "`{}` is read as numbers; rows in which it holds anything else, such as `{}`, \
                 cannot be used ({strays} of {}).",
                header.trim(),
                crate::text::clean_to(example, 40),
                facts.values
            ));
        }
        columns.push(column);
    }
    let target = match label {
        Some(index) => {
            let kind = columns[index].kind;
            let values = label_values(&table.columns[index], kind, &null_texts);
            target_of(&columns[index].name, &values, &mut notes)
        }
        None => Target {
            name: String::new(),
            column: String::new(),
            mapping: ClassMapping::Identity { order: Vec::new() },
        },
    };
    Inferred {
        schema: Schema {
            name: name.to_owned(),
            columns,
            target,
            headerless: false,
            null_texts,
            oddities: Vec::new(),
        },
        notes,
    }
}

/// Counts the values of a label column, written as the frame will give them.
pub(super) fn label_values(
    cells: &[Option<String>],
    kind: ColumnKind,
    null_texts: &[String],
) -> BTreeMap<String, u64> {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for cell in present(cells, null_texts) {
        *counts.entry(cell).or_default() += 1;
    }
    let mut values = BTreeMap::new();
    for (cell, count) in counts {
        let value = match cell.parse::<f64>() {
            Ok(number) if kind.is_numeric() => number_text(number),
            _ => clean(cell).to_owned(),
        };
        *values.entry(value).or_insert(0) += count;
    }
    values
}

/// The target over a label column with these values.
pub(super) fn target_of(
    column: &str,
    values: &BTreeMap<String, u64>,
    notes: &mut Vec<String>,
) -> Target {
    let mut by_count: Vec<(&String, u64)> = values.iter().map(|(v, &n)| (v, n)).collect();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let names: Vec<String> = by_count.iter().map(|(v, _)| (*v).clone()).collect();
    let mapping = match names.as_slice() {
        [] => ClassMapping::Identity { order: Vec::new() },
        [only] => {
            notes.push(format!(
                "`{column}` holds one value only, `{only}`: nothing can be learned from it."
            ));
            let harmless = !threatening(only);
            let value = vec![only.clone()];
            let other = "other".to_owned();
            let (negative, positive, names) = if harmless {
                (value, Vec::new(), [only.clone(), other])
            } else {
                (Vec::new(), value, [other, only.clone()])
            };
            ClassMapping::Binary {
                negative,
                positive,
                names,
            }
        }
        [frequent, rare] => {
            let (positive, negative, why) = positive_of(frequent, rare);
            notes.push(format!(
                "The threat (positive) class of `{column}` is `{positive}`, {why}; the other is \
                 `{negative}`."
            ));
            ClassMapping::Binary {
                negative: vec![negative.clone()],
                positive: vec![positive.clone()],
                names: [negative.clone(), positive.clone()],
            }
        }
        _ => {
            let first = names.iter().position(|n| benign(n)).unwrap_or_default();
            let why = if benign(&names[first]) {
                "by its name"
            } else {
                "the most frequent"
            };
            let mut order = names.clone();
            let harmless = order.remove(first);
            order.insert(0, harmless.clone());
            notes.push(format!(
                "`{column}` has {} classes; `{harmless}` counts as the harmless one, {why}.",
                order.len()
            ));
            ClassMapping::Identity { order }
        }
    };
    Target {
        name: column.to_owned(),
        column: column.to_owned(),
        mapping,
    }
}

/// Which of two values is the threat: positive, negative, why.
fn positive_of<'a>(
    frequent: &'a String,
    rare: &'a String,
) -> (&'a String, &'a String, &'static str) {
    for (a, b) in [(frequent, rare), (rare, frequent)] {
        let text = a.to_lowercase();
        if matches!(text.as_str(), "1" | "true" | "yes") {
            return (a, b, "the value that says yes");
        }
    }
    // The name is better evidence than the count: in many collections attacks are the majority.
    for (a, b) in [(frequent, rare), (rare, frequent)] {
        if benign(b) && !benign(a) {
            return (a, b, "because the other sounds harmless");
        }
    }
    (rare, frequent, "the rarer of the two")
}

fn benign(value: &str) -> bool {
    BENIGN.iter().any(|b| value.eq_ignore_ascii_case(b))
}

fn threatening(value: &str) -> bool {
    let value = value.to_lowercase();
    matches!(value.as_str(), "1" | "true" | "yes")
        || [
            "attack",
            "malicious",
            "threat",
            "phishing",
            "anomaly",
            "malware",
        ]
        .iter()
        .any(|word| value.contains(word))
}

fn null_texts(table: &RawTable) -> Vec<String> {
    let mut found = BTreeSet::new();
    for cells in &table.columns {
        for cell in cells.iter().flatten() {
            let cell = cell.trim();
            if cell.len() <= 4 && NULL_TEXTS.contains(&cell) {
                found.insert(cell.to_owned());
            }
        }
    }
    found.into_iter().collect()
}

fn present<'a>(
    cells: &'a [Option<String>],
    null_texts: &'a [String],
) -> impl Iterator<Item = &'a str> {
    cells
        .iter()
        .flatten()
        .map(|c| c.trim())
        .filter(|c| !c.is_empty() && !null_texts.iter().any(|n| n == c))
}

fn find_label(table: &RawTable, given: Option<&str>, notes: &mut Vec<String>) -> Option<usize> {
    if let Some(given) = given {
        let wanted = given.trim();
        let exact = table.names.iter().position(|n| n.trim() == wanted);
        let folded = || {
            table
                .names
                .iter()
                .position(|n| n.trim().eq_ignore_ascii_case(wanted))
        };
        if let Some(index) = exact.or_else(folded) {
            return Some(index);
        }
        notes.push(format!(
            "There is no column `{wanted}`; the label was guessed."
        ));
    }
    if let Some(index) = label_by_name(&table.names) {
        notes.push(format!(
            "The label is `{}`, by its name.",
            table.names[index].trim()
        ));
        return Some(index);
    }
    let last = table.names.len().checked_sub(1)?;
    notes.push(format!(
        "The label is `{}`, the last column, because no name says label.",
        table.names[last].trim()
    ));
    Some(last)
}

/// The column whose name says label.
pub fn label_by_name<S: AsRef<str>>(names: &[S]) -> Option<usize> {
    let plain: Vec<String> = names.iter().map(|n| letters(n.as_ref())).collect();
    LABEL_NAMES
        .iter()
        .find_map(|name| plain.iter().position(|p| p == name))
}

/// Letters and digits of a name, lower case.
fn letters(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// What the cells of a column are.
struct Facts {
    kind: ColumnKind,
    values: usize,
    distinct: usize,
    addresses: bool,
    times: bool,
    counter: bool,
    /// Values of a number column that are none: how many, and the first.
    strays: Option<(usize, String)>,
}

impl Facts {
    fn of(cells: &[Option<String>], null_texts: &[String]) -> Self {
        let mut numbers = Vec::new();
        let (mut others, mut example) = (0, None);
        let mut whole = true;
        let mut distinct: BTreeSet<&str> = BTreeSet::new();
        let mut values = 0;
        let (mut addresses, mut times) = (true, true);
        for cell in present(cells, null_texts) {
            values += 1;
            if distinct.len() <= MAX_CATEGORIES {
                distinct.insert(cell);
            }
            addresses = addresses && is_address(cell);
            times = times && is_time(cell);
            match cell.parse::<f64>() {
                Ok(number) => {
                    whole = whole && !cell.contains(['.', 'e', 'E']) && number.is_finite();
                    numbers.push(number);
                }
                Err(_) => {
                    others += 1;
                    example = example.or(Some(cell));
                }
            }
        }
        let number_kind = if whole {
            ColumnKind::Integer
        } else {
            ColumnKind::Real
        };
        let mut strays = None;
        let kind = if values == 0 {
            // A column without any value: nothing speaks against a number.
            ColumnKind::Real
        } else if others == 0 {
            number_kind
        } else if distinct.len() <= MAX_CATEGORIES
            && (distinct.len() <= 20 || distinct.len() * 2 <= values)
        {
            ColumnKind::Category
        } else if others * STRAYS_ONE_IN <= values {
            // As text it would be no feature at all: rather lose a few rows than the column.
            strays = example.map(|text| (others, text.to_owned()));
            number_kind
        } else {
            ColumnKind::Text
        };
        let counter = kind == ColumnKind::Integer && is_counter(&numbers);
        Facts {
            kind,
            values,
            distinct: distinct.len(),
            addresses: addresses && values > 0,
            times: times && values > 0,
            counter,
            strays,
        }
    }
}

/// Whether whole numbers look like a row counter: all different and nearly without gaps.
fn is_counter(numbers: &[f64]) -> bool {
    if numbers.len() < MIN_ROWS_FOR_IDS {
        return false;
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let span = sorted[sorted.len() - 1] - sorted[0];
    sorted.windows(2).all(|w| w[0] < w[1]) && span < 2.0 * sorted.len() as f64
}

fn is_address(cell: &str) -> bool {
    if cell.parse::<IpAddr>().is_ok() {
        return true;
    }
    // MAC addresses: six pairs of hexadecimal digits.
    let parts: Vec<&str> = cell.split([':', '-']).collect();
    parts.len() == 6
        && parts
            .iter()
            .all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a cell looks like a date or a time of day (`2017-07-03`, `3/7/2017 8:55`, `08:55:58`).
fn is_time(cell: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_digit() || b"-/:.,TZ+ APMapm".contains(&b);
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let separators = |list: &[u8]| cell.bytes().filter(|b| list.contains(b)).count();
    cell.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && cell.bytes().all(allowed)
        && digits >= 4
        && (separators(b"-") >= 2 || separators(b"/") == 2 || separators(b":") >= 1)
}

/// Why a column is no feature, or `None` if it is one.
fn not_a_feature(header: &str, facts: &Facts) -> Option<String> {
    if facts.values == 0 {
        return Some("it is empty in every row".to_owned());
    }
    if facts.addresses {
        return Some("it holds addresses".to_owned());
    }
    if facts.times && !facts.kind.is_numeric() {
        return Some("it holds dates or times".to_owned());
    }
    let name = letters(header);
    let last_word = header
        .trim()
        .rsplit(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let many = facts.distinct > 20;
    if name.is_empty() || matches!(name.as_str(), "id" | "index" | "unnamed0" | "rowid" | "uid") {
        return Some("its name says row number or id".to_owned());
    }
    if matches!(last_word.as_str(), "id" | "uuid" | "guid" | "uid") || name == "flowid" {
        return Some("its name says id".to_owned());
    }
    // A name alone is not enough here: `having_IP_Address` is a judgement with two values.
    let address_names = [
        "srcip",
        "dstip",
        "sourceip",
        "destinationip",
        "ipaddress",
        "saddr",
        "daddr",
    ];
    if many && address_names.contains(&name.as_str()) {
        return Some("its name says address".to_owned());
    }
    let time_names = [
        "timestamp",
        "datetime",
        "date",
        "starttime",
        "endtime",
        "stime",
        "ltime",
        "ts",
    ];
    if many && time_names.contains(&name.as_str()) {
        return Some("its name says time".to_owned());
    }
    if facts.counter {
        return Some("its values are all different and count the rows".to_owned());
    }
    if facts.kind == ColumnKind::Text {
        return Some(format!(
            "it is text with more than {} different values in {} rows",
            facts.distinct.saturating_sub(1),
            facts.values
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, Vec<String>)]) -> RawTable {
        RawTable {
            names: columns.iter().map(|(n, _)| (*n).to_owned()).collect(),
            columns: columns
                .iter()
                .map(|(_, cells)| {
                    cells
                        .iter()
                        .map(|c| (!c.is_empty()).then(|| c.clone()))
                        .collect()
                })
                .collect(),
        }
    }

    fn cells(n: usize, f: impl Fn(usize) -> String) -> Vec<String> {
        (0..n).map(f).collect()
    }

    fn flows() -> RawTable {
        table(&[
            (" id", cells(60, |i| i.to_string())),
            ("Flow ID", cells(60, |i| format!("f{}", i % 7))),
            ("Src IP", cells(60, |i| format!("10.0.0.{i}"))),
            (
                "Timestamp",
                cells(60, |i| format!("2017-07-03 08:{i:02}:00")),
            ),
            ("proto", cells(60, |i| ["tcp", "udp"][i % 2].to_owned())),
            ("bytes", cells(60, |i| (i * i * 37).to_string())),
            (
                "rate",
                cells(60, |i| {
                    if i == 3 {
                        "NaN".into()
                    } else {
                        format!("{i}.5")
                    }
                }),
            ),
            ("empty", cells(60, |_| String::new())),
            ("comment", cells(60, |i| format!("free text {i}"))),
            (
                "having_IP_Address",
                cells(60, |i| ["-1", "1"][i % 2].to_owned()),
            ),
            (
                "Label",
                cells(60, |i| {
                    if i % 3 == 0 {
                        "BENIGN".into()
                    } else {
                        "ddos".into()
                    }
                }),
            ),
        ])
    }

    #[test]
    fn kinds_roles_and_notes() {
        let Inferred { schema, notes } = infer(&flows(), "flows.csv", None);
        let features: Vec<&str> = schema.features().map(|c| c.name.as_str()).collect();
        assert_eq!(features, ["proto", "bytes", "rate", "having_IP_Address"]);
        assert_eq!(schema.column("proto").unwrap().kind, ColumnKind::Category);
        assert_eq!(schema.column("bytes").unwrap().kind, ColumnKind::Integer);
        assert_eq!(schema.column("rate").unwrap().kind, ColumnKind::Real);
        assert_eq!(schema.null_texts, ["NaN"]);
        assert_eq!(schema.target.column, "Label");
        for left_out in ["id", "Flow ID", "Src IP", "Timestamp", "empty", "comment"] {
            assert!(
                notes
                    .iter()
                    .any(|n| n.starts_with(&format!("`{left_out}` is left out"))),
                "{left_out}: {notes:?}"
            );
        }
    }

    #[test]
    fn the_harmless_name_beats_the_count() {
        let schema = infer(&flows(), "f", None).schema;
        assert_eq!(schema.target.classes(), ["BENIGN", "ddos"]);
        assert_eq!(schema.target.class_of("ddos"), Some(1));
    }

    #[test]
    fn one_and_true_are_positive_else_the_rarer() {
        let of = |values: &[(&str, u64)]| {
            let values = values.iter().map(|(v, n)| ((*v).to_owned(), *n)).collect();
            target_of("y", &values, &mut Vec::new()).classes()
        };
        assert_eq!(of(&[("0", 1), ("1", 9)]), ["0", "1"]);
        assert_eq!(of(&[("-1", 1), ("1", 9)]), ["-1", "1"]);
        assert_eq!(of(&[("False", 1), ("True", 9)]), ["False", "True"]);
        assert_eq!(of(&[("a", 9), ("b", 1)]), ["a", "b"]);
        assert_eq!(of(&[("a", 1), ("b", 9)]), ["b", "a"]);
        assert_eq!(
            of(&[("x", 5), ("normal", 1), ("z", 9)]),
            ["normal", "z", "x"]
        );
        assert_eq!(of(&[("x", 5), ("y", 1), ("z", 9)]), ["z", "x", "y"]);
        assert_eq!(of(&[("attack", 5)]), ["other", "attack"]);
    }

    #[test]
    fn the_label_is_given_named_or_last() {
        let t = table(&[
            ("class", cells(4, |i| (i % 2).to_string())),
            ("b", cells(4, |i| i.to_string())),
        ]);
        assert_eq!(infer(&t, "t", None).schema.target.column, "class");
        assert_eq!(infer(&t, "t", Some("B")).schema.target.column, "b");
        let t = table(&[
            ("a", cells(4, |_| "1".into())),
            ("b", cells(4, |_| "1".into())),
        ]);
        let inferred = infer(&t, "t", None);
        assert_eq!(inferred.schema.target.column, "b");
        assert!(inferred.notes.iter().any(|n| n.contains("last column")));
    }

    #[test]
    fn numeric_labels_are_written_as_the_frame_writes_them() {
        let t = table(&[
            ("x", cells(4, |i| i.to_string())),
            ("label", cells(4, |i| ["1.0", "0.0"][i % 2].to_owned())),
        ]);
        let schema = infer(&t, "t", None).schema;
        assert_eq!(schema.target.classes(), ["0", "1"]);
    }

    #[test]
    fn an_empty_table_does_not_fail() {
        let inferred = infer(&RawTable::default(), "t", None);
        assert!(inferred.schema.columns.is_empty());
    }

    #[test]
    fn a_few_values_that_are_no_numbers_do_not_cost_the_column() {
        let with = |strays: usize| {
            let values = cells(600, |i| {
                if i < strays {
                    "oops".into()
                } else {
                    format!("{i}.5")
                }
            });
            let label = cells(600, |i| (i % 2).to_string());
            infer(&table(&[("x", values), ("label", label)]), "t", None)
        };
        let few = with(6);
        assert_eq!(few.schema.columns[0].kind, ColumnKind::Real);
        assert_eq!(few.schema.columns[0].role, Role::Feature);
        assert!(
            few.notes
                .iter()
                .any(|n| n.contains("`x` is read as numbers") && n.contains("(6 of 600)")),
            "{:?}",
            few.notes
        );
        let many = with(7);
        assert_eq!(many.schema.columns[0].kind, ColumnKind::Text);
        assert_eq!(many.schema.columns[0].role, Role::Ignored);
    }
}
