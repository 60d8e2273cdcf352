//! Column names: is the first line a header, and which name is which column of the schema.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::number;
use crate::dataset::ROW_COLUMN;
use crate::schema::{ColumnSpec, Role, Schema};

/// How the names of a file were matched with the schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderReport {
    /// Names read as a column of another name: found, column.
    pub renamed: Vec<(String, String)>,
    /// Names that stand more than once; the first one was used.
    pub repeated: Vec<String>,
    /// Names that belong to no column of the schema; not read.
    pub unused: Vec<String>,
    /// Optional columns of the schema that the file does not have.
    pub absent: Vec<String>,
}

/// Where each column of the schema stands in the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mapping {
    /// Position in the file by column of the schema.
    pub positions: Vec<Option<usize>>,
    /// What was noticed.
    pub report: HeaderReport,
    /// Required columns that are missing.
    pub missing: Vec<String>,
}

fn key(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// Makes names different: trimmed, blank ones numbered, repeated ones with `.1`, `.2` behind.
/// Also returns the names that stood more than once. The name of the row number counts as taken:
/// a snapshot of a run that is read again brings its own, which is no value of the new file.
pub(super) fn unique_names(names: &[String]) -> (Vec<String>, Vec<String>) {
    let mut taken = HashSet::from([ROW_COLUMN.to_owned()]);
    let mut next: HashMap<String, usize> = HashMap::new();
    let mut repeated = Vec::new();
    let unique = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let name = match name.trim() {
                "" => format!("column_{}", i + 1),
                name => name.to_owned(),
            };
            if taken.insert(name.clone()) {
                return name;
            }
            if !repeated.contains(&name) {
                repeated.push(name.clone());
            }
            let count = next.entry(name.clone()).or_insert(0);
            loop {
                *count += 1;
                let candidate = format!("{name}.{count}");
                if taken.insert(candidate.clone()) {
                    return candidate;
                }
            }
        })
        .collect();
    (unique, repeated)
}

/// Whether a column must be in the file.
fn required(column: &ColumnSpec, schema: &Schema, require_label: bool) -> bool {
    if column.role == Role::Label || column.name == schema.target.column {
        require_label
    } else {
        !column.optional
    }
}

/// Finds the columns of a schema among names, as [`ColumnSpec::answers_to`] would: the name itself
/// first, then the aliases in their order. A name serves one column only.
pub(crate) fn match_columns(schema: &Schema, names: &[String], require_label: bool) -> Mapping {
    let (unique, repeated) = unique_names(names);
    let mut exact: HashMap<&str, usize> = HashMap::with_capacity(unique.len());
    let mut folded: HashMap<String, usize> = HashMap::with_capacity(unique.len());
    for (i, name) in unique.iter().enumerate() {
        exact.insert(name, i);
        folded.entry(key(name)).or_insert(i);
    }
    let mut used = vec![false; unique.len()];
    let mut positions = vec![None; schema.columns.len()];
    let mut report = HeaderReport::default();
    // Names before other cases before aliases: none takes a name that belongs to another column.
    for (slot, column) in schema.columns.iter().enumerate() {
        if let Some(&at) = exact.get(column.name.trim()) {
            used[at] = true;
            positions[slot] = Some(at);
        }
    }
    for (slot, column) in schema.columns.iter().enumerate() {
        if positions[slot].is_none()
            && let Some(&at) = folded.get(&key(&column.name))
            && !used[at]
        {
            used[at] = true;
            positions[slot] = Some(at);
        }
    }
    for (slot, column) in schema.columns.iter().enumerate() {
        if positions[slot].is_some() {
            continue;
        }
        let found = column
            .aliases
            .iter()
            .filter_map(|alias| folded.get(&key(alias)).copied())
            .find(|&at| !used[at]);
        if let Some(at) = found {
            used[at] = true;
            positions[slot] = Some(at);
            report
                .renamed
                .push((unique[at].clone(), column.name.clone()));
        }
    }
    let mut missing = Vec::new();
    for (slot, column) in schema.columns.iter().enumerate() {
        if positions[slot].is_none() {
            if required(column, schema, require_label) {
                missing.push(column.name.clone());
            } else {
                report.absent.push(column.name.clone());
            }
        }
    }
    report.repeated = repeated;
    report.unused = unique
        .iter()
        .zip(&used)
        .filter(|(_, used)| !**used)
        .map(|(name, _)| name.clone())
        .collect();
    Mapping {
        positions,
        report,
        missing,
    }
}

/// For each missing column the most similar of the unused names, when it is similar at all.
pub(super) fn nearest(missing: &[String], unused: &[String]) -> Vec<(String, String)> {
    // Beyond these sizes nobody reads the hints, and the comparison is quadratic.
    missing
        .iter()
        .take(5)
        .filter_map(|wanted| {
            unused
                .iter()
                .take(500)
                .map(|name| (strsim::jaro_winkler(&key(wanted), &key(name)), name))
                .filter(|(score, _)| *score >= 0.8)
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .map(|(_, name)| (wanted.clone(), name.clone()))
        })
        .collect()
}

/// The columns of the schema that a file without a header has, by their number: all of them, or
/// all but the optional ones, the label, or both.
pub(crate) fn names_by_position(
    schema: &Schema,
    width: usize,
    require_label: bool,
) -> Option<Vec<String>> {
    let is_label = |c: &ColumnSpec| c.role == Role::Label || c.name == schema.target.column;
    let pick = |without_optional: bool, without_label: bool| -> Vec<String> {
        schema
            .columns
            .iter()
            .filter(|c| !(without_optional && c.optional && !is_label(c)))
            .filter(|c| !(without_label && is_label(c)))
            .map(|c| c.name.clone())
            .collect()
    };
    let mut choices = vec![pick(false, false), pick(true, false)];
    if !require_label {
        choices.push(pick(false, true));
        choices.push(pick(true, true));
    }
    choices.into_iter().find(|names| names.len() == width)
}

/// Whether a first line is a header, given the schema.
pub(crate) fn is_header_of(schema: &Schema, first: &[String]) -> bool {
    let mapping = match_columns(schema, first, false);
    let matched = mapping.positions.iter().flatten().count();
    if matched * 2 >= first.len() {
        return true;
    }
    let fits = names_by_position(schema, first.len(), false);
    let Some(names) = fits else {
        // Neither the names nor the number of columns fit: judge by the look alone.
        return matched > 0 || looks_like_header(first, &[]);
    };
    let parses_as_data = names.iter().zip(first).all(|(name, field)| {
        let numeric = schema.column(name).is_some_and(|c| c.kind.is_numeric());
        let field = field.trim();
        !numeric
            || field.is_empty()
            || schema.null_texts.iter().any(|t| t.trim() == field)
            || number::parse(field.as_bytes()).is_some()
    });
    // One broken value in the first row of a file that usually has no header is a broken row.
    !(parses_as_data || schema.headerless && matched == 0)
}

/// Whether a first line is a header, by its look: it holds no number, and its texts do not stand
/// again in their columns below.
pub(super) fn looks_like_header(first: &[String], below: &[Vec<String>]) -> bool {
    let number = |field: &str| number::parse(field.trim().as_bytes()).is_some();
    if first.iter().all(|f| f.trim().is_empty()) || first.iter().any(|f| number(f)) {
        return false;
    }
    let numbers_below = below
        .iter()
        .any(|row| row.len() == first.len() && row.iter().any(|f| number(f)));
    let again = below.iter().any(|row| {
        row.iter()
            .zip(first)
            .any(|(a, b)| !b.trim().is_empty() && a == b)
    });
    numbers_below || !again
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ClassMapping, ColumnKind, Target};

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|n| (*n).to_owned()).collect()
    }

    fn schema() -> Schema {
        let mut port = ColumnSpec::feature("port_no", ColumnKind::Integer);
        port.aliases = vec!["port".to_owned()];
        let mut label = ColumnSpec::feature("label", ColumnKind::Category);
        label.role = Role::Label;
        let mut difficulty = ColumnSpec::feature("difficulty", ColumnKind::Integer);
        difficulty.role = Role::Ignored;
        difficulty.optional = true;
        Schema {
            name: "s".to_owned(),
            columns: vec![
                ColumnSpec::feature("service", ColumnKind::Category),
                port,
                label,
                difficulty,
            ],
            target: Target {
                name: "label".to_owned(),
                column: "label".to_owned(),
                mapping: ClassMapping::Identity { order: Vec::new() },
            },
            headerless: false,
            null_texts: vec!["?".to_owned()],
            oddities: Vec::new(),
        }
    }

    #[test]
    fn names_are_made_different() {
        let (unique, repeated) = unique_names(&names(&[" a", "a ", "", "a.1", "a"]));
        assert_eq!(unique, ["a", "a.1", "column_3", "a.1.1", "a.2"]);
        assert_eq!(repeated, ["a", "a.1"]);
    }

    #[test]
    fn the_name_of_the_row_number_is_taken() {
        let (unique, repeated) = unique_names(&names(&["a", ROW_COLUMN]));
        assert_eq!(unique, ["a", "__row.1"]);
        assert_eq!(repeated, [ROW_COLUMN]);
    }

    #[test]
    fn aliases_answer_and_are_reported() {
        let m = match_columns(
            &schema(),
            &names(&["Label", " PORT", "extra", "service"]),
            true,
        );
        assert_eq!(m.positions, [Some(3), Some(1), Some(0), None]);
        assert_eq!(
            m.report.renamed,
            [("PORT".to_owned(), "port_no".to_owned())]
        );
        assert_eq!(m.report.unused, ["extra"]);
        assert_eq!(m.report.absent, ["difficulty"]);
        assert!(m.missing.is_empty());
    }

    #[test]
    fn missing_columns_and_their_nearest_names() {
        let found = names(&["servce", "port_no", "label"]);
        let m = match_columns(&schema(), &found, true);
        assert_eq!(m.missing, ["service"]);
        assert_eq!(
            nearest(&m.missing, &m.report.unused),
            [("service".to_owned(), "servce".to_owned())]
        );
        let m = match_columns(&schema(), &names(&["service", "port"]), false);
        assert!(m.missing.is_empty());
        assert_eq!(
            match_columns(&schema(), &names(&["service", "port"]), true).missing,
            ["label"]
        );
    }

    #[test]
    fn columns_by_position() {
        let by = |n, label| names_by_position(&schema(), n, label).map(|v| v.join(" "));
        assert_eq!(
            by(4, true).as_deref(),
            Some("service port_no label difficulty")
        );
        assert_eq!(by(3, true).as_deref(), Some("service port_no label"));
        assert_eq!(by(2, true), None);
        assert_eq!(by(2, false).as_deref(), Some("service port_no"));
    }

    #[test]
    fn headers_are_told_from_data() {
        let s = schema();
        assert!(is_header_of(&s, &names(&["service", "port", "label"])));
        assert!(!is_header_of(&s, &names(&["http", "80", "normal"])));
        assert!(!is_header_of(&s, &names(&["http", "?", "normal", "1"])));
        assert!(is_header_of(&s, &names(&["a", "b", "c"])));
        let mut headerless = schema();
        headerless.headerless = true;
        assert!(!is_header_of(
            &headerless,
            &names(&["http", "x80", "normal"])
        ));
        assert!(looks_like_header(
            &names(&["a", "b"]),
            &[names(&["1", "x"])]
        ));
        assert!(!looks_like_header(&names(&["a", "1"]), &[]));
        assert!(!looks_like_header(
            &names(&["tcp", "b"]),
            &[names(&["tcp", "x"])]
        ));
    }
}
