//! Built-in schemas of public data sets, one file each.
//!
//! A preset knows names, kinds, ranges, the label and what its values mean, and the known
//! oddities of its data. It never touches a file.

mod cicids2017;
mod demo;
mod nsl_kdd;
mod phishing;
mod unsw_nb15;

use super::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, SchemaError, Target, nearest};

/// The names of the presets.
pub const PRESETS: [&str; 5] = ["phishing", "nsl-kdd", "unsw-nb15", "cicids2017", "demo"];

/// The preset of this name with its default target.
pub fn preset(name: &str) -> Option<Schema> {
    match name {
        "phishing" => Some(phishing::schema()),
        "nsl-kdd" => Some(nsl_kdd::schema()),
        "unsw-nb15" => Some(unsw_nb15::schema()),
        "cicids2017" => Some(cicids2017::schema()),
        "demo" => Some(demo::schema()),
        _ => None,
    }
}

/// Names of the targets a preset offers, the default one first; empty for an unknown preset.
pub fn target_names(preset_name: &str) -> Vec<String> {
    preset(preset_name)
        .map(|schema| {
            std::iter::once(schema.target.name)
                .chain(other_targets(preset_name).into_iter().map(|t| t.name))
                .collect()
        })
        .unwrap_or_default()
}

/// The preset with one of its named targets (`attack_class` of `nsl-kdd`), roles set to match.
pub fn preset_target(preset_name: &str, target: &str) -> Result<Schema, SchemaError> {
    let schema = preset(preset_name).ok_or_else(|| SchemaError::unknown_preset(preset_name))?;
    if schema.target.name.eq_ignore_ascii_case(target) {
        return Ok(schema);
    }
    match other_targets(preset_name)
        .into_iter()
        .find(|t| t.name.eq_ignore_ascii_case(target))
    {
        Some(found) => Ok(schema.with_target(found)),
        None => {
            let names = target_names(preset_name);
            Err(SchemaError::UnknownTarget {
                schema: preset_name.to_owned(),
                target: target.to_owned(),
                suggestion: nearest(target, names.iter().map(String::as_str)).map(str::to_owned),
                known: names.join(", "),
            })
        }
    }
}

fn other_targets(preset: &str) -> Vec<Target> {
    match preset {
        "nsl-kdd" => vec![nsl_kdd::attack_class()],
        "unsw-nb15" => vec![unsw_nb15::attack_cat()],
        "demo" => vec![demo::threat()],
        _ => Vec::new(),
    }
}

/// A binary target: the values of `negative` are harmless, every other value is a threat.
fn all_but(name: &str, column: &str, negative: &[&str], names: [&str; 2]) -> Target {
    Target {
        name: name.to_owned(),
        column: column.to_owned(),
        mapping: ClassMapping::Binary {
            negative: owned(negative),
            positive: Vec::new(),
            names: names.map(str::to_owned),
        },
    }
}

/// A column that is kept and not learned from.
fn ignored(name: &str, kind: ColumnKind) -> ColumnSpec {
    ColumnSpec {
        role: Role::Ignored,
        ..ColumnSpec::feature(name, kind)
    }
}

/// A feature with a range.
fn ranged(name: &str, kind: ColumnKind, min: f64, max: f64) -> ColumnSpec {
    ColumnSpec {
        min: Some(min),
        max: Some(max),
        ..ColumnSpec::feature(name, kind)
    }
}

/// A feature that is never negative.
fn at_least_zero(name: &str, kind: ColumnKind) -> ColumnSpec {
    ColumnSpec {
        min: Some(0.0),
        ..ColumnSpec::feature(name, kind)
    }
}

/// A feature with a closed list of values.
fn among(name: &str, values: &[&str]) -> ColumnSpec {
    let mut values = owned(values);
    values.sort();
    ColumnSpec {
        values: Some(values),
        ..ColumnSpec::feature(name, ColumnKind::Category)
    }
}

/// The label column.
fn label(name: &str, kind: ColumnKind) -> ColumnSpec {
    ColumnSpec {
        role: Role::Label,
        ..ColumnSpec::feature(name, kind)
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&t| t.to_owned()).collect()
}

#[cfg(test)]
mod tests;
