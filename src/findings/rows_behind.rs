//! The rows behind a finding, in the filter language that every table of the program takes, or by
//! their numbers where no condition on one row can tell them.

use super::document::Findings;
use super::finding::{Finding, Kind};
use crate::dataset::query::{Comparison, Condition, Word};
use crate::drift::{Bin, BinOf, bins};
use crate::pipeline::data_validation::{CheckResult, Rule};
use crate::schema::Schema;

/// New values that a filter names at most.
const NAMED: usize = 20;

/// How to find the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsBehind {
    /// What they are, for a title.
    pub title: String,
    /// A condition that holds for them.
    pub filter: Option<String>,
    /// Their numbers in the source (`__row`), when they are examples of more.
    pub rows: Vec<u64>,
    /// Whether they are among the rows that could not be read.
    pub quarantined: bool,
}

impl Findings {
    /// The rows behind a finding; `None` when there are none to show.
    pub fn rows_behind(&self, finding: &Finding) -> Option<RowsBehind> {
        match finding.kind {
            Kind::Check(at) => {
                let check = self.validation.as_ref()?.checks.get(at)?;
                self.behind_check(finding, check)
            }
            Kind::Drift(at) => self.behind_drift(finding, at),
            Kind::LoggedCheck | Kind::LoggedDrift => None,
        }
    }

    fn behind_check(&self, finding: &Finding, check: &CheckResult) -> Option<RowsBehind> {
        let schema = self.schema.as_ref();
        let rule = Rule::by_id(&check.id)?;
        let column = check.column.as_deref();
        let condition = match rule {
            Rule::Nulls => missing(column?),
            Rule::Infinities => or(
                compare(column?, Comparison::Equal, "inf"),
                compare(column?, Comparison::Equal, "-inf"),
            ),
            Rule::Ranges => out_of_range(schema?, column?),
            Rule::Categories => not_allowed(schema?, column?),
            Rule::RareClasses => {
                let class = check.examples.first()?.value.as_deref()?;
                of_class(schema?, class)
            }
            Rule::UnreadableRows if check.failing_rows > 0 => None,
            // A condition on one row cannot tell them: the report names the first few.
            Rule::Types
            | Rule::Duplicates
            | Rule::LabelConflicts
            | Rule::LabelClasses
            | Rule::Leakage
            | Rule::MissingColumns
            | Rule::Constants
            | Rule::UnreadableRows => None,
        };
        let rows: Vec<u64> = match condition {
            Some(_) => Vec::new(),
            None => check.examples.iter().map(|e| e.row).collect(),
        };
        let quarantined = rule == Rule::UnreadableRows && check.failing_rows > 0;
        if condition.is_none() && rows.is_empty() && !quarantined {
            return None;
        }
        Some(RowsBehind {
            title: finding.id.clone(),
            filter: condition.map(|c| c.to_string()),
            rows,
            quarantined,
        })
    }

    /// New values where there are any, else the bins that won rows.
    fn behind_drift(&self, finding: &Finding, at: usize) -> Option<RowsBehind> {
        let drift = self.drift.as_ref()?.columns.get(at)?;
        let bins = self.bins_of(&drift.column)?;
        let figure = drift.reasons.get("effect").map_or("PSI", String::as_str);
        let new: Vec<&Bin> = bins.new_listed();
        let condition = if figure.contains("missing") {
            missing(&drift.column)
        } else if !new.is_empty() {
            among(&drift.column, new.iter().take(NAMED).map(|b| b.label()))
        } else {
            let (shown, rows) = bins.of_figure(figure);
            let won = bins::won(shown, rows);
            let values: Vec<String> = won
                .iter()
                .filter_map(|b| match &b.of {
                    BinOf::Value { value } => Some(value.clone()),
                    BinOf::Range { .. } => None,
                })
                .collect();
            if values.is_empty() {
                won.iter()
                    .filter_map(|b| between(&drift.column, b))
                    .reduce(|a, b| Condition::Or(Box::new(a), Box::new(b)))
            } else {
                among(&drift.column, values)
            }
        };
        Some(RowsBehind {
            title: finding.id.clone(),
            filter: Some(condition?.to_string()),
            rows: Vec::new(),
            quarantined: false,
        })
    }
}

fn word(text: impl Into<String>) -> Word {
    Word {
        text: text.into(),
        position: 0,
    }
}

fn compare(column: &str, comparison: Comparison, value: &str) -> Option<Condition> {
    Some(Condition::Compare {
        column: word(column),
        comparison,
        value: word(value),
    })
}

fn missing(column: &str) -> Option<Condition> {
    Some(Condition::Missing {
        column: word(column),
    })
}

fn or(a: Option<Condition>, b: Option<Condition>) -> Option<Condition> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Condition::Or(Box::new(a), Box::new(b))),
        (a, b) => a.or(b),
    }
}

fn among(column: &str, values: impl IntoIterator<Item = String>) -> Option<Condition> {
    let values: Vec<Word> = values.into_iter().map(word).collect();
    (!values.is_empty()).then(|| Condition::In {
        column: word(column),
        values,
    })
}

fn out_of_range(schema: &Schema, column: &str) -> Option<Condition> {
    let spec = schema.column(column)?;
    let bound = |value: Option<f64>, comparison| {
        value.and_then(|v| compare(column, comparison, &v.to_string()))
    };
    or(
        bound(spec.min, Comparison::Less),
        bound(spec.max, Comparison::Greater),
    )
}

fn not_allowed(schema: &Schema, column: &str) -> Option<Condition> {
    let allowed = schema.column(column)?.values.clone()?;
    let present = Condition::Not(Box::new(missing(column)?));
    let known = Condition::Not(Box::new(among(column, allowed)?));
    Some(Condition::And(Box::new(present), Box::new(known)))
}

/// The label values of a class.
fn of_class(schema: &Schema, class: &str) -> Option<Condition> {
    use crate::schema::ClassMapping;
    let target = &schema.target;
    let column = target.column.as_str();
    match &target.mapping {
        ClassMapping::Identity { .. } => compare(column, Comparison::Equal, class),
        ClassMapping::Classes { map, .. } => {
            let values = map.iter().filter(|(_, c)| *c == class);
            among(column, values.map(|(v, _)| v.clone()))
        }
        ClassMapping::Binary {
            negative,
            positive,
            names,
        } => {
            let (own, other) = if names[0] == class {
                (negative, positive)
            } else {
                (positive, negative)
            };
            match own.is_empty() {
                false => among(column, own.iter().cloned()),
                true => Some(Condition::Not(Box::new(among(
                    column,
                    other.iter().cloned(),
                )?))),
            }
        }
    }
}

fn between(column: &str, bin: &Bin) -> Option<Condition> {
    let BinOf::Range { low, high } = bin.of else {
        return None;
    };
    let low = low.and_then(|v| compare(column, Comparison::GreaterOrEqual, &v.to_string()));
    let high = high.and_then(|v| compare(column, Comparison::Less, &v.to_string()));
    match (low, high) {
        (Some(a), Some(b)) => Some(Condition::And(Box::new(a), Box::new(b))),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::query::Filter;
    use crate::schema::preset;

    fn text(condition: Option<Condition>) -> String {
        let text = condition.unwrap().to_string();
        // What is handed to the browser is what it can read.
        assert_eq!(Filter::parse(&text).unwrap().to_string(), text);
        text
    }

    #[test]
    fn conditions_are_written_in_the_filter_language() {
        let mut schema = preset("nsl-kdd").unwrap();
        for spec in &mut schema.columns {
            if spec.name == "dst_bytes" {
                (spec.min, spec.max) = (Some(0.0), Some(5_155_468.0));
            }
            if spec.name == "flag" {
                spec.values = Some(vec!["SF".into(), "a b".into()]);
            }
        }
        assert_eq!(
            text(out_of_range(&schema, "dst_bytes")),
            "(dst_bytes < 0) or (dst_bytes > 5155468)"
        );
        assert_eq!(
            text(not_allowed(&schema, "flag")),
            "(not (flag is missing)) and (not (flag in (SF, \"a b\")))"
        );
        assert_eq!(text(missing("Flow Bytes/s")), "\"Flow Bytes/s\" is missing");
        assert_eq!(text(of_class(&schema, "normal")), "label in (normal)");
        let bin = Bin {
            of: BinOf::Range {
                low: Some(0.5),
                high: Some(7.0),
            },
            reference: 1,
            current: 9,
        };
        assert_eq!(
            text(between("count", &bin)),
            "(count >= 0.5) and (count < 7)"
        );
    }
}
