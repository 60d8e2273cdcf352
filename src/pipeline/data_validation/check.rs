//! Runs the rules over a table, and over the two parts of a split.

use super::leakage;
use super::report::{CheckResult, Example, Figure, ValidationReport};
use super::rule::Rule;
use super::tally::{ColumnTally, EXAMPLES, LabelTally, Variety, VectorTally, hash_rows};
use crate::config::{Severity, ValidationConfig};
use crate::dataset::Frame;
use crate::schema::{ColumnKind, ColumnSpec, Role, Schema};

/// The column that holds the 0-based row of the source file.
const ROW: &str = "__row";
/// Share of values that are no numbers from which a numeric column is mistyped. Below it the rows
/// are faulty, not the column.
const MISTYPED_SHARE: f64 = 0.01;
/// Rows a class needs before folds and intervals over it mean something.
const MIN_CLASS_ROWS: u64 = 20;

/// Checks a table against its schema.
///
/// Columns are looked up by their schema names; internal ones (`__row`) are not checked, but
/// `__row` names the rows in examples.
pub fn check_table(frame: &Frame, schema: &Schema, config: &ValidationConfig) -> ValidationReport {
    let table = Table::new(frame, schema);
    let mut checks = Vec::new();
    for rule in Rule::ALL {
        let severity = rule.severity(config);
        // Rows that cannot be read never get here; see `check_readable`.
        if severity == Severity::Off || rule == Rule::UnreadableRows {
            continue;
        }
        let mut found = table.check(rule, severity, config);
        if found.is_empty() {
            found.push(CheckResult::new(
                rule,
                severity,
                true,
                passed(rule).to_owned(),
            ));
        }
        checks.extend(found);
    }
    let columns = frame.names().iter().filter(|n| !internal(n)).count();
    ValidationReport::new(frame.rows() as u64, columns as u64, checks)
}

/// Checks that train and test are apart: the vectors they share.
pub fn check_split(
    train: &Frame,
    test: &Frame,
    schema: &Schema,
    config: &ValidationConfig,
) -> Vec<CheckResult> {
    let severity = Rule::Leakage.severity(config);
    if severity == Severity::Off {
        return Vec::new();
    }
    let features: Vec<&str> = schema
        .features()
        .map(|c| c.name.as_str())
        .filter(|c| train.has(c) && test.has(c))
        .collect();
    let (Ok(train_hashes), Ok(test_hashes)) =
        (hash_rows(train, &features), hash_rows(test, &features))
    else {
        return Vec::new();
    };
    let known = VectorTally::of(&train_hashes, &row_numbers(train), None);
    let mut shared = 0;
    let mut examples = Vec::new();
    for (hash, row) in test_hashes.iter().zip(row_numbers(test)) {
        if known.has(*hash) {
            shared += 1;
            if examples.len() < EXAMPLES {
                examples.push(Example { row, value: None });
            }
        }
    }
    let share = share(shared, test.rows() as u64);
    let text = if shared == 0 {
        "no feature vector of test stands in train".to_owned()
    } else {
        format!(
            "{shared} rows of test ({:.1} %) have a feature vector that stands in train as well",
            100.0 * share
        )
    };
    vec![
        CheckResult::new(Rule::Leakage, severity, shared == 0, text)
            .figures(Figure::Number(share), Figure::Number(0.0))
            .rows(shared, examples),
    ]
}

/// Reports the rows that could not be read: how many there are in the source, and those set aside
/// with row and reason.
pub fn check_readable(
    rows: u64,
    unreadable: u64,
    examples: impl IntoIterator<Item = (u64, String)>,
    config: &ValidationConfig,
) -> Vec<CheckResult> {
    let severity = Rule::UnreadableRows.severity(config);
    if severity == Severity::Off {
        return Vec::new();
    }
    let text = if unreadable == 0 {
        passed(Rule::UnreadableRows).to_owned()
    } else {
        format!("{unreadable} of {rows} rows cannot be read")
    };
    let examples = examples
        .into_iter()
        .take(EXAMPLES)
        .map(|(row, reason)| Example {
            row,
            value: Some(reason),
        });
    vec![
        CheckResult::new(Rule::UnreadableRows, severity, unreadable == 0, text)
            .figures(unreadable, 0)
            .rows(unreadable, examples.collect()),
    ]
}

/// Whether a result is that of [`check_split`]: of the checks for leakage it is the one over the
/// whole table that is not the "nothing found" of [`check_table`].
pub(super) fn is_of_split(result: &CheckResult) -> bool {
    result.id == Rule::Leakage.id()
        && result.column.is_none()
        && result.text != passed(Rule::Leakage)
}

fn internal(column: &str) -> bool {
    column.starts_with("__")
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 {
        0.0
    } else {
        part as f64 / of as f64
    }
}

/// The rows' numbers in the source file, or their positions.
fn row_numbers(frame: &Frame) -> Vec<u64> {
    match frame.numbers(ROW) {
        Ok(rows) => rows.into_iter().map(|r| r as u64).collect(),
        Err(_) => (0..frame.rows() as u64).collect(),
    }
}

/// What a rule says when nothing was found.
fn passed(rule: Rule) -> &'static str {
    match rule {
        Rule::UnreadableRows => "every row can be read",
        Rule::MissingColumns => "every column of the schema is there",
        Rule::Types => "every column holds values of its kind",
        Rule::Nulls => "no value is missing",
        Rule::Infinities => "no number is infinite",
        Rule::Ranges => "every number lies in its range",
        Rule::Categories => "every value is an allowed one",
        Rule::Constants => "every feature has at least two values",
        Rule::Duplicates => "no row equals an earlier row",
        Rule::LabelConflicts => "equal feature vectors have equal classes",
        Rule::LabelClasses => "at least two classes have rows, and every label is known",
        Rule::RareClasses => "every class has enough rows",
        Rule::Leakage => "no column predicts the label by itself",
    }
}

/// A table with everything the rules look at.
struct Table<'a> {
    frame: &'a Frame,
    schema: &'a Schema,
    rows: Vec<u64>,
    columns: Vec<(&'a ColumnSpec, ColumnTally)>,
    missing: Vec<&'a ColumnSpec>,
    /// `None` when the label column is missing.
    label: Option<(LabelTally, Vec<u32>)>,
}

impl<'a> Table<'a> {
    fn new(frame: &'a Frame, schema: &'a Schema) -> Self {
        let rows = row_numbers(frame);
        let mut columns = Vec::new();
        let mut missing = Vec::new();
        for spec in &schema.columns {
            if !frame.has(&spec.name) {
                if !spec.optional {
                    missing.push(spec);
                }
                continue;
            }
            // The column exists, so reading it can only fail inside the table engine; a column
            // that cannot be read is as good as missing.
            match ColumnTally::of(frame, spec, &rows) {
                Ok(tally) => columns.push((spec, tally)),
                Err(_) => missing.push(spec),
            }
        }
        let label = LabelTally::of(frame, &schema.target, &rows).ok();
        Self {
            frame,
            schema,
            rows,
            columns,
            missing,
            label,
        }
    }

    fn check(&self, rule: Rule, severity: Severity, config: &ValidationConfig) -> Vec<CheckResult> {
        let per_column = |f: &dyn Fn(&ColumnSpec, &ColumnTally) -> Vec<CheckResult>| {
            self.columns.iter().flat_map(|(s, t)| f(s, t)).collect()
        };
        match rule {
            Rule::UnreadableRows => Vec::new(),
            Rule::MissingColumns => self.missing_columns(severity),
            Rule::Types => per_column(&|s, t| types(severity, s, t)),
            Rule::Nulls => per_column(&|s, t| nulls(severity, s, t, config.max_null_share)),
            Rule::Infinities => per_column(&|s, t| infinities(severity, s, t)),
            Rule::Ranges => per_column(&|s, t| ranges(severity, s, t)),
            Rule::Categories => per_column(&|s, t| categories(severity, s, t)),
            Rule::Constants => per_column(&|s, t| constants(severity, s, t)),
            Rule::Duplicates => self.duplicates(severity, config.max_duplicate_share),
            Rule::LabelConflicts => self.label_conflicts(severity),
            Rule::LabelClasses => self.label_classes(severity),
            Rule::RareClasses => self.rare_classes(severity),
            Rule::Leakage => self.leakage(severity),
        }
    }

    fn missing_columns(&self, severity: Severity) -> Vec<CheckResult> {
        let result = |spec: &&ColumnSpec| {
            CheckResult::new(
                Rule::MissingColumns,
                severity,
                false,
                format!("column `{}` is missing", spec.name),
            )
            .on(&spec.name)
            .figures(
                Figure::Text("absent".into()),
                Figure::Text("present".into()),
            )
        };
        self.missing.iter().map(result).collect()
    }

    fn duplicates(&self, severity: Severity, limit: f64) -> Vec<CheckResult> {
        let columns: Vec<String> = self
            .frame
            .names()
            .into_iter()
            .filter(|n| !internal(n))
            .collect();
        if columns.is_empty() {
            return Vec::new();
        }
        let Ok(hashes) = hash_rows(self.frame, &columns) else {
            return Vec::new();
        };
        let tally = VectorTally::of(&hashes, &self.rows, None);
        let (found, share) = (tally.duplicates(), share(tally.duplicates(), tally.rows()));
        if found == 0 {
            return Vec::new();
        }
        let text = format!(
            "{found} rows ({:.1} %) equal an earlier row in every column",
            100.0 * share
        );
        vec![
            CheckResult::new(Rule::Duplicates, severity, share <= limit, text)
                .figures(Figure::Number(share), Figure::Number(limit))
                .rows(found, tally.duplicate_examples().to_vec()),
        ]
    }

    fn label_conflicts(&self, severity: Severity) -> Vec<CheckResult> {
        let Some((_, codes)) = &self.label else {
            return Vec::new();
        };
        let features: Vec<&str> = self
            .schema
            .features()
            .map(|c| c.name.as_str())
            .filter(|c| self.frame.has(c))
            .collect();
        if features.is_empty() {
            return Vec::new();
        }
        let Ok(hashes) = hash_rows(self.frame, &features) else {
            return Vec::new();
        };
        let found = VectorTally::of(&hashes, &self.rows, Some(codes)).conflicts();
        if found.vectors == 0 {
            return Vec::new();
        }
        let best = 1.0 - share(found.unavoidable, self.rows.len() as u64);
        let text = format!(
            "{} feature vectors ({} rows) carry more than one class; no model can be right on \
             more than {:.3} % of the rows",
            found.vectors,
            found.rows,
            100.0 * best
        );
        let examples = found
            .first_rows
            .iter()
            .map(|&row| Example { row, value: None });
        vec![
            CheckResult::new(Rule::LabelConflicts, severity, false, text)
                .figures(found.vectors, 0)
                .rows(found.rows, examples.collect()),
        ]
    }

    fn label_classes(&self, severity: Severity) -> Vec<CheckResult> {
        let Some((tally, _)) = &self.label else {
            return Vec::new();
        };
        let mut results = Vec::new();
        let column = &self.schema.target.column;
        let mut add = |severity: Severity,
                       text: String,
                       observed: u64,
                       limit: u64,
                       rows: u64,
                       examples: &[Example]| {
            results.push(
                CheckResult::new(Rule::LabelClasses, severity, false, text)
                    .on(column)
                    .figures(observed, limit)
                    .rows(rows, examples.to_vec()),
            );
        };
        if tally.present() < 2 {
            let text = match tally.classes.iter().find(|c| c.1 > 0) {
                Some((name, _, _)) => {
                    format!("every row is of the class `{name}`; nothing can be learned")
                }
                None => "no row has a class".to_owned(),
            };
            add(
                severity,
                text,
                tally.present(),
                2,
                self.rows.len() as u64,
                &[],
            );
        }
        for (failing, what) in [
            (&tally.missing, "no label"),
            (&tally.unknown, "a label that the target does not know"),
        ] {
            if failing.rows > 0 {
                let text = match failing.rows {
                    1 => format!("1 row has {what}"),
                    rows => format!("{rows} rows have {what}"),
                };
                // A run puts such rows into quarantine and goes on with the others, so they alone
                // do not stop.
                let severity = match severity {
                    Severity::Stop => Severity::Warn,
                    other => other,
                };
                add(
                    severity,
                    text,
                    failing.rows,
                    0,
                    failing.rows,
                    &failing.examples,
                );
            }
        }
        results
    }

    fn rare_classes(&self, severity: Severity) -> Vec<CheckResult> {
        let Some((tally, _)) = &self.label else {
            return Vec::new();
        };
        tally
            .classes
            .iter()
            .filter(|(_, rows, _)| *rows < MIN_CLASS_ROWS)
            .map(|(name, rows, first)| {
                let text = format!(
                    "class `{name}` has {rows} rows, fewer than {MIN_CLASS_ROWS}: its figures \
                     will be uncertain"
                );
                let example = first.map(|row| Example {
                    row,
                    value: Some(name.clone()),
                });
                CheckResult::new(Rule::RareClasses, severity, false, text)
                    .on(&self.schema.target.column)
                    .figures(*rows, MIN_CLASS_ROWS)
                    .rows(*rows, example.into_iter().collect())
            })
            .collect()
    }

    fn leakage(&self, severity: Severity) -> Vec<CheckResult> {
        let Some((tally, codes)) = &self.label else {
            return Vec::new();
        };
        let mut results = Vec::new();
        for spec in self.schema.features() {
            if !self.frame.has(&spec.name) {
                continue;
            }
            let Ok(Some(alone)) =
                leakage::alone(self.frame, &spec.name, codes, tally.classes.len())
            else {
                continue;
            };
            if alone < leakage::LIMIT {
                continue;
            }
            let text = format!(
                "column `{}` predicts the label by itself in {:.2} % of the rows: is it made \
                 from the label?",
                spec.name,
                100.0 * alone
            );
            results.push(
                CheckResult::new(Rule::Leakage, severity, false, text)
                    .on(&spec.name)
                    .figures(Figure::Number(alone), Figure::Number(leakage::LIMIT)),
            );
        }
        results
    }
}

/// Warns where a rule would stop.
fn softer(severity: Severity) -> Severity {
    match severity {
        Severity::Stop => Severity::Warn,
        other => other,
    }
}

fn types(severity: Severity, spec: &ColumnSpec, tally: &ColumnTally) -> Vec<CheckResult> {
    let mut results = Vec::new();
    if tally.not_numbers.rows > 0 {
        let share = share(tally.not_numbers.rows, tally.rows - tally.missing.rows);
        let severity = if share < MISTYPED_SHARE {
            softer(severity)
        } else {
            severity
        };
        let text = format!(
            "column `{}` should hold numbers, but {} values are none",
            spec.name, tally.not_numbers.rows
        );
        results.push(
            CheckResult::new(Rule::Types, severity, false, text)
                .on(&spec.name)
                .figures(Figure::Number(share), Figure::Number(MISTYPED_SHARE))
                .rows(tally.not_numbers.rows, tally.not_numbers.examples.clone()),
        );
    }
    if spec.kind == ColumnKind::Integer && tally.fractions.rows > 0 {
        // A fraction can be trained on; it only says that the schema is not exact.
        let severity = softer(severity);
        let text = format!(
            "column `{}` should hold whole numbers, but {} values have a fraction",
            spec.name, tally.fractions.rows
        );
        results.push(
            CheckResult::new(Rule::Types, severity, false, text)
                .on(&spec.name)
                .figures(tally.fractions.rows, 0)
                .rows(tally.fractions.rows, tally.fractions.examples.clone()),
        );
    }
    results
}

fn nulls(
    severity: Severity,
    spec: &ColumnSpec,
    tally: &ColumnTally,
    limit: f64,
) -> Vec<CheckResult> {
    // A missing label is the business of `label_classes`.
    if tally.missing.rows == 0 || spec.role == Role::Label {
        return Vec::new();
    }
    let share = share(tally.missing.rows, tally.rows);
    let text = format!(
        "column `{}` has no value in {} rows ({:.2} %)",
        spec.name,
        tally.missing.rows,
        100.0 * share
    );
    vec![
        CheckResult::new(Rule::Nulls, severity, share <= limit, text)
            .on(&spec.name)
            .figures(Figure::Number(share), Figure::Number(limit))
            .rows(tally.missing.rows, tally.missing.examples.clone()),
    ]
}

fn infinities(severity: Severity, spec: &ColumnSpec, tally: &ColumnTally) -> Vec<CheckResult> {
    if tally.infinite.rows == 0 {
        return Vec::new();
    }
    let text = format!(
        "column `{}` is infinite in {} rows",
        spec.name, tally.infinite.rows
    );
    vec![
        CheckResult::new(Rule::Infinities, severity, false, text)
            .on(&spec.name)
            .figures(tally.infinite.rows, 0)
            .rows(tally.infinite.rows, tally.infinite.examples.clone()),
    ]
}

fn ranges(severity: Severity, spec: &ColumnSpec, tally: &ColumnTally) -> Vec<CheckResult> {
    if tally.outside.rows == 0 {
        return Vec::new();
    }
    let limit = match (spec.min, spec.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any".to_owned(),
    };
    let observed = tally
        .extremes
        .map_or_else(String::new, |(low, high)| format!("{low} to {high}"));
    let text = format!(
        "column `{}` should be {limit}, but is {observed}; {} rows are outside",
        spec.name, tally.outside.rows
    );
    vec![
        CheckResult::new(Rule::Ranges, severity, false, text)
            .on(&spec.name)
            .figures(Figure::Text(observed), Figure::Text(limit))
            .rows(tally.outside.rows, tally.outside.examples.clone()),
    ]
}

fn categories(severity: Severity, spec: &ColumnSpec, tally: &ColumnTally) -> Vec<CheckResult> {
    // Which labels are known is decided by the target.
    if tally.unknown.rows == 0 || spec.role == Role::Label {
        return Vec::new();
    }
    let mut values: Vec<(&String, &u64)> = tally.unknown_values.iter().collect();
    values.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let named: Vec<String> = values
        .iter()
        .take(EXAMPLES)
        .map(|(value, rows)| format!("`{value}` ({rows} rows)"))
        .collect();
    let text = format!(
        "column `{}` holds {} values that are not allowed: {}",
        spec.name,
        values.len(),
        named.join(", ")
    );
    let allowed = spec.values.as_ref().map_or(0, Vec::len);
    vec![
        CheckResult::new(Rule::Categories, severity, false, text)
            .on(&spec.name)
            .figures(
                values.len() as u64,
                Figure::Text(format!("{allowed} allowed values")),
            )
            .rows(tally.unknown.rows, tally.unknown.examples.clone()),
    ]
}

fn constants(severity: Severity, spec: &ColumnSpec, tally: &ColumnTally) -> Vec<CheckResult> {
    if spec.role != Role::Feature || tally.rows < 2 {
        return Vec::new();
    }
    let (observed, text) = match &tally.variety {
        Variety::Several => return Vec::new(),
        Variety::One(value) => (1, format!("column `{}` is always `{value}`", spec.name)),
        Variety::Empty => (0, format!("column `{}` has no value at all", spec.name)),
    };
    vec![
        CheckResult::new(Rule::Constants, severity, false, text)
            .on(&spec.name)
            .figures(observed, 2)
            .rows(tally.rows, Vec::new()),
    ]
}
