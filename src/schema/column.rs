//! A schema and its columns.

use serde::{Deserialize, Serialize};

use super::Target;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Whole numbers.
    Integer,
    /// Real numbers.
    Real,
    /// One of a set of values, kept as text.
    Category,
    /// Free text or an identifier; never a feature.
    Text,
}

impl ColumnKind {
    /// Whether the column is held as numbers.
    pub fn is_numeric(self) -> bool {
        matches!(self, ColumnKind::Integer | ColumnKind::Real)
    }
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Learners see it.
    Feature,
    /// The label.
    Label,
    /// Kept in the snapshot, unseen by learners: ids, addresses, times, difficulty.
    Ignored,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// Its name in the snapshot.
    pub name: String,
    /// Other spellings that are read as this column (compared trimmed, case folded).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What its values are.
    pub kind: ColumnKind,
    /// What it is for.
    pub role: Role,
    /// Smallest value allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest value allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Values allowed, sorted; none = any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// Whether the column may be absent from a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl ColumnSpec {
    /// A feature of a kind, without limits.
    pub fn feature(name: &str, kind: ColumnKind) -> Self {
        Self {
            name: name.to_owned(),
            aliases: Vec::new(),
            kind,
            role: Role::Feature,
            min: None,
            max: None,
            values: None,
            optional: false,
        }
    }
    /// Whether a header spelling names this column.
    pub fn answers_to(&self, header: &str) -> bool {
        let header = header.trim();
        self.name.trim().eq_ignore_ascii_case(header)
            || self
                .aliases
                .iter()
                .any(|a| a.trim().eq_ignore_ascii_case(header))
    }
}

/// The columns of a table, in file order, and its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// `phishing`, `nsl-kdd`, or the file it was inferred from.
    pub name: String,
    /// The columns in file order.
    pub columns: Vec<ColumnSpec>,
    /// What is predicted.
    pub target: Target,
    /// Whether files of this kind usually come without a header line.
    #[serde(default)]
    pub headerless: bool,
    /// Texts that mean "missing", besides the empty field.
    #[serde(default)]
    pub null_texts: Vec<String>,
    /// Known oddities of this kind of data, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub oddities: Vec<String>,
}

impl Schema {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnSpec> {
        self.columns.iter().find(|c| c.name == name)
    }
    /// The column that answers to this name, exactly or by an alias, case folded.
    pub fn find(&self, name: &str) -> Option<&ColumnSpec> {
        self.column(name)
            .or_else(|| self.columns.iter().find(|c| c.answers_to(name)))
    }
    /// The same columns with another target: its column becomes the label, the former label is
    /// ignored, for it would give the new one away.
    #[must_use]
    pub fn with_target(mut self, target: Target) -> Self {
        for column in &mut self.columns {
            if column.name == target.column {
                column.role = Role::Label;
            } else if column.role == Role::Label {
                column.role = Role::Ignored;
            }
        }
        self.target = target;
        self
    }
    /// The feature columns in order.
    pub fn features(&self) -> impl Iterator<Item = &ColumnSpec> {
        self.columns.iter().filter(|c| c.role == Role::Feature)
    }
    /// SHA-256 of the canonical JSON form.
    pub fn sha256(&self) -> String {
        crate::hash::sha256_json(self)
    }
}
