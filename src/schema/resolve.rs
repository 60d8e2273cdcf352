//! The schema of a run: preset, file or inferred, then the overrides of `[schema]`, all checked.

use std::collections::BTreeSet;

use super::infer::{label_values, target_of};
use super::{
    ClassMapping, ColumnSpec, Role, Schema, SchemaError, infer, nearest, preset, preset_target,
    read_file,
};
use crate::config::SchemaConfig;
use crate::dataset::RawTable;
use crate::error::CommandError;
use crate::workspace::Workspace;

/// Different label values from which a column is not a label but a measurement.
const MAX_CLASSES: usize = 200;

/// Makes the schema that `[schema]` asks for.
///
/// `sample` gives rows where they are needed: when nothing names a schema, and when `label` names
/// another column than the schema's. Give the whole file where classes could be missing from its
/// beginning.
pub fn resolve(
    config: &SchemaConfig,
    workspace: &Workspace,
    sample: impl FnOnce() -> Result<RawTable, CommandError>,
) -> Result<Schema, CommandError> {
    let mut sample = Some(sample);
    let mut read = move || match sample.take() {
        Some(sample) => sample(),
        None => Err(CommandError::internal("the sample was asked for twice")),
    };
    let mut schema = base(config, workspace, &mut read)?;
    if let Some(label) = &config.label {
        let column = known(&schema, "[schema] label", label)?.clone();
        if column.name != schema.target.column {
            schema = relabel(schema, &column, &read()?)?;
        }
    }
    if !config.positive.is_empty() {
        set_positive(&mut schema, &config.positive)?;
    }
    for ignored in &config.ignore {
        let name = known(&schema, "[schema] ignore", ignored)?.name.clone();
        if name == schema.target.column {
            return Err(SchemaError::Setting(format!(
                "[schema] ignore names `{name}`, which is the label"
            ))
            .into());
        }
        for column in schema.columns.iter_mut().filter(|c| c.name == name) {
            column.role = Role::Ignored;
        }
    }
    if schema.features().next().is_none() {
        return Err(CommandError::config(format!(
            "the schema `{}` has no features left",
            schema.name
        ))
        .hint("`[schema] ignore` leaves columns out; at least one must remain."));
    }
    Ok(schema)
}

fn base(
    config: &SchemaConfig,
    workspace: &Workspace,
    read: &mut impl FnMut() -> Result<RawTable, CommandError>,
) -> Result<Schema, CommandError> {
    match (&config.preset, &config.file) {
        (Some(_), Some(_)) => Err(SchemaError::Setting(
            "[schema] names a preset and a file; keep one of the two".to_owned(),
        )
        .into()),
        (Some(name), None) => {
            let schema = preset(name).ok_or_else(|| SchemaError::unknown_preset(name))?;
            match &config.target {
                Some(target) => Ok(preset_target(name, target)?),
                None => Ok(schema),
            }
        }
        (None, Some(path)) => {
            let schema = read_file(&workspace.resolve(path))?;
            match &config.target {
                Some(target) if !schema.target.name.eq_ignore_ascii_case(target) => {
                    Err(SchemaError::UnknownTarget {
                        suggestion: nearest(target, [schema.target.name.as_str()])
                            .map(str::to_owned),
                        schema: schema.name,
                        target: target.clone(),
                        known: schema.target.name,
                    }
                    .into())
                }
                _ => Ok(schema),
            }
        }
        (None, None) => inferred(config, &read()?),
    }
}

fn inferred(config: &SchemaConfig, table: &RawTable) -> Result<Schema, CommandError> {
    // Without a preset the only targets are columns, so `target` may name one like `label` does.
    let (setting, label) = match (&config.label, &config.target) {
        (Some(label), _) => ("[schema] label", Some(label)),
        (None, Some(target)) => ("[schema] target", Some(target)),
        (None, None) => ("[schema] label", None),
    };
    if let Some(label) = label {
        let names: Vec<&str> = table.names.iter().map(|n| n.trim()).collect();
        if !names.iter().any(|n| n.eq_ignore_ascii_case(label.trim())) {
            let error = CommandError::config(format!(
                "{setting} names the column `{label}`, which the data do not have; they have {}",
                first_names(&names)
            ));
            return Err(match nearest(label, names) {
                Some(near) => error.hint(format!("Did you mean `{near}`?")),
                None => error.hint("Without a header line the columns are `column_1`, `column_2`, ..; `[source] header` and `delimiter` overrule what was detected."),
            });
        }
    }
    let inferred = infer(table, "inferred", label.map(String::as_str));
    let schema = inferred.schema;
    check_classes(&schema)?;
    if schema.features().next().is_none() {
        let mut error = CommandError::data(format!(
            "the data have no column to learn from besides the label `{}`",
            schema.target.column
        ));
        for note in inferred
            .notes
            .iter()
            .filter(|n| n.contains("left out"))
            .take(3)
        {
            error = error.hint(note.clone());
        }
        return Err(error.hint("Name another label, or add columns with values."));
    }
    Ok(schema)
}

/// The first columns of a file, for a message.
fn first_names(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|n| format!("`{}`", crate::text::clean_to(n, 60)))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

fn check_classes(schema: &Schema) -> Result<(), CommandError> {
    let classes = schema.target.classes().len();
    if classes <= MAX_CLASSES {
        return Ok(());
    }
    Err(CommandError::data(format!(
        "the label column `{}` has {classes} different values, too many for classes (at most \
         {MAX_CLASSES})",
        schema.target.column
    ))
    .hint("`[schema] label` (or --label) names another column."))
}

fn relabel(schema: Schema, column: &ColumnSpec, table: &RawTable) -> Result<Schema, CommandError> {
    let index = table
        .names
        .iter()
        .position(|n| column.answers_to(n))
        .or_else(|| {
            // Without a header line columns are known by their position.
            let position = schema.columns.iter().position(|c| c.name == column.name)?;
            (schema.headerless && position < table.columns.len()).then_some(position)
        })
        .ok_or_else(|| {
            CommandError::data(format!(
                "[schema] label is `{}`, but the file has no such column",
                column.name
            ))
        })?;
    let values = label_values(&table.columns[index], column.kind, &schema.null_texts);
    let target = target_of(&column.name, &values, &mut Vec::new());
    let schema = schema.with_target(target);
    check_classes(&schema)?;
    Ok(schema)
}

/// The column a setting names, or an error with the nearest one.
fn known<'a>(schema: &'a Schema, setting: &str, name: &str) -> Result<&'a ColumnSpec, SchemaError> {
    schema.find(name).ok_or_else(|| SchemaError::UnknownColumn {
        setting: setting.to_owned(),
        column: name.to_owned(),
        schema: schema.name.clone(),
        suggestion: nearest(name, schema.columns.iter().map(|c| c.name.as_str()))
            .map(str::to_owned),
    })
}

/// The label values a target knows of, where its list is complete.
fn label_vocabulary(schema: &Schema) -> Option<BTreeSet<String>> {
    match &schema.target.mapping {
        ClassMapping::Binary {
            negative, positive, ..
        } if !negative.is_empty() && !positive.is_empty() => {
            Some(negative.iter().chain(positive).cloned().collect())
        }
        ClassMapping::Binary { .. } => schema
            .column(&schema.target.column)
            .and_then(|c| c.values.clone())
            .map(BTreeSet::from_iter),
        ClassMapping::Classes { map, .. } => Some(map.keys().cloned().collect()),
        ClassMapping::Identity { order } if !order.is_empty() => {
            Some(order.iter().cloned().collect())
        }
        ClassMapping::Identity { .. } => None,
    }
}

/// Makes the target binary: the values named are threats, every other one is harmless.
fn set_positive(schema: &mut Schema, positive: &[String]) -> Result<(), SchemaError> {
    let vocabulary = label_vocabulary(schema);
    if let Some(known) = &vocabulary {
        for value in positive {
            if !known.iter().any(|k| k.eq_ignore_ascii_case(value.trim())) {
                let suggestion = nearest(value, known.iter().map(String::as_str));
                let mut text = format!(
                    "[schema] positive names `{value}`, which is no value of `{}`",
                    schema.target.column
                );
                match suggestion {
                    Some(near) => text.push_str(&format!("; did you mean `{near}`?")),
                    None => text.push_str(&format!(
                        " ({})",
                        known
                            .iter()
                            .take(12)
                            .cloned()
                            .collect::<Vec<_>>()
                            .join(", ")
                    )),
                }
                return Err(SchemaError::Setting(text));
            }
        }
    }
    let is_positive = |v: &str| positive.iter().any(|p| p.trim().eq_ignore_ascii_case(v));
    let rest: Vec<String> = vocabulary
        .iter()
        .flatten()
        .filter(|v| !is_positive(v))
        .cloned()
        .collect();
    if vocabulary.is_some() && rest.is_empty() {
        return Err(SchemaError::Setting(format!(
            "[schema] positive names every value of `{}`; one class would be empty",
            schema.target.column
        )));
    }
    let one = |values: &[String], several: &str| match values {
        [only] => only.trim().to_owned(),
        _ => several.to_owned(),
    };
    schema.target.mapping = ClassMapping::Binary {
        negative: Vec::new(),
        positive: positive.iter().map(|p| p.trim().to_owned()).collect(),
        names: [one(&rest, "other"), one(positive, "threat")],
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn table() -> RawTable {
        let column = |values: &[&str]| values.iter().map(|v| Some((*v).to_owned())).collect();
        RawTable {
            names: ["a", "b", "verdict", "extra"].map(str::to_owned).to_vec(),
            columns: vec![
                column(&["1", "2", "3"]),
                column(&["x", "y", "x"]),
                column(&["good", "bad", "good"]),
                column(&["0", "1", "1"]),
            ],
        }
    }

    fn run(config: &SchemaConfig) -> Result<Schema, CommandError> {
        resolve(config, &Workspace::new("/nowhere"), || Ok(table()))
    }

    fn with(change: impl FnOnce(&mut SchemaConfig)) -> SchemaConfig {
        let mut config = SchemaConfig::default();
        change(&mut config);
        config
    }

    #[test]
    fn infers_without_a_name_and_needs_no_rows_with_one() {
        let schema = run(&SchemaConfig::default()).unwrap();
        assert_eq!(schema.target.column, "verdict");
        let config = with(|c| c.preset = Some("nsl-kdd".into()));
        let schema = resolve(&config, &Workspace::new("."), || {
            Err(CommandError::internal("not needed"))
        })
        .unwrap();
        assert_eq!(schema.name, "nsl-kdd");
    }

    #[test]
    fn overrides_apply() {
        let schema = run(&with(|c| {
            c.label = Some("EXTRA".into());
            c.ignore = vec!["b".into()];
        }))
        .unwrap();
        assert_eq!(schema.target.column, "extra");
        assert_eq!(schema.target.classes(), ["0", "1"]);
        let features: Vec<&str> = schema.features().map(|c| c.name.as_str()).collect();
        assert_eq!(features, ["a", "verdict"]);
        let schema = run(&with(|c| c.positive = vec!["good".into()])).unwrap();
        assert_eq!(schema.target.classes(), ["bad", "good"]);
        let schema = run(&with(|c| {
            c.preset = Some("nsl-kdd".into());
            c.target = Some("attack_class".into());
        }))
        .unwrap();
        assert_eq!(schema.target.classes().len(), 5);
        let schema = run(&with(|c| {
            c.preset = Some("nsl-kdd".into());
            c.positive = vec!["neptune".into(), "smurf".into()];
        }))
        .unwrap();
        assert_eq!(schema.target.class_of("satan"), Some(0));
        assert_eq!(schema.target.class_of("smurf."), Some(1));
    }

    #[test]
    fn the_label_of_a_preset_can_be_another_column() {
        let mut schema_table = RawTable::default();
        for column in preset("phishing").unwrap().columns {
            schema_table.names.push(column.name);
            schema_table
                .columns
                .push(["1", "-1", "1"].map(|v| Some(v.to_owned())).to_vec());
        }
        let config = with(|c| {
            c.preset = Some("phishing".into());
            c.label = Some("SFH".into());
        });
        let schema = resolve(&config, &Workspace::new("."), || Ok(schema_table)).unwrap();
        assert_eq!(schema.target.classes(), ["-1", "1"]);
        assert_eq!(schema.column("Result").unwrap().role, Role::Ignored);
    }

    #[test]
    fn wrong_names_get_a_suggestion() {
        for (config, part) in [
            (with(|c| c.preset = Some("nslkdd".into())), "nsl-kdd"),
            (with(|c| c.label = Some("verdit".into())), "verdict"),
            (with(|c| c.ignore = vec!["extr".into()]), "extra"),
            (with(|c| c.positive = vec!["godo".into()]), "good"),
            (
                with(|c| {
                    c.preset = Some("unsw-nb15".into());
                    c.target = Some("attack_catt".into());
                }),
                "attack_cat",
            ),
        ] {
            let e = run(&config).unwrap_err();
            assert_eq!(e.kind, ErrorKind::Config, "{e}");
            let all = format!("{} {}", e.message, e.hints.join(" "));
            assert!(all.contains(&format!("`{part}`")), "{all}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for config in [
            with(|c| {
                c.preset = Some("phishing".into());
                c.file = Some("s.json".into());
            }),
            with(|c| c.ignore = vec!["verdict".into()]),
            with(|c| c.positive = vec!["good".into(), "bad".into()]),
            with(|c| c.ignore = vec!["a".into(), "b".into(), "extra".into()]),
            with(|c| c.file = Some("missing.json".into())),
        ] {
            assert_eq!(run(&config).unwrap_err().kind, ErrorKind::Config);
        }
    }
}
