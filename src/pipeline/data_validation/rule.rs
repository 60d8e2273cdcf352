//! The rules: what is checked, why, and what a failure does unless the configuration says else.

use crate::config::{Severity, ValidationConfig};
use crate::error::CommandError;
use crate::schema::nearest;

/// One rule. What it looks at is a tally with a merge (see `super::tally`); the rule turns the
/// finished tally into results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Rows that could not be read at all; they never reach the table.
    UnreadableRows,
    /// Columns of the schema that the table lacks.
    MissingColumns,
    /// Columns whose values are not of their kind.
    Types,
    /// Missing values.
    Nulls,
    /// Infinite values.
    Infinities,
    /// Numbers outside their range.
    Ranges,
    /// Values outside the list of allowed ones.
    Categories,
    /// Features with a single value.
    Constants,
    /// Rows equal to an earlier row.
    Duplicates,
    /// Equal feature vectors with different classes.
    LabelConflicts,
    /// The label: at least two classes, no unknown value.
    LabelClasses,
    /// Classes with few rows.
    RareClasses,
    /// Knowledge a model should not have: shared rows, a column that is the label.
    Leakage,
}

impl Rule {
    /// All rules, in the order of the report.
    pub const ALL: [Rule; 13] = [
        Rule::UnreadableRows,
        Rule::MissingColumns,
        Rule::Types,
        Rule::Nulls,
        Rule::Infinities,
        Rule::Ranges,
        Rule::Categories,
        Rule::Constants,
        Rule::Duplicates,
        Rule::LabelConflicts,
        Rule::LabelClasses,
        Rule::RareClasses,
        Rule::Leakage,
    ];

    /// The id, as it stands in reports and in `[validation.severity]`.
    pub fn id(self) -> &'static str {
        match self {
            Rule::UnreadableRows => "unreadable_rows",
            Rule::MissingColumns => "missing_columns",
            Rule::Types => "types",
            Rule::Nulls => "nulls",
            Rule::Infinities => "infinities",
            Rule::Ranges => "ranges",
            Rule::Categories => "categories",
            Rule::Constants => "constants",
            Rule::Duplicates => "duplicates",
            Rule::LabelConflicts => "label_conflicts",
            Rule::LabelClasses => "label_classes",
            Rule::RareClasses => "rare_classes",
            Rule::Leakage => "leakage",
        }
    }

    /// What it checks and why, one sentence.
    pub fn doc(self) -> &'static str {
        match self {
            Rule::UnreadableRows => {
                "Every row of the file can be read; rows that cannot go to quarantine."
            }
            Rule::MissingColumns => {
                "Every column of the schema that is not optional is there; a model cannot be \
                 trained or served without its features."
            }
            Rule::Types => {
                "Numeric columns hold numbers, whole ones where the schema says whole; a few values \
                 that are none send their rows to quarantine, more than that make the column \
                 mistyped."
            }
            Rule::Nulls => "At most a share `max_null_share` of a column is missing.",
            Rule::Infinities => {
                "No number is infinite; infinities break scaling, means and distances."
            }
            Rule::Ranges => "Numbers lie between the column's `min` and `max`.",
            Rule::Categories => "Values stand in the column's list of allowed values.",
            Rule::Constants => "No feature has a single value; it could teach nothing.",
            Rule::Duplicates => {
                "At most a share `max_duplicate_share` of the rows equals an earlier row; \
                 duplicates flatter every figure that comes from a random split."
            }
            Rule::LabelConflicts => {
                "Equal feature vectors have equal classes; otherwise no model can be right on \
                 all of them."
            }
            Rule::LabelClasses => {
                "The label is there in every row, the target knows each of its values, and at \
                 least two classes have rows."
            }
            Rule::RareClasses => {
                "Every class has enough rows for folds and intervals to mean something."
            }
            Rule::Leakage => {
                "No feature vector of test stands in train as well, and no single column \
                 predicts the label by itself."
            }
        }
    }

    /// What a failure does unless the configuration says otherwise.
    pub fn default_severity(self) -> Severity {
        match self {
            Rule::MissingColumns | Rule::Types | Rule::LabelClasses => Severity::Stop,
            _ => Severity::Warn,
        }
    }

    /// What a failure does.
    pub fn severity(self, config: &ValidationConfig) -> Severity {
        config
            .severity
            .get(self.id())
            .copied()
            .unwrap_or_else(|| self.default_severity())
    }

    /// The rule of this id.
    pub fn by_id(id: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|r| r.id() == id)
    }
}

/// Checks that `[validation.severity]` names rules that exist.
pub fn check_config(config: &ValidationConfig) -> Result<(), CommandError> {
    for id in config.severity.keys() {
        if Rule::by_id(id).is_some() {
            continue;
        }
        let ids = Rule::ALL.map(Rule::id);
        let error = CommandError::config(format!("[validation.severity] `{id}` is no check"));
        return Err(match nearest(id, ids) {
            Some(near) => error.hint(format!("Did you mean `{near}`?")),
            None => error.hint(format!("The checks are {}.", ids.join(", "))),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_documented() {
        for (i, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(Rule::by_id(rule.id()), Some(rule));
            assert!(rule.doc().ends_with('.'));
            assert!(Rule::ALL[..i].iter().all(|r| r.id() != rule.id()));
        }
    }

    #[test]
    fn the_configuration_overrides_and_is_checked() {
        let mut config = ValidationConfig::default();
        assert_eq!(Rule::Duplicates.severity(&config), Severity::Warn);
        config.severity.insert("duplicates".into(), Severity::Stop);
        assert_eq!(Rule::Duplicates.severity(&config), Severity::Stop);
        assert!(check_config(&config).is_ok());
        config.severity.insert("duplicate".into(), Severity::Stop);
        assert!(check_config(&config).unwrap_err().hints[0].contains("`duplicates`"));
    }
}
