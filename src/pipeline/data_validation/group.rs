//! What a check is about, for a reader who wants four lines and not two hundred.

use super::check::is_of_split;
use super::report::{CheckResult, ValidationReport};
use super::rule::Rule;
use crate::events::CheckVerdict;
use crate::text::count;

/// Checks that answer one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Can the table be read as the schema says?
    Schema,
    /// Are the values plausible?
    Quality,
    /// Can the label be learned from?
    Labels,
    /// Does a column tell the label?
    Leakage,
    /// Are train and test apart?
    Splits,
}

impl Group {
    /// The groups in the order of a report.
    pub const ALL: [Group; 5] = [
        Group::Schema,
        Group::Quality,
        Group::Labels,
        Group::Leakage,
        Group::Splits,
    ];
    /// Its name.
    pub fn title(self) -> &'static str {
        match self {
            Group::Schema => "Schema",
            Group::Quality => "Quality",
            Group::Labels => "Labels",
            Group::Leakage => "Leakage",
            Group::Splits => "Splits",
        }
    }
    /// The group of a rule. Leakage has a second half that [`CheckResult::group`] tells apart.
    pub fn of(rule: Rule) -> Self {
        match rule {
            Rule::UnreadableRows | Rule::MissingColumns | Rule::Types | Rule::Categories => {
                Group::Schema
            }
            Rule::Nulls | Rule::Infinities | Rule::Ranges | Rule::Constants | Rule::Duplicates => {
                Group::Quality
            }
            Rule::LabelConflicts | Rule::LabelClasses | Rule::RareClasses => Group::Labels,
            Rule::Leakage => Group::Leakage,
        }
    }
}

impl CheckResult {
    /// What the check is about; `None` for the check of a newer program.
    pub fn group(&self) -> Option<Group> {
        if is_of_split(self) {
            return Some(Group::Splits);
        }
        Rule::by_id(&self.id).map(Group::of)
    }
}

/// One group of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSummary {
    /// Which.
    pub group: Group,
    /// Checks in it.
    pub checks: u64,
    /// The worst verdict.
    pub verdict: CheckVerdict,
    /// What was found, in a few words.
    pub text: String,
}

impl ValidationReport {
    /// The report in a line per group that has checks.
    pub fn groups(&self) -> Vec<GroupSummary> {
        Group::ALL
            .into_iter()
            .filter_map(|group| self.summary(group))
            .collect()
    }

    fn summary(&self, group: Group) -> Option<GroupSummary> {
        let checks: Vec<&CheckResult> = self
            .checks
            .iter()
            .filter(|c| c.group() == Some(group))
            .collect();
        let verdict = checks.iter().map(|c| c.verdict).max()?;
        let failing: Vec<&&CheckResult> = checks
            .iter()
            .filter(|c| c.verdict != CheckVerdict::Ok)
            .collect();
        let text = match (group, failing.as_slice()) {
            (Group::Schema, []) => format!("{} columns present and typed", self.columns),
            (Group::Quality, []) => self.quality(),
            (Group::Labels, []) => "every label known, every class has enough rows".to_owned(),
            (Group::Leakage | Group::Splits, []) => {
                checks.first().map_or(String::new(), |c| c.text.clone())
            }
            (_, [one]) => one.text.clone(),
            (_, several) => {
                let rows: u64 = several.iter().map(|c| c.failing_rows).max().unwrap_or(0);
                format!(
                    "{} findings, the widest over {} rows",
                    several.len(),
                    count(rows)
                )
            }
        };
        Some(GroupSummary {
            group,
            checks: checks.len() as u64,
            verdict,
            text,
        })
    }

    /// Missing values and duplicates within their limits are worth a figure.
    fn quality(&self) -> String {
        let rows = |rule: Rule| {
            let found = self.checks.iter().filter(|c| c.id == rule.id());
            found.map(|c| c.failing_rows).max().unwrap_or(0)
        };
        let share = |n: u64| 100.0 * n as f64 / self.rows.max(1) as f64;
        format!(
            "missing at most {:.2} %, duplicates {:.2} %",
            share(rows(Rule::Nulls)),
            share(rows(Rule::Duplicates))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::{check_split, check_table};
    use super::*;
    use crate::config::ValidationConfig;
    use crate::dataset::Frame;
    use crate::schema::{Schema, preset};

    fn schema() -> Schema {
        preset("phishing").unwrap()
    }

    /// A table of that many rows with a vector of its own each.
    fn table(rows: usize, from: usize) -> Frame {
        let schema = schema();
        let columns = schema
            .columns
            .iter()
            .enumerate()
            .map(|(c, spec)| {
                let values = (0..rows).map(|r| {
                    let bit = ((r + from) >> (c % 12)) & 1;
                    Some(if bit == 1 { 1.0 } else { -1.0 })
                });
                Frame::number_column(&spec.name, values.collect())
            })
            .collect();
        Frame::from_columns(columns).unwrap()
    }

    #[test]
    fn every_check_stands_in_one_group_and_the_split_is_told_apart() {
        let config = ValidationConfig::default();
        let (train, test) = (table(400, 0), table(100, 400));
        let mut report = check_table(&train, &schema(), &config);
        report.extend(check_split(&train, &test, &schema(), &config));
        let groups = report.groups();
        let sum: u64 = groups.iter().map(|g| g.checks).sum();
        assert_eq!(sum, report.checks.len() as u64);
        let splits: Vec<_> = groups.iter().filter(|g| g.group == Group::Splits).collect();
        assert_eq!(splits.len(), 1);
        assert_eq!(splits[0].checks, 1);
        assert!(splits[0].text.contains("test"), "{}", splits[0].text);
        let shared = check_split(&train, &train, &schema(), &config);
        assert_eq!(shared[0].group(), Some(Group::Splits));
        let table_only = check_table(&train, &schema(), &config);
        assert!(table_only.groups().iter().all(|g| g.group != Group::Splits));
    }
}
