//! What differs between two schemas.

use serde::Serialize;

use super::{ColumnSpec, Schema};

/// One property of a column that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnChange {
    /// The column, by its name in the first schema.
    pub column: String,
    /// `name`, `kind`, `role`, `min`, `max`, `values` or `optional`.
    pub property: &'static str,
    /// In the first schema, for people.
    pub before: String,
    /// In the second.
    pub after: String,
}

/// The difference of two schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SchemaDiff {
    /// Columns only the second has.
    pub added: Vec<String>,
    /// Columns only the first has.
    pub removed: Vec<String>,
    /// Columns both have, with what differs.
    pub changed: Vec<ColumnChange>,
    /// Whether the shared columns stand in another order.
    pub reordered: bool,
    /// The targets, when they differ: first, second.
    pub target: Option<[String; 2]>,
}

impl SchemaDiff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares two schemas. Columns are paired by name or alias; names, oddities and the schema's own
/// name do not count.
pub fn diff(a: &Schema, b: &Schema) -> SchemaDiff {
    let mut result = SchemaDiff::default();
    let pair = |column: &ColumnSpec| -> Option<usize> {
        b.columns
            .iter()
            .position(|c| c.name == column.name)
            .or_else(|| {
                b.columns
                    .iter()
                    .position(|c| c.answers_to(&column.name) || column.answers_to(&c.name))
            })
    };
    let mut positions = Vec::new();
    for column in &a.columns {
        let Some(position) = pair(column) else {
            result.removed.push(column.name.clone());
            continue;
        };
        positions.push(position);
        compare(column, &b.columns[position], &mut result.changed);
    }
    result.added = b
        .columns
        .iter()
        .enumerate()
        .filter(|(i, _)| !positions.contains(i))
        .map(|(_, c)| c.name.clone())
        .collect();
    result.reordered = !positions.is_sorted();
    if a.target != b.target {
        result.target = Some([a, b].map(|s| {
            format!(
                "{} (column {}: {})",
                s.target.name,
                s.target.column,
                s.target.classes().join(", ")
            )
        }));
    }
    result
}

fn compare(a: &ColumnSpec, b: &ColumnSpec, into: &mut Vec<ColumnChange>) {
    let number = |v: Option<f64>| v.map_or_else(|| "none".to_owned(), |v| v.to_string());
    let values = |c: &ColumnSpec| {
        c.values
            .as_ref()
            .map_or_else(|| "any".to_owned(), |v| v.join(", "))
    };
    let properties = [
        ("name", a.name.clone(), b.name.clone()),
        ("kind", word(&a.kind), word(&b.kind)),
        ("role", word(&a.role), word(&b.role)),
        ("min", number(a.min), number(b.min)),
        ("max", number(a.max), number(b.max)),
        ("values", values(a), values(b)),
        ("optional", a.optional.to_string(), b.optional.to_string()),
    ];
    for (property, before, after) in properties {
        if before != after {
            into.push(ColumnChange {
                column: a.name.clone(),
                property,
                before,
                after,
            });
        }
    }
}

/// The word an enum is written as in JSON.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ColumnKind, Role, preset, preset_target};

    #[test]
    fn a_schema_equals_itself() {
        let schema = preset("nsl-kdd").unwrap();
        assert!(diff(&schema, &schema).is_empty());
    }

    #[test]
    fn differences_are_listed() {
        let a = preset("phishing").unwrap();
        let mut b = a.clone();
        b.columns[10].name = "port".to_owned();
        b.columns[10].aliases.clear();
        b.columns[1].kind = ColumnKind::Real;
        b.columns[2].role = Role::Ignored;
        let gone = b.columns.remove(5);
        b.columns
            .insert(0, ColumnSpec::feature("extra", ColumnKind::Text));
        let d = diff(&a, &b);
        assert_eq!(d.added, ["extra"]);
        assert_eq!(d.removed, [gone.name]);
        let changes: Vec<(&str, &str)> = d
            .changed
            .iter()
            .map(|c| (c.column.as_str(), c.property))
            .collect();
        assert_eq!(
            changes,
            [
                ("URL_Length", "kind"),
                ("Shortining_Service", "role"),
                ("port_no", "name")
            ]
        );
        assert!(!d.reordered && d.target.is_none());
    }

    #[test]
    fn targets_and_order_count() {
        let a = preset("nsl-kdd").unwrap();
        let mut b = preset_target("nsl-kdd", "attack_class").unwrap();
        b.columns.swap(0, 1);
        let d = diff(&a, &b);
        assert!(d.reordered);
        assert!(d.target.unwrap()[1].contains("u2r"));
    }
}
